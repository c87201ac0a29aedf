"""Checks of options: types that Python does not check."""

import pytest
import torch

from lit_classify import MLP, BinaryClassifier, CirclesDataModule, UserError, load
from lit_classify.errors import check_at_least


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, hidden=10), "hidden must be a list"),
        (lambda: BinaryClassifier(2, dropout="half"), "dropout must be a number"),
        (lambda: BinaryClassifier(2, lr=None), "lr must be a number"),
        (lambda: CirclesDataModule(batch_size=2.5), "batch_size must be an integer"),
        (lambda: CirclesDataModule(noise="a"), "noise must be a number, but is 'a'"),  # type: ignore[arg-type]
        (lambda: BinaryClassifier(2, hidden=torch.ones(2, 2)), "is an integer, but is of the type Tensor$"),
        (lambda: BinaryClassifier(2.0), "in_features must be an integer, but is 2.0"),  # type: ignore[arg-type]
        (lambda: BinaryClassifier("2"), "in_features must be an integer"),  # type: ignore[arg-type]
        (lambda: load(None), "a checkpoint must be text or a path, but is None"),  # type: ignore[arg-type]
        (lambda: load(MLP(2, 1)), "or a path, but is of the type MLP"),  # type: ignore[arg-type]
        (lambda: CirclesDataModule().split("training"), "unknown split 'training': did you mean 'train'?"),
        (lambda: check_at_least("patience", "a", 1), "patience must be a number"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_a_wrong_type_is_named(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(UserError, match=message):
        build()
