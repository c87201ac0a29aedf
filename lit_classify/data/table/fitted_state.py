"""What TableDataModule learns from its rows, as plain data for checkpoints and caches."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lit_classify.data.table.files import PATH_OPTIONS
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.schema import Column, to_unique_strings
from lit_classify.data.table.targets import Target
from lit_classify.data.table.value_formats import Formats, ValueFormat
from lit_classify.errors import DataError
from lit_classify.messages import warn


@dataclass(frozen=True)
class FittedState:
    """Everything needed to convert new rows to features and targets.

    Args:
        files: the SHA-256 of the rows of each file of ``path``, ``val_path`` and ``test_path``.
        preprocessor: the fitted preprocessor.
        target: the target.
        settings: the options that determine splits and features, which must not change after training.
        columns: names of all columns of the table.
        folds: number of cross-validation folds; 0 if there are validation rows.
        formats: the formats of columns that were text, except those of plain numbers.
        streamed: whether the rows were read in blocks and split by a hash.

    Examples:
        >>> state = FittedState(
        ...     files={"path": {"t.csv": "1f"}, "val_path": {}, "test_path": {}},
        ...     preprocessor=Preprocessor(),
        ...     target=Target(("y",), class_names=("no", "yes")),
        ...     settings={"path": ["t.csv"], "val_path": [], "test_path": [], "scaling": "standard"},
        ...     columns=("x", "y"),
        ... )
        >>> state.to_dict()["columns"]
        ['x', 'y']
        >>> state.check_settings({**state.settings, "scaling": "robust"})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.DataError: data.scaling was 'standard' in training, but is 'robust' now: ...
    """

    files: Mapping[str, Mapping[str, str]]
    preprocessor: Preprocessor
    target: Target
    settings: Mapping[str, Any]
    columns: tuple[str, ...]
    folds: int = 0
    formats: Formats = field(default_factory=dict)
    streamed: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FittedState":
        """Return the state of ``to_dict``.

        Raises:
            KeyError: an entry is missing.
            TypeError: an entry is of the wrong type.
            ValueError: an entry is out of range.
        """
        preprocessor = Preprocessor.from_dict(data["encoders"])
        target = Target.from_dict(data["target"])
        columns = to_unique_strings(data["columns"], "columns")
        files = {key: dict(data["files"][key]) for key in PATH_OPTIONS}
        entries = [entry for digests in files.values() for entry in (*digests.keys(), *digests.values())]
        if not all(isinstance(entry, str) for entry in entries):
            raise TypeError("files must map paths to digests")
        settings = data["settings"]
        if not files["path"] or any(bool(files[key]) != bool(settings[key]) for key in PATH_OPTIONS):
            raise ValueError("files must match the paths in settings")
        if type(data["folds"]) is not int:
            raise TypeError("folds must be an integer")
        formats = {name: ValueFormat.from_dict(entry) for name, entry in data["formats"].items()}
        streamed = data.get("streamed", False)  # which earlier checkpoints lack
        if type(streamed) is not bool:
            raise TypeError("streamed must be true or false")
        return cls(files, preprocessor, target, settings, columns, data["folds"], formats, streamed)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        return {
            "files": {key: dict(files) for key, files in self.files.items()},
            "encoders": self.preprocessor.to_dict(),
            "target": self.target.to_dict(),
            "settings": dict(self.settings),
            "columns": list(self.columns),
            "folds": self.folds,
            "formats": {name: value_format.to_dict() for name, value_format in self.formats.items()},
            "streamed": self.streamed,
        }

    @property
    def text_columns(self) -> list[str]:
        """The columns whose cells remain text, even if they look like numbers: categories and classes.

        Classes that are formatted numbers, such as $5, are converted.
        """
        encoders = self.preprocessor.encoders
        categories = [encoder.name for encoder in encoders if encoder.kind == "category"]
        classes = self.target.columns if self.target.class_names is not None else ()
        return [*categories, *(name for name in classes if name not in self.formats)]

    @property
    def known_formats(self) -> dict[str, ValueFormat]:
        """The formats of columns, also those of plain numbers."""
        numbers = [encoder.name for encoder in self.preprocessor.encoders if encoder.kind == "number"]
        return {**dict.fromkeys(numbers, ValueFormat()), **self.formats}

    def check_units(self, table: RawTable, names: Collection[str]) -> None:
        """Check that columns of percentages have percentages in new rows: a number without % is ambiguous.

        Raises:
            DataError: a column has numbers that were not text.
        """
        for name, value_format in self.formats.items():
            if value_format.unit == "%" and name in names and table.has_typed_numbers(name):
                row = int(table.frame[name].is_not_null().arg_max() or 0)
                raise DataError(
                    f"{table.locate(row)}, column {name!r}: {table.frame[name][row]} has no unit, but there "
                    "were percentages in training; write the column as text with %"
                )

    def warn_extra_columns(self, table: RawTable) -> None:
        """Warn about columns that the training data did not have."""
        known = set(self.columns)
        if extra := [name for name in table.frame.columns if name not in known]:
            warn(f"ignored columns that the training data did not have: {', '.join(extra[:20])}")

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Check that the settings are the same as in training; the files may differ.

        Raises:
            DataError: a setting differs.
        """
        for name in ("val_path", "test_path"):
            if bool(settings[name]) != bool(self.settings[name]):
                change = f"was {self.settings[name] or None} in training, but is {settings[name] or None} now"
                raise DataError(
                    f"data.{name} {change}; to evaluate other rows, pass their file as --data.path"
                )
        for name, value in settings.items():
            if value != self.settings[name] and name not in PATH_OPTIONS:
                change = f"was {self.settings[name]!r} in training, but is {value!r} now"
                raise DataError(f"data.{name} {change}: the splits or features would differ")


