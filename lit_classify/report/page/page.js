// Fills the page: the player, and a form and plots of the predictions for each run.

// Return a form that predicts for any values of the columns of a table.
function formSection(run) {
  const { columns, encoders, start } = run.form;
  const row = { ...start };
  const network = { ...run.form.network, layers: run.form.network.layers.map(decodeLayer) };
  const outputsOf = (rows) => predict(network, columnsOf(rows.map((values) => encode(values, encoders))));
  const isNumber = network.task === "regression";
  const names = namesOf(run).map((_, index) => nameOf(run, index));
  const bars = make("div", { "aria-live": "polite" });
  const sensitivity = make("div");
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
    const { name, categories } = selected;
    const options = categories ? [...categories.filter((value) => value !== null), null] : [1, 0];
    const output = network.task === "binary" ? 1 : argmax(current);
    const values = outputsOf(options.map((value) => ({ ...row, [name]: value })))[output];
    const scale = isNumber ? largest(values) : 1;
    const title = `Prediction by ${name}${isNumber ? "" : `: probability of ${names[output]}`}`;
    const bars = options.map((value, index) => {
      const text = value === null ? "(missing)" : categories ? value : value ? "yes" : "no";
      const color = value === row[name] ? "var(--accent)" : "var(--muted)";
      return bar(text, values[index] / scale, isNumber ? format(values[index]) : percent(values[index]), color);
    });
    return figure(title, bars);
  }
  function curvesByValue() {
    const { name, kind, min, max } = selected;
    const x = range(81).map((index) => min + ((max - min) * index) / 80);
    if (row[name] > min && row[name] < max) x.push(row[name]);
    x.sort((a, b) => a - b);
    const curves = outputsOf(x.map((value) => ({ ...row, [name]: value })));
    const lines = network.task === "binary" ? [1] : [...curves.keys()];
    const color = (output) => classColor(isNumber ? 1 : output);
    const series = lines.map((output) => ({ name: names[output], x, y: curves[output], color: color(output) }));
    const axis = { title: `Prediction by ${name}`, xLabel: name, xFormat: kind === "date" ? day : format };
    const chart = lineChart({ ...axis, series, ...(isNumber ? {} : { yRange: [0, 1], yFormat: percent }) });
    chart.setCursor(row[name] ?? min);
    return chart.node;
  }
  function control(column) {
    const { name, kind, min, max, categories } = column;
    const set = (value) => ((row[name] = value), (selected = column), update());
    if (kind === "category") {
      const values = [...categories.filter((value) => value !== null), null, undefined];
      const texts = values.map((value) => (value === null ? "(missing)" : (value ?? "(another value)")));
      const select = choice(name, texts, values.indexOf(row[name]), (index) => set(values[index]));
      return [`${categories.length} categories`, select];
    }
    if (kind === "boolean") {
      const attributes = { checked: Boolean(row[name]) };
      return ["yes or no", field("checkbox", name, attributes, ({ checked }) => set(Number(checked)))];
    }
    const toText = kind === "date" ? day : (value) => String(Number(value.toPrecision(6)));
    const toValue = (text) => (text === "" ? null : kind === "date" ? Date.parse(text) / 86400e3 : Number(text));
    const typed = field(kind, name, { value: toText(row[name]), placeholder: "missing" }, ({ value }) => {
      slider.value = toValue(value) ?? min;
      set(toValue(value));
    });
    const slider = field("range", `${name}, slider`, { min, max, value: row[name] }, ({ valueAsNumber }) => {
      typed.value = toText(valueAsNumber);
      set(toValue(typed.value));
    });
    const [low, high] = kind === "date" ? [day(min), day(max)] : [format(min, 3), format(max, 3)];
    return [`${low} to ${high}`, slider, typed];
  }

  const controls = columns.map((column) => {
    const [hint, ...inputs] = control(column);
    const focusin = () => column !== selected && ((selected = column), update());
    const label = make("span", { title: column.name }, column.name, make("small", {}, hint));
    return div("control", label, make("div", { class: "inputs", focusin }, inputs));
  });
  update();
  const parts = [div(null, controls), div("result", bars, sensitivity)];
  const node = section("Try other values", div("columns", parts));
  return { node, predict: (values) => outputsOf([{ ...start, ...values }]).map(([value]) => value) };
}

