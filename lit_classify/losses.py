"""Loss functions, given by name, or as classes, instances or functions.

Legend: N rows, C classes, L labels.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules import loss as losses

from lit_classify.allowed_imports import import_object
from lit_classify.errors import UserError
from lit_classify.messages import closest, how_to_give, unknown_name

LossFunction = Callable[[Tensor, Tensor], Tensor]
if TYPE_CHECKING:
    Loss = str | type[nn.Module] | LossFunction
else:  # the parser of the command line accepts names only
    Loss = str
Reduction = Literal["mean", "none"]

LOSSES: dict[str, type[nn.Module]] = {name: getattr(losses, name) for name in losses.__all__}
_WHY_UNFIT = {  # why a loss of torch.nn does not fit other tasks, or none
    **dict.fromkeys(
        ["L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"],
        "is a loss for numbers; for numbers use Regressor",
    ),
    **dict.fromkeys(
        ["CrossEntropyLoss", "MultiMarginLoss"],
        "is a loss for an output per class; for several classes use MulticlassClassifier",
    ),
    **dict.fromkeys(
        ["BCEWithLogitsLoss", "SoftMarginLoss"],
        "is a loss for two classes or labels; for these use BinaryClassifier or MultilabelClassifier",
    ),
    "MultiLabelSoftMarginLoss": "is a loss for labels; for labels use MultilabelClassifier",
    "MultiLabelMarginLoss": "ranks labels, and no threshold tells which of them to predict",
    "BCELoss": "expects probabilities, but a model returns logits, without a sigmoid",
    **dict.fromkeys(
        ["NLLLoss", "NLLLoss2d"], "expects log-probabilities, but a model returns logits, without a softmax"
    ),
    "KLDivLoss": "expects log-probabilities, and a distribution as the target",
    "LinearCrossEntropyLoss": "contains the last layer, which is part of the model here",
    "PoissonNLLLoss": "expects the logarithm of a count, but a model returns the number itself",
    "GaussianNLLLoss": "expects a variance, which a model does not return",
    "CTCLoss": "is a loss for sequences",
    **dict.fromkeys(
        [
            *("CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss"),
            *("TripletMarginLoss", "TripletMarginWithDistanceLoss"),
        ],
        "compares rows with each other",
    ),
}
_SYNONYMS = {"mae": "L1Loss", "l2": "MSELoss"}
_OPTIONS = {  # arguments that are options of the tasks
    "weight": "class_weight, or pos_weight of labels",
    "pos_weight": "pos_weight",
    "label_smoothing": "label_smoothing",
}
_FIXED = {"reduction", "reduce", "size_average", "ignore_index"}


class RowLoss(nn.Module):
    """A loss function as a mean over rows, or for each row.

    Args:
        per_row: maps outputs and targets to the losses of the rows, ``(N,)``, or of their labels, ``(N, L)``.
        mean: maps outputs and targets to the mean of these, if torch has a function for it.
        signed: whether ``per_row`` takes targets of -1 and 1 instead of 0 and 1.

    Shape:
        - Outputs: ``(N,)``, ``(N, C)`` or ``(N, L)``.
        - Targets: ``(N,)`` or ``(N, L)``.
        - Weights: ``(N,)``.
        - Result: a scalar, or ``(N,)`` with the reduction ``none``.

    Examples:
        >>> loss = RowLoss(lambda outputs, targets: (outputs - targets).abs() ** 3)
        >>> loss(torch.tensor([1.0, 2.0]), torch.zeros(2))
        tensor(4.5000)
        >>> loss(torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([3.0, 1.0]), "none")
        tensor([3., 8.])
    """

    def __init__(self, per_row: LossFunction, mean: LossFunction | None = None, signed: bool = False) -> None:
        super().__init__()
        self.per_row, self.mean, self.signed = per_row, mean, signed

    __call__: Callable[..., Tensor]  # nn.Module's returns Any

    def forward(
        self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None, reduction: Reduction = "mean"
    ) -> Tensor:
        """Return the mean loss, weighted by the rows' weights, or each row's loss times its weight.

        Raises:
            UserError: the function does not return a loss for each row.
        """
        targets = 2 * targets - 1 if self.signed else targets
        if self.mean is not None and weights is None and reduction == "mean":
            return self.mean(outputs, targets)
        row_losses = self.per_row(outputs, targets)
        _check_row_losses(row_losses, targets)
        row_losses = row_losses.flatten(1).mean(dim=1) if row_losses.ndim > 1 else row_losses
        if weights is None:
            return row_losses.mean() if reduction == "mean" else row_losses
        if reduction == "none":
            return row_losses * weights
        return (row_losses * weights).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)

    def check(self, out_features: int, has_classes: bool) -> None:
        """Compute the losses of two example rows.

        Args:
            out_features: number of outputs per row.
            has_classes: whether the targets are classes; of two classes, one output is enough.

        Raises:
            UserError: the function raises an error, or does not return a loss for each row.
        """
        outputs = torch.full((2, out_features), -1.0).squeeze(1)
        is_class = has_classes and out_features > 1
        targets = torch.zeros(2, dtype=torch.long) if is_class else torch.zeros_like(outputs)
        if isinstance(self.per_row, UnavailableLoss):  # only commands that compute it need it
            return
        if outputs.is_meta:  # a model is built to compare shapes alone
            return
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                self(outputs, targets, reduction="none")
        except UserError:
            raise
        except Exception as error:  # user code may raise any type
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"the loss cannot be computed: {reason}") from error


def _check_row_losses(row_losses: object, targets: Tensor) -> None:
    """Raise UserError unless a loss function has returned a loss for each row."""
    if not isinstance(row_losses, Tensor) or row_losses.shape not in {targets.shape, targets.shape[:1]}:
        description = f"{row_losses!r:.40}"
        if isinstance(row_losses, Tensor):
            description = f"a tensor of shape {tuple(row_losses.shape)}"
        raise UserError(
            f"the loss must return a loss for each row, shape {tuple(targets.shape[:1])}, so that rows can "
            f"have weights, and members rows of their own, but returned {description}; leave out the mean"
        )


class UnavailableLoss:
    """A custom loss that a checkpoint names, which must be given again before it can be computed.

    Args:
        name: the recorded name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        """Return the recorded name."""
        return self.name

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Refuse to compute the loss.

        Raises:
            UserError: always.
        """
        raise UserError(
            f"the model was trained with the loss {self.name!r}: a checkpoint imports only what you name "
            f"yourself; {how_to_give('--model.loss', self.name)}"
        )


def as_name(
    loss: Loss | None, args: Mapping[str, Any] | None
) -> tuple[Loss | None, Mapping[str, Any] | None]:
    """Return the name and arguments of a loss of torch.nn given as an instance or by import path.

    Anything else is returned unchanged.

    Examples:
        >>> as_name(nn.HuberLoss(delta=2.0), None)
        ('HuberLoss', {'delta': 2.0})
    """
    if isinstance(loss, str):
        name = loss.removeprefix("torch.").removeprefix("nn.")
        return (loss if "." in name else name), args
    if type(loss) not in LOSSES.values():
        return loss, args
    if args:
        raise UserError("loss_args requires a loss by name or class, but loss is an instance")
    cls = type(loss)
    changed = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        value = getattr(loss, name, parameter.default)
        if value is not parameter.default and value != parameter.default:
            changed[name] = value
    if changed.get("reduction") == "none":  # which a RowLoss needs as well
        del changed["reduction"]
    return cls.__name__, changed


def make_loss(
    task: str, known: Sequence[str], loss: Loss | None, args: Mapping[str, Any] | None
) -> RowLoss | None:
    """Return a loss for a task, or None for its default, which the task computes itself.

    Args:
        task: the class name of the task.
        known: the losses of torch.nn that fit the task, its default first.
        loss: a name, without ``Loss`` or with it, an import path, a class, an instance or a function; None
            for the task's default.
        args: arguments of the class.

    Raises:
        UserError: the loss is unknown, does not fit the task or cannot be built with these arguments.

    Examples:
        >>> make_loss("Regressor", ["L1Loss", "HuberLoss"], "Huber", {"delta": 2.0})
        RowLoss(
          (per_row): HuberLoss()
          (mean): HuberLoss()
        )
        >>> make_loss("BinaryClassifier", ["BCEWithLogitsLoss"], "BCELoss", None)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: BCELoss expects probabilities, ... use BCEWithLogitsLoss
    """
    if loss is None:
        if args:
            raise UserError("loss_args requires loss, which is None")
        return None
    if not known:
        raise UserError(f"{task} defines its own loss, so that no other can be chosen")
    loss_fn: Any = _find(loss, task, known) if isinstance(loss, str) else loss
    if not inspect.isclass(loss_fn):
        if isinstance(loss_fn, UnavailableLoss):
            return RowLoss(loss_fn)
        if not callable(loss_fn):
            raise UserError(f"loss must be a class or a function, or the name of one, but is {loss_fn!r}")
        if args:
            raise UserError("loss_args requires a class, but loss is a function or an instance")
        return RowLoss(partial(loss_fn, reduction="none") if _takes_reduction(loss_fn) else loss_fn)
    name, args = loss_fn.__name__, dict(args or {})
    if loss_fn not in LOSSES.values():
        reduction = {"reduction": "none"} if _takes_reduction(loss_fn) else {}
        return RowLoss(_build(loss_fn, args | reduction))
    if name not in known:
        raise UserError(_why_not(name, task, known))
    names = [key for key in inspect.signature(loss_fn).parameters if key not in {*_FIXED, *_OPTIONS}]
    for key in args:
        if key in _OPTIONS:
            raise UserError(f"{key} of {name} is an option of its own: give {_OPTIONS[key]}")
        if key in _FIXED:
            raise UserError(f"{key} of {name} cannot be set: the loss is the mean over all rows")
        if key not in names:
            raise UserError(unknown_name(f"argument of {name}", key, names))
    if name == known[0]:  # the task's default
        return None
    per_row, mean = _build(loss_fn, args | {"reduction": "none"}), _build(loss_fn, args)
    return RowLoss(per_row, mean, signed=name == "SoftMarginLoss")


def _find(name: str, task: str, known: Sequence[str]) -> Any:  # noqa: ANN401 - a class or a function
    """Return the loss of a name or an import path.

    Raises:
        UserError: there is none; suggests only one that fits the task.
    """
    if "." in name:
        return import_object(name, "--model.loss", nn.Module)
    cls = LOSSES.get(name) or LOSSES.get(f"{name}Loss")
    if cls is None:
        spellings = {_without_case(full): full for full in LOSSES} | _SYNONYMS
        fitting = [*known, *(full.removesuffix("Loss") for full in known)]
        guess = spellings.get(_without_case(name)) or closest(name, fitting, 0.6)
        if guess in LOSSES and guess not in known:
            raise UserError(f"unknown loss {name!r}: {_why_not(guess, task, known)}")
        hint = f"did you mean {guess!r}?" if guess else f"choose from {', '.join(known)}"
        raise UserError(f"unknown loss {name!r}: {hint}")
    return cls


def _without_case(name: str) -> str:
    """Return the name of a loss in one spelling: l1_loss, L1Loss and L1 are equal."""
    return name.lower().replace("_", "").replace("-", "").removesuffix("loss")


def _why_not(name: str, task: str, known: Sequence[str]) -> str:
    """Return why a loss of torch.nn does not fit a task, and which ones do."""
    reason = _WHY_UNFIT.get(name, "does not fit the task")  # a later torch may have more losses
    return f"{name} {reason}; for {task} use {' or '.join(known)}"


def _takes_reduction(function: Any) -> bool:  # noqa: ANN401 - a class or a function
    try:
        return "reduction" in inspect.signature(function).parameters
    except ValueError:  # not written in Python
        return False


def _build(cls: Any, args: Mapping[str, Any]) -> LossFunction:  # noqa: ANN401 - a class
    try:
        loss: LossFunction = cls(**args)
        return loss
    except Exception as error:  # user code may raise any type
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"loss {cls.__name__} could not be built: {reason}") from error
