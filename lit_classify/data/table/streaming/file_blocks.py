"""Read one file block by block, whatever its format."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from lit_classify.data.table.compression import find_compression
from lit_classify.data.table.csv import CsvFile, apply_formats
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.format_detection import detect_format
from lit_classify.data.table.json_lines import bytes_per_line, iterate_json_lines
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.readers import digest_file, refuse_corrupt, scan
from lit_classify.data.table.text_conversion import convert_text
from lit_classify.data.table.value_formats import Formats, ValueFormat
from lit_classify.errors import DataError

_CELLS = 1 << 19  # of a block of a binary file
_HEAD = 100  # rows of each file that are kept for its types


def check_format(path: Path) -> str:
    """Return the format of a file.

    Raises:
        DataError: it cannot be read in blocks.
    """
    name = detect_format(path)
    if name not in {"CSV", "JSON lines", "Parquet", "Arrow"}:
        limit = ", and have 1,048,576 rows at most" if name == "Excel" else ""
        raise DataError(
            f"{path} is to be read in blocks, but {name} files cannot be{limit}; save it as CSV or Parquet, "
            "or leave out --data.cache_dir"
        )
    return name


def read_blocks(
    path: Path, options: CsvOptions, formats: Formats, start: int = 0, place: int = 0
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield the rows of a file in blocks, with columns of text converted that have a format.

    Args:
        path: the file.
        options: how to read it.
        formats: the formats of columns; others of text stay text.
        start: number of rows before the first block.
        place: where it begins in a file of text: the number of lines before in CSV, of bytes in JSON lines.

    Yields:
        The rows, and the place of the next block.
    """
    name, missing = check_format(path), options.values.missing_values
    if name == "CSV":
        for frame, lines in CsvFile(path, options).blocks(formats, place):
            if len(frame):
                yield frame, lines.end
    elif name == "JSON lines":
        for frame, end in iterate_json_lines(path, place):
            yield apply_formats(frame, formats, missing), end
    else:
        with refuse_corrupt(path, name):
            rows = scan(path, name).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
            count, width = rows.select(pl.len()).collect().item(), len(rows.collect_schema())
            size = max(_CELLS // width, 1)
            for row in range(start, count, size):
                yield apply_formats(rows.slice(row, size).collect(), formats, missing), 0


def read_head(path: Path, options: CsvOptions) -> tuple[RawTable, set[str]]:
    """Return the first rows of a file, and the columns that are text in it.

    Raises:
        DataError: it has no rows.
    """
    known, detector = dict[str, ValueFormat](), None
    if check_format(path) == "CSV":
        known, detector = CsvFile(path, options).guess_formats()
    frame, _ = next(read_blocks(path, options, known), (None, None))
    if frame is None:
        raise DataError(f"{path} has no rows")
    texts = {part.name for part in frame if part.dtype == pl.String}
    converted, others = convert_text(frame, options.values, str(path), detector)
    formats = {name: part for name, part in known.items() if name not in texts}
    formats |= {name: others.get(name, ValueFormat()) for name in texts if converted[name].dtype != pl.String}
    head = converted.head(_HEAD)
    return RawTable(head, ((str(path), len(head)),), ("",), formats), texts | known.keys()


def estimate_rows(path: Path, options: CsvOptions) -> int | None:
    """Return about how many rows a file has; None if that is not known."""
    name = check_format(path)
    if name not in {"CSV", "JSON lines"}:
        return int(scan(path, name).select(pl.len()).collect().item())
    if find_compression(path):
        return None
    is_csv = name == "CSV"
    length = CsvFile(path, options).dialect.bytes_per_line if is_csv else bytes_per_line(path)
    return round(path.stat().st_size / length)


def digest(path: Path, options: CsvOptions) -> str:
    """Return the SHA-256 of a file, as it is when the rows are held in memory."""
    return CsvFile(path, options).digest() if check_format(path) == "CSV" else digest_file(path)
