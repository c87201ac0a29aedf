// Adds to the page what moves. Names reach the page through text nodes alone, never as HTML.

const { runs, colors } = JSON.parse(document.getElementById("data").textContent);
const GRID = 64; // points of a map along each feature
const MAX_UNITS = 16; // shown of a layer
const SVG = new Set(["svg", "path", "line", "circle", "text"]);
const CONTROL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
const argmax = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
const extent = (values) => values.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
const largest = (values) => Math.max(...extent(values).map(Math.abs)) || 1;
const percent = (p) => `${(100 * p).toFixed(1)} %`;
const day = (days) => new Date(days * 86400e3).toISOString().slice(0, 10);
const escapeControl = (text) => String(text).replace(CONTROL, (sign) => `\\x${sign.charCodeAt(0).toString(16)}`);

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

const section = (title, ...children) => make("section", {}, make("h3", {}, title), children);
const button = (attributes, ...children) => make("button", { type: "button", ...attributes }, children);

function choice(label, names, selected, change) {
  const options = names.map((name, index) => make("option", { selected: index === selected }, name));
  const select = make("select", { "aria-label": label, change: () => change(select.selectedIndex) }, options);
  return select;
}

const classColor = (index) => colors[index % colors.length];
const namesOf = (run) => run.class_names ?? run.label_names ?? ["prediction"];
const nameOf = (run, index) => (/^-?[\d.]+$/.test(namesOf(run)[index]) ? "class " : "") + namesOf(run)[index];

function makeSortable(table) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
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
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  return range(8).map((index) => (Math.ceil(low / step) + index) * step).filter((tick) => tick <= high + 1e-9 * step);
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
    const box = svg.getBoundingClientRect(), x = ((clientX - box.left) / box.width) * 460;
    return clamp(x0 + ((x - left) / (right - left)) * (x1 - x0), x0, x1);
  };
  const line = (x, y, stroke) => {
    const d = `M${[...x].map((value, index) => `${toX(value).toFixed(1)} ${toY(y[index]).toFixed(1)}`).join("L")}`;
    svg.append(make("path", { class: "curve", d, stroke }));
  };
  return { svg, toX, toY, line, fromPointer, top, bottom };
}

const swatch = (color, ...text) => make("span", {}, make("i", { class: "swatch", style: { background: color } }), text);
const figure = (title, ...children) => make("figure", {}, make("figcaption", {}, title), children);

