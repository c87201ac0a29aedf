"""A run as one plain PyTorch script, in the sections of the course: data, model, training loop and plots."""

import ast
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from lit_classify import __version__
from lit_classify.data import LineDataModule
from lit_classify.data.synthetic import PointsDataModule
from lit_classify.eject.checks import check_fit
from lit_classify.eject.code import WIDTH
from lit_classify.eject.generated_data import write_line, write_points
from lit_classify.eject.run import Run
from lit_classify.eject.sources import Import, Sources, free_names, import_lines
from lit_classify.eject.template import fill
from lit_classify.eject.training import Task, describe
from lit_classify.errors import UserError
from lit_classify.messages import escape_control
from lit_classify.networks import DerivedInputs
from lit_classify.seeds import stream_seed

_IMPORTS: dict[str, Import] = {
    "np": ("numpy", None),
    "plt": ("matplotlib.pyplot", None),
    "torch": ("torch", None),
    "nn": ("torch", "nn"),
    "train_test_split": ("sklearn.model_selection", "train_test_split"),
    **{name: ("sklearn.datasets", name) for name in ("make_blobs", "make_circles", "make_moons")},
}
_PACKAGES = {"torch": "torch", "sklearn": "scikit-learn", "matplotlib": "matplotlib", "numpy": "NumPy"}
_PRINTED: dict[str, Callable[..., Any]] = {  # what sections may call
    "DerivedInputs": DerivedInputs,
    "stream_seed": stream_seed,
}


def write_script(run: Run) -> str:
    """Return a run as a script.

    Raises:
        UserError: a script would not reproduce the run; names the option.
    """
    check_fit(run.config)
    task = Task.of(run.model)
    values, flags = describe(run, task)
    data = run.data
    if type(data) is LineDataModule:
        sections, plot = [write_line(data, flags)], "predictions"
    elif isinstance(data, PointsDataModule) and type(data).load is PointsDataModule.load:
        sections, plot = [write_points(data, task.dtype)], "boundary"
    else:
        raise UserError(f"eject cannot write the data module {type(data).__name__} into a script")
    sections += [fill(name, values, flags) for name in ("helpers", "model", "loop", "curves", plot)]
    called = free_names("\n".join(sections))
    sources = Sources.of([part for name, part in _PRINTED.items() if name in called], "\n".join(sections))
    code = _join([fill("start", values, flags), sources.code, *sections])
    known = _IMPORTS | sources.imports
    imports = {name: known[name] for name in sorted(free_names(code))}
    return "\n".join([_header(run, imports), "", import_lines(imports), "", code, ""])


def _header(run: Run, imports: dict[str, Import]) -> str:
    """Return the comment at the start of the script, whose first lines are the same for all names."""
    modules = {module.partition(".")[0] for module, _ in imports.values()}
    needs = [name for module, name in _PACKAGES.items() if module in modules]
    notes = [
        run.why,
        "It prints the epoch log of",
        f"    {run.command}",
        "but writes no logs and no checkpoints.",
    ]
    lines = [
        line
        for note in notes
        for line in textwrap.wrap(escape_control(note, is_name=True), WIDTH - 2, break_on_hyphens=False)
    ]
    commented = "\n".join(f"# {line}" for line in lines)
    listed = " and ".join(filter(None, (", ".join(needs[:-1]), needs[-1])))
    return fill("header", {"version": __version__, "needs": listed, "notes": commented}, flags=())


def _join(sections: Sequence[str]) -> str:
    """Join sections, with two empty lines around definitions."""
    joined = ""
    for section in filter(None, sections):
        ends = [ast.parse(part).body for part in (joined, section)]
        is_definition = [
            bool(body) and isinstance(body[place], ast.FunctionDef | ast.ClassDef)
            for body, place in zip(ends, (-1, 0), strict=True)
        ]
        joined += ("\n\n\n" if any(is_definition) else "\n\n") * bool(joined) + section
    return joined
