// Records as tiles; a click tells Python which row was picked.
// data: {size, wide, opens, tiles: [{row, src, words, lines: [[text, tone]], title, marked, pressed}], mark}

function line(text, tone) {
  const found = document.createElement("span");
  found.className = `line ${tone || ""}`;
  found.textContent = text;
  return found;
}

function body(tile, size) {
  const box = document.createElement("span");
  box.className = "inset";
  if (tile.src) {
    const picture = document.createElement("img");
    Object.assign(picture, { src: tile.src, width: size, height: size, alt: "" });
    box.append(picture);
  } else {
    const words = document.createElement("span");
    words.className = "words";
    words.textContent = tile.words;
    box.append(words);
  }
  if (tile.marked) {
    const dot = document.createElement("span");
    dot.className = "dot";
    box.append(dot);
  }
  return box;
}

function button(tile, size, pick) {
  const found = document.createElement("button");
  found.type = "button";
  found.className = "tile";
  found.title = tile.title;
  found.dataset.row = tile.row;
  if (tile.pressed) found.setAttribute("aria-pressed", "true");
  found.setAttribute("aria-label", tile.title + (tile.marked ? ", chosen" : ""));
  found.append(body(tile, size), ...tile.lines.map(([text, tone]) => line(text, tone)));
  found.onclick = () => pick(tile.row);
  return found;
}

/** Brings what the click opened into sight, as soon as it is there. */
function follow(key, tries = 40) {
  const opened = document.querySelector(`.st-key-${key}`);
  if (opened) opened.scrollIntoView({ block: "nearest" });
  if (tries && !opened) setTimeout(() => follow(key, tries - 1), 100);
}

export default function ({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".tiles");
  if (!root) {
    root = document.createElement("div");
    root.className = "tiles";
    parentElement.append(root);
  }
  root.style.setProperty("--wide", `${data.wide}px`);
  root.style.setProperty("--mark", data.mark);
  const pick = (row) => {
    setTriggerValue("pick", { row });
    if (data.opens) follow(data.opens);
  };
  root.replaceChildren(...data.tiles.map((tile) => button(tile, data.size, pick)));
}
