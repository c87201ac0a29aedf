"""Caches of tables: named by content and settings, checked, resumed, and safe with several writers."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lit_classify import DataError, TableDataModule
from lit_classify.data.table.streaming import blocks as blocks_module
from lit_classify.data.table.streaming import (
    cache_builder,
    first_pass,
    row_assignment,
    running_totals,
    second_pass,
)
from lit_classify.data.table.streaming.cache import CachedTable, find_tables
from lit_classify.errors import DataWarning, UserError
from tests.data.table.streaming.tables import mixed_table
from tests.forked import COMMAND, ForkedProgram


def build(**options: Any) -> TableDataModule:
    data = TableDataModule("t.csv", "target", cache_dir="cache", **{"ignore": "split", **options})
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
    data = build()
    monkeypatch.setattr(cache_builder.CacheBuilder, "_build", lambda *_: pytest.fail("built again"))
    again = build()
    assert again.describe() == data.describe()
    assert again.hparams["fitted_state"] == data.hparams["fitted_state"]
    assert again.split("train").x.equal(data.split("train").x)


@pytest.mark.usefixtures("table")
def test_a_changed_cell_gives_another_cache_even_with_the_same_size_and_time() -> None:
    build()
    stat = Path("t.csv").stat()
    text = Path("t.csv").read_text()
    Path("t.csv").write_text(text.replace("street 1,", "street 2,", 1))
    os.utime("t.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert Path("t.csv").stat().st_size == stat.st_size
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
def test_a_corrupt_file_is_detected_and_built_again(name: str, fault: str) -> None:
    build()
    expected = contents()
    path, content = only().folder / name, bytearray(expected[name])
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(content[:-3])
    else:
        content[len(content) // 2] ^= 128
        path.write_bytes(content)
    with pytest.warns(DataWarning, match="the cache is corrupt and is built again"):
        build()
    assert contents() == expected


@pytest.mark.usefixtures("table")
def test_a_changed_record_is_detected() -> None:
    build()
    path = only().folder / "table.json"
    path.write_text(path.read_text().replace('"median": 4', '"median": 5'))
    with pytest.warns(DataWarning, match=r"table.json has changed since it was written"):
        build()


@pytest.mark.usefixtures("small_blocks", "table")
@pytest.mark.parametrize("num_blocks", [1, 7])
def test_an_interrupted_pass_is_resumed(num_blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    expected = contents()
    only().delete()
    encode, encoded = second_pass.BlockEncoder.encode, list[int]()

    def interrupted(self: second_pass.BlockEncoder, block: Any) -> second_pass.EncodedBlock:
        if len(encoded) == num_blocks:
            raise KeyboardInterrupt
        encoded.append(block.first_row)
        return encode(self, block)

    monkeypatch.setattr(second_pass, "_SECONDS", 0.0)
    monkeypatch.setattr(second_pass.BlockEncoder, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build()
    (entry,) = find_tables(Path("cache"))
    assert not entry.is_complete
    (entry.cached.partial / "0123.tmp").touch()  # the file that a process was writing when it was killed

    def counted(self: second_pass.BlockEncoder, block: Any) -> second_pass.EncodedBlock:
        encoded.append(block.first_row)
        return encode(self, block)

    monkeypatch.setattr(second_pass.BlockEncoder, "encode", counted)
    monkeypatch.setattr(cache_builder, "FirstPass", lambda *_, **__: pytest.fail("first pass repeated"))
    build()
    assert len(set(encoded)) == len(encoded)  # no block was encoded twice
    assert contents() == expected


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Build a table, interrupt the first pass after some blocks, and return the first rows of all blocks."""
    monkeypatch.setattr(first_pass, "_SECONDS", 0.0)
    codes = row_assignment.Assignment.codes

    def interrupt(blocks: int, **options: Any) -> list[int]:
        first_rows = list[int]()

        def counted(self: row_assignment.Assignment, block: Any, indices: Any) -> Any:
            if len(first_rows) == blocks:
                raise KeyboardInterrupt
            first_rows.append(block.first_row)
            return codes(self, block, indices)

        monkeypatch.setattr(row_assignment.Assignment, "codes", counted)
        with pytest.raises(KeyboardInterrupt):
            build(**options)
        monkeypatch.setattr(row_assignment.Assignment, "codes", codes)
        return first_rows

    return interrupt


