"""``lit-classify importance``: how much a model uses each column of its table."""

import io
from pathlib import Path

from lit_classify import plots
from lit_classify.atomic_write import write_all
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.argument_parser import add_custom_classes, add_data_options, data_settings, parser
from lit_classify.cli.output_files import check_directory, check_new
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.evaluation.importance import (
    NUM_REPEATS,
    importance_table,
    importance_text,
    permutation_importance,
)
from lit_classify.evaluation.predictions import escape_formulas
from lit_classify.messages import echo


def main(arguments: list[str]) -> int:
    """Print the permutation importance of each column, and write it as a plot and as a CSV file."""
    options = parser(
        "importance",
        "Permute the values of each column, and report how much worse the predictions are. The test rows are "
        "used; if there are none, the out-of-fold rows of cross-validation or the validation rows.",
    )
    options.add_argument(
        "checkpoint", help="directory of a run, or a checkpoint; best or last for the newest"
    )
    options.add_argument("--metric", help="accuracy (mae for a regression), the default, or loss")
    options.add_argument(
        "--repeats",
        type=int,
        default=NUM_REPEATS,
        help=f"permutations of each column (default: {NUM_REPEATS})",
    )
    options.add_argument(
        "--max_rows",
        type=int,
        default=10_000,
        help="maximum number of rows; if there are more, a random sample is used (default: 10000)",
    )
    options.add_argument("--seed", type=int, default=42, help="seed of the permutations (default: 42)")
    add_data_options(options, "another table, of which all rows are used")
    options.add_argument("--out", default="importance", help="output directory (default: importance)")
    options.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    add_custom_classes(options)
    args = options.parse_args(arguments[1:])
    folder = Path(args.out)
    plot_path, table_path = folder / "importance.png", folder / "importance.csv"
    check_directory(folder)
    if not args.overwrite:
        check_new([plot_path, table_path])
    filter_warnings()

    checkpoint = Checkpoint.read(find_checkpoint(args.checkpoint))
    model, data = CustomClasses.of(args).build_run(checkpoint, data_settings(args))
    result = permutation_importance(model, data, args.metric, args.repeats, args.max_rows, args.seed)
    echo(importance_text(result))

    run = checkpoint.path.parent.parent.resolve()
    title = f"{run.parent.name}/{run.name}\n{result.basis}"
    figure = plots.column_importance(result.columns, result.means, result.deviations, result.measure, title)
    table = io.BytesIO()
    escape_formulas(importance_table(result)).write_csv(table)
    write_all({plot_path: plots.encode_figure(figure, "png"), table_path: table.getvalue()})
    echo(f"\nPlot:   {plot_path}\nTable:  {table_path}")
    return 0
