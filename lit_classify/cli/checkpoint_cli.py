"""The command line of validate, test and predict, whose model and data come from a checkpoint."""

from argparse import SUPPRESS
from pathlib import Path
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser

from lit_classify import data
from lit_classify._lightning.argparse_actions import actions
from lit_classify._lightning.trainer import RunTrainer
from lit_classify.checkpoints.search import RUNS
from lit_classify.cli.lightning_cli import AUTO_MODULE, LitCLI
from lit_classify.cli.lightning_parser import RunParser
from lit_classify.cli.parse_errors import missing_checkpoint
from lit_classify.errors import UserError
from lit_classify.evaluation.console_output import metric_lines
from lit_classify.evaluation.cross_validation import OUT_OF_FOLD
from lit_classify.messages import plural

COMMON_OPTIONS = {
    "--ckpt_path best": "a checkpoint: its path, or best or last for the newest one",
    "--data.path FILE": "another table, of which all rows are used",
    "--data NAME, --model NAME": "import path of the run's data module or module, if it is a custom one",
    "--model.network NAME": "import path of the run's network, if it is a custom one",
}
RECORDED_DATA = "lit_classify.cli.checkpoint_cli.recorded_data"


class CheckpointParser(RunParser):
    """A parser that accepts missing options: the checkpoint records their values."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Check the values that are given."""
        super().validate(*args, **{**kwargs, "skip_required": True})


def recorded_data(**kwargs: Any) -> data.InMemoryDataModule:
    """Placeholder for the data module that a checkpoint records; parsed, but never called.

    ``--data.*`` options are parsed before the checkpoint is read, so they may be those of any data module:
    the parser takes them from the calls below.
    """
    if "path" in kwargs:
        return data.TableDataModule(**kwargs)
    if "weight" in kwargs:
        return data.LineDataModule(**kwargs)
    if "factor" in kwargs:
        return data.CirclesDataModule(**kwargs)
    if "margin" in kwargs:
        return data.XorDataModule(**kwargs)
    return data.BlobsDataModule(**kwargs)


class CheckpointCLI(LitCLI):
    """The command line of a command that reads a checkpoint."""

    common_options = COMMON_OPTIONS
    parser_class = CheckpointParser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Accept the options of any data module."""
        super().add_arguments_to_parser(parser)
        parser.set_defaults({"data": {"class_path": RECORDED_DATA}})

    def add_fit_options(self, parser: LightningArgumentParser) -> None:
        """Accept the options of fit, but do not show them."""
        visible = list(actions(parser))
        super().add_fit_options(parser)
        for action in actions(parser):
            if action not in visible:
                action.help = SUPPRESS

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - Lightning's
        """Parse the options, and read the checkpoint that they name.

        Raises:
            UserError: an invalid option; a checkpoint that is missing or cannot be read.
        """
        self._typed = parser.parse_args(args, defaults=False)[self.command]
        super().parse_arguments(parser, args)
        config = self.config[self.command]
        if not config.ckpt_path:
            raise UserError(missing_checkpoint(self.command))
        runs = Path(config.trainer.default_root_dir or "", RUNS)
        self.read_checkpoint(runs / self.run_name() if config.recipe.name or config.config else runs)
        config.ckpt_path = None  # the model is built with the weights
        for key in ("model", "data"):
            config.pop(key)  # built from the checkpoint

    def build(self) -> None:
        """Build model and data as the checkpoint records them, except for the given data options."""
        assert self.checkpoint is not None
        classes, settings = {}, {}
        for key in ("model", "data"):
            typed = self._typed.get(key)
            is_default = typed is None or typed.class_path in {AUTO_MODULE, RECORDED_DATA}
            classes[key] = self.checkpoint.custom_class(key, None if is_default else typed.class_path)
            settings[key] = typed.init_args.as_dict() if typed and "init_args" in typed else {}
            self.checkpoint.check_options(key, settings[key])
        network = settings["model"].pop("network", None)
        activation, loss = settings["model"].get("activation"), settings["model"].get("loss")
        self.checkpoint.check_settings("model", settings["model"])
        inputs = {name: value for name, value in settings["data"].items() if name == "inputs"}
        self.checkpoint.check_settings("data", inputs)
        self.model = self.checkpoint.build_model(network, classes["model"], activation, loss)
        self.datamodule = self.checkpoint.build_data(settings["data"], classes["data"])
        self.config_init = self.parser.instantiate_classes(self.config)
        self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> RunTrainer:
        """Write no logs and no checkpoints."""
        return super().instantiate_trainer(
            logger=False, enable_checkpointing=False, enable_progress_bar=False, **kwargs
        )

    def evaluate(self, stage: str, **kwargs: Any) -> None:
        """Evaluate the rows of ``val`` or ``test``, and print their metrics."""
        run = self.trainer.test if stage == "test" else self.trainer.validate
        results = run(**{**kwargs, "verbose": False, "weights_only": True})
        if not results:
            raise UserError("no rows were evaluated: the limit is 0 batches")
        (logged,) = results
        evaluation = self.model.evaluation
        num_rows = len(self.datamodule.split(stage).y) if evaluation is None else evaluation.num_rows
        rows = plural(num_rows, "test row" if stage == "test" else "validation row")
        if evaluation is not None and evaluation.fold is not None:
            rows = f"{num_rows:,} training rows, {OUT_OF_FOLD}, {self.datamodule.folds} folds"
        self.say(f"{type(self.model).__name__} on {rows}")
        self.say("\n".join(metric_lines(self.metrics(stage, logged))))
        if evaluation is not None and len(evaluation.y) < num_rows:
            self.say(
                f"loss and {self.model.metric_name} are those of all rows, everything else is of "
                f"{len(evaluation.y):,} of them"
            )
