// Wires the parts of the page.

import { ask, enter } from "./asking.js";
import { Cards } from "./cards.js";
import { Microphone } from "./microphone.js";
import { Recorder } from "./recorder.js";
import { level, Player, wav } from "./sound.js";

const TAIL = 500; // milliseconds that are still recorded after a click: people click early
const PATIENCE = 4000; // milliseconds of recording without a sound, then the page says so
const HEARD_DB = -55;

const sentence = (text = "") => `${text.replace(/\.$/, "")}.`;
const at = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.cards = new Cards(at("pictures"), {
      record: (card) => this.toggle(card),
      play: (card) => this.play(card),
      file: (card, file) => this.queue(card, file),
    });
    this.microphone = new Microphone((samples) => this.hear(samples), () => this.lost());
    this.player = new Player();
    this.recorder = null;
    this.files = Promise.resolve();
    this.listenToControls();
  }

  listenToControls() {
    at("agreement").addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(() => this.agree());
    });
    at("microphone").addEventListener("click", () => this.attempt(() => this.switch()));
    at("submit").addEventListener("click", () => this.attempt(() => this.submit()));
    at("more").addEventListener("click", () => this.attempt(() => this.more()));
    at("again").addEventListener("click", () => this.recorder.connection.open());
    at("new-receipt").addEventListener("click", () => this.receipt());
    at("copy").addEventListener("click", () => this.attempt(() => this.copy()));
    at("delete").addEventListener("submit", (event) => {
      event.preventDefault();
      this.delete();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.recorder?.on) this.stop();
    });
    addEventListener("beforeunload", (event) => {
      if (this.recorder?.busy) event.preventDefault();
    });
  }

  // Do something that may fail with a message for people.
  async attempt(what) {
    try {
      await what();
    } catch (error) {
      this.say(error.message, true);
    }
  }

  async open() {
    await enter();
    const state = await ask("/api/state");
    this.show(state.agreed && !state.task.length ? await ask("/api/task", {}) : state);
  }

  // What the server says of a speaker.
  show(state) {
    this.state = state;
    const view = !state.agreed ? "consent" : state.task.length ? "task" : "none";
    at("consent").hidden = view !== "consent";
    at("task").hidden = view !== "task";
    at("done").hidden = true;
    if (view === "consent") this.showConsent(state);
    else if (view === "task") this.showTask(state);
    else this.say("There are no more pictures for you. Thank you!");
  }

  showConsent({ consent, language }) {
    at("consent-text").replaceChildren(...consent.text.map((text) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = text;
      return paragraph;
    }));
    const names = Object.entries(consent.languages);
    at("language").replaceChildren(
      at("language").options[0], ...names.map(([code, name]) => new Option(name, code)),
    );
    at("language").value = language || "";
    this.say("Read this first.");
  }

  showTask({ task, submitted, most, language, consent }) {
    if (!this.recorder) {
      this.recorder = new Recorder(
        (message, sound) => this.checked(message, sound),
        (picture, reason) => this.stopped(picture, reason),
        (is, why) => this.connected(is, why),
      );
    }
    this.cards.show(task);
    at("count").textContent = `${submitted} described, up to ${most}`;
    at("language-shown").textContent = `Speak ${consent.languages[language] || language}.`;
    this.say("Record each picture, then submit.");
    this.settle();
  }

  async agree() {
    const { version } = this.state.consent;
    this.show(await ask("/api/consent", { version, language: at("language").value }));
  }

  async more() {
    this.show(await ask("/api/task", {}));
  }

  // The microphone stays on from one picture to the next.
  async switch() {
    if (this.microphone.on) {
      if (this.recorder.on) this.stop();
      this.microphone.stop();
      this.pressed();
      return;
    }
    this.say("Asking for the microphone…");
    await this.microphone.start().finally(() => this.pressed());
    this.say("The microphone is on: speak, and see whether the meter moves.");
  }

  pressed() {
    const { on } = this.microphone;
    at("microphone").setAttribute("aria-pressed", String(on));
    at("microphone").textContent = on ? "Turn the microphone off" : "Turn the microphone on";
    if (!on) at("level").value = at("level").min;
  }

  lost() {
    this.pressed();
    if (this.recorder.on) this.giveUp("The microphone is gone. Connect it, and record it again.");
    else this.say("The microphone is gone. Connect it, and turn it on.", true);
  }

  hear(samples) {
    const loudness = level(samples);
    at("level").value = loudness;
    if (!this.recorder.on) return;
    this.recorder.take(samples);
    if (loudness > HEARD_DB) this.heard = performance.now();
    if (performance.now() - this.heard > PATIENCE) {
      this.heard = performance.now();
      this.say("Nothing is heard: is the microphone muted, or far away?", true);
    }
    if (this.recorder.seconds >= this.state.seconds.most) this.finish();
  }

  toggle(card) {
    if (this.recorder.on) this.stop();
    else this.attempt(() => this.record(card));
  }

  async record(card) {
    this.player.stop();
    if (!this.microphone.on) await this.switch();
    this.heard = performance.now();
    this.recorder.begin(card.picture);
    card.show("recording", "Recording: say what is in the picture.");
    this.say(`Recording. ${card.title}.`);
    this.settle();
    card.record.focus();
  }

  stop() {
    clearTimeout(this.tail);
    this.tail = setTimeout(() => this.finish(), TAIL);
  }

  finish() {
    clearTimeout(this.tail);
    if (!this.recorder.on) return;
    const card = this.cards.of(this.recorder.attempt.picture);
    card.show("checking", "Checking…");
    this.recorder.end();
    this.settle();
  }

  giveUp(reason) {
    const { picture } = this.recorder.attempt;
    this.recorder.drop();
    this.stopped(picture, reason);
  }

  checked(message, sound) {
    this.cards.verdict(message, sound);
    this.say(message.accepted ? "Accepted." : "Not accepted: record it again.", !message.accepted);
    this.settle();
  }

  stopped(picture, reason) {
    this.cards.of(picture)?.show("refused", reason);
    this.say(reason, true);
    this.settle();
  }

  settle() {
    this.cards.lock(this.recorder.busy);
    at("submit").disabled = this.recorder.busy || !this.cards.complete;
  }

  connected(is, why) {
    at("connection").classList.toggle("wrong", is !== "open");
    at("connection").textContent = {
      open: "Connected",
      gone: "The server is gone. Looking for it… What you say is kept here meanwhile.",
      taken: "This page was opened elsewhere. Load it again to go on here.",
      busy: `${sentence(why)} Trying again…`,
      refused: `You cannot record now: ${sentence(why)}`,
    }[is];
    at("again").hidden = is !== "refused";
    if (is === "taken" && this.recorder.busy) this.giveUp("It was opened elsewhere.");
  }

  async play(card) {
    card.play.disabled = true;
    const kept = `/api/recordings/${card.picture}.flac`;
    try {
      await this.player.play(card.sound?.length ? wav(card.sound) : kept);
    } catch {
      this.say("This browser cannot play it.", true);
    } finally {
      card.play.disabled = false;
    }
  }

  // The server takes one file of a speaker at a time.
  queue(card, file) {
    if (file) this.files = this.files.then(() => this.attempt(() => this.file(card, file)));
  }

  async file(card, file) {
    const most = this.state.mostBytes.file;
    if (file.size > most) {
      this.say(`The file ${file.name} has more than ${most >> 20} MB: cut it.`, true);
      return;
    }
    const before = [card.is, card.verdict.textContent];
    card.show("checking", "Checking…");
    try {
      this.cards.verdict(await ask(`/api/file/${card.picture}`, file), null);
    } catch (error) {
      if (before[0] === "accepted") card.show(...before);
      else card.show("refused", error.message);
      this.say(error.message, true);
    }
    this.settle();
  }

  async submit() {
    const { receipt } = await ask("/api/submit", {});
    this.microphone.stop();
    this.pressed();
    at("receipt").textContent = receipt;
    at("task").hidden = true;
    at("done").hidden = false;
    at("done-title").focus();
    this.say("Submitted.");
  }

  async copy() {
    await navigator.clipboard.writeText(at("receipt").textContent);
    this.say("Copied.");
  }

  // For who has lost it: the server keeps none that it could show again.
  async receipt() {
    try {
      const { receipt } = await ask("/api/receipt", {});
      at("receipt-given").value = receipt;
      at("deleted").textContent = "This is a new receipt. Keep it: the ones before are valid, too.";
    } catch (error) {
      at("deleted").textContent = error.message;
    }
  }

  async delete() {
    try {
      const { deleted } = await ask("/api/delete", { token: at("receipt-given").value });
      at("deleted").textContent = `${deleted} recordings were deleted, and all that belongs to them.`;
    } catch (error) {
      at("deleted").textContent = error.message;
    }
  }

  say(text, wrong = false) {
    at("status").textContent = text;
    at("status").classList.toggle("wrong", wrong);
  }
}

const page = new Page();
page.attempt(() => page.open());
