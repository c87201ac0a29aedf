"""Settings and fixtures of all tests, such as a temporary working directory for each."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)  # deadlines fail on a busy machine
settings.load_profile("suite")
torch.set_num_threads(1)  # the order of a sum must not depend on the machine
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the same in programs that tests start


@pytest.fixture(autouse=True)
def temporary_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile, and exclude what is imported from later collections, as commands do."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


COLLECTED = pytest.StashKey[list[pytest.Item]]()  # all tests, including the slow ones


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = list(items)
