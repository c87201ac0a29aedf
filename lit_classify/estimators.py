"""Estimators for scikit-learn, over the data module, the modules and the Trainer of this package.

Legend: N rows, F columns, C classes.
"""

import logging
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self, get_type_hints

import numpy as np
import polars as pl
import torch
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data

from lit_classify._lightning.trainer import RunTrainer
from lit_classify.callbacks import EpochLog, MemberEarlyStopping
from lit_classify.data import TableDataModule
from lit_classify.data.table.column_roles import as_list
from lit_classify.data.table.frames import to_polars
from lit_classify.errors import UserError, check_type
from lit_classify.messages import unknown_name
from lit_classify.modules import AutoModule, BinaryClassifier, LitModule, MulticlassClassifier, Regressor
from lit_classify.networks import NumericEmbedding, in_single_precision
from lit_classify.serialization import constructor_parameters
from lit_classify.threads import limit_threads

Array = NDArray[Any]
_BATCH_SIZE = 8192  # rows that are predicted at a time
_CLASSES: dict[str, list[type]] = {  # that take further arguments
    "data_args": [TableDataModule],
    "model_args": [BinaryClassifier, MulticlassClassifier, Regressor],
    "trainer_args": [RunTrainer],
}
_DETERMINED = {  # which the estimators pass themselves
    "data_args": {
        *("path", "target", "fitted_state", "folds", "test_fraction", "val_fraction"),
        *("batch_size", "random_state"),
    },
    "model_args": {
        *("in_features", "out_features", "label_names", "num_categories", "numeric_columns", "folds"),
    },
    "trainer_args": {
        *("max_epochs", "accelerator", "devices", "callbacks", "logger", "num_sanity_val_steps"),
        *("enable_checkpointing", "enable_progress_bar", "enable_model_summary"),
    },
}


