// The player: the boundary, hidden units and weights of a network of two numbers at every snapshot.

const GRID = 64; // points of a map along each feature
const MAX_UNITS = 16; // shown of a layer
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
const mix = (from, to, part) => from.map((value, index) => Math.round(value + (to[index] - value) * part));

// Return a function from [0, 1] to pixels between colors.
function ramp(...stops) {
  const palette = range(129).map((level) => {
    const at = (level / 128) * (stops.length - 1);
    const index = Math.min(Math.floor(at), stops.length - 2);
    const [red, green, blue] = mix(stops[index], stops[index + 1], at - index);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  return (part) => palette[Math.round(128 * clamp(part, 0, 1))];
}

// Return the CSS color of a pixel.
const hex = (pixel) => `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;

// Return a function from the decision values at a pixel to the color of the largest, paler the less certain it is.
function classPainter(count, hard) {
  const surface = rgb(css("--surface"));
  const targets = range(count).map((index) => rgb(classColor(index)));
  const ramps = targets.map((color) => ramp(mix(surface, color, 0.16), mix(surface, color, 0.66)));
  return (values) => {
    let best = 0;
    let sum = 0;
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

// Return a function from the value at a pixel to yellow if it is low, and blue if it is high.
function valuePainter(low, high) {
  const values = ramp(rgb(colors[3]), rgb(css("--surface")), rgb(colors[1]));
  return ([value]) => values((value - low) / (high - low || 1));
}

// Paint fields over the grid, smoothly interpolated; `painter` returns the color of their values at a pixel.
function paint(canvas, fields, size, painter) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const values = new Float64Array(fields.length);
  for (let y = 0, pixel = 0; y < height; y++) {
    const v = (1 - y / (height - 1)) * (size - 1);
    const row = Math.min(Math.floor(v), size - 2);
    const b = v - row;
    for (let x = 0; x < width; x++) {
      const u = (x / (width - 1)) * (size - 1);
      const column = Math.min(Math.floor(u), size - 2);
      const a = u - column;
      const at = row * size + column;
      for (let index = 0; index < values.length; index++) {
        const field = fields[index];
        const low = field[at] * (1 - a) + field[at + 1] * a;
        values[index] = low * (1 - b) + (field[at + size] * (1 - a) + field[at + size + 1] * a) * b;
      }
      pixels[pixel++] = painter(values);
    }
  }
  context.putImageData(image, 0, 0);
}

// Resize a canvas to its size on the screen, and return its context in CSS pixels.
function fitted(canvas) {
  const ratio = devicePixelRatio || 1;
  const context = canvas.getContext("2d");
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  context.scale(ratio, ratio);
  return context;
}

const TASKS = { MulticlassClassifier: "multiclass", MultilabelClassifier: "multilabel", Regressor: "regression" };

// Return a run in the player. `options` are those of the controls, `seek` shows another epoch.
function makeStage(run, options, seek) {
  const { features, points, epochs, network, weights, grids, range: ranges } = run.player;
  const task = TASKS[run.task] ?? "binary";
  const size = network ? GRID : grids.size;
  const numbers = network ? floats(weights) : bytes(grids.probabilities);
  const length = numbers.length / epochs.length;
  const thresholds = network?.thresholds ?? [run.predictions?.threshold ?? 0.5];
  const fromPart = (feature, part) => ranges[feature][0] + part * (ranges[feature][1] - ranges[feature][0]);
  const toPart = (feature, raw) => (raw - ranges[feature][0]) / (ranges[feature][1] - ranges[feature][0]);
  const scaled = (x) =>
    x.map((values, at) => values.map((value) => (value - features[at].center) / features[at].scale));
  const cells = Float64Array.from(range(size * size));
  const grid = [
    cells.map((cell) => fromPart(0, (cell % size) / (size - 1))),
    cells.map((cell) => fromPart(1, Math.floor(cell / size) / (size - 1))),
  ];
  const inputs = scaled(grid);
  const targets = points?.y ?? [];
  const pointColumns = points && columnsOf(points.x);
  const target = (row) => (task === "multilabel" ? targets[row][options.label] : targets[row]);
  let snapshot = -1;
  let layers = [];
  let fields = [];
  let unit = null;
  let probe = null;
  let wrong = [];

  const name = `predictions of ${run.name} over ${features[0].name} and ${features[1].name}; arrow keys read a point`;
  const map = make("canvas", { width: 400, height: 400 });
  const readout = make("p", { class: "readout", "aria-live": "off" });
  const overlay = make("canvas", { class: "overlay", tabindex: 0, role: "img", "aria-label": name });
  const diagram = network && makeDiagram(run, (chosen) => ((unit = chosen), redraw()));
  const charts = curveCharts(run, seek);

  const snapshotOf = (index) => numbers.subarray(index * length, (index + 1) * length);
  const values = targets.length || task !== "regression" ? targets : [...outputsAt(grid, epochs.length - 1)[0]];
  const sorted = [...values].sort((a, b) => a - b);
  const ends = [0.05, 0.95].map((part) => sorted[Math.round(part * (sorted.length - 1))]); // of the color scale
  // Return the outputs at points of raw columns; those of a grid are interpolated between its four nearest ones.
  function outputsAt(x, index = snapshot) {
    const state = snapshotOf(index);
    const count = length / size ** 2;
    if (network) return predict(withParameters(network, state), scaled(x));
    const place = (feature, row) => clamp(toPart(feature, x[feature][row]), 0, 1) * (size - 1);
    return range(count).map((output) =>
      x[0].map((_, row) => {
        const [column, line] = [place(0, row), place(1, row)];
        const [left, low] = [column, line].map((at) => Math.min(Math.floor(at), size - 2));
        const at = (up, right) => state[((low + up) * size + left + right) * count + output] / 255;
        const between = (first, second, part) => first + part * (second - first);
        const along = (up) => between(at(up, 0), at(up, 1), column - left);
        return between(along(0), along(1), line - low);
      }),
    );
  }
  // Return columns whose largest is that of the predicted class: probabilities relative to the threshold.
  function decisions(outputs) {
    if (task === "multiclass" || task === "regression") return outputs;
    const output = task === "binary" ? 1 : options.label;
    const threshold = thresholds[task === "binary" ? 0 : output];
    return [outputs[output].map((p) => (1 - p) * threshold), outputs[output].map((p) => p * (1 - threshold))];
  }
  function show(epoch, again) {
    const index = lastAtMost(epochs, epoch);
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
    const field = unit && layers[unit.at][unit.index];
    if (field) paint(map, [field], size, signPainter(largest(field)));
    else if (task === "regression") paint(map, fields, size, valuePainter(...ends));
    else paint(map, decisions(fields), size, classPainter(decisions(fields).length, options.hard));
    if (points && task !== "regression") {
      const columns = decisions(outputsAt(pointColumns));
      wrong = targets.map((_, row) => argmax(columns.map((column) => column[row])) !== target(row));
    }
    drawPoints();
  }
  function drawPoints() {
    const context = fitted(overlay);
    const side = overlay.clientWidth;
    const [surface, text] = [css("--surface"), css("--text")];
    const valueColor = valuePainter(...ends);
    const outline = task === "regression" ? text : surface;
    const stroke = (color, width) => {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    };
    points?.x.forEach((point, row) => {
      const isTrain = points.split[row] === "train";
      const x = toPart(0, point[0]) * side;
      const y = (1 - toPart(1, point[1])) * side;
      if (!options[isTrain ? "train" : "test"]) return;
      context.beginPath();
      if (isTrain) context.arc(x, y, 2.8, 0, 7);
      else context.rect(x - 2.9, y - 2.9, 5.8, 5.8);
      context.fillStyle = task === "regression" ? hex(valueColor([targets[row]])) : classColor(target(row));
      context.fill();
      stroke(outline, 0.8);
      if (!wrong[row]) return;
      context.beginPath();
      context.arc(x, y, 5.5, 0, 7);
      stroke(text, 1.1);
    });
    if (probe) {
      context.beginPath();
      const x = toPart(0, probe[0]) * side;
      const y = (1 - toPart(1, probe[1])) * side;
      context.moveTo(x, 0);
      context.lineTo(x, side);
      context.moveTo(0, y);
      context.lineTo(side, y);
      stroke(text, 0.7);
    }
    fill(readout, describe());
  }
  function describe() {
    if (probe) {
      const outputs = outputsAt(probe.map((value) => Float64Array.of(value))).map(([value]) => value);
      const where = features.map((feature, index) => `${feature.name} ${format(probe[index], 3)}`).join(", ");
      const what = outputs.map((p, index) =>
        task === "regression" ? format(p) : `${nameOf(run, index)} ${percent(p)}`,
      );
      return `${where}: ${what.join(", ")}`;
    }
    if (unit) return diagram.describe(unit);
    const rows = (train) => wrong.filter((_, row) => (points.split[row] === "train") === train);
    const count = (found, split) => `${found.filter(Boolean).length} of ${found.length} ${split} points`;
    const what = network ? "Misclassified" : "Misclassified, interpolated between the points of a grid";
    return wrong.length ? `${what}: ${count(rows(true), "train")}, ${count(rows(false), "test")}` : "";
  }
  const setProbe = (point) => ((probe = point), drawPoints());
  overlay.addEventListener("pointermove", ({ clientX, clientY }) => {
    const { left, bottom, width, height } = overlay.getBoundingClientRect();
    setProbe([fromPart(0, (clientX - left) / width), fromPart(1, (bottom - clientY) / height)]);
  });
  const leave = () => ((readout.ariaLive = "off"), setProbe(null));
  for (const event of ["pointerleave", "blur"]) overlay.addEventListener(event, leave);
  overlay.addEventListener("focus", () => {
    readout.ariaLive = "polite"; // read aloud while the arrow keys move, not while epochs pass
    setProbe(probe ?? [fromPart(0, 0.5), fromPart(1, 0.5)]);
  });
  overlay.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    setProbe(probe.map((raw, feature) => fromPart(feature, clamp(toPart(feature, raw) + step[feature] / 50, 0, 1))));
  });
  const ticksOf = (feature) => [format(ranges[feature][0], 3), features[feature].name, format(ranges[feature][1], 3)];
  const axis = (feature) => ticksOf(feature).map((text) => span(text));
  const classes =
    { regression: [], multilabel: ["no", "yes"] }[task] ?? namesOf(run).map((_, index) => nameOf(run, index));
  const splits = Object.keys(SPLITS)
    .filter((split) => points?.split.includes(split))
    .map((split) => span(make("i", { class: `marker ${split}` }), SPLITS[split]));
  const swatches = classes.map((text, index) => swatch(classColor(index), text));
  if (task === "regression") swatches.push(...ends.map((end, index) => swatch(colors[index ? 1 : 3], format(end))));
  const legend = div("legend", swatches, splits);
  const square = div("map", map, overlay);
  const plot = div("plot", div("axis vertical", axis(1)), square, div("axis", axis(0)));
  const parts = div("parts", div(null, plot, legend, readout), diagram?.node, div("charts", charts.map(nodeOf)));
  const node = div("stage", make("h3", {}, run.name), parts);
  new ResizeObserver(() => (drawPoints(), diagram?.draw())).observe(map);
  return { node, epochs, show, redraw, outputsAt };
}

// Return the units of a network as small maps, connected by its weights; `choose` shows one in the large map.
function makeDiagram(run, choose) {
  const { network, features } = run.player;
  const linears = [...network.layers.keys()].filter((index) => network.layers[index].kind === "linear");
  const [first] = network.layers;
  const inputs = first.kind === "derived" ? first.inputs : features.map((feature) => feature.name);
  const counts = [inputs.length, ...linears.map((index) => network.layers[index].out_features)];
  const places = [...linears, network.layers.length]; // of the units' outputs: before the next weights
  const title = (layer) => (layer === 0 ? "inputs" : layer === linears.length ? "output" : `layer ${layer}`);
  const nameUnit = (layer, index) => {
    if (layer === 0) return inputs[index];
    return layer === linears.length
      ? nameOf(run, index + (network.task === "binary"))
      : `${title(layer)}, unit ${index + 1}`;
  };
  const links = make("canvas", { class: "links" });
  let current = null;
  let active = null;
  const units = counts.map((count, layer) =>
    range(Math.min(count, MAX_UNITS)).map((index) => {
      const enter = () => ((active = { layer, index, at: places[layer] }), choose(active), draw());
      const leave = () => ((active = null), choose(null), draw());
      const events = { pointerenter: enter, focus: enter, pointerleave: leave, blur: leave };
      return button(
        { class: "unit", "aria-label": nameUnit(layer, index), ...events },
        make("canvas", { width: GRID, height: GRID }),
      );
    }),
  );
  const heading = (layer) => title(layer) + (counts[layer] > MAX_UNITS ? `, ${MAX_UNITS} of ${counts[layer]}` : "");
  const column = (nodes, layer) => div("layer", span(heading(layer)), div(null, nodes));
  const node = div("network", links, units.map(column));
  function show(snapshot, layers) {
    current = snapshot;
    units.forEach((nodes, layer) => {
      const fields = layers[places[layer]].slice(0, nodes.length);
      const ends = fields.map(extent);
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
    const ends = units.map((nodes) =>
      nodes.map(({ offsetLeft: left, offsetTop: top, offsetWidth: size }) => [left, left + size, top + size / 2]),
    );
    linears.forEach((at, layer) => {
      const { weight, in_features } = current?.layers[at] ?? { weight: [] };
      const scale = largest(weight);
      const isNear = (input, output) => {
        if (!active) return true;
        return active.layer === layer ? active.index === input : active.layer === layer + 1 && active.index === output;
      };
      ends[layer + 1].forEach(([x2, , y2], output) =>
        ends[layer].forEach(([, x1, y1], input) => {
          const value = weight[output * in_features + input] / scale;
          const size = Math.abs(value);
          const middle = (x1 + x2) / 2;
          context.strokeStyle = classColor(value > 0 ? 1 : 0);
          context.globalAlpha = isNear(input, output) ? 0.15 + 0.75 * size : 0.05;
          context.lineWidth = 0.4 + 4 * size;
          context.beginPath();
          context.moveTo(x1, y1);
          context.bezierCurveTo(middle, y1, middle, y2, x2, y2);
          context.stroke();
        }),
      );
    });
  }
  const isDead = ({ layer, index }) => units[layer][index].classList.contains("dead");
  const describe = (unit) =>
    `${nameUnit(unit.layer, unit.index)}: ${isDead(unit) ? "the same everywhere" : "blue positive, red negative"}`;
  return { node, show, draw, describe };
}

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z";
const BACK = "M12 2.5v11L5 8zM3 2.5h2v11H3z";
const FORWARD = "M4 2.5v11L11 8zM11 2.5h2v11h-2z";
const SPEEDS = [2, 5, 10, 20, 40]; // snapshots per second

function playerSection() {
  const options = { hard: false, train: true, test: true, label: 0 };
  const stages = runs.map((run) => run.player && makeStage(run, options, seek));
  const present = stages.filter(Boolean);
  const epochs = [...new Set(present.flatMap((stage) => stage.epochs))].sort((a, b) => a - b);
  const last = epochs.length - 1;
  let current = last;
  let timer = 0;
  let speed = SPEEDS[2];
  const slider = field("range", "epoch", { max: last, value: last, step: 1 }, () => go(slider.valueAsNumber));
  const icon = (label, d, click) =>
    button({ class: "icon", "aria-label": label, click }, make("svg", { viewBox: "0 0 16 16" }, make("path", { d })));
  const label = make("b", { class: "epoch" });
  const play = icon("play", PLAY, () => run(!timer));
  function go(index) {
    current = slider.value = clamp(index, 0, last);
    slider.ariaValueText = label.textContent = `epoch ${format(epochs[current])}`;
    show();
  }
  function show(again) {
    present.forEach((stage) => stage.show(epochs[current], again));
  }
  function seek(epoch) {
    go(lastAtMost(epochs, epoch));
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
  const box = (name) => field("checkbox", null, { checked: options[name] }, ({ checked }) => set(name, checked));
  const check = (text, name) => make("label", {}, box(name), " ", text);
  const setSpeed = (index) => ((speed = SPEEDS[index]), timer && run(true));
  const rates = choice("speed", SPEEDS.map(String), 2, setSpeed);
  const labels = runs.find((each) => each.player && each.label_names)?.label_names;
  const labelled = labels && choice("label", labels, 0, (index) => set("label", index));
  const buttons = div("buttons", icon("step back", BACK, step(-1)), play, icon("step forward", FORWARD, step(1)));
  const hasClasses = runs.some((each) => each.player && each.task !== "Regressor");
  const hasPoints = runs.some((each) => each.player?.points);
  const checks = hasPoints ? [check("Train points", "train"), check("Test points", "test")] : [];
  if (hasClasses) checks.unshift(check("Regions only", "hard"));
  const controls = div("controls", buttons, slider, label, make("label", {}, "Speed ", rates), checks, labelled);
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => show(true));
  }
  const node = section("Training, replayed", controls, div("stages", present.map(nodeOf)));
  return { node, stages, start: () => go(last) };
}
