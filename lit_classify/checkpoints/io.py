"""Atomic saving of checkpoints with a checksum, and checks of their integrity."""

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

from lit_classify import signals
from lit_classify.atomic_write import atomic_write
from lit_classify.errors import UserError

_MARK = b"lit_classify sha256 "
_LENGTH_BYTES = 2  # the field of a zip file that states the length of its comment
_BLOCK_SIZE = 1 << 20


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a temporary file beside the target, flush it and rename it.

    Lightning's own saving may go through another file system, where a move is not atomic. The file is a zip
    whose comment is a checksum of the bytes before it, which detects a single flipped bit; torch ignores
    the comment. The content records that there is a checksum, so a file that was loaded, altered and
    saved by other means is detected too.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "model.ckpt")
        ...     AtomicCheckpointIO().save_checkpoint({"weight": torch.ones(3)}, path)
        ...     is_intact(path), AtomicCheckpointIO().load_checkpoint(path)["weight"]
        ...
        (True, tensor([1., 1., 1.]))
    """

    def __init__(self) -> None:
        super().__init__()
        self._offered: dict[Path, dict[str, Any]] = {}

    def offer(self, path: str | os.PathLike[str], content: dict[str, Any]) -> None:
        """Keep the content of a checkpoint, so that Lightning does not read the file again."""
        self._offered = {Path(path): content}

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the offered content of this path once, else read the file."""
        content = self._offered.pop(Path(path), None)
        return super().load_checkpoint(path, *args, **kwargs) if content is None else content

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: the file cannot be written; an existing file is unchanged.
        """
        target = Path(path)
        if isinstance(record := checkpoint.get("lit_classify"), dict):
            checkpoint = {**checkpoint, "lit_classify": {**record, "sealed": True}}
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error
        with _deferred_signals(), atomic_write(target) as unfinished, unfinished.open("w+b") as file:
            torch.save(checkpoint, file)
            _append_checksum(file)


def stop_now(signum: int = signal.SIGINT, frame: FrameType | None = None) -> NoReturn:
    """Handle a second Ctrl-C: abort the save too."""
    raise KeyboardInterrupt


@contextmanager
def _deferred_signals() -> Iterator[None]:
    """Defer signals until the file is written, except for a second Ctrl-C.

    Torch would turn an exception during a write into another error.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signum: signal.getsignal(signum) for signum in signals.termination_signals()}
    previous = {signum: handler for signum, handler in handlers.items() if callable(handler)}
    allowed = 0 if previous.get(signal.SIGINT) is stop_now else 1
    received: list[int] = []

    def count(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        if received.count(signal.SIGINT) > allowed:
            stop_now()

    for signum in previous:
        signal.signal(signum, count)
    try:
        yield
    except BaseException:
        if received.count(signal.SIGINT) > allowed:
            raise KeyboardInterrupt from None
        raise
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    if received:
        previous[signal.Signals(received[0])](received[0], None)


def _append_checksum(file: BufferedRandom) -> None:
    """Append the checksum of a zip file as its comment."""
    file.seek(0)
    comment = _MARK + hashlib.file_digest(file, "sha256").hexdigest().encode()
    file.seek(-_LENGTH_BYTES, os.SEEK_END)
    file.write(len(comment).to_bytes(_LENGTH_BYTES, "little") + comment)


def _checksum_matches(file: BinaryIO, comment: bytes) -> bool:
    """Return whether the comment of a zip file is the checksum of the bytes before it."""
    remaining = file.seek(0, os.SEEK_END) - _LENGTH_BYTES - len(comment)
    file.seek(0)
    digest = hashlib.sha256()
    while remaining and (block := file.read(min(remaining, _BLOCK_SIZE))):
        digest.update(block)
        remaining -= len(block)
    digest.update(bytes(_LENGTH_BYTES))
    ending = len(comment).to_bytes(_LENGTH_BYTES, "little") + _MARK + digest.hexdigest().encode()
    return not remaining and file.read() == ending


def has_checksum(path: Path) -> bool:
    """Return whether a file ends with a checksum of this package, correct or not.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     AtomicCheckpointIO().save_checkpoint({}, Path(directory, "a.ckpt"))
        ...     torch.save({}, Path(directory, "b.ckpt"))
        ...     has_checksum(Path(directory, "a.ckpt")), has_checksum(Path(directory, "b.ckpt"))
        ...
        (True, False)
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.comment.startswith(_MARK)


def is_intact(path: Path) -> bool:
    """Return whether a checkpoint is unchanged: by its checksum, or else by those of its zip entries.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "model.ckpt")
        ...     AtomicCheckpointIO().save_checkpoint({"weight": torch.ones(3)}, path)
        ...     content = path.read_bytes()
        ...     _ = path.write_bytes(content[:-1])
        ...     is_intact(path)
        ...
        False
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if archive.comment:
                return _checksum_matches(file, archive.comment)
            file.seek(-_LENGTH_BYTES, os.SEEK_END)  # written by torch.save, or truncated
            return file.read() == bytes(_LENGTH_BYTES) and archive.testzip() is None
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False  # RuntimeError: a flipped bit indicates encryption or an unknown compression
