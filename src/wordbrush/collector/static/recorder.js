// One attempt after another at recording: sound goes to the server as it is spoken. It is also kept
// here until the server has checked it, so that a lost connection or a killed server loses nothing.

import { Connection } from "/static/connection.js";

const MOST_WAITING = 256 * 1024; // bytes that the network has not taken
const MESSAGE = 8 * 1024; // bytes of a message: a quarter of a second

export class Recorder {
  // onChecked gets what the server found; onStopped why it takes no more; onState the connection's.
  constructor(onChecked, onStopped, onState) {
    this.onChecked = onChecked;
    this.onStopped = onStopped;
    this.onState = onState;
    this.attempt = null;
    this.connection = new Connection(
      "/api/record", (message) => this.receive(message), (is, why) => this.state(is, why),
    );
  }

  // Whether sound is being taken; whether an attempt waits for its end or for the server.
  get on() {
    return this.attempt !== null && !this.attempt.ended;
  }

  get busy() {
    return this.attempt !== null;
  }

  begin(picture) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const attempt = [...random].map((one) => one.toString(16).padStart(2, "0")).join("");
    this.attempt = { picture, attempt, sound: new Uint8Array(0), sent: null, ended: false };
    this.announce();
  }

  // The server says from where to send, and then gets it.
  announce() {
    const { picture, attempt } = this.attempt;
    this.attempt.sent = null;
    this.connection.tell({ begin: { picture, attempt } });
  }

  take(samples) {
    const before = this.attempt.sound;
    const grown = new Uint8Array(before.length + samples.byteLength);
    grown.set(before);
    grown.set(new Uint8Array(samples), before.length);
    this.attempt.sound = grown;
    this.send();
  }

  get seconds() {
    return this.attempt.sound.length / 2 / 16000;
  }

  end() {
    this.attempt.ended = true;
    this.send();
  }

  drop() {
    this.connection.tell({ drop: true });
    this.attempt = null;
  }

  send() {
    const { attempt, connection } = this;
    if (!attempt || attempt.sent === null || !connection.ready) return;
    const { sound } = attempt;
    const least = attempt.ended ? 1 : MESSAGE;
    while (sound.length - attempt.sent >= least) {
      if (connection.socket.bufferedAmount > MOST_WAITING) {
        setTimeout(() => this.send(), 100);
        return;
      }
      const next = Math.min(sound.length, attempt.sent + MESSAGE);
      connection.socket.send(sound.slice(attempt.sent, next));
      attempt.sent = next;
    }
    if (attempt.ended) {
      connection.tell({ finish: sound.length });
      connection.working = true;
      attempt.sent = null; // until the server answers
    }
  }

  state(is, why) {
    const { attempt } = this;
    if (attempt && is === "refused") {
      this.attempt = null;
      this.onStopped(attempt.picture, why);
    } else if (attempt && is === "open") {
      this.announce();
    } else if (attempt) {
      attempt.sent = null;
    }
    this.onState(is, why);
  }

  receive(message) {
    const { attempt } = this;
    this.connection.working = false;
    if (!attempt || (message.attempt && message.attempt !== attempt.attempt)) return;
    if (message.type === "ready") {
      attempt.sent = Math.min(message.bytes, attempt.sound.length);
      this.send();
      return;
    }
    this.attempt = null;
    if (message.type === "checked") this.onChecked(message, attempt.sound);
    else this.onStopped(attempt.picture, message.reason);
  }
}
