"""Diagnose a finished run.

Each function below looks for one problem, and is named after it. The facts are collected by
``lit_classify.evaluation.diagnosis_facts``. A finding should be right whenever it appears: most need evidence
that the training rows can be predicted far better, which their nearest neighbors give without training.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import NamedTuple

from lit_classify.messages import plural

_MIN_MISSED = 0.2  # of accuracy or R², by which neighbors must be better
_MIN_UNLEARNED = 0.05  # of a few rows, which a network learns by heart
_MIN_DEAD = 0.8  # fraction of a layer's units: circles_v2 learns with 0.6
_MIN_RECALL = 0.3  # of a class by its neighbors; with less, never predicting it may be right
_LARGE, _SMALL = 30.0, 0.001  # standard deviation, or mean, of an input that is not scaled
_MAX_GRADIENT = 1e-3
_MIN_EPOCHS = 10  # a shorter run is a trial
_ADAM = "--model.optimizer Adam --model.lr 0.01"
_OVERFIT = "--trainer.overfit_batches 1"  # which shows whether the model can learn a few rows
_SATURATING = {"Sigmoid", "LogSigmoid", "Tanh", "Softsign", "Hardsigmoid", "Hardtanh", "ReLU6"}


class InputScale(NamedTuple):
    """Mean and standard deviation of an input over the training rows; derived ones are in --data.inputs."""

    name: str
    mean: float
    deviation: float
    is_derived: bool = False


@dataclass(frozen=True)
class Facts:
    """The records of a run, and the outputs of its model for training rows.

    Attributes:
        loss: training loss of each epoch.
        val_loss: loss of each validation.
        from_start: whether the first epoch is in ``loss``, which a resumed run lacks.
        stops_early: whether early stopping was used.
        zero_loss: loss if all outputs are zero, with which the others are compared.
        lr: learning rate.
        optimizer: class of the optimizer.
        activation: class of the activation; None if there is none.
        hidden: widths of the hidden layers.
        custom_network: whether the network is user-defined.
        custom_loss: whether the loss is not the task's own.
        regularization: dropout and weight decay, by their names, if they are strong.
        score_name: ``accuracy`` or ``R²``.
        overfit_batches: number of batches, if the trainer used the same ones in every epoch; otherwise 0.
        num_rows: number of rows in these batches.
        num_invalid: number of training rows whose outputs are NaN or infinite.
        score: score of the predictions for the training rows, or only for those of ``overfit_batches``.
        neighbors_score: score of predicting each row by its neighbors, or with ``overfit_batches`` by the
            rows with equal features; None if it was not needed.
        linear_score: score of a least-squares fit.
        train_accuracy: accuracy of the last epoch.
        val_accuracy: accuracy of the last validation.
        num_val: number of validation rows.
        is_linear: whether the network is a linear function.
        dead: number of units with the same output for every row, and of all units, of each hidden layer.
        grad_norm: norm of the gradients of the loss.
        never_predicted: for each rare class that is never predicted, the recall of its neighbors.
        is_constant: whether all rows have the same output.
        unscaled: the numeric input of the most extreme scale; None for tables, which are scaled.
        has_probabilities: whether the outputs are in [0, 1] for any input.
        has_integers: whether the outputs are whole numbers.
        leaking: columns that determine the target.
    """

    loss: Sequence[float] = ()
    val_loss: Sequence[float] = ()
    from_start: bool = True
    stops_early: bool = False
    zero_loss: float = math.log(2)
    lr: float = 0.1
    optimizer: str = "SGD"
    activation: str | None = "ReLU"
    hidden: Sequence[int] = (10, 10)
    custom_network: bool = False
    custom_loss: bool = False
    regularization: Mapping[str, float] = field(default_factory=dict)
    overfit_batches: int = 0
    num_rows: int = 0
    num_invalid: int = 0
    score_name: str = "accuracy"
    score: float = 1.0
    neighbors_score: float | None = None
    linear_score: float = 0.0
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    num_val: int = 0
    is_linear: bool = False
    dead: Sequence[tuple[int, int]] = ()
    grad_norm: float = math.inf
    never_predicted: Mapping[str, float] = field(default_factory=dict)
    is_constant: bool = False
    unscaled: InputScale | None = None
    has_probabilities: bool = False
    has_integers: bool = False
    leaking: Sequence[str] = ()

    @property
    def underfits(self) -> bool:
        """Whether the training rows can be predicted far better, as their neighbors show."""
        learned = self.train_accuracy if self.overfit_batches else None  # as BatchNorm layers train
        return self.is_far_below_neighbors(max(self.score, learned or 0.0))

    def is_far_below_neighbors(self, score: float) -> bool:
        """Return whether the neighbors' score is far better than another one."""
        if self.neighbors_score is None:
            return False
        if self.overfit_batches:
            return self.neighbors_score - score > _MIN_UNLEARNED
        return self.neighbors_score - score > _MIN_MISSED and 1 - self.neighbors_score < 0.6 * (1 - score)

    @property
    def typical_lr(self) -> float:
        """A learning rate that often works with the optimizer."""
        return 0.1 if self.optimizer == "SGD" else 0.01

    def lower_lr_option(self, factor: float = 10) -> str:
        """Return the option for a lower learning rate, by more than ten only down to the typical one."""
        return f"--model.lr {max(self.lr / factor, min(self.typical_lr, self.lr / 10)):g}"

    @property
    def other_optimizer_options(self) -> str:
        """The options for Adam; if it was used, the one that tells whether a few rows can be learned."""
        return _ADAM if self.optimizer == "SGD" or self.overfit_batches else _OVERFIT

    @property
    def scores(self) -> str:
        """The two scores as evidence."""
        scores = [
            "unknown"
            if score is None
            else f"{score:.1%}"
            if self.score_name == "accuracy"
            else f"{score:.2f}"
            for score in (self.score, self.neighbors_score)
        ]
        if self.overfit_batches:
            return f"{self.score_name} {scores[0]} on {plural(self.num_rows, 'row')}, the same in every epoch"
        return f"{self.score_name} {scores[0]} on training rows, {scores[1]} by their nearest neighbors"


