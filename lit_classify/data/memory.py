"""The memory that data needs: estimates before it is allocated, and memory that can be released."""

import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from lit_classify.errors import TooLargeError

_GROUPS = Path("/sys/fs/cgroup")
_PROCESS_GROUPS = Path("/proc/self/cgroup")
_GROUP_FILES = {  # by version: limit, usage, and prefix of the sums over groups below it
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    2: ("memory.max", "memory.current", ""),
}
_BYTES_PER_POINT = 100  # measured: coordinates and class, with the copies of shuffling and splitting
_ADVICE = "use fewer rows or columns, or read it in blocks with --data.cache_dir DIRECTORY"
_COPIES = 3  # of the float32 matrix: the raw table, the features and temporaries


def check_memory(path: Path, num_rows: int, num_columns: int) -> None:
    """Check that a table fits into memory.

    Raises:
        TooLargeError: the estimate exceeds the free memory.

    Examples:
        >>> check_memory(Path("t.csv"), num_rows=1000, num_columns=10)
        >>> check_memory(Path("t.csv"), num_rows=10**12, num_columns=10)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.TooLargeError: t.csv: about 1,000,000,000,000 rows x 10 columns need about ...
    """
    table = f"{path}: about {num_rows:,} rows x {num_columns:,} columns"
    _check(table, _COPIES * 4 * num_rows * num_columns, _ADVICE)


def check_content(path: Path, num_bytes: int, has_blocks: bool = False) -> None:
    """Check that the content of a file fits into memory, where the number of its rows is not known.

    Args:
        path: the file.
        num_bytes: its size.
        has_blocks: whether files of this format can be read in blocks.

    Raises:
        TooLargeError: the estimate exceeds the free memory.

    Examples:
        >>> check_content(Path("t.jsonl"), 1000)
        >>> check_content(Path("t.jsonl"), 10**15)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.TooLargeError: t.jsonl: 1000000.0 GB of content need about ...
    """
    _check(
        f"{path}: {format_size(num_bytes)} of content",
        _COPIES * num_bytes,
        _ADVICE if has_blocks else "use fewer rows or columns, or save it as CSV or Parquet",
    )


def check_points(num_points: float) -> None:
    """Check that points fit into memory before they are generated.

    Raises:
        TooLargeError: the estimate exceeds the free memory.

    Examples:
        >>> check_points(1000)
        >>> check_points(1e15)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.TooLargeError: 1,000,000,000,000,000 points need about ...
    """
    _check(f"{num_points:,.0f} points", _BYTES_PER_POINT * num_points, "use fewer")


def to_releasable_memory(frame: pl.DataFrame) -> pl.DataFrame:
    """Move float32 columns to memory that returns to the system once a frame is released.

    The allocator of polars would keep it for later frames.
    """
    names = [series.name for series in frame if series.dtype == pl.Float32 and not series.null_count()]
    if not names:
        return frame
    memory = np.frombuffer(mmap.mmap(-1, 4 * len(names) * len(frame)), np.float32).reshape(len(names), -1)
    for column, name in zip(memory, names, strict=True):
        column[:] = frame[name].to_numpy()  # a view of the column
    return frame.with_columns(map(pl.Series, names, memory))


def _check(subject: str, num_bytes: float, advice: str) -> None:
    """Raise TooLargeError if something needs more than the free memory."""
    free = free_memory()
    if free is not None and num_bytes > free:
        shortage = f"about {format_size(num_bytes)} of memory, but {format_size(free)} are free"
        raise TooLargeError(f"{subject} need {shortage}; {advice}")


def free_memory() -> int | None:
    """Return the bytes that this process can still allocate; None if the system does not report it."""
    limits = []
    with suppress(OSError, IndexError):
        available = Path("/proc/meminfo").read_text().split("MemAvailable:")[1]
        limits.append(int(available.split()[0]) * 1024)
    limits += _free_in_groups()
    with suppress(ImportError, ValueError, OSError):
        import resource

        process_limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if process_limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limits.append(process_limit - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(min(limits), 0) if limits else None


def _free_in_groups() -> Iterator[int]:
    """Yield the bytes that are free in each control group of this process that limits them.

    These are its own group and all above it, as far as a container shows them. The page cache of files counts
    as free.
    """
    with suppress(OSError):
        for line in _PROCESS_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            root = _GROUPS / "memory" if controllers else _GROUPS
            limit, usage, prefix = _GROUP_FILES[1 if controllers else 2]
            own_group = Path(path)
            for parent in (own_group, *own_group.parents):
                group = root / parent.relative_to("/")
                with suppress(OSError, ValueError):  # it is not shown, or its limit is max
                    free = int((group / limit).read_text()) - int((group / usage).read_text())
                    with suppress(OSError, KeyError):
                        stat = dict(row.split() for row in (group / "memory.stat").read_text().splitlines())
                        free += sum(int(stat[f"{prefix}{kind}_file"]) for kind in ("active", "inactive"))
                    yield free


def format_size(num_bytes: float) -> str:
    """Format a number of bytes in GB or MB."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.3g} MB"
