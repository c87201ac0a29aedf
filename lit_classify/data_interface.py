"""Interfaces of data modules that models and plots use; any LightningDataModule may define them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

LINKED_ARGUMENTS = (  # arguments of a module that come from its data
    "in_features",
    "out_features",
    "class_names",
    "label_names",
    "num_categories",
    "numeric_columns",
    "folds",
    "inputs",
)


@runtime_checkable
class HasClassCounts(Protocol):
    """A data module with the number of training rows of each class, for ``class_weight="balanced"``."""

    @property
    def class_counts(self) -> list[int] | None:
        """Number of training rows of each class; None for other targets."""


@runtime_checkable
class HasTargetScale(Protocol):
    """A data module with the scale of its regression target, for ``Regressor``."""

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the training targets; None for other targets."""


@runtime_checkable
class HasInputs(Protocol):
    """A data module with the functions of two features that are the inputs of the network."""

    @property
    def inputs(self) -> Sequence[str]:
        """Names of the functions; empty for the features themselves."""


class NumericFeature(NamedTuple):
    """A numeric feature, which can be an axis of a plot: ``raw = center + scale * x[:, column]``.

    Args:
        name: its name, the label of the axis.
        center: the value that was subtracted from the raw one.
        scale: the divisor of the difference.
        column: its column in x.

    Examples:
        >>> age = NumericFeature("age", center=40.0, scale=10.0)
        >>> age.center + age.scale * 1.5
        55.0
    """

    name: str
    center: float = 0.0
    scale: float = 1.0
    column: int = 0


class _Rows(Protocol):
    @property
    def x(self) -> Tensor:
        """Features ``(N, F)``."""

    @property
    def y(self) -> Tensor:
        """Targets ``(N,)`` or ``(N, L)``."""


@runtime_checkable
class HasSplits(Protocol):
    """A data module with its rows as tensors, for weights and embeddings that are fitted to them."""

    def split(self, name: str) -> _Rows:
        """Return the rows of ``train``, ``val`` or ``test``."""


@runtime_checkable
class HasSample(Protocol):
    """A data module that may have more rows than memory, for embeddings that are fitted to some of them."""

    def sample(self, name: str) -> _Rows:
        """Return the rows of ``train``, ``val`` or ``test``, or a random sample of them."""
