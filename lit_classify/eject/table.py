"""The section of a script that reads and encodes a table."""

from contextlib import suppress
from typing import Any

import polars as pl

from lit_classify.data import TableDataModule
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.schema import Column
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.eject.checks import check_arguments, refuse
from lit_classify.eject.code import call, keywords, lines, literal
from lit_classify.eject.template import fill
from lit_classify.errors import UserError

_WIDTH = 105  # of an element of a list
_DELIMITERS = (",", ";", "\t", "|")
_USED = {
    *("path", "target", "features", "ignore", "categorical", "numeric", "scaling", "random_state", "folds"),
    *("test_fraction", "val_fraction", "batch_size", "shuffle", "drop_last", "delimiter", "header"),
    *("encoding", "decimal", "day_first", "fitted_state"),
    *("missing", "handle_unknown"),  # which only refuse rows; fit has accepted them
}


def write_table(data: TableDataModule) -> str:
    """Return the code that reads a table, encodes its features and splits its rows.

    Raises:
        UserError: the script would read the table in another way; names the option.
    """
    check_arguments("data", data, _USED)
    state = FittedState.from_dict(data.hparams["fitted_state"])
    columns = [column for column in data.columns if column.is_used]
    kinds = {column.kind for column in columns}
    used = {*state.target.columns, *(column.name for column in columns)}
    formats = {name: part for name, part in state.formats.items() if name in used}
    path, read, names = _read(data, state)
    is_set = {
        "named": names,
        "booleans": "boolean" in kinds or state.target.label_names,
        "formats": formats or "date" in kinds,
        "categories": "category" in kinds,
        "many": any(encoder.embedded or encoder.infrequent for encoder in data.preprocessor.encoders),
        "dates": "date" in kinds,
        "structured": kinds & {"category", "date"},  # there is more than numbers
        "robust": data.preprocessor.scaling == "robust",
    }
    splits = ["train", *(name for name in ("val", "test") if _has_own(data, name))]
    values = {
        "path": literal(path),
        "read": read,
        "names": names,
        "columns": lines(
            "columns = {", [f"{literal(part.name)}: {literal(part.kind)}" for part in columns], "}"
        ),
        "formats": lines("formats = {", [_format(*pair) for pair in formats.items()], "}"),
        "target": _target(state),
        "split": _split(data, state, splits),
        "tensors": "\n".join(f"X_{name}, y_{name} = X[{name}], y[{name}]" for name in splits),
    }
    return fill("table", values, {name for name, value in is_set.items() if value})


def _kind(column: Column) -> str:
    return f"{literal(column.name)}: {literal(column.kind)}"


def _format(name: str, known: ValueFormat) -> str:
    changed = {key: value for key, value in known.to_dict().items() if value != getattr(ValueFormat(), key)}
    return call(f"{literal(name)}: ValueFormat(", keywords(changed), width=_WIDTH)


def _has_own(data: TableDataModule, name: str) -> bool:
    """Return whether a split has rows of its own."""
    others = {"val": ("train", "test"), "test": ()}[name]
    return data.has_split(name) and not any(
        data.has_split(other) and data.split(other) is data.split(name) for other in others
    )


def _read(data: TableDataModule, state: FittedState) -> tuple[str, str, str]:
    """Return the path of the table, the statement that reads it, and its names if polars finds others.

    Raises:
        UserError: there are several files, or polars finds another number of columns in it.
    """
    paths, names = list(state.files["path"]), list(state.columns)
    if len(paths) > 1:
        raise UserError(f"a script reads one file, not {', '.join(paths)}; join them")
    numbered = [f"column_{number}" for number in range(1, len(names) + 1)]
    encoding, delimiter = data.hparams["encoding"], data.hparams["delimiter"]
    for separator in [delimiter] if delimiter else _DELIMITERS:
        options: dict[str, Any] = {"infer_schema": False}
        if separator != ",":
            options["separator"] = separator
        if names == numbered:
            options["has_header"] = False
        if encoding.lower() not in {"utf-8", "utf8"}:
            options["encoding"] = encoding
        with suppress(pl.exceptions.PolarsError):
            found = pl.read_csv(paths[0], n_rows=1, **options).columns
            if len(found) == len(names):
                read = call("table = pl.read_csv(", ["path", *keywords(options)], width=110)
                return paths[0], read, "" if found == names else _names(names, found, numbered)
    raise UserError(
        f"a script would read {paths[0]} in another way; save it as CSV with commas, without quotes"
    )


def _names(names: list[str], found: list[str], numbered: list[str]) -> str:
    """Return the code of the names of columns, given those that polars finds."""
    if names == numbered:
        return '[f"column_{number}" for number in range(1, table.width + 1)]'
    if names == [" ".join(name.split()) for name in found]:
        return '[" ".join(name.split()) for name in table.columns]'
    return call("[", list(map(literal, names)), "]", width=90)


def _target(state: FittedState) -> str:
    """Return the statements that make the target ``y``, a NumPy array."""
    target = state.target
    if target.label_names is not None:
        names = call("labels = [", list(map(literal, target.label_names)), "]")
        columns = 'convert(cells[name], "boolean").to_numpy() for name in labels'
        return f"{names}\ny = np.stack([{columns}], axis=1).astype(np.float32)"
    (name,) = target.columns
    if target.class_names is None:
        return f'y = convert(cells[{literal(name)}], "number").to_numpy().astype(np.float32)'
    if name in state.formats:
        refuse("data.target", name)
    classes = call("classes = [", list(map(literal, target.class_names)), "]", width=_WIDTH)
    text = f"cells[{literal(name)}]"
    if all(part.lstrip("-").isdecimal() and str(int(part)) == part for part in target.class_names):
        classes = call("classes = [", [f"{part}.0" for part in target.class_names], "]", width=_WIDTH)
        text = f"to_numbers({text})"
    arguments = ["classes", "range(len(classes))", "return_dtype=pl.Int64"]
    codes = call(f"codes = {text}.replace_strict(", arguments, width=_WIDTH)
    return f"{classes}\n{codes}\ny = codes.to_numpy(writable=True)"


def _split(data: TableDataModule, state: FittedState, splits: list[str]) -> str:
    """Return the statements that split the rows as ``Splitter`` does."""
    stratified = ["y"] if state.target.class_names is not None else []
    seed = str(data.random_state)
    statements, rest, used = [], "rows", 0.0
    for name in ("test", "val"):
        if name in splits:
            fraction = state.settings[f"{name}_fraction"]
            arguments = [rest, repr(fraction / (1 - used)), seed, *stratified]
            statements.append(call(f"train, {name} = split_off(", arguments))
            rest, used = "train", used + fraction
    if rest == "rows":
        statements.append("train = rows")
    if state.folds:
        arguments = ["train", str(state.settings["folds"]), seed, *stratified]
        statements.append(call("fold = torch.from_numpy(assign_folds(", arguments, "))"))
    return "\n".join(statements)
