"""Atomic writes: a file is complete or unchanged."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from lit_classify import UserError
from lit_classify.evaluation.predictions import write_predictions


@pytest.mark.reliability(36)
def test_an_error_while_writing_leaves_the_existing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("p.csv").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match=r"cannot write p.csv: No space left on device; the existing file"):
        write_predictions(Path("p.csv"), pl.DataFrame({"prediction": [1]}), overwrite=True)
    assert [path.name for path in Path().iterdir()] == ["p.csv"]
    assert Path("p.csv").read_text() == "old"


@pytest.mark.reliability(62)
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("links", [False, True])
def test_one_of_several_concurrent_writers_writes_the_complete_file(
    overwrite: bool, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    if not links:  # some file systems have no hard links
        monkeypatch.setattr(os, "link", link)
    tables = [pl.DataFrame({"prediction": [value] * 20_000}) for value in range(8)]
    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write_predictions, Path("p.csv"), table, overwrite) for table in tables]
    errors = [str(writer.exception()) for writer in writers if writer.exception()]
    assert errors == ["p.csv already exists; add --overwrite, or choose another --out"] * (
        0 if overwrite else 7
    )
    assert any(pl.read_csv("p.csv").equals(table) for table in tables)
    assert [path.name for path in Path().iterdir()] == ["p.csv"]


def test_a_file_has_the_default_permissions_of_the_user() -> None:
    write_predictions(Path("p.csv"), pl.DataFrame({"prediction": [1]}))
    Path("other").touch()
    assert Path("p.csv").stat().st_mode == Path("other").stat().st_mode


def test_a_file_with_the_longest_possible_name_is_written() -> None:
    write_predictions(Path(f"{'p' * 251}.csv"), pl.DataFrame({"prediction": [1]}))
    assert len(list(Path().iterdir())) == 1
