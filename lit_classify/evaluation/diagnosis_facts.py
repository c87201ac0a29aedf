"""The facts about a finished run that ``lit_classify.diagnosis`` needs; nothing is trained.

Legend: N rows, F features, O outputs, C classes, L labels, U units, K members.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.diagnosis import Facts, InputScale
from lit_classify.loggers import read_config, read_scalars
from lit_classify.modules import LitModule
from lit_classify.networks import ACTIVATIONS, evaluating, in_single_precision, split_inputs

_MAX_ROWS, _MIN_ROWS = 1000, 200
_MAX_SIZE = 20_000_000  # multiplications of a forward pass, some milliseconds
_NEIGHBORS = 5
_MAX_DISTINCT = 10  # distinct values of a column that may determine the target
_STRONG = {"dropout": 0.3, "weight_decay": 0.1}  # regularization; tables have 0.1 and 0.01
_GOOD_SCORE = 0.8  # no model with such a score has neighbors that are much better


def read_facts(last: Checkpoint, model: LitModule, data: InMemoryDataModule) -> Facts:
    """Return the facts about a run on the disk.

    Args:
        last: its last checkpoint.
        model: the model that was built from it.
        data: the data that was built from it.
    """
    run, best = last.path.parent.parent, last.path.with_name("best.ckpt")
    stops_early = any("EarlyStopping" in name for name in last.content.get("callbacks", ()))
    weights = (lambda: Checkpoint.read(best).content["state_dict"]) if best.is_file() else None
    return collect_facts(model, data, read_scalars(run), stops_early, weights, _overfit_batches(run))


def _overfit_batches(run: Path) -> float:
    """Return the trainer's ``overfit_batches`` of a run; 0 if it is unknown."""
    trainer = read_config(run).get("trainer")
    value = trainer.get("overfit_batches") if isinstance(trainer, dict) else None
    return value if isinstance(value, int | float) and value > 0 else 0


def collect_facts(
    model: LitModule,
    data: InMemoryDataModule,
    scalars: Iterable[tuple[str, int, float]] = (),
    stops_early: bool = False,
    best: Callable[[], Mapping[str, Tensor]] | None = None,
    overfit_batches: float = 0,
) -> Facts:
    """Return the facts about a model and the rows that it was trained on.

    Of more than 1,000 training rows, or 200 for large networks, every n-th is used. Facts that take
    time are omitted for good scores, and for rows that cannot be predicted better.

    Args:
        model: the model after the last epoch.
        data: its data module.
        scalars: tag, step and value of logged metrics, as ``read_scalars`` yields them.
        stops_early: whether early stopping was used.
        best: returns the weights of the best epoch; a good score with them counts too.
        overfit_batches: the trainer's: number of training batches (int), or fraction of them (float), that it
            used in every epoch; their rows are the training rows then.

    Examples:
        >>> from lit_classify import BinaryClassifier, CirclesDataModule
        >>> facts = collect_facts(BinaryClassifier(2, activation=None), CirclesDataModule())
        >>> facts.is_linear, facts.score < 0.7, facts.neighbors_score > 0.95
        (True, True, True)
    """
    model = in_single_precision(model)
    curves: dict[str, dict[int, float]] = {}
    for tag, step, value in scalars:
        curves.setdefault(tag, {})[step] = value
    loss, val_loss = curves.get("train/loss", {}), curves.get("val/loss", {})
    steps = sorted(loss)
    num_batches = _num_batches(data, overfit_batches)
    last = {tag: values[max(values)] for tag, values in curves.items()}
    return Facts(
        loss=[loss[step] for step in steps],
        val_loss=[val_loss[step] for step in sorted(val_loss)],
        from_start=len(steps) < 2 or steps[0] < 2 * (steps[1] - steps[0]),
        stops_early=stops_early,
        lr=model.lr,
        optimizer=str(model.hparams["optimizer"]),
        activation=model.hparams["activation"],
        hidden=model.hparams["hidden"],
        custom_network=model.hparams["network"] is not None,
        custom_loss=model.hparams["loss"] is not None
        and f"{model.hparams['loss'].removesuffix('Loss')}Loss" not in model.losses[:1],
        regularization={
            name: value for name, limit in _STRONG.items() if (value := model.hparams[name] or 0) >= limit
        },
        score_name="R²" if model.class_names is None and model.label_names is None else "accuracy",
        train_accuracy=last.get("train/accuracy"),
        val_accuracy=last.get("val/accuracy"),
        num_val=len(data.split("val").y) if data.has_split("val") else 0,
        **_facts_of_rows(model, data, best, num_batches),
    )


