"""Fixtures of the tests of checkpoints."""

from pathlib import Path

import pytest

from lit_classify.cli.main import main
from tests.checkpoints.altered import QUICK, table


@pytest.fixture(scope="module")
def original_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original_table")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fit", *table(), *QUICK, "1"]) == 0
    return folder
