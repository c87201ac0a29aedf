"""The section of a script that reads and encodes a table."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from lit_classify.data import TableDataModule
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.format_detection import detect_format
from lit_classify.data.table.splits import SPLITS
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.eject.checks import check_arguments, refuse
from lit_classify.eject.python_code import call, keywords, lines, literal
from lit_classify.eject.template import fill
from lit_classify.errors import UserError
from lit_classify.messages import summarize

_WIDTH = 105  # of an element of a list
_DELIMITERS = (",", ";", "\t", "|")
_READERS = {
    "Parquet": "read_parquet",
    "Arrow": "read_ipc",
    "Arrow stream": "read_ipc_stream",
    "JSON lines": "read_ndjson",
}
_PATTERNS = {pl.Date: "%Y-%m-%d", pl.Datetime: "%Y-%m-%d %H:%M:%S%.f", pl.Time: "%H:%M:%S%.f"}  # of polars
_USED = {
    *("path", "val_path", "test_path", "split", "groups", "sample_weight", "missing_values"),
    *("target", "features", "ignore", "categorical", "numeric", "scaling", "random_state", "folds"),
    *("test_fraction", "val_fraction", "batch_size", "shuffle", "drop_last", "delimiter", "header"),
    *("encoding", "decimal", "day_first", "fitted_state"),
    *("missing", "handle_unknown", "cache_dir"),  # which only refuse rows and tables; fit has accepted them
}


def write_table(data: TableDataModule) -> str:
    """Return the code that reads a table, encodes its features and splits its rows.

    Raises:
        UserError: the script would read the table in another way; names the option.
    """
    if data.is_streamed:
        raise UserError(
            "eject cannot write into a script how a table is read in blocks; fit a table that fits into "
            "memory, without --data.cache_dir"
        )
    check_arguments("data", data, _USED)
    state = FittedState.from_dict(data.hparams["fitted_state"])
    columns = [column for column in data.columns if column.is_used]
    kinds = {column.kind for column in columns}
    weight, missing = data.hparams["sample_weight"], state.settings["missing_values"]
    is_text = detect_format(Path(next(iter(state.files["path"])))) == "CSV"
    if missing and not is_text:
        refuse("data.missing_values", missing)
    read, names, dates = _read(data, state)
    used = {*state.target.columns, *(column.name for column in columns), weight}
    formats = {**state.formats, **dates}
    formats = {name: formats[name] for name in formats if name in used}
    is_set = {
        "named": names,
        "typed": not is_text,
        "weighted": weight,
        "booleans": "boolean" in kinds or state.target.label_names,
        "formats": formats or "date" in kinds,
        "categories": "category" in kinds,
        "many": any(encoder.embedded or encoder.infrequent for encoder in data.preprocessor.encoders),
        "dates": "date" in kinds,
        "structured": kinds & {"category", "date"},  # there is more than numbers
        "robust": data.preprocessor.scaling == "robust",
    }
    splits = ["train", *(name for name in ("val", "test") if _has_own_rows(data, name))]
    values = {
        "read": read,
        "missing": call("missing_to_null(", ["pl.all()", *([literal(missing)] if missing else [])]),
        "weight": literal(weight),
        "names": names,
        "columns": lines(
            "columns = {", [f"{literal(column.name)}: {literal(column.kind)}" for column in columns], "}"
        ),
        "formats": lines("formats = {", [_format(*pair) for pair in formats.items()], "}"),
        "target": _target(state),
        "split": _split(data, state, splits),
        "tensors": "\n".join(f"X_{name}, y_{name} = X[{name}], y[{name}]" for name in splits),
        "weights": "\n".join(f"w_{name} = weights[{name}]" for name in _weighted(data)),
    }
    return fill("table", values, {name for name, value in is_set.items() if value})


def _format(name: str, value_format: ValueFormat) -> str:
    default = ValueFormat().to_dict()
    changed = {key: value for key, value in value_format.to_dict().items() if value != default[key]}
    return call(f"{literal(name)}: ValueFormat(", keywords(changed), width=_WIDTH)


def _has_own_rows(data: TableDataModule, name: str) -> bool:
    """Return whether a split has rows of its own."""
    others = {"val": ("train", "test"), "test": ()}[name]
    return data.has_split(name) and not any(
        data.has_split(other) and data.split(other) is data.split(name) for other in others
    )


def _weighted(data: TableDataModule) -> list[str]:
    """Return the splits whose rows have weights in a loss."""
    return ["train"] if data.folds else ["train", "test" if data.validates_on_test else "val"]


def _read(data: TableDataModule, state: FittedState) -> tuple[str, str, dict[str, ValueFormat]]:
    """Return the statements that read a table, and what a script must state about it.

    Returns:
        The statements, the names of the columns if polars finds others, and the formats of dates that are
        text only in the script.

    Raises:
        UserError: polars does not read a file, or finds another number of columns in it.
    """
    files = {key.removesuffix("_path"): list(paths) for key, paths in state.files.items() if paths}
    files["train"] = files.pop("path")
    files = {name: files[name] for name in ("train", "val", "test") if name in files}  # the order of the rows
    path, names = files["train"][0], list(state.columns)
    formats: dict[str, ValueFormat] = {}
    if reader := _READERS.get(detect_format(Path(path))):
        options = {"infer_schema_length": None} if reader == "read_ndjson" else {}
        try:
            frame = getattr(pl, reader)(path, **options)
        except pl.exceptions.PolarsError as error:
            raise UserError(f"a script would not read {path}: {summarize(error)}") from error
        for name, dtype in frame.schema.items():
            if pattern := _PATTERNS.get(dtype.base_type()):
                formats[name] = ValueFormat(pattern=pattern)
        columns = frame.columns
        read_file = call(f"pl.{reader}(", ["path", *keywords(options)]) + ".cast({pl.Float32: pl.Float64})"
    else:
        columns, options = _find_columns(data, path, names)
        read_file = call("pl.read_csv(", ["path", *keywords(options)], width=90)
    if sum(map(len, files.values())) == 1:
        comment = "relative to the folder in which the script runs"
        read = f"path = {literal(path)}  # {comment}\ntable = {read_file}"
    else:
        entries = [f"{literal(name)}: {literal(paths)}" for name, paths in files.items()]
        read = "\n".join(
            [
                "# The paths are relative to the folder in which the script runs",
                lines("files = {", entries, "}"),
                "tables = {}",
                "for name, paths in files.items():",
                f"    frames = [{read_file} for path in paths]",
                '    tables[name] = pl.concat(frames, how="diagonal")',
                'table = pl.concat(tables.values(), how="diagonal")',
            ]
        )
    numbered = [f"column_{number}" for number in range(1, len(names) + 1)]
    return read, "" if columns == names else _names(names, columns, numbered), formats


def _find_columns(data: TableDataModule, path: str, names: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the columns that polars finds in a CSV file, and the options that it needs.

    Raises:
        UserError: it finds another number of columns.
    """
    encoding, delimiter = data.hparams["encoding"], data.hparams["delimiter"]
    for separator in [delimiter] if delimiter else _DELIMITERS:
        options: dict[str, Any] = {"infer_schema": False}
        if separator != ",":
            options["separator"] = separator
        if names == [f"column_{number}" for number in range(1, len(names) + 1)]:
            options["has_header"] = False
        if encoding.lower() not in {"utf-8", "utf8"}:
            options["encoding"] = encoding
        with suppress(pl.exceptions.PolarsError):
            columns = pl.read_csv(path, n_rows=1, **options).columns
            if len(columns) == len(names):
                return columns, options
    raise UserError(f"a script would read {path} in another way; save it as CSV with commas, without quotes")


