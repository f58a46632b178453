// The maxima over time as bars, with the words that concepts hear.

const BAR = 13; // pixels a frame
const AHEAD = 6; // frames that are seen coming, of a sound that is longer than the strip
const PALE = 0.35;
const LINE = 17; // a line of words; one that would cover another moves to the second, or right
const MARGIN = 4;

// Frames before `stop` have been heard or played; later ones are pale.
export function drawStrip(canvas, timeline, stop) {
  const { context, width, height } = sized(canvas);
  const maxima = timeline.maxima();
  const shown = Math.floor((width - 2 * MARGIN) / BAR);
  const first = Math.max(0, Math.min(maxima.length, stop + AHEAD) - shown);
  let last = "";
  const taken = [0, 0]; // up to where each line is written
  for (let frame = first; frame < Math.min(maxima.length, first + shown); frame += 1) {
    const tall = (maxima[frame] / 255) * (height - 2 * LINE - 2 * MARGIN);
    const left = MARGIN + (frame - first) * BAR;
    context.globalAlpha = frame < stop ? 1 : PALE;
    context.fillRect(left, height - tall, BAR - 2, tall);
    const word = timeline.words.get(frame)?.[0] || "";
    if (word && word !== last) {
      const { width: wide } = context.measureText(word);
      const line = taken[0] <= left || taken[0] <= taken[1] ? 0 : 1;
      const start = Math.min(Math.max(left, taken[line]), width - MARGIN - wide);
      context.fillText(word, start, MARGIN + (line + 1) * LINE - 5);
      taken[line] = start + wide + 4;
    }
    last = word;
  }
}

// The cleared canvas, with as many dots as the screen has, and its size in pixels of the page.
function sized(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.color;
  context.font = `14px ${style.fontFamily}`;
  return { context, width, height };
}
