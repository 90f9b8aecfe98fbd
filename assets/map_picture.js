// The point map, part 2 of 6: messages, stores and the picture.

// Streamlit may evaluate this module once per mount, so what mounts share hangs on one global.
const shared = (globalThis[Symbol.for("disgorge.point-map")] ??= {
  stores: new Map(), // digest -> { header, buffers, holders }
  views: new Set(),
  cameras: new Map(), // link name -> camera; kept when a page is left and entered again
});

const BUFFER_TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
const aligned = (offset) => (offset + 3) & ~3;

/** One message: header length (u32), JSON header, then the buffers it names, each padded to 4. */
function unpack(bytes) {
  const copy = bytes.slice(); // the bytes arrive at an odd offset; typed arrays need alignment
  const length = new DataView(copy.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(copy.subarray(4, 4 + length)));
  const buffers = {};
  let at = aligned(4 + length);
  for (const [name, type, count] of header.buffers) {
    buffers[name] = new BUFFER_TYPES[type](copy.buffer, at, count);
    at = aligned(at + buffers[name].byteLength);
  }
  return { header, buffers };
}

/** Feeds and views arrive in any order: keep what a feed brings and tell every view. */
function keepStore(message, host) {
  const digest = message.header.digest;
  if (host.pmHolds === digest) return;
  releaseStore(host);
  const store = shared.stores.get(digest) ?? { ...message, holders: new Set() };
  store.holders.add(host);
  host.pmHolds = digest;
  shared.stores.set(digest, store);
  for (const view of shared.views) view.bind();
}

function releaseStore(host) {
  const store = shared.stores.get(host.pmHolds);
  store?.holders.delete(host);
  if (store?.holders.size === 0) shared.stores.delete(host.pmHolds);
  host.pmHolds = undefined;
}

/** Row numbers of the set bits of a packed mask (least significant bit first). */
function rowsOf(bits) {
  const rows = new Uint32Array(bits ? countBits(bits) : 0);
  for (let byte = 0, at = 0; at < rows.length; byte++) {
    for (let rest = bits[byte]; rest; rest &= rest - 1) {
      rows[at++] = byte * 8 + 31 - Math.clz32(rest & -rest);
    }
  }
  return rows;
}

function countBits(bits) {
  let count = 0;
  for (let byte = 0; byte < bits.length; byte++) {
    for (let rest = bits[byte]; rest; rest &= rest - 1) count++;
  }
  return count;
}

const hasBit = (bits, row) => Boolean(bits && (bits[row >> 3] >> (row & 7)) & 1);

// ---- the picture -----------------------------------------------------------------------------

const MARGIN = 16; // pixels around the picture, so that a disc at the edge needs no clipping

/** Offsets and weights (1 to 4, its share of each pixel) of a disc. */
function discOf(diameter, stride) {
  if (diameter <= 1.2) return { offsets: [0], weights: [1], unit: 1 };
  const radius = diameter / 2;
  const reach = Math.ceil(radius);
  const disc = { offsets: [], weights: [], unit: 4 };
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const weight = Math.round(4 * Math.min(1, Math.max(0, radius + 0.3 - Math.hypot(x, y))));
      if (!weight) continue;
      disc.offsets.push(y * stride + x);
      disc.weights.push(weight);
    }
  }
  return disc;
}

/** Draws points by adding up colours per pixel: no order decides which class hides another. */
class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    // Pixels are made here, not on a graphics card (where software GL also lost clearRect calls).
    this.context = canvas.getContext("2d", { willReadFrequently: true });
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    Object.assign(this.canvas, { width, height });
    this.stride = width + 2 * MARGIN;
    this.sums = new Float64Array(this.stride * (height + 2 * MARGIN));
    this.counts = new Uint16Array(this.sums.length);
    this.image = this.context.createImageData(width, height);
  }

  start() {
    this.image.data.fill(0);
  }

  finish() {
    this.context.putImageData(this.image, 0, 0);
  }

  /** Adds one layer: all points, or the given rows, every `step`-th of them. */
  layer(scene, shot, { rows = null, step = 1, inks, opacity, diameter }) {
    const disc = discOf(diameter, this.stride);
    this.sums.fill(0);
    this.counts.fill(0);
    this.collect(scene, shot, rows, step, inks, disc);
    this.blend(1 - (1 - opacity) ** step, disc.unit);
  }

  collect({ before, after, codes }, { ax, bx, ay, by, drift }, rows, step, inks, disc) {
    const { sums, counts, stride } = this;
    const { offsets, weights } = disc;
    const edge = MARGIN / 2; // the other half of the margin is for the disc around the point
    const right = this.canvas.width + edge;
    const bottom = this.canvas.height + edge;
    const last = rows ? rows.length : codes.length;
    for (let j = 0; j < last; j += step) {
      const i = rows ? rows[j] : j;
      const ink = inks[codes[i]];
      if (ink === HIDDEN) continue;
      const x = ax * (before[2 * i] + drift * (after[2 * i] - before[2 * i])) + bx;
      const y = ay * (before[2 * i + 1] + drift * (after[2 * i + 1] - before[2 * i + 1])) + by;
      if (x < -edge || y < -edge || x >= right || y >= bottom) continue;
      const centre = ((y + MARGIN) | 0) * stride + ((x + MARGIN) | 0);
      for (let k = 0; k < offsets.length; k++) {
        const pixel = centre + offsets[k];
        if (counts[pixel] >= FULL) continue;
        sums[pixel] += ink * weights[k];
        counts[pixel] += weights[k];
      }
    }
  }

  /** Each pixel: the mean colour, as opaque as its number of points makes it, over what is there. */
  blend(opacity, unit) {
    const { sums, counts, stride } = this;
    const { width, height } = this.canvas;
    const out = this.image.data;
    const alphas = Float64Array.from({ length: FULL + 4 }, (_, n) => 1 - (1 - opacity) ** (n / unit));
    for (let y = 0; y < height; y++) {
      let pixel = (y + MARGIN) * stride + MARGIN;
      for (let at = 4 * y * width, end = at + 4 * width; at < end; at += 4, pixel++) {
        const count = counts[pixel];
        if (count === 0) continue;
        const blue = Math.floor(sums[pixel] / BLUE);
        const rest = sums[pixel] - blue * BLUE;
        const green = Math.floor(rest / GREEN);
        const red = rest - green * GREEN;
        const alpha = alphas[count];
        const under = (out[at + 3] / 255) * (1 - alpha);
        const total = alpha + under;
        const share = alpha / total / count;
        out[at] = red * share + (out[at] * under) / total;
        out[at + 1] = green * share + (out[at + 1] * under) / total;
        out[at + 2] = blue * share + (out[at + 2] * under) / total;
        out[at + 3] = 255 * total;
      }
    }
  }
}

