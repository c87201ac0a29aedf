"""What builds a module or a data module again, as plain data."""

from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule


def record(built: LightningModule | LightningDataModule) -> dict[str, Any]:
    """Return the class and constructor arguments of a module or data module as plain data."""
    own = type(built).__module__.startswith("lit_classify.")
    path = type(built).__qualname__
    init_args = {
        key: list(value) if isinstance(value, tuple) else value for key, value in built.hparams.items()
    }
    return {"class_path": path if own else f"{type(built).__module__}.{path}", "init_args": init_args}
