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

// Let the slider and the costs of a panel change its counts, its metrics and the cursor of its chart.
function attachThreshold(panel) {
  const { thresholds, ...columns } = JSON.parse(panel.dataset.columns);
  const [slider, ...costs] = panel.querySelectorAll("input");
  const setCursor = attachChart(panel.querySelector("figure"), set);
  const [position, best] = panel.querySelectorAll("output");
  const places = panel.querySelectorAll("[data-shows]");
  function set(threshold) {
    const price = costs.map(({ valueAsNumber }) => valueAsNumber || 0);
    const cost = thresholds.map((_, at) => columns.fp[at] * price[0] + columns.fn[at] * price[1]);
    const at = lastAtMost(thresholds, threshold);
    const lowest = argmax(cost.map((value) => -value));
    slider.value = threshold;
    position.textContent = threshold.toFixed(2);
    setCursor(threshold);
    places.forEach((place) => write(place, { ...columns, cost }[place.dataset.shows][at]));
    best.textContent =
      `On these rows, the cost is lowest, ${format(cost[lowest])}, at ${thresholds[lowest].toFixed(2)}.`;
  }
  const update = () => set(slider.valueAsNumber);
  [slider, ...costs].forEach((input) => input.addEventListener("input", update));
  set(Number(slider.getAttribute("value")));
}

// Show the panel that is chosen by the first element of a group.
function attachChoice(group) {
  const [select, ...panels] = group.children;
  const show = () => panels.forEach((panel, index) => (panel.hidden = index !== select.selectedIndex));
  select.addEventListener("change", show);
  show();
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
  });
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".threshold").forEach(attachThreshold);
  document.querySelectorAll(".choices").forEach(attachChoice);
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
