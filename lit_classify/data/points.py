"""The course's data in the plane: labelled points that scikit-learn or a formula makes.

Legend: N rows.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lit_classify.data.base import InMemoryDataModule, Split, check_split, output_size, share
from lit_classify.data.memory import check_points
from lit_classify.errors import check_at_least, check_fraction

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
        check_points(num_samples)
        check_at_least("noise", noise, 0)
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

        def cut(rows: Split, num_cut: int) -> tuple[Split, Split]:
            x_kept, x_cut, y_kept, y_cut = train_test_split(
                *rows, test_size=num_cut, random_state=self.random_state
            )
            return Split(x_kept, y_kept), Split(x_cut, y_cut)

        train, test = cut(everything, share(self.test_fraction, len(y)))
        if not self.val_fraction:
            return {"train": train, "val": test, "test": test}
        train, val = cut(train, share(self.val_fraction, len(y)))
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
        check_fraction("factor", factor)
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
        check_at_least("num_classes", num_classes, 2)
        check_points(num_samples * num_classes)
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
        check_at_least("num_classes", num_classes, 2)
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
