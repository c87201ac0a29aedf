"""Predict the rows of a CSV file: python example.py rows.csv > predictions.csv (torch and safetensors)."""

import csv
import json
import sys

import torch
from read_rows import read_rows  # type: ignore[import-not-found]  # a file of the export
from safetensors.torch import load_file
from torch import nn

schema, state = json.load(open("schema.json", encoding="utf-8")), load_file("model.safetensors")
x = torch.tensor(read_rows(sys.argv[1], schema), dtype=torch.float64)

fitted = {name.removeprefix("preprocessor."): tensor for name, tensor in state.items()}
numbers = x[:, fitted["numbers"]]
missing = ~(numbers.abs() <= 3.4e38)
scaled = (torch.where(missing, fitted["median"], numbers) - fitted["center"]) / fitted["scale"]
blocks = [scaled.clamp(-1e15, 1e15).float(), missing[:, fitted["indicators"]].float()]
for k, column in enumerate(schema["columns"]):
    if column["kind"] == "category":
        codes = x[:, [k]]
        if not column["embedded"]:
            codes = codes == torch.arange(1, len(column["codes"]) + 2)
        blocks.append(codes.float())
features = torch.cat(blocks, dim=1)[:, fitted["order"]]

# with K members, outputs have a leading dimension K
outputs = features
if schema["inputs"]:
    x1, x2 = features.T
    derived = {"x1": x1, "x2": x2, "x1^2": x1 * x1, "x2^2": x2 * x2, "x1*x2": x1 * x2}
    derived |= {"sin(x1)": x1.sin(), "sin(x2)": x2.sin()}
    outputs = torch.stack([derived[name] for name in schema["inputs"]], dim=1)
if schema["embedding"]:
    embedding = {
        n.removeprefix(schema["embedding"]): t for n, t in state.items() if n.startswith(schema["embedding"])
    }
    tables = [state[name] for name in schema["tables"]]
    outputs, codes = features.tensor_split([features.shape[1] - len(tables)], dim=1)
    columns = embedding["numeric_columns"]
    numbers = outputs[:, columns] / torch.sqrt(1 + (outputs[:, columns] / 3) ** 2)
    outputs = outputs.index_copy(1, columns, numbers)
    embedded = [table[..., codes[:, k].long(), :] for k, table in enumerate(tables)]
    for k in range(2):
        kind, numbers_t = f"numbers.{k}.", numbers.T.unsqueeze(-1)
        if f"{kind}frequency" in embedding:
            angles = 2 * torch.pi * numbers_t * embedding[f"{kind}frequency"] + embedding[f"{kind}phase"]
            functions = torch.cos(angles) @ embedding[f"{kind}weight"] + embedding[f"{kind}bias"]
        elif f"{kind}edges" in embedding:
            edges = embedding[f"{kind}edges"].unsqueeze(1)
            widths = edges.diff()
            slopes = torch.where(widths > 0, 1 / widths, 0.0)
            functions = ((numbers_t - edges[..., :-1]) * slopes).clamp(0, 1) @ embedding[f"{kind}weight"]
        else:
            continue
        embedded.insert(k, functions.transpose(-3, -2).flatten(-2))
    outputs = torch.cat([outputs.expand(*embedded[0].shape[:-1], -1), *embedded], dim=-1)
for index, layer in enumerate(schema["layers"]):
    start = f"{schema['prefix']}{index}."
    parameters = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
    if layer == "Linear":
        outputs = outputs @ parameters["weight"].T + parameters["bias"]
    elif layer == "MemberLinear":
        outputs = outputs @ parameters["weight"].mT + parameters["bias"].unsqueeze(1)
    else:
        module = getattr(nn, layer)()
        module.load_state_dict(parameters)
        outputs = module.eval()(outputs)
if schema["task"] == "MulticlassClassifier":
    outputs = outputs.softmax(dim=-1)
elif schema["task"] == "Regressor":
    outputs = state["model._center"] + state["model._scale"] * outputs
else:
    outputs = outputs.sigmoid()
    outputs = torch.cat([1 - outputs, outputs], dim=-1) if schema["task"] == "BinaryClassifier" else outputs
outputs = outputs.mean(dim=0) if schema["members"] > 1 else outputs
writer = csv.writer(sys.stdout)
writer.writerows([schema["outputs"], *outputs.tolist()])
