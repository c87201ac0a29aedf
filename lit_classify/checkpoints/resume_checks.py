"""Check that a run can be resumed from a checkpoint: that its data, model and training state are the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from lit_classify._lightning.resume_limits import refuse_averages
from lit_classify.checkpoints.checkpoint import Checkpoint, consistent
from lit_classify.checkpoints.training_state import check_state
from lit_classify.data import InMemoryDataModule
from lit_classify.data.table.fitted_state import find_changed_files
from lit_classify.data_interface import LINKED_ARGUMENTS
from lit_classify.errors import UserError
from lit_classify.messages import plural
from lit_classify.modules import LitModule
from lit_classify.serialization import ClassSpec


def check_resume(
    checkpoint: Checkpoint,
    model: LitModule,
    data: InMemoryDataModule,
    configured: Any,  # noqa: ANN401 - Lightning's
    trainer: Trainer,
) -> None:
    """Check everything that a resumed run restores.

    Args:
        checkpoint: the checkpoint.
        model: the model, with new weights.
        data: the data.
        configured: the return value of ``configure_optimizers``.
        trainer: the trainer, before its fit.

    Raises:
        UserError: settings, the table, weights or states do not fit this training.
    """
    check_data(checkpoint, data)
    max_epochs = trainer.max_epochs
    if max_epochs is not None and 0 <= max_epochs < checkpoint.epochs:
        raise UserError(
            f"{checkpoint.path} was trained for {plural(checkpoint.epochs, 'epoch')}, but "
            f"--trainer.max_epochs is {max_epochs}; increase it, or test the checkpoint"
        )
    check_model(checkpoint, model)
    checkpoint.check_weights(model)
    with consistent(checkpoint.path):
        refuse_averages(checkpoint.path, checkpoint.content, trainer)
        check_state(checkpoint.content, configured, trainer)


def check_model(checkpoint: Checkpoint, model: LitModule) -> None:
    """Compare the settings of a model with the recorded ones before a run is resumed.

    Raises:
        UserError: a setting differs; names both values.
    """
    spec = ClassSpec.of(model)
    if checkpoint.model.class_path != spec.class_path:
        recorded = checkpoint.model.class_path
        raise UserError(f"{checkpoint.path} is of a {recorded}, but the model is a {spec.class_path}")
    compared = {
        name: value
        for name, value in spec.init_args.items()
        # from Python, the arguments that the data determines may be left out
        if name not in LINKED_ARGUMENTS or checkpoint.model.init_args.get(name)
    }
    checkpoint.check_settings("model", compared)


def check_data(checkpoint: Checkpoint, data: InMemoryDataModule) -> None:
    """Compare the data with the recorded data before a run is resumed.

    Raises:
        UserError: a setting or the table differs, so that rows would change splits.
    """
    spec, path = ClassSpec.of(data), checkpoint.path
    if checkpoint.data is None or checkpoint.data.class_path != spec.class_path:
        recorded = "other data" if checkpoint.data is None else f"a {checkpoint.data.class_path}"
        raise UserError(
            f"{path} was trained on {recorded}, but the data is a {spec.class_path}; retrain from scratch "
            "without --ckpt_path"
        )
    recorded_state = checkpoint.data.init_args.get("fitted_state")
    state = spec.init_args.get("fitted_state")
    if recorded_state and state:
        _check_table(path, recorded_state, state)
    settings = {
        name: value
        for name, value in spec.init_args.items()
        if not name.endswith("path") and name not in {"fitted_state", "cache_dir"}
    }
    checkpoint.check_settings("data", settings)


def _check_table(path: Path, recorded: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise UserError if the table of a run is another one, or is read in another way."""
    if files := find_changed_files(recorded["files"], state["files"]):
        raise UserError(
            f"{path} was trained on another table than {files}; retrain from scratch without --ckpt_path"
        )
    was_streamed = recorded.get("streamed", False)
    if was_streamed == state["streamed"]:
        return
    storage, advice = "held in memory", "leave out --data.cache_dir, or free memory"
    if was_streamed:
        storage, advice = "read in blocks", "add --data.cache_dir DIRECTORY"
    raise UserError(
        f"{path} was trained on a table that was {storage}, and split in another way; {advice}, or "
        "retrain from scratch"
    )
