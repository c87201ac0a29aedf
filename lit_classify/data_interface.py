"""What models use of a data module; any LightningDataModule may define these optional properties."""

from typing import Protocol, runtime_checkable


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
