"""Read JSON lines, compressed or not: whole, or in blocks of complete lines."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from lit_classify.data.memory import check_content, check_memory
from lit_classify.data.table.compression import open_decompressed, sizes_so_far
from lit_classify.errors import DataError

_BLOCK_BYTES = 1 << 22
_MAX_LINE = 1 << 24  # bytes; longer lines are not rows
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Types = Mapping[str, pl.DataType]


def read_json_lines(path: Path) -> pl.DataFrame:
    """Read a file; its columns are the keys of all objects.

    Raises:
        DataError: a line is not an object, the values of a key differ in type, or the file is too large for
            the memory.
    """
    for size in sizes_so_far(path):
        check_content(path, size, has_blocks=True)
    with open_decompressed(path) as file:
        content = file.read().removeprefix(_BYTE_ORDER_MARK)
    return _parse(path, content, _infer_types(path, content))


def iterate_json_lines(path: Path, start: int = 0) -> Iterator[tuple[pl.DataFrame, int]]:
    r"""Yield the rows of a file in blocks, all with the types of the whole file.

    Args:
        path: the file.
        start: the byte of the decompressed file at which the first block begins.

    Yields:
        The rows, and the byte at which the next block begins.

    Raises:
        DataError: as for ``read_json_lines``.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "t.jsonl")
        ...     _ = path.write_text('{"a": 1}\n{"a": 2.5, "b": "x"}\n')
        ...     [(frame.rows(), end) for frame, end in iterate_json_lines(path)]
        ...
        [([(1.0, None), (2.5, 'x')], 30)]
    """
    stat = path.stat()
    types = _types_of_file(path, stat.st_size, stat.st_mtime_ns)
    for block, offset in _iterate_blocks(path, start):
        frame = _parse(path, block, types, offset)
        if len(frame):
            yield frame, offset + len(block)


def bytes_per_line(path: Path) -> float:
    """Return the mean number of bytes of the first lines of a file."""
    head, _ = next(_iterate_blocks(path))
    return len(head) / max(head.count(b"\n"), 1)


def _iterate_blocks(path: Path, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield complete lines in blocks, and the byte at which each block begins."""
    with open_decompressed(path) as file:
        file.seek(start)
        while block := file.read(_BLOCK_BYTES) + file.readline(_MAX_LINE):
            if not block.endswith(b"\n") and file.peek(1):
                raise DataError(f"{path} has a line of more than {_MAX_LINE:,} bytes")
            yield block, start
            start += len(block)


@lru_cache
def _types_of_file(path: Path, size: int, time: int) -> Types:
    """Read a file, and return the types of its columns."""
    types: dict[str, pl.DataType] = {}
    for block, offset in _iterate_blocks(path):
        block_types = _infer_types(path, block, offset)
        if block_types != types:
            empty = [pl.DataFrame(schema=schema) for schema in (types, block_types)]
            try:
                types = dict(pl.concat(empty, how="diagonal_relaxed").schema)
            except pl.exceptions.PolarsError as error:
                raise _mixed_types(path, error) from error
    return types


def _infer_types(path: Path, block: bytes, offset: int = 0) -> Types:
    """Return the types of the columns of some lines, which begin at a byte of the file."""
    try:
        return pl.scan_ndjson(_without_mark(block, offset), infer_schema_length=None).collect_schema()
    except pl.exceptions.PolarsError as error:
        raise _explain(path, block, offset, error) from error


def _parse(path: Path, block: bytes, types: Types, offset: int = 0) -> pl.DataFrame:
    """Return the rows of some lines, which begin at a byte of the file."""
    check_memory(path, block.count(b"\n") + 1, len(types))
    try:
        return pl.read_ndjson(_without_mark(block, offset), schema=types)
    except pl.exceptions.PolarsError as error:
        raise _explain(path, block, offset, error) from error


def _without_mark(block: bytes, offset: int) -> bytes:
    return block if offset else block.removeprefix(_BYTE_ORDER_MARK)


def _explain(path: Path, block: bytes, offset: int, error: Exception) -> DataError:
    """Return an error that names the line that is not an object, or says that types differ."""
    for index, line in enumerate(block.split(b"\n")):
        if line.strip() and (fault := _find_fault(line)):
            previous = (lines for lines, start in _iterate_blocks(path) if start < offset)
            number = sum(lines.count(b"\n") for lines in previous) + index + 1
            return DataError(f"{path}, line {number}: {fault}")
    return _mixed_types(path, error)


def _mixed_types(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: a key has values of several types: {str(error).splitlines()[0]}")


def _find_fault(line: bytes) -> str | None:
    """Return why a line is not a JSON object, or None."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON; write null")

    try:
        value = json.loads(line.decode(), parse_constant=refuse)
    except json.JSONDecodeError as error:
        return f"not a JSON object: {error.msg} at character {error.colno}"
    except (ValueError, RecursionError) as error:
        return f"not a JSON object: {error}"
    return None if isinstance(value, dict) else "not a JSON object"
