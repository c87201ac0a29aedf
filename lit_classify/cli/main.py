"""The command line's light front: it answers what needs no torch, and hands the rest on.

Exit codes: 0 done; 1 verify found a difference; 2 a setting or data that cannot be used; 3 training
diverged; 130 Ctrl-C; 143 SIGTERM; 129 the terminal was closed.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from lit_classify import __version__, import_policy, signals
from lit_classify.cli import output
from lit_classify.errors import DivergedError, UserError, echo, echo_once, summarize, unknown_name

COMMANDS = {
    "fit": ("train", "train a model on data"),
    "validate": ("train", "score a checkpoint on the validation rows"),
    "test": ("train", "score a checkpoint on the test rows"),
    "predict": ("train", "write a checkpoint's predictions to a file"),
    "plot": ("plot", "draw finished runs, or train recipes and draw their results"),
    "export": ("export", "write a checkpoint's model as ONNX or safetensors"),
    "recipes": ("recipes", "list the experiments that come with the package"),
    "verify": ("verify", "run recipes and hold them against what they should give"),
}


def usage() -> str:
    """Return what ``lit-classify --help`` prints."""
    lines = [
        "usage: lit-classify COMMAND [options]",
        "",
        "Neural-network classification with PyTorch Lightning: the course's experiments as software.",
        "",
        "commands:",
        *(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()),
        "",
        "  lit-classify fit --config circles_v2     run a recipe (lit-classify recipes lists them)",
        "  lit-classify fit --help                  all options of a command",
        "  lit-classify --version",
        "",
        "Course mode: unless --data.val_fraction is set, validation looks at the test rows,",
        "as the course does.",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user's mistake is one message on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with output.lasting() as failure, signals.handled():
        try:
            code = _run(arguments)
        except SystemExit as left:
            if left.code or failure() is None:
                raise
            code = 0
        if code == 0 and (why := failure()):
            echo_once(f"lit-classify: cannot write standard output: {why}")
            code = 2
    if argv is None and signals.received():  # Python's own end takes long with torch in it
        os._exit(code)
    return code


def _run(arguments: list[str]) -> int:
    """Run a command; whatever it raises becomes one message and an exit code."""
    try:
        code = _dispatch(arguments)
    except UserError as error:
        echo(f"lit-classify: {error}", file=sys.stderr)
        code = 2
    except DivergedError as error:
        echo_once(f"lit-classify: {error}")
        code = 3
    except KeyboardInterrupt:
        echo_once("\nlit-classify: interrupted")
        code = 128 + signal.SIGINT
    except SystemExit:
        if not signals.received():
            raise
        code = 0
    except Exception as error:  # Lightning, torch and others raise many kinds for what they are given
        if os.environ.get("LIT_CLASSIFY_TRACEBACK"):
            raise
        hint = "LIT_CLASSIFY_TRACEBACK=1 shows where"
        echo(f"lit-classify: {type(error).__name__}: {summarize(error)} ({hint})", file=sys.stderr)
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
    if name not in COMMANDS:
        raise UserError(unknown_name("command", name, COMMANDS))
    _check_recipes(arguments[1:])
    home = COMMANDS[name][0]
    light_imports = import_module("lit_classify._lightning.imports")
    with light_imports.without_garbage_collection():
        if home in {"train", "plot"}:
            light_imports.import_lightning()
        command = import_module(f"lit_classify.cli.{home}")
    with import_policy.restricted(arguments[1:]):
        code: int = command.main(arguments)
    return code


def _check_recipes(arguments: Sequence[str]) -> None:
    """Refuse an unknown recipe at once: only for speed, as the command's own parser needs torch."""
    from lit_classify import recipes
    from lit_classify.cli.argument_parser import parser

    config = parser("", "", add_help=False)
    config.add_argument("-c", "--config", action="append", default=[])
    for name in config.parse_known_args(arguments)[0].config:
        recipes.read(name)
