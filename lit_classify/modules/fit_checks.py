"""Checks before a fit, and embeddings that are fitted to the training rows."""

from typing import TYPE_CHECKING

from lit_classify.data_interface import HasInputs, HasSample, HasSplits
from lit_classify.errors import UserError
from lit_classify.messages import warn
from lit_classify.modules.batch_checks import check_folds
from lit_classify.networks import FeatureEmbedding

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule


def check_fit(module: "LitModule", data: object, has_own_step: bool) -> None:
    """Check that a model and its data fit each other.

    Args:
        module: the model.
        data: its data module; None if it is trained with loaders.
        has_own_step: whether a subclass has overridden ``training_step``.

    Raises:
        DataError: the numbers of members and folds differ.
        UserError: members would share a parameter, or the model does not have the inputs of the data.
    """
    if isinstance(data, HasInputs) and data.inputs and data.inputs != module.inputs:
        raise UserError(
            f"the data has the inputs {', '.join(data.inputs)}: build the model with inputs=data.inputs"
        )
    if folds := getattr(data, "folds", 0):
        check_folds(folds, module.members)
        if has_own_step:
            warn(
                f"{type(module).__name__} has its own training_step: metrics are out-of-fold only if its "
                "loss is that of self.training_loss(self.network(x), y, fold, weight)"
            )
    shared = [name for name, _ in module.named_parameters() if not name.startswith("network.")]
    if module.members > 1 and shared:
        raise UserError(f"the parameter {shared[0]} is not one of the network, so members would share it")


def fit_embeddings(module: "LitModule", data: object) -> None:
    """Fit the embeddings of numbers to the training rows, unless their weights come from a checkpoint."""
    if (module.initialization or {}).get("inputs"):
        return
    for layer in module.network.modules():
        if not isinstance(layer, FeatureEmbedding):
            continue
        if isinstance(data, HasSample):
            layer.fit(data.sample("train").x.to(module.device))
        elif isinstance(data, HasSplits):
            layer.fit(data.split("train").x.to(module.device))
