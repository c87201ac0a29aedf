"""Programs in processes that are forked from one with all imports, so that they start at once.

For tests of what a command does; a test of how a command starts runs Python itself.
"""

import importlib
import multiprocessing
import os
import select
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from lit_classify._lightning.fast_import import import_lightning
from lit_classify.cli.main import COMMANDS

COMMAND = "import sys; from lit_classify.cli.main import main; sys.exit(main())"
_SCRIPT = str(Path(sys.executable).with_name("lit-classify"))  # Lightning starts a second process with it
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload([__name__, "sklearn.datasets", "sklearn.model_selection"])

import_lightning()
for _name in COMMANDS:
    importlib.import_module(f"lit_classify.cli.{_name}")


class ForkedProgram:
    """A running program, with the methods of ``subprocess.Popen`` that tests use.

    Args:
        program: the code that Python would run with ``-c``.
        arguments: the arguments of the program.
        variables: environment variables of the program, besides those of this process.
    """

    def __init__(self, program: str, *arguments: str, **variables: str) -> None:
        stdout, child_stdout = _FORKING.Pipe(duplex=False)
        stderr, child_stderr = _FORKING.Pipe(duplex=False)
        environment = {**os.environ, **variables}
        settings = (program, arguments, os.getcwd(), environment, child_stdout, child_stderr)
        self._process = _FORKING.Process(target=_run, args=settings, daemon=True)
        self._process.start()
        child_stdout.close()
        child_stderr.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(pipe.fileno())) for pipe in (stdout, stderr))

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended the program; None while it runs."""
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, signum)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Wait for the end, and return the rest of both outputs, which must fit into pipes."""
        self._process.join(timeout)
        assert self.returncode is not None, f"still runs after {timeout} s"
        for output in (self.stdout, self.stderr):
            poll = select.poll()
            poll.register(output, 0)  # of the end of the output, even if text is left
            assert poll.poll(1000 * timeout), f"another process still has its output after {timeout} s"
        with self.stdout, self.stderr:
            return self.stdout.read(), self.stderr.read()


def _run(
    program: str,
    arguments: tuple[str, ...],
    directory: str,
    environment: dict[str, str],
    stdout: Connection,
    stderr: Connection,
) -> None:
    os.dup2(stdout.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [_SCRIPT, *arguments]
    exec(program, {"__name__": "__main__"})