def _names(names: list[str], polars_names: list[str], numbered: list[str]) -> str:
    """Return the code of the names of columns, given those that polars finds."""
    if names == numbered:
        return '[f"column_{number}" for number in range(1, table.width + 1)]'
    if names == [" ".join(name.split()) for name in polars_names]:
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
    cells_code = f"cells[{literal(name)}]"
    if all(label.lstrip("-").isdecimal() and str(int(label)) == label for label in target.class_names):
        classes = call("classes = [", [f"{label}.0" for label in target.class_names], "]", width=_WIDTH)
        cells_code = f"to_numbers({cells_code})"
    arguments = ["classes", "range(len(classes))", "return_dtype=pl.Int64"]
    codes = call(f"codes = {cells_code}.replace_strict(", arguments, width=_WIDTH)
    return f"{classes}\n{codes}\ny = codes.to_numpy(writable=True)"


def _split(data: TableDataModule, state: FittedState, splits: list[str]) -> str:
    """Return the statements that split the rows as ``Splitter`` does."""
    column, groups, seed = data.hparams["split"], data.hparams["groups"], str(data.random_state)
    statements, assigned = list[str](), list[str]()
    if column is not None:
        listed = [name for name in splits[1:] if SPLITS[_split_cell(data, name, column)] == name]
        assigned = ["train", *listed]
        statements.append(f"row_splits = cells[{literal(column)}].str.to_lowercase().replace_strict(SPLITS)")
        selected = f"(rows[(row_splits == name).to_numpy()] for name in {literal(assigned)})"
        statements.append(f"{', '.join(assigned)}{',' * (len(assigned) == 1)} = {selected}")
    elif state.files["val_path"] or state.files["test_path"]:
        assigned = ["train"] + [name for name in ("val", "test") if state.files[f"{name}_path"]]
        file_ends = "np.cumsum([len(frame) for frame in tables.values()])"
        statements.append(f"{', '.join(assigned)} = np.split(rows, {file_ends}[:-1])")
    elif len(splits) == 1:
        assigned = ["train"]
        statements.append("train = rows")
    extra = ["y"] if state.target.class_names is not None else []
    if groups is not None:
        extra = ["groups=groups"]
        ranks = 'rank("dense").fill_null(0).cast(pl.Int32).to_numpy()'
        statements.append(f"groups = cells[{literal(groups)}].{ranks}")
    remaining, used = "train" if assigned else "rows", 0.0
    for name in ("test", "val"):
        if name in splits and name not in assigned:
            fraction = state.settings[f"{name}_fraction"]
            arguments = [remaining, repr(fraction / (1 - used)), seed, *extra]
            statements.append(call(f"train, {name} = split_off(", arguments))
            remaining, used = "train", used + fraction
    if state.folds:
        arguments = ["train", str(state.settings["folds"]), seed, *extra]
        statements.append(call("fold = torch.from_numpy(assign_folds(", arguments, "))"))
    return "\n".join(statements)


def _split_cell(data: TableDataModule, name: str, column: str) -> str:
    """Return the value of the split column in the first row of a split."""
    return str(data.raw_rows(name, [0])[column][0]).strip().lower()
