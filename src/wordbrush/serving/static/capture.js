// Runs on the browser's audio thread: the microphone as 16-bit samples at 16 kHz, in messages of
// 40 ms. Where the browser gives another rate, samples are interpolated through a low-pass filter.

const RATE = 16000;
const CHUNK = 640;
const HALF_WIDTH = 12; // input samples a side at equal rates; wider in proportion when slower

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.half = Math.ceil(HALF_WIDTH * Math.max(1, this.step));
    this.kept = new Float32Array(2 * this.half);
    this.next = this.half; // where the next output sample lies, in kept samples
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
  }

  process([input]) {
    const channel = input[0];
    if (!channel) return true;
    if (this.step === 1) channel.forEach((sample) => this.put(sample));
    else this.resample(channel);
    return true;
  }

  resample(channel) {
    const joined = new Float32Array(this.kept.length + channel.length);
    joined.set(this.kept);
    joined.set(channel, this.kept.length);
    for (; this.next + this.half < joined.length; this.next += this.step) {
      this.put(this.interpolated(joined));
    }
    const dropped = joined.length - 2 * this.half - Math.ceil(this.step);
    this.kept = joined.slice(Math.max(0, dropped));
    this.next -= Math.max(0, dropped);
  }

  interpolated(samples) {
    const cutoff = Math.min(1, 1 / this.step);
    let sum = 0;
    const first = Math.max(0, Math.ceil(this.next - this.half));
    const last = Math.min(samples.length - 1, Math.floor(this.next + this.half));
    for (let place = first; place <= last; place += 1) {
      const distance = place - this.next;
      const turns = Math.PI * distance * cutoff;
      const sinc = Math.abs(turns) < 1e-6 ? 1 : Math.sin(turns) / turns;
      const hann = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.half);
      sum += samples[place] * sinc * hann * cutoff;
    }
    return sum;
  }

  put(sample) {
    this.chunk[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
    this.filled += 1;
    if (this.filled < CHUNK) return;
    const full = this.chunk;
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
    this.port.postMessage(full.buffer, [full.buffer]);
  }
}

registerProcessor("capture", Capture);
