"""Loss and metrics of an epoch or an evaluation, over the rows of all processes.

Legend: N rows, O outputs, L labels.
"""

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from lit_classify.metrics.base import Metrics
from lit_classify.modules.output_buffer import OutputBuffer
from lit_classify.modules.results import Evaluation
from lit_classify.modules.running_mean import means_from_sums

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule


def epoch_metrics(module: "LitModule", stage: str) -> dict[str, Tensor]:
    """Return the mean loss and metric over the epoch's rows so far, of all processes, by their tags."""
    mean = module.means[stage]
    loss, metric = mean.compute()
    if module.trainer.world_size > 1:
        sums = mean.sums().to(module.device, copy=True)
        loss, metric = means_from_sums(module.trainer.strategy.reduce(sums, reduce_op="sum"))
    if stage != "train" and loss is not None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The ``compute`` method")  # in a process without rows
            metric = (module.val_metric if stage == "val" else module.test_metric).compute()
    metrics = {f"{stage}/loss": loss, f"{stage}/{module.metric_name}": metric}
    return {name: value for name, value in metrics.items() if value is not None}


def gather_evaluation(
    module: "LitModule", stage: str, outputs: OutputBuffer, means: Mapping[str, Tensor]
) -> Evaluation | None:
    """Return the evaluation of the batches of all processes; None if a subclass has overridden the step.

    Args:
        module: the evaluated module.
        stage: ``val`` or ``test``.
        outputs: outputs that the steps have stored; emptied.
        means: loss and metric of ``epoch_metrics``.
    """
    if not outputs:
        return None
    (logits, y, *fold), num_rows = outputs.gather(module.trainer)
    loss, metric = means[f"{stage}/loss"], means[f"{stage}/{module.metric_name}"]
    metrics = measure(module, logits.to(module.device), y.to(module.device), loss, metric)
    return Evaluation(logits, y, metrics, fold[0] if fold else None, num_rows)


def measure(module: "LitModule", logits: Tensor, y: Tensor, mean_loss: Tensor, metric: Tensor) -> Metrics:
    """Return loss and metrics, and reasons for undefined ones.

    Args:
        module: the module of the task.
        logits: logits ``(N, O)``.
        y: targets, ``(N,)`` or ``(N, L)``.
        mean_loss: the mean loss, a scalar.
        metric: the mean of the task's metric, a scalar.
    """
    num_invalid = int((~module.probabilities(logits).isfinite()).reshape(len(y), -1).any(dim=1).sum())
    if num_invalid:
        reason = f"undefined: the outputs for {num_invalid:,} of {len(y):,} rows are NaN or infinite"
        return Metrics({}, {"loss": reason})
    loss = float(mean_loss)
    further, notes = module.test_metrics(logits, y)
    values = {module.metric_name: float(metric), **further}
    if not math.isfinite(loss):
        return Metrics(values, {"loss": "undefined: it is beyond single precision", **notes})
    return Metrics({"loss": loss, **values}, notes)
