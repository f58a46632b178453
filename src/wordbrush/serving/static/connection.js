// The WebSocket to the server, which is sought again when it goes.

const FIRST_WAIT = 500; // milliseconds, doubled up to the longest
const LONGEST_WAIT = 5000;
const TAKEN = 4001; // the code with which the server closes a page that another one replaces
const MOST_WAITING = 64 * 1024; // bytes that the network has not taken: two seconds of sound

export class Connection {
  // path: of the WebSocket. onMessage gets each message; onState gets "open", "gone" or "taken".
  constructor(path, onMessage, onState) {
    this.path = path;
    this.onMessage = onMessage;
    this.onState = onState;
    this.wait = FIRST_WAIT;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket.addEventListener("open", () => {
      this.wait = FIRST_WAIT;
      this.onState("open");
    });
    this.socket.addEventListener("message", (event) => this.onMessage(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => {
      if (event.code === TAKEN) {
        this.onState("taken");
        return;
      }
      this.onState("gone");
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
    });
  }

  get ready() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  tell(control) {
    if (this.ready) this.socket.send(JSON.stringify(control));
  }

  // Whether the samples were sent: what a slow network does not take is dropped.
  sound(samples) {
    if (!this.ready || this.socket.bufferedAmount > MOST_WAITING) return false;
    this.socket.send(samples);
    return true;
  }
}