@dataclass(frozen=True)
class Fitted:
    """What a fit learns from the rows: the state, and what is printed about the table.

    Args:
        state: the fitted state.
        columns: the schema.
        notes: notes on the rows and values.
        leaking: columns that determine the target.
        warnings: what to warn about.
    """

    state: FittedState
    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    leaking: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "state": self.state.to_dict(),
            "columns": [asdict(column) for column in self.columns],
            "notes": self.notes,
            "leaking": self.leaking,
            "warnings": self.warnings,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Fitted":
        """Return it from ``to_dict``."""
        columns = [Column(**column) for column in data["columns"]]
        return cls(**{**data, "state": FittedState.from_dict(data["state"]), "columns": columns})


def warn_new_table(num_rows: int, files: Iterable[str]) -> None:
    """Warn that rows are evaluated that are not from the table used in training."""
    warn(
        "data.path is not the table used in training, so training rows cannot be recognized: all "
        f"{num_rows:,} rows of {', '.join(files)} are evaluated"
    )


def warn_other_files(state: FittedState, key: str, files: Mapping[str, str], num_rows: int) -> None:
    """Warn if files for validation or testing were not used in training.

    Args:
        state: the state of the training.
        key: the option of the files.
        files: the SHA-256 of the rows of each file; none if the option is not given.
        num_rows: the number of their rows.
    """
    trained = state.files[key]
    if files and list(trained.values()) != list(files.values()):
        change = f"{', '.join(files)} differs from data.{key} in training ({', '.join(trained)})"
        warn(f"{change}: {num_rows:,} other rows are evaluated")


def find_changed_files(trained: Mapping[str, Any], current: Mapping[str, Any]) -> str | None:
    """Return which files have changed since training, or None.

    Args:
        trained: ``FittedState.files`` of a run.
        current: the same for the current data.

    Examples:
        >>> trained = {"path": {"t.csv": "1f"}, "val_path": {}, "test_path": {}}
        >>> find_changed_files(trained, {**trained, "path": {"renamed.csv": "1f"}}) is None
        True
        >>> find_changed_files(trained, {**trained, "path": {"t.csv": "2e"}})
        't.csv (data.path, which was t.csv)'
    """
    for key in PATH_OPTIONS:
        old, new = trained[key], current[key]
        if list(old.values()) != list(new.values()):
            changed = [file for file, digest in new.items() if digest not in old.values()] or list(new)
            return f"{', '.join(changed) or 'no file'} (data.{key}, which was {', '.join(old) or 'no file'})"
    return None
