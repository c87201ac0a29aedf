"""Writing checkpoints so that a file is there whole or as it was before, and telling whether it is whole."""

import os
import signal
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from lit_classify.errors import UserError


class WholeCheckpointIO(TorchCheckpointIO):
    """Write beside the target, flush, and rename; Lightning's own way goes through another file system.

    A kill at any moment leaves the earlier file or the new one. The file is a zip, whose checksums tell a
    flipped bit.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: the disk is full or the folder cannot be written; the earlier file is as it was.
        """
        target = Path(path)
        unfinished = target.with_name(f"{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _interrupted_later():  # torch would make another error of it
                with unfinished.open("wb") as file:
                    torch.save(checkpoint, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, target)
                _flush_folder(target.parent)
        except (OSError, RuntimeError) as error:  # torch raises the second where the first came in its writer
            reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
            raise UserError(f"cannot write {target}: {reason}; what was there before is as it was") from error
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Let Ctrl-C wait until what is being written is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[FrameType | None] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if seen and callable(before):
            before(signal.SIGINT, seen[0])


def _flush_folder(folder: Path) -> None:
    """Make a rename last, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_whole(path: Path) -> bool:
    """Whether all of a checkpoint's checksums are right."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False  # RuntimeError: a flipped bit asks for a password, or for an unknown way of packing
