"""The card that notebooks show for a module."""

from typing import TYPE_CHECKING

from lit_classify.messages import plural
from lit_classify.networks import list_layers
from lit_classify.notebook_cards import html_card, list_names

if TYPE_CHECKING:
    from lit_classify.modules.base import LitModule


def module_card(module: "LitModule") -> str:
    """Return a card with the layers, the loss and the optimizer, as HTML."""
    hparams = module.hparams
    task = next(base for base in type(module).__mro__ if "loss" in vars(base))
    facts = {
        "inputs": list_names(module.inputs) or plural(hparams["in_features"], "feature"),
        "outputs": list_names(module.class_names or module.output_names),
        "loss": hparams["loss"] or next(iter(vars(task).get("losses", ())), "custom"),
        "optimizer": f"{hparams['optimizer']}, learning rate {module.lr:g}",
        "members": module.members if module.members > 1 else "",
        "parameters": f"{sum(weights.numel() for weights in module.parameters()):,}",
    }
    layers = list_layers(module.network, hparams["in_features"], module.members)
    return html_card(type(module).__name__, facts, [("layer", "output shape", "parameters"), *layers])
