"""Small-model classification with PyTorch Lightning; the public names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers and editors, which do not run __getattr__
    from lit_classify.callbacks import EpochLog as EpochLog
    from lit_classify.checkpoints import init_from as init_from
    from lit_classify.checkpoints import load as load
    from lit_classify.data import BlobsDataModule as BlobsDataModule
    from lit_classify.data import CirclesDataModule as CirclesDataModule
    from lit_classify.data import GaussiansDataModule as GaussiansDataModule
    from lit_classify.data import LineDataModule as LineDataModule
    from lit_classify.data import MoonsDataModule as MoonsDataModule
    from lit_classify.data import SeededDataLoader as SeededDataLoader
    from lit_classify.data import SpiralsDataModule as SpiralsDataModule
    from lit_classify.data import TableDataModule as TableDataModule
    from lit_classify.data import TensorLoader as TensorLoader
    from lit_classify.data import XorDataModule as XorDataModule
    from lit_classify.errors import DataError as DataError
    from lit_classify.errors import UserError as UserError
    from lit_classify.estimators import LitClassifier as LitClassifier
    from lit_classify.estimators import LitRegressor as LitRegressor
    from lit_classify.evaluation.predictions import predict as predict
    from lit_classify.model_plots.functions import plot_boundary as plot_boundary
    from lit_classify.model_plots.functions import plot_data as plot_data
    from lit_classify.model_plots.functions import plot_evaluation as plot_evaluation
    from lit_classify.model_plots.functions import plot_hidden_units as plot_hidden_units
    from lit_classify.model_plots.functions import plot_learning_curves as plot_learning_curves
    from lit_classify.modules import BinaryClassifier as BinaryClassifier
    from lit_classify.modules import LitModule as LitModule
    from lit_classify.modules import MulticlassClassifier as MulticlassClassifier
    from lit_classify.modules import MultilabelClassifier as MultilabelClassifier
    from lit_classify.modules import Regressor as Regressor
    from lit_classify.networks import MLP as MLP

__version__ = "0.1.0"

_PUBLIC = {
    "data": "CirclesDataModule MoonsDataModule SpiralsDataModule BlobsDataModule"
    " XorDataModule GaussiansDataModule LineDataModule TableDataModule TensorLoader SeededDataLoader",
    "modules": "LitModule BinaryClassifier MulticlassClassifier MultilabelClassifier Regressor",
    "networks": "MLP",
    "callbacks": "EpochLog",
    "checkpoints": "init_from load",
    "evaluation.predictions": "predict",
    "estimators": "LitClassifier LitRegressor",
    "model_plots.functions": "plot_boundary plot_data plot_evaluation plot_hidden_units plot_learning_curves",
    "errors": "DataError UserError",
}
_WITHOUT_LIGHTNING = {"networks", "errors"}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names.split()}
__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> object:
    """Import the module of a public name on first access (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'lit_classify' has no attribute {name!r}")
    fast_import = import_module("lit_classify._lightning.fast_import")
    with fast_import.without_garbage_collection(freeze=False):
        if _MODULES[name] not in _WITHOUT_LIGHTNING:
            fast_import.import_lightning()
        value: object = getattr(import_module(f"lit_classify.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
