"""Writing checkpoints so that a file is there whole or as it was before, and telling whether it is whole."""

import hashlib
import os
import signal
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, NoReturn

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from lit_classify import files, signals
from lit_classify.errors import UserError

_MARK = b"lit_classify sha256 "
_COUNT = 2  # bytes at a zip's end that tell how long its comment is
_PIECE = 1 << 20


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target, flush, and rename; Lightning's own way goes through another file system.

    A kill at any moment leaves the earlier file or the new one. The file is a zip whose comment is the
    checksum of all before it, so a single flipped bit is told; torch reads it as any other. The content says
    that there is a checksum, so a file that was read, altered and saved by other means is told too; one that
    was given a new checksum, or whose content no longer says so, is not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._at_hand: dict[Path, dict[str, Any]] = {}

    def offer(self, path: str | os.PathLike[str], content: dict[str, Any]) -> None:
        """Keep a checkpoint that has been read and checked, for the one time that Lightning asks for it."""
        self._at_hand = {Path(path): content}

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what was offered, else read the file."""
        content = self._at_hand.pop(Path(path), None)
        return super().load_checkpoint(path, *args, **kwargs) if content is None else content

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
        if isinstance(written := checkpoint.get("lit_classify"), dict):
            checkpoint = {**checkpoint, "lit_classify": {**written, "sealed": True}}
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error
        with _interrupted_later(), files.atomic_write(target) as unfinished, unfinished.open("w+b") as file:
            torch.save(checkpoint, file)
            _seal(file)


def stop_now(number: int = signal.SIGINT, frame: FrameType | None = None) -> NoReturn:
    """Handle a second Ctrl-C: give up what is being written too."""
    raise KeyboardInterrupt


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Let signals wait until what is being written is written; the second Ctrl-C does not wait.

    Torch would make another error of an exception that reaches it amid a write.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: handler
        for number in signals.termination_signals()
        if callable(handler := signal.getsignal(number))
    }
    patience = 0 if before.get(signal.SIGINT) is stop_now else 1
    received: list[int] = []

    def count(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if received.count(signal.SIGINT) > patience:
            stop_now()

    for number in before:
        signal.signal(number, count)
    try:
        yield
    except BaseException:
        if received.count(signal.SIGINT) > patience:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        before[signal.Signals(received[0])](received[0], None)


def _seal(file: BufferedRandom) -> None:
    """Append the checksum of a zip to it, as the comment that a zip may end with."""
    file.seek(0)
    comment = _MARK + hashlib.file_digest(file, "sha256").hexdigest().encode()
    file.seek(-_COUNT, os.SEEK_END)
    file.write(len(comment).to_bytes(_COUNT, "little") + comment)


def _seal_holds(file: BinaryIO, comment: bytes) -> bool:
    """Whether a zip with a comment ends with the checksum of what it was before."""
    rest = file.seek(0, os.SEEK_END) - _COUNT - len(comment)
    file.seek(0)
    digest = hashlib.sha256()
    while rest and (piece := file.read(min(rest, _PIECE))):
        digest.update(piece)
        rest -= len(piece)
    digest.update(bytes(_COUNT))
    ending = len(comment).to_bytes(_COUNT, "little") + _MARK + digest.hexdigest().encode()
    return not rest and file.read() == ending


def has_checksum(path: Path) -> bool:
    """Whether a file ends with a checksum of ours, right or wrong."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.comment.startswith(_MARK)


def is_intact(path: Path) -> bool:
    """Whether a checkpoint is as it was written: by its seal, or where it has none by its zip's checksums."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if archive.comment:
                return _seal_holds(file, archive.comment)
            file.seek(-_COUNT, os.SEEK_END)  # of an earlier release, of Lightning's own saving, or cut off
            return file.read() == bytes(_COUNT) and archive.testzip() is None
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False  # RuntimeError: a flipped bit asks for a password, or for an unknown way of packing