def _num_batches(data: InMemoryDataModule, overfit_batches: float) -> int:
    """Return the number of batches that the trainer's ``overfit_batches`` selects."""
    if not overfit_batches:
        return 0
    total = len(data.train_dataloader())
    return min(overfit_batches, total) if isinstance(overfit_batches, int) else int(overfit_batches * total)


def _facts_of_rows(
    model: LitModule,
    data: InMemoryDataModule,
    best: Callable[[], Mapping[str, Tensor]] | None,
    num_batches: int,
) -> dict[str, Any]:
    """Return the facts that follow from the outputs for training rows, or for those of the first batches."""
    num_rows = _num_trained_rows(data, num_batches)
    x, y = _sample(model, data, num_rows)
    with evaluating(model), torch.random.fork_rng(devices=[]):
        logits, targets = model(x), _as_columns(model, y)
        predicted = _predicted_columns(model, logits)
        score = _score(model, predicted, targets)
        if score < _GOOD_SCORE and best is not None:
            best_logits = functional_call(model, _to_float32(best()), (x,))
            score = max(score, _score(model, _predicted_columns(model, best_logits), targets))
        never_predicted = _never_predicted(model, predicted, targets)
        facts: dict[str, Any] = {
            "score": score,
            "zero_loss": float(model.loss(torch.zeros_like(logits), y)),
            "overfit_batches": num_batches,
            "num_rows": num_rows,
            "num_invalid": int((~logits.isfinite()).any(dim=1).sum()),
        }
        if isinstance(data, TableDataModule):
            facts["leaking"] = leaking_columns(data, x, targets)
        if model.hparams["network"] is not None:
            facts |= _output_facts(model, x, logits)
        if num_batches:
            facts["neighbors_score"] = _score(model, equal_rows_predictions(x, targets), targets)
        elif score < _GOOD_SCORE or never_predicted:
            neighbors = neighbor_predictions(x, targets)
            facts["neighbors_score"] = _score(model, neighbors, targets)
            facts["never_predicted"] = {
                name: _recall(neighbors, targets, column) for name, column in never_predicted.items()
            }
        if Facts(**facts).underfits:
            facts |= {
                "linear_score": _score(model, least_squares(network_inputs(model, x), targets), targets),
                "is_linear": is_linear(model, x),
                "dead": dead_units(model, x),
                "is_constant": bool((logits.amax(dim=0) - logits.amin(dim=0) < 1e-3).all()),
                "unscaled": None if isinstance(data, TableDataModule) else _scale(model, data, x),
                "grad_norm": gradient_norm(model, x, y),
            }
    return facts


def _num_trained_rows(data: InMemoryDataModule, num_batches: int) -> int:
    """Return the number of training rows, or of those in the first batches."""
    num_rows = len(data.split("train").y)
    if num_batches and data.batch_size is not None:
        return min(num_batches * data.batch_size, num_rows)
    return num_rows


