"""The course's straight line: data that a model without a bend can fit.

Legend: N rows.
"""

import torch

from lit_classify.data.base import InMemoryDataModule, Split, check_split, share
from lit_classify.data.memory import check_points
from lit_classify.errors import UserError, check_at_least


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
        check_at_least("noise", noise, 0)
        if not step > 0 or not end > start:
            raise UserError(f"step must be above 0 and end above start, but step is {step}: {start} to {end}")
        self.weight = weight
        self.bias = bias
        self.noise = noise
        check_points((end - start) / step)
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
        train = len(y) - share(self.test_fraction, len(y))
        val = share(self.val_fraction, len(y))

        def rows(first: int, last: int) -> Split:
            return Split(self.x[first:last], y[first:last])

        test = rows(train, len(y))
        return {"train": rows(0, train - val), "val": rows(train - val, train) if val else test, "test": test}
