"""The text of a CSV file: decompressed, decoded, and in blocks."""

import io
import re
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

from lit_classify.data.table.compression import open_decompressed
from lit_classify.data.table.csv_dialect import CsvOptions, Dialect
from lit_classify.errors import DataError

_HEAD_BYTES, _HEAD_LINES = 1 << 16, 10  # minimum that is read to detect the dialect
_BLOCK_BYTES = 1 << 22
_MAX_LINE = 1 << 24  # characters; longer lines are not rows
_BYTE_ORDER_MARKS = {"UTF-32": (b"\xff\xfe\0\0", b"\0\0\xfe\xff"), "UTF-16": (b"\xff\xfe", b"\xfe\xff")}


def read_head(path: Path, encoding: str) -> str:
    """Return the first complete lines of a file."""
    texts = _decode(path, encoding, _HEAD_BYTES, _HEAD_LINES)
    head = next(texts)
    for text in texts:
        head += text
        if text and head.lstrip(b"\n").count(b"\n") >= _HEAD_LINES:
            head = head[: head.rindex(b"\n") + 1]
            break
    if not head.strip():
        raise DataError(f"{path} is empty")
    return head.decode()


def read_text(
    path: Path, options: CsvOptions, dialect: Dialect, update: Callable[[bytes], None] | None = None
) -> Generator[bytes]:
    """Yield the text below the header in blocks, the last one empty; ``update`` receives all text."""
    with closing(_decode(path, options.encoding, _BLOCK_BYTES, dialect.skip_lines)) as texts:
        header = next(texts)
        if update:
            update(header.lstrip(b"\n"))
        for text in texts:
            if update:
                update(text)
            yield text


def _decode(path: Path, encoding: str, size: int, num_lines: int) -> Generator[bytes]:
    """Yield the first lines of a file, then blocks of ``size`` characters; an empty block comes last.

    The text is UTF-8 with LF line ends and without a byte-order mark.

    Raises:
        DataError: a byte is not in this encoding; names its line.
    """
    is_utf8 = encoding.lower() in {"utf-8", "utf8"}
    with open_decompressed(path) as raw:
        try:
            file = io.TextIOWrapper(raw, "utf-8-sig" if is_utf8 else encoding)
            lines = [file.readline(_MAX_LINE) for _ in range(num_lines)]
            length = max(map(len, lines), default=0)
            for text in chain(["".join(lines)], iter(partial(file.read, size), ""), [""]):
                if "\0" in text:
                    raise DataError(f"{path} contains NUL bytes; set encoding, for example to utf-16")
                if length >= _MAX_LINE:
                    raise DataError(f"{path} has a line of more than {_MAX_LINE:,} characters")
                length = len(text) - text.rfind("\n") - 1 + length * ("\n" not in text)
                yield text.encode()
        except LookupError as error:
            raise DataError(f"unknown encoding {encoding!r}") from error
        except UnicodeDecodeError as error:
            position = raw.tell() - len(error.object) + error.start
            raw.seek(0)
            start = raw.read(position + 4)
            for name, marks in _BYTE_ORDER_MARKS.items():
                if start.startswith(marks) and is_utf8:
                    raise DataError(f"{path} is {name}; set encoding to {name.lower()}") from error
            line = 1 + len(re.findall("\r\n?|\n", start[:position].decode(encoding, errors="replace")))
            raise DataError(
                f"{path}, line {line}: byte {error.object[error.start]:#x} is not {encoding}; set encoding, "
                "for example to latin-1"
            ) from error
        except UnicodeError as error:
            raise DataError(f"{path} is not {encoding}: {error}") from error