// Return a chart of lines {name, x, y, color}, whose cursor is moved by the pointer and the arrow keys. With `seek`,
// they call it, and the cursor is moved by `setCursor`.
function lineChart({ title, xLabel, series, yRange, seek, xFormat, yFormat = format }) {
  const [x0, x1] = extent(series.flatMap(({ x }) => [...x])), [low, high] = extent(series.flatMap(({ y }) => [...y]));
  const margin = 0.05 * (high - low || 1);
  const chart = axes(title, xLabel, [x0, x1], yRange ?? [low - margin, high + margin], xFormat);
  const { svg, top, bottom } = chart, cursor = make("path", { class: "cursor" }), values = series.map(() => make("b"));
  for (const { x, y, color } of series) chart.line(x, y, color);
  svg.append(cursor);
  let at = x1;
  const setCursor = (x) => {
    at = x;
    cursor.setAttribute("d", `M${chart.toX(clamp(x, x0, x1))} ${top}V${bottom}`);
    series.forEach(({ x: xs, y }, index) => fill(values[index], yFormat(y[Math.max(xs.findLastIndex((value) => value <= x), 0)])));
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
  return { node: figure(title, svg, make("div", { class: "legend" }, legend)), setCursor };
}

function bar(name, fraction, text, background) {
  const filled = make("div", { style: { width: `${100 * clamp(fraction, 0, 1)}%`, background } });
  return make("div", { class: "bar" }, make("span", { title: name }, name), make("div", { class: "track" }, filled), make("b", {}, text));
}

// Return charts of the loss and of each metric; `seek` ties them to a player.
function curveCharts({ curves }, seek) {
  const names = [...new Set(Object.keys(curves).map((name) => name.split("/")[1]))];
  names.sort((a, b) => (b === "loss") - (a === "loss"));
  return names.map((title) => {
    const stages = ["train", "val"].filter((stage) => curves[`${stage}/${title}`]);
    const series = stages.map((stage) => {
      const { epoch: x, value: y } = curves[`${stage}/${title}`];
      return stage === "val" ? { name: "validation", x, y, color: classColor(0) } : { name: "train", x, y, color: classColor(1) };
    });
    return lineChart({ title, xLabel: "epoch", series, seek });
  });
}

// The player: the boundary, hidden units and weights of a network of two numbers at every snapshot.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
const mix = (from, to, part) => from.map((value, index) => Math.round(value + (to[index] - value) * part));

// Return a function from [0, 1] to pixels between colors.
function ramp(...stops) {
  const palette = range(129).map((level) => {
    const at = (level / 128) * (stops.length - 1), index = Math.min(Math.floor(at), stops.length - 2);
    const [red, green, blue] = mix(stops[index], stops[index + 1], at - index);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  return (part) => palette[Math.round(128 * clamp(part, 0, 1))];
}

// Return a function from the decision values at a pixel to the color of the largest, paler the less certain it is.
function classPainter(count, hard) {
  const surface = rgb(css("--surface")), targets = range(count).map((index) => rgb(classColor(index)));
  const ramps = targets.map((color) => ramp(mix(surface, color, 0.16), mix(surface, color, 0.66)));
  return (values) => {
    let best = 0, sum = 0;
    for (let index = 0; index < count; index++) {
      sum += values[index];
      if (values[index] > values[best]) best = index;
    }
    return ramps[best](hard ? 0.7 : (values[best] / sum - 1 / count) / (1 - 1 / count));
  };
}

// Return a function from the value at a pixel to red if it is negative, and blue if it is positive.
function signPainter(scale) {
  const signs = ramp(rgb(classColor(0)), rgb(css("--surface")), rgb(classColor(1)));
  return ([value]) => signs(value / scale / 2 + 0.5);
}

// Paint fields over the grid, smoothly interpolated; `painter` returns the color of their values at a pixel.
function paint(canvas, fields, size, painter) {
  const { width, height } = canvas, context = canvas.getContext("2d");
  const image = context.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
  const values = new Float64Array(fields.length);
  for (let y = 0, pixel = 0; y < height; y++) {
    const v = (1 - y / (height - 1)) * (size - 1), row = Math.min(Math.floor(v), size - 2), b = v - row;
    for (let x = 0; x < width; x++) {
      const u = (x / (width - 1)) * (size - 1), column = Math.min(Math.floor(u), size - 2), a = u - column;
      const at = row * size + column;
      for (let index = 0; index < values.length; index++) {
        const field = fields[index], low = field[at] * (1 - a) + field[at + 1] * a;
        values[index] = low * (1 - b) + (field[at + size] * (1 - a) + field[at + size + 1] * a) * b;
      }
      pixels[pixel++] = painter(values);
    }
  }
  context.putImageData(image, 0, 0);
}

function drawPoint(context, split, x, y, color) {
  context.beginPath();
  if (split === "train") context.arc(x, y, 2.8, 0, 7);
  else context.rect(x - 2.9, y - 2.9, 5.8, 5.8);
  context.fillStyle = color;
  context.strokeStyle = css("--surface");
  context.lineWidth = 0.8;
  context.fill();
  context.stroke();
}

// Resize a canvas to its size on the screen, and return its context in CSS pixels.
function fitted(canvas) {
  const ratio = devicePixelRatio || 1, context = canvas.getContext("2d");
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  context.scale(ratio, ratio);
  return context;
}

const TASKS = { MulticlassClassifier: "multiclass", MultilabelClassifier: "multilabel", Regressor: "regression" };

// Return a run in the player. `options` are those of the controls, `seek` shows another epoch.
function makeStage(run, options, seek) {
  const { features, points, epochs, network, weights, grids, range: ranges } = run.player;
  const task = TASKS[run.task] ?? "binary", size = network ? GRID : grids.size;
  const numbers = network ? floats(weights) : bytes(grids.probabilities), length = numbers.length / epochs.length;
  const thresholds = network?.thresholds ?? [run.predictions?.threshold ?? 0.5];
  const fromPart = (feature, part) => ranges[feature][0] + part * (ranges[feature][1] - ranges[feature][0]);
  const toPart = (feature, raw) => (raw - ranges[feature][0]) / (ranges[feature][1] - ranges[feature][0]);
  const scaled = (x) => x.map((values, at) => values.map((value) => (value - features[at].center) / features[at].scale));
  const cells = Float64Array.from(range(size * size));
  const grid = [cells.map((cell) => fromPart(0, (cell % size) / (size - 1))), cells.map((cell) => fromPart(1, Math.floor(cell / size) / (size - 1)))];
  const inputs = scaled(grid), targets = points?.y ?? [], pointColumns = points && columnsOf(points.x);
  const ends = extent(targets.flat()), target = (row) => (task === "multilabel" ? targets[row][options.label] : targets[row]);
  let snapshot = -1, layers = [], fields = [], unit = null, probe = null, wrong = [];

  const name = `predictions of ${run.name} over ${features[0].name} and ${features[1].name}; arrow keys read a point`;
  const map = make("canvas", { width: 400, height: 400 }), readout = make("output", { class: "readout" });
  const overlay = make("canvas", { class: "overlay", tabindex: 0, role: "img", "aria-label": name });
  const diagram = network && makeDiagram(run, (chosen) => ((unit = chosen), redraw()));
  const charts = curveCharts(run, seek);

  const snapshotOf = (index) => numbers.subarray(index * length, (index + 1) * length);
  // Return the outputs at points of raw columns; those of a grid are the nearest ones.
  function outputsAt(x, index = snapshot) {
    const state = snapshotOf(index), count = length / size ** 2;
    if (network) return predict(withParameters(network, state), scaled(x));
    const nearest = (feature, row) => Math.round(clamp(toPart(feature, x[feature][row]), 0, 1) * (size - 1));
    return range(count).map((output) => x[0].map((_, row) => state[(nearest(1, row) * size + nearest(0, row)) * count + output] / 255));
  }
  // Return columns whose largest is that of the predicted class: probabilities relative to the threshold.
  function decisions(outputs) {
    if (task === "multiclass" || task === "regression") return outputs;
    const output = task === "binary" ? 1 : options.label, threshold = thresholds[task === "binary" ? 0 : output];
    return [outputs[output].map((p) => (1 - p) * threshold), outputs[output].map((p) => p * (1 - threshold))];
  }
  function show(epoch, again) {
    const index = Math.max(epochs.findLastIndex((value) => value <= epoch), 0);
    charts.forEach((chart) => chart.setCursor(epoch));
    if (index === snapshot && !again) return;
    snapshot = index;
    if (network) {
      const current = withParameters(network, snapshotOf(index));
      layers = [inputs, ...forward(current, 0, inputs)];
      diagram.show(current, layers);
    }
    fields = network ? taskOutputs(network, layers.at(-1)) : outputsAt(grid);
    redraw();
  }
  function redraw() {
    const field = unit && layers[unit.at][unit.index], values = ramp(rgb(colors[3]), rgb(colors[1]));
    if (field) paint(map, [field], size, signPainter(largest(field)));
    else if (task === "regression") paint(map, fields, size, ([value]) => values((value - ends[0]) / (ends[1] - ends[0])));
    else paint(map, decisions(fields), size, classPainter(decisions(fields).length, options.hard));
    if (points && task !== "regression") {
      const columns = decisions(outputsAt(pointColumns));
      wrong = targets.map((_, row) => argmax(columns.map((column) => column[row])) !== target(row));
    }
    drawPoints();
  }
  function drawPoints() {
    const context = fitted(overlay), side = overlay.clientWidth, text = css("--text");
    const place = (point) => [toPart(0, point[0]) * side, (1 - toPart(1, point[1])) * side];
    points?.x.forEach((point, row) => {
      const split = points.split[row], [x, y] = place(point);
      if (!options[split === "train" ? "train" : "test"]) return;
      const color = mix(rgb(colors[3]), rgb(colors[1]), (targets[row] - ends[0]) / (ends[1] - ends[0]));
      drawPoint(context, split, x, y, task === "regression" ? `rgb(${color})` : classColor(target(row)));
      if (wrong[row]) {
        context.strokeStyle = text;
        context.lineWidth = 1.1;
        context.stroke(new Path2D(`M${x + 5.5} ${y}a5.5 5.5 0 1 0 -11 0a5.5 5.5 0 1 0 11 0`));
      }
    });
    if (probe) {
      const [x, y] = place(probe);
      context.strokeStyle = text;
      context.lineWidth = 0.7;
      context.stroke(new Path2D(`M${x} 0V${side}M0 ${y}H${side}`));
    }
    fill(readout, describe());
  }
  function describe() {
    if (probe) {
      const outputs = outputsAt(probe.map((value) => Float64Array.of(value))).map(([value]) => value);
      const where = features.map((feature, index) => `${feature.name} ${format(probe[index], 3)}`).join(", ");
      const what = outputs.map((p, index) => (task === "regression" ? format(p) : `${nameOf(run, index)} ${percent(p)}`));
      return `${where}: ${what.join(", ")}`;
    }
    if (unit) return diagram.describe(unit);
    const rows = (train) => wrong.filter((_, row) => (points.split[row] === "train") === train);
    const count = (found, split) => `${found.filter(Boolean).length} of ${found.length} ${split} points`;
    return wrong.length ? `Misclassified: ${count(rows(true), "train")}, ${count(rows(false), "test")}` : "";
  }
  const setProbe = (point) => ((probe = point), drawPoints());
  overlay.addEventListener("pointermove", ({ clientX, clientY }) => {
    const { left, bottom, width, height } = overlay.getBoundingClientRect();
    setProbe([fromPart(0, (clientX - left) / width), fromPart(1, (bottom - clientY) / height)]);
  });
  for (const event of ["pointerleave", "blur"]) overlay.addEventListener(event, () => setProbe(null));
  overlay.addEventListener("focus", () => setProbe(probe ?? [fromPart(0, 0.5), fromPart(1, 0.5)]));
  overlay.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    setProbe(probe.map((raw, feature) => fromPart(feature, clamp(toPart(feature, raw) + step[feature] / 50, 0, 1))));
  });
  const ticksOf = (feature) => [format(ranges[feature][0], 3), features[feature].name, format(ranges[feature][1], 3)];
  const axis = (feature) => ticksOf(feature).map((text) => make("span", {}, text));
  const classes = { regression: [], multilabel: ["no", "yes"] }[task] ?? namesOf(run).map((_, index) => nameOf(run, index));
  const splits = [...new Set(points?.split ?? [])].map((split) => make("span", {}, make("i", { class: `marker ${split}` }), split));
  const legend = make("div", { class: "legend" }, classes.map((text, index) => swatch(classColor(index), text)), splits);
  const plot = make("div", { class: "plot" }, make("div", { class: "axis vertical" }, axis(1)), make("div", { class: "map" }, map, overlay), make("div", { class: "axis" }, axis(0)));
  const parts = make("div", { class: "parts" }, make("div", {}, plot, legend, readout), diagram?.node);
  const node = make("div", { class: "stage" }, make("h4", {}, run.name), parts, make("div", { class: "charts" }, charts.map((chart) => chart.node)));
  new ResizeObserver(() => (drawPoints(), diagram?.draw())).observe(map);
  return { node, epochs, show, redraw, outputsAt };
}

// Return the units of a network as small maps, connected by its weights; `choose` shows one in the large map.
function makeDiagram(run, choose) {
  const { network, features } = run.player;
  const linears = [...network.layers.keys()].filter((index) => network.layers[index].kind === "linear");
  const counts = [2, ...linears.map((index) => network.layers[index].out_features)];
  const places = [0, ...linears.slice(1), network.layers.length]; // of the units' outputs: before the next weights
  const title = (layer) => (layer === 0 ? "inputs" : layer === linears.length ? "output" : `layer ${layer}`);
  const nameUnit = (layer, index) => {
    if (layer === 0) return features[index].name;
    return layer === linears.length ? nameOf(run, index + (network.task === "binary")) : `${title(layer)}, unit ${index + 1}`;
  };
  const links = make("canvas", { class: "links" });
  let current = null, active = null;
  const units = counts.map((count, layer) =>
    range(Math.min(count, MAX_UNITS)).map((index) => {
      const enter = () => ((active = { layer, index, at: places[layer] }), choose(active), draw());
      const leave = () => ((active = null), choose(null), draw());
      const events = { pointerenter: enter, focus: enter, pointerleave: leave, blur: leave };
      return button({ class: "unit", "aria-label": nameUnit(layer, index), ...events }, make("canvas", { width: GRID, height: GRID }));
    })
  );
  const heading = (layer) => title(layer) + (counts[layer] > MAX_UNITS ? `, ${MAX_UNITS} of ${counts[layer]}` : "");
  const column = (nodes, layer) => make("div", { class: "layer" }, make("span", {}, heading(layer)), make("div", {}, nodes));
  const node = make("div", { class: "network" }, links, units.map(column));
  function show(snapshot, layers) {
    current = snapshot;
    units.forEach((nodes, layer) => {
      const fields = layers[places[layer]].slice(0, nodes.length), ends = fields.map(extent);
      const painter = signPainter(largest(ends.flat())); // one scale for all units of a layer
      nodes.forEach((unit, index) => {
        paint(unit.firstChild, [fields[index]], GRID, painter);
        unit.classList.toggle("dead", ends[index][0] === ends[index][1]);
      });
    });
    draw();
  }
  function draw() {
    const context = fitted(links);
    linears.forEach((at, layer) => {
      const { weight, in_features } = current?.layers[at] ?? { weight: [] }, scale = largest(weight);
      const isNear = (input, output) => !active || [[layer, input], [layer + 1, output]].some(([place, index]) => active.layer === place && active.index === index);
      for (const [output, target] of units[layer + 1].entries()) {
        for (const [input, source] of units[layer].entries()) {
          const value = weight[output * in_features + input] / scale, size = Math.abs(value);
          const [x1, y1] = [source.offsetLeft + source.offsetWidth, source.offsetTop + source.offsetHeight / 2];
          const [x2, y2] = [target.offsetLeft, target.offsetTop + target.offsetHeight / 2], middle = (x1 + x2) / 2;
          context.strokeStyle = classColor(value > 0 ? 1 : 0);
          context.globalAlpha = isNear(input, output) ? 0.15 + 0.75 * size : 0.05;
          context.lineWidth = 0.4 + 4 * size;
          context.stroke(new Path2D(`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`));
        }
      }
    });
  }
  const isDead = ({ layer, index }) => units[layer][index].classList.contains("dead");
  const describe = (unit) => `${nameUnit(unit.layer, unit.index)}: ${isDead(unit) ? "the same everywhere" : "blue positive, red negative"}`;
  return { node, show, draw, describe };
}

const PLAY = "M4 2.5v11l9-5.5z", PAUSE = "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z", BACK = "M12 2.5v11L5 8zM3 2.5h2v11H3z";
const FORWARD = "M4 2.5v11L11 8zM11 2.5h2v11h-2z", SPEEDS = [2, 5, 10, 20, 40]; // snapshots per second

function playerSection() {
  const options = { hard: false, train: true, test: true, label: 0 };
  const stages = runs.map((run) => run.player && makeStage(run, options, seek)), present = stages.filter(Boolean);
  const epochs = [...new Set(present.flatMap((stage) => stage.epochs))].sort((a, b) => a - b), last = epochs.length - 1;
  let current = last, timer = 0, speed = SPEEDS[2];
  const slider = make("input", { type: "range", max: last, value: last, "aria-label": "epoch", input: () => go(slider.valueAsNumber) });
  const icon = (label, d, click) => button({ class: "icon", "aria-label": label, click }, make("svg", { viewBox: "0 0 16 16" }, make("path", { d })));
  const label = make("output", { class: "epoch" }), play = icon("play", PLAY, () => run(!timer));
  function go(index) {
    current = slider.value = clamp(index, 0, last);
    slider.ariaValueText = label.textContent = `epoch ${format(epochs[current])}`;
    show();
  }
  function show(again) {
    present.forEach((stage) => stage.show(epochs[current], again));
  }
  function seek(epoch) {
    go(epochs.findLastIndex((value) => value <= epoch));
  }
  function run(playing) {
    clearInterval(timer);
    if (playing && current === last) go(0);
    timer = playing ? setInterval(() => (current < last ? go(current + 1) : run(false)), 1000 / speed) : 0;
    play.ariaLabel = playing ? "pause" : "play";
    play.querySelector("path").setAttribute("d", playing ? PAUSE : PLAY);
  }
  const step = (by) => () => (run(false), go(current + by));
  const set = (name, value) => ((options[name] = value), present.forEach((stage) => stage.redraw()));
  const check = (text, name) => make("label", {}, make("input", { type: "checkbox", checked: options[name], change: (event) => set(name, event.target.checked) }), " ", text);
  const rates = choice("speed", SPEEDS.map((rate) => `${rate} / s`), 2, (index) => ((speed = SPEEDS[index]), timer && run(true)));
  const labels = runs.find((each) => each.player && each.label_names)?.label_names;
  const labelled = labels && choice("label", labels, 0, (index) => set("label", index));
  const buttons = make("div", { class: "buttons" }, icon("step back", BACK, step(-1)), play, icon("step forward", FORWARD, step(1)));
  const checks = [check("Regions only", "hard"), check("Train points", "train"), check("Test points", "test")];
  const controls = make("div", { class: "controls" }, buttons, slider, label, rates, checks, labelled);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(true));
  const node = section("Training, replayed", controls, make("div", { class: "stages" }, present.map((stage) => stage.node)));
  return { node, stages, start: () => go(last) };
}

