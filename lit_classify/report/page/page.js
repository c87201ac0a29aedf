// Adds interaction to the page: to the player, forms, charts and tables.

const DAY = 86400e3; // in milliseconds
const MAX_BARS = 20; // of the most probable classes or labels

// Update the row of a what-if form, its predictions, and those for other values of a column, when a field changes.
function attachForm(form) {
  const run = runs[form.dataset.run];
  const { columns, encoders, network, start, range: limits } = run.whatIf;
  const [low, high] = limits ?? [0, 1];
  const row = { ...start };
  const fields = all(form, ".inputs").map((inputs) => [...inputs.children]);
  const panels = all(form, ".sensitivity");
  const cursors = panels.map((panel, index) => panel.dataset.limits && attachChart(panel, (x) => move(index, x)));
  const outputsOf = (rows) => predict(network, columnsOf(rows.map((values) => encode(values, encoders))));
  let selected = 0;

  function setBars(bars, values, scale = 1) {
    bars.forEach((bar, index) => {
      bar.querySelector("rect")?.setAttribute("width", `${100 * clamp(values[index] / scale, 0, 1)}%`);
      write(bar.querySelector("b"), values[index]);
    });
  }
  // Show the predictions, and how they change with the selected column.
  function update() {
    const { name, options } = columns[selected];
    const panel = panels[selected];
    const values = outputsOf([row]).map(([value]) => value);
    const tried = outputsOf(options.map((value) => ({ ...row, [name]: value })));
    const output = network.task === "binary" ? 1 : argmax(values); // which bars show
    const bars = all(panel, ".bar");
    panels.forEach((other) => (other.hidden = other !== panel));
    const predictions = all(form, ".prediction");
    const lowest = [...values].sort((a, b) => b - a)[MAX_BARS - 1] ?? -Infinity;
    setBars(predictions, values);
    predictions.forEach((bar, index) => (bar.hidden = values[index] < lowest));
    setBars(bars, tried[output], limits ? largest(tried[output]) : 1);
    bars.forEach((bar, index) => bar.classList.toggle("current", options[index] === row[name]));
    all(panel, ".output").forEach((span) => (span.textContent = run.names[output]));
    all(panel, ".curve").forEach((curve) => {
      const heights = tried[curve.dataset.output].map((value) => 1 - (value - low) / (high - low));
      const point = (_, index) => `${index / (options.length - 1)} ${heights[index]}`;
      curve.setAttribute("d", `M${options.map(point).join("L")}`);
    });
    cursors[selected]?.(row[name] ?? start[name]);
  }
  // Return the value in the fields of a column: null if it is missing, undefined if it is another category.
  function read(index) {
    const { kind, options } = columns[index];
    const field = fields[index].at(-1);
    if (kind === "category") return options[field.selectedIndex];
    if (kind === "boolean") return Number(field.checked);
    return field.value === "" ? null : field.valueAsNumber / (kind === "date" ? DAY : 1);
  }
  function change(index) {
    const { name, min } = columns[index];
    const [slider, typed] = fields[index];
    row[name] = read(index);
    if (typed) slider.value = row[name] ?? min;
    select(index);
  }
  function move(index, value) {
    fields[index].at(-1).valueAsNumber = Number(value.toPrecision(6)) * (columns[index].kind === "date" ? DAY : 1);
    change(index);
  }
  const select = (index) => ((selected = index), update());
  fields.forEach(([field], index) =>
    listen(field.parentNode, {
      focusin: () => index !== selected && select(index),
      input: ({ target }) => (target.type === "range" ? move(index, target.valueAsNumber) : change(index)),
    }),
  );
  update();
  return (values) => outputsOf([{ ...start, ...values }]).map(([value]) => value);
}

function attachAll() {
  const forms = Object.fromEntries(all(document, ".form").map((form) => [form.dataset.run, attachForm(form)]));
  const [stages] = all(document, ".player").map(attachPlayer);
  all(document, ".learning figure").forEach((figure) => attachChart(figure));
  all(document, ".threshold").forEach(attachThreshold);
  all(document, ".choices").forEach(attachChoice);
  all(document, "table.sortable").forEach(makeSortable);
  all(document, ".command button").forEach((copy) =>
    listen(copy, {
      click() {
        getSelection().selectAllChildren(copy.previousElementSibling);
        document.execCommand("copy");
        copy.textContent = "Copied";
      },
    }),
  );
  // Return the outputs for a point of the player at a snapshot, or for a row of the form.
  function predictions(run, values, snapshot) {
    if (!Array.isArray(values)) return forms[run](values);
    const point = values.map((value) => Float64Array.of(value));
    return stages[run].outputsAt(point, snapshot).map(([value]) => value);
  }
  window.report = { predict: predictions };
}

attachAll();
