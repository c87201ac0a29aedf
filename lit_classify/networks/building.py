"""Build the network of a model from its settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from lit_classify.errors import UserError, check_at_least, check_type
from lit_classify.networks.activations import Activation
from lit_classify.networks.custom import Network, check_output, make_network
from lit_classify.networks.derived_inputs import DerivedInputs
from lit_classify.networks.embeddings import FeatureEmbedding, NumericEmbedding
from lit_classify.networks.members import build_members
from lit_classify.networks.mlp import MLP


def build_network(
    in_features: int,
    out_features: int,
    hidden: Sequence[int] = (10, 10),
    activation: Activation | None = "ReLU",
    dropout: float = 0.0,
    *,
    network: Network | None = None,
    network_args: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
    numeric_columns: Sequence[int] = (),
    numeric_embedding: NumericEmbedding | None = None,
    num_categories: Sequence[int] = (),
    members: int = 1,
) -> nn.Module:
    """Build a multilayer perceptron or a user-defined network behind its inputs, for one or several members.

    The arguments are those of ``LitModule``.

    Raises:
        UserError: the arguments do not fit each other, or the network cannot be built.

    Examples:
        >>> build_network(2, 1, hidden=[3], inputs=["x1", "x2", "x1*x2"])
        Sequential(
          (0): DerivedInputs(x1, x2, x1*x2)
          (1): MLP(
            (0): Linear(in_features=3, out_features=3, bias=True)
            (1): ReLU()
            (2): Linear(in_features=3, out_features=1, bias=True)
          )
        )
    """
    for name, size in {"in_features": in_features, "out_features": out_features, "members": members}.items():
        check_type(name, size, int)
        check_at_least(name, size, 1)
    if network is None and network_args:
        raise UserError("network_args are arguments of a custom network, but network is not given")
    if members > 1 and isinstance(network, nn.Module):
        raise UserError("several members need a network class, but network is an instance")
    if inputs and (in_features != 2 or numeric_embedding or num_categories):
        raise UserError(
            "inputs are functions of two features, which have no embeddings: leave out inputs, or "
            "numeric_embedding and num_categories"
        )

    def build() -> nn.Module:
        embedding = FeatureEmbedding(in_features, numeric_columns, numeric_embedding, num_categories)
        num_inputs = len(inputs) or embedding.out_features
        if network is None:
            module: nn.Module = MLP(num_inputs, out_features, hidden, activation, dropout)
        else:
            module = make_network(network, num_inputs, out_features, network_args or {})
        if inputs:
            module = nn.Sequential(DerivedInputs(inputs), module)
        elif embedding.embeds_features:
            module = nn.Sequential(embedding, module)
        check_output(module, in_features, out_features)
        return module

    return build_members(build, members, in_features)
