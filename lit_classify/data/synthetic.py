"""Synthetic data sets: those of the course, and two of the TensorFlow playground.

Legend: N rows.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lit_classify.data.base import InMemoryDataModule, num_outputs
from lit_classify.data.memory import check_points
from lit_classify.data.splits import Split, check_split, split_size
from lit_classify.errors import UserError, check_at_least, check_fraction
from lit_classify.networks import check_inputs

Points = tuple[NDArray[np.float64], NDArray[np.int64]]


class PointsDataModule(InMemoryDataModule):
    """Base class of two-dimensional classification data, split as in the course.

    Course mode: with val_fraction 0, validation uses the test rows, as the course does. Set val_fraction for
    a separate validation split.

    Args:
        num_samples: number of points.
        noise: standard deviation of the noise.
        random_state: seed of the points, the split and the order of the batches.
        test_fraction: fraction of the points used for testing.
        val_fraction: fraction of the points used for validation; 0 validates on the test points
            (course mode).
        batch_size: points per training batch; None for a single batch, as in the course.
        shuffle: whether to shuffle the training points in every epoch; has no effect on a single batch.
        drop_last: whether to drop a last batch that is smaller than the others.
        inputs: any of x1, x2, x1^2, x2^2, x1*x2, sin(x1), sin(x2): the inputs of the network, as in the
            TensorFlow playground.

    Raises:
        UserError: a size, a fraction or the noise is out of range, or an input is unknown.

    Examples:
        >>> class Corners(PointsDataModule):
        ...     out_features, class_names = 1, ["lower", "upper"]
        ...
        ...     def generate(self):
        ...         x = np.random.default_rng(self.random_state).uniform(size=(self.num_samples, 2))
        ...         return x, (x.sum(axis=1) > 1).astype(np.int64)
        ...
        >>> Corners(num_samples=100).split("test").x.shape
        torch.Size([20, 2])
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
        inputs: Sequence[str] = ("x1", "x2"),
    ) -> None:
        super().__init__(batch_size, shuffle, drop_last, random_state)
        check_split(num_samples, test_fraction, val_fraction)
        check_points(num_samples)
        check_at_least("noise", noise, 0)
        self.num_samples, self.noise = num_samples, noise
        self.test_fraction, self.val_fraction = test_fraction, val_fraction
        self.inputs = check_inputs(inputs)
        self.save_hyperparameters(logger=False)

    @abstractmethod
    def generate(self) -> Points:
        """Return points ``(N, 2)`` float64 and their classes ``(N,)`` int64."""

    def load(self) -> dict[str, Split]:
        """Generate the points; split off the test rows, then the validation rows."""
        from sklearn.model_selection import train_test_split

        x, y = self.generate()
        all_rows = Split(torch.from_numpy(x).float(), torch.from_numpy(y).long())

        def split_off(rows: Split, size: int) -> tuple[Split, Split]:
            x_rest, x_taken, y_rest, y_taken = train_test_split(
                *rows, test_size=size, random_state=self.random_state
            )
            return Split(x_rest, y_rest), Split(x_taken, y_taken)

        train, test = split_off(all_rows, split_size(self.test_fraction, len(y)))
        if not self.val_fraction:
            return {"train": train, "val": test, "test": test}
        train, val = split_off(train, split_size(self.val_fraction, len(y)))
        return {"train": train, "val": val, "test": test}


class CirclesDataModule(PointsDataModule):
    """Two concentric circles, which are not linearly separable (course, section 1).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: number of points, half of them in each circle.
        noise: standard deviation of the Gaussian noise added to the points.
        factor: radius of the inner circle; the outer circle has radius 1.
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> data = CirclesDataModule(num_samples=100, val_fraction=0.1)
        >>> {name: len(data.split(name).y) for name in ("train", "val", "test")}
        {'train': 70, 'val': 10, 'test': 20}
        >>> x, y = next(iter(data.train_dataloader()))
        >>> x.shape, y.dtype
        (torch.Size([70, 2]), torch.int64)
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
        check_fraction("factor", factor)
        self.factor = factor
        self.class_names = ["0", "1"]

    def generate(self) -> Points:
        """Call scikit-learn's make_circles."""
        from sklearn.datasets import make_circles

        points: Points = make_circles(
            self.num_samples, noise=self.noise, factor=self.factor, random_state=self.random_state
        )
        return points


class MoonsDataModule(PointsDataModule):
    """Two interleaving half circles (the course's first exercise).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: number of points, half of them in each moon.
        noise: standard deviation of the Gaussian noise added to the points.
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> data = MoonsDataModule(num_samples=100, noise=0.1)
        >>> data.split("train").x.shape
        torch.Size([80, 2])
        >>> data.class_names
        ['0', '1']
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

    def generate(self) -> Points:
        """Call scikit-learn's make_moons."""
        from sklearn.datasets import make_moons

        points: Points = make_moons(self.num_samples, noise=self.noise, random_state=self.random_state)
        return points


