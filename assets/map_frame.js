// The point map, part 5 of 6: the fixed markup and its words.

const icon = (path) =>
  `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${path}"/></svg>`;

const TOOLS = [
  ["lasso", "Lasso (L): draw around points", "M4.6 12.4C2.4 8.6 5 4 10.2 4s7.6 3.6 6 6.6-6.4 3.8-9.4 2.2c-2.4-1.2-1.8 2.2-.6 3.4"],
  ["box", "Box (B): drag a rectangle", "M4 7V4h3M13 4h3v3M16 13v3h-3M7 16H4v-3M9 4h2M9 16h2M4 9v2M16 9v2"],
  ["pan", "Move (P): drag the map", "M10 3v14M3 10h14M10 3 8 5.2M10 3l2 2.2M10 17l-2-2.2M10 17l2-2.2M3 10l2.2-2M3 10l2.2 2M17 10l-2.2-2M17 10l-2.2 2"],
];
const ACTIONS = [
  ["in", "Closer (+)", "M10 5v10M5 10h10"],
  ["out", "Farther (−)", "M5 10h10"],
  ["reset", "Show everything (0)", "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4M8.5 10a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0"],
];

const HINTS = {
  lasso: "Draw around points to select them · Shift adds, Ctrl removes, Esc clears",
  box: "Drag a rectangle to select · Shift adds, Ctrl removes, Esc clears",
  pan: "Drag to move, scroll to zoom · Esc clears the selection",
};

const button = ([name, title, path], more) =>
  `<button type="button" data-act="${name}" title="${title}" aria-label="${title}" ${more}>${icon(path)}</button>`;

// Only constants stand in this markup; names and labels from the data enter as text.
const MARKUP = `
  <div class="stage">
    <canvas class="points"></canvas>
    <canvas class="overlay" tabindex="0" role="application"></canvas>
    <div class="bar" role="toolbar" aria-label="Map tools">
      ${TOOLS.map((tool) => button(tool, 'aria-pressed="false"')).join("")}<i></i>
      ${ACTIONS.map((action) => button(action, "")).join("")}
    </div>
    <div class="count" hidden></div>
    <div class="hint"></div>
    <div class="tip" hidden><b></b><span class="what"></span><small></small></div>
    <div class="wait">Placing the points …</div>
  </div>
  <aside class="legend"></aside>
  <div class="drift" hidden>
    <button type="button" class="play" title="Play">${icon("M6 4l10 6-10 6z")}</button>
    <span class="from"></span>
    <input type="range" min="0" max="1" step="0.01" value="0" aria-label="From before to after">
    <span class="to"></span>
  </div>
  <div class="said" role="status" aria-live="polite"></div>`;

const KEYS_HELP =
  "Arrow keys move, plus and minus zoom, Enter selects what is in view " +
  "(Shift adds, Ctrl removes), Escape clears the selection. L, B and P change the tool.";
