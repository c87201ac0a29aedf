"""Checks of options: types that Python does not check."""

import pytest

from lit_classify import BinaryClassifier, CirclesDataModule, UserError
from lit_classify.errors import check_at_least


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, hidden=10), "hidden must be a list"),
        (lambda: BinaryClassifier(2, dropout="half"), "dropout must be a number"),
        (lambda: BinaryClassifier(2, lr=None), "lr must be a number"),
        (lambda: CirclesDataModule(batch_size=2.5), "batch_size must be an integer"),
        (lambda: CirclesDataModule(noise="a"), "noise must be a number, but is 'a'"),  # type: ignore[arg-type]
        (lambda: check_at_least("patience", "a", 1), "patience must be a number"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_a_wrong_type_is_named(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(UserError, match=message):
        build()
