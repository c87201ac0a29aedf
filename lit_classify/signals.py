"""What a signal does to a command: it ends within a second, whatever it is at; a fit saves first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from lit_classify import files

_PATIENCE_S = 0.7  # for the main thread to end by itself
_received = 0


def received() -> int:
    """Return the number of the signal that told the command to end, or 0."""
    return _received


def termination_signals() -> list[signal.Signals]:
    """Return the signals that end a command; a hang-up that is ignored, as nohup asks for, stays ignored."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


def terminate(number: int, frame: FrameType | None = None) -> NoReturn:
    """Handle a signal: give up what is being done.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
        SystemExit: for others, with 128 and the signal's number as the shell writes it.
    """
    global _received
    _received = number
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


@contextmanager
def handled() -> Iterator[None]:
    """End at a signal, in time even where Python does not run or the exception gets lost.

    An exception reaches the main thread only between two of its own instructions: not while it waits for
    compiled code, and not to any effect in a finalizer or callback. So a second thread hears of the signal
    too, and ends the process if the first does not.
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


def _watch(reader: int, over: threading.Event) -> None:
    """End the process some time after a signal that the main thread should have ended at."""
    while number := os.read(reader, 1)[0]:
        if (_received or signal.getsignal(number) is terminate) and not over.wait(_PATIENCE_S):
            files.remove_unfinished()
            if number == signal.SIGINT and os.environ.get("LOCAL_RANK", "0") == "0":
                os.write(2, b"\nlit-classify: interrupted\n")
            os._exit(128 + number)


def _pause_watch() -> None:
    """Let the process that is about to be forked not tell this one's second thread of its signals."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is terminate
    ):
        _paused.append(signal.set_wakeup_fd(-1))


def _resume_watch() -> None:
    if _paused:
        signal.set_wakeup_fd(_paused.pop(), warn_on_full_buffer=False)


def _die_of_signals() -> None:
    """Let a forked process, such as a loader's worker, die of its signals as others do."""
    if signal.getsignal(signal.SIGTERM) is terminate:
        for number in termination_signals():
            signal.signal(number, signal.SIG_DFL)


_paused: list[int] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_pause_watch, after_in_parent=_resume_watch, after_in_child=_die_of_signals)
