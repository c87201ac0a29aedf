"""Caches of tables: named by content and settings, checked, continued, and safe against several writers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lit_classify import DataError, TableDataModule
from lit_classify.data.table.streaming import encoding, stream
from lit_classify.data.table.streaming.cache import CachedTable, find_tables
from lit_classify.errors import DataWarning, UserError
from tests.data.table.streaming.tables import mixed_table


def build(**options: Any) -> TableDataModule:
    data = TableDataModule("t.csv", "target", ignore="part", cache_dir="cache", **options)
    data.setup()
    return data


def only() -> CachedTable:
    (entry,) = find_tables(Path("cache"))
    return entry.cached


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in only().folder.iterdir()}


@pytest.fixture
def table() -> None:
    mixed_table().write_csv("t.csv")


@pytest.mark.usefixtures("table")
def test_a_second_run_does_not_read_the_table_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    monkeypatch.setattr(stream.TableStream, "_build", lambda *_: pytest.fail("built again"))
    second = build()
    assert second.describe() == first.describe()
    assert second.hparams["fitted_state"] == first.hparams["fitted_state"]
    assert second.split("train").x.equal(first.split("train").x)


@pytest.mark.usefixtures("table")
def test_a_changed_cell_gives_another_cache_even_with_the_same_size_and_time() -> None:
    build()
    before = Path("t.csv").stat()
    text = Path("t.csv").read_text()
    Path("t.csv").write_text(text.replace("street 1,", "street 2,", 1))
    os.utime("t.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Path("t.csv").stat().st_size == before.st_size
    build()
    assert len(find_tables(Path("cache"))) == 2


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "options", [{"random_state": 1}, {"scaling": "robust"}, {"test_fraction": 0.1}, {"missing_values": "red"}]
)
def test_other_settings_give_another_cache(options: dict[str, Any]) -> None:
    build()
    build(**options)
    assert len(find_tables(Path("cache"))) == 2


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("name", "fault"),
    [("train-x", "flipped"), ("val-y", "truncated"), ("test-rows", "missing"), ("table.json", "truncated")],
)
def test_a_corrupt_file_is_noticed_and_built_again(name: str, fault: str) -> None:
    build()
    before = contents()
    path = only().folder / name
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(before[name][:-3])
    else:
        middle = len(before[name]) // 2
        path.write_bytes(
            before[name][:middle] + bytes([before[name][middle] ^ 128]) + before[name][middle + 1 :]
        )
    with pytest.warns(DataWarning, match="the cache is corrupt and is built again"):
        build()
    assert contents() == before


@pytest.mark.usefixtures("table")
def test_a_changed_record_is_noticed() -> None:
    build()
    path = only().folder / "table.json"
    path.write_text(path.read_text().replace('"median": 4', '"median": 5'))
    with pytest.warns(DataWarning, match=r"table.json has changed since it was written"):
        build()


@pytest.mark.usefixtures("small_blocks", "table")
@pytest.mark.parametrize("block", [1, 7])
def test_an_interrupted_pass_is_continued(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    expected = contents()
    only().delete()
    encode, encoded = encoding.BlockEncoder.encode, list[int]()

    def interrupted(self: encoding.BlockEncoder, part: Any) -> encoding.EncodedBlock:
        if len(encoded) == block:
            raise KeyboardInterrupt
        encoded.append(part.first)
        return encode(self, part)

    monkeypatch.setattr(encoding, "_SECONDS", 0.0)
    monkeypatch.setattr(encoding.BlockEncoder, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build()
    (entry,) = find_tables(Path("cache"))
    assert not entry.is_complete

    def counted(self: encoding.BlockEncoder, part: Any) -> encoding.EncodedBlock:
        encoded.append(part.first)
        return encode(self, part)

    monkeypatch.setattr(encoding.BlockEncoder, "encode", counted)
    monkeypatch.setattr(stream, "Surveyor", lambda *_, **__: pytest.fail("first pass repeated"))
    build()
    assert len(set(encoded)) == len(encoded)  # no block was encoded twice
    assert contents() == expected


@pytest.mark.usefixtures("table")
def test_a_table_that_changes_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def changing(*arguments: Any) -> Any:
        os.utime("t.csv", (1, 1))
        return encoding.write_shards(*arguments)

    monkeypatch.setattr(stream, "write_shards", changing)
    with pytest.raises(DataError, match="changed while it was read"):
        build()
    assert find_tables(Path("cache")) == []


@pytest.mark.usefixtures("table")
def test_a_full_disk_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "free_space", lambda _: 1000)
    with pytest.raises(
        DataError, match=r"cache has 0.001 MB free, but 600 encoded rows need .* --data.cache_dir"
    ):
        build()


@pytest.mark.usefixtures("table")
def test_a_directory_that_cannot_be_made_is_one_message() -> None:
    Path("cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write the cache cache: .*; choose another directory"):
        build()


PROGRAM = """
from lit_classify import TableDataModule
TableDataModule("t.csv", "target", ignore="part", cache_dir="cache").setup()
"""


def start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_several_processes_build_it_once() -> None:
    mixed_table(20_000).write_csv("t.csv")
    assert [process.wait() for process in [start(), start(), start()]] == [0, 0, 0]
    (entry,) = find_tables(Path("cache"))
    assert entry.is_complete
    assert entry.num_rows == 20_000


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_nothing_that_is_wrong() -> None:
    mixed_table(100_000).write_csv("t.csv")
    build()
    expected = contents()
    only().delete()
    for number in range(4):
        process = start()
        while process.poll() is None and not find_tables(Path("cache")):
            time.sleep(0.01)
        time.sleep(0.2 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
    build()
    assert contents() == expected
