"""Predict the rows of a CSV file: python example.py rows.csv > predictions.csv (onnxruntime and NumPy)."""

import csv
import json
import sys

import numpy as np
import onnxruntime
from read_rows import read_rows  # type: ignore[import-not-found]  # a file of the export

schema = json.load(open("schema.json", encoding="utf-8"))
x = np.array(read_rows(sys.argv[1], schema))
(predictions,) = onnxruntime.InferenceSession("model.onnx").run(None, {"rows": x})
writer = csv.writer(sys.stdout)
writer.writerows([schema["outputs"], *predictions.reshape(len(x), -1).tolist()])
