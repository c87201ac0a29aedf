"""Read one file block by block, whatever its format."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from lit_classify.data.table.compression import find_compression
from lit_classify.data.table.concatenation import unify_advice
from lit_classify.data.table.csv import CsvFile, apply_formats
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.format_detection import detect_format
from lit_classify.data.table.json_lines import bytes_per_line, iterate_json_lines
from lit_classify.data.table.raw_table import RawTable
from lit_classify.data.table.readers import digest_file, refuse_corrupt, scan
from lit_classify.data.table.text_conversion import FormatDetector, ValueOptions, convert_text
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
    path: Path, options: CsvOptions, formats: Formats, row: int = 0, offset: int = 0
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield the rows of a file in blocks; columns of text that have a format are converted.

    Args:
        path: the file.
        options: how to read it.
        formats: the formats of columns; others of text stay text.
        row: index of the first row of the first block.
        offset: offset of that block in a file of text: in lines in CSV, in bytes in JSON lines.

    Yields:
        The rows, and the offset of the next block.
    """
    name = check_format(path)
    if name == "CSV":
        for frame, lines in CsvFile(path, options).blocks(formats, offset):
            if len(frame):
                yield frame, lines.end
    elif name == "JSON lines":
        for frame, end in iterate_json_lines(path, offset):
            yield _convert(path, frame, formats, options.values), end
    else:
        with refuse_corrupt(path, name):
            rows = scan(path, name).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
            num_rows, width = rows.select(pl.len()).collect().item(), len(rows.collect_schema())
            size = max(_CELLS // width, 1)
            for start in range(row, num_rows, size):
                yield _convert(path, rows.slice(start, size).collect(), formats, options.values), 0


def _convert(path: Path, frame: pl.DataFrame, formats: Formats, options: ValueOptions) -> pl.DataFrame:
    """Convert columns of text that have a format.

    Raises:
        DataError: a column has numbers without a unit, but percentages in another file.
    """
    percentages = {name: formats[name] for name in formats if formats[name].unit == "%"}
    for name, value_format in percentages.items():
        cells = frame.get_column(name, default=None)
        is_typed = cells is not None and cells.dtype.is_numeric() and cells.count() > 0
        if is_typed and options.is_used(name):
            raise DataError(
                f"column {name!r}: {path} has numbers without a unit, but another file has values like "
                f"{value_format.example}; {unify_advice(name)}"
            )
    return apply_formats(frame, formats, options.missing_values)


def read_head(path: Path, options: CsvOptions) -> tuple[RawTable, set[str], FormatDetector]:
    """Return the first rows of a file, the columns that are text in it, and the detector of their formats.

    Raises:
        DataError: it has no rows.
    """
    csv_formats, detector = dict[str, ValueFormat](), FormatDetector(options.values)
    if check_format(path) == "CSV":
        csv_formats, detector = CsvFile(path, options).guess_formats()
    frame, _ = next(read_blocks(path, options, csv_formats), (None, None))
    if frame is None:
        raise DataError(f"{path} has no rows")
    texts = {series.name for series in frame if series.dtype == pl.String}
    converted, text_formats, ambiguities = convert_text(frame, options.values, str(path), detector)
    formats = {name: csv_formats[name] for name in csv_formats if name not in texts}
    parsed = [name for name in texts if converted[name].dtype != pl.String]
    formats |= {name: text_formats.get(name, ValueFormat()) for name in parsed}
    head = converted.head(_HEAD)
    table = RawTable(head, ((str(path), len(head)),), ("",), formats, ambiguities=ambiguities)
    return table, texts | csv_formats.keys(), detector


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
