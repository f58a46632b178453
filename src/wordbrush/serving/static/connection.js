// The WebSocket to the server, which is sought again when it goes.

const FIRST_WAIT = 500; // milliseconds, doubled up to the longest
const LONGEST_WAIT = 5000;
const TAKEN = 4001; // the code with which the server closes a page that another one replaces
const REFUSED = 1008; // that with which it closes a page that sends what it must not
const REFUSALS = [401, 403, 422]; // statuses with which the server itself refuses
const BUSY = 503; // the status where it has no room at the moment
const MOST_WAITING = 64 * 1024; // bytes that the network has not taken: two seconds of sound
const ALIVE = "alive"; // the server says it back (streams.py)
const ASK_EVERY = 4000; // milliseconds between two such questions, and for any other answer
const WORKING = 60000; // milliseconds that the server may work without a word
const PATIENCE = 9000; // milliseconds without a word from the server, then it is gone

export class Connection {
  // path: of the WebSocket. onMessage gets each message. onState gets "open", "gone", "taken",
  // "busy" or "refused", and of the last two the reason. What is refused is not tried again until
  // somebody calls `open`.
  constructor(path, onMessage, onState) {
    this.path = path;
    this.onMessage = onMessage;
    this.onState = onState;
    this.wait = FIRST_WAIT;
    this.working = false; // whether the server has something to do before it answers
    setInterval(() => this.watch(), ASK_EVERY);
    this.open();
  }

  open() {
    clearTimeout(this.next);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    this.heard = performance.now();
    this.asked = null;
    let was = false;
    socket.addEventListener("open", () => {
      if (socket !== this.socket) return;
      was = true;
      this.heard = performance.now();
      this.wait = FIRST_WAIT;
      this.onState("open");
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      this.heard = performance.now();
      const message = JSON.parse(event.data);
      if (message.type !== ALIVE) this.onMessage(message);
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.closed(event, was);
    });
  }

  async closed({ code, reason }, was) {
    if (code === TAKEN) this.onState("taken");
    else if (code === REFUSED) this.onState("refused", reason);
    else if (was) this.lost();
    else await this.ask(this.socket);
  }

  lost() {
    this.onState("gone");
    this.again();
  }

  again() {
    this.next = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  // Browsers do not say why a WebSocket did not open: the same address, asked plainly, does.
  async ask(socket) {
    let status = 0;
    let error = "";
    try {
      const answer = await fetch(this.path, { signal: AbortSignal.timeout(ASK_EVERY) });
      ({ status } = answer);
      ({ error } = await answer.json());
    } catch { /* the server is gone */ }
    if (socket !== this.socket) return;
    if (status === BUSY) {
      this.onState("busy", error);
      this.again();
    } else if (REFUSALS.includes(status) && error) { // others come from a proxy, or are 400: a
      this.onState("refused", error); // WebSocket would open now
    } else {
      this.lost();
    }
  }

  // A connection that died without a word is not closed for minutes, and pages do not see pings.
  // Browsers run timers of hidden pages once a minute: so the server's silence is told from when it
  // was asked, and an answer that came meanwhile may still wait to be read.
  watch() {
    const now = performance.now();
    if (this.socket?.readyState === WebSocket.CONNECTING) {
      if (now - this.heard > PATIENCE) this.abandon();
    } else if (this.ready && this.asked === null) {
      this.socket.send(ALIVE);
      this.asked = now;
      setTimeout((socket) => this.judge(socket), PATIENCE, this.socket);
    }
  }

  judge(socket) {
    if (socket !== this.socket || !this.ready) return;
    const silent = this.heard < this.asked;
    if (silent && this.working && performance.now() - this.asked < WORKING) {
      setTimeout(() => this.judge(socket), PATIENCE);
      return;
    }
    if (silent) this.abandon();
    this.asked = null;
  }

  abandon() {
    this.socket.close();
    this.socket = null;
    this.lost();
  }

  get ready() {
    return this.socket?.readyState === WebSocket.OPEN;
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