// ---- nearest point ---------------------------------------------------------------------------

const CELLS = 256; // per side; a counting sort puts each row into its cell

class Grid {
  constructor(scene, drift) {
    const count = scene.codes.length;
    this.places = drift === 0 ? scene.before : drift === 1 ? scene.after : placesAt(scene, drift);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    this.rows = new Uint32Array(count);
    const cellOf = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      // 65,536 positions per side in 256 cells
      cellOf[i] = (this.places[2 * i + 1] >> 8) * CELLS + (this.places[2 * i] >> 8);
      this.starts[cellOf[i] + 1]++;
    }
    for (let c = 0; c < CELLS * CELLS; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    for (let i = 0; i < count; i++) this.rows[next[cellOf[i]]++] = i;
  }

  /** The row closest to (x, y), at most `reach` away, whose code is not hidden; or -1. */
  nearest(x, y, reach, codes, hidden) {
    const { starts, rows, places } = this;
    const cell = (value) => Math.min(CELLS - 1, Math.max(0, value >> 8));
    let best = -1;
    let least = reach * reach;
    for (let cy = cell(y - reach); cy <= cell(y + reach); cy++) {
      const end = starts[cy * CELLS + cell(x + reach) + 1];
      for (let k = starts[cy * CELLS + cell(x - reach)]; k < end; k++) {
        const [dx, dy] = [places[2 * rows[k]] - x, places[2 * rows[k] + 1] - y];
        const distance = dx * dx + dy * dy;
        if (distance >= least || hidden.has(codes[rows[k]])) continue;
        least = distance;
        best = rows[k];
      }
    }
    return best;
  }
}

const placesAt = ({ before, after }, drift) =>
  before.map((value, i) => value + drift * (after[i] - value));

// ---- marks over the picture --------------------------------------------------------------------

function strokeEach(pen, rows, width, trace) {
  pen.lineWidth = width;
  pen.beginPath();
  for (const row of rows) trace(row);
  pen.stroke();
}

function ringRows(pen, view, rows, radius) {
  pen.strokeStyle = view.ink("--ink");
  pen.globalAlpha = 0.85;
  strokeEach(pen, rows, 1.2, (row) => {
    const [x, y] = view.toPixel(row);
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 7);
  });
  pen.globalAlpha = 1;
}

/** Where each row came from and where it went. */
function driftLines(pen, view, rows) {
  pen.strokeStyle = view.ink("--ink");
  pen.globalAlpha = clamp(4 / Math.sqrt(rows.length), 0.1, 0.45);
  strokeEach(pen, rows, 1, (row) => {
    pen.moveTo(...view.toPixel(row, 0));
    pen.lineTo(...view.toPixel(row, 1));
  });
  pen.globalAlpha = 1;
}

function crossRows(pen, view, rows, arm) {
  const cross = (row) => {
    const [x, y] = view.toPixel(row);
    pen.moveTo(x - arm, y - arm);
    pen.lineTo(x + arm, y + arm);
    pen.moveTo(x + arm, y - arm);
    pen.lineTo(x - arm, y + arm);
  };
  pen.strokeStyle = view.ink("--ground"); // a rim, so that a cross stands out from its point
  if (rows.length <= 400) strokeEach(pen, rows, 3.4, cross);
  pen.strokeStyle = view.ink("--forget");
  strokeEach(pen, rows, 1.7, cross);
}

function hoverMark(pen, view, row, radius) {
  const [x, y] = view.toPixel(row);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fillStyle = view.palette[view.scene.codes[row]];
  pen.strokeStyle = view.ink("--ink");
  pen.lineWidth = 2;
  pen.fill();
  pen.stroke();
}

function outlineMark(pen, view, { path, op }) {
  pen.beginPath();
  path.forEach((corner, i) => (i ? pen.lineTo(...corner) : pen.moveTo(...corner)));
  pen.closePath();
  pen.strokeStyle = pen.fillStyle = view.ink(op === "remove" ? "--forget" : "--accent");
  pen.globalAlpha = 0.12;
  pen.fill("evenodd");
  pen.globalAlpha = 1;
  pen.lineWidth = 1.6;
  pen.setLineDash(op === "replace" ? [] : [6, 4]);
  pen.stroke();
  pen.setLineDash([]);
}
