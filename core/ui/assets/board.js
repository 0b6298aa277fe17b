// A page's linked pictures. Plotly draws each once and changes it in place; the cells that hang together are outlined
// over the pictures, and the arithmetic of the cell under the pointer is spelled below, without asking the server.
import { bind, fill, indexOf, named, partners, peers, rangesOf, spell, unflat } from "./links.js";

const boards = new WeakMap(); // what a mounted board keeps: its panels by name, what it last drew, what is pinned
const PROJECTED = 14; // pixels of the smallest text on a projector
const CONFIG = { displayModeBar: false, responsive: false, showTips: false };
const DASHED = 10, FEW = 16; // pixels of a cell below which dashes fall into pieces, where it is outlined by itself
const NEAR = 24; // pixels within which a point of a curve is meant
const MUTED = ["#7D838C", "#808495"]; // greys of the figures that words are written in: too pale on one of the pages
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const SVG = "http://www.w3.org/2000/svg";

let plotly, styled; // one script tag and one style sheet for all boards of all pages

export function loadPlotly(address) {
  plotly ??= window.Plotly ? Promise.resolve(window.Plotly) : new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { plotly = undefined; reject(new Error(`${address} did not load`)); };
    document.head.append(script);
  });
  return plotly;
}

// From a file, so that it does not travel with every message.
function loadStyle() {
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("board.css", import.meta.url) });
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

// ---- the board as a component of Streamlit ---------------------------------------------------------------------

const decoder = new TextDecoder(), latest = new WeakMap(); // what came last for each board
const ZLIB = 0x78; // the first byte of what is compressed; a board as it is begins with a brace

export async function mount({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".board");
  latest.set(root, data);
  const board = JSON.parse(data[0] === ZLIB ? await inflated(data) : decoder.decode(data));
  const [Plotly] = await Promise.all([loadPlotly(board.plotly), styled ??= loadStyle()]);
  if (latest.get(root) === data) draw(Plotly, root, board, (picked) => setTriggerValue("pick", picked));
}

const inflated = (data) => new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"))).text();

// ---- drawing ---------------------------------------------------------------------------------------------------

// Draw `board` into `root`, or change what stands there. `report` gets what the reader pins.
export function draw(Plotly, root, board, report = () => {}) {
  const held = boards.get(root) ?? open(root);
  Object.assign(held, { Plotly, board, report });
  held.ranges = rangesOf(board.panels.map(({ cells }) => cells).filter(Boolean));
  held.pinned = board.pinned ?? null;
  root.classList.toggle("projector", Boolean(board.projector));
  arrange(held);
  render(held);
}

function open(root) {
  const held = { root, panels: new Map(), hovered: null, pinned: null, width: 0, theme: "" };
  held.flow = root.querySelector(".flow");
  held.line = root.querySelector("p.line");
  boards.set(root, held);
  new ResizeObserver(() => { if (root.clientWidth !== held.width) render(held); }).observe(root);
  // Streamlit changes its colours by variables on an element above: drawn with them, they have to be read again.
  new MutationObserver(() => { if (theme(root).key !== held.theme) render(held); })
    .observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"], subtree: false });
  return held;
}