@dataclass(eq=False, repr=False, kw_only=True)
class _Estimator(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn ships no types
    """Common base class of LitClassifier and LitRegressor; the fields are their arguments."""

    hidden: Sequence[int] = (128, 128)
    activation: str = "ReLU"
    dropout: float = 0.1
    numeric_embedding: NumericEmbedding | None = "both"
    folds: int = 8
    members: int = 8
    validation_fraction: float = 0.2
    lr: float = 0.002
    weight_decay: float = 0.01
    batch_size: int | Literal["auto"] | None = "auto"
    max_epochs: int = 100
    patience: int = 16
    random_state: int | np.random.RandomState | None = None
    accelerator: str = "auto"
    verbose: bool = False
    data_args: Mapping[str, Any] | None = None
    model_args: Mapping[str, Any] | None = None
    trainer_args: Mapping[str, Any] | None = None

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 - scikit-learn's
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @abstractmethod
    def _encode(self, y: Array) -> tuple[pl.Series, dict[str, Any]]:
        """Return the targets as a column, and arguments of the module."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401 - any array or DataFrame
        """Train the networks.

        Args:
            X: numbers ``(N, F)``, of which NaN are missing values, or a DataFrame of pandas, polars or Arrow.
            y: the targets, ``(N,)``.
            sample_weight: weights of the rows in the loss, ``(N,)``.

        Raises:
            ValueError: the data or an argument cannot be used.
        """
        for name, hint in get_type_hints(type(self)).items():
            if name not in {"activation", "loss"}:  # which the module checks: it takes classes too
                check_type(name, getattr(self, name), hint)
        self._check_further_arguments()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        frame = self._to_frame(X, reset=True)
        if not self.folds and not self.validation_fraction:
            raise ValueError("folds and validation_fraction are 0, but held-out rows select the best weights")
        options: dict[str, Any] = {"scaling": "robust", **(self.data_args or {})}
        roles: dict[str, Any] = {
            name: as_list(options.pop(name, None)) for name in ("categorical", "numeric")
        }
        if not _is_dataframe(X):
            roles["numeric"] = [name for name in frame.columns if name not in roles["categorical"]]
        y = column_or_1d(y, warn=True)
        _check_present(y)
        assert_all_finite(y, input_name="y")
        check_consistent_length(frame, y, sample_weight)
        target, weight = _unused_name("target", frame), _unused_name("sample_weight", frame)
        if sample_weight is not None:
            frame, y = _weighted(frame, y, sample_weight, weight)
            options["sample_weight"] = weight
        column, settings = self._encode(y)
        roles["numeric" if column.dtype.is_float() else "categorical"].append(target)
        seed = int(check_random_state(self.random_state).randint(2**31))
        with _quiet(self.verbose), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            data = TableDataModule(
                frame.with_columns(column.alias(target)),
                target,
                **roles,
                folds=min(self.folds, len(frame)),
                test_fraction=0,
                val_fraction=0 if self.folds else self.validation_fraction,
                batch_size=self.batch_size,
                random_state=seed,
                **options,
            )
            torch.manual_seed(seed)
            self._train(data, settings)
        return self

    def _check_further_arguments(self) -> None:
        """Raise UserError for an unknown name in ``data_args``, ``model_args`` or ``trainer_args``."""
        estimator, params = type(self).__name__, self.get_params()
        known = {option: _parameters(classes) for option, classes in _CLASSES.items()}
        names = [(option, name) for option in known for name in getattr(self, option) or ()]
        for option, name in names:
            accepted = known[option] - _DETERMINED[option]
            if name in accepted:
                continue
            if name in params:
                raise UserError(f"{option} cannot have {name!r}; give it to {estimator} itself")
            if name in known[option]:
                raise UserError(f"{option} cannot have {name!r}, which {estimator} determines")
            if alternatives := [other for other in known if name in known[other]]:
                raise UserError(f"{option} cannot have {name!r}; give it in {alternatives[0]}")
            raise UserError(unknown_name(f"argument in {option}", str(name), accepted))

    def _train(self, data: TableDataModule, settings: Mapping[str, Any]) -> None:
        """Train the networks on prepared rows, and keep the best weights of each."""
        arguments = {
            "class_names": data.class_names,
            "num_categories": data.num_categories,
            "numeric_columns": data.numeric_columns,
            "folds": data.folds,
            "members": self.members,
            "numeric_embedding": self.numeric_embedding,
            "hidden": list(self.hidden),
            "activation": self.activation,
            "dropout": self.dropout,
            "optimizer": "AdamW",
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "optimizer_args": {"betas": [0.9, 0.95]},
        }
        arguments = {**arguments, **settings, **(self.model_args or {})}
        build: Any = AutoModule  # which returns one of the tasks
        model = build(data.in_features, data.out_features, **arguments)
        stopping = _BestWeights(self.patience)
        trainer = RunTrainer(
            max_epochs=self.max_epochs,
            accelerator=self.accelerator,
            devices=1,
            callbacks=[stopping, EpochLog(1)] if self.verbose else [stopping],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **{"gradient_clip_val": 1.0, **(self.trainer_args or {})},
        )
        data.setup()
        with limit_threads(model, data.batch_size or len(data.split("train").y)):
            trainer.fit(model, data)
        model.load_state_dict(stopping.best, strict=False)
        self.n_iter_ = trainer.current_epoch
        model.trainer = data.trainer = None
        data.release()
        self.model_: LitModule = in_single_precision(model.cpu()).eval()
        self.data_ = data

    def _to_frame(self, X: Any, reset: bool) -> pl.DataFrame:  # noqa: ANN401 - any array or DataFrame
        """Return rows as columns with the names of the training rows, after scikit-learn's checks."""
        if _is_dataframe(X):
            frame = to_polars(X)
            if reset and frame.is_empty():
                raise ValueError("X has no rows or no columns")
            named = X if hasattr(X, "iloc") else frame  # scikit-learn knows the names of pandas and polars
            validate_data(self, named, skip_check_array=True, reset=reset)
        else:
            checks = {"ensure_all_finite": "allow-nan", "ensure_min_samples": 1 + reset}
            array = validate_data(self, X, reset=reset, **checks)
            frame = pl.DataFrame(array, schema=[f"x{index}" for index in range(array.shape[1])])
        if reset:
            self._columns = frame.columns
        return frame.rename(dict(zip(frame.columns, self._columns, strict=True)))

    def _outputs(self, X: Any) -> Array:  # noqa: ANN401 - any array or DataFrame
        """Return probabilities ``(N, C)`` or values ``(N,)``."""
        check_is_fitted(self, "model_")
        frame = self._to_frame(X, reset=False)
        with _quiet(self.verbose), limit_threads(self.model_, len(frame)), torch.inference_mode():
            x = self.data_.transform(frame)
            outputs = torch.cat([self.model_.predict(batch) for batch in torch.split(x, _BATCH_SIZE)])
        return outputs.numpy()


@dataclass(eq=False, repr=False, kw_only=True)
class LitClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]  # as above
    """A classifier for scikit-learn: the networks of the recipe ``table``, trained as one.

    Args:
        hidden: width of each hidden layer.
        activation: class of torch.nn by name.
        dropout: probability of zeroing a hidden unit during training.
        numeric_embedding: functions of each number that the networks get: periodic, piecewise, both or None.
        folds: number of cross-validation folds, each held out by one network, which keeps its best weights by
            them; 0 for a validation split.
        members: number of networks without folds.
        validation_fraction: fraction of the rows that select the best weights without folds.
        lr: learning rate of AdamW.
        weight_decay: weight decay of AdamW.
        batch_size: rows per batch; None for a single batch, auto for an eighth of the rows, from 8 to 256, or
            512 if there are more than 20,000.
        max_epochs: maximum number of epochs.
        patience: number of epochs without improvement after which a network keeps its best weights.
        random_state: seed of the folds, the weights and the batches.
        accelerator: where to train: auto, cpu, gpu or mps.
        verbose: whether to print the metrics of each epoch, and to warn about the data.
        data_args: further arguments of ``TableDataModule``.
        model_args: further arguments of the module, such as ``{"optimizer": "SGD", "optimizer_args": {}}``.
        trainer_args: further arguments of Lightning's Trainer.
        class_weight: weights of the classes in the loss: ``balanced``, or a mapping from classes to weights.

    Attributes:
        classes_: the classes, ``(C,)``.
        n_features_in_: number of columns, F.
        feature_names_in_: names of the columns of a DataFrame, ``(F,)``.
        n_iter_: number of epochs trained.
        model_: the fitted module.
        data_: the fitted data module, without rows.

    Examples:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = LitClassifier(hidden=(16,), folds=3, lr=0.02, max_epochs=20, random_state=0)
        >>> classifier.fit(X, y).score(X, y) > 0.9
        True
        >>> classifier.predict_proba(X).shape
        (150, 3)
    """

    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None

    def _encode(self, y: Array) -> tuple[pl.Series, dict[str, Any]]:
        """Return the classes as integers, and the weights and names of the classes."""
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes, but y has only one class: {y[0]!r}")
        settings: dict[str, Any] = {"class_names": [str(name) for name in self.classes_]}
        if self.class_weight is not None:
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            settings["class_weight"] = weights.tolist()
        return pl.Series(codes), settings

    def predict(self, X: Any) -> Array:  # noqa: ANN401 - any array or DataFrame
        """Return the most probable class of each row, ``(N,)``."""
        probabilities = torch.from_numpy(self._outputs(X))
        predicted: Array = self.classes_[self.model_.labels(probabilities).numpy()]
        return predicted

    def predict_proba(self, X: Any) -> Array:  # noqa: ANN401 - any array or DataFrame
        """Return the probability of each class, ``(N, C)``."""
        return self._outputs(X)


