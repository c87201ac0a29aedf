"""Predict the rows of a CSV file: python example.py rows.csv > predictions.csv (onnxruntime and NumPy)."""

import csv
import json
import sys

import numpy as np
import onnxruntime

schema = json.load(open("schema.json", encoding="utf-8"))
file = open(sys.argv[1], encoding="utf-8-sig", newline="")
delimiter = max(",;\t|", key=file.readline().count)
file.seek(0)
header, *rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
names = [name.strip() for name in header]
x = np.full((len(rows), len(schema["columns"])), np.nan)
for k, column in enumerate(schema["columns"]):
    place = names.index(column["name"])
    for n, row in enumerate(rows):
        cell = row[place].strip()
        if column["kind"] == "category":
            x[n, k] = 1 if cell in schema["missing"] else column["codes"].get(cell, 0)
        elif cell not in schema["missing"]:
            x[n, k] = schema["words"].get(cell.lower(), cell)
(predictions,) = onnxruntime.InferenceSession("model.onnx").run(None, {"rows": x})
writer = csv.writer(sys.stdout)
writer.writerows([schema["outputs"], *predictions.reshape(len(rows), -1).tolist()])
