// Light as the server packs it: bytes of [pictures, frames, cells] in base64.

export function unpacked(base64) {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

// The light of an utterance, by picture and frame. Later messages replace earlier frames.
export class Timeline {
  constructor() {
    this.frames = []; // of each frame: a Map from picture to its cells
    this.words = new Map(); // from frame to [word, strength]
  }

  take(message, cells) {
    const bytes = unpacked(message.maps);
    this.frames.length = Math.min(this.frames.length, message.first);
    for (const frame of [...this.words.keys()]) {
      if (frame >= message.first) this.words.delete(frame);
    }
    for (let frame = 0; frame < message.frames; frame += 1) {
      const light = new Map();
      message.pictures.forEach((picture, row) => {
        const start = (row * message.frames + frame) * cells;
        light.set(picture, bytes.subarray(start, start + cells));
      });
      this.frames[message.first + frame] = light;
    }
    message.words.forEach(([frame, word, strength]) => this.words.set(frame, [word, strength]));
  }

  // The most light of each cell of a picture over the frames first to stop - 1.
  brightest(picture, first, stop, cells) {
    const most = new Uint8Array(cells);
    for (let frame = Math.max(0, first); frame < stop; frame += 1) {
      const light = this.frames[frame]?.get(picture);
      if (light) light.forEach((value, cell) => { if (value > most[cell]) most[cell] = value; });
    }
    return most;
  }

  // The most light of any cell of any picture at each frame.
  maxima() {
    return Array.from(this.frames, (light) => {
      let most = 0;
      light?.forEach((cells) => cells.forEach((value) => { if (value > most) most = value; }));
      return most;
    });
  }
}
