"""Networks: multilayer perceptron, its inputs, several networks as one, user-defined networks."""

from lit_classify.networks.activations import ACTIVATIONS, Activation
from lit_classify.networks.building import build_network
from lit_classify.networks.custom import Network, check_output, evaluating, in_single_precision, make_network
from lit_classify.networks.derived_inputs import DerivedInputs, check_inputs, split_inputs
from lit_classify.networks.embeddings import FeatureEmbedding, NumericEmbedding
from lit_classify.networks.freezing import Layers, as_names, freeze_layers, layer_names
from lit_classify.networks.layer_list import list_layers
from lit_classify.networks.members import as_members, build_members, select_members
from lit_classify.networks.mlp import MLP

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Activation",
    "DerivedInputs",
    "FeatureEmbedding",
    "Layers",
    "Network",
    "NumericEmbedding",
    "as_members",
    "as_names",
    "build_members",
    "build_network",
    "check_inputs",
    "check_output",
    "evaluating",
    "freeze_layers",
    "in_single_precision",
    "layer_names",
    "list_layers",
    "make_network",
    "select_members",
    "split_inputs",
]
