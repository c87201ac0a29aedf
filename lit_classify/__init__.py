"""Small-model classification with PyTorch Lightning; the public names load on first use."""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "MLP": "networks",
    "TensorLoader": "loaders",
    "LitModule": "modules",
    "BinaryClassifier": "modules",
    "MulticlassClassifier": "modules",
    "Regressor": "modules",
    "CirclesDataModule": "data",
    "MoonsDataModule": "data",
    "SpiralsDataModule": "data",
    "BlobsDataModule": "data",
    "LineDataModule": "data",
    "Rows": "callbacks",
    "load": "checkpoints",
    "DataError": "errors",
    "UserError": "errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    """Import the home of a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lit_classify' has no attribute {name!r}")
    value: object = getattr(import_module(f"lit_classify.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
