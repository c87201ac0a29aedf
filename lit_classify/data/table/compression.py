"""Open compressed files like plain ones; the compression is detected from the first bytes."""

import bz2
import gzip
import io
import lzma
import re
import shlex
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from lit_classify.errors import DataError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_Opener = Callable[[Path], AbstractContextManager[Any]]
_HEAD = 10  # number of bytes that contain the signature
_BLOCK_BYTES = 1 << 22
_IS_ENCRYPTED = 1  # flag of a file in a zip archive
FAULTS = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    zipfile.BadZipFile,
    NotImplementedError,  # zipfile's, for compression methods and versions that it does not know
)


@contextmanager
def _open_member(path: Path) -> Iterator[Any]:
    """Open the only file in a zip archive."""
    with zipfile.ZipFile(path) as archive:
        members = [
            info
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")  # attributes of files
        ]
        unpack = f"unpack it: unzip {shlex.quote(str(path))}"
        if len(members) != 1:
            raise DataError(
                f"{path} is a zip archive of {len(members)} files, but only one can be read; {unpack}"
            )
        if members[0].flag_bits & _IS_ENCRYPTED:
            raise DataError(f"{path} is an encrypted zip archive; {unpack}")
        with archive.open(members[0]) as file:
            yield file


_COMPRESSIONS: dict[str, tuple[bytes, _Opener]] = {  # regular expression of the first bytes
    "gzip": (rb"\x1f\x8b", gzip.GzipFile),
    # letters alone may begin the name of a column
    "bzip2": (rb"BZh(\Z|[1-9](1AY&SY|\x17rE8P\x90))", bz2.BZ2File),
    "xz": (rb"\xfd7zXZ\x00", lzma.LZMAFile),
    "zstd": (rb"\x28\xb5\x2f\xfd", zstd.ZstdFile),
    "zip": (rb"PK\x03\x04", _open_member),
}


def find_compression(path: Path) -> str | None:
    """Return the name of the compression of a file, or None."""
    with path.open("rb") as file:
        start = file.read(_HEAD)
    return next((name for name, (pattern, _) in _COMPRESSIONS.items() if re.match(pattern, start)), None)


@contextmanager
def open_decompressed(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading, decompressed if it is compressed.

    Raises:
        DataError: the file is corrupt, truncated or encrypted, or a zip archive of several files.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "table.csv.gz")
        ...     _ = path.write_bytes(gzip.compress(b"a,b"))
        ...     with open_decompressed(path) as file:
        ...         file.read()
        ...
        b'a,b'
    """
    name = find_compression(path)
    if name is None:
        with path.open("rb") as file:
            yield file
        return
    try:
        with _COMPRESSIONS[name][1](path) as file:
            yield io.BufferedReader(file)
    except FAULTS as error:
        raise DataError(
            f"{path} is compressed by {name}, but corrupt or truncated: {error}; copy or download it again"
        ) from error


def sizes_so_far(path: Path) -> Iterator[int]:
    """Yield the size of a file; if it is compressed, the growing number of bytes decompressed so far.

    The caller can stop at a size that is too large, without decompressing the rest.
    """
    if find_compression(path) is None:
        yield path.stat().st_size
        return
    size = 0
    with open_decompressed(path) as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            yield size
