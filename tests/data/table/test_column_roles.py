"""Roles of columns that exclude each other are refused."""

from typing import Any

import pytest

from lit_classify import UserError
from tests.example_tables import table


@pytest.mark.reliability(19, 23)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numeric": "x", "categorical": "x"}, "'x' cannot be numeric and categorical"),
        ({"features": ["x", "target"]}, "'target' cannot be features and target"),
    ],
)
def test_two_roles_that_exclude_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(["1,a", "2,b"] * 20, **options)
