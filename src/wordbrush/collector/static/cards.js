// The pictures of a task, each with what one can do: record, play, bring a file.

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

class Card {
  constructor(place, count, { picture, seconds }, actions) {
    this.picture = picture;
    this.title = `Picture ${place} of ${count}`;
    this.sound = null;
    this.image = element("img", { src: `/pictures/${picture}`, alt: this.title });
    this.record = element("button", { type: "button", className: "record" });
    this.play = element("button", { type: "button", className: "play", textContent: "Play" });
    this.play.ariaLabel = `Play the recording of picture ${place}`;
    this.input = element("input", { type: "file", id: `file-${place}`, accept: "audio/*" });
    this.verdict = element("p", { className: "verdict" });
    this.verdict.setAttribute("role", "status");
    const label = element("label", { htmlFor: `file-${place}`, textContent: "Use a sound file" });
    this.label = place;
    this.item = element(
      "li", {}, this.image, element("div", { className: "row" }, this.record, this.play),
      this.verdict, element("span", { className: "file" }, this.input, label),
    );
    this.item.dataset.picture = picture;
    this.record.addEventListener("click", () => actions.record(this));
    this.play.addEventListener("click", () => actions.play(this));
    this.input.addEventListener("change", () => {
      actions.file(this, this.input.files[0]);
      this.input.value = "";
    });
    this.show(seconds === null ? "empty" : "accepted", seconds === null ? "" : told(seconds));
  }

  // is: empty, recording, checking, accepted or refused.
  show(is, text) {
    this.is = is;
    this.item.className = is;
    this.verdict.textContent = text;
    const what = { empty: "Record", recording: "Stop", checking: "Checking…" }[is] || "Record again";
    this.record.textContent = what;
    this.record.ariaLabel = `${what}: picture ${this.label}`;
    this.record.classList.toggle("main", is !== "accepted");
    this.play.disabled = is !== "accepted" && !(is === "refused" && this.sound);
  }
}

const told = (seconds) => `✓ Accepted, ${seconds.toFixed(1)} s`;

export class Cards {
  constructor(list, actions) {
    this.list = list;
    this.actions = actions;
    this.cards = [];
  }

  show(task) {
    this.cards = task.map((one, place) => new Card(place + 1, task.length, one, this.actions));
    this.list.replaceChildren(...this.cards.map((card) => card.item));
  }

  of(picture) {
    return this.cards.find((card) => card.picture === picture);
  }

  get complete() {
    return this.cards.length > 0 && this.cards.every((card) => card.is === "accepted");
  }

  // While one is recorded or checked, the others wait.
  lock(busy) {
    this.cards.forEach((card) => {
      card.record.disabled = busy && card.is !== "recording";
      card.input.disabled = busy;
    });
  }

  verdict(message, sound) {
    const card = this.of(message.picture);
    if (!card) return;
    card.sound = sound;
    card.show(
      message.accepted ? "accepted" : "refused",
      message.accepted ? told(message.seconds) : message.reasons.join(" "),
    );
    card.record.focus();
  }
}
