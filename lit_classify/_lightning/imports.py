"""Importing Lightning without what it imports for nothing.

Lightning imports torchmetrics, which imports all of matplotlib and scipy.signal for a few class names, one
style and one alias that a run never uses; that is a third of the time to import Lightning. While it is
imported, light stand-ins answer for these modules; whoever asks one of them for more later gets it from the
real module.

Nor is garbage looked for meanwhile: what is imported stays, and walking all of it again and again takes a
tenth of a short command.
"""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any


class _StandIn(ModuleType):
    """A module that imports itself when it is asked for more than it holds."""

    def __init__(self, name: str, **holds: Any) -> None:
        super().__init__(name)
        vars(self).update(holds, __path__=[])

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real module holds
        """Answer from the real module (PEP 562)."""
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _style(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Stand in for matplotlib's style.context, which decorates functions while it is imported."""
    with importlib.import_module("matplotlib.pyplot").style.context(*args, **kwargs):
        yield


def _stand_ins() -> dict[str, ModuleType]:
    axes = _StandIn("matplotlib.axes", Axes=type("Axes", (), {}))
    pyplot = _StandIn(
        "matplotlib.pyplot", Figure=type("Figure", (), {}), style=SimpleNamespace(context=_style)
    )
    colors = SimpleNamespace(Colormap=type("Colormap", (), {}))
    return {
        "matplotlib": _StandIn("matplotlib", axes=axes, colors=colors, pyplot=pyplot),
        "matplotlib.axes": axes,
        "matplotlib.pyplot": pyplot,
        "scipy.signal": _StandIn("scipy.signal", hamming=None),
    }


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect no garbage while modules are imported, and never look at what they hold afterwards."""
    first = "torch" not in sys.modules
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if first:
            gc.freeze()
        if collects:
            gc.enable()


def import_lightning() -> None:
    """Import Lightning, the light way if it is not there yet and none of the modules is."""
    stand_ins = _stand_ins()
    if "torchmetrics" in sys.modules or stand_ins.keys() & sys.modules.keys():
        return
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("lightning.pytorch.cli")
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)
