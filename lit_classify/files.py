"""Writing files so that each is there whole or as it was before."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lit_classify.errors import UserError

_unfinished: set[Path] = set()


@contextmanager
def atomic_write(target: Path, overwrite: bool = True) -> Iterator[Path]:
    """Yield a path to write to; the file there is flushed and takes the place of ``target`` at the end.

    The path lies beside the target, as only within a file system is a rename one step, and no two writers
    get the same. A kill at any moment leaves the earlier file or the new one.

    Args:
        target: the file to write.
        overwrite: whether to replace a file that is there, or came there meanwhile.

    Raises:
        UserError: the file is there and may not be replaced, or cannot be written; what is there is as it
            was.
    """
    path = target.with_name(f"{os.urandom(8).hex()}.tmp")
    _unfinished.add(path)
    try:
        yield path
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        if overwrite:
            os.replace(path, target)
        else:
            _put(path, target)
        _flush_folder(target.parent)
    except FileExistsError as error:
        raise UserError(f"{target} is there already; give --overwrite, or another --out") from error
    except (OSError, RuntimeError) as error:  # torch raises the second where the first came in its writer
        kept = "; what was there before is as it was" if target.exists() else ""
        raise UserError(f"cannot write {target}: {_reason(error)}{kept}") from error
    finally:
        with suppress(OSError):  # its folder is gone, or no folder
            path.unlink()
        _unfinished.discard(path)


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write files, and the folders that they lack; none takes its place before all are written.

    Raises:
        UserError: one cannot be written; all are as they were.
    """
    with ExitStack() as stack:
        for target, content in contents.items():
            try:
                _make_folder(target.parent, stack)
            except OSError as error:
                raise UserError(f"cannot write into {target.parent}: {error.strerror}") from error
            stack.enter_context(atomic_write(target)).write_bytes(content)


def _make_folder(folder: Path, stack: ExitStack) -> None:
    """Make a folder that goes again if it stays empty."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_folder(folder.parent, stack)
    folder.mkdir(exist_ok=True)
    stack.callback(_remove_empty, folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def remove_unfinished() -> None:
    """Remove what is being written, before the process is ended."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink()


def _put(path: Path, target: Path) -> None:
    """Rename a file to a name that is free.

    Raises:
        FileExistsError: it is not.
    """
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        target.touch(exist_ok=False)
        os.replace(path, target)


def _flush_folder(folder: Path) -> None:
    """Make a rename last, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    """Return what the system said first."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__context__
    return str(cause.strerror or cause if cause else error).splitlines()[0]
