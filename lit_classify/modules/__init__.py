"""LightningModules, one class per task: the class says the loss, the probabilities and the figures."""

from lit_classify.modules.base import Evaluation, LitModule
from lit_classify.modules.classifiers import BinaryClassifier, Classifier, MulticlassClassifier
from lit_classify.modules.fitting import FittingModule
from lit_classify.modules.multilabel import MultilabelClassifier
from lit_classify.modules.regressor import Regressor

__all__ = [
    "BinaryClassifier",
    "Classifier",
    "Evaluation",
    "FittingModule",
    "LitModule",
    "MulticlassClassifier",
    "MultilabelClassifier",
    "Regressor",
]