@pytest.mark.reliability(32)
@pytest.mark.usefixtures("small_blocks", "table")
@pytest.mark.parametrize(
    ("blocks", "options", "sample_bytes"),
    [
        (1, {}, 1 << 26),
        (7, {}, 1 << 13),
        (7, {"ignore": [], "split": "split", "test_fraction": 0, "scaling": "robust"}, 1 << 13),
    ],
)
def test_an_interrupted_first_pass_is_resumed(
    blocks: int,
    options: dict[str, Any],
    sample_bytes: int,
    interrupted: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(running_totals, "_SAMPLE_BYTES", sample_bytes)
    build(**options)
    expected = contents()
    only().delete()
    interrupted(blocks, **options)
    (entry,) = find_tables(Path("cache"))
    assert not entry.is_complete
    assert entry.paths == ("t.csv",)
    first_rows, begin = list[int](), blocks_module.BlockReader.blocks_from

    def noted(self: Any, position: Any) -> Any:
        first_rows.append(position.table_row)
        return begin(self, position)

    monkeypatch.setattr(blocks_module.BlockReader, "blocks_from", noted)
    build(**options)
    assert "continuing" in capsys.readouterr().err
    assert first_rows[0] > 0
    assert contents() == expected


@pytest.mark.usefixtures("small_blocks", "table")
@pytest.mark.parametrize("fault", ["flipped", "truncated", "missing", "state", "touched"])
def test_a_first_pass_is_not_resumed_from_a_corrupt_file_or_another_table(
    fault: str, interrupted: Callable[..., list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    expected = contents()
    only().delete()
    interrupted(7)
    sample = next(only().partial.glob("sample-*.arrow"))
    content = sample.read_bytes()
    if fault == "flipped":
        sample.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif fault == "truncated":
        sample.write_bytes(content[:-1])
    elif fault == "missing":
        sample.unlink()
    elif fault == "state":
        state = only().partial / "first-pass.json"
        state.write_text(state.read_text().replace('"row": ', '"row": 1'))
    else:
        os.utime("t.csv", (1, 1))
    build()
    assert "continuing" not in capsys.readouterr().err
    arrays = set(expected) - {"table.json", "fitted.json"}  # which have the time of t.csv
    assert {name: contents()[name] for name in arrays} == {name: expected[name] for name in arrays}


@pytest.mark.usefixtures("small_blocks")
def test_a_first_pass_that_was_restarted_for_the_type_of_a_column_is_resumed(
    interrupted: Callable[..., list[int]],
) -> None:
    rows = [f"{number},{'x' * (450 < number < 900)}{number},{'ab'[number % 2]}" for number in range(3000)]
    Path("t.csv").write_text("\n".join(["size,code,target", *rows]))
    build(ignore=[])
    expected = contents()
    only().delete()
    first_rows = interrupted(8, ignore=[])
    assert first_rows.count(0) == 2
    build(ignore=[])
    assert contents() == expected


@pytest.mark.usefixtures("small_blocks", "table")
def test_an_error_in_the_first_pass_leaves_nothing(interrupted: Callable[..., list[int]]) -> None:
    with Path("t.csv").open("a") as file:
        file.write("1,red,a,01.01.2024,yes,$1.00,train,\n")
    interrupted(7)
    with pytest.raises(DataError, match="row 601"):
        build()
    assert find_tables(Path("cache")) == []


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("owner", "name"), [(blocks_module.BlockReader, "digests"), (cache_builder, "write_shards")]
)
def test_a_table_that_changes_while_it_is_read_is_refused(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(owner, name)

    def changing(*arguments: Any) -> Any:
        result = original(*arguments)
        os.utime("t.csv", (1, 1))
        return result

    monkeypatch.setattr(owner, name, changing)
    with pytest.raises(DataError, match="changed while it was read"):
        build()
    assert find_tables(Path("cache")) == []


@pytest.mark.usefixtures("table")
def test_a_full_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_builder, "free_space", lambda _: 1000)
    with pytest.raises(
        DataError, match=r"cache has 0.001 MB free, but 600 encoded rows need .* --data.cache_dir"
    ):
        build()


@pytest.mark.usefixtures("table")
def test_a_directory_that_cannot_be_created_is_refused() -> None:
    Path("cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write the cache cache: .*; choose another directory"):
        build()


@pytest.mark.usefixtures("table")
def test_a_complete_table_is_read_from_a_directory_that_is_not_writable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = build()
    lock = Path("cache", f"{only().name}.lock")
    lock.unlink()
    lock.mkdir()  # which nobody can open for writing
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("cache") or mode != os.W_OK)
    assert build().describe() == data.describe()
    Path("cache", only().name, "train-x").write_bytes(b"")
    with (
        pytest.warns(DataWarning, match="the cache is corrupt"),
        pytest.raises(UserError, match="cannot write the cache cache"),
    ):
        build()


OFTEN_SAVED = """
from lit_classify.data.table import csv_text
from lit_classify.data.table.streaming import first_pass, second_pass
csv_text._BLOCK_BYTES, second_pass._SECONDS, first_pass._SECONDS = 1 << 16, 0, 0
"""
PROGRAM = """
from lit_classify import TableDataModule
print("begun", flush=True)
TableDataModule("t.csv", "target", ignore="split", cache_dir="cache").setup()
"""


def start(settings: str = "") -> ForkedProgram:
    """Start a process that builds the table, and return it once it begins."""
    process = ForkedProgram(settings + PROGRAM)
    process.stdout.readline()
    return process


def end(process: ForkedProgram) -> int | None:
    process.communicate()
    return process.returncode


@pytest.mark.filterwarnings("ignore:.* also occur in")
def test_a_fit_is_independent_of_an_evaluation_of_other_files() -> None:
    rows = mixed_table()
    rows.write_csv("t.csv")
    rows.head(90).with_columns(pl.col("size") + 0.5).write_csv("test.csv")
    options: dict[str, Any] = {"path": "t.csv", "test_path": "test.csv", "cache_dir": "cache"}
    options |= {"target": "target", "ignore": "split"}
    fitted = TableDataModule(**options)
    fitted.setup()
    rows.head(50).with_columns(pl.col("size") + 0.5).write_csv("test.csv")
    evaluated = TableDataModule(**options, fitted_state=fitted.hparams["fitted_state"])
    with pytest.warns(DataWarning, match=r"test\.csv differs from data\.test_path in training .*: 50 other"):
        evaluated.setup()
    refitted = TableDataModule(**options)
    state = refitted.hparams["fitted_state"]
    assert state["files"]["test_path"] != fitted.hparams["fitted_state"]["files"]["test_path"]
    assert [column.use for column in refitted.columns] == [column.use for column in fitted.columns]


@pytest.mark.usefixtures("table")
def test_a_fit_describes_the_table_although_an_evaluation_has_built_its_cache() -> None:
    fitted = build()
    shutil.rmtree("cache")
    build(fitted_state=fitted.hparams["fitted_state"])
    assert build().describe() == fitted.describe()


@pytest.mark.usefixtures("table")
def test_a_copy_of_a_table_has_its_own_path_in_the_fitted_state() -> None:
    build()
    Path("copies").mkdir()
    Path("t.csv").rename("copies/t.csv")
    state = TableDataModule("copies/t.csv", "target", cache_dir="cache", ignore="split").hparams[
        "fitted_state"
    ]
    assert only().folder.is_dir()
    assert list(state["files"]["path"]) == state["settings"]["path"] == ["copies/t.csv"]


def test_the_validation_file_may_be_absent_after_the_training() -> None:
    mixed_table().write_csv("t.csv")
    mixed_table().head(90).write_csv("v.csv")
    files = {"path": "t.csv", "val_path": "v.csv", "cache_dir": "cache"}
    options: dict[str, Any] = {**files, "target": "target", "ignore": "split"}
    with pytest.warns(DataWarning, match="also occur in train"):
        data = TableDataModule(**options)
    data.setup()
    Path("v.csv").unlink()
    again = TableDataModule(**options, fitted_state=data.hparams["fitted_state"])
    again.setup("test")
    assert again.split("test").x.equal(data.split("test").x)
    with pytest.raises(DataError, match=r"no table at v\.csv"):
        again.split("val")


def test_a_write_that_was_killed_leaves_nothing_in_the_complete_table() -> None:
    table = CachedTable(Path("cache"), "t")
    table.partial.mkdir(parents=True)
    (table.partial / "204fe1fc8004179b.tmp").touch()
    table.finish({}, {})
    assert [path.name for path in table.folder.iterdir()] == ["table.json"]


def test_a_cache_that_is_deleted_while_it_is_opened_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    map_arrays = CachedTable.map

    def map_after_deletion(cached: CachedTable, record: dict[str, Any]) -> dict[str, Any]:
        shutil.rmtree("cache")
        return map_arrays(cached, record)

    monkeypatch.setattr(CachedTable, "map", map_after_deletion)
    mixed_table(200).write_csv("t.csv")
    with pytest.raises(UserError, match=r"cache/t-\w+ was deleted while it was built or opened; start again"):
        TableDataModule("t.csv", "target", cache_dir="cache")


@pytest.mark.slow
def test_several_processes_build_a_table_once() -> None:
    mixed_table(20_000).write_csv("t.csv")
    processes = [start() for _ in range(3)]
    assert list(map(end, processes)) == [0, 0, 0]
    (entry,) = find_tables(Path("cache"))
    assert entry.is_complete
    assert entry.num_rows == 20_000


@pytest.mark.slow
def test_runs_that_build_or_read_a_cache_at_once_print_what_a_run_in_memory_prints() -> None:
    numbers = [(n * 7 % 100, n * 3 % 41) for n in range(20_000)]
    splits = ["train", "val", "train", "test", "train"]
    rows = [f"{x},{z},{'ab'[x > z]},{splits[n % 5]}" for n, (x, z) in enumerate(numbers)]
    Path("t.csv").write_text("\n".join(["x,z,target,part", *rows]))
    options = "--data.path t.csv --data.target target --data.split part --data.folds 0 --model.members 1"
    fit = ["fit", "--config", "table", *options.split(), "--trainer.max_epochs", "1", "--plots", "none"]
    in_blocks = [*fit, "--data.cache_dir", "cache"]

    def start_command(*arguments: str) -> ForkedProgram:
        return ForkedProgram(COMMAND, *arguments)

    def printed(program: ForkedProgram) -> list[str]:
        output, errors = program.communicate()
        assert program.returncode == 0, errors
        return [line for line in output.splitlines() if not re.search("version_| in .* s\\.$|Final:", line)]

    expected = printed(start_command(*fit))
    checkpoint = str(next(Path("lightning_logs").glob("*/*/checkpoints/best.ckpt")))
    evaluation = printed(start_command("test", "--ckpt_path", checkpoint))
    assert printed(start_command(*in_blocks)) == expected
    checkpoint = str(next(Path("lightning_logs").glob("*/version_1/checkpoints/best.ckpt")))
    for wait in (0.2, 0.5, 1.0):
        shutil.rmtree("cache")
        killed, *fits = [start_command(*in_blocks) for _ in range(3)]
        test = start_command("test", "--ckpt_path", checkpoint)
        time.sleep(wait)
        killed.send_signal(signal.SIGKILL)
        assert [printed(program) for program in fits] == [expected, expected]
        assert printed(test) == evaluation
        killed.communicate()


@pytest.mark.slow
@pytest.mark.reliability(32)
def test_a_kill_at_any_moment_leaves_a_cache_that_can_be_completed() -> None:
    mixed_table(20_000).write_csv("t.csv")
    assert end(start(OFTEN_SAVED)) == 0
    expected = contents()
    only().delete()
    kills = 0
    while not any(entry.is_complete for entry in find_tables(Path("cache"))):
        process = start(OFTEN_SAVED)
        time.sleep(0.1 + 0.03 * kills)
        process.send_signal(signal.SIGKILL)
        kills += end(process) == -signal.SIGKILL
    assert kills > 3
    assert contents() == expected
