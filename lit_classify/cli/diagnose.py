"""``lit-classify diagnose``: why a model does not learn, and which option to try."""

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.custom_classes import CustomClasses
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.argument_parser import add_custom_classes, add_data_options, data_settings, parser
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.diagnosis import diagnose
from lit_classify.evaluation.diagnosis_facts import read_facts
from lit_classify.messages import echo, plural


def main(arguments: list[str]) -> int:
    """Print what is wrong with a run, the evidence, and the option to try."""
    options = parser(
        "diagnose",
        "Find out from the curves, weights and predictions of a run why it does not learn. Nothing is "
        "trained. Only clear problems are reported: none does not prove that the model is good.",
    )
    options.add_argument("run", help="directory of a run, or a checkpoint; last or best for the newest")
    add_data_options(options, "the table, if it has moved")
    add_custom_classes(options)
    args = options.parse_args(arguments[1:])
    filter_warnings()

    checkpoint = Checkpoint.read(find_checkpoint(args.run, names=("last", "best")))
    model, data = CustomClasses.of(args).build_run(checkpoint, data_settings(args))
    findings = diagnose(read_facts(checkpoint, model, data))
    epochs = checkpoint.epochs
    echo(f"{checkpoint.path.parent.parent}: {type(model).__name__} after {plural(epochs, 'epoch')}")
    echo("\n".join(map(str, findings)) or "No problem found.")
    return 0
