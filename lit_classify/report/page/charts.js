// Changes the numbers, bars, charts and tables of the page.

const { runs, colors, darkColors } = JSON.parse(document.getElementById("data").textContent, (_, value) =>
  value?.data ? { shape: value.shape, values: floats(value.data) } : value,
);
const argmax = (values) => values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
const extent = (values) =>
  values.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
const largest = (values) => Math.max(...extent(values).map(Math.abs)) || 1;
const percent = (p) => `${(100 * p).toFixed(1)} %`;
const isDark = matchMedia("screen and (prefers-color-scheme: dark)");
const classColor = (index) => (isDark.matches ? darkColors : colors)[index % colors.length];
const indexAtMost = (values, limit) => Math.max(values.findLastIndex((value) => value <= limit), 0);
const all = (node, selector) => [...node.querySelectorAll(selector)];

function format(value, digits = 4) {
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-4 && size < 1e9);
  const options = Number.isInteger(value) ? {} : { maximumSignificantDigits: digits };
  const text = isPlain ? value.toLocaleString("en", options) : Number(value.toPrecision(digits)).toExponential();
  return text.replaceAll("-", "−");
}

// Write a number, which is null where it is undefined.
function write(element, value) {
  const show = element.matches(".percentage") ? percent : format;
  element.textContent = value === null ? "undefined" : show(value);
}

function listen(node, events) {
  Object.entries(events).forEach(([name, handle]) => node.addEventListener(name, handle));
}

// Move the cursor of a chart with the pointer and the arrow keys, or call `seek` with the value that they point at.
// Return the function that moves the cursor.
function attachChart(figure, seek) {
  const curves = JSON.parse(figure.dataset.curves);
  const [x0, x1] = JSON.parse(figure.dataset.limits);
  const [svg, area, cursor] = ["svg", ".area", ".cursor"].map((selector) => figure.querySelector(selector));
  const values = all(figure, ".legend b");
  let position = x1;
  function setCursor(value) {
    position = clamp(value, x0, x1);
    cursor.setAttribute("d", `M${(position - x0) / (x1 - x0 || 1)} 0v1`);
    curves.forEach(([x, y], index) => write(values[index], y[indexAtMost(x, position)]));
  }
  const move = seek ?? setCursor;
  const follow = ({ clientX }) => {
    const { left, width } = area.getBoundingClientRect();
    move(x0 + clamp((clientX - left) / width, 0, 1) * (x1 - x0));
  };
  listen(svg, {
    pointerdown: follow,
    pointermove: (event) => (!seek || event.buttons) && follow(event),
    keydown({ key }) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (step) move(clamp(position + (step * (x1 - x0)) / 100, x0, x1));
    },
  });
  return setCursor;
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    head.querySelector("button").addEventListener("click", () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      heads.forEach((other) => (other.ariaSort = null));
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      const order = (a, b) => sign * (key(a) - key(b) || key(a).localeCompare(key(b), "en"));
      body.append(...[...body.rows].sort(order));
    });
  });
}

// Update the counts, the metrics and the cursor of a panel when its slider or its costs change.
function attachThreshold(panel) {
  const { thresholds, ...columns } = JSON.parse(panel.dataset.columns);
  const [slider, ...costs] = all(panel, "input");
  const setCursor = attachChart(panel.querySelector("figure"), set);
  const [label, best] = all(panel, "output");
  const cells = all(panel, "[data-shows]");
  function set(threshold) {
    const [fp, fn] = costs.map(({ valueAsNumber }) => valueAsNumber || 0);
    const cost = thresholds.map((_, index) => columns.fp[index] * fp + columns.fn[index] * fn);
    const index = indexAtMost(thresholds, threshold);
    const lowest = argmax(cost.map((value) => -value));
    slider.value = threshold;
    label.textContent = thresholds[index].toFixed(2);
    setCursor(threshold);
    cells.forEach((cell) => write(cell, { ...columns, cost }[cell.dataset.shows][index]));
    const minimum = `${format(cost[lowest])}, at ${thresholds[lowest].toFixed(2)}`;
    best.textContent = `On these rows, the cost is lowest, ${minimum}.`;
  }
  listen(panel, { input: () => set(slider.valueAsNumber) });
  set(Number(slider.getAttribute("value")));
}

// Show the panel that is selected in the first element of a group.
function attachChoice(group) {
  const [select, ...panels] = group.children;
  const show = () => panels.forEach((panel, index) => (panel.hidden = index !== select.selectedIndex));
  listen(select, { change: show });
  show();
}
