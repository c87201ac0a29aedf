"""Signals end a command within a second; a fit saves a checkpoint first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from lit_classify.atomic_write import remove_unfinished

_GRACE_PERIOD_S = 0.7  # for the main thread to end by itself
_received = 0
_continues = False  # whether the command continues after Ctrl-C, to write what it has


def received() -> int:
    """Return the number of the signal that the command has received, or 0."""
    return _received


def termination_signals() -> list[signal.Signals]:
    """Return the signals that end a command; SIGHUP is excluded if it is ignored, as under nohup."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


def terminate(number: int, frame: FrameType | None = None) -> NoReturn:
    """Handle a signal by ending the command.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
        SystemExit: for other signals, with the exit code of a shell, 128 plus the number.
    """
    global _received
    _received = number
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


@contextmanager
def handled() -> Iterator[None]:
    """End the command at a signal, even where an exception does not reach the main thread or is lost.

    The main thread handles a signal only between two Python instructions, not while it runs compiled code,
    and an exception in a finalizer is lost. A second thread therefore receives the signal as well and ends
    the process if the main thread does not.
    """
    global _received
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        yield
        return
    _received = 0
    before = {number: signal.signal(number, terminate) for number in termination_signals()}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(reader, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(earlier)
        os.write(writer, b"\0")
        watch.join()
        os.close(reader)
        os.close(writer)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def continuing_after_interrupt() -> Iterator[None]:
    """Give the command any time after Ctrl-C, which raises KeyboardInterrupt, to write what it has.

    It must end itself by ``terminate`` after the context. A second Ctrl-C interrupts the writing.
    """
    global _continues
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, _continues = signal.signal(signal.SIGINT, signal.default_int_handler), True
    try:
        yield
    finally:
        _continues = False
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _watch(reader: int, over: threading.Event) -> None:
    """End the process if the main thread has not ended in time after a signal.

    Lightning's handler may wait for other processes before it calls ``terminate``.
    """
    while number := os.read(reader, 1)[0]:
        handler: Any = signal.getsignal(number)
        terminates = terminate in (handler, *getattr(handler, "signal_handlers", ()))
        if number == signal.SIGINT and _continues:
            continue
        if (_received or terminates) and not over.wait(_GRACE_PERIOD_S):
            remove_unfinished()
            if number == signal.SIGINT and os.environ.get("LOCAL_RANK", "0") == "0":
                os.write(2, b"\nlit-classify: interrupted\n")
            os._exit(128 + number)


def _pause_watch() -> None:
    """Disable the wakeup descriptor before a fork, so that a child does not wake this process's thread."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is terminate
    ):
        _paused.append(signal.set_wakeup_fd(-1))


def _resume_watch() -> None:
    if _paused:
        signal.set_wakeup_fd(_paused.pop(), warn_on_full_buffer=False)


def _reset_handlers() -> None:
    """Restore the default handlers in a forked process, such as a worker of a DataLoader."""
    if signal.getsignal(signal.SIGTERM) is terminate:
        for number in termination_signals():
            signal.signal(number, signal.SIG_DFL)


_paused: list[int] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_watch, after_in_parent=_resume_watch, after_in_child=_reset_handlers)
