"""Definitions as they stand in the package, without what a script does not need."""

import pytest

from lit_classify import seeds
from lit_classify.eject.sources import Sources, free_names, import_lines
from lit_classify.networks.members import MemberLinear
from lit_classify.seeds import stream_seed


def test_a_printed_function_returns_what_the_function_of_the_package_returns() -> None:
    sources = Sources.of([stream_seed], "")
    space: dict[str, object] = {}
    exec(f"{import_lines(sources.imports)}\n{sources.code}", space)
    printed = space["stream_seed"]
    assert callable(printed)
    assert [printed("step", 42, step) for step in range(9)] == [stream_seed("step", 42, n) for n in range(9)]


def test_examples_and_unused_methods_are_left_out() -> None:
    code = Sources.of([MemberLinear], "").code
    assert "def forward(" in code
    assert ">>>" not in code
    assert "extra_repr" not in code
    assert "extra_repr" in Sources.of([MemberLinear], "layer.extra_repr()").code


@pytest.mark.parametrize("code", ["import os\nos.path", "def f(a, *b, c=1):\n    return [d for d in a]"])
def test_names_that_are_defined_are_not_free(code: str) -> None:
    assert free_names(code) <= {"os"}


def test_a_name_that_two_modules_define_is_an_error() -> None:
    def stream_seed() -> None: ...

    with pytest.raises(AssertionError, match="stream_seed is defined in two modules"):
        Sources.of([seeds.stream_seed, stream_seed], "")