// Put panels, signs and words in their order; what stands there already stays.
function arrange(held) {
  const { board, flow, panels } = held;
  const names = new Set(board.panels.map(({ name }) => name));
  for (const [name, panel] of panels) if (!names.has(name)) { held.Plotly.purge(panel.plot); panel.element.remove(); panels.delete(name); }
  for (const spec of board.panels) {
    if (!panels.has(spec.name)) panels.set(spec.name, makePanel(held, spec.name));
    const panel = panels.get(spec.name);
    panel.spec = spec;
    panel.cells = spec.cells && readCells(spec, panel.cells);
    panel.element.setAttribute("aria-label", spec.alt);
    panel.element.tabIndex = panel.cells ? 0 : -1;
    panel.element.classList.toggle("linked", Boolean(panel.cells));
    panel.saving.replaceChildren(...(board.save ? ["png", "svg"].map((format) => saveButton(held, panel, format)) : []));
  }
  const wanted = board.flow.map((part, i) => ("panel" in part ? panels.get(part.panel).element : makeWord(part, flow.children[i])));
  if (wanted.length !== flow.children.length || wanted.some((element, i) => element !== flow.children[i])) flow.replaceChildren(...wanted);
  board.flow.forEach((part, i) => { wanted[i].style.gridArea = part.at ? `${part.at[0]} / ${part.at[1]} / span ${part.at[2]} / span ${part.at[3]}` : ""; wanted[i].style.alignSelf = part.align ?? ""; });
  flow.classList.toggle("grid", board.flow.some((part) => part.at));
}

function makeWord(part, there) {
  const kind = "sign" in part ? "sign" : "break" in part ? "break" : "words";
  const text = part.sign ?? part.words ?? "";
  const element = there?.dataset.kind === kind ? there : Object.assign(document.createElement("span"), { className: kind });
  element.dataset.kind = kind;
  if (element.textContent !== text) element.textContent = text;
  return element;
}

function makePanel(held, name) {
  const element = document.createElement("div");
  element.className = "panel";
  element.dataset.panel = name;
  element.setAttribute("role", "group");
  const plot = document.createElement("div");
  const marks = document.createElementNS(SVG, "svg");
  marks.classList.add("marks");
  marks.setAttribute("aria-hidden", "true");
  const digits = document.createElementNS(SVG, "svg");
  digits.classList.add("digits");
  digits.setAttribute("width", 0); // where nothing is written: without a size of its own it is 300 wide, beyond the page
  digits.setAttribute("height", 0);
  digits.setAttribute("aria-hidden", "true");
  const saving = Object.assign(document.createElement("div"), { className: "saving" });
  element.append(plot, digits, marks, saving);
  const panel = { name, element, plot, digits, marks, saving, spec: null, cells: null, sum: null, scale: 1 };
  element.onpointermove = (event) => { if (event.pointerType !== "touch") point(held, panel, placeAt(panel, event)); };
  element.onpointerleave = (event) => { if (event.pointerType !== "touch") point(held, null); };
  element.onclick = (event) => pin(held, panel, placeAt(panel, event));
  element.onkeydown = (event) => press(held, panel, event);
  element.onfocus = () => { if (panel.cells && element.matches(":focus-visible")) point(held, panel, startingPlace(held, panel)); };
  element.onblur = () => { if (held.hovered?.panel === panel) point(held, null); };
  return panel;
}

// One picture as a file, drawn by Plotly with its digits in it, on the page's own ground.
function saveButton(held, panel, format) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: format.toUpperCase() });
  button.setAttribute("aria-label", `${format.toUpperCase()}: ${panel.name}`);
  button.onclick = (event) => {
    event.stopPropagation();
    const look = theme(held.root), { data, layout } = themed(panel.spec.figure, look, held.board.projector);
    const { width = panel.plot.clientWidth, height = panel.plot.clientHeight } = layout;
    held.Plotly.downloadImage({ data, layout: { ...layout, width, height, paper_bgcolor: look.back } },
      { format, width, height, scale: format === "png" ? 2 : 1, filename: `${held.board.save} ${panel.name}` });
  };
  return button;
}

