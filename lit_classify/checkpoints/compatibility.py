"""Check that this release knows the classes and arguments of a checkpoint, and that they fit each other."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from lit_classify import __version__
from lit_classify import data as datamodules
from lit_classify import modules as tasks
from lit_classify.data import InMemoryDataModule, TableDataModule
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.errors import UserError
from lit_classify.modules import LitModule
from lit_classify.serialization import ClassSpec, constructor_parameters

_TASK_NAMES = "BinaryClassifier", "MulticlassClassifier", "MultilabelClassifier", "Regressor"
TASKS: dict[str, type[LitModule]] = {name: getattr(tasks, name) for name in _TASK_NAMES}
DATA_MODULES: dict[str, type[InMemoryDataModule]] = {
    name: cls
    for name in datamodules.__all__
    if inspect.isclass(cls := getattr(datamodules, name))
    and issubclass(cls, InMemoryDataModule)
    and not inspect.isabstract(cls)
}
KNOWN_CLASSES: dict[str, Mapping[str, type]] = {"model": TASKS, "data": DATA_MODULES}


def check_same_table(path: Path, model: ClassSpec, data: ClassSpec | None) -> None:
    """Raise UserError if the model does not fit the preprocessing of its table.

    Examples:
        >>> model = ClassSpec("BinaryClassifier", {"in_features": 2})
        >>> data = ClassSpec("TableDataModule", {})
        >>> check_same_table(Path("model.ckpt"), model, data)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: model.ckpt has inconsistent content: the preprocessing ... is missing
    """
    data_class = DATA_MODULES.get(data.class_path) if data else None
    state = data.init_args.get("fitted_state") if data and data_class else None
    if state is None and data_class is TableDataModule:
        raise UserError(f"{path} has inconsistent content: the preprocessing of its table is missing")
    if state is None:
        return
    fitted = FittedState.from_dict(state)
    for name, in_table in (
        ("in_features", [fitted.preprocessor.num_features]),
        ("num_categories", fitted.preprocessor.num_categories),
        ("class_names", fitted.target.class_names),
        ("label_names", fitted.target.label_names),
    ):
        in_model = model.init_args.get(name)
        if list(in_table or ()) != ([in_model] if isinstance(in_model, int) else list(in_model or ())):
            raise UserError(f"{path} has inconsistent content: {name} of its model and of its data differ")


def refuse_unknown_settings(path: Path, version: str, specs: Mapping[str, ClassSpec]) -> None:
    """Raise UserError if another release recorded settings that this one does not know.

    Examples:
        >>> record = ClassSpec("Regressor", {"in_features": 1, "quantile": 0.5})
        >>> refuse_unknown_settings(Path("model.ckpt"), "9.0", {"model": record})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: lit_classify 9.0 wrote model.ckpt, ... (model.quantile); ...
    """
    unknown = [
        f"{key}.{name}"
        for key, classes in KNOWN_CLASSES.items()
        if key in specs and (cls := classes.get(specs[key].class_path))
        for name in specs[key].init_args.keys() - constructor_parameters(cls).keys()
    ]
    state = specs["data"].init_args.get("fitted_state") if "data" in specs else None
    if not unknown and state is not None:
        try:
            FittedState.from_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            unknown = [f"data.fitted_state, {type(error).__name__}: {error}"]
    if unknown:
        conflict = f"this is {__version__}, which does not support it ({unknown[0]})"
        raise UserError(f"lit_classify {version} wrote {path}, and {conflict}; use the release that wrote it")


def non_nullable_arguments(cls: type) -> set[str]:
    """Return the names of a class's constructor arguments that have a default, but do not accept None.

    Examples:
        >>> from lit_classify import CirclesDataModule
        >>> sorted(non_nullable_arguments(CirclesDataModule) & {"noise", "factor", "batch_size"})
        ['factor', 'noise']
    """
    parameters = constructor_parameters(cls).values()
    nullable = {parameter.name for parameter in parameters if type(None) in get_args(parameter.annotation)}
    return {parameter.name for parameter in parameters if parameter.default is not parameter.empty} - nullable
