"""Strategies for user input: tables, labels, recipes and command lines, most of them invalid."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
import yaml
from hypothesis import strategies as st
from torch import Tensor

from lit_classify import recipes
from lit_classify.cli.main import COMMANDS

_PLAIN = "0 -1 1 2 0.5 1e308 1e-320 -0 nan inf -inf 1e999 NA ? null true False yes no 1,5 01 +3 0x10 12:30"
_PLAIN += ' 2024-02-30 é 日本 \u202e " 5" "a 1e300 \' a,b =1+1 # - __ target 007 ' + "9" * 19 + " " + "9" * 40
ODD = st.sampled_from(["", " ", "\t", "a b", "1 000", *_PLAIN.split()])
WORDS = st.one_of(ODD, st.text(max_size=5))
KINDS: list[st.SearchStrategy[str]] = [
    st.integers(-3, 40).map(str),
    st.floats(allow_nan=False, width=32).map(str),
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["red", "green", "blue"]),
    st.sampled_from(["0", "1"]),
    st.just("same"),
    st.just(""),
    st.one_of(st.integers(0, 9).map(str), st.just(""), st.just("NA")),
    WORDS,
]
NAMES = ["a", "b", "c", "d", "target"]


OBJECTS: list[st.SearchStrategy[Any]] = [
    *(
        st.integers(),
        st.floats(),
        st.booleans(),
        st.dates(),
        st.datetimes(),
        st.timedeltas(),
        st.times(),
        WORDS,
    ),
    *(st.decimals(allow_nan=False), st.binary(max_size=2), st.lists(st.integers(), max_size=2)),
    *(st.complex_numbers(), st.none(), st.sampled_from(["red", "green"]), st.integers(0, 3)),
]
CONVERSIONS: list[Callable[[pd.DataFrame], pd.DataFrame]] = [
    lambda frame: frame,
    lambda frame: frame.infer_objects(),
    lambda frame: frame.convert_dtypes(),
    lambda frame: frame.astype("category"),
]


def _writer(delimiter: str) -> Callable[[list[str]], str]:
    def write(cells: list[str]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="").writerow(cells)
        return text.getvalue()

    return write


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Draw a file that is a valid or nearly valid table."""
    names = draw(st.one_of(st.just(NAMES[-3:]), st.just(NAMES), st.lists(WORDS, min_size=1, max_size=4)))
    num_rows = draw(st.one_of(st.integers(0, 6), st.integers(10, 40)))
    kinds = [draw(st.sampled_from(KINDS)) for _ in names]
    columns = [draw(st.lists(kind, min_size=num_rows, max_size=num_rows)) for kind in kinds]
    lines = [list(names), *map(list, zip(*columns, strict=True))]
    if draw(st.booleans()) and draw(st.booleans()):
        line = draw(st.sampled_from(lines))
        line[draw(st.integers(0, len(line) - 1)) :] = draw(st.lists(WORDS, max_size=6))
    delimiter, end = draw(st.sampled_from(",,,;\t|")), draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    write = delimiter.join if draw(st.integers(0, 5)) == 0 else _writer(delimiter)  # cells are not quoted
    text = end.join(map(write, lines)) + draw(st.sampled_from(["", end, end * 3]))
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "latin-1"]))
    content = bytearray(text.encode(encoding, errors="replace"))
    if content and draw(st.integers(0, 9)) == 0:
        for _ in range(draw(st.integers(1, 3))):
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a DataFrame whose columns hold objects of one kind or two, and missing values."""
    num_rows, columns = draw(st.one_of(st.integers(0, 6), st.integers(10, 40))), {}
    for name in NAMES:
        kinds = draw(st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=2))
        cell = st.one_of(kinds) if draw(st.booleans()) else kinds[0]
        cells = draw(st.lists(cell, min_size=num_rows, max_size=num_rows))
        columns[name] = pd.Series(cells, dtype=object)
    frame = pd.DataFrame(columns)
    try:
        return draw(st.sampled_from(CONVERSIONS))(frame)
    except (TypeError, ValueError, OverflowError):  # pandas cannot convert such objects
        return frame


@st.composite
def table_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments of TableDataModule other than the path."""
    name = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), WORDS)
    some = st.lists(name, max_size=3)
    settings: dict[str, Any] = {"target": draw(st.one_of(st.just("target"), name, some))}
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "features": some,
        "ignore": some,
        "categorical": some,
        "numeric": some,
        "split": name,
        "groups": name,
        "sample_weight": name,
        "missing": st.sampled_from(["impute", "error", "drop"]),
        "scaling": st.sampled_from(["standard", "robust", "none"]),
        "handle_unknown": st.sampled_from(["error", "ignore"]),
        "delimiter": st.sampled_from([",", ";", "\t", "", "ab", "\n"]),
        "header": st.booleans(),
        "encoding": st.sampled_from(["utf-8", "latin-1", "utf-16", "klingon"]),
        "test_fraction": st.sampled_from([0.0, 0.2, 0.9, 1.0, -1.0, float("nan")]),
        "val_fraction": st.sampled_from([0.0, 0.2, 0.9, 1.0]),
        "folds": st.sampled_from([0, 2, 8, 1, -3, 10**9]),
        "batch_size": st.sampled_from([None, 1, 64, 0, -5, "auto"]),
        "random_state": st.sampled_from([0, 42, -1, 2**40]),
    }
    for key in draw(st.lists(st.sampled_from(sorted(strategies)), max_size=3, unique=True)):
        settings[key] = draw(strategies[key])
    return settings


