// The maxima over time as bars, the newest at the right, with the words that concepts hear.

const BAR = 12; // pixels of the canvas a frame

export function drawStrip(canvas, timeline) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const maxima = timeline.maxima();
  const shown = Math.floor(width / BAR);
  const first = Math.max(0, maxima.length - shown);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.color;
  context.font = `15px ${style.fontFamily}`;
  let last = "";
  for (let frame = first; frame < maxima.length; frame += 1) {
    const tall = (maxima[frame] / 255) * (height - 24);
    const left = (frame - first) * BAR;
    context.globalAlpha = 0.35 + (0.65 * maxima[frame]) / 255;
    context.fillRect(left, height - tall, BAR - 2, tall);
    const word = timeline.words.get(frame)?.[0] || "";
    context.globalAlpha = 1;
    if (word && word !== last) context.fillText(word, left, 16);
    last = word;
  }
}
