// Sound that is played again: what was just said, or what the server keeps.

const RATE = 16000;

// A WAV file of 16-bit samples.
export function wav(samples) {
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((one, place) => {
    head.setUint8(at + place, one.charCodeAt(0));
  });
  text(0, "RIFF");
  head.setUint32(4, 36 + samples.length, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, RATE, true);
  head.setUint32(28, 2 * RATE, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, samples.length, true);
  return new Blob([head, samples], { type: "audio/wav" });
}

// The level of 16-bit samples in dB of full scale.
export function level(samples) {
  const values = new Int16Array(samples);
  const power = values.reduce((sum, one) => sum + one * one, 0) / values.length;
  return 10 * Math.log10(Math.max(power / 2 ** 30, 1e-10));
}

export class Player {
  constructor() {
    this.audio = new Audio();
  }

  // Plays a Blob or an address; resolves at the end.
  async play(what) {
    this.stop();
    this.url = what instanceof Blob ? URL.createObjectURL(what) : null;
    this.audio.src = this.url || what;
    await this.audio.play();
    await new Promise((done) => { this.audio.onended = this.audio.onpause = done; });
  }

  stop() {
    this.audio.pause();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }
}
