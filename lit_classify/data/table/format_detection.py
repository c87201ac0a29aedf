"""Detect the format of a file from its first bytes, and name formats that are not supported."""

import os
import re
import shlex
import zipfile
from contextlib import suppress
from pathlib import Path

from lit_classify.errors import DataError

_HEAD = 1 << 12  # number of bytes that contain the signature
_PARQUET, _ENCRYPTED = b"PAR1", b"PARE"
_MIN_PARQUET = 12  # bytes: the signature at both ends and the length of the metadata
_Format = tuple[str, str]  # name of the format and how to convert it; {file} is the path, quoted for a shell
_SPREADSHEET = "save it as CSV in the spreadsheet program"
_WITH_POLARS = "convert it first: polars.{read}(path).write_parquet('table.parquet')"
_EXPORT = "export its table as CSV or Parquet with the program that wrote it"
_NO_TABLE = "it does not contain a table"
_PICKLE = "opening it may run untrusted code; save its table as CSV or Parquet where it was created"

_SIGNATURES: tuple[tuple[int, bytes, _Format], ...] = (  # offset, regular expression, format
    (0, rb"\x1f\x8b", ("compressed by gzip", "decompress it: gunzip -c {file} > table.csv")),
    (0, rb"BZh", ("compressed by bzip2", "decompress it: bunzip2 -c {file} > table.csv")),
    (0, rb"\xfd7zXZ\x00", ("compressed by xz", "decompress it: unxz -c {file} > table.csv")),
    (0, rb"\x28\xb5\x2f\xfd", ("compressed by zstd", "decompress it: unzstd -c {file} > table.csv")),
    (0, rb"\x04\x22\x4d\x18", ("compressed by lz4", "decompress it: unlz4 -c {file} > table.csv")),
    (0, rb"\x1f\x9d", ("compressed by compress", "decompress it: uncompress -c {file} > table.csv")),
    (0, rb"7z\xbc\xaf\x27\x1c", ("a 7z archive", "unpack it: 7z x {file}")),
    (0, rb"Rar!\x1a\x07", ("a RAR archive", "unpack it: unrar x {file}")),
    (257, rb"ustar", ("a tar archive", "unpack it: tar -xf {file}")),
    (0, rb"PK\x05\x06", ("an empty zip archive", _NO_TABLE)),
    (0, rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ("an old Office file, such as .xls", _SPREADSHEET)),
    (0, rb"ARROW1", ("an Arrow or Feather file", _WITH_POLARS.format(read="read_ipc"))),
    (0, rb"FEA1", ("a Feather file of version 1", _EXPORT)),
    (0, rb"\xff\xff\xff\xff", ("an Arrow stream", _WITH_POLARS.format(read="read_ipc_stream"))),
    (0, _ENCRYPTED, ("an encrypted Parquet file", "decrypt it first")),
    (0, rb"ORC", ("an ORC file", _EXPORT)),
    (0, rb"Obj\x01", ("an Avro file", _WITH_POLARS.format(read="read_avro"))),
    (0, rb"SQLite format 3\x00", ("an SQLite database", "export the rows of a query as CSV")),
    (0, rb"\x89HDF\r\n\x1a\n", ("an HDF5 file", _EXPORT)),
    (0, rb"CDF[\x01\x02]", ("a NetCDF file", _EXPORT)),
    (0, rb"\x93NUMPY", ("a NumPy array", "save it as CSV: numpy.savetxt, delimiter=',' and a header")),
    (0, rb"\x80[\x02-\x05]", ("a pickle", _PICKLE)),
    (0, rb"MATLAB 5\.0 MAT-file", ("a MATLAB file", _EXPORT)),
    (0, rb"\$FL[23]", ("an SPSS file", _EXPORT)),
    (0, rb"<stata_dta>", ("a Stata file", _EXPORT)),
    (12, rb"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00\x09\xc7\x31\x8c", ("a SAS file", _EXPORT)),
    (0, rb"RDX[23]\n", ("an R data file", _EXPORT)),
    (0, rb"\x89PNG\r\n", ("a PNG image", _NO_TABLE)),
    (0, rb"\xff\xd8\xff", ("a JPEG image", _NO_TABLE)),
    (0, rb"GIF8[79]a", ("a GIF image", _NO_TABLE)),
    (0, rb"II\*\x00|MM\x00\*", ("a TIFF image", _NO_TABLE)),
    (8, rb"WEBP", ("a WebP image", _NO_TABLE)),
    (0, rb"\x7fELF", ("an executable", _NO_TABLE)),
)
_TEXTS: tuple[tuple[str, _Format], ...] = (  # regular expression of the first characters, ignoring case
    (r"%PDF-", ("a PDF document", _EXPORT)),
    (r"\{\\rtf", ("a rich text document", "save it as plain text")),
    (r"version https://git-lfs\.", ("a Git LFS pointer, not the file itself", "fetch it: git lfs pull")),
    (r"<(!doctype )?html", ("a web page", "download the file itself, or export the table as CSV")),
    (r"<\?xml", ("an XML file", "export its table as CSV")),
    (r"\{\s*\"[^\n]*\}\n\s*\{", ("JSON lines", _WITH_POLARS.format(read="read_ndjson"))),
    (r"[\[{]\s*[\[{\"]", ("JSON", _WITH_POLARS.format(read="read_json"))),
    (r"(%[^\n]*\n|\s)*@relation\s", ("an ARFF file", "export its table as CSV")),
)
_ZIPPED: tuple[tuple[str, _Format], ...] = (  # prefix or suffix of a name in a zip archive
    ("xl/", ("an Excel workbook (.xlsx)", _SPREADSHEET)),
    ("word/", ("a Word document", "save its table as CSV")),
    ("content.xml", ("an OpenDocument file", _SPREADSHEET)),
    (".npy", ("NumPy arrays (.npz)", "save the table as CSV: numpy.savetxt, delimiter=','")),
    ("data.pkl", ("a PyTorch checkpoint", _NO_TABLE)),
)
_CONTROL = bytes({*range(1, 32)} - {*b"\t\n\v\f\r\x1a\x1b"})
_BINARY = 0.05  # fraction of control characters in binary files; a tenth of random bytes are


