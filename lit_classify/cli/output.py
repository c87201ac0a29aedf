"""Standard output and error that take every character, and whose loss does not end the work."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_READER_GONE = {errno.EPIPE, errno.EIO}  # of a pipe, of a terminal


class _Descriptor(io.FileIO):
    """A file descriptor that is put on the null device once writing to it fails, and remembers why."""

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write, or discard."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _READER_GONE:
                self.failure = error
            discard = os.open(os.devnull, os.O_WRONLY)
            os.dup2(discard, self.fileno())
            os.close(discard)
            return memoryview(data).nbytes


@contextmanager
def lasting() -> Iterator[Callable[[], str | None]]:
    """Let print and the like go on when nobody reads any more, or nothing more can be written.

    Every line is written at once, so that a process that is ended has said all that it printed. Characters
    that the terminal does not know are escaped.

    Yields:
        A function that flushes, and returns why standard output is not complete: None while all is well, and
        where the reader wanted no more.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, out = _lasting(sys.stdout, 1)
    sys.stderr, _ = _lasting(sys.stderr, 2)

    def failure() -> str | None:
        sys.stdout.flush()
        return out.failure.strerror if out is not None and out.failure is not None else None

    try:
        yield failure
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open the standard descriptors that are closed: files opened later would take their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _lasting(stream: TextIO | None, number: int) -> tuple[TextIO, _Descriptor | None]:
    """Return a stream's replacement; what is no file, such as a notebook's, stays as it is."""
    if isinstance(stream, io.TextIOWrapper):
        try:
            number = stream.fileno()
        except OSError:
            return stream, None
        stream.flush()
    elif stream is not None:
        return stream, None
    descriptor = _Descriptor(number, "w", closefd=False)
    encoding = stream.encoding if stream is not None else "utf-8"
    buffered = io.BufferedWriter(descriptor)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=True), descriptor
