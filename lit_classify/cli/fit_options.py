"""The options of ``lit-classify fit`` besides those of the data, the model and the trainer."""

from typing import Literal

from lightning.pytorch.cli import LightningArgumentParser

from lit_classify.cli.plot_selection import HELP
from lit_classify.evaluation.threshold_tuning import SCORES
from lit_classify.networks import Layers


def add_fit_options(parser: LightningArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("--plots", type=str | list[str], default="basic", help=HELP)
    parser.add_argument(
        "--log_every_n_epochs",
        type=int,
        default=100,
        help="Validate and print a line at epochs 0, n, 2n, ... and after the last epoch.",
    )
    parser.add_argument(
        "--print_every_n_epochs",
        type=int,
        default=1,
        help="Of the lines in n epochs, print only the first; the last line is always printed.",
    )
    parser.add_argument(
        "--test_best", type=bool, default=False, help="After fit, evaluate best.ckpt on the test rows."
    )
    parser.add_argument(
        "--tune_threshold",
        type=str | None,
        default=None,
        help="After fit, set model.threshold of best.ckpt, for two classes, to the best one by a metric "
        f"on the validation rows: {', '.join(SCORES)}.",
    )
    parser.add_argument(
        "--init_from",
        type=str | None,
        default=None,
        help="Take the first weights from a checkpoint: its path, the directory of a run, best, last, or "
        "the name of a recipe for the best one of its newest run. Layers that do not fit stay new.",
    )
    parser.add_argument(
        "--init_preprocessing",
        type=Literal["auto", "keep", "fit"],
        default="auto",
        help="The preprocessing of a table with --init_from: keep that of the checkpoint, fit it to the "
        "new training rows, or auto, to keep it if the table has its columns.",
    )
    parser.add_argument(
        "--freeze",
        type=Layers | None,
        default=None,
        help="Layers not to train; short for --model.freeze.",
    )
    parser.add_argument(
        "--find_lr",
        action="store_true",
        help="Before fit, find model.lr: train a copy of the model for 100 steps with growing rates, and "
        "take a tenth of the one with the lowest loss. The run's learning_rate.png shows the losses.",
    )
    parser.add_argument(
        "--report", action="store_true", help="After fit, write report.html into the run's directory."
    )
