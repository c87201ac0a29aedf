"""``lit-classify eject``: write a run as one plain PyTorch script."""

import shlex
from pathlib import Path
from typing import Any

from lit_classify import recipes
from lit_classify.atomic_write import atomic_write
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.resume_checks import check_data, check_model
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.argument_parser import parser
from lit_classify.cli.fit import FitCLI
from lit_classify.cli.output_files import check_output
from lit_classify.cli.recipe_runs import NO_FILES
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.eject.run import Run
from lit_classify.eject.script import write_script
from lit_classify.errors import UserError, check_path
from lit_classify.messages import echo
from lit_classify.threads import needs_one_thread


def main(arguments: list[str]) -> int:
    """Write the script to a file or to standard output."""
    options = parser(
        "eject",
        "Write a run as one plain PyTorch script, which needs neither lit_classify nor Lightning. Executed, "
        "it prints the same epoch log.",
        usage="lit-classify eject SOURCE [--out FILE] [--overwrite] [options of fit]",
        epilog="Options of fit change a recipe, such as --data.path FILE --data.target COLUMN for a table.",
    )
    options.add_argument(
        "source",
        metavar="SOURCE",
        help="a recipe's name or YAML file, a run's directory, or a checkpoint (its path, or best or last)",
    )
    options.add_argument("--out", help="file of the script (default: standard output)")
    options.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    args, fit_options = options.parse_known_args(arguments[1:])
    out = None if args.out is None else Path(args.out)
    if out is not None:
        check_output(out, args.overwrite)

    filter_warnings()
    config, checkpoint = _find(args.source)
    script = write_script(_build(config, fit_options, checkpoint))
    if out is None:
        echo(script.removesuffix("\n"))
    else:
        with atomic_write(out, args.overwrite) as path:
            path.write_text(script, encoding="utf-8")
        echo(f"Script:  {out}\nTry:     {shlex.join(['python', str(out)])}")
    return 0


def _find(source: str) -> tuple[str, Checkpoint | None]:
    """Return the recipe or configuration of a run, and its checkpoint if that is the source."""
    check_path(source)
    path, checkpoint = Path(source), None
    if source in {"best", "last"} or path.suffix == ".ckpt":
        checkpoint = Checkpoint.read(find_checkpoint(source))
        path = checkpoint.path.parent.parent
    elif not path.is_dir():
        return source, None
    config = path / "config.yaml"
    if not config.is_file():
        raise UserError(f"no run in {path}: {config} is missing, which has its options")
    return str(config), checkpoint


class _Built(FitCLI):
    """A fit whose data, model and trainer are built, but which is not started."""

    def fit(self, **kwargs: Any) -> None:
        """Do not train."""


def _build(config: str, options: list[str], checkpoint: Checkpoint | None) -> Run:
    """Build what ``fit`` would train.

    Args:
        config: a recipe or configuration.
        options: other options of fit.
        checkpoint: a checkpoint that the configuration must agree with.

    Raises:
        UserError: an option is invalid, or the checkpoint is of another run.
    """
    recipes.find(config)
    no_files = [f"--trainer.{setting}" for setting in NO_FILES]
    cli = _Built(["fit", "--config", config, *options, *no_files, "--ckpt_path", "null"])
    if checkpoint is not None:
        check_model(checkpoint, cli.model)
        check_data(checkpoint, cli.datamodule)
    cli.model.trainer = cli.trainer  # which decides on the kernel of the optimizer
    num_rows = cli.datamodule.batch_size or len(cli.datamodule.split("train").y)
    return Run(
        name=cli.run_name(),
        purpose=cli.parsed("recipe").purpose or "",
        command=shlex.join(["lit-classify", "fit", "--config", config, *options]),
        model=cli.model,
        data=cli.datamodule,
        config=cli.config.fit.as_dict(),
        source=cli.source,
        one_thread=needs_one_thread(cli.model, num_rows),
    )