class Finding(NamedTuple):
    """A problem of a run.

    Attributes:
        verdict: what is wrong.
        evidence: the numbers that show it.
        advice: the option to try.
    """

    verdict: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        """Return two lines in the format of ``fit``."""
        return f"Check: {self.verdict}: {self.evidence}\nTry:   {self.advice}"


def diagnose(facts: Facts) -> list[Finding]:
    """Return the first cause of a model that does not learn, if any, and then other problems.

    A run with ``overfit_batches`` has a finding only if it has not learned their rows.

    Examples:
        >>> print(diagnose(Facts(is_linear=True, activation=None, score=0.5, neighbors_score=0.99))[0])
        Check: all layers are linear: accuracy 50.0% on training rows, 99.0% by their nearest neighbors
        Try:   --model.activation ReLU
        >>> diagnose(Facts(score=0.9))
        []
    """
    if facts.overfit_batches:
        finding = cannot_overfit(facts)
        return [finding] if finding else []
    causes = (finding for cause in CAUSES if (finding := cause(facts)))
    others = (finding for problem in PROBLEMS if (finding := problem(facts)))
    return [*islice(causes, 1), *others]


def probabilities_as_logits(facts: Facts) -> Finding | None:
    """Detect a network that ends in a sigmoid or softmax, which the loss applies again."""
    if not facts.has_probabilities:
        return None
    evidence = "all outputs are between 0 and 1, but the loss expects logits"
    return Finding("the network ends in a sigmoid or softmax", evidence, "return its input, the logits")


