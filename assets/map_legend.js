// The point map, part 4 of 6: legend, scale and the words for a point.

const whole = (number) => number.toLocaleString("en");
const short = (number) => String(Number(number.toPrecision(3)));

/** Reads label `row` out of one long UTF-8 text with a length per row. */
function labelReader({ lengths, text }) {
  const decoder = new TextDecoder();
  let ends = null; // summed up at the first hover
  return (row) => {
    if (!ends) {
      ends = new Uint32Array(lengths);
      for (let i = 1; i < ends.length; i++) ends[i] += ends[i - 1];
    }
    return decoder.decode(text.subarray(ends[row] - lengths[row], ends[row]));
  };
}

/** The value that a colour code stands for; code 0 is "no value". */
function categoryOrValue(colours, code) {
  if (colours.names) return colours.names[code];
  if (code === 0) return `${colours.title}: no value`;
  const { low, high } = colours;
  return `${colours.title}: ${short(low + ((high - low) * (code - 1)) / 254)}`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function showLegend(view) {
  const legend = view.find(".legend");
  const keep = legend.querySelector(".entries")?.scrollTop ?? 0;
  legend.replaceChildren(element("h4", "", view.colours.title));
  legend.append(...(view.colours.names ? entries(view) : scale(view)));
  legend.append(...marksKey(view));
  if (keep) legend.querySelector(".entries").scrollTop = keep;
}

function entries(view) {
  const { colours, hidden } = view;
  const chosen = new Uint32Array(256);
  for (const row of view.selected) chosen[view.scene.codes[row]]++;
  const list = element("div", "entries");
  colours.names.forEach((name, code) => list.append(entry(view, name, code, chosen[code])));
  const note = colours.note ? [element("p", "note", colours.note)] : [];
  if (hidden.size === 0) return [list, ...note];
  const all = element("button", "all", "Show all");
  all.onclick = () => view.toggle(null, false);
  return [list, ...note, all];
}

function entry(view, name, code, chosen) {
  const item = element("button", "entry");
  const count = whole(view.colours.counts[code]);
  item.style.setProperty("--swatch", view.palette[code]);
  item.title = `${name}: ${count} points. Click hides or shows it, Alt-click shows it alone.`;
  item.setAttribute("aria-pressed", String(!view.hidden.has(code)));
  item.append(element("i", "swatch"), element("span", "name", name));
  item.append(element("span", "number", view.selected.length ? `${whole(chosen)} / ${count}` : count));
  item.onclick = (event) => view.toggle(code, event.altKey);
  return item;
}

function scale({ colours, palette }) {
  const { low, high, missing } = colours;
  const ramp = element("div", "ramp");
  const stops = [...Array(17).keys()].map((i) => palette[1 + Math.round((254 * i) / 16)]);
  ramp.style.setProperty("--stops", stops.join(","));
  const ticks = element("div", "ticks");
  for (const share of [1, 0.75, 0.5, 0.25, 0]) {
    ticks.append(element("span", "", short(low + (high - low) * share)));
  }
  const both = element("div", "scale");
  both.append(ramp, ticks);
  if (!missing) return [both];
  return [both, element("p", "note", `Grey: no value (${whole(missing)})`)];
}

function marksKey(view) {
  const keys = [];
  if (view.selected.length) keys.push(["selected", "Selected", view.selected.length]);
  if (view.forget.length) keys.push(["forget", "Forget set", view.forget.length]);
  const box = element("div", "keys");
  const rows = keys.map(([mark, name, count]) => {
    const row = element("div", `key ${mark}`);
    row.append(element("i", ""), element("span", "name", name), element("span", "number", whole(count)));
    return row;
  });
  box.append(...rows);
  return rows.length ? [box] : [];
}
