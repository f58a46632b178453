// Wires the parts of the page.

import { Cards } from "./cards.js";
import { Connection } from "./connection.js";
import { Delays } from "./delays.js";
import { Easel } from "./easel.js";
import { Timeline, unpacked } from "./maps.js";
import { Microphone } from "./microphone.js";
import { drawStrip } from "./strip.js";
import { Tiles } from "./tiles.js";
import { Transcript } from "./transcript.js";
import { Whole } from "./whole.js";

const SHOWN = 12; // pictures at once
const MOMENT_SECONDS = 0.5; // how long light stays on a picture
const PATIENCE = 6000; // milliseconds without speech, then the page says so
const REST = 600; // milliseconds from the end of a sound to pictures as they are
const SILENT_DB = -90; // no microphone that is open is as quiet,
const SILENT_PATIENCE = 2000; // so that this is said sooner

const ABOUT = {
  speak: "Pictures light up where they fit your words.",
  find: "The pictures that fit your sentence best come first.",
  draw: "Point at a spot of a drawing, and say what it should become.",
  concepts: "Say a word, and see which of the model’s concepts answer.",
};

const at = (id) => document.getElementById(id);

class Page {
  constructor(facts, table) {
    this.facts = facts;
    this.tiles = new Tiles(at("gallery"), facts.cells);
    this.transcript = new Transcript(at("transcript"));
    this.timeline = new Timeline();
    this.delays = new Delays();
    this.first = 0; // of the pictures that Speak shows
    this.mode = "speak";
    this.sounds = 0; // whole sounds so far
    this.microphone = new Microphone((samples) => this.send(samples), () => this.lost());
    this.whole = new Whole((answer, time) => this.playing(answer, time), () => this.settle());
    at("draw").hidden = !facts.drawings; // a model may not draw
    if (facts.drawings) {
      this.easel = new Easel(facts, table, (text, wrong) => this.say(text, wrong));
    }
    const switchOff = (concept) => {
      this.choose("draw");
      this.easel.switchOff(concept);
    };
    this.cards = new Cards(
      at("cards"), table, (word) => this.hearText(word), facts.drawings ? switchOff : null,
    );
    this.visit = 0; // connections so far: utterances are numbered anew in each
    this.connection = new Connection(
      "/api/listen", (message) => this.receive(message), (is, why) => this.state(is, why),
    );
    this.listenToControls();
    this.showLanguages();
    this.showView();
  }

  // What people do.

