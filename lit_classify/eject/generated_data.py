"""The section of a script that generates data."""

import inspect
import math
import textwrap
from collections.abc import Collection

from lit_classify.data import InMemoryDataModule, LineDataModule
from lit_classify.data.synthetic import PointsDataModule
from lit_classify.eject.checks import check_arguments
from lit_classify.eject.python_code import WIDTH, attributes, body_code, call, keywords
from lit_classify.eject.template import fill

_COMMON = {"random_state", "test_fraction", "val_fraction", "batch_size", "shuffle", "drop_last", "inputs"}


def write_line(data: LineDataModule, flags: Collection[str]) -> str:
    """Return the code of points on a line.

    Args:
        data: the data.
        flags: flags of the templates.
    """
    names = {"weight", "bias", "start", "end", "step", "noise"}
    check_arguments("data", data, names | _COMMON)
    boundaries = {"train": len(data.split("train").y), "test": len(data.x) - len(data.split("test").y)}
    flags = {*flags, "noise"} if data.noise else flags
    return fill("line_data", {**data.hparams, **boundaries, "about": _summary(data)}, flags)


def write_points(data: PointsDataModule, dtype: str, width: int = WIDTH) -> str:
    """Return the code of points, with the statements of the data module's ``generate``.

    Args:
        data: the data.
        dtype: dtype of the classes.
        width: longest line.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> print(write_points(CirclesDataModule(), "torch.float").splitlines()[1])
        X, y = make_circles(1000, noise=0.03, factor=0.8, random_state=42)
    """
    check_arguments("data", data, attributes(textwrap.dedent(inspect.getsource(data.generate))) | _COMMON)
    generated = body_code(data.generate, data, "X, y", width)
    values = {"about": _summary(data), "generate": generated, "dtype": dtype}
    return fill("points_data", {**values, "split": _split(data, width)}, flags=())


def _summary(data: InMemoryDataModule) -> str:
    """Return the first sentence of the documentation of a data module."""
    return (type(data).__doc__ or "").splitlines()[0].partition(" (")[0].rstrip(".")


def _split(data: PointsDataModule, width: int) -> str:
    """Return the calls that split off the test rows, then the validation rows."""
    num_train, num_test = (len(data.split(name).y) for name in ("train", "test"))
    num_val = len(data.split("val").y) if data.val_fraction else 0
    exact = math.ceil(data.test_fraction * (num_train + num_val + num_test)) == num_test
    sizes = {"test": data.test_fraction if exact else num_test, "val": num_val}
    calls, arrays = [], ["X", "y"]
    for name, size in sizes.items():
        if size:
            settings = {"test_size": size, "random_state": data.random_state}
            results = f"X_train, X_{name}, y_train, y_{name}"
            calls.append(call(f"{results} = train_test_split(", [*arrays, *keywords(settings)], width=width))
            arrays = ["X_train", "y_train"]
    return "\n".join(calls)
