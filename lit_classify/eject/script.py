"""A run as one plain PyTorch script, in the sections of the course: data, model, training loop and plots."""

import ast
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from lit_classify import __version__
from lit_classify.data import LineDataModule, TableDataModule
from lit_classify.data.synthetic import PointsDataModule
from lit_classify.data.table import casting, cells, date_features, splits
from lit_classify.data.table.cells import as_text, missing_to_null, to_numbers
from lit_classify.data.table.date_features import date_part
from lit_classify.data.table.encoders import Encoder
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.data.table.splits import assign_folds, split_off
from lit_classify.data.table.value_formats import ValueFormat
from lit_classify.eject.checks import check_fit
from lit_classify.eject.generated_data import write_line, write_points
from lit_classify.eject.python_code import SOURCE_WIDTH, WIDTH
from lit_classify.eject.run import Run
from lit_classify.eject.sources import Import, Sources, free_names, import_lines
from lit_classify.eject.table import write_table
from lit_classify.eject.template import fill
from lit_classify.eject.training import check_model, plain_expressions, template_values
from lit_classify.errors import UserError
from lit_classify.messages import escape_control, summarize
from lit_classify.modules.member_losses import (
    clip_gradient_norms,
    held_out_logits,
    losses_and_weights,
    training_loss,
    weighted_mean,
)
from lit_classify.networks import DerivedInputs, FeatureEmbedding, build_members
from lit_classify.seeds import stream_seed

_IMPORTS: dict[str, Import] = {
    "np": ("numpy", None),
    "pl": ("polars", None),
    "plt": ("matplotlib.pyplot", None),
    "torch": ("torch", None),
    "get_args": ("typing", "get_args"),
    "nn": ("torch", "nn"),
    "train_test_split": ("sklearn.model_selection", "train_test_split"),
    **{name: ("sklearn.datasets", name) for name in ("make_blobs", "make_circles", "make_moons")},
}
_PACKAGES = {
    **{"torch": "torch", "sklearn": "scikit-learn", "matplotlib": "matplotlib"},
    **{"numpy": "NumPy", "polars": "polars"},
}
_CONSTANTS = {"BOOLEANS": cells, "LARGEST_FLOAT32": casting, "Part": date_features, "SPLITS": splits}
_INLINED: dict[
    str, Callable[..., Any]
] = {  # that sections may call; their sources are copied into the script
    definition.__name__: definition
    for definition in (
        *(DerivedInputs, Encoder, FeatureEmbedding, Preprocessor, ValueFormat),
        *(as_text, assign_folds, build_members, clip_gradient_norms, date_part, held_out_logits),
        *(losses_and_weights, missing_to_null, split_off, stream_seed, to_numbers, training_loss),
        weighted_mean,
    )
}


def write_script(run: Run) -> str:
    """Return a run as a script.

    Raises:
        UserError: a script would not reproduce the run; names the option.
    """
    check_fit(run.config)
    check_model(run.model)
    plain = plain_expressions(run)
    values, flags = template_values(run, plain)
    data, plots = run.data, ["curves"]
    if type(data) is LineDataModule:
        section = write_line(data, flags)
        plots.append("line_plot")
    elif type(data) is TableDataModule:
        section = write_table(data)
    elif isinstance(data, PointsDataModule) and type(data).load is PointsDataModule.load:
        section = write_points(data, plain.dtype if plain else "torch.long", WIDTH if plain else SOURCE_WIDTH)
        if plain:
            plots.append("boundary")
    else:
        raise UserError(f"eject cannot write the data module {type(data).__name__} into a script")
    steps = ["model", "loop"] if plain else ["task_model", "task_loop"]
    if "test" in flags and run.held_out == "val" and not plain:
        steps.append("test_best")
    sections = [section, *(fill(name, values, flags) for name in ("helpers", *steps, *plots))]
    code = "\n".join(sections)
    names = free_names(code)
    called = [definition for name, definition in _INLINED.items() if name in names]
    constants = {name: module for name, module in _CONSTANTS.items() if name in names}
    sources = Sources.of(called, code, None if plain else run.model, constants)
    imports = _IMPORTS | sources.imports
    if isinstance(data, TableDataModule):
        _check_table(data, _with_imports(_join(['device = "cpu"', sources.code, section]), imports))
    body = _with_imports(_join([fill("start", values, flags), sources.code, *sections]), imports)
    return f"{_header(run, body)}\n\n{body}\n"


def _with_imports(code: str, imports: Mapping[str, Import]) -> str:
    """Return code after the imports that it needs."""
    return f"{import_lines({name: imports[name] for name in sorted(free_names(code))})}\n\n{code}"


def _check_table(data: TableDataModule, code: str) -> None:
    """Execute the section of a table, and compare its tensors with those of the run.

    Raises:
        UserError: they differ, as polars alone reads some tables in another way than this package.
    """
    tensors: dict[str, Any] = {"__name__": "table"}
    try:
        exec(code, tensors)
    except Exception as error:
        raise UserError(f"a script would not read this table: {summarize(error)}") from error
    expected = {"fold": data.fold} if data.fold is not None else {}
    for name, weights in data.sample_weights.items():
        name = name if f"w_{name}" in tensors else "test"  # whose rows may be the validation rows
        if f"w_{name}" in tensors:
            expected[f"w_{name}"] = weights
    for name in ("train", "val", "test"):
        if f"X_{name}" in tensors:
            expected |= {f"X_{name}": data.split(name).x, f"y_{name}": data.split(name).y}
    for name, tensor in expected.items():
        if not torch.equal(tensors[name], tensor):
            raise UserError(f"a script would read this table in another way: {name} would differ")


def _header(run: Run, body: str) -> str:
    """Return the comment at the start of the script."""
    modules = set(re.findall(r"^(?:import|from) (\w+)", body, re.MULTILINE))
    needs = [name for module, name in _PACKAGES.items() if module in modules]
    ignored = [f"--{name}" for name in ("tune_threshold", "report") if run.config.get(name)]
    notes = [
        run.purpose,
        "It prints the epoch log of",
        f"    {run.command}",
        f"but writes no logs and no checkpoints{', and leaves out ' * bool(ignored)}{', '.join(ignored)}.",
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
        adjacent = [*ast.parse(joined).body[-1:], *ast.parse(section).body[:1]]
        has_definition = any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in adjacent)
        joined += ("\n\n\n" if has_definition else "\n\n") * bool(joined) + section
    return joined
