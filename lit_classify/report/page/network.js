"use strict";
// Computes the predictions of a network on rows of features. Columns are arrays of numbers over rows, one for each
// feature, unit or output.

const range = (length) => Array.from({ length }, (_, index) => index);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const floats = (base64) => new Float32Array(bytes(base64).buffer);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const elu = (x, alpha, scale) => (x > 0 ? x : alpha * Math.expm1(x / scale));

// The complementary error function, with a relative error below 1.2e-7 (Numerical Recipes, erfcc).
function erfc(x) {
  const t = 1 / (1 + Math.abs(x) / 2);
  const high = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807];
  const coefficients = [...high, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223];
  const result = t * Math.exp(-x * x + coefficients.reduce((sum, coefficient) => sum * t + coefficient, 0));
  return x >= 0 ? result : 2 - result;
}

function gelu(x, { approximate }) {
  if (approximate === "none") return 0.5 * x * erfc(-x / Math.SQRT2);
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const ACTIVATIONS = {
  CELU: (x, { alpha }) => elu(x, alpha, alpha),
  ELU: (x, { alpha }) => elu(x, alpha, 1),
  GELU: gelu,
  Hardshrink: (x, { lambd }) => (Math.abs(x) > lambd ? x : 0),
  Hardsigmoid: (x) => clamp(x / 6 + 0.5, 0, 1),
  Hardswish: (x) => x * clamp(x / 6 + 0.5, 0, 1),
  Hardtanh: (x, { min_val, max_val }) => clamp(x, min_val, max_val),
  LeakyReLU: (x, { negative_slope }) => (x > 0 ? x : negative_slope * x),
  LogSigmoid: (x) => -softplus(-x),
  Mish: (x) => x * Math.tanh(softplus(x)),
  PReLU: (x, { weight }) => (x > 0 ? x : weight * x),
  ReLU: (x) => (x > 0 ? x : 0),
  ReLU6: (x) => clamp(x, 0, 6),
  RReLU: (x, { lower, upper }) => (x > 0 ? x : (x * (lower + upper)) / 2),
  SELU: (x) => 1.0507009873554805 * elu(x, 1.6732632423543772, 1),
  SiLU: (x) => x * sigmoid(x),
  Sigmoid: sigmoid,
  Softplus: (x, { beta, threshold }) => (x * beta > threshold ? x : softplus(x * beta) / beta),
  Softshrink: (x, { lambd }) => Math.sign(x) * Math.max(Math.abs(x) - lambd, 0),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Tanh: Math.tanh,
  Tanhshrink: (x) => x - Math.tanh(x),
  Threshold: (x, { threshold, value }) => (x > threshold ? x : value),
};

// Inputs that are functions of two features, as in derived_inputs.py.
const INPUTS = {
  x1: (x1) => x1,
  x2: (x1, x2) => x2,
  "x1^2": (x1) => x1 * x1,
  "x2^2": (x1, x2) => x2 * x2,
  "x1*x2": (x1, x2) => x1 * x2,
  "sin(x1)": (x1) => Math.sin(x1),
  "sin(x2)": (x1, x2) => Math.sin(x2),
};

// Return the outputs of a linear layer; `weight` and `bias` are functions of the indices.
function combine(x, outputs, weight, bias) {
  return range(outputs).map((output) => {
    const sums = new Float64Array(x[0].length).fill(bias(output));
    x.forEach((values, input) => {
      const factor = weight(output, input);
      for (let row = 0; row < sums.length; row++) sums[row] += factor * values[row];
    });
    return sums;
  });
}

// Functions of a number, as in embeddings.py; `index` is that of a parameter, `edge` that of a bin's lower edge.
const EMBEDDINGS = {
  periodic: ({ frequency, phase }, index) => (value) =>
    Math.cos(2 * Math.PI * frequency.values[index] * value + phase.values[index]),
  piecewise({ edges }, index, edge) {
    const [low, high] = edges.values.subarray(edge);
    return (value) => (high > low ? clamp((value - low) / (high - low), 0, 1) : 0);
  },
};

// Return the embedding of one numeric feature: a linear layer over its functions.
function embedNumber({ kind, weight, bias, ...parameters }, member, column, values) {
  const [, columns, inputs, outputs] = weight.shape;
  const row = member * columns + column;
  const firstEdge = column * (inputs + 1);
  const embed = (input) => EMBEDDINGS[kind](parameters, row * inputs + input, firstEdge + input);
  const basis = range(inputs).map((input) => values.map(embed(input)));
  const weightOf = (output, input) => weight.values[(row * inputs + input) * outputs + output];
  return combine(basis, outputs, weightOf, (output) => bias?.values[row * outputs + output] ?? 0);
}

const LAYERS = {
  derived: ({ inputs }, member, [x1, x2]) =>
    inputs.map((name) => x1.map((value, row) => INPUTS[name](value, x2[row]))),
  linear({ weight, bias }, member, x) {
    const [, outputs, inputs] = weight.shape;
    const offset = member * outputs;
    const weightOf = (output, input) => weight.values[(offset + output) * inputs + input];
    return combine(x, outputs, weightOf, (output) => bias.values[offset + output]);
  },
  activation({ name, arguments: options, weight }, member, x) {
    const parameters = { ...options, weight: weight?.values[0] };
    return x.map((values) => values.map((value) => ACTIVATIONS[name](value, parameters)));
  },
  embedding({ numeric_columns, numbers, tables }, member, x) {
    const features = x.slice(0, x.length - tables.length);
    const codes = x.slice(features.length);
    for (const column of numeric_columns) {
      features[column] = x[column].map((value) => value / Math.sqrt(1 + (value / 3) ** 2));
    }
    const clipped = numeric_columns.map((column) => features[column]);
    const embedAll = (embedding) => clipped.map((values, column) => embedNumber(embedding, member, column, values));
    const embeddedCategories = tables.map(({ shape: [, count, size], values }, table) =>
      range(size).map((index) => codes[table].map((code) => values[(member * count + code) * size + index])),
    );
    return [...features, ...numbers.map(embedAll).flat(2), ...embeddedCategories.flat()];
  },
};

// Return a network with the weights of a snapshot, which are in the order of its arrays.
function withWeights(network, weights) {
  let offset = 0;
  const take = ({ shape }) => weights.subarray(offset, (offset += shape.reduce((size, length) => size * length)));
  const fill = (_, value) => (value?.shape ? { ...value, values: take(value) } : value);
  return JSON.parse(JSON.stringify(network), fill);
}

// Return the outputs of each layer, of which the last ones are the logits.
const forward = (network, member, x) => network.layers.map((layer) => (x = LAYERS[layer.kind](layer, member, x)));

// Return the probability of each class or label, or the value of a regression.
function taskOutputs({ task, center, scale }, logits) {
  if (task === "regression") return [logits[0].map((logit) => center + scale * logit)];
  if (task === "binary") return [logits[0].map((logit) => sigmoid(-logit)), logits[0].map(sigmoid)];
  if (task === "multilabel") return logits.map((column) => column.map(sigmoid));
  const highest = logits[0].map((_, row) => Math.max(...logits.map((column) => column[row])));
  const powers = logits.map((column) => column.map((logit, row) => Math.exp(logit - highest[row])));
  const sums = highest.map((_, row) => powers.reduce((sum, column) => sum + column[row], 0));
  return powers.map((column) => column.map((power, row) => power / sums[row]));
}

// Return the outputs of a member, or by default the mean of all.
function predict(network, x, member = -1) {
  const members = member < 0 ? range(network.members) : [member];
  const predictions = members.map((index) => taskOutputs(network, forward(network, index, x).at(-1)));
  const mean = (output, row) => predictions.reduce((sum, columns) => sum + columns[output][row], 0) / members.length;
  return predictions[0].map((column, output) => column.map((_, row) => mean(output, row)));
}

const columnsOf = (rows) => rows[0].map((_, column) => Float64Array.from(rows, (row) => row[column]));

// Return the features of a row of a table, as in training. The values of numeric columns, booleans (0 or 1) and dates
// (days since 1970) are numbers, those of categories are strings; missing ones are null.
function encode(row, encoders) {
  return encoders.flatMap((encoder) => {
    const value = row[encoder.name];
    if (encoder.kind === "category") {
      const index = encoder.categories.indexOf(value);
      const code = value === null ? 1 : index < 0 ? 0 : index + 2; // missing, unseen, known
      return encoder.embedded ? code : range(encoder.categories.length + 1).map((index) => Number(code === index + 1));
    }
    const present = value !== null && Math.abs(value) <= 3.4028234663852886e38;
    const number = present ? datePart(value, encoder.part) : encoder.median;
    const scaled = Math.fround(clamp((number - encoder.center) / encoder.scale, -1e15, 1e15));
    return encoder.indicator ? [scaled, Number(!present)] : scaled;
  });
}

function datePart(days, part) {
  const time = new Date(days * 86400e3);
  if (part === "year") return time.getUTCFullYear();
  if (part === "month") return time.getUTCMonth() + 1;
  if (part === "weekday") return time.getUTCDay() || 7;
  return part === "hour" ? time.getUTCHours() : days;
}
