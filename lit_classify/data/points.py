"""The course's data: points in the plane that scikit-learn or a formula makes, and points of a line.

Legend: N rows, F features.
"""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lit_classify.data.base import InMemoryDataModule, Split
from lit_classify.errors import UserError, at_least, fraction

Points = tuple[NDArray[np.float64], NDArray[np.int64]]


class PointsDataModule(InMemoryDataModule):
    """Make labelled points of the plane and split them as the course does.

    Course mode: as long as val_fraction is 0, validation looks at the test rows, as the course page does.
    Set val_fraction for an honest third split.

    Args:
        num_samples: number of points.
        noise: how far the points are scattered.
        random_state: seed of the points, the split and the order of the batches.
        test_fraction: share of all points kept for testing.
        val_fraction: share of all points kept for validation; 0 validates on the test points (course mode).
        batch_size: points per training batch; none for all in one, as in the course.
        shuffle: draw a new order for every epoch when the points come in several batches.
        drop_last: leave out a last batch that is shorter than the others.

    Raises:
        UserError: a size, fraction or noise that cannot be.
    """

    in_features = 2

    def __init__(
        self,
        num_samples: int = 1000,
        noise: float = 0.0,
        random_state: int = 42,
        test_fraction: float = 0.2,
        val_fraction: float = 0.0,
        batch_size: int | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, shuffle, drop_last, random_state)
        check_split(num_samples, test_fraction, val_fraction)
        at_least("noise", noise, 0)
        self.num_samples = num_samples
        self.noise = noise
        self.test_fraction = test_fraction
        self.val_fraction = val_fraction
        self.save_hyperparameters(logger=False)

    @abstractmethod
    def make(self) -> Points:
        """Return all points ``(N, 2)`` and their classes ``(N,)``."""

    def load(self) -> dict[str, Split]:
        """Make the points and split them: test rows first, then validation rows from what is left."""
        from sklearn.model_selection import train_test_split

        x, y = self.make()
        everything = Split(torch.from_numpy(x).float(), torch.from_numpy(y).long())

        def cut(rows: Split, share: float) -> tuple[Split, Split]:
            x_kept, x_cut, y_kept, y_cut = train_test_split(
                *rows, test_size=share, random_state=self.random_state
            )
            return Split(x_kept, y_kept), Split(x_cut, y_cut)

        train, test = cut(everything, self.test_fraction)
        if not self.val_fraction:
            return {"train": train, "val": test, "test": test}
        train, val = cut(train, self.val_fraction / (1 - self.test_fraction))
        return {"train": train, "val": val, "test": test}


