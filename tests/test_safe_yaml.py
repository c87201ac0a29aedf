"""YAML: limits for untrusted input, and an exact round trip."""

import time
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import safe_yaml
from lit_classify.cli.main import main
from lit_classify.errors import UserError

WORDS = (
    "1e3 08 04808024 247499e3 no yes on off true null ~ none None .nan .inf 1:30 2020-01-01 0x1F 1_000 = <<"
)
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS.split()),
    st.text(),
)


@pytest.mark.reliability(41)
@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_written_data_are_read_back_unchanged(data: Any) -> None:
    loaded = safe_yaml.load(safe_yaml.dump(data))
    assert loaded == data
    assert type(loaded) is type(data)


@pytest.mark.parametrize(
    "word", ["08", "04808024", "no", "yes", "off", "1:30", "2020-01-01", "0x1F", "1_000", "="]
)
def test_words_outside_the_core_schema_are_strings(word: str) -> None:
    assert safe_yaml.load(f"[{word}]") == [word]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("247499e3", 247_499_000.0),
        ("1e3", 1000.0),
        ("-7", -7),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("none", None),
        ("None", None),
        (".inf", float("inf")),
    ],
)
def test_words_of_the_core_schema_are_values(word: str, value: object) -> None:
    (loaded,) = safe_yaml.load(f"[{word}]")
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.reliability(54)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "expands to more than"),
        ("[" * 5000, "nested deeper"),
        ("{a: " * 5000, "nested deeper"),
        ("- " * 5000 + "x", "nested deeper"),
        ("a: &a [1, *a]", "contains itself"),
        ("x" * 2_000_000, "the maximum is 1,000,000"),
        ("[" + "x," * 100_000 + "]", "expands to more than"),
        ("a: " + "9" * 5000, "cannot be read"),
    ],
    ids=["aliases", "brackets", "braces", "dashes", "cycle", "long", "many", "digits"],
)
def test_excessive_yaml_is_refused_within_a_second(text: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(UserError, match=message):
        safe_yaml.load(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("route", ["config", "value", "nested file", "verify"])
@pytest.mark.parametrize("text", [BOMB, "[" * 5000, "{a: " * 5000], ids=["aliases", "brackets", "braces"])
def test_the_command_line_refuses_excessive_yaml_with_one_message(
    route: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bomb.yaml").write_text(text)
    Path("outer.yaml").write_text("data: bomb.yaml\nmodel: {class_path: BinaryClassifier}\n")
    command = {
        "config": ["fit", "--config", "bomb.yaml"],
        "value": ["fit", "--config", "circles_v2", "--model.hidden", text],
        "nested file": ["fit", "--config", "outer.yaml"],
        "verify": ["verify", "bomb.yaml"],
    }[route]
    assert main(command) == 2
    stderr = capsys.readouterr().err
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) <= 3
    assert len(stderr) < 600
    assert "the configuration " in stderr


@pytest.mark.parametrize("text", ["!!int", "!!float ''", "!!bool x", "!!timestamp x", "!!int '-'"])
def test_a_value_that_does_not_match_its_tag_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="does not match its tag"):
        safe_yaml.load(text)


def test_enumerations_of_strings_are_written_as_their_values() -> None:
    class Kind(str, Enum):  # noqa: UP042 - as Lightning's
        STEP = "step"
        ONE = "1"

    assert safe_yaml.dump({"a": Kind.STEP, "b": Kind.ONE}) == "a: step\nb: '1'\n"
