"""Folders of encoded tables on the disk: built under a lock, checked when opened, listed and deleted.

A complete folder has a ``table.json``, which is written last and has a checksum of each array. The name of a
folder that is being built ends in ``.partial``; it is resumed after an interruption.
"""

import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lit_classify.atomic_write import atomic_write
from lit_classify.errors import UserError
from lit_classify.messages import echo_once

_FITTED = "fitted.json"  # in a partial folder, the result of the first pass
_FIRST_PASS = "first-pass.json"  # the same, its state so far
_NAME = re.compile(r"-[0-9a-f]{16}$")
_RECORD = "table.json"
_PARTIAL = ".partial"
_LOCK = ".lock"
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Array:
    """Shape and type of an array in a file.

    Examples:
        >>> Array((3, 2), "float32").num_bytes
        24
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def default_directory() -> Path:
    """Return the directory of caches unless another one is given: in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lit_classify")


def free_space(directory: Path) -> int:
    """Return the bytes that are free on the disk of a directory."""
    return shutil.disk_usage(directory).free


def open_array_file(path: Path, array: Array) -> BinaryIO:
    """Open a file of the size of an array for writing; the content of an existing file is kept.

    Raises:
        OSError: there is no space left.
    """
    path.touch()
    file = path.open("r+b")
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, array.num_bytes)
    else:
        file.truncate(array.num_bytes)
    return file