// Return plots of the predictions of the evaluated rows.
function predictionSections(run) {
  const { targets, probabilities } = run.predictions;
  const names = namesOf(run).map((_, index) => nameOf(run, index));
  if (!Array.isArray(probabilities[0])) {
    const ends = extent([...targets, ...probabilities]);
    const chart = axes("predicted over actual values", "actual", ends, ends);
    chart.line(ends, ends, "var(--muted)");
    const dot = (target, row) =>
      make("circle", { class: "dot", cx: chart.toX(target), cy: chart.toY(probabilities[row]), r: 2.5 });
    chart.svg.append(...targets.map(dot));
    return section("Predicted over actual values", make("figure", {}, chart.svg));
  }
  const sections = [calibrationSection(run, names)];
  if (run.class_names && names.length === 2) sections.unshift(thresholdSection(run, names));
  else if (run.class_names && names.length <= 20) {
    const counts = names.map(() => names.map(() => 0));
    targets.forEach((target, row) => counts[target][argmax(probabilities[row])]++);
    sections.push(section("Confusion matrix", confusionTable(counts, names)));
  }
  return sections;
}

function confusionTable(counts, names) {
  const heads = names.map((name) => make("th", { scope: "col", class: "number" }, name));
  const rows = counts.map((row, actual) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const cells = row.map((count) =>
      make("td", { class: "number" }, format(count), make("small", {}, percent(count / total))),
    );
    return make("tr", {}, make("th", { scope: "row" }, names[actual]), cells);
  });
  const head = make("thead", {}, make("tr", {}, make("th", {}, "actual, predicted as"), heads));
  return div("scroll", make("table", { class: "confusion" }, head, make("tbody", {}, rows)));
}

function thresholdSection(run, names) {
  const { targets, probabilities, threshold } = run.predictions;
  const costs = { fp: 1, fn: 1 };
  const thresholds = range(101).map((index) => index / 100);
  const result = make("div");
  const text = make("output");
  const best = make("p", { class: "muted" });
  const count = (cut) => {
    const counts = [0, 1].map(() => [0, 0]);
    targets.forEach((target, row) => counts[target][Number(probabilities[row][1] > cut)]++);
    return counts;
  };
  const accuracy = ([[tn], [, tp]]) => (tn + tp) / targets.length;
  const precision = ([[, fp], [, tp]]) => tp / (tp + fp);
  const recall = ([, [fn, tp]]) => tp / (tp + fn);
  const cost = ([[, fp], [fn]]) => fp * costs.fp + fn * costs.fn;
  const series = [precision, recall]
    .map((score, index) => {
      const x = thresholds.filter((cut) => score(count(cut)) >= 0); // where it is defined
      return { name: score.name, x, y: x.map((cut) => score(count(cut))), color: classColor(1 - index) };
    })
    .filter(({ x }) => x.length);
  const axis = { title: "Precision and recall", xLabel: "threshold", yRange: [0, 1], yFormat: percent };
  const chart = lineChart({ ...axis, series, seek: set });
  const slider = field("range", "threshold", { max: 1, step: 0.01 }, ({ valueAsNumber }) => set(valueAsNumber));
  function set(cut) {
    slider.value = cut;
    text.textContent = cut.toFixed(2);
    chart.setCursor(cut);
    const counts = count(cut);
    const tile = (name, value) => div(null, make("dt", {}, name), make("dd", {}, value));
    const shares = [accuracy, precision, recall].map((score) => [score.name, score(counts)]);
    const tiles = shares.map(([name, share]) => tile(name, share >= 0 ? percent(share) : "undefined"));
    const list = make("dl", { class: "tiles" }, tiles, tile("cost", format(cost(counts))));
    fill(result, list, confusionTable(counts, names));
    const all = thresholds.map((other) => cost(count(other)));
    const at = argmax(all.map((value) => -value));
    fill(best, `On these rows, the cost is lowest, ${format(all[at])}, at ${thresholds[at].toFixed(2)}.`);
  }
  const costField = (label, name) => {
    const change = ({ valueAsNumber }) => ((costs[name] = valueAsNumber || 0), set(slider.valueAsNumber));
    return make("label", {}, label, " ", field("number", null, { min: 0, value: 1 }, change));
  };
  set(threshold ?? 0.5);
  const fields = [costField("Cost of a false positive", "fp"), costField("of a false negative", "fn")];
  const left = [div("controls", slider, text), result, div("controls", fields), best];
  const node = section(`Threshold for ${names[1]}`, div("columns", div(null, left), chart.node));
  node.classList.add("wide");
  return node;
}

