"""Which pictures and texts a run shows in TensorBoard."""

from collections.abc import Callable
from dataclasses import dataclass

from lightning.pytorch import Callback

from lit_classify.callbacks import (
    DecisionBoundary,
    EvaluationPlots,
    HiddenUnits,
    HParams,
    OptimizerStats,
    RunSummary,
)

DETAILS = ("neurons", "details")  # what takes longer


@dataclass
class Show:
    """What a run shows in TensorBoard, each switched by itself; where nothing is said --pictures says.

    Args:
        curves: learning rate and gradients' norm, and charts of losses and accuracies.
        boundary: the decision boundary as it changed, from the first epoch to the last, and a film of it.
        mistakes: the confusion matrix, or the errors of values.
        notes: why, command, versions, network and data in words.
        hparams: a row on the HParams page.
        neurons: what every hidden unit sees.
        details: ROC, precision-recall and calibration curves, and a table's worst rows.
    """

    curves: bool | None = None
    boundary: bool | None = None
    mistakes: bool | None = None
    notes: bool | None = None
    hparams: bool | None = None
    neurons: bool | None = None
    details: bool | None = None


def pictures(level: str, show: Show, notes: RunSummary, hparams: HParams) -> list[Callback]:
    """Return what draws and writes for TensorBoard: as ``show`` says, and for the rest as the level says."""
    asked = {
        name: (level == "all" or (level == "some" and name not in DETAILS)) if said is None else said
        for name, said in vars(show).items()
    }
    makers: dict[str, Callable[[], Callback]] = {
        "curves": OptimizerStats,
        "notes": lambda: notes,
        "hparams": lambda: hparams,
        "boundary": DecisionBoundary,
        "neurons": HiddenUnits,
        "mistakes": lambda: EvaluationPlots(more=asked["details"]),
    }
    return [make() for name, make in makers.items() if asked[name]]
