// The point map, part 1 of 6: colours.
// pages/common/point_map.py joins the six parts into one ES module.

const GREY = "#8b919e"; // visible on a light and on a dark ground

// Three 17-bit sums in one double: one addition adds a whole colour to a pixel.
const GREEN = 2 ** 17;
const BLUE = 2 ** 34;
const FULL = 508; // 508 * 255 < 2^17: a pixel stops adding before a sum spills into the next
const HIDDEN = -1;

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const pack = ([r, g, b]) => r + g * GREEN + b * BLUE;

function mixed(hexA, hexB, share) {
  const [a, b] = [channels(hexA), channels(hexB)];
  return a.map((value, i) => Math.round(value + (b[i] - value) * share));
}

const toHex = (rgb) => "#" + rgb.map((value) => value.toString(16).padStart(2, "0")).join("");
const probe = document.createElement("canvas").getContext("2d");

/** Any CSS colour without transparency as #rrggbb. */
function hexOf(css) {
  probe.fillStyle = GREY;
  probe.fillStyle = css;
  return probe.fillStyle;
}

const isDark = (hex) => channels(hex).reduce((sum, value) => sum + value) < 384;

/** The theme's chart colours serve the map too: a class looks the same in every chart. */
function paletteOf(colours, theme) {
  const list = (name) => theme(`--st-chart-${name}-colors`).split(",").map(hexOf);
  const ground = hexOf(theme("--ground"));
  const middle = toHex(mixed(hexOf(theme("--ink")), ground, 0.62));
  // Ramps lose the stops that would vanish into the ground: the palest, and those around the centre.
  if (colours.look === "rising") return [GREY, ...ramp(list("sequential").slice(2))];
  if (colours.look === "diverging") {
    const stops = list("diverging");
    const half = Math.floor(stops.length / 2);
    return [GREY, ...ramp([...stops.slice(0, half - 1), middle, ...stops.slice(half + 1)])];
  }
  const given = colours.palette ?? list("categorical");
  const colour = (code) => (colours.palette ? given[code % given.length] : given[code] ?? spread(code));
  return colours.names.map((_, code) => (code === colours.rest ? GREY : hexOf(colour(code))));
}

/** 255 colours through the given stops. */
function ramp(stops) {
  return Array.from({ length: 255 }, (_, i) => {
    const place = (i / 254) * (stops.length - 1);
    const stop = Math.min(Math.floor(place), stops.length - 2);
    return toHex(mixed(stops[stop], stops[stop + 1], place - stop));
  });
}

/** Colours for categories beyond the theme's: golden-ratio steps around the wheel, without red. */
const spread = (code) =>
  `hsl(${20 + 310 * ((code * 0.618034) % 1)} 48% ${[44, 56, 66][code % 3]}%)`;

/** Packed colours by code: as they are, faded for what is not selected, and for the forget set. */
function inksOf(palette, hidden, forget) {
  const inks = (colour) =>
    Float64Array.from(palette, (hex, code) => (hidden.has(code) ? HIDDEN : pack(colour(hex))));
  return {
    plain: inks(channels),
    faded: inks((hex) => mixed(hex, GREY, 0.75)),
    forget: inks(() => channels(forget)),
  };
}
