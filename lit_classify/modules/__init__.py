"""LightningModules, one class per task: the class says the loss, the probabilities and the figures."""

from lit_classify.modules.auto import AutoModule
from lit_classify.modules.base import Evaluation, LitModule
from lit_classify.modules.classifiers import BinaryClassifier, Classifier, MulticlassClassifier
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor

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
