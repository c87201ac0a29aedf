"""Atomic writes: a file is replaced completely or not at all."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lit_classify.errors import UserError

_unfinished: set[Path] = set()


@contextmanager
def temporary_path(directory: Path, prefix: str = "") -> Iterator[Path]:
    """Yield a path of this process only; its file is removed at the end, even if a signal ends the process.

    Examples:
        >>> with temporary_path(Path("data"), "table-") as path:
        ...     str(path)  # doctest: +ELLIPSIS
        ...
        'data/table-...tmp'
    """
    path = directory / f"{prefix}{os.urandom(8).hex()}.tmp"
    _unfinished.add(path)
    try:
        yield path
    finally:
        with suppress(OSError):  # the directory has been removed, or is not a directory
            path.unlink()
        _unfinished.discard(path)


@contextmanager
def atomic_write(target: Path, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path; at the end its file is flushed and renamed to ``target``.

    The path is in the directory of the target, because a rename is atomic only within a file system, and
    unique to each writer. If the process is killed, either the earlier or the new file remains.

    Args:
        target: the file to write.
        overwrite: whether to replace an existing file.

    Raises:
        UserError: the file exists and ``overwrite`` is false, or it cannot be written; an existing file is
            unchanged.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     target = Path(directory, "result.txt")
        ...     with atomic_write(target) as path:
        ...         _ = path.write_text("complete")
        ...         was_visible = target.exists()
        ...     target.read_text(), was_visible
        ...
        ('complete', False)
    """
    try:
        with temporary_path(target.parent) as path:
            yield path
            with path.open("r+b") as file:
                os.fsync(file.fileno())
            if overwrite:
                os.replace(path, target)
            else:
                _rename_new(path, target)
            _flush_directory(target.parent)
    except FileExistsError as error:
        raise UserError(f"{target} already exists; add --overwrite, or choose another --out") from error
    except (OSError, RuntimeError) as error:  # torch's writer converts an OSError to a RuntimeError
        note = "; the existing file is unchanged" if target.exists() else ""
        raise UserError(f"cannot write {target}: {_reason(error)}{note}") from error


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files and their directories; none is renamed before all are written.

    Raises:
        UserError: a file cannot be written; existing files are unchanged.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     write_all({Path(directory, "plots", name): b"content" for name in ("a.png", "b.png")})
        ...     sorted(path.name for path in Path(directory, "plots").iterdir())
        ...
        ['a.png', 'b.png']
    """
    with ExitStack() as stack:
        for target, content in contents.items():
            try:
                _make_directory(target.parent, stack)
            except OSError as error:
                raise UserError(f"cannot write into {target.parent}: {error.strerror}") from error
            stack.enter_context(atomic_write(target)).write_bytes(content)


def _make_directory(folder: Path, stack: ExitStack) -> None:
    """Create a directory, which is removed at the end if it is empty."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_directory(folder.parent, stack)
    folder.mkdir(exist_ok=True)
    stack.callback(_remove_empty, folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def remove_unfinished() -> None:
    """Remove the temporary files of unfinished writes, before the process ends."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink()


def _rename_new(path: Path, target: Path) -> None:
    """Rename a file unless the target exists.

    Raises:
        FileExistsError: the target exists.
    """
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        target.touch(exist_ok=False)
        os.replace(path, target)


def _flush_directory(folder: Path) -> None:
    """Flush a directory, so that a rename survives a power failure (POSIX only)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    """Return the message of the operating system."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__context__
    return str(cause.strerror or cause if cause else error).splitlines()[0]
