"""Reading a table's file into columns of text or numbers; what is wrong with the file is said with its line.

polars reads fast, but fills short rows with nulls, takes UTF-16 and lone carriage returns for text and turns
one stray word into a column of text. So the bytes are looked at first, and text stays text until the columns
are understood.
"""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from lit_classify.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_CHUNK = 1 << 24


def read_table(
    path: str | Path, delimiter: str | None = None, header: bool | None = None, encoding: str = "utf-8"
) -> pl.DataFrame:
    """Read a CSV file as columns of text, or a Parquet file with its own types.

    Args:
        path: the file; ``.parquet`` or ``.pq`` is Parquet, anything else is CSV.
        delimiter: what parts the fields; found when not given.
        header: whether the first row names the columns; found when not given: names are no numbers.
        encoding: how the text is encoded.

    Raises:
        DataError: no file, an empty one, another encoding, rows of other lengths or names that come twice.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no table at {path}")
    if path.suffix in {".parquet", ".pq"}:
        try:
            return pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path} is not Parquet: {str(error).splitlines()[0]}") from error
    content = _decoded(path, path.read_bytes(), encoding)
    delimiter = delimiter or find_delimiter(content)
    first = next(csv.reader(io.StringIO(_head(content)), delimiter=delimiter))
    check_lengths(path, content, delimiter, len(first))
    names = [name.strip() for name in first]
    if header is None:
        header = not any(_is_number(name) for name in names) and all(names)
    if header:
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise DataError(f"{path}, line 1: the column {twice[0]!r} comes {names.count(twice[0])} times")
    else:
        names = [f"column_{number}" for number in range(1, len(first) + 1)]
    table = pl.read_csv(
        content, separator=delimiter, has_header=header, new_columns=names, infer_schema=False, quote_char='"'
    )
    if table.is_empty():
        raise DataError(f"{path} has a header but no rows")
    return table


def find_delimiter(content: bytes) -> str:
    """Return the delimiter that parts the first lines into the same number of fields, the most of them."""
    lines = [line for line in _head(content).splitlines() if line.strip()][:20]
    best, fields = ",", 1
    for delimiter in DELIMITERS:
        lengths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        length, times = lengths.most_common(1)[0]
        if length > fields and 2 * times > len(lines):
            best, fields = delimiter, length
    return best


def check_lengths(path: Path, content: bytes, delimiter: str, num_fields: int) -> None:
    """Raise unless every row has as many fields as the first; quoted delimiters and line ends do not count.

    Raises:
        DataError: names the first line whose row is shorter or longer.
    """
    line, inside, fields, seen = 1, 0, 0, False
    for start in range(0, len(content), _CHUNK):
        part = np.frombuffer(content, np.uint8, min(_CHUNK, len(content) - start), start)
        open_quotes = (np.cumsum(part == ord('"'), dtype=np.int32) + inside) % 2
        ends = np.flatnonzero((part == ord("\n")) & (open_quotes == 0))
        counted = np.cumsum((part == ord(delimiter)) & (open_quotes == 0), dtype=np.int32)
        at_ends = counted[ends]
        per_row = np.diff(at_ends, prepend=0)
        if len(per_row):
            per_row[0] += fields
            blank = np.diff(ends, prepend=-1 if not seen else -2) == 1
            wrong = np.flatnonzero((per_row != num_fields - 1) & ~blank)
            if len(wrong):
                row = int(wrong[0])
                before = part[: ends[row]]
                at = line + int((before == ord("\n")).sum())
                raise DataError(
                    f"{path}, line {at}: {per_row[row] + 1} fields, but the first row has {num_fields}; "
                    f"fields are parted by {delimiter!r}"
                )
            fields = int(counted[-1] - at_ends[-1])
            seen = int(ends[-1]) != len(part) - 1
        else:
            fields += int(counted[-1])
            seen = True
        line += int((part == ord("\n")).sum())
        inside = int(open_quotes[-1])
    if seen and fields != num_fields - 1:
        raise DataError(f"{path}, line {line}: {fields + 1} fields, but the first row has {num_fields}")


def _decoded(path: Path, content: bytes, encoding: str) -> bytes:
    """Return the content as UTF-8 with plain line ends and no byte-order mark."""
    if not content.strip():
        raise DataError(f"{path} is empty")
    for mark, name in _MARKS.items():
        if content.startswith(mark) and encoding == "utf-8":
            raise DataError(f"{path} is {name}; give encoding {name.lower()}")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte {content[error.start]:#x} is not {encoding}; "
            "give the file's encoding, such as latin-1"
        ) from error
    except LookupError as error:
        raise DataError(f"unknown encoding {encoding!r}") from error
    if "\0" in text[:4096]:
        raise DataError(f"{path} holds NUL bytes; give its encoding, such as utf-16")
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    elif encoding == "utf-8":
        return content.removeprefix(b"\xef\xbb\xbf")
    return text.encode()


def _head(content: bytes) -> str:
    return content[: 1 << 16].decode(errors="ignore")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
