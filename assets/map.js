// The point map, part 6 of 6: one view of the stores, and the mount.

const FEW = 2000; // so many forgotten points get a cross each; more are painted
const RINGS = 300; // so many selected points get a ring each; for more, fading the rest says enough
const SETTLE_MS = 160; // after the last movement every point is drawn again
const FRAME_MS = 24; // what a frame may take while moving
const DRIFT_MS = 1400;

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

class View {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "pm";
    this.root.dataset.state = "waiting";
    this.root.innerHTML = MARKUP;
    const width = element("div", "pm-width"); // narrow layouts ask for the width of this box
    width.append(this.root);
    parent.append(width);
    this.find = (name) => this.root.querySelector(name);
    this.picture = new Picture(this.find(".points"));
    this.overlay = this.find(".overlay");
    this.pen = this.overlay.getContext("2d", { willReadFrequently: true });
    this.drift = 0;
    this.drawn = null; // the outline under the pointer
    this.hidden = new Set(); // codes switched off in the legend
    this.gestures = new Gestures(this, this.overlay);
    this.gestures.use("lasso");
    this.listen();
    shared.views.add(this);
  }

  listen() {
    const act = { in: () => this.zoom(1.6), out: () => this.zoom(1 / 1.6), reset: () => this.reset() };
    for (const item of this.root.querySelectorAll(".bar button")) {
      const name = item.dataset.act;
      item.onclick = act[name] ?? (() => this.gestures.use(name));
    }
    this.find(".drift input").oninput = (event) => this.setDrift(Number(event.target.value));
    this.find(".play").onclick = () => this.play();
    this.sizes = new ResizeObserver(() => this.redraw(false));
    this.sizes.observe(this.find(".stage"));
  }

  close() {
    this.sizes.disconnect();
    this.camera?.views.delete(this);
    shared.views.delete(this);
    cancelAnimationFrame(this.frameAsked);
    clearTimeout(this.settling);
  }

  // ---- what Python says ----

  update({ header, buffers }, trigger) {
    this.header = header;
    this.trigger = trigger;
    this.masks = buffers;
    this.selected = rowsOf(buffers.selected);
    this.forget = rowsOf(buffers.forget);
    this.drawn = null;
    this.find(".stage").style.height = `${header.height}px`;
    this.overlay.setAttribute("aria-label", `${header.title}. ${KEYS_HELP}`);
    if (header.side !== "both") this.drift = header.side === "after" ? 1 : 0;
    this.bind();
    this.sayCounts();
  }

  /** Takes the stores this view names, as soon as all of them have arrived. */
  bind() {
    if (!this.header) return;
    const [places, colours, labels] = ["positions", "colours", "labels"].map((name) =>
      shared.stores.get(this.header[name]),
    );
    if (!places || !colours || (this.header.labels && !labels)) return;
    const { before, after } = places.buffers;
    if (this.scene?.before !== before) this.grid = null;
    this.scene = { before, after: after ?? before, codes: colours.buffers.codes };
    this.labels = labels && labelReader(labels.buffers);
    this.box = places.header.box;
    this.follow(places.header.extent);
    if (this.colours !== colours.header) this.hidden.clear();
    this.colours = colours.header;
    this.root.dataset.ground = isDark(hexOf(this.ink("--ground"))) ? "dark" : "light";
    this.palette = paletteOf(this.colours, (name) => this.ink(name));
    this.inks = inksOf(this.palette, this.hidden, hexOf(this.ink("--forget")));
    this.drifts = Boolean(after) && this.header.side === "both";
    this.showDrift();
    showLegend(this);
    this.find(".wait").hidden = true;
    this.redraw(this.fullMs > FRAME_MS * 3); // a big map answers with every k-th point first
  }

  follow(extent) {
    const camera = Camera.named(this.header.link);
    if (this.camera !== camera) this.camera?.views.delete(this);
    this.camera = camera;
    camera.views.add(this);
    if (String(camera.extent) !== String(extent)) camera.home(extent);
  }

  sayCounts() {
    const count = this.selected.length;
    const text = `${whole(count)} of ${whole(this.header.n)} selected`;
    this.root.dataset.selected = count;
    this.root.dataset.forget = this.forget.length;
    this.find(".count").hidden = count === 0;
    this.find(".count").textContent = text;
    if (this.said !== undefined && this.said !== count) this.find(".said").textContent = text;
    this.said = count;
  }

  // ---- what the user says ----

  /** Sends an outline given in pixels; what the legend hides is named, so that it stays out. */
  select(path, op) {
    if (path.length < 3 || !this.scene) return this.outline(null);
    const polygon = path.map(([x, y]) => this.toData(x, y));
    this.send("lasso", { polygon, op, drift: this.drift, hidden: [...this.hidden] });
  }

  clear() {
    this.outline(null);
    this.send("lasso", { polygon: [], op: "clear", drift: this.drift, hidden: [] });
  }

  send(name, value) {
    this.trigger?.(name, value);
  }

  toggle(code, alone) {
    const codes = this.palette.map((_, c) => c);
    const others = codes.filter((c) => c !== code);
    const isAlone = others.every((c) => this.hidden.has(c)) && !this.hidden.has(code);
    if (code === null || (alone && isAlone)) this.hidden.clear();
    else if (alone) this.hidden = new Set(others);
    else if (!this.hidden.delete(code)) this.hidden.add(code);
    this.inks = inksOf(this.palette, this.hidden, hexOf(this.ink("--forget")));
    showLegend(this);
    this.redraw(false);
  }

  showTool(tool) {
    for (const [name] of TOOLS) {
      this.find(`[data-act=${name}]`).setAttribute("aria-pressed", String(name === tool));
    }
    this.find(".hint").textContent = HINTS[tool];
  }

  hintWheel() {
    const hint = this.find(".hint");
    hint.textContent = "Click the map first, then scroll to zoom";
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => this.showTool(this.gestures.tool), 1600);
  }

  // ---- camera: pixels, unit square, data ----

  size() {
    return [this.overlay.clientWidth, this.overlay.clientHeight];
  }

  scale() {
    const [width, height] = this.size();
    const [left, low, right, high] = this.camera.extent;
    const fit = Math.min((width - 48) / (right - left || 1), (height - 104) / (high - low || 1));
    return Math.max(fit, 20) * this.camera.zoom;
  }

  toUnit(x, y) {
    const [width, height] = this.size();
    const scale = this.scale();
    return [this.camera.x + (x - width / 2) / scale, this.camera.y - (y - height / 2) / scale];
  }

  toData(x, y) {
    const [left, low, side] = this.box;
    const [u, v] = this.toUnit(x, y);
    return [left + u * side, low + v * side];
  }

  /** Pixel of a row at the given drift (0 before, 1 after). */
  toPixel(row, drift = this.drift) {
    const { before, after } = this.scene;
    const [width, height] = this.size();
    const scale = this.scale();
    const unit = (axis) =>
      (before[2 * row + axis] + drift * (after[2 * row + axis] - before[2 * row + axis])) / 65535;
    return [
      (unit(0) - this.camera.x) * scale + width / 2,
      height / 2 - (unit(1) - this.camera.y) * scale,
    ];
  }

  frame() {
    const [width, height] = this.size();
    return rectangle([0, 0], [width, height]);
  }

  pan(dx, dy) {
    this.camera.move(this.camera.x - dx / this.scale(), this.camera.y + dy / this.scale());
  }

  panShare(right, up) {
    const [width, height] = this.size();
    this.pan(-right * width * 0.12, up * height * 0.12);
  }

  zoom(factor) {
    const [width, height] = this.size();
    this.zoomAt(width / 2, height / 2, factor);
  }

  /** The place under the pointer stays under the pointer. */
  zoomAt(x, y, factor) {
    const { camera } = this;
    const zoom = clamp(camera.zoom * factor, ZOOM_LEAST, ZOOM_MOST);
    const share = 1 - camera.zoom / zoom;
    const [u, v] = this.toUnit(x, y);
    camera.move(camera.x + (u - camera.x) * share, camera.y + (v - camera.y) * share, zoom);
  }

  reset() {
    this.camera.home(this.camera.extent);
    this.camera.move(this.camera.x, this.camera.y);
  }

  // ---- hover ----

  /** The shown row closest to a pixel, or -1. */
  nearest(x, y) {
    if (!this.scene) return -1;
    this.grid ??= new Grid(this.scene, this.drift);
    const [u, v] = this.toUnit(x, y);
    const reach = (HOVER_WITHIN / this.scale()) * 65535;
    return this.grid.nearest(u * 65535, v * 65535, reach, this.scene.codes, this.hidden);
  }

  hover(row, at) {
    this.camera?.hover(row);
    this.root.dataset.hover = row < 0 ? "" : row;
    this.overlay.classList.toggle("on-point", row >= 0);
    const tip = this.find(".tip");
    tip.hidden = row < 0;
    if (row >= 0) this.fillTip(tip, row, at);
  }

  fillTip(tip, row, [x, y]) {
    const code = this.scene.codes[row];
    const marks = ["selected", "forget"].filter((name) => hasBit(this.masks[name], row));
    const says = { selected: "selected", forget: "in the forget set" };
    tip.style.setProperty("--swatch", this.palette[code]);
    tip.querySelector("b").textContent = categoryOrValue(this.colours, code);
    tip.querySelector(".what").textContent = this.labels ? this.labels(row) : "";
    tip.querySelector("small").textContent =
      [`row ${whole(row)}`, ...marks.map((name) => says[name])].join(" · ");
    const [width, height] = this.size();
    const left = x + 16 + tip.offsetWidth > width ? x - 14 - tip.offsetWidth : x + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${clamp(y + 14, 4, height - tip.offsetHeight - 6)}px`;
  }

  outline(path, op = "replace") {
    this.drawn = path && path.length > 1 ? { path, op } : null;
    this.drawOverlay();
  }

  // ---- before to after ----

  showDrift() {
    this.find(".drift").hidden = !this.drifts;
    [this.find(".from").textContent, this.find(".to").textContent] = this.header.sides;
  }

  setDrift(drift) {
    this.drift = drift;
    this.grid = null;
    this.find(".drift input").value = drift;
    this.redraw(true);
  }

  /** Runs to the other end; at once for those who asked for less motion. */
  play() {
    const from = this.drift;
    const to = from < 0.5 ? 1 : 0;
    const began = performance.now();
    const step = () => {
      const passed = calm() ? 1 : Math.min(1, (performance.now() - began) / DRIFT_MS);
      this.setDrift(from + (to - from) * (passed * passed * (3 - 2 * passed)));
      if (passed < 1) requestAnimationFrame(step);
    };
    step();
  }

  // ---- drawing ----

  redraw(moving) {
    if (!this.scene) return;
    this.moving = moving;
    this.frameAsked ??= requestAnimationFrame(() => {
      this.frameAsked = undefined;
      this.draw();
    });
    clearTimeout(this.settling);
    if (moving) this.settling = setTimeout(() => this.redraw(false), SETTLE_MS);
  }

  draw() {
    const began = performance.now();
    const ratio = devicePixelRatio || 1;
    const [width, height] = this.size();
    if (width < 2 || height < 2) return;
    this.picture.resize(Math.round(width * ratio), Math.round(height * ratio));
    // An odd step does not fall in with data that were written in alternating order.
    const step = this.moving ? Math.ceil((this.fullMs ?? 100) / FRAME_MS) | 1 : 1;
    this.drawPoints(ratio, step);
    this.drawMarks(ratio);
    this.drawOverlay();
    if (!this.moving) this.settle(performance.now() - began);
  }

  settle(took) {
    this.fullMs = took;
    this.root.dataset.frame = took.toFixed(0);
    const corners = [this.toData(0, this.size()[1]), this.toData(this.size()[0], 0)];
    this.root.dataset.window = corners.flat().join(" "); // left low right high, for the tests
    this.root.dataset.state = "ready";
  }

  drawPoints(ratio, step) {
    const { picture, scene, inks } = this;
    const shot = this.shot(ratio);
    const look = this.look(ratio);
    const chosen = this.selected.length > 0;
    picture.start();
    const base = { step, diameter: look.diameter };
    if (!chosen) picture.layer(scene, shot, { ...base, inks: inks.plain, opacity: look.opacity });
    if (chosen) {
      picture.layer(scene, shot, { ...base, inks: inks.faded, opacity: look.opacity * 0.3 });
      const rows = this.selected;
      const bold = { diameter: look.diameter + (rows.length <= FEW ? ratio / 2 : 0), opacity: look.opacity };
      picture.layer(scene, shot, { ...base, ...bold, rows, inks: inks.plain });
    }
    if (this.forget.length > FEW) {
      const more = { diameter: Math.max(look.diameter, 1.6 * ratio), opacity: 0.75 };
      picture.layer(scene, shot, { ...base, ...more, rows: this.forget, inks: inks.forget });
    }
    picture.finish();
  }

  /** From 16-bit positions to pixels of the picture. */
  shot(ratio) {
    const [width, height] = this.size();
    const scale = this.scale() * ratio;
    const [ax, ay] = [scale / 65535, -scale / 65535];
    const bx = (width / 2) * ratio - this.camera.x * scale;
    const by = (height / 2) * ratio + this.camera.y * scale;
    return { ax, bx, ay, by, drift: this.drift };
  }

  /** Big, solid points where there are few to a screen; small, glassy ones where there are many. */
  look(ratio) {
    const [width, height] = this.size();
    const crowd = this.header.n / Math.max(1, this.camera.zoom) ** 2;
    const room = Math.sqrt((width * height) / Math.max(crowd, 1));
    const diameter = clamp(room * 0.62, 1, 6.5) * ratio;
    return { diameter: Math.min(diameter, 14), opacity: clamp(0.25 + room * 0.11, 0.3, 0.85) };
  }

  ink(name) {
    return getComputedStyle(this.root).getPropertyValue(name).trim() || "#888";
  }

  /** One mark for each selected or forgotten point, while they are few. */
  drawMarks(ratio) {
    const pen = this.picture.context;
    const shown = (rows) => rows.filter((row) => !this.hidden.has(this.scene.codes[row]));
    const radius = this.look(1).diameter / 2 + 1.8;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.drifts && this.selected.length <= FEW) driftLines(pen, this, shown(this.selected));
    if (this.selected.length <= RINGS) ringRows(pen, this, shown(this.selected), radius);
    if (this.forget.length <= FEW) crossRows(pen, this, shown(this.forget), Math.max(2.6, radius - 0.6));
    pen.setTransform(1, 0, 0, 1, 0, 0);
  }

  /** What follows the pointer has a canvas of its own: no point is drawn for it. */
  drawOverlay() {
    const ratio = devicePixelRatio || 1;
    const { overlay, pen } = this;
    const [width, height] = this.size().map((length) => Math.round(length * ratio));
    if (overlay.width !== width || overlay.height !== height) Object.assign(overlay, { width, height });
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const row = this.camera?.hovered ?? -1;
    if (this.scene && row >= 0 && row < this.header.n) {
      hoverMark(pen, this, row, this.look(1).diameter / 2 + 3.5);
    }
    if (this.drawn) outlineMark(pen, this, this.drawn);
  }
}

// ---- mount: Streamlit calls this for each message and each theme change ------------------------

export default function ({ data, parentElement, setTriggerValue }) {
  const message = unpack(data);
  if (message.header.kind !== "view") {
    keepStore(message, parentElement);
    return () => releaseStore(parentElement);
  }
  parentElement.pmView ??= new View(parentElement);
  parentElement.pmView.update(message, setTriggerValue);
  return () => {
    parentElement.pmView?.close();
    delete parentElement.pmView;
  };
}
