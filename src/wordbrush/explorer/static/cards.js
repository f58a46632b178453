// Concepts: a card each, and which of them answer what is said.

import { title } from "./easel.js";

const UNITS = 5; // of the generator that a card names
const NAMED = 3; // units of the embedding that are named as answering

export class Cards {
  // table: the concepts. hear: says a word. switchOff: of a concept, in the drawing.
  constructor(element, table, hear, switchOff) {
    this.element = element;
    this.table = table;
    this.cards = table.map((one, number) => made(one, number, hear, switchOff));
    element.append(...this.cards.map(({ card }) => card));
  }

  // The strongest first; the others keep their order behind them.
  answer({ concepts, units }) {
    const strengths = new Map(concepts);
    const most = Math.max(...strengths.values(), 1e-6);
    this.cards.forEach(({ card, meter }, number) => {
      const strength = strengths.get(number) || 0;
      meter.value = strength / most;
      meter.title = `${strength.toFixed(1)} deviations`;
      card.dataset.strength = String(strength);
    });
    const order = [...this.cards.keys()].sort(
      (one, other) => (strengths.get(other) || 0) - (strengths.get(one) || 0) || one - other,
    );
    this.element.replaceChildren(...order.map((number) => this.cards[number].card));
    const named = units.slice(0, NAMED).map(([unit, strength, owner]) => (
      `${unit} (${this.table[owner].word || `concept ${owner}`}, ${strength.toFixed(1)})`));
    return `Units that answer most, with their deviations: ${named.join(", ")}.`;
  }
}

function made(concept, number, hear, switchOff) {
  const card = document.createElement("li");
  const add = (parent, tag, properties = {}) => (
    parent.appendChild(Object.assign(document.createElement(tag), properties)));
  add(card, "h3", { textContent: title(concept, number) });
  const meter = add(card, "meter", { min: 0, max: 1, value: 0 });
  meter.setAttribute("aria-label", "How strongly it answers what was said");
  const pictures = add(card, "div", { className: "examples" });
  concept.pictures.forEach(([picture, y, x], place) => {
    const holder = add(pictures, "span", { className: "pointed" });
    add(holder, "img", {
      src: `/pictures/${picture}.png`, loading: "lazy", decoding: "async",
      alt: `Picture ${picture}, example ${place + 1}`,
    });
    const ring = add(holder, "i", { className: "ring" });
    ring.style.setProperty("--x", `${x * 100}%`);
    ring.style.setProperty("--y", `${y * 100}%`);
  });
  const heard = concept.word ? `${concept.word} (F1 ${Math.round(concept.heard[1])} %)` : "no word";
  const best = concept.ganUnits.slice(0, UNITS);
  const part = (unit, place) => `${unit} (${Math.round(100 * concept.agreement[place])} %)`;
  const seen = concept.seen ? `, sees ${concept.seen[0]} (${Math.round(concept.seen[1])} %)` : "";
  const drawn = best.length ? ` Drawn by the generator’s units ${best.map(part).join(", ")}.` : "";
  add(card, "p", {
    textContent: `Hears ${heard}${seen}. Units ${concept.units.join(", ")}.${drawn}`,
  });
  const buttons = add(card, "div", { className: "row" });
  const label = title(concept, number);
  const button = (text, act) => {
    const one = add(buttons, "button", { type: "button", textContent: text });
    one.setAttribute("aria-label", `${text}: ${label}`);
    one.addEventListener("click", act);
  };
  if (concept.word) button("Hear it", () => hear(concept.word));
  if (switchOff) button("Switch it off", () => switchOff(number));
  return { card, meter };
}
