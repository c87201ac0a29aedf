"""Loggers with the properties of those of other services."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger


class LikeWandb(Logger):
    """A logger with its own name and version, a directory shared by all runs, and no log_dir."""

    def __init__(self, save_dir: str = "elsewhere") -> None:
        super().__init__()
        self._save_dir = save_dir

    @property
    def save_dir(self) -> str:
        return self._save_dir

    @property
    def name(self) -> str:
        return "project"

    @property
    def version(self) -> str:
        return "3f9k2a"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        Path(self._save_dir).mkdir(exist_ok=True)
        with Path(self._save_dir, "metrics.txt").open("a") as file:
            file.writelines(f"{step} {tag} {value}\n" for tag, value in metrics.items())

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("config.yaml alone holds the settings")