@dataclass(frozen=True)
class CachedTable:
    """The folder of one encoded table.

    Args:
        directory: the directory of caches.
        name: the name of the folder.
    """

    directory: Path
    name: str

    @property
    def folder(self) -> Path:
        """Where the complete table is."""
        return self.directory / self.name

    @property
    def partial(self) -> Path:
        """Where the table is built."""
        return self.directory / f"{self.name}{_PARTIAL}"

    @contextmanager
    def locked(self, wait: bool = True) -> Iterator[None]:
        """Prevent other processes from building this table.

        Args:
            wait: whether to wait for a process that builds it now.

        Raises:
            UserError: the directory cannot be written, or a process builds the table.
        """
        import fcntl

        path = self.directory / f"{self.name}{_LOCK}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        except OSError as error:
            raise UserError(
                f"cannot write the cache {self.directory}: {error.strerror}; choose another directory with "
                "--data.cache_dir"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if not wait:
                    raise UserError(f"{self.folder} is being built by another process") from error
                echo_once(f"waiting for another process that builds {self.folder}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> dict[str, Any] | None:
        """Return the record of the complete table; None if there is none.

        Raises:
            ValueError: a file of it is missing, or is not as it was written.
        """
        if not self.folder.is_dir():
            return None
        try:
            record: dict[str, Any] = json.loads((self.folder / _RECORD).read_text("utf-8"))
            if _checksum_of(record) != record["checksum"]:
                raise ValueError(f"{self.folder / _RECORD} has changed since it was written")
            for name, array in arrays_of(record).items():
                path = self.folder / name
                if path.stat().st_size != array.num_bytes:
                    raise ValueError(f"{path} has {path.stat().st_size:,} bytes, not {array.num_bytes:,}")
                if _checksum(path) != record["checksums"][name]:
                    raise ValueError(f"{path} has changed since it was written")
        except (OSError, KeyError, TypeError) as error:
            raise ValueError(f"{self.folder} is not complete: {error}") from error
        return record

    def finish(self, record: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Make the partial folder the complete one, and return its record."""
        for unfinished in self.partial.glob("*.tmp"):  # by a process that was killed
            unfinished.unlink()
        complete = {
            **record,
            "arrays": {name: asdict(array) for name, array in arrays.items()},
            "checksums": {name: _checksum(self.partial / name) for name in arrays},
        }
        complete["checksum"] = _checksum_of(complete)
        _write_json(self.partial / _RECORD, complete)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(self.partial, self.folder)
        return complete

    def map(self, record: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Return the arrays, mapped from their files."""
        return {  # changes would stay in memory
            name: np.memmap(self.folder / name, array.dtype, "c", shape=array.shape)
            for name, array in arrays_of(record).items()
        }

    def partial_size(self) -> int:
        """Return the bytes that the partial folder takes."""
        return sum(path.stat().st_size for path in self.partial.iterdir())

    def save_first_pass(
        self, table: Mapping[str, Any], data: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> None:
        """Save the state of the first pass, in place of an earlier one.

        Args:
            table: identifies the table; must be equal when the pass is resumed.
            data: plain data.
            frames: rows.
        """
        self.partial.mkdir(exist_ok=True)
        earlier, unique = list(self.partial.glob("*.arrow")), os.urandom(8).hex()
        files = {name: f"{name}-{unique}.arrow" for name in frames}
        for name, frame in frames.items():
            with atomic_write(self.partial / files[name]) as path:
                frame.write_ipc(path)
        checksums = {name: _checksum(self.partial / file) for name, file in files.items()}
        saved = {**table, "data": data, "frames": files, "checksums": checksums}
        _write_json(self.partial / _FIRST_PASS, {**saved, "checksum": _checksum_of(saved)})
        for path in earlier:
            path.unlink()

    def load_first_pass(
        self, table: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, pl.DataFrame]] | None:
        """Return the data and frames that were saved last; None unless they are intact and of this table."""
        saved = _read_json(self.partial / _FIRST_PASS)
        if saved is None or saved.get("checksum") != _checksum_of(saved) or {**saved, **table} != saved:
            return None
        frames = {}
        for name, file in saved["frames"].items():
            path = self.partial / file
            if not path.is_file() or _checksum(path) != saved["checksums"][name]:
                return None
            frames[name] = pl.read_ipc(path)
        return saved["data"], frames

    def start_second_pass(self, result: Mapping[str, Any]) -> None:
        """Create a partial folder with nothing but the result of the first pass."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir()
        _write_json(self.partial / _FITTED, result)

    def load_first_pass_result(self) -> dict[str, Any] | None:
        """Return the result of the first pass; None if the second one has not been started."""
        return _read_json(self.partial / _FITTED)

    def delete(self) -> None:
        """Delete the folders, unless another process is building the table; the lock file stays.

        Raises:
            UserError: another process builds the table.
        """
        with self.locked(wait=False):
            for folder in (self.folder, self.partial):
                shutil.rmtree(folder, ignore_errors=True)


def arrays_of(record: Mapping[str, Any]) -> dict[str, Array]:
    """Return the arrays of a record."""
    return {name: Array(tuple(array["shape"]), array["dtype"]) for name, array in record["arrays"].items()}


def _write_json(target: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(target) as path:
        path.write_text(json.dumps(content), "utf-8")


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the content of a file, or None if there is no valid one."""
    with suppress(OSError, ValueError):
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content
    return None


def _checksum_of(record: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a record."""
    content = {key: value for key, value in record.items() if key != "checksum"}
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum


@dataclass(frozen=True)
class Entry:
    """A table in a directory of caches.

    Args:
        cached: where it is.
        is_complete: whether it has been built to the end.
        num_bytes: the space that it takes.
        num_rows: number of its rows.
        paths: the files of the table.
    """

    cached: CachedTable
    is_complete: bool
    num_bytes: int
    num_rows: int
    paths: tuple[str, ...]


def find_tables(directory: Path) -> list[Entry]:
    """Return the tables in a directory of caches, sorted by name; other files in it are ignored."""
    names = {path.name.removesuffix(_PARTIAL) for path in directory.glob("*-*") if path.is_dir()}
    entries = []
    for cached in (CachedTable(directory, name) for name in sorted(names) if _NAME.search(name)):
        for folder, file in ((cached.folder, _RECORD), (cached.partial, _FITTED)):
            if folder.is_dir() and not folder.is_symlink():
                content = _read_json(folder / file) or _read_json(folder / _FIRST_PASS) or {}
                size = sum(path.stat().st_size for path in folder.iterdir())
                rows, paths = sum(content.get("counts", {}).values()), tuple(content.get("paths", ()))
                entries.append(Entry(cached, folder == cached.folder, size, rows, paths))
    return entries