class CirclesDataModule(PointsDataModule):
    """Two circles, one inside the other, that no straight line can part (course, section 1).

    Course mode: validation looks at the test rows unless val_fraction is set.

    Args:
        num_samples: number of points, half of them in each circle.
        noise: standard deviation of the points around their circle.
        factor: radius of the inner circle; the outer one has radius 1.
        **kwargs: what all data modules of points take.
    """

    out_features = 1

    def __init__(
        self,
        num_samples: int = 1000,
        noise: float = 0.03,
        factor: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        fraction("factor", factor)
        self.factor = factor
        self.class_names = ["0", "1"]

    def make(self) -> Points:
        """Call scikit-learn's make_circles."""
        from sklearn.datasets import make_circles

        points: Points = make_circles(
            self.num_samples, noise=self.noise, factor=self.factor, random_state=self.random_state
        )
        return points


class MoonsDataModule(PointsDataModule):
    """Two interleaved half circles (the course's first exercise).

    Course mode: validation looks at the test rows unless val_fraction is set.

    Args:
        num_samples: number of points, half of them in each moon.
        noise: standard deviation of the points around their moon.
        **kwargs: what all data modules of points take.
    """

    out_features = 1

    def __init__(
        self,
        num_samples: int = 1000,
        noise: float = 0.07,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        self.class_names = ["0", "1"]

    def make(self) -> Points:
        """Call scikit-learn's make_moons."""
        from sklearn.datasets import make_moons

        points: Points = make_moons(self.num_samples, noise=self.noise, random_state=self.random_state)
        return points


class SpiralsDataModule(PointsDataModule):
    """Interleaved spiral arms (the course's second exercise, the generator of Stanford's CS231n).

    Course mode: validation looks at the test rows unless val_fraction is set.

    Args:
        num_samples: number of points in each arm.
        num_classes: number of arms.
        noise: standard deviation of the angle, in radians.
        **kwargs: what all data modules of points take.
    """

    def __init__(
        self,
        num_samples: int = 100,
        num_classes: int = 3,
        noise: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        at_least("num_classes", num_classes, 2)
        self.num_classes = num_classes
        self.class_names = [str(label) for label in range(num_classes)]
        self.out_features = output_size(num_classes)

    def make(self) -> Points:
        """Wind each arm outwards from radius 0 to 1 over four radians, with Gaussian noise on the angle."""
        random = np.random.RandomState(self.random_state)
        arms = []
        for label in range(self.num_classes):
            radius = np.linspace(0, 1, self.num_samples)
            angle = np.linspace(label * 4, (label + 1) * 4, self.num_samples)
            angle += random.randn(self.num_samples) * self.noise
            arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
        return np.concatenate(arms), np.arange(self.num_classes).repeat(self.num_samples)


class BlobsDataModule(PointsDataModule):
    """Gaussian clouds, one per class (course, section 8).

    Course mode: validation looks at the test rows unless val_fraction is set.

    Args:
        num_samples: number of points in all clouds together.
        num_classes: number of clouds.
        noise: standard deviation of each cloud.
        **kwargs: what all data modules of points take.
    """

    def __init__(
        self,
        num_samples: int = 1000,
        num_classes: int = 4,
        noise: float = 1.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        at_least("num_classes", num_classes, 2)
        self.num_classes = num_classes
        self.class_names = [str(label) for label in range(num_classes)]
        self.out_features = output_size(num_classes)

    def make(self) -> Points:
        """Call scikit-learn's make_blobs."""
        from sklearn.datasets import make_blobs

        x, y = make_blobs(
            n_samples=self.num_samples,
            n_features=2,
            centers=self.num_classes,
            cluster_std=self.noise,
            random_state=self.random_state,
        )
        return x, y


class LineDataModule(InMemoryDataModule):
    """Points of the line y = weight * x + bias, in order: the first train, the last test (course, section 5).

    Course mode: validation looks at the test rows unless val_fraction is set.

    Args:
        weight: slope of the line.
        bias: height of the line at x = 0.
        start: first x.
        end: where x stops, itself left out.
        step: distance between one x and the next.
        noise: standard deviation of y around the line.
        random_state: seed of the noise and of the order of the batches.
        test_fraction: share of all points, the last ones, kept for testing.
        val_fraction: share of all points, those before the test points, kept for validation; 0 validates
            on the test points.
        batch_size: points per training batch; none for all in one, as in the course.
        shuffle: draw a new order for every epoch when the points come in several batches.
        drop_last: leave out a last batch that is shorter than the others.

    Raises:
        UserError: a step or fraction that leaves no points.
    """

    in_features = 1
    out_features = 1
    class_names = None

    def __init__(
        self,
        weight: float = 0.7,
        bias: float = 0.3,
        start: float = 0.0,
        end: float = 1.0,
        step: float = 0.01,
        noise: float = 0.0,
        random_state: int = 42,
        test_fraction: float = 0.2,
        val_fraction: float = 0.0,
        batch_size: int | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        super().__init__(batch_size, shuffle, drop_last, random_state)
        at_least("noise", noise, 0)
        if not step > 0 or not end > start:
            raise UserError(f"step must be above 0 and end above start, but step is {step}: {start} to {end}")
        self.weight = weight
        self.bias = bias
        self.noise = noise
        self.x = torch.arange(start, end, step).unsqueeze(1)
        check_split(len(self.x), test_fraction, val_fraction)
        self.test_fraction = test_fraction
        self.val_fraction = val_fraction
        self.save_hyperparameters(logger=False)

    def load(self) -> dict[str, Split]:
        """Compute y and cut the points in their order."""
        y = (self.weight * self.x + self.bias).squeeze(1)
        if self.noise:
            generator = torch.Generator().manual_seed(self.random_state)
            y = y + self.noise * torch.randn(y.shape, generator=generator)
        train = int((1 - self.test_fraction) * len(y))
        val = round(self.val_fraction * len(y))

        def rows(first: int, last: int) -> Split:
            return Split(self.x[first:last], y[first:last])

        test = rows(train, len(y))
        return {"train": rows(0, train - val), "val": rows(train - val, train) if val else test, "test": test}


def output_size(num_classes: int) -> int:
    """Return how many logits the classes need: one for two classes, else one each."""
    return 1 if num_classes == 2 else num_classes


def check_split(num_samples: int, test_fraction: float, val_fraction: float) -> None:
    """Raise unless each split that is asked for gets at least one of ``num_samples`` rows.

    Raises:
        UserError: a fraction outside [0, 1) or too few rows.
    """
    at_least("num_samples", num_samples, 2)
    fraction("test_fraction", test_fraction)
    fraction("val_fraction", val_fraction)
    if test_fraction == 0:
        raise UserError("test_fraction must be above 0: without test points there is nothing to test on")
    test, val = math.ceil(test_fraction * num_samples), math.ceil(val_fraction * num_samples)
    if test + val >= num_samples:
        raise UserError(
            f"test_fraction {test_fraction} and val_fraction {val_fraction} "
            f"leave none of {num_samples} points to train on"
        )