def rounded_outputs(facts: Facts) -> Finding | None:
    """Detect a network that rounds its outputs, which have no gradient then."""
    if not facts.has_integers:
        return None
    evidence = "all outputs are whole numbers, so that gradients are zero"
    return Finding("the network rounds its outputs", evidence, "return the logits without rounding")


def diverged(facts: Facts) -> Finding | None:
    """Detect outputs that are NaN or infinite."""
    if not facts.num_invalid:
        return None
    evidence = f"the outputs for {plural(facts.num_invalid, 'training row')} are NaN or infinite"
    return Finding("training has diverged", evidence, facts.lower_lr_option(math.inf))


def unscaled_inputs(facts: Facts) -> Finding | None:
    """Detect an input that is far larger or smaller than 1."""
    if not facts.underfits or facts.unscaled is None:
        return None
    name, mean, deviation, is_derived = facts.unscaled
    if _SMALL < deviation < _LARGE and abs(mean) < _LARGE:
        return None
    evidence = f"{name} has mean {mean:.3g} and standard deviation {deviation:.3g}; {facts.scores}"
    advice = "standardize the inputs in the data module"
    if is_derived:
        advice = f"{_ADAM}, or leave {name} out of --data.inputs"
    return Finding("inputs are not scaled", evidence, advice)


def dead_units(facts: Facts) -> Finding | None:
    """Detect hidden layers most of whose units do not respond to the input."""
    layers = [
        f"{dead} of {total} units of hidden layer {number}"
        for number, (dead, total) in enumerate(facts.dead, start=1)
        if dead >= _MIN_DEAD * total
    ]
    if not facts.underfits or not layers or facts.activation in _SATURATING:
        return None
    evidence = f"{', '.join(layers)} have the same output for every row; {facts.scores}"
    advice = "--model.activation LeakyReLU"
    if facts.lr > facts.typical_lr:
        advice = facts.lower_lr_option()
    return Finding("hidden units are dead", evidence, advice)


def only_linear_layers(facts: Facts) -> Finding | None:
    """Detect a linear network on rows that no linear function predicts."""
    if not facts.underfits or not facts.is_linear or not facts.is_far_below_neighbors(facts.linear_score):
        return None
    advice = "--model.activation ReLU"
    if facts.custom_network:
        advice = "put torch.nn.ReLU() between the layers of the network"
    elif not facts.hidden:
        advice = '--model.hidden "[10, 10]"'
    return Finding("all layers are linear", facts.scores, advice)