@dataclass(eq=False, repr=False, kw_only=True)
class LitRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]  # as above
    """A regressor for scikit-learn: the networks of the recipe ``table``, trained as one.

    Args:
        loss: class of torch.nn by name: MSE or MSELoss, L1, SmoothL1 or Huber.

    The other arguments and the attributes, except ``classes_``, are those of LitClassifier.

    Examples:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> regressor = LitRegressor(hidden=(16,), folds=3, lr=0.02, max_epochs=20, random_state=0)
        >>> regressor.fit(X, y).score(X, y) > 0.4
        True
    """

    loss: str = "MSE"

    def _encode(self, y: Array) -> tuple[pl.Series, dict[str, Any]]:
        """Return the targets as numbers, and the loss."""
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        return pl.Series(numbers), {"loss": self.loss}

    def predict(self, X: Any) -> Array:  # noqa: ANN401 - any array or DataFrame
        """Return the predicted value of each row, ``(N,)``."""
        return self._outputs(X)


class _BestWeights(MemberEarlyStopping):
    """Early stopping that also keeps the best weights of a single network."""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights if the loss on the validation rows has improved."""
        previous_losses = self.best_losses
        super().on_validation_epoch_end(trainer, pl_module)
        if len(previous_losses) == 1 and not torch.equal(previous_losses, self.best_losses):
            self.best = {name: weight.detach().clone() for name, weight in pl_module.named_parameters()}


def _parameters(classes: Sequence[type]) -> set[str]:
    """Return the names of the arguments of classes."""
    return {name for cls in classes for name in constructor_parameters(cls)}


def _is_dataframe(X: Any) -> bool:  # noqa: ANN401 - any array or DataFrame
    """Return whether rows have named columns, as all tables that ``to_polars`` accepts."""
    return isinstance(X, pl.LazyFrame) or hasattr(X, "columns")


def _check_present(y: Array) -> None:
    """Raise ValueError if a class is None or NA of pandas, which scikit-learn does not look for."""
    missing = {id(None), id(getattr(sys.modules.get("pandas"), "NA", None))}
    for row, cell in enumerate(y if y.dtype == object else (), 1):
        if id(cell) in missing:
            raise ValueError(f"y has a missing value in row {row}; leave out the rows without a target")


def _unused_name(name: str, frame: pl.DataFrame) -> str:
    """Return a name that no column has."""
    return _unused_name(f"{name}_", frame) if name in frame.columns else name


def _weighted(
    frame: pl.DataFrame,
    y: Array,
    sample_weight: Any,  # noqa: ANN401 - any array
    name: str,
) -> tuple[pl.DataFrame, Array]:
    """Return rows with a column of weights, without those whose weight is 0.

    Raises:
        ValueError: a weight is negative, or all are 0.
    """
    checks = {"ensure_2d": False, "ensure_non_negative": True, "dtype": np.float64}
    weights = check_array(sample_weight, input_name="sample_weight", **checks)
    if weights.ndim != 1:
        raise ValueError(f"sample_weight must have one dimension, but has the shape {weights.shape}")
    has_weight = weights > 0
    if not has_weight.any():
        raise ValueError("sample_weight is zero for all rows")
    return frame.with_columns(pl.Series(name, weights)).filter(has_weight), y[has_weight]


@contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Suppress the messages of Lightning and, unless ``verbose``, warnings about the data."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
