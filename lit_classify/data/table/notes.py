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

_SENTINELS = {-9.0, *(sign * (10.0**digits - 1) for digits in range(2, 7) for sign in (1, -1))}  # 99, -999...
_MIN_GAP = 0.5  # distance of a sentinel from the other values, as a fraction of their range
_MIN_NUMERIC = 0.5  # fraction of numbers above which a column of categories is mostly numbers
_MIN_INTEGERS = 20  # fewer distinct integers do not look like an ID
_MIN_DISTINCT = 0.95  # fraction of distinct values in a column of IDs
_INDEX_NAMES = ("Unnamed: 0", "__index_level_0__", "column_1", "index")
_MAX_WORDS = 3  # in a message
_MAX_MISSING = 10  # different words that may all mean missing


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
    notes = [f"dropped {count:,} rows {reason}" for reason, count in num_dropped.items() if count]
    if num_repeated:
        repeated = f"{num_repeated:,} training rows equal an earlier one"
        notes.append(f"{repeated}; drop them with --data.duplicates drop")
    return notes


def _spellings(values: pl.Series) -> Iterator[str]:
    """Yield a note if values differ only in case or spaces."""
    distinct = values.drop_nulls().unique()
    unified = unify_spelling(distinct)
    if unified.n_unique() < len(distinct):
        table = pl.DataFrame({"value": distinct, "unified": unified}).sort("value")
        groups = table.group_by("unified", maintain_order=True).agg("value")
        several = groups.filter(pl.col("value").list.len() > 1)["value"].to_list()
        count, first = sum(map(len, several)), ", ".join(map(repr, several[0][:_MAX_WORDS]))
        is_composed = bool((distinct.str.normalize("NFC") == distinct).all())
        what = "case or spaces" if is_composed else "case, spaces or Unicode form"
        yield (
            f"{values.name!r}: {count:,} values differ from others only in {what}, such as {first}; "
            "merge them with --data.ignore_case true"
        )


def _mostly_values(values: pl.Series) -> Iterator[str]:
    """Yield a note if most cells of a column of text are numbers or dates."""
    text = as_text(values).drop_nulls()
    parsed = closest_format(text).parse(text)
    words = text.filter(parsed.is_null())
    if 0 < len(words) <= (1 - _MIN_NUMERIC) * len(text) and words.n_unique() <= _MAX_MISSING:
        counts = dict(words.value_counts(sort=True).rows())
        listed = ", ".join(f"{word!r} ({counts[word]:,})" for word in [*counts][:_MAX_WORDS])
        listed += ", ..." * (len(counts) > _MAX_WORDS)
        kind = "numbers" if parsed.dtype.is_numeric() else "dates or times"
        share = f"{len(text) - len(words):,} of {len(text):,} cells"
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
    if not all(bool((part == part.round()).all()) for part in (values.head(_MIN_INTEGERS), values)):
        return
    (low, high), distinct = _ends(values), values.n_unique()
    if distinct >= _MIN_DISTINCT * len(values) and distinct <= high - low + 1 <= 2 * distinct:
        what = "the index of a saved DataFrame" if values.name in _INDEX_NAMES else "an ID"
        yield (
            f"{values.name!r}: {distinct:,} different integers, like {what}; leave it out with "
            f"--data.ignore {_argument([values.name])}"
        )


def _sentinels(values: pl.Series) -> Iterator[str]:
    """Yield a note for a number such as -999 that often means missing and is far from the others."""
    if values.null_count() == len(values):
        return
    for end in sorted(_SENTINELS.intersection(_ends(values))):
        others = values.drop_nulls().filter(values.drop_nulls() != end)
        count = len(values) - values.null_count() - len(others)
        if count < 2 or not len(others):
            continue
        low, high = _ends(others)
        if min(abs(end - low), abs(end - high)) > _MIN_GAP * (high - low):
            yield (
                f"{values.name!r}: {end:g} occurs {count:,} times, far from the others; treat it as missing "
                f"with --data.missing_values={end:g}"
            )


def _ends(values: pl.Series) -> tuple[float, float]:
    """Return the smallest and the largest number."""
    return float(values.min()), float(values.max())  # type: ignore[arg-type]  # numbers


def _argument(words: Collection[str]) -> str:
    """Return words for a command line: a single one as it is unless YAML reads it otherwise, or a list."""
    word = " ".join(words)
    if re.fullmatch(r"(?!null$)[a-z]\w*", word, re.IGNORECASE):
        return word
    return shlex.quote(json.dumps([*words], ensure_ascii=False))