  listenToControls() {
    at("text").maxLength = this.facts.mostCharacters;
    at("microphone").addEventListener("click", () => this.toggle());
    Object.keys(ABOUT).forEach((mode) => {
      at(mode).addEventListener("click", () => this.choose(mode));
    });
    at("others").addEventListener("click", () => this.others());
    at("say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.hearText(at("text").value);
    });
    at("file").addEventListener("change", (event) => {
      this.file(event.target.files[0]);
      event.target.value = "";
    });
    const dropping = (on) => document.body.classList.toggle("dropping", on);
    document.addEventListener("dragover", (event) => { event.preventDefault(); dropping(true); });
    document.addEventListener("dragleave", () => dropping(false));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      dropping(false);
      this.file(event.dataTransfer.files[0]);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.microphone.on) this.toggle();
    });
  }

  async toggle() {
    if (this.microphone.on) {
      this.microphone.stop();
      this.connection.tell({ stop: true });
      this.pressed("Stopped.");
      return;
    }
    this.whole.stop();
    this.say("Asking for the microphone…");
    try {
      await this.microphone.start();
      this.since = performance.now();
      this.pressed("Listening: say what is in a picture.");
    } catch (error) {
      this.pressed(error.message, true);
    }
  }

  pressed(text, wrong = false) {
    const { on } = this.microphone;
    at("microphone").setAttribute("aria-pressed", String(on));
    at("microphone").textContent = on ? "Stop listening" : "Start listening";
    if (!on) at("level").value = at("level").min;
    this.say(text, wrong);
  }

  lost() {
    this.connection.tell({ stop: true });
    this.pressed("The microphone is gone. Connect it, and start again.", true);
  }

  // The language that is chosen; undefined where the model does not ask.
  get language() {
    return at("language").value || undefined;
  }

  showLanguages() {
    const names = new Intl.DisplayNames(["en"], { type: "language" });
    const options = this.facts.languages.map((code) => new Option(names.of(code), code));
    at("language").replaceChildren(...options);
    at("languages").hidden = options.length < 2;
    at("language").addEventListener("change", () => this.tellView());
  }

  tellView() {
    this.connection.tell({ view: this.view, finding: this.finding, language: this.language });
  }

  get finding() {
    return this.mode === "find";
  }

  choose(mode) {
    this.mode = mode;
    Object.keys(ABOUT).forEach((one) => at(one).setAttribute("aria-pressed", String(one === mode)));
    document.querySelectorAll("[data-modes]").forEach((section) => {
      section.hidden = !section.dataset.modes.split(" ").includes(mode);
    });
    at("others").hidden = this.finding;
    at("about").textContent = ABOUT[mode];
    at("searched").textContent = "";
    if (mode === "draw") this.easel.draw();
    else this.easel?.stop();
    this.showView();
  }

  others() {
    this.whole.stop();
    this.first = (this.first + SHOWN) % Math.max(SHOWN, this.facts.pictures - SHOWN + 1);
    this.showView();
  }

  showView() {
    this.view = Array.from({ length: SHOWN }, (_, place) => this.first + place);
    this.tiles.show(this.view, false);
    this.tiles.clear();
    this.tellView();
  }

  // What a whole sentence said, beside light and hits.
  answered(answers) {
    if (this.mode === "concepts") at("answering").textContent = this.cards.answer(answers);
    if (this.mode !== "draw") return;
    const words = [...this.timeline.words.values()].sort((one, other) => other[1] - one[1]);
    const word = words.map(([name]) => name).find((name) => this.easel.choose(name));
    if (!word) this.say("None of its concepts was heard: say a colour or a shape.", true);
    else if (this.easel.cell) this.easel.change();
    else this.say(`Heard ${word}: point at a spot of the drawing, and change it.`);
  }

  // Whole sounds.

  hearText(text) {
    this.hear("/api/say", JSON.stringify({ text, language: this.language, view: this.view }), `“${text}”`);
  }

  file(file) {
    if (!file) return;
    if (file.size > this.facts.mostBytes) {
      this.say(`The file ${file.name} has more than ${this.facts.mostBytes >> 20} MB: cut it.`, true);
      return;
    }
    const language = this.language ? `&language=${this.language}` : "";
    this.hear(`/api/hear?view=${this.view.join(",")}${language}`, file, file.name);
  }

  async hear(path, body, name) {
    if (this.microphone.on) await this.toggle();
    this.say(`Hearing ${name}…`);
    try {
      const answer = await this.whole.ask(path, body);
      this.sounds += 1;
      clearTimeout(this.clearing);
      this.timeline = new Timeline();
      this.timeline.take(answer, this.tiles.cells);
      if (this.finding) this.hits(answer.ranking);
      this.say([`Heard ${name}`, answer.changes, answer.cut ? "only its beginning" : ""]
        .filter(Boolean).join(", ") + ".");
      this.answered(answer.answers);
      await this.whole.play(answer);
    } catch (error) {
      if (error.name !== "AbortError") this.say(error.message, true);
    }
  }

  playing(answer, time) {
    const frame = Math.min(answer.frames, Math.floor(time / this.facts.frameSeconds) + 1);
    if (!this.finding) this.lightUp(frame);
    const said = new Map([...this.timeline.words].filter(([number]) => number < frame));
    this.transcript.show(`sound ${this.sounds}`, said);
    drawStrip(at("strip"), this.timeline, frame);
  }

  // The stream.

  send(samples) {
    if (this.connection.sound(samples)) this.delays.sending(samples.byteLength / 2);
  }

  state(is, why) {
    if (is === "open") {
      this.visit += 1;
      this.delays.reset();
      this.tellView();
      this.say(this.microphone.on ? "Listening again." : "Ready: start listening, or type words.");
    } else {
      this.tiles.clear();
      this.say({
        gone: "The explorer is gone. Looking for it…",
        busy: `The explorer answers: ${why}. Trying again…`,
        refused: `The explorer refuses: ${why}. Load the page again.`,
      }[is], true);
    }
  }

  receive(message) {
    if (message.level !== undefined) at("level").value = this.microphone.on ? message.level : -70;
    if (message.type === "quiet") this.quiet(message);
    else if (message.type === "light") this.light(message);
    else if (message.type === "hits" && this.finding) this.hits(message);
    else if (message.type === "end") {
      this.settle();
      this.answered(message.answers);
    }
  }

  quiet(message) {
    const silent = message.level < SILENT_DB;
    const patience = silent ? SILENT_PATIENCE : PATIENCE;
    if (!this.microphone.on || performance.now() - this.since < patience) return;
    this.since = performance.now();
    this.say(silent ? "The microphone is silent: is it muted?"
      : "Nothing heard: speak louder, or closer to the microphone.", true);
  }

  light(message) {
    if (message.utterance !== this.utterance || this.visit !== this.visited) {
      this.utterance = message.utterance;
      this.visited = this.visit;
      this.timeline = new Timeline();
      this.say("Hearing you…");
    }
    this.since = performance.now();
    clearTimeout(this.clearing);
    this.timeline.take(message, this.tiles.cells);
    requestAnimationFrame(() => {
      if (!this.finding) this.lightUp(this.timeline.frames.length);
      drawStrip(at("strip"), this.timeline, this.timeline.frames.length);
      this.delays.shown(message.samples);
      this.showDelay();
    });
    this.transcript.show(`${this.visit} ${message.utterance}`, this.timeline.words);
  }

  // The light of the half second before frame `stop`.
  lightUp(stop) {
    const moment = Math.round(MOMENT_SECONDS / this.facts.frameSeconds);
    this.view.forEach((number) => {
      this.tiles.light(
        number, this.timeline.brightest(number, stop - moment, stop, this.tiles.cells),
      );
    });
  }

  hits(message) {
    const { cells } = this.tiles;
    const maps = unpacked(message.maps);
    const best = message.hits.slice(0, SHOWN);
    this.tiles.show(best, true);
    best.forEach((number, place) => {
      this.tiles.light(number, maps.subarray(place * cells, (place + 1) * cells));
    });
    at("searched").textContent = `best of ${message.searched.toLocaleString("en")} pictures`;
  }

  // Nothing more comes: Speak shows the pictures as they are.
  settle() {
    if (this.microphone.on) this.say("Listening: say what is in a picture.");
    clearTimeout(this.clearing);
    if (!this.finding) this.clearing = setTimeout(() => this.tiles.clear(), REST);
  }

  showDelay() {
    const { measured } = this.delays;
    if (measured.length < 10 || measured.length % 10) return;
    const worst = Math.round(this.delays.quantile(0.95));
    const usual = Math.round(this.delays.quantile(0.5));
    at("latency").textContent = `sound to light: ${usual} ms, 95 % within ${worst} ms`;
    Object.assign(at("latency").dataset, { usual, worst, count: measured.length });
  }

  say(text, wrong = false) {
    at("status").textContent = text;
    at("status").classList.toggle("wrong", wrong);
  }
}

async function open() {
  try {
    const [facts, table] = await Promise.all(["/api/gallery", "/api/concepts"].map(asked));
    new Page(facts, table);
  } catch (error) {
    at("status").textContent = `The explorer does not answer (${error.message}). Load the page again.`;
    at("status").className = "wrong";
  }
}

async function asked(path) {
  const response = await fetch(path);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

open();
