// The player: the boundary, hidden units and weights of a network of two features at every snapshot.

const GRID = 64; // points of a map along each feature
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgb = (color) => [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
const mix = (from, to, fraction) => from.map((value, index) => Math.round(value + (to[index] - value) * fraction));

// Return a function from [0, 1] to pixels between colors.
function ramp(...stops) {
  const palette = range(129).map((level) => {
    const position = (level / 128) * (stops.length - 1);
    const index = Math.min(Math.floor(position), stops.length - 2);
    const [red, green, blue] = mix(stops[index], stops[index + 1], position - index);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
  return (fraction) => palette[Math.round(128 * clamp(fraction, 0, 1))];
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

// Return a function from the value at a pixel to a color between those of low and of high values.
function valuePainter(lowColor, highColor, low, high) {
  const colorAt = ramp(rgb(colors[lowColor]), rgb(css("--surface")), rgb(colors[highColor]));
  return ([value]) => colorAt((value - low) / (high - low || 1));
}

// Return the value of a field over a grid at fractions of its width and height, between its four nearest points.
function interpolate(field, size, right, up) {
  const x = right * (size - 1);
  const y = up * (size - 1);
  const column = Math.min(Math.floor(x), size - 2);
  const row = Math.min(Math.floor(y), size - 2);
  const between = (index) => field[index] + (x - column) * (field[index + 1] - field[index]);
  const low = between(row * size + column);
  return low + (y - row) * (between((row + 1) * size + column) - low);
}

// Paint fields over a grid, smoothly interpolated; `painter` returns the color of their values at a pixel.
function paint(canvas, fields, size, painter) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const values = new Float64Array(fields.length);
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    const right = (pixel % width) / (width - 1);
    const up = 1 - Math.floor(pixel / width) / (height - 1);
    for (let index = 0; index < values.length; index++) values[index] = interpolate(fields[index], size, right, up);
    pixels[pixel] = painter(values);
  }
  context.putImageData(image, 0, 0);
}

// Attach a run of the player. `options` are those of the controls, `seek` shows another epoch.
function attachStage(node, options, seek) {
  const { names, featureNames, player } = runs[node.dataset.run];
  const { features, points, epochs, network, weights, grids, range: ranges, task, thresholds, values: limits } = player;
  const size = network ? GRID : grids.size;
  const snapshots = network ? floats(weights) : bytes(grids.probabilities);
  const length = snapshots.length / epochs.length;
  const snapshotOf = (index) => snapshots.subarray(index * length, (index + 1) * length);
  const fromFraction = (axis, fraction) => ranges[axis][0] + fraction * (ranges[axis][1] - ranges[axis][0]);
  const toFraction = (axis, raw) => (raw - ranges[axis][0]) / (ranges[axis][1] - ranges[axis][0]);
  const scaled = (x) =>
    x.map((values, axis) => values.map((value) => (value - features[axis].center) / features[axis].scale));
  const cells = Float64Array.from(range(size * size));
  const grid = [
    cells.map((cell) => fromFraction(0, (cell % size) / (size - 1))),
    cells.map((cell) => fromFraction(1, Math.floor(cell / size) / (size - 1))),
  ];
  const inputs = scaled(grid);
  const pointColumns = points && columnsOf(points.x);
  const target = (row) => (task === "multilabel" ? points.y[row][options.label] : points.y[row]);
  // Return the member that is shown; -1 is the mean of all.
  function member() {
    if (network?.members === 1) return 0;
    return options.member <= network?.members ? options.member - 1 : -1;
  }
  let snapshot = -1;
  let current = network;
  let layers = [];
  let fields = [];
  let unit = null;
  let probe = null;
  let wrong = [];

  const selectors = [".map canvas", ".overlay", ".cross", ".readout"];
  const [map, overlay, cross, readout] = selectors.map((selector) => node.querySelector(selector));
  const [dots, links] = [all(overlay, "circle, rect"), all(node, ".links path")];
  const cursors = all(node, "figure").map((figure) => attachChart(figure, seek));

  // Return the outputs at points, given as columns of raw values; those of a grid are interpolated.
  function outputsAt(x, index, memberIndex = -1) {
    const state = snapshotOf(index);
    const count = length / size ** 2;
    if (network) return predict(withWeights(network, state), scaled(x), memberIndex);
    const surfaces = range(count).map((output) => cells.map((cell) => state[cell * count + output] / 255));
    const [right, up] = x.map((values, axis) => values.map((value) => clamp(toFraction(axis, value), 0, 1)));
    return surfaces.map((surface) => right.map((value, row) => interpolate(surface, size, value, up[row])));
  }
  // Return columns of which the predicted class has the largest: probabilities relative to the threshold.
  function decisions(outputs) {
    if (task === "multiclass" || task === "regression") return outputs;
    const output = task === "binary" ? 1 : options.label;
    const threshold = thresholds[task === "binary" ? 0 : output];
    return [outputs[output].map((p) => (1 - p) * threshold), outputs[output].map((p) => p * (1 - threshold))];
  }
  function show(epoch, isForced) {
    const index = indexAtMost(epochs, epoch);
    cursors.forEach((setCursor) => setCursor(epoch));
    if (index === snapshot && !isForced) return;
    snapshot = index;
    if (network) {
      current = withWeights(network, snapshotOf(index));
      layers = [inputs, ...forward(current, Math.max(member(), 0), inputs)];
      all(node, ".layer").forEach((layer) => drawUnits(all(layer, ".unit")));
    }
    fields = member() < 0 ? outputsAt(grid, index) : taskOutputs(network, layers.at(-1));
    if (points && task !== "regression") {
      const columns = decisions(outputsAt(pointColumns, index, member()));
      wrong = points.y.map((_, row) => argmax(columns.map((column) => column[row])) !== target(row));
    }
    drawPoints();
    draw();
  }
  const fieldOf = ({ dataset }) => layers[dataset.position][dataset.index];
  // Draw the units of a layer, with one scale for all of them.
  function drawUnits(units) {
    const shown = units.map(fieldOf);
    const scale = largest(shown.flatMap(extent));
    const painter = valuePainter(0, 1, -scale, scale);
    shown.forEach((field, index) => {
      paint(units[index].firstElementChild, [field], GRID, painter);
      units[index].classList.toggle("dead", field.every((value) => value === field[0]));
    });
  }
  // Draw the map: of the chosen unit, or else of the predictions.
  function draw() {
    const field = unit && fieldOf(unit);
    const scale = field && largest(field);
    if (field) paint(map, [field], size, valuePainter(0, 1, -scale, scale));
    else if (task === "regression") paint(map, fields, size, valuePainter(3, 1, ...limits));
    else paint(map, decisions(fields), size, classPainter(decisions(fields).length, options.hard));
    drawLinks();
    readout.textContent = describe();
  }
  // Draw weights as lines whose width and color show size and sign; those of the chosen unit stand out.
  function drawLinks() {
    const scales = current?.layers.map(({ weight }) => weight && largest(weight.values));
    for (const link of links) {
      const { layer, index, from, to } = link.dataset;
      const { shape, values } = current.layers[layer].weight;
      const offset = Math.max(member(), 0) * shape[1] * shape[2];
      const value = values[offset + Number(index)] / scales[layer];
      const isNear = !unit || [from, to].includes(unit.dataset.unit);
      link.style.stroke = classColor(value > 0 ? 1 : 0);
      link.style.strokeWidth = 0.4 + 4 * Math.abs(value);
      link.style.opacity = isNear ? 0.15 + 0.75 * Math.abs(value) : 0.05;
    }
  }
  function drawPoints() {
    const painter = task === "regression" && valuePainter(3, 1, ...limits);
    dots.forEach((dot, row) => {
      dot.setAttribute("fill", painter ? hex(painter([target(row)])) : classColor(target(row)));
      dot.classList.toggle("wrong", Boolean(wrong[row]));
    });
    for (const split of ["train", "test"]) overlay.classList.toggle(`without-${split}`, !options[split]);
  }
  // Describe the predictions at the probe, the colors of the chosen unit, or the number of misclassified points.
  function describe() {
    if (probe) return describePoint(probe);
    const isDead = unit?.classList.contains("dead");
    if (unit) return `${unit.ariaLabel}: ${isDead ? "the same everywhere" : "blue positive, red negative"}`;
    const count = (isTrain, split) => {
      const rows = wrong.filter((_, row) => (points.split[row] === "train") === isTrain);
      return `${rows.filter(Boolean).length} of ${rows.length} ${split} points`;
    };
    const label = network ? "Misclassified" : "Misclassified, interpolated between the points of a grid";
    return wrong.length ? `${label}: ${count(true, "train")}, ${count(false, "test")}` : "";
  }
  function describePoint(raw) {
    const outputs = outputsAt(columnsOf([raw]), snapshot, member());
    const prediction = ([p], index) => (task === "regression" ? format(p) : `${names[index]} ${percent(p)}`);
    const coordinates = raw.map((value, axis) => `${featureNames[axis]} ${format(value, 3)}`);
    return `${coordinates.join(", ")}: ${outputs.map(prediction).join(", ")}`;
  }
  function setProbe(point) {
    probe = point;
    const [x, y] = point ? point.map((raw, axis) => 100 * toFraction(axis, raw)) : [-1, -1];
    cross.setAttribute("d", `M${x} 0V100M0 ${100 - y}H100`);
    readout.textContent = describe();
  }
  function leave() {
    readout.ariaLive = "off";
    setProbe(null);
  }
  listen(overlay, {
    pointermove({ clientX, clientY }) {
      const { left, bottom, width, height } = overlay.getBoundingClientRect();
      setProbe([fromFraction(0, (clientX - left) / width), fromFraction(1, (bottom - clientY) / height)]);
    },
    pointerleave: leave,
    blur: leave,
    focus() {
      readout.ariaLive = "polite"; // read aloud while the arrow keys move, not while epochs pass
      setProbe(probe ?? [fromFraction(0, 0.5), fromFraction(1, 0.5)]);
    },
    keydown(event) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step) return;
      event.preventDefault();
      setProbe(probe.map((raw, axis) => fromFraction(axis, clamp(toFraction(axis, raw) + step[axis] / 50, 0, 1))));
    },
  });
  function choose(button) {
    unit = button;
    draw();
  }
  for (const button of all(node, ".unit")) {
    const [enter, exit] = [() => choose(button), () => choose(null)];
    listen(button, { pointerenter: enter, focus: enter, pointerleave: exit, blur: exit });
  }
  return { epochs, show, outputsAt };
}

