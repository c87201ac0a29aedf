"""What every test gets: its own folder, and no warning but those that Lightning itself gives."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)  # on a busy machine too
settings.load_profile("suite")
torch.set_num_threads(1)  # sums in one order, whatever the machine


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


COLLECTED = pytest.StashKey[list[pytest.Item]]()  # every test, the slow ones too


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = list(items)