@st.composite
def labels(draw: st.DrawFn) -> Tensor:
    """Draw targets that a custom data module might return."""
    shape = draw(st.sampled_from([(6,), (6,), (6, 1), (6, 3), (0,), (5,), ()]))
    values: list[Callable[[], Tensor]] = [
        lambda: torch.randint(0, 2, shape),
        lambda: torch.randint(-2, 4, shape),
        lambda: torch.full(shape, -100),
        lambda: torch.rand(shape),
        lambda: torch.full(shape, float("nan")),
        lambda: torch.randint(1, 3, shape),
    ]
    dtypes = [torch.int64, torch.int64, torch.float32, torch.int32, torch.bool, torch.float64, torch.uint8]
    torch.manual_seed(draw(st.integers(0, 100)))
    return draw(st.sampled_from(values))().to(draw(st.sampled_from(dtypes)))


JUNK = st.one_of(
    ODD,
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.sampled_from([10**15, -1.5, 0.0, 1e30, float("nan"), float("inf")]),
    st.lists(st.one_of(ODD, st.integers(-1, 20)), max_size=3),
    st.dictionaries(st.sampled_from(["class_path", "init_args", "lr", "a"]), ODD, max_size=2),
    st.sampled_from(["SGD", "Adam", "LBFGS", "StepLR", "ReLU", "Softmax", "os.system", "torch.nn.Linear"]),
)
# limits of time and memory
BOUND = ["--trainer.max_epochs", "1", "--trainer.max_steps", "2", "--plots", "none"]
BOUND += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.strategy", "auto"]


def _misspelt(draw: st.DrawFn, word: str) -> str:
    position = draw(st.integers(0, len(word)))
    return word[:position] + draw(st.sampled_from(["", "x", "-", " ", "é"])) + word[position + 1 :]


@st.composite
def recipe_files(draw: st.DrawFn) -> str:
    """Draw a recipe with errors."""
    name = draw(st.sampled_from(["circles_v2", "line", "blobs", "moons", "spirals"]))
    content = recipes.read(name)
    for _ in range(draw(st.integers(0, 2))):
        inner = content
        while True:
            key = draw(st.sampled_from(sorted(inner)))
            if isinstance(inner[key], dict) and inner[key] and draw(st.integers(0, 3)):
                inner = inner[key]
            else:
                break
        alteration = draw(st.integers(0, 4))
        if alteration == 0 and len(inner) > 1:
            del inner[key]
        elif alteration == 1:
            inner[_misspelt(draw, key)] = inner.pop(key)
        else:
            inner[key] = draw(JUNK)
    text: str = yaml.safe_dump(content, allow_unicode=True)
    if draw(st.integers(0, 7)) == 0:
        position = draw(st.integers(0, len(text)))
        odd = ["\t", ":", "- ", "{", "&a ", "*a", "!!python/name:os.system", "\0"]
        text = text[:position] + draw(st.sampled_from(odd))
        text += draw(st.sampled_from(["", "model: 1", "]"]))
    return text


_MODEL = "hidden lr activation optimizer dropout network lr_scheduler optimizer_args.momentum class_weight"
_DATA = "noise batch_size test_fraction val_fraction shuffle path target ignore num_samples random_state"
_DATA += " inputs"
_TRAINER = (
    "precision gradient_clip_val limit_val_batches overfit_batches callbacks logger min_epochs fast_dev_run"
)
_OTHERS = "model data ckpt_path seed_everything log_every_n_epochs recipe.name plots out keep overwrite"
_OTHERS += " test_best config print_config help model.in_features"
OPTIONS = [
    *(f"--model.{name}" for name in _MODEL.split()),
    *(f"--data.{name}" for name in _DATA.split()),
    *(f"--trainer.{name}" for name in _TRAINER.split()),
    *(f"--{name}" for name in _OTHERS.split()),
]
_VALUES = "[10] [1, {} [[1]] null 0.1 1e-3 16 bf16 SGD x.y.Z t.csv last best moons TableDataModule"
_VALUES += " [x1,x2^2] BlobsDataModule BinaryClassifier Regressor"
VALUES = st.one_of(ODD, st.sampled_from(_VALUES.split()))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw a command line whose training is short."""
    odd = draw(st.integers(0, 9)) == 0
    command = draw(ODD if odd else st.sampled_from(["fit", "fit", "fit", "test", *COMMANDS]))
    if command in {"plot", "verify"}:  # with the name of a recipe they would train it
        return [
            command,
            draw(
                st.sampled_from(["nothing", "--outt", "--out", "-1", "circles_v22", "nowhere.ckpt", "last"])
            ),
        ]
    arguments = [command]
    if draw(st.integers(0, 5)):
        arguments += [
            "--config",
            draw(st.sampled_from(["circles_v2", "line", "blobs", "moons", "table", "moon"])),
        ]
    for _ in range(draw(st.integers(0, 3))):
        option = draw(st.sampled_from(OPTIONS))
        option = _misspelt(draw, option) if draw(st.integers(0, 5)) == 0 else option
        arguments += draw(st.sampled_from([[option], [option, draw(VALUES)], [option, draw(VALUES)]]))
    return arguments