def learning_rate_too_high(facts: Facts) -> Finding | None:
    """Detect a loss that is enormous, rises or oscillates."""
    loss = facts.loss
    if not facts.underfits or len(loss) < 4:
        return None
    peak, late = max(loss), loss[len(loss) // 2 :]
    steps = [current - previous for previous, current in pairwise(late)]
    turns = sum(step * next_step < 0 for step, next_step in pairwise(steps))
    factor = 10.0
    if peak > 10 * facts.zero_loss:
        evidence = f"the loss reached {peak:.3g}, but is {facts.zero_loss:.3g} if all outputs are zero"
        factor = 10 ** min(math.ceil(math.log10(peak / facts.zero_loss)), 3)
    elif facts.from_start and statistics.median(late) > 1.2 * max(loss[0], facts.zero_loss):
        evidence = f"the loss rose from {loss[0]:.3g} to {loss[-1]:.3g}"
    elif max(late) - min(late) > 0.2 * facts.zero_loss and turns > 0.3 * len(steps):
        evidence = f"the loss oscillates between {min(late):.3g} and {max(late):.3g}"
    else:
        return None
    return Finding("the learning rate is too high", evidence, facts.lower_lr_option(factor))


def vanishing_gradients(facts: Facts) -> Finding | None:
    """Detect a constant loss with gradients near zero."""
    late = facts.loss[len(facts.loss) // 2 :]
    if not facts.underfits or len(late) < 2 or facts.grad_norm > _MAX_GRADIENT:
        return None
    if max(late) - min(late) > 0.01 * max(late):
        return None
    evidence = f"their norm is {facts.grad_norm:.1e}, and the loss stays at {late[-1]:.3g}; {facts.scores}"
    if facts.lr > facts.typical_lr:
        advice = facts.lower_lr_option()
    else:
        options = ["--model.activation ReLU"] if facts.activation in _SATURATING else []
        if len(facts.hidden) > 3:
            options.append(f'--model.hidden "{list(facts.hidden[:2])}"')
        advice = " ".join(options) or facts.other_optimizer_options
    return Finding("gradients are near zero", evidence, advice)


def learning_rate_too_low(facts: Facts) -> Finding | None:
    """Detect a loss that hardly decreases."""
    if not facts.underfits or not facts.from_start or len(facts.loss) < _MIN_EPOCHS:
        return None
    start, fall = facts.loss[0], 1 - min(facts.loss) / facts.loss[0]
    if fall > 0.05:
        return None
    if facts.lr < facts.typical_lr:
        factor = 10.0 ** math.ceil(math.log10(0.3 / max(fall, 1e-9)))
        advice = f"--model.lr {min(facts.lr * factor, facts.typical_lr):g}"
    else:
        advice = _ADAM if facts.optimizer == "SGD" else f"--model.lr {facts.lr * 10:g}"
    evidence = (
        f"from {start:.5f} to {facts.loss[-1]:.5f} in {plural(len(facts.loss), 'epoch')}; {facts.scores}"
    )
    return Finding("the loss hardly moves", evidence, advice)


def still_falling(facts: Facts) -> Finding | None:
    """Detect a loss that still falls in the last epochs."""
    loss, tenth = facts.loss, len(facts.loss) // 10
    if not facts.underfits or facts.stops_early or len(loss) < _MIN_EPOCHS:
        return None
    starts = range(len(loss) - 5 * tenth, len(loss), tenth)  # of the last five tenths
    means = [statistics.fmean(loss[start : start + tenth]) for start in starts]
    earlier, last = means[-3], means[-1]
    if last > 0.97 * earlier or means != sorted(means, reverse=True):  # more than noise
        return None
    evidence = f"from {earlier:.4g} to {last:.4g} in the last {2 * tenth:,} epochs; {facts.scores}"
    advice = f"--ckpt_path last --trainer.max_epochs {2 * len(loss)}" + (
        f", or {_ADAM}" if facts.optimizer == "SGD" else ""
    )
    return Finding("the loss is still falling", evidence, advice)


def constant_predictions(facts: Facts) -> Finding | None:
    """Detect a model with the same output for every row."""
    if not facts.underfits or not facts.is_constant or len(facts.loss) < _MIN_EPOCHS:
        return None
    return Finding("all rows have the same prediction", facts.scores, facts.other_optimizer_options)


def class_never_predicted(facts: Facts) -> Finding | None:
    """Detect rare classes that are never predicted, although their rows are similar to each other."""
    learnable = {name: recall for name, recall in facts.never_predicted.items() if recall >= _MIN_RECALL}
    if not learnable or len(facts.loss) < _MIN_EPOCHS:
        return None
    evidence = ", ".join(
        f"{name} (nearest neighbors find {recall:.0%})" for name, recall in learnable.items()
    )
    return Finding("rare classes are never predicted", evidence, "--model.class_weight balanced")


def cannot_overfit(facts: Facts) -> Finding | None:
    """Detect a model that has not learned the few rows of ``overfit_batches`` by heart, and why."""
    if len(facts.loss) < _MIN_EPOCHS:
        return None
    batches = "one batch" if facts.overfit_batches == 1 else f"{facts.overfit_batches:,} batches"
    verdict = f"cannot overfit {batches}"
    causes = (
        finding for cause in (strong_regularization, *CAUSES, contradictory_rows) if (finding := cause(facts))
    )
    if cause := next(causes, None):
        return cause._replace(verdict=f"{verdict}: {cause.verdict}")
    if not facts.underfits:
        return None
    evidence = f"{facts.scores}, after {plural(len(facts.loss), 'epoch')}"
    if facts.stops_early:
        advice = f"--trainer.callbacks null --trainer.max_epochs {10 * len(facts.loss)}"
        return Finding(verdict, f"{evidence}, with early stopping", advice)
    if facts.custom_loss:
        return Finding(verdict, evidence, "--model.loss null")
    if facts.optimizer == "SGD":
        return Finding(verdict, evidence, _ADAM)
    if facts.custom_network:
        return Finding(verdict, evidence, "more units, if it uses all features")
    return Finding(verdict, evidence, f'--model.hidden "{[max(64, *facts.hidden)] * 2}"')


def strong_regularization(facts: Facts) -> Finding | None:
    """Detect dropout or a weight decay that keeps a model from learning rows by heart."""
    if not facts.underfits or not facts.regularization:
        return None
    evidence = ", ".join(f"{name} {value:g}" for name, value in facts.regularization.items())
    advice = " ".join(f"--model.{name} 0" for name in facts.regularization)
    return Finding("regularization is strong", f"{evidence}; {facts.scores}", advice)


def contradictory_rows(facts: Facts) -> Finding | None:
    """Detect rows with equal features but different targets, which no model can learn."""
    if facts.neighbors_score is None or facts.neighbors_score > 1 - _MIN_UNLEARNED:
        return None
    limit = f"{facts.score_name} is at most {facts.neighbors_score:.3g}"
    evidence = f"{limit}, as rows with equal features have different targets; {facts.scores}"
    return Finding("rows contradict each other", evidence, "correct targets, or add columns that differ")


def overfits(facts: Facts) -> Finding | None:
    """Detect training rows predicted far better than validation rows, whose loss has risen."""
    if facts.stops_early or facts.train_accuracy is None or facts.val_accuracy is None:
        return None
    if len(facts.val_loss) < 3 or len(facts.loss) < 3:
        return None
    difference = facts.train_accuracy - facts.val_accuracy
    error = math.sqrt(facts.val_accuracy * (1 - facts.val_accuracy) / max(facts.num_val, 1))
    rose = facts.val_loss[-1] > 1.3 * min(facts.val_loss) and facts.val_loss[-1] > 2 * facts.loss[-1]
    if not rose or difference < max(0.1, 3 * error):
        return None
    evidence = (
        f"accuracy {facts.train_accuracy:.1%}, but {facts.val_accuracy:.1%} on validation rows, whose loss "
        f"rose from {min(facts.val_loss):.3g} to {facts.val_loss[-1]:.3g}"
    )
    advice = "--model.dropout 0.2, or more rows"
    if facts.custom_network:
        advice = "--model.optimizer AdamW --model.weight_decay 0.1, or more rows"
    return Finding("the model overfits", evidence, advice)


def possible_leakage(facts: Facts) -> Finding | None:
    """Detect columns that determine the target, if the model predicts it well."""
    if not facts.leaking or facts.score < 0.95:
        return None
    names = ", ".join(facts.leaking)
    evidence = f"{names} alone determines the target; {facts.score_name} {facts.score:.3g}"
    return Finding("possible target leakage", evidence, f'if unknown in practice, --data.ignore "[{names}]"')


Check = Callable[[Facts], Finding | None]
CAUSES: Sequence[Check] = (  # of a model that does not learn: the first explains the others
    diverged,
    probabilities_as_logits,
    rounded_outputs,
    unscaled_inputs,
    only_linear_layers,
    learning_rate_too_high,
    dead_units,
    vanishing_gradients,
    learning_rate_too_low,
    still_falling,
    constant_predictions,
    class_never_predicted,
)
PROBLEMS: Sequence[Check] = (overfits, possible_leakage)
