"""Detect the format of a file from its content, and name formats that are not supported."""

import os
import re
import shlex
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from lit_classify.data.table.compression import FAULTS, find_compression, open_decompressed
from lit_classify.errors import DataError

Format = Literal["CSV", "JSON lines", "Parquet", "Arrow", "Arrow stream", "Excel"]
_HEAD = 1 << 12  # number of bytes that contain the signature
_ENCRYPTED = b"PARE"
_BINARY: dict[Format, tuple[bytes, tuple[bytes, ...]]] = {  # first bytes, and the last ones
    "Parquet": (b"PAR1", (b"PAR1", _ENCRYPTED)),
    "Arrow": (b"ARROW1", (b"ARROW1",)),
    "Arrow stream": (b"\xff\xff\xff\xff", (b"\xff\xff\xff\xff\0\0\0\0",)),
}
_MIN_BINARY = 12  # bytes: in Parquet the signature at both ends and the length of the metadata
_Format = tuple[str, str]  # name of the format and how to convert it; {file} is the path, quoted for a shell
_SPREADSHEET = "save it as CSV in the spreadsheet program"
_WITH_POLARS = "convert it first: polars.{read}(path).write_parquet('table.parquet')"
_WITH_NUMPY = "save it as CSV: numpy.savetxt('table.csv', x, delimiter=',', header='a,b', comments='')"
_EXPORT = "export its table as CSV or Parquet with the program that wrote it"
_NO_TABLE = "it does not contain a table"
_PICKLE = "opening it may run untrusted code; save its table as CSV or Parquet where it was created"

_SIGNATURES: tuple[tuple[int, bytes, _Format], ...] = (  # offset, regular expression, format
    (0, rb"\x04\x22\x4d\x18", ("compressed by lz4", "decompress it: unlz4 -c {file} > table.csv")),
    (0, rb"\x1f\x9d", ("compressed by compress", "decompress it: uncompress -c {file} > table.csv")),
    (0, rb"7z\xbc\xaf\x27\x1c", ("a 7z archive", "unpack it: 7z x {file}")),
    (0, rb"Rar!\x1a\x07", ("a RAR archive", "unpack it: unrar x {file}")),
    (257, rb"ustar", ("a tar archive", "unpack it: tar -xf {file}")),
    (0, rb"PK\x05\x06", ("an empty zip archive", _NO_TABLE)),
    (0, rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ("an encrypted or old Office file (.xls)", _SPREADSHEET)),
    (0, rb"FEA1", ("a Feather file of version 1", _EXPORT)),
    (0, _ENCRYPTED, ("an encrypted Parquet file", "decrypt it first")),
    (0, rb"ORC", ("an ORC file", _EXPORT)),
    (0, rb"Obj\x01", ("an Avro file", _WITH_POLARS.format(read="read_avro"))),
    (0, rb"SQLite format 3\x00", ("an SQLite database", "export the rows of a query as CSV")),
    (0, rb"\x89HDF\r\n\x1a\n", ("an HDF5 file", _EXPORT)),
    (0, rb"CDF[\x01\x02]", ("a NetCDF file", _EXPORT)),
    (0, rb"\x93NUMPY", ("a NumPy array", _WITH_NUMPY)),
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
    (r"[\[{]\s*[\[{\"]", ("JSON", _WITH_POLARS.format(read="read_json"))),
    (r"(%[^\n]*\n|\s)*@relation\s", ("an ARFF file", "export its table as CSV")),
)
_ZIPPED: tuple[tuple[str, _Format], ...] = (  # prefix or suffix of a name in a zip archive
    ("word/", ("a Word document", "save its table as CSV")),
    ("content.xml", ("an OpenDocument file", _SPREADSHEET)),
    (".npy", ("NumPy arrays (.npz)", _WITH_NUMPY)),
    ("data.pkl", ("a PyTorch checkpoint", _NO_TABLE)),
)
_JSON_LINES = r'\{[ \t]*"[^\n]*(\}[ \t]*\n|\Z)'  # the first line is an object
_CONTROL = bytes({*range(1, 32)} - {*b"\t\n\v\f\r\x1a\x1b"})
_MAX_CONTROL = 0.05  # fraction of control characters in text; a tenth of random bytes are


def detect_format(path: Path) -> Format:
    r"""Return the format of a file; CSV and JSON lines may be compressed.

    Raises:
        DataError: the file is empty, truncated or in another format.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "table")
        ...     _ = path.write_text("a,b\n1,2\n")
        ...     detect_format(path)
        ...
        'CSV'
    """
    compression = find_compression(path)
    if compression == "zip":
        names = _names_in_zip(path)
        if any(name.startswith("xl/") for name in names):
            return "Excel"
        if unsupported := _match_zip_members(names):
            raise _unsupported(path, unsupported)
    with open_decompressed(path) as file:
        start = file.read(_HEAD)
    if not start:
        raise DataError(f"{path} is empty")
    for name, (signature, end_signatures) in _BINARY.items():
        if start.startswith(signature) and (start == signature or not _is_plain(start)):
            if compression:
                raise DataError(f"{path} is a compressed {name} file: decompress it first")
            _check_end(path, name, end_signatures)
            return name
    text = start.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip().replace("\r\n", "\n")
    if re.match(_JSON_LINES, text):
        return "JSON lines"
    if unsupported := _match_signature(start) or _match_text(text):
        raise _unsupported(path, unsupported)
    if len(start.translate(None, _CONTROL)) < (1 - _MAX_CONTROL) * len(start):
        raise DataError(
            f"{path} is a binary file of an unknown format; tables must be CSV, JSON lines, Parquet, Arrow "
            "or Excel"
        )
    return "CSV"


def _unsupported(path: Path, file_format: _Format) -> DataError:
    name, advice = file_format
    return DataError(f"{path} is {name}: {advice.replace('{file}', shlex.quote(str(path)))}")


def _check_end(path: Path, name: str, end_signatures: tuple[bytes, ...]) -> None:
    """Raise DataError if a file of a binary format is truncated."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, _MIN_BINARY), os.SEEK_END)
        end = file.read()
    if len(end) < _MIN_BINARY or not end.endswith(end_signatures):
        raise DataError(f"{path} is a truncated {name} file: its end is missing; copy or write it again")


def _match_signature(start: bytes) -> _Format | None:
    is_plain = _is_plain(start)  # a column name of plain text may begin with letters such as ORC or BZh
    for offset, pattern, file_format in _SIGNATURES:
        match = re.compile(pattern).match(start, offset)
        if match and not (is_plain and match[0].isalnum() and match[0] != start):
            return file_format
    return None


def _is_plain(start: bytes) -> bool:
    return b"\0" not in start and len(start.translate(None, _CONTROL)) == len(start)


def _match_text(text: str) -> _Format | None:
    for pattern, file_format in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE):
            return file_format
    return None


def _names_in_zip(path: Path) -> list[str]:
    """Return the names of the files in a zip archive; none if it is corrupt."""
    with suppress(*FAULTS, ValueError), zipfile.ZipFile(path) as archive:
        return archive.namelist()
    return []


def _match_zip_members(names: Sequence[str]) -> _Format | None:
    for affix, file_format in _ZIPPED:
        if any(name.startswith(affix) or name.endswith(affix) for name in names):
            return file_format
    return None