def is_parquet(path: Path) -> bool:
    r"""Return whether a file is Parquet rather than CSV.

    Raises:
        DataError: the file is empty or in another format.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "table.csv")
        ...     _ = path.write_text("a,b\n1,2\n")
        ...     is_parquet(path)
        ...
        False
    """
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if not start:
        raise DataError(f"{path} is empty")
    if start.startswith(_PARQUET) and (start == _PARQUET or not _is_plain(start)):
        _check_end(path)
        return True
    if found := _zipped(path, start) or _signed(start) or _text(start):
        name, advice = found
        raise DataError(f"{path} is {name}: {advice.replace('{file}', shlex.quote(str(path)))}")
    if path.suffix in {".parquet", ".pq"}:
        raise DataError(f"{path} is not Parquet, despite its name; if it is CSV, rename it to .csv")
    if len(start.translate(None, _CONTROL)) < (1 - _BINARY) * len(start):
        raise DataError(f"{path} is a binary file of an unknown format; tables must be CSV or Parquet")
    return False


def _check_end(path: Path) -> None:
    """Raise DataError if a Parquet file is truncated."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, len(_PARQUET)), os.SEEK_END)
        end = file.read()
    if path.stat().st_size < _MIN_PARQUET or end not in {_PARQUET, _ENCRYPTED}:
        raise DataError(f"{path} is a truncated Parquet file: its end is missing; copy or write it again")


def _signed(start: bytes) -> _Format | None:
    is_plain = _is_plain(start)  # a column name of plain text may begin with letters such as ORC or BZh
    for offset, pattern, found in _SIGNATURES:
        match = re.compile(pattern).match(start, offset)
        if match and not (is_plain and match[0].isalnum() and match[0] != start):
            return found
    return None


def _is_plain(start: bytes) -> bool:
    return b"\0" not in start and len(start.translate(None, _CONTROL)) == len(start)


def _text(start: bytes) -> _Format | None:
    text = start.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip().replace("\r\n", "\n")
    return next((found for pattern, found in _TEXTS if re.match(pattern, text, re.IGNORECASE)), None)


def _zipped(path: Path, start: bytes) -> _Format | None:
    if not start.startswith(b"PK\x03\x04"):
        return None
    names: list[str] = []
    # an archive whose list of files is corrupt, or newer than zipfile knows, is still a zip archive
    with suppress(zipfile.BadZipFile, NotImplementedError, ValueError), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for part, found in _ZIPPED:
        if any(name.startswith(part) or name.endswith(part) for name in names):
            return found
    return ("a zip archive", "unpack it: unzip {file}")
