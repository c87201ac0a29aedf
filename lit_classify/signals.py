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
_continues = False  # whether the command continues after Ctrl-C, to write its results


def received() -> int:
    """Return the number of the signal that the command has received, or 0."""
    return _received


def termination_signals() -> list[signal.Signals]:
    """Return the signals that end a command; SIGHUP is excluded if it is ignored, as under nohup."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


def terminate(signum: int, frame: FrameType | None = None) -> NoReturn:
    """Handle a signal by ending the command.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
        SystemExit: for other signals, with the exit code of a shell, 128 plus the number.
    """
    global _received
    _received = signum
    raise KeyboardInterrupt if signum == signal.SIGINT else SystemExit(128 + signum)


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
    previous_handlers = {signum: signal.signal(signum, terminate) for signum in termination_signals()}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    finished = threading.Event()
    watch = threading.Thread(target=_watch, args=(reader, finished), daemon=True)
    watch.start()
    try:
        yield
    finally:
        finished.set()
        signal.set_wakeup_fd(previous_fd)
        os.write(writer, b"\0")
        watch.join()
        os.close(reader)
        os.close(writer)
        for signum, handler in previous_handlers.items():
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)


@contextmanager
def continuing_after_interrupt() -> Iterator[None]:
    """Give the command unlimited time after Ctrl-C, which raises KeyboardInterrupt, to write its results.

    It must end itself by ``terminate`` after the context. A second Ctrl-C interrupts the writing.
    """
    global _continues
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous_handler, _continues = signal.signal(signal.SIGINT, signal.default_int_handler), True
    try:
        yield
    finally:
        _continues = False
        signal.signal(signal.SIGINT, signal.SIG_DFL if previous_handler is None else previous_handler)


def _watch(reader: int, finished: threading.Event) -> None:
    """End the process if the main thread has not ended in time after a signal.

    Lightning's handler may wait for other processes before it calls ``terminate``.
    """
    while signum := os.read(reader, 1)[0]:
        handler: Any = signal.getsignal(signum)
        terminates = terminate in (handler, *getattr(handler, "signal_handlers", ()))
        if signum == signal.SIGINT and _continues:
            continue
        if (_received or terminates) and not finished.wait(_GRACE_PERIOD_S):
            remove_unfinished()
            if signum == signal.SIGINT and os.environ.get("LOCAL_RANK", "0") == "0":
                os.write(2, b"\nlit-classify: interrupted\n")
            os._exit(128 + signum)


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
        for signum in termination_signals():
            signal.signal(signum, signal.SIG_DFL)


_paused: list[int] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_watch, after_in_parent=_resume_watch, after_in_child=_reset_handlers)
