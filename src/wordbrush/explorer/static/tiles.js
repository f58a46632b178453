// The gallery: pictures under a dark veil that is open where they fit what is said.

const FIRST_WAIT = 500; // milliseconds until a picture that did not come is asked for again, doubled
const LONGEST_WAIT = 8000;
const VEIL = 205; // of 255: how dark a picture is where nothing fits

export class Tiles {
  constructor(element, { height, width }) {
    this.element = element;
    this.height = height;
    this.width = width;
    this.tiles = new Map();
  }

  get cells() {
    return this.height * this.width;
  }

  // Show these pictures in this order; ranked: with their places.
  show(numbers, ranked) {
    const tiles = numbers.map((number) => this.tiles.get(number) || this.made(number));
    this.tiles = new Map(numbers.map((number, place) => [number, tiles[place]]));
    tiles.forEach((tile, place) => {
      tile.caption.textContent = ranked ? String(place + 1) : "";
      tile.picture.alt = ranked ? `Hit ${place + 1}: picture ${numbers[place]}`
        : `Picture ${numbers[place]}`;
    });
    this.element.replaceChildren(...tiles.map((tile) => tile.figure));
  }

  made(number) {
    const figure = document.createElement("figure");
    const src = `/pictures/${number}.png`;
    const picture = Object.assign(new Image(), { src, decoding: "async" });
    let wait = FIRST_WAIT;
    picture.addEventListener("error", () => { // the server has too many to draw at the moment
      if (wait <= LONGEST_WAIT) setTimeout(() => { picture.src = `${src}?after=${wait}`; }, wait);
      wait *= 2;
    });
    const veil = document.createElement("canvas");
    veil.width = this.width;
    veil.height = this.height;
    veil.style.opacity = "0";
    veil.setAttribute("aria-hidden", "true");
    const caption = document.createElement("figcaption");
    figure.dataset.number = String(number);
    figure.append(picture, veil, caption);
    return { figure, picture, veil, caption };
  }

  // cells: bytes [height, width], from dark to fully lit.
  light(number, cells) {
    const tile = this.tiles.get(number);
    if (!tile) return;
    const context = tile.veil.getContext("2d");
    const image = context.createImageData(this.width, this.height);
    let most = 0;
    cells.forEach((value, cell) => {
      image.data[4 * cell + 3] = VEIL * (1 - Math.sqrt(value / 255)); // as eyes see brightness
      most = Math.max(most, value);
    });
    context.putImageData(image, 0, 0);
    tile.veil.style.opacity = "1";
    tile.figure.dataset.light = String(most);
  }

  clear() {
    this.tiles.forEach((tile) => {
      tile.veil.style.opacity = "0";
      tile.figure.dataset.light = "0";
    });
  }
}
