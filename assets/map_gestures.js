// The point map, part 3 of 6: mouse and keys. Outlines are kept in data coordinates.

const CORNER_EVERY = 3; // px between two corners of a lasso
const CLICK_WITHIN = 4; // px a click may move
const HOVER_WITHIN = 9; // px from the pointer to the point it names

const opOf = (event) => {
  if (event.shiftKey) return "add";
  return event.ctrlKey || event.metaKey || event.altKey ? "remove" : "replace";
};

const TOOL_KEYS = { l: "lasso", b: "box", p: "pan" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

class Gestures {
  constructor(view, surface) {
    this.view = view;
    this.surface = surface;
    this.tool = "lasso";
    this.drag = null;
    const on = (name, act, options) => surface.addEventListener(name, act.bind(this), options);
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancel);
    on("pointerleave", () => view.hover(-1));
    on("wheel", this.wheel, { passive: false });
    on("keydown", this.key);
  }

  use(tool) {
    this.tool = tool;
    this.surface.dataset.tool = tool;
    this.view.showTool(tool);
  }

  at(event) {
    const frame = this.surface.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  down(event) {
    if (event.button > 1 || !this.view.scene) return;
    event.preventDefault(); // no text selection, no autoscroll
    this.surface.classList.add("by-mouse"); // the focus ring is for keys
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    const tool = event.button === 1 ? "pan" : this.tool;
    this.drag = { tool, start: this.at(event), path: [this.at(event)], reach: 0 };
    this.view.hover(-1);
  }

  move(event) {
    const here = this.at(event);
    if (!this.drag) return this.view.hover(this.view.nearest(...here), here);
    const { tool, path, start } = this.drag;
    const last = path.at(-1);
    this.drag.reach = Math.max(this.drag.reach, apart(start, here));
    if (tool === "pan") {
      this.view.pan(here[0] - last[0], here[1] - last[1]);
      path[0] = here;
      return;
    }
    if (tool === "box") this.drag.path = rectangle(start, here);
    else if (apart(last, here) >= CORNER_EVERY) path.push(here);
    this.view.outline(this.drag.path, opOf(event));
  }

  up(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.reach < CLICK_WITHIN) this.click(...this.at(event));
    else if (drag.tool !== "pan") this.view.select(drag.path, opOf(event));
  }

  click(x, y) {
    this.view.outline(null);
    const row = this.view.nearest(x, y);
    if (row >= 0) this.view.send("pick", { row });
  }

  cancel() {
    this.drag = null;
    this.view.outline(null);
  }

  /** The page must stay scrollable: the wheel zooms only a map that was clicked or tabbed to. */
  wheel(event) {
    if (this.surface.getRootNode().activeElement !== this.surface) return this.view.hintWheel();
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    this.view.zoomAt(...this.at(event), Math.exp(-Math.max(-240, Math.min(240, pixels)) / 400));
  }

  key(event) {
    const { view } = this;
    this.surface.classList.remove("by-mouse");
    const key = event.key;
    if (ARROWS[key]) view.panShare(...ARROWS[key]);
    else if (key === "+" || key === "=") view.zoom(1.4);
    else if (key === "-") view.zoom(1 / 1.4);
    else if (key === "0" || key === "Home") view.reset();
    else if (key === "Enter") view.select(view.frame(), opOf(event));
    else if (key === "Escape" && this.drag) this.cancel();
    else if (key === "Escape") view.clear();
    else if (TOOL_KEYS[key] && !event.ctrlKey && !event.metaKey) this.use(TOOL_KEYS[key]);
    else return;
    event.preventDefault();
  }
}

const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const rectangle = ([x0, y0], [x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

// ---- camera ----------------------------------------------------------------------------------

const ZOOM_MOST = 60; // beyond, the 65,536 positions per side would show as steps
const ZOOM_LEAST = 0.5;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Where to look, in the unit square of the data; linked views share one camera and one hover. */
class Camera {
  constructor() {
    this.views = new Set();
    this.hovered = -1;
    this.home(null);
  }

  static named(name) {
    if (!shared.cameras.has(name)) shared.cameras.set(name, new Camera());
    return shared.cameras.get(name);
  }

  /** Shows everything; `extent` is the part of the unit square that holds points. */
  home(extent) {
    this.extent = extent ?? [0, 0, 1, 1];
    const [left, low, right, high] = this.extent;
    Object.assign(this, { x: (left + right) / 2, y: (low + high) / 2, zoom: 1 });
  }

  move(x, y, zoom = this.zoom) {
    this.x = clamp(x, -0.2, 1.2);
    this.y = clamp(y, -0.2, 1.2);
    this.zoom = clamp(zoom, ZOOM_LEAST, ZOOM_MOST);
    for (const view of this.views) view.redraw(true);
  }

  hover(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    for (const view of this.views) view.drawOverlay();
  }
}
