"""The text of a CSV file: decompressed, decoded, and in blocks of complete lines."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lit_classify.data.table.compression import open_decompressed
from lit_classify.errors import DataError

_HEAD_BYTES, _HEAD_LINES = 1 << 16, 10  # minimum that is read to detect the dialect
_BLOCK_BYTES = 1 << 22
_MAX_LINE = 1 << 24  # characters; longer lines are not rows


def read_head(path: Path, encoding: str) -> str:
    """Return the first lines of a file."""
    with open_text(path, encoding) as file:
        head = _read(path, file, _HEAD_BYTES, _HEAD_LINES)
    if not head.strip():
        raise DataError(f"{path} is empty")
    return head


def read_block(path: Path, file: io.TextIOWrapper, num_before: int) -> str:
    """Return the next lines of a file, which form a block together with some characters before them."""
    return _read(path, file, max(_BLOCK_BYTES - num_before, 0), 1)


def _read(path: Path, file: io.TextIOWrapper, size: int, num_lines: int) -> str:
    """Return the next characters of a file, to the end of their line, and further lines."""
    start = file.read(size)
    lines = [file.readline(_MAX_LINE) for _ in range(num_lines)]
    text = "".join([start, *lines])
    if "\0" in text:
        places = (text[0::2].count("\0"), text[1::2].count("\0"))  # half of UTF-16, if most letters are Latin
        is_utf16 = max(places) > len(text) / 4
        advice = f"set --data.encoding utf-16-{'le' if places[1] > places[0] else 'be'}"
        raise DataError(f"{path} contains NUL bytes; {advice if is_utf16 else 'remove them'}")
    if max(map(len, lines)) >= _MAX_LINE:
        raise DataError(f"{path} has a line of more than {_MAX_LINE:,} characters")
    return text


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a file as text with LF line ends and without a byte-order mark.

    Raises:
        DataError: a byte is not in this encoding; names its line.
    """
    is_utf8 = encoding.lower() in {"utf-8", "utf8"}
    with open_decompressed(path) as raw:
        try:
            yield io.TextIOWrapper(raw, "utf-8-sig" if is_utf8 else encoding)
        except UnicodeDecodeError as error:
            position = raw.tell() - len(error.object) + error.start
            raw.seek(0)
            preceding = raw.read(position)
            marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            if is_utf8 and not preceding and error.object.startswith(marks):
                raise DataError(f"{path} is UTF-16; set --data.encoding utf-16") from error
            line = 1 + len(re.findall("\r\n?|\n", preceding.decode(encoding, errors="replace")))
            raise DataError(
                f"{path}, line {line}: byte {error.object[error.start]:#x} is not {encoding}; set "
                "--data.encoding, for example latin-1"
            ) from error
        except UnicodeError as error:
            raise DataError(f"{path} is not {encoding}: {error}") from error
