// Draw: a drawing of the generator, and edits of its units at a spot that people point at.

import { unpacked } from "./maps.js";

const PAUSE = 80; // milliseconds from one drawing to the next, at least
const STEP = 0.02; // of the walk
const AGAIN = 1000; // milliseconds until a refused drawing is asked for again
const START = 1; // of the walk
const VEIL = 190; // of 255: how dark a drawing is where the chosen concept is not seen

const at = (id) => document.getElementById(id);

export class Easel {
  // table: the concepts, as /api/concepts gives them. say: shows a sentence on the page.
  constructor(facts, table, say) {
    this.facts = facts;
    this.table = table;
    this.say = say;
    this.position = START;
    this.edits = [];
    this.cell = null; // (y, x) that is pointed at
    at("position").max = String(facts.drawings - 1);
    at("position").value = String(START);
    at("units").max = String(facts.drawnUnits);
    at("concept").append(...table.map((one, number) => new Option(title(one, number), number)));
    this.usualUnits();
    this.listen();
  }

  listen() {
    at("position").addEventListener("input", (event) => {
      this.stop();
      this.go(Number(event.target.value));
    });
    at("walk").addEventListener("click", () => (this.walking ? this.stop() : this.walk()));
    at("keep").addEventListener("click", () => this.keep());
    at("change").addEventListener("click", () => this.change());
    at("undo").addEventListener("click", () => { this.edits.pop(); this.draw(); });
    at("concept").addEventListener("change", () => this.showSeen());
    at("lit").addEventListener("change", () => this.showSeen());
    document.querySelectorAll("[name=operation]").forEach((one) => {
      one.addEventListener("change", () => this.usualUnits());
    });
    at("units").addEventListener("input", () => {
      this.showUnits();
      const last = this.edits.at(-1);
      if (!last) return;
      last.units = Number(at("units").value);
      this.draw();
    });
    at("spot").addEventListener("click", (event) => {
      if (event.detail) this.point(this.cellAt(event)); // not by a key
    });
    at("spot").addEventListener("keydown", (event) => this.move(event));
  }

  // The recipe changes.

  go(position) {
    this.position = position;
    this.edits = [];
    this.cell = null;
    at("position").value = String(position);
    this.draw();
  }

  async walk() {
    this.walking = true;
    at("walk").setAttribute("aria-pressed", "true");
    at("walk").textContent = "Stop walking";
    const last = this.facts.drawings - 1;
    while (this.walking) {
      this.go(Math.round(((this.position + STEP) % last) / STEP) * STEP);
      await this.drawn;
    }
  }

  stop() {
    this.walking = false;
    at("walk").setAttribute("aria-pressed", "false");
    at("walk").textContent = "Walk on";
  }

  get concept() {
    return Number(at("concept").value);
  }

  get operation() {
    return document.querySelector("[name=operation]:checked").value;
  }

  change() {
    this.add(this.concept, this.operation, Number(at("units").value), this.cell);
  }

  // A transplant of some units seldom shows; of the others, those that draw the concept suffice.
  usualUnits() {
    const few = this.table[this.concept].ganUnits.length;
    at("units").value = String(this.operation === "transplant" ? this.facts.drawnUnits : few);
    this.showUnits();
  }

  // Everywhere, with the units that are known to draw it.
  switchOff(concept) {
    at("concept").value = String(concept);
    document.querySelector("[name=operation][value=ablate]").checked = true;
    this.usualUnits();
    this.add(concept, "ablate", Number(at("units").value), null);
  }

  add(concept, operation, units, cell) {
    this.stop();
    if (this.edits.length >= this.facts.mostEdits) {
      this.say(`A drawing takes ${this.facts.mostEdits} changes: undo one first.`, true);
    } else if (!cell && operation !== "ablate") {
      this.say("Point at a spot of the drawing first.", true);
    } else {
      this.edits.push({ concept, operation, units, cell });
      this.draw();
    }
  }

  // The concept that draws a word that was heard; whether there is one.
  choose(word) {
    const worth = ({ seen, heard }) => (seen?.[0] === word ? 100 + seen[1] : heard[1]);
    const [best] = [...this.table.keys()].filter((number) => this.table[number].word === word)
      .sort((one, other) => worth(this.table[other]) - worth(this.table[one]));
    if (best === undefined) return false;
    at("concept").value = String(best);
    this.showSeen();
    return true;
  }

  // Drawings: one is asked for at a time, and then the newest recipe.

  draw() {
    this.stale = true;
    this.drawn ??= this.asked().finally(() => { this.drawn = null; });
    return this.drawn;
  }

  async asked() {
    while (this.stale) {
      this.stale = false;
      const wait = await this.ask();
      await new Promise((done) => { setTimeout(done, wait); });
    }
  }