function render(held) {
  const { root, board, panels, Plotly } = held;
  if (!root.clientWidth) return; // a closed tab: drawn when it opens
  const look = theme(root);
  const refit = root.clientWidth !== held.width, recolour = look.key !== held.theme;
  held.width = root.clientWidth;
  held.theme = look.key;
  for (const panel of panels.values()) {
    if (!recolour && panel.sum === panel.spec.sum && !(refit && scaleFor(panel, held.width) !== panel.scale)) continue;
    panel.sum = panel.spec.sum;
    const figure = fitted(panel, themed(panel.spec.figure, look, board.projector), held.width);
    const drawn = panel.cells?.placed ? withoutText(figure) : figure;
    const config = panel.cells ? { ...CONFIG, staticPlot: true } : CONFIG;
    if (panel.plot._fullLayout) Plotly.react(panel.plot, drawn.data, drawn.layout, config);
    else Plotly.newPlot(panel.plot, drawn.data, drawn.layout, config);
    if (panel.cells?.placed) write(panel, figure, look);
  }
  if (held.hovered && !panels.has(held.hovered.panel.name)) held.hovered = null;
  mark(held);
}

// ---- the theme and the width -----------------------------------------------------------------------------------

function theme(root) {
  const style = getComputedStyle(root);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const text = read("--st-text-color", style.color), back = read("--st-background-color", "#fff");
  const font = read("--st-font", style.fontFamily), grid = read("--st-border-color", "#ccc");
  return { text, back, font, grid, muted: mixed(text, back, 0.76), key: [text, back, font].join() };
}

function mixed(one, other, share) {
  const rgb = (colour) => {
    const hex = /^#(..)(..)(..)/.exec(colour);
    return hex ? hex.slice(1).map((part) => parseInt(part, 16)) : (colour.match(/[\d.]+/g) ?? [0, 0, 0]).slice(0, 3).map(Number);
  };
  const [a, b] = [rgb(one), rgb(other)];
  return `rgb(${a.map((part, i) => Math.round(part * share + b[i] * (1 - share))).join()})`;
}

