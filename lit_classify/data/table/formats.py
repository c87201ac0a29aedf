"""Which format a file has, by its first bytes: what is no table of ours is named, with what to do."""

import os
import re
import shlex
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lit_classify.errors import DataError

_HEAD = 1 << 12  # bytes in which a signature stands
_PARQUET, _ENCRYPTED = b"PAR1", b"PARE"
_LEAST_PARQUET = 12  # bytes: the signature at both ends, and the length of what describes the columns


class _Format(NamedTuple):
    """A format and what to do with it; ``{file}`` stands for the path, quoted for a shell."""

    name: str
    advice: str


_SPREADSHEET = "save it as CSV in the spreadsheet program"
_WITH_POLARS = "convert it first: polars.{read}(path).write_parquet('table.parquet')"
_EXPORT = "export its table as CSV or Parquet with the program that wrote it"
_NO_TABLE = "it holds no table"
_PICKLE = "opening it may run foreign code; write its table as CSV or Parquet where it was made"

_SIGNATURES: tuple[tuple[int, bytes, _Format], ...] = (  # offset, bytes, format
    (0, b"\x1f\x8b", _Format("compressed by gzip", "decompress it: gunzip -c {file} > table.csv")),
    (0, b"BZh", _Format("compressed by bzip2", "decompress it: bunzip2 -c {file} > table.csv")),
    (0, b"\xfd7zXZ\x00", _Format("compressed by xz", "decompress it: unxz -c {file} > table.csv")),
    (0, b"\x28\xb5\x2f\xfd", _Format("compressed by zstd", "decompress it: unzstd -c {file} > table.csv")),
    (0, b"\x04\x22\x4d\x18", _Format("compressed by lz4", "decompress it: unlz4 -c {file} > table.csv")),
    (0, b"\x1f\x9d", _Format("compressed by compress", "decompress it: uncompress -c {file} > table.csv")),
    (0, b"7z\xbc\xaf\x27\x1c", _Format("a 7z archive", "unpack it: 7z x {file}")),
    (0, b"Rar!\x1a\x07", _Format("a RAR archive", "unpack it: unrar x {file}")),
    (257, b"ustar", _Format("a tar archive", "unpack it: tar -xf {file}")),
    (0, b"PK\x05\x06", _Format("an empty zip archive", _NO_TABLE)),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        _Format("an old Office file, such as .xls", _SPREADSHEET),
    ),
    (0, b"ARROW1", _Format("an Arrow or Feather file", _WITH_POLARS.format(read="read_ipc"))),
    (0, b"FEA1", _Format("a Feather file of version 1", _EXPORT)),
    (0, b"\xff\xff\xff\xff", _Format("an Arrow stream", _WITH_POLARS.format(read="read_ipc_stream"))),
    (0, _ENCRYPTED, _Format("an encrypted Parquet file", "decrypt it first")),
    (0, b"ORC", _Format("an ORC file", _EXPORT)),
    (0, b"Obj\x01", _Format("an Avro file", _WITH_POLARS.format(read="read_avro"))),
    (0, b"SQLite format 3\x00", _Format("an SQLite database", "export the rows of a query as CSV")),
    (0, b"\x89HDF\r\n\x1a\n", _Format("an HDF5 file", _EXPORT)),
    (0, b"CDF\x01", _Format("a NetCDF file", _EXPORT)),
    (0, b"CDF\x02", _Format("a NetCDF file", _EXPORT)),
    (0, b"\x93NUMPY", _Format("a NumPy array", "write it as CSV: numpy.savetxt, delimiter=',' and a header")),
    (0, b"\x80\x02", _Format("a pickle", _PICKLE)),
    (0, b"\x80\x03", _Format("a pickle", _PICKLE)),
    (0, b"\x80\x04", _Format("a pickle", _PICKLE)),
    (0, b"\x80\x05", _Format("a pickle", _PICKLE)),
    (0, b"MATLAB 5.0 MAT-file", _Format("a MATLAB file", _EXPORT)),
    (0, b"$FL2", _Format("an SPSS file", _EXPORT)),
    (0, b"$FL3", _Format("an SPSS file", _EXPORT)),
    (0, b"<stata_dta>", _Format("a Stata file", _EXPORT)),
    (12, b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00\x09\xc7\x31\x8c", _Format("a SAS file", _EXPORT)),
    (0, b"RDX2\n", _Format("an R data file", _EXPORT)),
    (0, b"RDX3\n", _Format("an R data file", _EXPORT)),
    (0, b"\x89PNG\r\n", _Format("a PNG image", _NO_TABLE)),
    (0, b"\xff\xd8\xff", _Format("a JPEG image", _NO_TABLE)),
    (0, b"GIF87a", _Format("a GIF image", _NO_TABLE)),
    (0, b"GIF89a", _Format("a GIF image", _NO_TABLE)),
    (0, b"II*\x00", _Format("a TIFF image", _NO_TABLE)),
    (0, b"MM\x00*", _Format("a TIFF image", _NO_TABLE)),
    (8, b"WEBP", _Format("a WebP image", _NO_TABLE)),
    (0, b"\x7fELF", _Format("a program", _NO_TABLE)),
)
_TEXTS: tuple[tuple[str, _Format], ...] = (  # what a file begins with, whatever the case
    (r"%PDF-", _Format("a PDF document", _EXPORT)),
    (r"\{\\rtf", _Format("a rich text document", "save it as plain text")),
    (
        r"version https://git-lfs\.",
        _Format("a pointer of Git LFS, not the file itself", "fetch it: git lfs pull"),
    ),
    (r"<(!doctype )?html", _Format("a web page", "download the file itself, or export the table as CSV")),
    (r"<\?xml", _Format("an XML file", "export its table as CSV")),
    (r"\{\s*\"[^\n]*\}\n\s*\{", _Format("JSON lines", _WITH_POLARS.format(read="read_ndjson"))),
    (r"[\[{]\s*[\[{\"]", _Format("JSON", _WITH_POLARS.format(read="read_json"))),
    (r"(%[^\n]*\n|\s)*@relation\s", _Format("an ARFF file", "export its table as CSV")),
)
_ZIPPED: tuple[tuple[str, _Format], ...] = (  # a name in a zip archive
    ("xl/", _Format("an Excel workbook (.xlsx)", _SPREADSHEET)),
    ("word/", _Format("a Word document", "save its table as CSV")),
    ("content.xml", _Format("an OpenDocument file", _SPREADSHEET)),
    (".npy", _Format("NumPy arrays (.npz)", "write the table as CSV: numpy.savetxt, delimiter=','")),
    ("data.pkl", _Format("a PyTorch checkpoint", _NO_TABLE)),
)
_CONTROL = bytes({*range(1, 32)} - {*b"\t\n\v\f\r\x1a\x1b"})
_BINARY = 0.05  # of the first bytes are control characters; of random bytes, a tenth


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet, and not CSV.

    Raises:
        DataError: it is empty, or of another format; says which, and what to do.
    """
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if not start:
        raise DataError(f"{path} is empty")
    if start.startswith(_PARQUET) and (start == _PARQUET or not _is_plain(start)):
        _check_end(path)
        return True
    if found := _zipped(path, start) or _signed(start) or _text(start):
        raise DataError(f"{path} is {found.name}: {found.advice.replace('{file}', shlex.quote(str(path)))}")
    if path.suffix in {".parquet", ".pq"}:
        raise DataError(f"{path} is not Parquet, which its name says; if it is CSV, rename it to .csv")
    if len(start.translate(None, _CONTROL)) < (1 - _BINARY) * len(start):
        raise DataError(f"{path} is a binary file of an unknown format; a table is CSV or Parquet")
    return False


def _check_end(path: Path) -> None:
    """Raise DataError for a Parquet file that does not end as it begins, or has no room for both."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, len(_PARQUET)), os.SEEK_END)
        end = file.read()
    if path.stat().st_size < _LEAST_PARQUET or end not in {_PARQUET, _ENCRYPTED}:
        raise DataError(f"{path} is a truncated Parquet file: its end is missing; copy or write it anew")


def _signed(start: bytes) -> _Format | None:
    plain = _is_plain(start)  # then letters such as ORC or BZh are a column's name, if more follows
    return next(
        (
            found
            for at, sign, found in _SIGNATURES
            if start.startswith(sign, at) and not (plain and sign.isalnum() and start != sign)
        ),
        None,
    )


def _is_plain(start: bytes) -> bool:
    return b"\0" not in start and len(start.translate(None, _CONTROL)) == len(start)


def _text(start: bytes) -> _Format | None:
    begun = start.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip().replace("\r\n", "\n")
    return next((found for sign, found in _TEXTS if re.match(sign, begun, re.IGNORECASE)), None)


def _zipped(path: Path, start: bytes) -> _Format | None:
    if not start.startswith(b"PK\x03\x04"):
        return None
    names: list[str] = []
    # zipfile raises NotImplementedError for ways of packing that it does not know
    with suppress(zipfile.BadZipFile, NotImplementedError, ValueError), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for part, found in _ZIPPED:
        if any(name.startswith(part) or name.endswith(part) for name in names):
            return found
    return _Format("a zip archive", "unpack it: unzip {file}")
