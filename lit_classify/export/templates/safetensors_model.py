"""Predict the rows of a CSV file: python example.py rows.csv > predictions.csv (torch and safetensors)."""

import csv
import json
import sys

import torch
from safetensors.torch import load_file
from torch import nn

schema, part = json.load(open("schema.json", encoding="utf-8")), load_file("model.safetensors")
file = open(sys.argv[1], encoding="utf-8-sig", newline="")
delimiter = max(",;\t|", key=file.readline().count)
file.seek(0)
names, *rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
x = torch.full((len(rows), len(schema["columns"])), torch.nan, dtype=torch.float64)
for place, column in enumerate(schema["columns"]):
    at = [name.strip() for name in names].index(column["name"])
    for number, row in enumerate(rows):
        cell = row[at].strip()
        if column["kind"] == "category":
            x[number, place] = 1 if cell in schema["missing"] else column["codes"].get(cell, 0)
        elif cell not in schema["missing"]:
            x[number, place] = float(schema["words"].get(cell.lower(), cell))

gaps = ~(x[:, part["numbers"]].abs() <= 3.4e38)
numbers = (torch.where(gaps, part["median"], x[:, part["numbers"]]) - part["center"]) / part["scale"]
parts = [numbers.clamp(-1e15, 1e15).float(), gaps[:, part["told"]].float()]
for number, place in enumerate(schema["categories"]):
    table = part[f"one_hot.{number}"]
    parts.append(table[x[:, place].long()] if table.numel() else x[:, [place]].float())
features = torch.cat(parts, dim=1)[:, part["order"]]
layers = []
for place, layer in enumerate(schema["layers"]):
    start = f"{schema['prefix']}{place}."
    own = {name.removeprefix(start): tensor for name, tensor in part.items() if name.startswith(start)}
    size = list(reversed(own["weight"].shape)) if layer == "Linear" else []
    layers.append(getattr(nn, layer)(*size))
    layers[-1].load_state_dict(own)
vectors = [part[name] for name in schema["embeddings"]]
codes = features[:, features.shape[1] - len(vectors) :].long()
known = [table[codes[:, number]] for number, table in enumerate(vectors)]
inputs = torch.cat([features[:, : features.shape[1] - len(vectors)], *known], dim=1)
with torch.no_grad():
    answers = nn.Sequential(*layers).eval()(inputs)
if schema["task"] == "MulticlassClassifier":
    answers = answers.softmax(dim=1)
elif schema["task"] == "Regressor":
    answers = part["model._center"] + part["model._scale"] * answers
else:
    answers = answers.sigmoid()
    answers = torch.cat([1 - answers, answers], dim=1) if schema["task"] == "BinaryClassifier" else answers
writer = csv.writer(sys.stdout)
writer.writerows([schema["outputs"], *answers.tolist()])
