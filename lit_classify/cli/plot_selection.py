"""Which plots and texts of a run appear in TensorBoard, as ``--plots`` selects them."""

from collections.abc import Callable, Sequence

from lightning.pytorch import Callback

from lit_classify.callbacks import (
    DecisionBoundary,
    EvaluationPlots,
    HiddenUnits,
    HParams,
    OptimizerStats,
    RunSummary,
    Snapshots,
)
from lit_classify.errors import UserError
from lit_classify.messages import unknown_name

BASIC = ("run_summary", "hparams", "optimizer_stats", "boundary", "snapshots", "evaluation")
SLOW = ("hidden_units", "curves")
LEVELS = {"none": (), "basic": BASIC, "all": (*BASIC, *SLOW)}
HELP = (
    "What a run shows in TensorBoard besides its metrics: none, basic, all, or a list of "
    "run_summary (command, versions, network and data), hparams (a row on the HParams page), optimizer_stats "
    "(learning rate and gradient norm), boundary (the decision boundary over time, and an animation of it), "
    "snapshots (weights during training of a model of two features, for lit-classify report), "
    "evaluation (confusion matrix, or errors), hidden_units (what hidden units respond to), curves (ROC, "
    "precision-recall and calibration, and the worst rows of a table)."
)


def selected(plots: str | Sequence[str]) -> list[str]:
    """Return the names that an option selects.

    Raises:
        UserError: a name is unknown.

    Examples:
        >>> selected(["boundary"])
        ['boundary']
    """
    if isinstance(plots, str) and plots in LEVELS:
        return list(LEVELS[plots])
    names = [plots] if isinstance(plots, str) else list(plots)
    for name in names:
        if name not in LEVELS["all"]:
            raise UserError(unknown_name("plot in --plots", name, [*LEVELS, *LEVELS["all"]]))
    return names


def plot_callbacks(names: Sequence[str], run_summary: RunSummary, hparams: HParams) -> list[Callback]:
    """Return the callbacks that write what ``names`` selects for TensorBoard."""
    makers: dict[str, Callable[[], Callback]] = {
        "optimizer_stats": OptimizerStats,
        "run_summary": lambda: run_summary,
        "hparams": lambda: hparams,
        "boundary": DecisionBoundary,
        "snapshots": Snapshots,
        "hidden_units": HiddenUnits,
    }
    callbacks = [make() for name, make in makers.items() if name in names]
    if "evaluation" in names or "curves" in names:
        callbacks.append(EvaluationPlots(curves="curves" in names))
    return callbacks
