"""Entry point of the command line; it imports torch only for the commands that need it.

Exit codes: 0 success; 1 verify found a difference; 2 invalid option or data; 3 training diverged; 130 Ctrl-C;
143 SIGTERM; 129 the terminal was closed.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from lit_classify import __version__, allowed_imports, signals
from lit_classify.cli import standard_streams
from lit_classify.errors import DivergedError, UserError
from lit_classify.messages import echo, echo_once, summarize, unknown_name

COMMANDS = {  # each is a module of this name
    "fit": "train a model on data",
    "validate": "evaluate a checkpoint on the validation rows",
    "test": "evaluate a checkpoint on the test rows",
    "predict": "write a checkpoint's predictions to a file",
    "plot": "plot finished runs, or train recipes and plot their results",
    "report": "write one page about finished runs",
    "compare": "train configurations with many seeds, and test their differences",
    "diagnose": "find out why a model does not learn, and which option to try",
    "importance": "measure how much a model uses each column",
    "export": "export the model of a checkpoint to ONNX or safetensors",
    "eject": "write a run as one plain PyTorch script",
    "cache": "list or delete the caches of tables larger than the memory",
    "recipes": "list the packaged experiments",
    "verify": "run recipes and compare them with the expected results",
}
_IMPORT_LIGHTNING = {
    "fit",
    "validate",
    "test",
    "predict",
    "plot",
    "report",
    "compare",
    "diagnose",
    "importance",
    "eject",
}


def usage() -> str:
    """Return what ``lit-classify --help`` prints."""
    lines = [
        "usage: lit-classify COMMAND [options]",
        "",
        "Small-model classification with PyTorch Lightning: the experiments of the course",
        "page learnpytorch.io/02_pytorch_classification, and your own tables.",
        "",
        "commands:",
        *(f"  {name:<11} {description}" for name, description in COMMANDS.items()),
        "",
        "examples:",
        "  lit-classify fit --config circles_v2   # a recipe, of those that recipes lists",
        "  lit-classify fit --config table --data.path FILE --data.target COLUMN",
        "  lit-classify fit --help                # all options of a command",
        "  lit-classify --version",
        "",
        "Course mode: validation of synthetic data uses the test rows, as on that page,",
        "unless --data.val_fraction is set.",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a UserError becomes one message on standard error."""
    command_line = sys.argv[1:] if argv is None else argv
    arguments = [re.sub(r"^(--?[\w.]+=)?(~(?=/))", _expand_home, arg) for arg in command_line]
    with standard_streams.fault_tolerant() as failure, signals.handled():
        try:
            code = _run(arguments)
        except SystemExit as error:
            if error.code or failure() is None:
                raise
            code = 0
        if code == 0 and (reason := failure()):
            echo_once(f"lit-classify: cannot write standard output: {reason}")
            code = 2
    if argv is None and signals.received():  # Python's shutdown is slow after torch is imported
        os._exit(code)
    return code


def _expand_home(match: re.Match[str]) -> str:
    """Expand ``~`` as the shell does, but not after ``--option=``."""
    return (match[1] or "") + os.path.expanduser(match[2])


def _run(arguments: list[str]) -> int:
    """Run a command, and convert exceptions to a message and an exit code."""
    try:
        code = _dispatch(arguments)
    except UserError as error:
        echo(f"lit-classify: {error}", file=sys.stderr, color="red")
        code = 2
    except DivergedError as error:
        echo_once(f"lit-classify: {error}", color="red")
        code = 3
    except (KeyboardInterrupt, SystemExit) as error:  # Lightning turns one into the other
        if isinstance(error, SystemExit) and not signals.received():
            raise
        code = 128 + (signals.received() or signal.SIGINT)
        if code == 128 + signal.SIGINT:
            echo_once("\nlit-classify: interrupted")
    except Exception as error:  # Lightning and torch raise many types for invalid arguments
        if os.environ.get("LIT_CLASSIFY_TRACEBACK"):
            raise
        hint = "set LIT_CLASSIFY_TRACEBACK=1 to show the traceback"
        message = f"lit-classify: {type(error).__name__}: {summarize(error)} ({hint})"
        echo(message, file=sys.stderr, color="red")
        code = 2
    return 128 + signals.received() if signals.received() else code


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help"}:
        echo(usage())
        return 0
    if arguments[0] == "--version":
        echo(f"lit_classify {__version__}")
        return 0
    name = arguments[0]
    if name.startswith("-"):
        raise UserError(unknown_name("option", name, ["--help", "--version"]))
    if name not in COMMANDS:
        raise UserError(unknown_name("command", name, COMMANDS))
    _check_recipes(arguments[1:])
    if name != "recipes" and sys.stdout.isatty() and sys.stderr.isatty():
        echo_once("starting...")  # the imports below take seconds
    if "OMP_WAIT_POLICY" not in os.environ:
        # torch's threads yield the processor soon when they wait: else training beside other programs stalls
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    fast_import = import_module("lit_classify._lightning.fast_import")
    with fast_import.without_garbage_collection():
        if name in _IMPORT_LIGHTNING:
            fast_import.import_lightning()
        command = import_module(f"lit_classify.cli.{name}")
    with allowed_imports.restricted(arguments[1:]):
        code: int = command.main(arguments)
    return code


def _check_recipes(arguments: Sequence[str]) -> None:
    """Reject an unknown recipe early, before torch is imported for the parser of the command."""
    from lit_classify import recipes
    from lit_classify.cli.argument_parser import parser

    config = parser("", "", add_help=False)
    config.add_argument("-c", "--config", action="append", default=[])
    for name in config.parse_known_args(arguments)[0].config:
        recipes.read(name)