def _sample(model: LitModule, data: InMemoryDataModule, num_rows: int) -> tuple[Tensor, Tensor]:
    """Return features and targets of the first training rows, or of as many as the model's size allows."""
    num_weights = sum(weight.numel() for weight in model.parameters())
    max_rows = min(max(_MAX_SIZE // max(num_weights, 1), _MIN_ROWS), _MAX_ROWS)
    x, y = (tensor[: num_rows : -(-num_rows // max_rows)].to(model.device) for tensor in data.split("train"))
    return x, model.prepare_targets(y)


def _to_float32(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights as float32, other buffers as they are."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _predicted_columns(model: LitModule, logits: Tensor) -> Tensor:
    """Return the predictions for logits ``(N, O)`` as numbers, as ``_as_columns`` returns targets."""
    return _as_columns(model, model.labels(model.probabilities(logits)))


def _as_columns(model: LitModule, y: Tensor) -> Tensor:
    """Return targets or labels as numbers, ``(N, C)``, ``(N, L)`` or ``(N, 1)``."""
    if model.class_names is not None:
        return F.one_hot(y.long(), len(model.class_names)).float()
    return y.float().view(len(y), -1)


def _score(model: LitModule, predicted: Tensor, targets: Tensor) -> float:
    """Return the accuracy of predicted classes or labels, or the R² of values."""
    if model.class_names is not None:
        return float((predicted.argmax(dim=1) == targets.argmax(dim=1)).float().mean())
    if model.label_names is not None:
        return float(((predicted > 0.5) == (targets > 0.5)).float().mean())
    residual = (predicted - targets).double().square().mean()
    return float(1 - residual / targets.double().var(correction=0).clamp_min(1e-30))


def _never_predicted(model: LitModule, predicted: Tensor, targets: Tensor) -> dict[str, int]:
    """Return the indices of rare classes that are never predicted, but have at least ten rows, by name."""
    if model.class_names is None:
        return {}
    counts = targets.sum(dim=0)
    missing = (predicted.sum(dim=0) == 0) & (counts >= 10) & (counts < counts.mean() / 2)
    return {model.class_names[column]: column for column in missing.nonzero().flatten().tolist()}


def _recall(predicted: Tensor, targets: Tensor, column: int) -> float:
    rows = targets[:, column] > 0
    return float((predicted[rows].argmax(dim=1) == column).float().mean())


def network_inputs(model: LitModule, x: Tensor) -> Tensor:
    """Return the inputs of the first layer with weights: the features ``(N, F)``, or derived inputs.

    Examples:
        >>> from lit_classify import BinaryClassifier
        >>> network_inputs(BinaryClassifier(2, inputs=["x2^2"]), torch.tensor([[1.0, 2.0]]))
        tensor([[4.]])
    """
    derive, _ = split_inputs(model.network)
    return derive(x) if derive else x


def neighbor_predictions(x: Tensor, targets: Tensor) -> Tensor:
    """Return the mean target of each row's nearest neighbors in standardized inputs, ``(N, C)``.

    Args:
        x: features ``(N, F)``.
        targets: ``(N, C)``.

    Examples:
        >>> x = torch.arange(12.0)[:, None]
        >>> neighbor_predictions(x, (x > 5).float())[:3].flatten()
        tensor([0., 0., 0.])
    """
    scaled = (x - x.mean(dim=0)) / x.std(dim=0).clamp_min(1e-12)
    distances = torch.cdist(scaled, scaled).fill_diagonal_(torch.inf)
    nearest = distances.topk(min(_NEIGHBORS, max(len(x) - 1, 1)), largest=False).indices
    return targets[nearest].mean(dim=1)


def equal_rows_predictions(x: Tensor, targets: Tensor) -> Tensor:
    """Return the mean target of the rows that have the features of each row, ``(N, C)``.

    Args:
        x: features ``(N, F)``.
        targets: ``(N, C)``.

    Examples:
        >>> equal_rows_predictions(torch.tensor([[1.0], [2.0], [1.0]]), torch.tensor([[0.0], [1.0], [1.0]]))
        tensor([[0.5000],
                [1.0000],
                [0.5000]])
    """
    _, groups, counts = torch.unique(x, dim=0, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(counts), targets.shape[1], device=x.device).index_add_(0, groups, targets)
    means: Tensor = sums / counts[:, None]
    return means[groups]


def least_squares(x: Tensor, targets: Tensor) -> Tensor:
    """Return the least-squares predictions of targets ``(N, C)`` by a linear function.

    Examples:
        >>> x = torch.arange(4.0)[:, None]
        >>> least_squares(x, 2 * x + 1).flatten().round()
        tensor([1., 3., 5., 7.])
    """
    inputs = torch.cat(
        [(x - x.mean(dim=0)) / x.std(dim=0).clamp_min(1e-12), torch.ones_like(x[:, :1])], dim=1
    )
    gram = inputs.T @ inputs + 1e-6 * len(x) * torch.eye(inputs.shape[1], device=x.device)
    weights: Tensor = torch.linalg.solve(gram, inputs.T @ targets)
    return inputs @ weights


def is_linear(model: LitModule, x: Tensor) -> bool:
    """Return whether the output between two rows, and beyond them, is that of a linear function of inputs.

    Examples:
        >>> from lit_classify import Regressor
        >>> [is_linear(Regressor(2, activation=name), torch.randn(50, 2)) for name in (None, "Tanh")]
        [True, False]
    """
    if model.hparams["num_categories"]:  # there are no values between category codes
        return False
    _, network = split_inputs(model.network)
    inputs = network_inputs(model, x)
    flipped = inputs.flip(0)
    with torch.no_grad():
        start, end, middle = (network(10 * rows) for rows in (inputs, flipped, (inputs + flipped) / 2))
    scale = start.std()
    return bool(scale > 0 and (middle - (start + end) / 2).abs().max() < 1e-3 * scale)


def dead_units(model: LitModule, x: Tensor) -> list[tuple[int, int]]:
    """Return how many units of each activation have one output for all rows, and how many there are.

    Examples:
        >>> from lit_classify import BinaryClassifier
        >>> model = BinaryClassifier(2, hidden=[4])
        >>> _ = model.network[0].bias.data.fill_(-100.0)
        >>> dead_units(model, torch.rand(50, 2))
        [(4, 4)]
    """
    counts: list[tuple[int, int]] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        low, high = output.amin(dim=-2), output.amax(dim=-2)
        dead = (high - low) <= 1e-6 * (1 + high.abs())
        counts.append((int(dead.sum()), dead.numel()))

    classes = tuple(cls for cls in ACTIVATIONS.values() if cls is not nn.Identity)
    layers = [layer for layer in model.network.modules() if isinstance(layer, classes)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    try:
        with evaluating(model):
            model.network(x)
    finally:
        for handle in handles:
            handle.remove()
    return counts


def gradient_norm(model: LitModule, x: Tensor, y: Tensor) -> float:
    """Return the norm of the gradients of the mean loss of rows, without changing those of the model.

    Examples:
        >>> from lit_classify import BinaryClassifier
        >>> gradient_norm(BinaryClassifier(2), torch.rand(50, 2), torch.zeros(50).long()) > 0
        True
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    with torch.enable_grad():
        loss = model.loss(model(x), y)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return float(torch.nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None]))


def _output_facts(model: LitModule, x: Tensor, logits: Tensor) -> dict[str, bool]:
    """Return whether a user-defined network ends in a sigmoid, a softmax or rounding."""
    if model.class_names is None or model.hparams["num_categories"]:
        return {}
    far_logits = torch.cat([logits, model(1000 * x), model(-1000 * x)])
    varies = bool(far_logits.std() > 1e-3)
    return {
        "has_probabilities": varies and bool(((far_logits >= 0) & (far_logits <= 1)).all()),
        "has_integers": bool((far_logits == far_logits.round()).all()) and varies,
    }


def _scale(model: LitModule, data: InMemoryDataModule, x: Tensor) -> InputScale | None:
    """Return the numeric input whose mean or standard deviation is the furthest from 1."""
    columns = {feature.name: x[:, feature.column] for feature in data.numeric_features}
    if model.inputs:
        columns = dict(zip(model.inputs, network_inputs(model, x).T, strict=True))
    candidates = []
    for name, values in columns.items():
        mean, deviation = float(values.mean()), float(values.std())
        if deviation > 0:
            size = max(abs(mean), deviation)
            candidates.append((max(size, 1 / size), InputScale(name, mean, deviation, bool(model.inputs))))
    return max(candidates)[1] if candidates else None


def leaking_columns(data: InMemoryDataModule, x: Tensor, targets: Tensor) -> list[str]:
    """Return the columns that have few values, each of which occurs with one class only."""
    if data.class_names is None or len(x) <= _MAX_DISTINCT:
        return []
    leaking = []
    for name, features in data.column_features.items():
        values, groups = torch.unique(x[:, features], dim=0, return_inverse=True)
        if 1 < len(values) <= _MAX_DISTINCT:
            counts = torch.zeros(len(values), targets.shape[1], device=x.device)
            counts.index_add_(0, groups, targets)
            if bool(((counts > 0).sum(dim=1) == 1).all()) and bool((counts > 0).any(dim=0).all()):
                leaking.append(name)
    return leaking
