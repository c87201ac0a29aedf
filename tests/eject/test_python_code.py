"""Values and layers as code: they evaluate to themselves, whatever the names."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lit_classify import MLP
from lit_classify.eject.python_code import call, layers_code, literal
from lit_classify.errors import UserError


@given(st.recursive(st.text() | st.integers() | st.floats(allow_nan=False) | st.none(), st.lists))
def test_a_literal_evaluates_to_its_value(value: object) -> None:
    assert ast.literal_eval(literal(value).replace("inf", "1e999")) == value


def test_text_cannot_end_its_quotes() -> None:
    for text in ("'", '"', "\\", "'\"", '"""', "a'\\\n\r\u2028\x00"):
        assert ast.literal_eval(literal(text)) == text
        assert "\n" not in literal(text)


def test_a_layer_that_is_not_known_is_refused_by_name() -> None:
    for layer in (nn.Conv1d(1, 1, 1), nn.Linear(2, 1, bias=False), nn.LeakyReLU(0.3), nn.LayerNorm(2)):
        with pytest.raises(UserError, match=type(layer).__name__):
            layers_code(nn.Sequential(nn.Linear(2, 2), layer))


def test_the_code_of_a_network_builds_the_same_layers() -> None:
    network = MLP(2, 3, hidden=[4, 5], activation="LeakyReLU", dropout=0.5)
    built = eval(layers_code(network), {"nn": nn})
    assert repr(list(built)) == repr(list(network))


def test_a_long_call_has_one_argument_per_line() -> None:
    assert call("f(", ["x" * 40, "y" * 50]) == f"f(\n    {'x' * 40},\n    {'y' * 50},\n)"
