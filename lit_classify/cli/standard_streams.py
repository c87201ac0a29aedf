"""Standard output and error that accept every character and survive a closed pipe or a full disk."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_READER_CLOSED = {errno.EPIPE, errno.EIO}  # pipe, terminal


class _Descriptor(io.FileIO):
    """A file descriptor that is redirected to the null device, and records the error, if a write fails."""

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write; after an error, discard."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _READER_CLOSED:
                self.failure = error
            discard = os.open(os.devnull, os.O_WRONLY)
            os.dup2(discard, self.fileno())
            os.close(discard)
            return memoryview(data).nbytes


@contextmanager
def fault_tolerant() -> Iterator[Callable[[], str | None]]:
    """Replace standard output and error by streams whose write errors are recorded, not raised.

    The streams are line-buffered, so that a killed process loses no printed line. Characters that the
    encoding lacks are escaped.

    Yields:
        A function that flushes standard output and returns the reason if it is incomplete; None if it is
        complete or the reader has closed it.
    """
    _open_closed()
    original = sys.stdout, sys.stderr
    sys.stdout, out = _fault_tolerant(sys.stdout, 1)
    sys.stderr, _ = _fault_tolerant(sys.stderr, 2)

    def failure() -> str | None:
        sys.stdout.flush()
        return out.failure.strerror if out is not None and out.failure is not None else None

    try:
        yield failure
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = original


def _open_closed() -> None:
    """Open closed standard descriptors on the null device: files opened later would reuse their numbers."""
    for fileno in (0, 1, 2):
        try:
            os.fstat(fileno)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # POSIX: the lowest free number


def _fault_tolerant(stream: TextIO | None, fileno: int) -> tuple[TextIO, _Descriptor | None]:
    """Return the replacement of a stream; a stream without a file, as in a notebook, is unchanged."""
    if isinstance(stream, io.TextIOWrapper):
        try:
            fileno = stream.fileno()
        except OSError:
            return stream, None
        stream.flush()
    elif stream is not None:
        return stream, None
    descriptor = _Descriptor(fileno, "w", closefd=False)
    encoding = stream.encoding if stream is not None else "utf-8"
    buffered = io.BufferedWriter(descriptor)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=True), descriptor
