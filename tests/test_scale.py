"""The calculations in .github/SCALE.md."""

import doctest
from pathlib import Path


def test_the_calculations_on_scale_are_right() -> None:
    page = Path(__file__).parent.parent / ".github" / "SCALE.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 10
    assert result.failed == 0