// The form: predictions for any values of the columns of a table.

function formSection(run) {
  const { columns, encoders, start } = run.form, row = { ...start };
  const network = { ...run.form.network, layers: run.form.network.layers.map(decodeLayer) };
  const outputsOf = (rows) => predict(network, columnsOf(rows.map((values) => encode(values, encoders))));
  const isNumber = network.task === "regression", names = namesOf(run).map((_, index) => nameOf(run, index));
  const bars = make("div", { "aria-live": "polite" }), sensitivity = make("div");
  let selected = columns[0];

  function update() {
    const values = outputsOf([row]).map(([value]) => value);
    const items = values.map((p, index) => bar(names[index], p, percent(p), classColor(index)));
    fill(bars, isNumber ? make("p", { class: "value" }, format(values[0])) : items);
    const discrete = selected.kind === "category" || selected.kind === "boolean";
    fill(sensitivity, discrete ? barsByValue(values) : curvesByValue());
  }
  // Return the probability of the most probable class, or the value, for each category of the selected column.
  function barsByValue(current) {
    const { name, categories } = selected, options = categories ? [...categories.filter(Boolean), null] : [1, 0];
    const output = network.task === "binary" ? 1 : argmax(current);
    const values = outputsOf(options.map((value) => ({ ...row, [name]: value })))[output], scale = isNumber ? largest(values) : 1;
    const title = `Prediction by ${name}${isNumber ? "" : `: probability of ${names[output]}`}`;
    return figure(title, options.map((value, index) => {
      const text = value === null ? "(missing)" : categories ? value : value ? "yes" : "no";
      const color = value === row[name] ? "var(--accent)" : "var(--muted)";
      return bar(text, values[index] / scale, isNumber ? format(values[index]) : percent(values[index]), color);
    }));
  }
  function curvesByValue() {
    const { name, kind, min, max } = selected, x = range(81).map((index) => min + ((max - min) * index) / 80);
    if (row[name] > min && row[name] < max) x.push(row[name]);
    x.sort((a, b) => a - b);
    const curves = outputsOf(x.map((value) => ({ ...row, [name]: value })));
    const lines = network.task === "binary" ? [1] : [...curves.keys()];
    const series = lines.map((output) => ({ name: names[output], x, y: curves[output], color: classColor(isNumber ? 1 : output) }));
    const more = isNumber ? {} : { yRange: [0, 1], yFormat: percent };
    const chart = lineChart({ title: `Prediction by ${name}`, xLabel: name, series, xFormat: kind === "date" ? day : format, ...more });
    chart.setCursor(row[name] ?? min);
    return chart.node;
  }
  function control(column) {
    const { name, kind, min, max, categories } = column;
    const set = (value) => ((row[name] = value), (selected = column), update());
    if (kind === "category") {
      const values = [...categories.filter(Boolean), null, undefined];
      const texts = values.map((value) => (value === null ? "(missing)" : value ?? "(another value)"));
      return [`${categories.length} categories`, choice(name, texts, values.indexOf(row[name]), (index) => set(values[index]))];
    }
    if (kind === "boolean") {
      const change = (event) => set(Number(event.target.checked));
      return ["yes or no", make("input", { type: "checkbox", "aria-label": name, checked: Boolean(row[name]), change })];
    }
    const toText = kind === "date" ? day : (value) => String(Number(value.toPrecision(6)));
    const toValue = (text) => (text === "" ? null : kind === "date" ? Date.parse(text) / 86400e3 : Number(text));
    const attributes = { type: kind, step: "any", value: toText(row[name]), placeholder: "missing", "aria-label": name };
    const field = make("input", { ...attributes, input: () => ((slider.value = toValue(field.value) ?? min), set(toValue(field.value))) });
    const slide = () => ((field.value = toText(slider.valueAsNumber)), set(toValue(field.value)));
    const slider = make("input", { type: "range", min, max, step: "any", value: row[name], "aria-label": `${name}, slider`, input: slide });
    return [`${kind === "date" ? day(min) : format(min, 3)} to ${kind === "date" ? day(max) : format(max, 3)}`, slider, field];
  }

  const controls = columns.map((column) => {
    const [hint, ...inputs] = control(column);
    const focusin = () => column !== selected && ((selected = column), update());
    const label = make("span", { title: column.name }, column.name, make("small", {}, hint));
    return make("div", { class: "control" }, label, make("div", { class: "inputs", focusin }, inputs));
  });
  update();
  const parts = [make("div", {}, controls), make("div", { class: "result" }, bars, sensitivity)];
  const node = section("Try other values", make("div", { class: "columns" }, parts));
  return { node, predict: (values) => outputsOf([{ ...start, ...values }]).map(([value]) => value) };
}

