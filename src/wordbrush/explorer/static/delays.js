// How long it takes from sound to light, of the last thousand updates.

const KEPT = 1000;
const CHUNK_MS = 40; // the first sample of a chunk is so much older than its message

export class Delays {
  constructor() {
    this.reset();
    this.measured = [];
  }

  // The server counts the samples of a connection from 0.
  reset() {
    this.sent = []; // [samples so far, when the last of them came]
    this.samples = 0;
  }

  sending(count) {
    this.samples += count;
    this.sent.push([this.samples, performance.now()]);
  }

  // Light that is on the screen now has heard so many samples.
  shown(samples) {
    let heard = null;
    while (this.sent.length && this.sent[0][0] <= samples) heard = this.sent.shift();
    if (!heard) return;
    this.measured.push(performance.now() - heard[1] + CHUNK_MS);
    if (this.measured.length > KEPT) this.measured.shift();
  }

  quantile(share) {
    const sorted = [...this.measured].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}