// Attach the controls of the player, and return its runs by their indices.
function attachPlayer(section) {
  const options = { hard: false, train: true, test: true, label: 0, member: 0 };
  const stages = all(section, ".stage").map((node) => [node.dataset.run, attachStage(node, options, seek)]);
  const epochs = [...new Set(stages.flatMap(([, stage]) => stage.epochs))].sort((a, b) => a - b);
  const last = epochs.length - 1;
  const [back, play, next] = all(section, ".icon");
  const [slider, label, speed] = [".slider", ".epoch", ".speed"].map((selector) => section.querySelector(selector));
  let current = last;
  let timer = 0;
  function show(isForced) {
    stages.forEach(([, stage]) => stage.show(epochs[current], isForced));
  }
  function go(index) {
    current = slider.value = clamp(index, 0, last);
    slider.ariaValueText = label.textContent = `epoch ${format(epochs[current])}`;
    show();
  }
  function seek(epoch) {
    go(indexAtMost(epochs, epoch));
  }
  function run(playing) {
    clearInterval(timer);
    if (playing && current === last) go(0);
    const advance = () => (current < last ? go(current + 1) : run(false));
    timer = playing ? setInterval(advance, 1000 / Number(speed.value)) : 0;
    play.ariaLabel = playing ? "pause" : "play";
  }
  function step(count) {
    run(false);
    go(current + count);
  }
  listen(back, { click: () => step(-1) });
  listen(play, { click: () => run(!timer) });
  listen(next, { click: () => step(1) });
  listen(slider, { input: () => go(slider.valueAsNumber) });
  listen(speed, { change: () => timer && run(true) });
  for (const control of all(section, "[data-option]")) {
    const read = () => (control.type === "checkbox" ? control.checked : control.selectedIndex);
    listen(control, { change: () => ((options[control.dataset.option] = read()), show(true)) });
  }
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    listen(matchMedia(query), { change: () => show(true) });
  }
  slider.max = last;
  go(last);
  return Object.fromEntries(stages);
}
