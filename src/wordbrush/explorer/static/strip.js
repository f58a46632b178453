// The maxima over time as bars, with the words that concepts hear.

const BAR = 16; // pixels of the canvas a frame
const AHEAD = 6; // frames that are seen coming, of a sound that is longer than the strip
const PALE = 0.35;
const LINE = 17; // a line of words; where one would cover another, it moves to the second

// Frames before `stop` have been heard or played; later ones are pale.
export function drawStrip(canvas, timeline, stop) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const maxima = timeline.maxima();
  const shown = Math.floor(width / BAR);
  const first = Math.max(0, Math.min(maxima.length, stop + AHEAD) - shown);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.color;
  context.font = `15px ${style.fontFamily}`;
  let last = "";
  const taken = [0, 0]; // up to where each line is written
  for (let frame = first; frame < Math.min(maxima.length, first + shown); frame += 1) {
    const tall = (maxima[frame] / 255) * (height - 2 * LINE - 2);
    const left = (frame - first) * BAR;
    context.globalAlpha = frame < stop ? 1 : PALE;
    context.fillRect(left, height - tall, BAR - 2, tall);
    const word = timeline.words.get(frame)?.[0] || "";
    if (word && word !== last) {
      const line = taken[0] <= left || taken[0] <= taken[1] ? 0 : 1;
      context.fillText(word, left, (line + 1) * LINE - 3);
      taken[line] = left + context.measureText(word).width + 4;
    }
    last = word;
  }
}
