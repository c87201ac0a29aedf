"""Refuse the options of a run that a script does not reproduce, by name.

An option that is not listed here is refused unless it has its default, so that a new one is never ignored.
"""

import inspect
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from lit_classify.errors import UserError
from lit_classify.serialization import constructor_parameters, plain

_FIT = {
    *("seed_everything", "trainer", "model", "data", "recipe", "config"),
    *("log_every_n_epochs", "print_every_n_epochs", "init_from"),
}
_TRAINER = {
    "max_epochs",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accelerator",
    "devices",
    "callbacks",
    "overfit_batches",
}
_WITHOUT_EFFECT = {  # on the epoch log
    *("plots", "test_best", "tune_threshold", "report", "ckpt_path", "weights_only", "init_preprocessing"),
    *("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary", "log_every_n_steps"),
    *("default_root_dir", "profiler", "num_sanity_val_steps", "check_val_every_n_epoch", "detect_anomaly"),
    *("limit_test_batches", "limit_predict_batches", "enable_autolog_hparams", "model_registry"),
}
_ALLOWED = {"accelerator": ("auto", "cpu", "gpu", "cuda"), "devices": ("auto", 1, "1")}


def check_fit(config: Mapping[str, Any]) -> None:
    """Check the options of a fit other than those of the model and the data.

    Raises:
        UserError: a script does not reproduce an option.

    Examples:
        >>> check_fit({"seed_everything": 42, "trainer": {"max_epochs": 9, "precision": "16-mixed"}})
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: eject cannot write --trainer.precision '16-mixed' into a script
    """
    _check("", config, {}, _FIT | _WITHOUT_EFFECT)
    trainer = config["trainer"]
    defaults = {name: parameter.default for name, parameter in inspect.signature(Trainer).parameters.items()}
    _check("trainer.", trainer, defaults, _TRAINER | _WITHOUT_EFFECT)
    callbacks = trainer.get("callbacks") or []
    for callback in callbacks if isinstance(callbacks, list) else [callbacks]:
        if callback["class_path"].rpartition(".")[2] != "MemberEarlyStopping":
            refuse("trainer.callbacks", callback["class_path"])
    for name, values in _ALLOWED.items():
        if trainer.get(name, values[0]) not in values:
            refuse(f"trainer.{name}", trainer[name])
    if trainer["max_epochs"] is None or trainer["max_epochs"] < 1:
        refuse("trainer.max_epochs", trainer["max_epochs"])
    if type(trainer.get("overfit_batches") or 0) is not int:
        refuse("trainer.overfit_batches", trainer["overfit_batches"])
    if type(config["seed_everything"]) is not int:
        raise UserError("a script needs a seed to print the same epoch log; set --seed_everything 42")


def check_arguments(
    key: str, module: LightningModule | LightningDataModule, supported: Collection[str]
) -> None:
    """Check the arguments of the model or the data.

    Args:
        key: ``model`` or ``data``.
        module: the model or the data.
        supported: the arguments that a script takes into account.

    Raises:
        UserError: another argument does not have its default.
    """
    parameters = constructor_parameters(type(module))
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    _check(f"{key}.", module.hparams, defaults, supported)


def refuse(option: str, value: object) -> NoReturn:
    """Raise UserError for an option."""
    raise UserError(f"eject cannot write --{option} {value!r} into a script")


def _check(
    prefix: str, options: Mapping[str, Any], defaults: Mapping[str, Any], supported: Collection[str]
) -> None:
    for name, value in options.items():
        is_default = plain(value) == plain(defaults[name]) if name in defaults else not value
        if name not in supported and not is_default:
            refuse(prefix + name, value)
