"""Predict the rows of a CSV file: python example.py rows.csv > predictions.csv (torch and safetensors)."""

import csv
import json
import sys

import torch
from safetensors.torch import load_file
from torch import nn

schema, state = json.load(open("schema.json", encoding="utf-8")), load_file("model.safetensors")
file = open(sys.argv[1], encoding="utf-8-sig", newline="")
delimiter = max(",;\t|", key=file.readline().count)
file.seek(0)
header, *rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
names = [name.strip() for name in header]
x = torch.full((len(rows), len(schema["columns"])), torch.nan, dtype=torch.float64)
for k, column in enumerate(schema["columns"]):
    place = names.index(column["name"])
    for n, row in enumerate(rows):
        cell = row[place].strip()
        if column["kind"] == "category":
            x[n, k] = 1 if cell in schema["missing"] else column["codes"].get(cell, 0)
        elif cell not in schema["missing"]:
            x[n, k] = float(schema["words"].get(cell.lower(), cell))

fitted = {name.removeprefix("preprocessor."): tensor for name, tensor in state.items()}
numbers = x[:, fitted["numbers"]]
missing = ~(numbers.abs() <= 3.4e38)
scaled = (torch.where(missing, fitted["median"], numbers) - fitted["center"]) / fitted["scale"]
parts = [scaled.clamp(-1e15, 1e15).float(), missing[:, fitted["indicators"]].float()]
for k, column in enumerate(schema["columns"]):
    if column["kind"] == "category":
        codes = x[:, [k]]
        if not column["embedded"]:
            codes = codes == torch.arange(1, len(column["codes"]) + 2)
        parts.append(codes.float())
features = torch.cat(parts, dim=1)[:, fitted["order"]]

layers = []
for index, layer in enumerate(schema["layers"]):
    prefix = f"{schema['prefix']}{index}."
    parameters = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    size = list(reversed(parameters["weight"].shape)) if layer == "Linear" else []
    layers.append(getattr(nn, layer)(*size))
    layers[-1].load_state_dict(parameters)
tables = [state[name] for name in schema["embeddings"]]
numeric, codes = features.tensor_split([features.shape[1] - len(tables)], dim=1)
inputs = torch.cat([numeric, *(table[codes[:, k].long()] for k, table in enumerate(tables))], dim=1)
with torch.no_grad():
    outputs = nn.Sequential(*layers).eval()(inputs)
if schema["task"] == "MulticlassClassifier":
    outputs = outputs.softmax(dim=1)
elif schema["task"] == "Regressor":
    outputs = state["model._center"] + state["model._scale"] * outputs
else:
    outputs = outputs.sigmoid()
    outputs = torch.cat([1 - outputs, outputs], dim=1) if schema["task"] == "BinaryClassifier" else outputs
writer = csv.writer(sys.stdout)
writer.writerows([schema["outputs"], *outputs.tolist()])
