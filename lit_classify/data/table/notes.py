"""Notes on a table before training: what may be wrong with its rows and values, and the option for it.

Legend: N rows.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import polars as pl

from lit_classify.data.table.cells import as_text
from lit_classify.data.table.schema import Column
from lit_classify.data.table.text_conversion import unify_spelling
from lit_classify.data.table.value_formats import Formats, closest_format
from lit_classify.messages import plural

_SENTINELS = {-9.0, *(sign * (10.0**digits - 1) for digits in range(2, 7) for sign in (1, -1))}  # 99, -999...
_MIN_GAP = 0.5  # distance of a sentinel from the other values, as a fraction of their range
_MIN_NUMERIC = 0.5  # fraction of numbers above which a column of categories is mostly numbers
_MIN_INTEGERS = 20  # fewer distinct integers do not look like an ID
_MIN_DISTINCT = 0.95  # fraction of distinct values in a column of IDs
_INDEX_NAMES = ("Unnamed: 0", "__index_level_0__", "column_1", "index")
_MAX_EXAMPLES = 3  # in a message
_MAX_MISSING = 10  # distinct cells that may all mean missing


def notes_on_values(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    classes: pl.Series | None,
    categorical: Collection[str],
    formats: Formats,
) -> list[str]:
    r"""Return notes on the values of columns, each with its count and the option that acts on it.

    Args:
        frame: the used columns as numbers, dates or text, and those of text that are dropped, ``(N,)`` each.
        columns: the schema.
        classes: the target as text, ``(N,)``, with the name of its column; None for other targets.
        categorical: columns that are declared categorical.
        formats: the formats of columns.

    Examples:
        >>> frame = pl.DataFrame({"smoker": ["Yes", "yes", "No"], "pay": [10.0, -999.0, -999.0]})
        >>> columns = [Column("smoker", "category", 0, 3), Column("pay", "number", 0, 2)]
        >>> for note in notes_on_values(frame, columns, None, [], {}):
        ...     print(note.replace("; ", "\n  "))
        ...
        'smoker': 2 values differ from others only in case or spaces, such as 'Yes', 'yes'
          merge them with --data.ignore_case true
        'pay': -999 occurs 2 times, far from the others
          treat it as missing with --data.missing_values=-999
    """
    notes = [] if classes is None else [f"target {note}" for note in _spellings(classes)]
    for column in columns:
        if column.kind == "category":
            if column.is_used:
                notes += _spellings(frame[column.name])
            if column.name not in categorical:
                notes += _mostly_values(frame[column.name])
        elif column.is_used and column.kind == "date":
            if column.name in formats and "%y" in formats[column.name].pattern:
                notes += _future(frame[column.name])
        elif column.is_used and column.kind == "number":
            notes += [*_integer_ids(frame[column.name]), *_sentinels(frame[column.name])]
    return notes


def notes_on_rows(num_dropped: Mapping[str, int], num_repeated: int) -> list[str]:
    """Return notes on dropped rows, and on training rows that equal another one.

    Args:
        num_dropped: the number of rows that the options drop, by the reason.
        num_repeated: the number of training rows that equal an earlier one.

    Examples:
        >>> notes_on_rows({"without a target": 11}, 0)
        ['dropped 11 rows without a target']
    """
    notes = [f"dropped {plural(count, 'row')} {reason}" for reason, count in num_dropped.items() if count]
    if num_repeated:
        verb, pronoun = ("equals", "it") if num_repeated == 1 else ("equal", "them")
        rows = plural(num_repeated, "training row")
        notes.append(f"{rows} {verb} an earlier one; drop {pronoun} with --data.duplicates drop")
    return notes


def _spellings(values: pl.Series) -> Iterator[str]:
    """Yield a note if values differ only in case or spaces."""
    distinct = values.drop_nulls().unique()
    unified = unify_spelling(distinct)
    if unified.n_unique() < len(distinct):
        table = pl.DataFrame({"value": distinct, "unified": unified}).sort("value")
        groups = table.group_by("unified", maintain_order=True).agg("value")
        several = groups.filter(pl.col("value").list.len() > 1)["value"].to_list()
        count, examples = sum(map(len, several)), ", ".join(map(repr, several[0][:_MAX_EXAMPLES]))
        is_composed = bool((distinct.str.normalize("NFC") == distinct).all())
        differences = "case or spaces" if is_composed else "case, spaces or Unicode form"
        yield (
            f"{values.name!r}: {count:,} values differ from others only in {differences}, such as "
            f"{examples}; merge them with --data.ignore_case true"
        )


def _mostly_values(values: pl.Series) -> Iterator[str]:
    """Yield a note if most cells of a column of text are numbers or dates."""
    cells = as_text(values).drop_nulls()
    parsed = closest_format(cells).parse(cells)
    unparsed = cells.filter(parsed.is_null())
    if 0 < len(unparsed) <= (1 - _MIN_NUMERIC) * len(cells) and unparsed.n_unique() <= _MAX_MISSING:
        counts = dict(unparsed.value_counts(sort=True).rows())
        listed = ", ".join(f"{cell!r} ({counts[cell]:,})" for cell in [*counts][:_MAX_EXAMPLES])
        listed += ", ..." if len(counts) > _MAX_EXAMPLES else ""
        kind = "numbers" if parsed.dtype.is_numeric() else "dates or times"
        share = f"{len(cells) - len(unparsed):,} of {len(cells):,} cells"
        yield (
            f"{values.name!r}: {share} are {kind}, but not {listed}; treat these as missing with "
            f"--data.missing_values {_argument(counts)}, or keep them with --data.categorical "
            f"{_argument([values.name])}"
        )


def _future(times: pl.Series) -> Iterator[str]:
    """Yield a note if dates with two-digit years are in the future."""
    later = times.filter(times > datetime.now()).sort()
    if len(later):
        yield (
            f"{times.name!r}: {len(later):,} dates are in the future, such as {later[-1]:%Y-%m-%d}: two "
            "digits are read as years from 1970 to 2069; write years with four digits"
        )


def _integer_ids(values: pl.Series) -> Iterator[str]:
    """Yield a note if the values are distinct, nearly consecutive integers."""
    if len(values) < _MIN_INTEGERS or values.null_count():
        return
    if not all(_are_integers(numbers) for numbers in (values.head(_MIN_INTEGERS), values)):
        return
    (low, high), distinct = _range(values), values.n_unique()
    if distinct >= _MIN_DISTINCT * len(values) and distinct <= high - low + 1 <= 2 * distinct:
        likeness = "the index of a saved DataFrame" if values.name in _INDEX_NAMES else "an ID"
        yield (
            f"{values.name!r}: {distinct:,} different integers, like {likeness}; leave it out with "
            f"--data.ignore {_argument([values.name])}"
        )


def _sentinels(values: pl.Series) -> Iterator[str]:
    """Yield a note for a number such as -999 that often means missing and is far from the others."""
    if values.null_count() == len(values):
        return
    for sentinel in sorted(_SENTINELS.intersection(_range(values))):
        others = values.drop_nulls().filter(values.drop_nulls() != sentinel)
        count = len(values) - values.null_count() - len(others)
        if count < 2 or not len(others):
            continue
        low, high = _range(others)
        if min(abs(sentinel - low), abs(sentinel - high)) > _MIN_GAP * (high - low):
            yield (
                f"{values.name!r}: {sentinel:g} occurs {count:,} times, far from the others; treat it as "
                f"missing with --data.missing_values={sentinel:g}"
            )


def _are_integers(numbers: pl.Series) -> bool:
    return bool((numbers == numbers.round()).all())


def _range(values: pl.Series) -> tuple[float, float]:
    """Return the smallest and the largest number."""
    return float(values.min()), float(values.max())  # type: ignore[arg-type]  # numbers


def _argument(values: Collection[str]) -> str:
    """Return values for a command line: a list, or a single one as it is if YAML reads it as text."""
    value = " ".join(values)
    if re.fullmatch(r"(?!null$)[a-z]\w*", value, re.IGNORECASE):
        return value
    return shlex.quote(json.dumps([*values], ensure_ascii=False))
