"""LightningModules, one class for each task: it defines the loss, the probabilities, metrics and plots."""

from lit_classify.modules.auto import AutoModule
from lit_classify.modules.base import LitModule
from lit_classify.modules.classifiers import BinaryClassifier, Classifier, MulticlassClassifier
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor
from lit_classify.modules.results import Evaluation

__all__ = [
    "AutoModule",
    "BinaryClassifier",
    "Classifier",
    "Evaluation",
    "LitModule",
    "MulticlassClassifier",
    "MultilabelClassifier",
    "Regressor",
]
