// Makes elements and charts. Names reach the page through text nodes alone, never as HTML.

const { runs, colors } = JSON.parse(document.getElementById("data").textContent);
const SVG = new Set(["svg", "path", "line", "circle", "text"]);
const CONTROL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
const argmax = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
const extent = (values) =>
  values.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
const largest = (values) => Math.max(...extent(values).map(Math.abs)) || 1;
const percent = (p) => `${(100 * p).toFixed(1)} %`;
const day = (days) => new Date(days * 86400e3).toISOString().slice(0, 10);
const lastAtMost = (values, limit) =>
  Math.max(
    values.findLastIndex((value) => value <= limit),
    0,
  );
const nodeOf = ({ node }) => node;
const SPLITS = { train: "train", val: "validation", test: "test" };

function escapeControl(text) {
  return String(text).replace(CONTROL, (sign) => {
    const code = sign.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`;
  });
}

function format(value, digits = 4) {
  const options = Number.isInteger(value) ? {} : { maximumSignificantDigits: digits };
  return value.toLocaleString("en", options).replace("-", "−");
}

function make(tag, attributes = {}, ...children) {
  const space = SVG.has(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "style") Object.entries(value).forEach((part) => node.style.setProperty(...part));
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  fill(node, children);
  return node;
}

function fill(node, ...children) {
  const present = children.flat(Infinity).filter((child) => child !== null && child !== undefined);
  node.replaceChildren(...present.map((child) => (child instanceof Node ? child : escapeControl(child))));
}

const div = (name, ...children) => make("div", { class: name }, children);
const span = (...children) => make("span", {}, children);
const section = (title, ...children) => make("section", {}, make("h2", {}, title), children);
const button = (attributes, ...children) => make("button", { type: "button", ...attributes }, children);

function choice(label, names, selected, change) {
  const options = names.map((name, index) => make("option", { selected: index === selected }, name));
  return make("select", { "aria-label": label, change: ({ target }) => change(target.selectedIndex) }, options);
}

function field(type, label, attributes, input) {
  return make("input", { type, step: "any", "aria-label": label, ...attributes, input: ({ target }) => input(target) });
}

const classColor = (index) => colors[index % colors.length];
const namesOf = (run) => run.class_names ?? run.label_names ?? ["prediction"];
const nameOf = (run, index) => (/^-?[\d.]+$/.test(namesOf(run)[index]) ? "class " : "") + namesOf(run)[index];

function makeSortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const sort = () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      heads.forEach((other) => (other.ariaSort = null));
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      const order = (a, b) => sign * (key(a) - key(b) || key(a).localeCompare(key(b), "en"));
      body.append(...[...body.rows].sort(order));
    };
    fill(head, button({ click: sort }, head.textContent));
  });
}

// Charts.

function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  return range(8)
    .map((index) => (Math.ceil(low / step) + index) * step)
    .filter((tick) => tick <= high + 1e-9 * step);
}

// Return a drawing with axes, and functions from values to its coordinates and from a pointer to values.
function axes(title, xLabel, [x0, x1], [y0, y1], xFormat = format) {
  const [left, right, top, bottom] = [50, 446, 10, 182];
  const toX = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (right - left);
  const toY = (y) => bottom - ((y - y0) / (y1 - y0 || 1)) * (bottom - top);
  const label = (x, y, anchor, text) => make("text", { x, y, "text-anchor": anchor }, text);
  const rows = ticks(y0, y1).map((y) => [
    make("line", { class: "grid", x1: left, x2: right, y1: toY(y), y2: toY(y) }),
    label(left - 8, toY(y) + 4, "end", format(y)),
  ]);
  const columns = ticks(x0, x1).map((x) => label(toX(x), bottom + 17, "middle", xFormat(x)));
  const name = label((left + right) / 2, bottom + 34, "middle", xLabel);
  const svg = make("svg", { viewBox: "0 0 460 220", role: "img", "aria-label": title }, rows, columns, name);
  const fromPointer = ({ clientX }) => {
    const box = svg.getBoundingClientRect();
    const x = ((clientX - box.left) / box.width) * 460;
    return clamp(x0 + ((x - left) / (right - left)) * (x1 - x0), x0, x1);
  };
  const line = (x, y, stroke) => {
    const d = `M${[...x].map((value, index) => `${toX(value).toFixed(1)} ${toY(y[index]).toFixed(1)}`).join("L")}`;
    svg.append(make("path", { class: "curve", d, stroke }));
  };
  return { svg, toX, toY, line, fromPointer, top, bottom };
}

const swatch = (color, ...text) => span(make("i", { class: "swatch", style: { background: color } }), text);
const figure = (title, ...children) => make("figure", {}, make("figcaption", {}, title), children);

// Return a chart of lines {name, x, y, color}, whose cursor is moved by the pointer and the arrow keys. With `seek`,
// they call it, and the cursor is moved by `setCursor`.
function lineChart({ title, xLabel, series, yRange, seek, xFormat, yFormat = format }) {
  const [x0, x1] = extent(series.flatMap(({ x }) => [...x]));
  const [low, high] = extent(series.flatMap(({ y }) => [...y]));
  const margin = 0.05 * (high - low || 1);
  const chart = axes(title, xLabel, [x0, x1], yRange ?? [low - margin, high + margin], xFormat);
  const { svg, top, bottom } = chart;
  const cursor = make("path", { class: "cursor" });
  const values = series.map(() => make("b"));
  for (const { x, y, color } of series) chart.line(x, y, color);
  svg.append(cursor);
  let at = x1;
  const setCursor = (x) => {
    at = x;
    cursor.setAttribute("d", `M${chart.toX(clamp(x, x0, x1))} ${top}V${bottom}`);
    series.forEach((line, index) => fill(values[index], yFormat(line.y[lastAtMost(line.x, x)])));
  };
  const move = seek ?? setCursor;
  svg.addEventListener("pointerdown", (event) => move(chart.fromPointer(event)));
  svg.addEventListener("pointermove", (event) => (!seek || event.buttons) && move(chart.fromPointer(event)));
  svg.setAttribute("tabindex", 0);
  svg.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) move(clamp(at + (step * (x1 - x0)) / 100, x0, x1));
  });
  setCursor(x1);
  const legend = series.map(({ name, color }, index) => swatch(color, name, " ", values[index]));
  return { node: figure(title, svg, div("legend", legend)), setCursor };
}

// Let the pointer and the arrow keys move the cursor of a chart, or call `seek` with its value; return what moves it.
function attachChart(figure, seek) {
  const curves = JSON.parse(figure.dataset.curves);
  const [x0, x1] = JSON.parse(figure.dataset.ends);
  const [svg, area, cursor] = ["svg", ".area", ".cursor"].map((selector) => figure.querySelector(selector));
  const values = figure.querySelectorAll(".legend b");
  let at = x1;
  function setCursor(x) {
    at = clamp(x, x0, x1);
    cursor.setAttribute("d", `M${(at - x0) / (x1 - x0 || 1)} 0v1`);
    curves.forEach(([x, y], index) => write(values[index], y[lastAtMost(x, at)]));
  }
  const move = seek ?? setCursor;
  const follow = ({ clientX }) => {
    const { left, width } = area.getBoundingClientRect();
    move(x0 + clamp((clientX - left) / width, 0, 1) * (x1 - x0));
  };
  svg.addEventListener("pointerdown", follow);
  svg.addEventListener("pointermove", (event) => (!seek || event.buttons) && follow(event));
  svg.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) move(clamp(at + (step * (x1 - x0)) / 100, x0, x1));
  });
  return setCursor;
}

// Write a number, which is null where it is undefined.
function write(place, value) {
  const show = place.matches(".percentage") ? percent : format;
  place.textContent = value === null ? "undefined" : show(value);
}

function bar(name, fraction, text, background) {
  const filled = make("div", { style: { width: `${100 * clamp(fraction, 0, 1)}%`, background } });
  return div("bar", make("span", { title: name }, name), div("track", filled), make("b", {}, text));
}

// Return charts of the loss and of each metric; `seek` ties them to a player.
function curveCharts({ curves }, seek) {
  const names = [...new Set(Object.keys(curves).map((name) => name.split("/")[1]))];
  names.sort((a, b) => (b === "loss") - (a === "loss"));
  return names.map((title) => {
    const splits = ["train", "val"].filter((split) => curves[`${split}/${title}`]);
    const series = splits.map((split) => {
      const { epoch: x, value: y } = curves[`${split}/${title}`];
      return { name: SPLITS[split], x, y, color: classColor(split === "train" ? 1 : 0) };
    });
    return lineChart({ title, xLabel: "epoch", series, seek });
  });
}