// The predictions of the evaluated rows.

function predictionSections(run) {
  const { targets, probabilities } = run.predictions, names = namesOf(run).map((_, index) => nameOf(run, index));
  if (run.task === "Regressor") {
    const ends = extent([...targets, ...probabilities]), chart = axes("predicted over actual values", "actual", ends, ends);
    chart.line(ends, ends, "var(--muted)");
    const dot = (target, row) => make("circle", { class: "dot", cx: chart.toX(target), cy: chart.toY(probabilities[row]), r: 2.5 });
    chart.svg.append(...targets.map(dot));
    return section("Predicted over actual values", make("figure", {}, chart.svg));
  }
  const sections = [calibrationSection(run, names)];
  if (run.task === "BinaryClassifier") sections.unshift(thresholdSection(run, names));
  else if (run.class_names && names.length <= 20) {
    const counts = names.map(() => names.map(() => 0));
    targets.forEach((target, row) => counts[target][argmax(probabilities[row])]++);
    sections.push(section("Confusion matrix", confusionTable(counts, names)));
  }
  return sections;
}

function confusionTable(counts, names) {
  const heads = ["actual, predicted as", ...names].map((name) => make("th", { scope: "col" }, name));
  const rows = counts.map((row, actual) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const cells = row.map((count) => make("td", { class: "number" }, format(count), make("small", {}, percent(count / total))));
    return make("tr", {}, make("th", { scope: "row" }, names[actual]), cells);
  });
  return make("div", { class: "scroll" }, make("table", { class: "confusion" }, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows)));
}