class SpiralsDataModule(PointsDataModule):
    """Interleaved spiral arms (the course's second exercise; the generator is that of Stanford's CS231n).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: number of points in each arm.
        num_classes: number of arms.
        noise: standard deviation of the angle, in radians.
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> data = SpiralsDataModule()
        >>> data.split("train").x.shape, data.out_features
        (torch.Size([240, 2]), 3)
    """

    def __init__(
        self,
        num_samples: int = 100,
        num_classes: int = 3,
        noise: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        check_at_least("num_classes", num_classes, 2)
        check_points(num_samples * num_classes)
        self.num_classes = num_classes
        self.class_names = [str(label) for label in range(num_classes)]
        self.out_features = num_outputs(num_classes)

    def generate(self) -> Points:
        """Generate arms from radius 0 to 1 over four radians each, with Gaussian noise on the angle."""
        random = np.random.RandomState(self.random_state)
        arms = []
        for label in range(self.num_classes):
            radius = np.linspace(0, 1, self.num_samples)
            angle = np.linspace(label * 4, (label + 1) * 4, self.num_samples)
            angle += random.randn(self.num_samples) * self.noise
            arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
        return np.concatenate(arms), np.arange(self.num_classes).repeat(self.num_samples)


class XorDataModule(PointsDataModule):
    """Points in a square whose class is whether their coordinates have equal signs (TensorFlow playground).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: number of points.
        noise: standard deviation of the Gaussian noise added to the points after they are classified.
        margin: distance of the points from the axes, before the noise; the square ends at 1.
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> x, y = XorDataModule(num_samples=100).split("train")
        >>> bool(((x[:, 0] * x[:, 1] > 0) == (y == 1)).all())
        True
    """

    out_features = 1

    def __init__(
        self, num_samples: int = 1000, noise: float = 0.0, margin: float = 0.06, **kwargs: Any
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        check_fraction("margin", margin)
        self.margin = margin
        self.class_names = ["0", "1"]

    def generate(self) -> Points:
        """Draw points uniformly, each coordinate from the margin to 1 on either side of zero."""
        random = np.random.default_rng(self.random_state)
        signs = random.choice([-1.0, 1.0], size=(self.num_samples, 2))
        x = signs * random.uniform(self.margin, 1, size=(self.num_samples, 2))
        noisy = x + random.normal(scale=self.noise, size=x.shape)
        return noisy, (signs[:, 0] == signs[:, 1]).astype(np.int64)


class GaussiansDataModule(PointsDataModule):
    """Two Gaussian clouds on a diagonal (TensorFlow playground).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: number of points, half of them in each cloud.
        noise: standard deviation of each cloud; their centers are (-1, -1) and (1, 1).
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> x, y = GaussiansDataModule().split("train")
        >>> [round(float(x[y == label].mean())) for label in (0, 1)]
        [-1, 1]
    """

    out_features = 1

    def __init__(self, num_samples: int = 1000, noise: float = 0.5, **kwargs: Any) -> None:
        super().__init__(num_samples, noise, **kwargs)
        self.class_names = ["0", "1"]

    def generate(self) -> Points:
        """Draw the points of both clouds in turn."""
        random = np.random.default_rng(self.random_state)
        y = np.arange(self.num_samples) % 2
        return random.normal((2.0 * y - 1)[:, None], self.noise, size=(self.num_samples, 2)), y


class BlobsDataModule(PointsDataModule):
    """Gaussian clusters, one per class (course, section 8).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        num_samples: total number of points.
        num_classes: number of clusters.
        noise: standard deviation of each cluster.
        **kwargs: arguments of PointsDataModule.

    Examples:
        >>> data = BlobsDataModule(num_samples=100, num_classes=3)
        >>> data.split("train").x.shape, data.out_features
        (torch.Size([80, 2]), 3)
    """

    def __init__(
        self,
        num_samples: int = 1000,
        num_classes: int = 4,
        noise: float = 1.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, noise, **kwargs)
        check_at_least("num_classes", num_classes, 2)
        self.num_classes = num_classes
        self.class_names = [str(label) for label in range(num_classes)]
        self.out_features = num_outputs(num_classes)

    def generate(self) -> Points:
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
    """Points on the line y = weight * x + bias; the first are for training, the last for testing (section 5).

    Course mode: validation uses the test rows unless val_fraction is set.

    Args:
        weight: slope of the line.
        bias: value of the line at x = 0.
        start: first x.
        end: end of the interval of x, exclusive.
        step: spacing between adjacent values of x.
        noise: standard deviation of the Gaussian noise added to y.
        random_state: seed of the noise and of the order of the batches.
        test_fraction: fraction of the points, the last ones, used for testing.
        val_fraction: fraction of the points, those before the test points, used for validation; 0 validates
            on the test points (course mode).
        batch_size: points per training batch; None for a single batch, as in the course.
        shuffle: whether to shuffle the training points in every epoch; has no effect on a single batch.
        drop_last: whether to drop a last batch that is smaller than the others.

    Raises:
        UserError: the step or a fraction leaves no points.

    Examples:
        >>> x, y = LineDataModule().split("train")
        >>> x.shape, y.shape
        (torch.Size([80, 1]), torch.Size([80]))
        >>> bool(torch.isclose(y, 0.7 * x[:, 0] + 0.3).all())
        True
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
        check_at_least("noise", noise, 0)
        if not step > 0 or not end > start:
            raise UserError(f"step must be above 0 and end above start, but step is {step}: {start} to {end}")
        self.weight, self.bias, self.noise = weight, bias, noise
        check_points((end - start) / step)
        self.x = torch.arange(start, end, step).unsqueeze(1)
        check_split(len(self.x), test_fraction, val_fraction)
        self.test_fraction, self.val_fraction = test_fraction, val_fraction
        self.save_hyperparameters(logger=False)

    def load(self) -> dict[str, Split]:
        """Compute y and split the points in order."""
        y = (self.weight * self.x + self.bias).squeeze(1)
        if self.noise:
            generator = torch.Generator().manual_seed(self.random_state)
            y = y + self.noise * torch.randn(y.shape, generator=generator)
        test_start = len(y) - split_size(self.test_fraction, len(y))
        val_start = test_start - split_size(self.val_fraction, len(y))

        def rows(start: int, stop: int) -> Split:
            return Split(self.x[start:stop], y[start:stop])

        train, test = rows(0, val_start), rows(test_start, len(y))
        val = rows(val_start, test_start) if val_start < test_start else test
        return {"train": train, "val": val, "test": test}
