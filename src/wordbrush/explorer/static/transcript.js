// What the model's own concepts hear: a line an utterance, the newest on top.

const MOST_LINES = 8;
const STRONG = 3.3; // deviations of a concept's units

export class Transcript {
  constructor(element) {
    this.element = element;
    this.lines = new Map();
  }

  // key: of the utterance. words: a Map from frame to [word, strength].
  show(key, words) {
    const runs = [];
    [...words.keys()].sort((a, b) => a - b).forEach((frame) => {
      const [word, strength] = words.get(frame);
      const run = runs.at(-1);
      if (run?.word === word && run.frame >= frame - 2) {
        run.frame = frame;
        run.strength = Math.max(run.strength, strength);
      } else {
        runs.push({ word, strength, frame });
      }
    });
    if (!runs.length) return;
    // Words that stay are left alone: screen readers say what is new.
    const line = this.line(key);
    runs.forEach(({ word, strength }, place) => {
      const span = line.children[place] || line.appendChild(document.createElement("span"));
      if (span.textContent !== `${word} `) span.textContent = `${word} `;
      span.title = `${strength.toFixed(1)} deviations`;
      span.classList.toggle("strong", strength >= STRONG);
    });
    while (line.children.length > runs.length) line.lastChild.remove();
  }

  line(key) {
    if (!this.lines.has(key)) {
      const line = document.createElement("li");
      this.lines.set(key, line);
      this.element.prepend(line);
      while (this.element.children.length > MOST_LINES) this.element.lastChild.remove();
    }
    return this.lines.get(key);
  }
}
