"""The command that lists and deletes caches."""

from pathlib import Path

import pytest

from lit_classify import TableDataModule
from lit_classify.cli.main import main
from lit_classify.data.table.streaming.cache import find_tables
from tests.data.table.streaming.tables import mixed_table


@pytest.fixture
def names() -> list[str]:
    mixed_table(100).write_csv("t.csv")
    for seed in (0, 1):
        TableDataModule("t.csv", "target", ignore=["split", "street"], random_state=seed, cache_dir="cache")
    Path("cache", "notes-of-mine").mkdir()
    return [entry.cached.name for entry in find_tables(Path("cache"))]


def test_caches_are_listed_with_size_rows_and_files(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "--cache_dir", "cache"]) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all(line.endswith("100 rows of t.csv") for line in lines)
    assert total.startswith("2 caches in cache, 0.0")


def test_one_or_all_are_deleted_and_nothing_else(names: list[str]) -> None:
    assert main(["cache", names[0], "--cache_dir", "cache", "--delete"]) == 0
    assert [entry.cached.name for entry in find_tables(Path("cache"))] == names[1:]
    assert main(["cache", "--cache_dir", "cache", "--delete"]) == 0
    assert find_tables(Path("cache")) == []
    assert Path("cache", "notes-of-mine").is_dir()


def test_an_unknown_name_is_one_message(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", f"{names[0]}x", "--cache_dir", "cache", "--delete"]) == 2
    assert f"did you mean '{names[0]}'?" in capsys.readouterr().err
    Path("empty").mkdir()
    assert main(["cache", "t-1", "--cache_dir", "empty"]) == 2
    assert "no cache in empty" in capsys.readouterr().err


def test_every_file_name_is_listed_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = "two\nlines" + "\u4e2d" * 80 + ".csv"
    mixed_table(100).write_csv(path)
    TableDataModule(path, "target", ignore=["split", "street"], cache_dir="cache")
    assert main(["cache", "--cache_dir", "cache"]) == 0
    line, _total = capsys.readouterr().out.splitlines()
    assert line.startswith(r"two\nlines")
    assert line.endswith(f"100 rows of {path}".replace("\n", r"\n"))


@pytest.mark.parametrize("directory", ["elsewhere", "t.csv", ""])
def test_a_path_that_is_not_a_directory_has_no_caches(
    names: list[str], directory: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "--cache_dir", directory, "--delete"]) == 2
    assert f"no cache in '{directory}', which is not a directory" in capsys.readouterr().err