function themed(figure, look, projector) {
  const least = projector ? PROJECTED : 0;
  const restyle = (value, name) => {
    if (Array.isArray(value)) return value.map((item) => restyle(item, name));
    if (!value || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    const copy = {};
    for (const [key, item] of Object.entries(value)) copy[key] = restyle(item, key);
    if (/font$/i.test(name)) {
      if (MUTED.includes(copy.color)) copy.color = look.muted;
      if (copy.size < least) copy.size = least;
    }
    return copy;
  };
  const layout = restyle(figure.layout, "layout");
  const line = { gridcolor: look.grid, zerolinecolor: look.grid, linecolor: look.grid, tickcolor: look.grid };
  for (const key of Object.keys(layout)) if (/^[xyz]axis\d*$/.test(key)) layout[key] = { ...line, ...layout[key] };
  layout.font = { family: look.font, color: look.text, size: Math.max(12, least), ...layout.font };
  layout.hoverlabel ??= { bgcolor: look.back, bordercolor: look.grid, font: { color: look.text } };
  layout.paper_bgcolor ??= "rgba(0,0,0,0)";
  layout.plot_bgcolor ??= "rgba(0,0,0,0)";
  layout.template = null;
  return { data: figure.data, layout };
}

const scaleFor = ({ spec: { figure: { layout } } }, room) => Math.min(1, room / layout.width);

// A picture wider than its room is drawn smaller, cells and digits alike; a stretched one takes the room.
function fitted(panel, { data, layout }, room) {
  if (panel.spec.stretch) return { data, layout: { ...layout, width: Math.min(room, panel.spec.stretch === true ? room : panel.spec.stretch) } };
  panel.scale = scaleFor(panel, room);
  if (panel.scale === 1 || !panel.cells) return { data, layout: panel.scale === 1 ? layout : { ...layout, width: room } };
  const { l, r, t, b } = layout.margin, drawn = layout.width - l - r;
  const share = (room - l - r) / drawn;
  const shrunk = data.map((trace) => (trace.textfont?.size ? { ...trace, textfont: { ...trace.textfont, size: Math.max(6, trace.textfont.size * share) } } : trace));
  return { data: shrunk, layout: { ...layout, width: room, height: (layout.height - t - b) * share + t + b } };
}

// ---- digits ----------------------------------------------------------------------------------------------------

// Plotly makes every text of a picture anew at each change, a dozen steps each, and most of the time goes there. The
// digits, the indices on the axes, the title and the labels of a picture of cells are written over it instead, and only
// those that change are touched.
function withoutText({ data, layout }) {
  const bare = { ...layout, annotations: (layout.annotations ?? []).filter((note) => !isLabel(note)) };
  if (plain(layout.title?.text)) delete bare.title;
  for (const name of ["xaxis", "yaxis"]) if (layout[name]?.ticktext) bare[name] = { ...layout[name], visible: false };
  return { data: data.map(({ text, texttemplate, ...trace }) => trace), layout: bare };
}

const plain = (text) => !/[<&]/.test(text ?? "");
const isLabel = ({ text, showarrow, textangle, bgcolor, xref = "x", yref = "y" }) =>
  showarrow === false && !textangle && !bgcolor && xref === "x" && yref === "y" && plain(text);

function write(panel, { data, layout }, look) {
  const { digits, plot } = panel, { width, height } = plot._fullLayout;
  const texts = [...digitsOf(panel, data), ...ticksOf(panel, layout, look), ...labelsOf(panel, layout, look)];
  digits.setAttribute("width", width);
  digits.setAttribute("height", height);
  while (digits.children.length > texts.length) digits.lastChild.remove();
  texts.forEach(({ text, ...attributes }, i) => {
    const node = digits.children[i] ?? digits.appendChild(document.createElementNS(SVG, "text"));
    for (const [name, value] of Object.entries(attributes))
      if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
    if (node.textContent !== text) node.textContent = text;
  });
}

function digitsOf(panel, data) {
  const [xaxis, yaxis] = axesOf(panel), found = [];
  const x = (column) => Math.round(10 * (xaxis._offset + xaxis.d2p(column))) / 10;
  const y = (row) => Math.round(10 * (yaxis._offset + yaxis.d2p(row))) / 10;
  for (const { text, textfont } of data)
    text?.forEach((line, row) => line.forEach((said, column) => {
      if (said) found.push({ text: said, x: x(column), y: y(row), "font-size": textfont.size, fill: textfont.color, "text-anchor": "middle" });
    }));
  return found;
}

function ticksOf(panel, { xaxis: across, yaxis: down }, look) {
  const [xaxis, yaxis] = axesOf(panel), written = (axis) => (axis?.ticktext ?? []).map((text, i) => [String(text), axis.tickvals[i]]);
  const at = (axis, value) => Math.round(10 * (axis._offset + axis.d2p(value))) / 10;
  const [left, top] = [xaxis._offset, yaxis._offset];
  return [
    ...written(across).map(([text, value]) => ({ text, x: at(xaxis, value), y: top - 8, "font-size": across.tickfont.size, fill: look.muted, "text-anchor": "middle" })),
    ...written(down).map(([text, value]) => ({ text, x: left - 3, y: at(yaxis, value), "font-size": down.tickfont.size, fill: look.muted, "text-anchor": "end" })),
  ];
}

const ANCHORS = { left: "start", right: "end" }, RISES = { bottom: -0.62, top: 0.62 };

function labelsOf(panel, { title, annotations = [], height, font }, look) {
  const [xaxis, yaxis] = axesOf(panel), found = [];
  if (title?.text && plain(title.text)) {
    const size = title.font?.size ?? font.size;
    found.push({ text: title.text, x: 0, y: Math.round(0.01 * height + 0.62 * size), "font-size": size, fill: look.text, "text-anchor": "start" });
  }
  for (const note of annotations.filter(isLabel)) {
    const size = note.font?.size ?? font.size;
    found.push({
      text: note.text, x: Math.round(xaxis._offset + xaxis.d2p(note.x) + (note.xshift ?? 0)), "font-size": size,
      y: Math.round(yaxis._offset + yaxis.d2p(note.y) - (note.yshift ?? 0) + size * (RISES[note.yanchor] ?? 0)),
      fill: note.font?.color ?? look.text, "text-anchor": ANCHORS[note.xanchor] ?? "middle",
    });
  }
  return found;
}

// ---- cells -----------------------------------------------------------------------------------------------------

// Where each cell of a picture is drawn, what it holds, and which cell stands at a place.
function readCells(spec, before) {
  const { axes, group, shape, grid, values, texts, notes, origin, spots, boxes } = spec.cells;
  const count = shape.reduce((a, b) => a * b, 1);
  const numbers = values && decoded(values);
  const cells = { name: spec.name, axes, group, shape, origin, notes, spots, boxes, count, grid };
  if (!spots && !boxes) {
    cells.rows = grid.rows; cells.columns = grid.columns;
    cells.layout = JSON.stringify([shape, grid]);
    const stays = before?.layout === cells.layout; // an image has thousands of cells, and most moves leave them in place
    cells.placed = stays ? before.placed : Array.from({ length: count }, (_, place) => spotOf(grid, shape, place));
    cells.at = stays ? before.at : new Map(cells.placed.map(([row, column], place) => [row * grid.columns + column, place]));
  }
  const drawn = !numbers && cells.placed && decoded(spec.figure.data[0].z); // the numbers are the heatmap's own
  const read = (place) => (drawn ? drawn[cells.placed[place][0] * grid.columns + cells.placed[place][1]] : numbers?.[place]);
  cells.value = (place) => texts?.[place] ?? read(place);
  return cells;
}

function decoded({ dtype, bdata }) {
  const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
  return dtype === "f8" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

// Leading dimensions as a grid of matrices with a gap between them, or a long line broken into rows.
function spotOf({ wrap, gap, across: beside }, shape, place) {
  if (wrap) return [Math.floor(place / wrap), place % wrap];
  const index = unflat(place, shape), matrix = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const [row, column] = [index.at(-2) ?? 0, index.at(-1) ?? 0];
  const matrixNumber = index.slice(0, -2).reduce((sum, i, d) => sum * shape[d] + i, 0), stacked = shape.at(-3) ?? 1;
  const [down, across] = beside === true ? [0, matrixNumber] : beside ? [Math.floor(matrixNumber / beside), matrixNumber % beside]
    : [matrixNumber % stacked, Math.floor(matrixNumber / stacked)];
  return index.length === 1 ? [0, index[0]] : [down * (matrix[0] + gap) + row, across * (matrix[1] + gap) + column];
}

const axesOf = ({ plot: { _fullLayout: layout } }) => [layout.xaxis, layout.yaxis];

function placeAt(panel, event) {
  if (!panel.cells || !panel.plot._fullLayout) return null;
  const { cells, plot } = panel, box = plot.getBoundingClientRect(), [xaxis, yaxis] = axesOf(panel);
  const x = event.clientX - box.x - xaxis._offset, y = event.clientY - box.y - yaxis._offset;
  if (cells.spots) return nearest(cells.spots.map((spot) => (spot ? Math.hypot(xaxis.d2p(spot[0]) - x, yaxis.d2p(spot[1]) - y) : Infinity)));
  const [across, down] = [xaxis.p2l(x), yaxis.p2l(y)];
  if (cells.boxes) {
    const found = cells.boxes.findIndex((b) => b && across >= b[0] && across <= b[1] && down >= b[2] && down <= b[3]);
    return found < 0 ? null : found;
  }
  const row = Math.round(down), column = Math.round(across);
  if (row < 0 || column < 0 || row >= cells.rows || column >= cells.columns) return null;
  return cells.at.get(row * cells.columns + column) ?? null;
}

function nearest(distances) {
  const best = distances.reduce((least, d, i) => (d < distances[least] ? i : least), 0);
  return distances[best] <= NEAR ? best : null;
}

// ---- pointing and pinning --------------------------------------------------------------------------------------

const startingPlace = (held, panel) => panel.last ?? (held.pinned?.panel === panel.name ? held.pinned.place : 0);

function point(held, panel, place = null) {
  const now = panel && place !== null ? { panel, place } : null;
  if (now?.panel === held.hovered?.panel && now?.place === held.hovered?.place) return;
  held.hovered = now;
  if (now) panel.last = place;
  mark(held);
}

function pin(held, panel, place) {
  if (place === null || !panel.cells || !panel.spec.pick) return;
  const index = indexOf(panel.cells, place);
  held.pinned = { panel: panel.name, place };
  mark(held);
  held.report({ panel: panel.name, index });
}

function press(held, panel, event) {
  if (!panel.cells || event.ctrlKey || event.metaKey || event.altKey) return;
  const here = held.hovered?.panel === panel ? held.hovered.place : startingPlace(held, panel);
  if (event.key in KEYS) point(held, panel, neighbour(panel.cells, here, KEYS[event.key]));
  else if (event.key === "Enter" || event.key === " ") pin(held, panel, here);
  else if (event.key === "Escape") point(held, null);
  else return;
  event.preventDefault();
}

// The next cell that way, over gaps; the same one at the edge. Points and boxes are walked in their order.
function neighbour(cells, place, [down, across]) {
  if (!cells.placed) return Math.max(0, Math.min(cells.count - 1, place + (down || across)));
  let [row, column] = cells.placed[place];
  while ((row += down) >= 0 && row < cells.rows && (column += across) >= 0 && column < cells.columns) {
    const found = cells.at.get(row * cells.columns + column);
    if (found !== undefined) return found;
  }
  return place;
}

// ---- marks and the line ----------------------------------------------------------------------------------------

function mark(held) {
  const { panels } = held;
  const pinned = held.pinned && panels.get(held.pinned.panel)?.cells && held.pinned.place < panels.get(held.pinned.panel).cells.count
    ? { panel: panels.get(held.pinned.panel), place: held.pinned.place } : null;
  const shown = [...(pinned ? [["pinned", pinned]] : []), ...(held.hovered ? [["hovered", held.hovered]] : [])];
  const groups = shown.flatMap(([kind, cell]) => meant(held, kind, cell));
  for (const panel of panels.values()) outline(panel, groups.filter((group) => group.panel === panel));
  tell(held, held.hovered ?? pinned);
}

// The picked cell and its partners, one group for each picture and kind of tie.
function meant(held, kind, { panel, place }) {
  const index = indexOf(panel.cells, place);
  const groups = [{ panel, kind, role: "self", places: [place] }];
  for (const role of rolesOf(held.board)) {
    const factors = bind(relationsOf(held.board, role), panel.cells.axes, index);
    for (const other of held.panels.values()) {
      if (other === panel || !other.cells || (role !== "used" && !reached(factors, other))) continue;
      const used = role === "origin" ? groups.find((group) => group.panel === other)?.places ?? [] : []; // marked already
      const places = partners(factors, other.cells, held.ranges).filter((place) => !used.includes(place));
      if (places.length) groups.push({ panel: other, kind, role, places });
    }
  }
  const relations = relationsOf(held.board, "used"), factors = bind(relations, panel.cells.axes, index);
  for (const other of held.panels.values()) {
    const places = other.cells ? peers(factors, other.cells, relations, held.ranges) : [];
    if (places.length > 1) groups.unshift({ panel: other, kind, role: "group", places });
  }
  return groups;
}

const rolesOf = (board) => [...new Set(["used", ...board.relations.map(({ role }) => role)])];
const relationsOf = (board, role) => board.relations.filter((relation) => relation.role === role);
// Whether a role's own relations lead to a picture: letters that it merely shares with the picked cell are no winner's.
const reached = (factors, { cells }) => (factors ?? []).slice(1).some(({ letters }) => letters.some((letter) => cells.axes.includes(letter)));

function outline(panel, groups) {
  const { plot, marks, cells } = panel;
  if (!cells || !plot._fullLayout) return;
  const { width, height } = plot._fullLayout;
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  marks.setAttribute("width", width);
  marks.setAttribute("height", height);
  const [xaxis] = axesOf(panel), narrow = cells.placed && xaxis.d2p(1) - xaxis.d2p(0) < DASHED;
  marks.replaceChildren(...groups.flatMap(({ kind, role, places }) => {
    const shape = pathOf(panel, places), small = narrow && places.length <= FEW ? " small" : "";
    return ["halo", `${kind} ${role}${small}`].map((name) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      path.setAttribute("d", shape);
      return path;
    });
  }));
}

function pathOf(panel, places) {
  const { cells } = panel, [xaxis, yaxis] = axesOf(panel);
  const x = (value) => xaxis._offset + xaxis.d2p(value), y = (value) => yaxis._offset + yaxis.d2p(value);
  if (cells.spots) return places.map((place) => cells.spots[place]).filter(Boolean).map(([a, b]) => ring(x(a), y(b), places.length > 6 ? 4 : 7)).join("");
  const boxes = cells.boxes ? places.map((place) => cells.boxes[place]).filter(Boolean)
    : rectangles(places.map((place) => cells.placed[place])).map(([t, l, b, r]) => [l - 0.5, r + 0.5, t - 0.5, b + 0.5]);
  return boxes.map(([l, r, t, b]) => `M${x(l)} ${y(t)}H${x(r)}V${y(b)}H${x(l)}Z`).join("");
}

const ring = (x, y, radius) => `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;

// Cells as few rectangles: runs along the rows, then equal runs of rows below each other joined.
export function rectangles(spots) {
  const rows = new Map();
  for (const [row, column] of spots) rows.has(row) ? rows.get(row).push(column) : rows.set(row, [column]);
  const open = new Map(), done = [];
  for (const row of [...rows.keys()].sort((a, b) => a - b)) {
    const columns = [...new Set(rows.get(row))].sort((a, b) => a - b), runs = [];
    for (const column of columns) {
      if (runs.length && runs.at(-1)[1] === column - 1) runs.at(-1)[1] = column;
      else runs.push([column, column]);
    }
    for (const [left, right] of runs) {
      const key = `${left} ${right}`, above = open.get(key);
      if (above && above[2] === row - 1) above[2] = row;
      else { const box = [row, left, row, right]; open.set(key, box); done.push(box); }
    }
  }
  return done;
}

// The cell under the pointer, or the pinned one, in words: the board's own sentence for that picture, else its number.
function tell(held, cell) {
  const { line, board } = held;
  if (!line) return;
  const text = cell ? sentence(held, cell) : board.hint ?? "";
  if (line.dataset.said === text) return;
  line.dataset.said = text;
  line.classList.toggle("idle", !cell);
  line.replaceChildren(...marked(text));
}

function sentence({ board, panels, ranges }, { panel, place }) {
  const template = board.spelled?.[panel.name] ?? board.spelled?.[""];
  const pictures = Object.fromEntries([...panels].filter(([, { cells }]) => cells).map(([name, { cells }]) => [name, cells]));
  if (!template) return `\`${named(panel.cells, [place])}\` = **${spell(panel.cells.value(place) ?? "")}**`;
  const factors = bind(relationsOf(board, "used"), panel.cells.axes, indexOf(panel.cells, place));
  return factors ? fill(template, factors, pictures, ranges) : `\`${named(panel.cells, [place])}\` = **${spell(panel.cells.value(place) ?? "")}**`;
}

// `code` and **bold**, and nothing else.
function marked(text) {
  return text.split(/(`[^`]*`|\*\*[^*]*\*\*)/).filter(Boolean).map((part) => {
    const kind = part.startsWith("`") ? "code" : part.startsWith("**") ? "b" : null;
    if (!kind) return document.createTextNode(part);
    return Object.assign(document.createElement(kind), { textContent: kind === "code" ? part.slice(1, -1) : part.slice(2, -2) });
  });
}