function calibrationSection(run, names) {
  const { targets, probabilities } = run.predictions;
  const place = make("figure");
  const first = names.length === 2 ? 1 : 0;
  function draw(output) {
    const chart = axes("calibration", `predicted probability of ${names[output]}`, [0, 1], [0, 1]);
    const { svg, toX, toY } = chart;
    const isHit = (target) => (run.label_names ? target[output] : Number(target === output));
    const rows = probabilities.map((p, row) => ({ p: p[output], hit: isHit(targets[row]) }));
    const rowsOf = (bin) => rows.filter(({ p }) => Math.min(Math.floor(p * 10), 9) === bin);
    const bins = range(10)
      .map(rowsOf)
      .filter((bin) => bin.length);
    const most = Math.max(...bins.map((bin) => bin.length));
    const mean = (bin, name) => bin.reduce((sum, row) => sum + row[name], 0) / bin.length;
    chart.line([0, 1], [0, 1], "var(--muted)");
    for (const bin of bins) {
      const n = bin.length;
      const rate = mean(bin, "hit");
      const x = toX(mean(bin, "p"));
      const z = 1.96; // Wilson's interval
      const center = (rate + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
      const half = (z * Math.sqrt((rate * (1 - rate)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
      svg.append(make("line", { class: "interval", x1: x, x2: x, y1: toY(center - half), y2: toY(center + half) }));
      svg.append(make("circle", { class: "dot solid", cx: x, cy: toY(rate), r: 2.5 + 3.5 * Math.sqrt(n / most) }));
      const [left, above] = [rate > 0 && x > toX(0.9), rate < 0.1];
      const place = { x: x + (left ? -8 : 8), y: toY(rate) + (above ? -6 : 14) };
      svg.append(make("text", { ...place, "text-anchor": left ? "end" : "start" }, n));
    }
    fill(place, make("figcaption", {}, "Fraction of positives, with 95 % intervals and numbers of rows"), svg);
  }
  draw(first);
  return section("Calibration", names.length > 2 ? choice("class", names, first, draw) : null, place);
}

function main() {
  const place = (part, run) => document.querySelector(`[data-part="${part}"][data-run="${run}"]`);
  const playerPlace = document.querySelector("[data-part=player]");
  const player = playerPlace && playerSection();
  playerPlace?.replaceWith(player.node);
  player?.start();
  const forms = runs.map((run) => run.form?.columns && formSection(run));
  runs.forEach((run, index) => {
    place("form", index)?.replaceWith(forms[index].node);
    place("curves", index)?.replaceWith(section("Learning curves", div("charts", curveCharts(run).map(nodeOf))));
    if (run.predictions) place("predictions", index).prepend(...[predictionSections(run)].flat());
  });
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".command button").forEach((copy) =>
    copy.addEventListener("click", () => {
      getSelection().selectAllChildren(copy.previousElementSibling);
      document.execCommand("copy");
      copy.textContent = "Copied";
    }),
  );
  // Return the outputs for a point of the player at a snapshot, or for a row of the form.
  const outputs = (run, values, snapshot) => {
    if (!Array.isArray(values)) return forms[run].predict(values);
    const point = values.map((value) => Float64Array.of(value));
    return player.stages[run].outputsAt(point, snapshot).map(([value]) => value);
  };
  window.report = { predict: outputs };
}

main();
