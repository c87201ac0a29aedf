"""Read one file of any supported format into columns."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from lit_classify.data.memory import check_content, check_memory
from lit_classify.data.table.compression import FAULTS, open_decompressed
from lit_classify.data.table.csv import CsvFile
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.format_detection import detect_format
from lit_classify.data.table.json_lines import read_json_lines
from lit_classify.data.table.text_conversion import Converted, convert_text
from lit_classify.errors import DataError


def read_file(path: Path, options: CsvOptions) -> tuple[Converted, str]:
    """Read a file, whose format is detected from its content.

    Returns:
        The rows, and the SHA-256 of the decompressed file (of CSV files, of their text).

    Raises:
        DataError: the file is empty, corrupt, too large for the memory or in an unsupported format.
    """
    name = detect_format(path)
    if name == "CSV":
        return CsvFile(path, options).read()
    with refuse_corrupt(path, name):
        match name:
            case "JSON lines":
                frame = read_json_lines(path)
            case "Parquet" | "Arrow":
                lazy = scan(path, name)
                num_rows = lazy.select(pl.len()).collect().item()
                check_memory(path, num_rows, len(lazy.collect_schema()))
                frame = lazy.collect()
            case "Arrow stream":
                check_content(path, path.stat().st_size)
                frame = pl.read_ipc_stream(path)
            case "Excel":
                frame = _read_excel(path, options.header is not False)
    if frame.is_empty():
        raise DataError(f"{path} has no rows")
    return convert_text(frame, options.values, str(path)), digest_file(path)


def scan(path: Path, name: str) -> pl.LazyFrame:
    """Return the rows of a Parquet or Arrow file, whose name may contain wildcards."""
    return pl.scan_parquet(path, glob=False) if name == "Parquet" else pl.scan_ipc(path, glob=False)


@contextmanager
def refuse_corrupt(path: Path, name: str) -> Iterator[None]:
    """Raise DataError if polars cannot read a file of a format."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is a corrupt {name} file: {reason}; copy or write it again") from error


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file that is not CSV, decompressed."""
    is_lines = detect_format(path) == "JSON lines"
    with open_decompressed(path) if is_lines else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_excel(path: Path, has_header: bool) -> pl.DataFrame:
    """Return the cells of the only sheet that has any."""
    try:
        import fastexcel
    except ImportError as error:
        raise DataError(
            f"{path} is an Excel workbook, which needs fastexcel: pip install 'lit_classify[excel]'; or save "
            "it as CSV"
        ) from error
    try:
        with zipfile.ZipFile(path) as archive:
            check_content(path, sum(info.file_size for info in archive.infolist()))
            if archive.testzip():  # which fastexcel does not do
                raise zipfile.BadZipFile("wrong checksum")
        sheets = pl.read_excel(
            path, sheet_id=0, has_header=has_header, infer_schema_length=None, raise_if_empty=False
        )
    except (*FAULTS, RuntimeError, fastexcel.FastExcelError) as error:
        raise OSError(str(error)) from error
    frames = {sheet: frame for sheet, frame in sheets.items() if not frame.is_empty()}
    if not frames:
        raise DataError(f"{path} has no rows")
    if len(frames) > 1:
        raise DataError(
            f"{path} has {len(frames)} sheets with rows ({', '.join(frames)}), but one is expected; save the "
            "one to read as CSV"
        )
    (frame,) = frames.values()
    names = enumerate(frame.columns, 1)  # as in CSV, columns without a name are numbered
    frame.columns = [
        name if has_header and name != f"__UNNAMED__{number - 1}" else f"column_{number}"
        for number, name in names
    ]
    return frame
