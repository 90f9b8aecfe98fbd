// A small drawing pad: the picture's own few pixels, shown large, sent back at the end of a stroke.

const GREYS = [255, 170, 85, 0].map((level) => [level, level, level]);
const BRIGHT = ["#ffffff", "#111111", "#d7263d", "#f0a020", "#3c9d4e", "#3778d6"];

const toRgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const toHex = (rgb) => "#" + rgb.map((level) => level.toString(16).padStart(2, "0")).join("");
const toBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const toText = (bytes) => btoa(String.fromCharCode(...bytes));

const MARKUP = `
  <canvas tabindex="0" role="application"></canvas>
  <div class="row inks"></div>
  <div class="row"><label>Brush <input type="range" class="size" min="1" max="6" step="0.5"></label></div>
  <div class="row">
    <button type="button" class="erase" aria-pressed="false">Eraser</button>
    <button type="button" class="undo">Undo</button><i></i>
    <button type="button" class="clear">Clear</button>
  </div>`;

class Pad {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "pad";
    this.root.innerHTML = MARKUP;
    parent.append(this.root);
    this.canvas = this.root.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.onpointerdown = (event) => this.begin(event);
    canvas.onpointermove = (event) => this.stroke && this.follow(this.at(event));
    canvas.onpointerup = canvas.onpointercancel = () => this.end();
    canvas.onkeydown = (event) => this.key(event);
    const press = (name, act) => (this.root.querySelector(name).onclick = act);
    press(".erase", () => this.erase(!this.erasing));
    press(".undo", () => this.undo());
    press(".clear", () => this.clear());
  }

  /** Starts over only when Python brings another picture. */
  update(data, setState) {
    this.send = (pixels) => setState("drawn", { start: data.digest, pixels: toText(pixels) });
    const ground = getComputedStyle(this.root).getPropertyValue("--st-background-color").trim();
    this.root.style.colorScheme = /^#[0-6]/.test(ground) ? "dark" : "light";
    if (this.data?.digest === data.digest) return;
    this.data = data;
    Object.assign(this.canvas, { width: data.width, height: data.height });
    this.root.style.setProperty("--side", `${data.shown}px`);
    this.root.style.setProperty("--tall", data.height / data.width);
    this.canvas.setAttribute("aria-label", `${data.title}. Arrow keys move, space paints.`);
    this.ground = toBytes(data.start); // what the eraser and Clear bring back
    this.pixels = this.ground.slice();
    this.past = [];
    this.cursor = [Math.floor(data.width / 2), Math.floor(data.height / 2)];
    this.root.querySelector(".size").value = data.width > 16 ? 2.5 : 1.5;
    this.offerInks();
    this.show();
  }

  offerInks() {
    const row = this.root.querySelector(".inks");
    const grey = this.data.channels === 1;
    const inks = grey ? GREYS : BRIGHT.map(toRgb);
    const swatches = inks.map((rgb) => {
      const button = document.createElement("button");
      button.className = "ink";
      button.title = button.ariaLabel = grey ? `Brightness ${rgb[0]}` : `Colour ${toHex(rgb)}`;
      button.style.setProperty("--swatch", toHex(rgb));
      button.onclick = () => this.useInk(rgb);
      return button;
    });
    row.replaceChildren(...swatches);
    if (!grey) row.append(this.colourField());
    const light = this.ground.reduce((sum, level) => sum + level, 0) > 127 * this.ground.length;
    this.useInk(light ? inks.at(grey ? -1 : 1) : inks[0]);
  }

  colourField() {
    const field = document.createElement("input");
    Object.assign(field, { type: "color", title: "Any colour", ariaLabel: "Any colour" });
    field.oninput = () => this.useInk(toRgb(field.value));
    return field;
  }

  useInk(rgb) {
    this.ink = rgb;
    this.erase(false);
    for (const button of this.root.querySelectorAll(".ink")) {
      button.ariaPressed = String(button.style.getPropertyValue("--swatch") === toHex(rgb));
    }
  }

  erase(on) {
    this.erasing = on;
    this.root.querySelector(".erase").ariaPressed = String(on);
  }

  // ---- strokes ----

  at(event) {
    const frame = this.canvas.getBoundingClientRect();
    const { width, height } = this.data;
    return [
      ((event.clientX - frame.left) / frame.width) * width,
      ((event.clientY - frame.top) / frame.height) * height,
    ];
  }

  begin(event) {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.startStroke(this.at(event));
  }

  startStroke(place) {
    this.keep();
    this.cover = new Float32Array(this.data.width * this.data.height);
    this.stroke = place;
    this.follow(place);
  }

  /** Covers what the brush touched between its last place and this one. */
  follow(to) {
    const radius = Number(this.root.querySelector(".size").value) / 2;
    const { width, height } = this.data;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const distance = fromSegment([x + 0.5, y + 0.5], this.stroke, to);
        const share = Math.min(1, Math.max(0, radius + 0.5 - distance));
        const pixel = y * width + x;
        if (share > this.cover[pixel]) this.cover[pixel] = share;
      }
    }
    this.stroke = to;
    this.mix();
  }

  /** Ink over what was there when the stroke began: going over a place twice changes nothing. */
  mix() {
    const { channels } = this.data;
    const before = this.past.at(-1);
    for (let i = 0; i < this.pixels.length; i++) {
      const share = this.cover[Math.floor(i / channels)];
      const ink = this.erasing ? this.ground[i] : this.ink[i % channels];
      this.pixels[i] = Math.round(before[i] + share * (ink - before[i]));
    }
    this.show();
  }

  end() {
    if (!this.stroke) return;
    this.stroke = null;
    this.send(this.pixels);
  }

  keep() {
    this.past.push(this.pixels.slice());
    if (this.past.length > 50) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    this.pixels = this.past.pop();
    this.show();
    this.send(this.pixels);
  }

  clear() {
    this.keep();
    this.pixels = this.ground.slice();
    this.show();
    this.send(this.pixels);
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (step) this.moveCursor(step);
    else if (event.key === " ") this.paintCursor();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  }

  moveCursor(step) {
    const most = [this.data.width - 1, this.data.height - 1];
    this.cursor = this.cursor.map((at, i) => Math.min(most[i], Math.max(0, at + step[i])));
    this.show(true);
  }

  paintCursor() {
    this.startStroke(this.cursor.map((at) => at + 0.5));
    this.end();
    this.show(true);
  }

  show(withCursor = false) {
    const { width, height, channels } = this.data;
    const image = this.context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = this.pixels[i * channels + (c % channels)];
      image.data[4 * i + 3] = 255;
    }
    if (withCursor) image.data.set([255, 98, 112, 255], 4 * (this.cursor[1] * width + this.cursor[0]));
    this.context.putImageData(image, 0, 0);
  }
}

function fromSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
  const share = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
}

export default function ({ data, parentElement, setStateValue }) {
  parentElement.pad ??= new Pad(parentElement);
  parentElement.pad.update(data, setStateValue);
}