  async ask() {
    const recipe = { position: this.position, edits: this.edits };
    try {
      const response = await fetch("/api/draw", { method: "POST", body: JSON.stringify(recipe) });
      if (response.status === 429) {
        this.stale = true;
        return AGAIN;
      }
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      this.show(answer);
    } catch (error) {
      this.stop();
      this.say(`The drawing is not there: ${error.message}`, true);
    }
    return PAUSE;
  }

  show(answer) {
    this.answer = answer;
    const bytes = unpacked(answer.pictures);
    const each = bytes.length / 2;
    ["before", "after"].forEach((name, place) => {
      paint(at(name), bytes.subarray(place * each, (place + 1) * each), answer.side);
      if (!answer.read) { // the model does not read pictures
        at(name).setAttribute("aria-label", `Drawing ${name} the changes`);
        return;
      }
      const said = answer.read[place].map(({ words }) => words).join(", ") || "nothing";
      at(name).setAttribute("aria-label", `Drawing ${name} the changes: ${said}`);
      at(`${name}-read`).textContent = `The describer reads: ${said}.`;
    });
    const count = this.edits.length;
    const changes = count === 1 ? "One change" : `${count} changes`;
    const reads = answer.changed ? "reads something else" : "reads the same";
    at("undo").disabled = !count;
    at("reads").textContent = !count ? "Nothing is changed yet."
      : `${changes}${answer.read ? `: the describer ${reads}` : ""}.`;
    at("reads").dataset.changes = String(count);
    at("things").replaceChildren(...(answer.read?.[1] ?? []).map(({ words, cell }) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.textContent = words;
      button.addEventListener("click", () => this.point(cell));
      return button;
    }));
    this.showSpot();
    this.showSeen();
  }

  // Where the chosen concept is seen in the edited drawing.
  showSeen() {
    at("seen").hidden = !at("lit").checked;
    if (!this.answer) return;
    const lights = unpacked(this.answer.lights);
    const cells = lights.length / this.table.length;
    const side = Math.sqrt(cells);
    const canvas = Object.assign(at("seen"), { width: side, height: side });
    const context = canvas.getContext("2d");
    const image = context.createImageData(side, side);
    const start = this.concept * cells;
    for (let cell = 0; cell < cells; cell += 1) {
      image.data[4 * cell + 3] = VEIL * (1 - lights[start + cell] / 255);
    }
    context.putImageData(image, 0, 0);
  }

  showUnits() {
    at("units-number").textContent = `${at("units").value} of ${this.facts.drawnUnits}`;
  }

  // The spot.

  cellAt(event) {
    const { left, top, width, height } = at("spot").getBoundingClientRect();
    const { drawnCells: cells } = this.facts;
    const along = (place, size) => Math.min(cells - 1, Math.max(0, Math.floor(place / size * cells)));
    return [along(event.clientY - top, height), along(event.clientX - left, width)];
  }

  point(cell) {
    this.cell = cell;
    this.showSpot();
  }

  move(event) {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!way[event.key]) return;
    event.preventDefault();
    const { drawnCells: cells } = this.facts;
    const middle = Math.floor(cells / 2);
    const from = this.cell || [middle, middle];
    this.point(from.map((one, axis) => (
      Math.min(cells - 1, Math.max(0, one + way[event.key][axis])))));
  }

  showSpot() {
    const { drawnCells: cells } = this.facts;
    const spot = at("spot");
    spot.classList.toggle("placed", Boolean(this.cell));
    const [y, x] = this.cell || [0, 0];
    spot.style.setProperty("--x", `${((x + 0.5) / cells) * 100}%`);
    spot.style.setProperty("--y", `${((y + 0.5) / cells) * 100}%`);
    spot.setAttribute("aria-label", this.cell
      ? `Spot in row ${y + 1}, column ${x + 1} of ${cells}; arrow keys move it`
      : "Point at a spot of the drawing; arrow keys move it");
  }

  // The edited drawing as PNG, and how it was made as JSON.
  keep() {
    const name = `drawing-${this.position.toFixed(2)}-${this.edits.length}`;
    const recipe = {
      model: this.facts.method, seed: this.facts.seed, position: this.position, edits: this.edits,
      read: this.answer.read?.map((things) => things.map(({ words }) => words)),
      changed: this.answer.changed,
    };
    at("after").toBlob((png) => save(png, `${name}.png`));
    save(new Blob([JSON.stringify(recipe, null, 1)], { type: "application/json" }), `${name}.json`);
  }
}

export function title({ word, seen }, number) {
  return (word || `unnamed ${number}`) + (seen ? ` (sees ${seen[0]})` : "");
}

function paint(canvas, bytes, side) {
  Object.assign(canvas, { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let pixel = 0; pixel < side * side; pixel += 1) {
    image.data.set(bytes.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