function thresholdSection(run, names) {
  const { targets, probabilities, threshold } = run.predictions, costs = { fp: 1, fn: 1 };
  const thresholds = range(101).map((index) => index / 100);
  const result = make("div"), text = make("output"), best = make("p", { class: "muted" });
  const count = (cut) => {
    const counts = [[0, 0], [0, 0]];
    targets.forEach((target, row) => counts[target][Number(probabilities[row][1] > cut)]++);
    return counts;
  };
  const precision = ([[, fp], [, tp]]) => tp / (tp + fp), recall = ([, [fn, tp]]) => tp / (tp + fn);
  const cost = ([[, fp], [fn]]) => fp * costs.fp + fn * costs.fn;
  const series = [precision, recall].map((score, index) => {
    const x = thresholds.filter((cut) => score(count(cut)) >= 0); // where it is defined
    return { name: score.name, x, y: x.map((cut) => score(count(cut))), color: classColor(1 - index) };
  });
  const chart = lineChart({ title: "Precision and recall", xLabel: "threshold", series, yRange: [0, 1], yFormat: percent, seek: set });
  const input = () => set(slider.valueAsNumber);
  const slider = make("input", { type: "range", max: 1, step: 0.01, value: threshold, "aria-label": "threshold", input });
  function set(cut) {
    slider.value = cut;
    text.textContent = cut.toFixed(2);
    chart.setCursor(cut);
    const counts = count(cut), share = (p) => (p >= 0 ? percent(p) : "undefined");
    const accuracy = (counts[0][0] + counts[1][1]) / targets.length;
    const tiles = { accuracy: share(accuracy), precision: share(precision(counts)), recall: share(recall(counts)), cost: format(cost(counts)) };
    const tile = ([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
    fill(result, make("dl", { class: "tiles" }, Object.entries(tiles).map(tile)), confusionTable(counts, names));
    const all = thresholds.map((other) => cost(count(other))), at = argmax(all.map((value) => -value));
    fill(best, `On these rows, the cost is lowest, ${format(all[at])}, at ${thresholds[at].toFixed(2)}.`);
  }
  const field = (label, name) => {
    const change = (event) => ((costs[name] = event.target.valueAsNumber || 0), set(slider.valueAsNumber));
    return make("label", {}, label, " ", make("input", { type: "number", min: 0, step: "any", value: 1, input: change }));
  };
  set(threshold);
  const fields = [field("Cost of a false positive", "fp"), field("of a false negative", "fn")];
  const left = [make("div", { class: "controls" }, slider, text), result, make("div", { class: "controls" }, fields), best];
  const node = section(`Threshold for ${names[1]}`, make("div", { class: "columns" }, make("div", {}, left), chart.node));
  node.classList.add("wide");
  return node;
}

function calibrationSection(run, names) {
  const { targets, probabilities } = run.predictions, place = make("figure"), first = names.length === 2 ? 1 : 0;
  function draw(output) {
    const chart = axes("calibration", `predicted probability of ${names[output]}`, [0, 1], [0, 1]), { svg, toX, toY } = chart;
    const rows = probabilities.map((p, row) => ({ p: p[output], hit: run.label_names ? targets[row][output] : Number(targets[row] === output) }));
    const bins = range(10).map((bin) => rows.filter(({ p }) => Math.min(Math.floor(p * 10), 9) === bin)).filter((bin) => bin.length);
    const most = Math.max(...bins.map((bin) => bin.length)), mean = (bin, name) => bin.reduce((sum, row) => sum + row[name], 0) / bin.length;
    chart.line([0, 1], [0, 1], "var(--muted)");
    for (const bin of bins) {
      const n = bin.length, rate = mean(bin, "hit"), x = toX(mean(bin, "p")), z = 1.96; // Wilson's interval
      const center = (rate + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
      const half = (z * Math.sqrt((rate * (1 - rate)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
      svg.append(make("line", { class: "interval", x1: x, x2: x, y1: toY(center - half), y2: toY(center + half) }));
      svg.append(make("circle", { class: "dot solid", cx: x, cy: toY(rate), r: 2.5 + 3.5 * Math.sqrt(n / most) }));
      svg.append(make("text", { x: x + 8, y: toY(rate) + (rate < 0.1 ? -6 : 14) }, n));
    }
    fill(place, make("figcaption", {}, "Fraction of positives, with 95 % intervals and numbers of rows"), svg);
  }
  draw(first);
  return section("Calibration", names.length > 2 ? choice("class", names, first, draw) : null, place);
}

function main() {
  const place = (part, run) => document.querySelector(`[data-part="${part}"][data-run="${run}"]`);
  const playerPlace = document.querySelector("[data-part=player]"), player = playerPlace && playerSection();
  playerPlace?.replaceWith(player.node);
  player?.start();
  const forms = runs.map((run, index) => place("form", index) && formSection(run));
  runs.forEach((run, index) => {
    place("form", index)?.replaceWith(forms[index].node);
    const charts = make("div", { class: "charts" }, curveCharts(run).map((chart) => chart.node));
    place("curves", index)?.replaceWith(section("Learning curves", charts));
    if (run.predictions) place("predictions", index).prepend(...[predictionSections(run)].flat());
  });
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".command button").forEach((copy) =>
    copy.addEventListener("click", () => {
      getSelection().selectAllChildren(copy.previousElementSibling);
      document.execCommand("copy");
      copy.textContent = "Copied";
    })
  );
  // Return the outputs for a point of the player at a snapshot, or for a row of the form.
  const outputs = (run, values, snapshot) => {
    if (!Array.isArray(values)) return forms[run].predict(values);
    return player.stages[run].outputsAt(values.map((value) => Float64Array.of(value)), snapshot).map(([value]) => value);
  };
  window.report = { predict: outputs };
}

main();
