"""A table that is read in blocks compared with the same table in memory, from file to trained weights."""

import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device

from lit_classify import BinaryClassifier, DataError, TableDataModule
from lit_classify.data import memory
from lit_classify.data.table import csv_text
from lit_classify.data.table.streaming import shards
from lit_classify.errors import DataWarning, UserError
from tests.data.table.streaming.tables import mixed_table
from tests.training import same_weights, trainer

SPLITS = ["test", "train", "train", "train", "val"]


def written(name: str = "t.csv", num_rows: int = 600) -> str:
    frame = mixed_table(num_rows)
    match Path(name).suffix:
        case ".parquet":
            frame.write_parquet(name)
        case ".jsonl":
            frame.write_ndjson(name)
        case _:
            frame.write_csv(name)
    return name


def encoders(data: TableDataModule) -> list[dict[str, Any]]:
    state: list[dict[str, Any]] = data.hparams["fitted_state"]["encoders"]
    return state


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_the_fitted_state_equals_that_of_the_table_in_memory(name: str, scaling: Any) -> None:
    whole = TableDataModule(written(name), "target", split="split", scaling=scaling)
    streamed = TableDataModule(name, "target", split="split", scaling=scaling, cache_dir="cache")
    assert streamed.columns == whole.columns
    keys = ("center", "scale", "median")
    for encoder, expected in zip(encoders(streamed), encoders(whole), strict=True):
        numbers, expected_numbers = ([each.pop(key) for key in keys] for each in (encoder, expected))
        assert numbers == pytest.approx(expected_numbers, rel=1e-12)
        assert encoder == expected
    assert streamed.class_names == whole.class_names
    assert streamed.class_counts == whole.class_counts


@pytest.mark.usefixtures("small_blocks")
def test_the_rows_equal_those_of_the_table_in_memory() -> None:
    whole = TableDataModule(written(), "target", split="split")
    streamed = TableDataModule("t.csv", "target", split="split", cache_dir="cache")
    streamed.setup()
    splits = mixed_table()["split"]
    for split in ("train", "val", "test"):
        rows = streamed._table._rows.rows[split].numpy()  # type: ignore[union-attr]
        assert sorted(rows.tolist()) == np.flatnonzero((splits == split).to_numpy()).tolist()
        order = np.argsort(rows)
        torch.testing.assert_close(streamed.split(split).x[order], whole.split(split).x, rtol=1e-5, atol=1e-6)
        assert torch.equal(streamed.split(split).y[order], whole.split(split).y)


@pytest.mark.usefixtures("small_blocks")
def test_a_fit_equals_that_of_the_table_in_memory_where_order_and_split_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "_SHARD_BYTES", 1 << 24)  # a single shard
    written()
    models = []
    for cache_dir in ("none", "cache"):
        data = TableDataModule("t.csv", "target", split="split", cache_dir=cache_dir, batch_size=32)
        torch.manual_seed(0)
        model = BinaryClassifier(data.in_features, hidden=[8], class_names=data.class_names)
        trainer(max_epochs=3).fit(model, data)
        models.append(model)
    for expected, weight in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_rows_are_split_by_a_hash_that_other_rows_do_not_change() -> None:
    shorter = TableDataModule(written("a.csv", 300), "target", ignore=["split", "street"], cache_dir="cache")
    longer = TableDataModule(written("b.csv", 600), "target", ignore=["split", "street"], cache_dir="cache")
    for data in (shorter, longer):
        data.setup()
    for split in ("train", "val", "test"):
        few, many = (set(data._table._rows.rows[split].tolist()) for data in (shorter, longer))  # type: ignore[union-attr]
        assert few == {row for row in many if row < 300}
    sizes = [len(longer.split(split).y) / 600 for split in ("train", "val", "test")]
    assert sizes == pytest.approx([0.6, 0.2, 0.2], abs=0.06)


@pytest.mark.usefixtures("small_blocks")
def test_a_group_is_not_divided() -> None:
    data = TableDataModule(written(), "target", groups="street", ignore="split", cache_dir="cache")
    data.setup()
    street = mixed_table()["street"].to_numpy()
    groups = [set(street[data._table._rows.rows[split].numpy()]) for split in ("train", "val", "test")]  # type: ignore[union-attr]
    assert all(groups)
    assert len(set.union(*groups)) == sum(map(len, groups))


@pytest.mark.usefixtures("small_blocks")
def test_folds_are_chosen_by_a_hash_and_validate_the_training_rows() -> None:
    data = TableDataModule(written(), "target", ignore="split", folds=4, cache_dir="cache", batch_size=32)
    data.setup()
    assert data.split("val") is data.split("train")
    assert data.fold is not None
    counts = torch.bincount(data.fold)
    assert len(counts) == 4
    assert counts.min() > 80
    x, y, fold = zip(*data.train_dataloader(), strict=True)
    rows = torch.cat([torch.cat(x), torch.cat(fold)[:, None]], dim=1)
    expected = torch.cat([data.split("train").x, data.fold[:, None]], dim=1)
    assert {tuple(row) for row in rows.tolist()} == {tuple(row) for row in expected.tolist()}
    assert len(torch.cat(y)) == len(data.fold)


@pytest.mark.usefixtures("small_blocks")
def test_training_resumes_exactly_at_any_step() -> None:
    def data() -> TableDataModule:
        return TableDataModule(written(), "target", ignore="split", cache_dir="cache", batch_size=32)

    def model() -> BinaryClassifier:
        torch.manual_seed(0)
        return BinaryClassifier(data().in_features, hidden=[8], dropout=0.2, class_names=["down", "up"])

    uninterrupted = model()
    trainer(max_epochs=3).fit(uninterrupted, data())
    stopped = trainer(max_epochs=3, max_steps=17)
    stopped.fit(model(), data())
    stopped.save_checkpoint("stopped.ckpt")
    resumed = model()
    trainer(max_epochs=3).fit(resumed, data(), ckpt_path="stopped.ckpt")
    assert same_weights(resumed, uninterrupted)


@pytest.mark.reliability(32)
def test_a_table_larger_than_the_memory_is_read_in_blocks_unless_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    with pytest.raises(DataError, match=r"t.csv: about .* rows x 8 columns need about .* --data.cache_dir"):
        TableDataModule(written(), "target", ignore="split", cache_dir="none")
    with pytest.warns(DataWarning, match=r"but 0.001 MB are free; so the table is read in blocks"):
        data = TableDataModule("t.csv", "target", ignore="split")
    assert capsys.readouterr().err.endswith(f"in {next(Path('caches/lit_classify').glob('t-*[!k]'))}\n")
    assert data.class_counts is not None
    assert 300 < sum(data.class_counts) < 420


def test_an_excel_file_is_refused_with_the_limit_of_its_format() -> None:
    mixed_table().write_excel("t.xlsx")
    with pytest.raises(DataError, match=r"Excel files cannot be, and have 1,048,576 rows at most; save it"):
        TableDataModule("t.xlsx", "target", cache_dir="cache")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duplicates": "drop"}, "data.duplicates drop needs all rows in memory"),
        ({"batch_size": None}, "data.batch_size null needs all rows in memory"),
        ({"groups": "street", "split": "split"}, "not by both; leave out --data.groups"),
    ],
)
def test_options_that_need_all_rows_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TableDataModule(written(), "target", cache_dir="cache", **options)


@pytest.mark.usefixtures("small_blocks")
def test_text_among_numbers_in_a_late_block_is_refused_with_its_row() -> None:
    cells = [str(number) for number in range(3000)]
    cells[2500] = "many"
    Path("t.csv").write_text("\n".join(["x,target", *(f"{cell},{'ab'[len(cell) % 2]}" for cell in cells)]))
    with pytest.raises(DataError, match=r"t.csv, row 2501, column 'x': 'many' is not a number, but 2,500"):
        TableDataModule("t.csv", "target", cache_dir="cache")


@pytest.mark.parametrize("unused", [{"ignore": "x"}, {"features": "z"}])
def test_text_in_a_late_block_of_a_column_that_is_not_used_does_not_matter(
    unused: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "_BLOCK_BYTES", 40_000)  # about 3,500 rows
    cells = [*range(1000)] * 5 + [*range(800)] + ["word"] * 200
    rows = [f"{cell}|{n}.5|{'ab'[n % 3 // 2]}" for n, cell in enumerate(cells)]
    Path("t.csv").write_text("\n".join(["x|z|target", *rows]))
    data = TableDataModule("t.csv", "target", **unused, cache_dir="cache")
    assert data.in_features == 1


@pytest.mark.parametrize(("missing", "fraction"), [("val", "val_fraction"), ("test", "test_fraction")])
def test_a_split_that_the_column_lacks_is_chosen_by_a_hash(missing: str, fraction: str) -> None:
    other = {"val": "test", "test": "val"}[missing]
    rows = [f"{n}|{'ab'[n % 2]}|{other if n % 4 == 0 else 'train'}" for n in range(2000)]
    Path("t.csv").write_text("\n".join(["x|target|split", *rows]))
    data = TableDataModule("t.csv", "target", split="split", **{fraction: 0.2}, cache_dir="cache")  # type: ignore[arg-type]
    assert len(data.split(other).y) == 500
    assert 250 < len(data.split(missing).y) < 350


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("10:30:15", "10:30:15.5"),
        ("2024-01-31 10:30:15", "2024-01-31 10:30:15.5"),
        ("5", "7,25"),
        ("5", "1,250.5"),
        ("1,250", "7,25"),
    ],
)
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_a_format_that_is_only_detected_late_applies_to_the_whole_column_as_in_memory(
    early: str, late: str
) -> None:
    splits = ["test", "train", "train", "train", "val"]
    rows = [f"{early if n < 2000 else late}|{n}|{'ab'[n % 3 // 2]}|{splits[n % 5]}" for n in range(2500)]
    Path("t.csv").write_text("\n".join(["x|z|target|split", *rows]))
    whole = TableDataModule("t.csv", "target", split="split")
    streamed = TableDataModule("t.csv", "target", split="split", cache_dir="cache")
    assert streamed.columns == whole.columns
    shutil.rmtree("cache")
    state = streamed.hparams["fitted_state"]
    again = TableDataModule("t.csv", "target", split="split", cache_dir="cache", fitted_state=state)
    (expected,) = whole.predict_dataloader()
    x = torch.cat([batch for (batch,) in again.predict_dataloader()])
    torch.testing.assert_close(x, expected[0], rtol=1e-5, atol=1e-6)
    assert len(again.split("test").y) == 500


@pytest.mark.usefixtures("small_blocks")
def test_a_late_format_that_does_not_read_all_cells_is_refused_with_the_first_row() -> None:
    cells = ["5.5"] * 1800 + ["1,250"] * 100 + ["7,25"] * 100
    rows = [f"{cell}|{'ab'[n % 2]}" for n, cell in enumerate(cells)]
    Path("t.csv").write_text("\n".join(["x|target", *rows]))
    with pytest.raises(DataError, match=r"t.csv, row 1801, column 'x': '1,250' is not a number, but 1,800"):
        TableDataModule("t.csv", "target", cache_dir="cache")


@pytest.mark.usefixtures("small_blocks")
def test_numbers_after_a_first_block_without_any_are_numbers() -> None:
    rows = [
        "x,z,target",
        *(f"{'' if number < 1500 else number},{number},{'ab'[number % 2]}" for number in range(3000)),
    ]
    Path("t.csv").write_text("\n".join(rows))
    data = TableDataModule("t.csv", "target", cache_dir="cache")
    assert [(column.name, column.kind, column.missing) for column in data.columns] == [
        ("x", "number", 1500),
        ("z", "number", 0),
    ]


@pytest.mark.usefixtures("small_blocks")
def test_a_class_that_occurs_once_in_a_late_block_is_known() -> None:
    classes = ["rare" if number == 2900 else "ab"[number % 2] for number in range(3000)]
    rows = [f"{row},{name},{'val' if row % 5 == 1 else 'train'}" for row, name in enumerate(classes)]
    Path("t.csv").write_text("\n".join(["x,target,split", *rows]))
    data = TableDataModule("t.csv", "target", split="split", test_fraction=0, cache_dir="cache")
    assert data.class_names == ["a", "b", "rare"]
    assert data.class_counts is not None
    assert data.class_counts[2] == 1


@pytest.mark.parametrize("options", [{}, {"missing_target": "drop"}])
@pytest.mark.filterwarnings("ignore:data.path is not the table")
def test_an_evaluation_of_rows_without_a_target_is_refused_as_in_memory(options: dict[str, Any]) -> None:
    mixed_table().drop("target").write_csv("new.csv")
    for cache_dir in (None, "cache"):
        settings: dict[str, Any] = {"target": "target", "cache_dir": cache_dir, "ignore": "split", **options}
        state = TableDataModule(written(), **settings).hparams["fitted_state"]
        data = TableDataModule("new.csv", **settings, fitted_state=state)
        with pytest.raises(DataError, match="unknown target column 'target': did"):
            data.setup("test")


def new_rows(cells: list[str], cache_dir: str | None) -> TableDataModule:
    """Return the data of new rows, for a table that was trained on plain numbers."""
    Path("t.csv").write_text("\n".join(["x|target", *(f"{n % 97}.5|{'ab'[n % 2]}" for n in range(400))]))
    state = TableDataModule("t.csv", "target", cache_dir=cache_dir).hparams["fitted_state"]
    Path("new.csv").write_text("\n".join(["x|extra|target", *(f"{cell}|1|a" for cell in cells)]))
    return TableDataModule("new.csv", "target", cache_dir=cache_dir, fitted_state=state)


@pytest.mark.filterwarnings("ignore:data.path is not the table", "ignore:.* also occur in")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_columns_that_the_training_did_not_have_are_noted(cache_dir: str | None) -> None:
    data = new_rows(["1.5", "2.5"], cache_dir)
    with pytest.warns(DataWarning, match="ignored columns that the training data did not have: extra"):
        list(data.predict_dataloader())
    with pytest.warns(DataWarning, match="ignored columns that the training data did not have: extra"):
        data.setup("test")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_percentages_are_refused_where_the_training_had_plain_numbers(cache_dir: str | None) -> None:
    data = new_rows(["1%", "2%"], cache_dir)
    with pytest.raises(DataError, match=r"new.csv, row 1, column 'x': '1%' is not a number, as it was"):
        list(data.predict_dataloader())
    with pytest.raises(DataError, match=r"new.csv, row 1, column 'x': '1%' is not a number, as it was"):
        data.setup("test")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_numbers_with_types_in_a_late_block_beside_percentages_are_refused(cache_dir: str | None) -> None:
    Path("t.csv").write_text("\n".join(["x,target", *(f"{n % 50}%,{'ab'[n % 2]}" for n in range(100))]))
    frame = pl.DataFrame({"x": [None] * 300 + [5.0] * 300, "target": ["a", "b"] * 300})
    frame.write_parquet("typed.parquet")
    for paths in (["t.csv", "typed.parquet"], ["typed.parquet", "t.csv"]):
        with pytest.raises(
            DataError, match=r"column 'x': typed.parquet has numbers without a unit, but .* %;"
        ):
            TableDataModule(paths, "target", cache_dir=cache_dir)


@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_new_numbers_with_types_are_read_as_amounts_but_not_as_percentages(cache_dir: str | None) -> None:
    rows = [f"{n % 97}%|${n % 97}.5|{'ab'[n % 2]}" for n in range(400)]
    Path("t.csv").write_text("\n".join(["share|price|target", *rows]))
    state = TableDataModule("t.csv", "target", cache_dir=cache_dir).hparams["fitted_state"]
    columns = {"share": [None, 0.05], "price": [2.5, 3.5], "target": ["a", "b"]}
    pl.DataFrame(columns).write_parquet("new.parquet")
    data = TableDataModule("new.parquet", "target", cache_dir=cache_dir, fitted_state=state)
    message = r"new.parquet, row 2, column 'share': 0.05 has no unit, but there were percentages in training"
    with pytest.raises(DataError, match=message):
        list(data.predict_dataloader())
    with pytest.raises(DataError, match=message):
        data.setup("test")
    pl.DataFrame(columns).with_columns(share=pl.Series(["5%", "7%"])).write_parquet("new.parquet")
    data = TableDataModule("new.parquet", "target", cache_dir=cache_dir, fitted_state=state)
    (batch,) = next(iter(data.predict_dataloader()))
    assert batch.shape == (2, 2)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.filterwarnings("ignore::lit_classify.errors.DataWarning")
def test_new_rows_in_another_format_than_those_of_earlier_blocks_are_named() -> None:
    state = new_rows(["1.5"], "cache").hparams["fitted_state"]
    pl.DataFrame({"x": ["1.5"] * 400 + ["2,25"] * 400}).write_parquet("new.parquet")  # two blocks
    data = TableDataModule("new.parquet", "target", cache_dir="cache", fitted_state=state)
    with pytest.raises(DataError, match=r"new.parquet, row 401, column 'x': '2,25' is written in another"):
        list(data.predict_dataloader())


def test_raw_rows_are_those_of_the_file() -> None:
    data = TableDataModule(written(), "target", ignore="split", cache_dir="cache")
    data.setup()
    rows = data._table._rows.rows["test"][:5].tolist()  # type: ignore[union-attr]
    expected = pl.read_csv("t.csv", infer_schema=False)[rows]
    assert data.raw_rows("test", range(5)).equals(expected)


@pytest.mark.usefixtures("small_blocks")
def test_predictions_need_no_cache_and_equal_those_in_memory() -> None:
    whole = TableDataModule(written(), "target", split="split")
    streamed = TableDataModule("t.csv", "target", split="split", cache_dir="cache")
    x = torch.cat([batch for (batch,) in streamed.predict_dataloader()])
    (expected,) = whole.predict_dataloader()
    torch.testing.assert_close(x, expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+00"])
def test_dates_of_new_rows_may_begin_with_the_year_whatever_their_format_was(pattern: str) -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=3 * number) for number in range(60)]
    frame = pl.DataFrame({"day": [f"{day:%d.%m.%Y}" for day in days], "target": ["a", "b", "c"] * 20})
    frame.write_csv("t.csv")
    frame.with_columns(pl.Series("day", [day.strftime(pattern) for day in days])).write_csv("new.csv")
    state = TableDataModule("t.csv", "target", cache_dir="cache").hparams["fitted_state"]
    expected, x = (
        torch.cat([batch for (batch,) in data.predict_dataloader()])
        for path in ("t.csv", "new.csv")
        for data in [TableDataModule(path, "target", fitted_state=state, cache_dir="cache")]
    )
    assert torch.equal(x, expected)


PROGRAM = """
import sys
from lit_classify import TableDataModule
from lit_classify.data.table.streaming import running_totals, second_pass, shards
running_totals._SAMPLE_BYTES, second_pass._PENDING_BYTES, shards._SHARD_BYTES = 1 << 22, 1 << 22, 1 << 20
data = TableDataModule(sys.argv[1], "target", cache_dir="cache", batch_size=512)
data.setup()
rows = sum(len(x) for x, y in data.train_dataloader())
rows += sum(len(x) for x, y in data.val_dataloader()) + sum(len(x) for x, y in data.test_dataloader())
rows += sum(len(x) for (x,) in data.predict_dataloader())
print(rows)
"""


def anonymous_memory(path: Path, num_rows: int) -> int:
    """Return the peak of anonymous memory of a process that reads a table in blocks, in MB."""
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, num_rows, 100_000):
            x = {f"x{column}": random.normal(size=100_000).astype(np.float32) for column in range(20)}
            frame = pl.DataFrame({**x, "target": random.choice(["a", "b"], 100_000)})
            frame.write_csv(file, include_header=not start, float_precision=4)
    peak, command = 0, [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(status.split("RssAnon:")[1].split()[0]))
            time.sleep(0.01)
        assert process.communicate()[0] == f"{2 * num_rows}\n"
    return peak // 1000


@pytest.mark.slow
@pytest.mark.reliability(32)
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="anonymous memory is not reported")
def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    few, many = (anonymous_memory(Path(f"{rows}.csv"), rows) for rows in (100_000, 1_500_000))
    size = 1_400_000 * 20 * 4 // 1_000_000  # of the further rows in float32, MB
    assert many - few < size / 2


@pytest.mark.usefixtures("small_blocks")
def test_a_deleted_cache_is_built_again_for_a_fitted_table_with_text_that_is_ignored() -> None:
    written()
    fitted = TableDataModule("t.csv", "target", ignore=["street"], cache_dir="cache")
    fitted.setup()
    expected = fitted.split("test").x.clone()
    shutil.rmtree("cache")
    state = fitted.hparams["fitted_state"]
    again = TableDataModule("t.csv", "target", ignore=["street"], cache_dir="cache", fitted_state=state)
    again.setup()
    assert torch.equal(again.split("test").x, expected)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_batches_are_copied_to_a_gpu_from_pinned_memory_without_waiting(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned, moved = list[torch.Tensor](), list[Any]()

    def pin_memory(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor)
        return tensor

    def to(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        moved.append((*args, kwargs))
        return tensor

    data = TableDataModule(written(), "target", ignore="split", cache_dir="cache", batch_size=32)
    data.trainer = trainer(max_epochs=1)
    monkeypatch.setattr(type(data.trainer.strategy), "root_device", torch.device(device))
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    batch = next(iter(data.train_dataloader()))
    assert len(pinned) == 2 * (device == "cuda")
    monkeypatch.setattr(torch.Tensor, "to", to)
    move_data_to_device(batch, torch.device(device))  # as Lightning does
    assert moved == 2 * [(torch.device(device), {"non_blocking": True} if device == "cuda" else {})]


def column(cell: Callable[[int], object]) -> list[str]:
    return [str(cell(number)) for number in range(600)]


KINDS: dict[str, dict[str, list[str]]] = {
    "without variation": {
        "constant": column(lambda n: "5"),
        "missing": column(lambda n: ""),
        "unique": column(lambda n: f"name {n}"),
        "id": column(lambda n: n),
    },
    "booleans": {
        "yes": column(lambda n: ["yes", "no", ""][n % 3]),
        "late": column(lambda n: "yes" if n < 590 else "?"),
    },
    "dates": {
        "ambiguous": column(lambda n: f"{1 + n % 12:02}/{1 + n % 11:02}/2024"),
        "short": column(lambda n: f"{1 + n % 28:02}.{1 + n % 12:02}.{(60 + n) % 100:02}"),
    },
    "dates decided late": {
        "c": column(lambda n: f"{1 + n % 12 if n < 500 else 13 + n % 12:02}/{1 + n % 11:02}/2024")
    },
    "dates decided late by another column": {
        "c": column(lambda n: f"{1 + n % 12:02}/{1 + n % 11:02}/2024"),
        "d": column(lambda n: f"{1 + n % 12 if n < 500 else 13 + n % 12:02}/{1 + n % 11:02}/2024"),
    },
    "numbers": {
        "price": column(lambda n: f"${n % 97}.5" if n % 15 else "free"),
        "late": column(lambda n: f"{n % 97}" if n < 500 else f"${n % 97}"),
        "share": column(lambda n: f"{n % 97}%"),
        "code": column(lambda n: -999 if n % 20 == 0 else n % 50),
        "large": column(lambda n: "1e300" if n in {7, 400} else n % 9),
    },
    "ambiguous numbers": {"c": column(lambda n: f"{1 + n % 9},{100 + n % 800}")},
    "categories": {
        "town": column(lambda n: ["Rome", "rome", "Oslo", "Oslo "][n % 4]),
        "rare": column(lambda n: f"rare {n}" if n < 5 else "abc"[n % 3]),
        "unseen": column(lambda n: "new" if n % 5 > 2 and n < 200 else "ab"[n % 2]),
    },
    "all rare": {"c": column(lambda n: f"v{n // 2}")},
    "duplicates": {"x": column(lambda n: n % 7), "c": column(lambda n: n % 4)},
    "leakage": {"c": column(lambda n: "01"[n % 3 // 2]), "d": column(lambda n: f"{'uw'[n % 3 // 2]}{n % 2}")},
}


def printed(cache_dir: str | None) -> list[str]:
    """Return what is printed about a table when it is fitted and evaluated, and about new rows."""
    options: dict[str, Any] = {"target": "target", "split": "split", "cache_dir": cache_dir}
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        data = TableDataModule("t.csv", **options)
        data.setup()
        texts, state = [data.describe()], data.hparams["fitted_state"]
        for path in ("t.csv", "new.csv"):
            data = TableDataModule(path, **options, fitted_state=state)
            data.setup("test")
            texts.append(str(data))
            list(data.predict_dataloader())
    return [*(str(warning.message) for warning in issued), *texts]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in {"dates decided late", "categories"} else pytest.mark.slow)
        for kind in KINDS
    ],
)
def test_warnings_and_descriptions_are_the_same_as_in_memory(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 2000)
    shared = {
        "x": column(lambda n: n * 7 % 55 / 10),
        "split": column(lambda n: SPLITS[n % 5]),
        "target": column(lambda n: "ab"[n % 3 // 2]),
    }
    frame = pl.DataFrame(shared | KINDS[kind])
    frame.write_csv("t.csv", separator="|")
    new = frame.tail(50).with_columns(extra=pl.lit("1"))
    if kind == "categories":
        new = new.with_columns(town=pl.lit("Bonn"))
    new.write_csv("new.csv", separator="|")
    expected = printed(None)
    assert printed("cache") == expected
    assert printed("cache") == expected  # nothing is built again


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.filterwarnings("ignore:data.path is not the table", "ignore:.* also occur in")
@pytest.mark.parametrize(("late", "value"), [("7,25", 1.1), ("1,250.5", 1100.0)])
def test_all_new_rows_decide_how_the_first_are_read(
    late: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 2000)
    Path("t.csv").write_text("\n".join(["x|target", *(f"{n % 97}.5|{'ab'[n % 2]}" for n in range(400))]))
    cells = ["1,100"] * 500 + [late] * 100
    Path("new.csv").write_text("\n".join(["x|target", *(f"{cell}|a" for cell in cells)]))
    for cache_dir in (None, "cache"):
        data = TableDataModule("t.csv", "target", cache_dir=cache_dir)
        state = data.hparams["fitted_state"]
        new = TableDataModule("new.csv", "target", cache_dir=cache_dir, fitted_state=state)
        x = new.split("test").x[0, 0].item()
        expected = data.preprocessor.transform(pl.DataFrame({"x": [value]}))
        assert x == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.usefixtures("small_blocks")
def test_a_kept_preprocessing_notes_the_same_as_in_memory_and_each_once() -> None:
    rows = [
        f"{'1e300' if n == 7 else n % 9}|{'ab'[n % 2]}|{SPLITS[n % 5]}|{'ab'[n % 7 > 3]}" for n in range(600)
    ]
    Path("t.csv").write_text("\n".join(["x|c|split|target", *rows]))
    given: dict[str, Any] = {"target": "target", "split": "split"}
    with pytest.warns(DataWarning):
        state = TableDataModule("t.csv", **given).hparams["fitted_state"]
    Path("t.csv").write_text(Path("t.csv").read_text().replace("|b|", "|z|"))
    messages = []
    for cache_dir in (None, "cache"):
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            TableDataModule("t.csv", **given, preprocessing=state, cache_dir=cache_dir).setup()
        messages.append([str(part.message) for part in issued])
    assert messages[0] == messages[1]
    assert [message.partition(":")[0] for message in messages[0][:2]] == [
        "numbers beyond single precision, which networks use, are treated as missing",
        "unseen categories",
    ]
    assert len(set(messages[0])) == len(messages[0])


@pytest.mark.filterwarnings("ignore:.* also occur in")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_cells_that_can_be_read_in_two_ways_are_counted_in_the_first_file(cache_dir: str | None) -> None:
    rows = [f"{1 + n % 12:02}/{1 + n % 11:02}/2024|{'ab'[n % 2]}" for n in range(132)]
    for name in ("1.csv", "2.csv"):
        Path(name).write_text("\n".join(["x|target", *rows, f"02/03/202{name[0]}|a"]))
    with pytest.warns(DataWarning) as issued:
        TableDataModule(["1.csv", "2.csv"], "target", cache_dir=cache_dir)
    messages = [str(part.message) for part in issued]
    (message,) = (message for message in messages if "two ways" in message)
    assert message.startswith("1.csv, column 'x': 122 of 133 cells, such as '12/01/2024', can")


@pytest.mark.filterwarnings("ignore:.* also occur in")
@pytest.mark.parametrize("cache_dir", [None, "cache"])
def test_unseen_categories_of_the_fitted_table_are_refused_when_it_is_evaluated(
    cache_dir: str | None,
) -> None:
    rows = [f"{'new' if n % 5 == 4 else 'b'}|{n % 7}|{'ab'[n % 3 // 2]}|{SPLITS[n % 5]}" for n in range(100)]
    Path("t.csv").write_text("\n".join(["c|x|target|split", *rows]))
    options: dict[str, Any] = {"target": "target", "split": "split", "handle_unknown": "error"}
    data = TableDataModule("t.csv", **options, cache_dir=cache_dir)
    data.setup()
    state = data.hparams["fitted_state"]
    for _ in range(2):
        data = TableDataModule("t.csv", **options, cache_dir=cache_dir, fitted_state=state)
        with pytest.raises(DataError, match=r"'c' has 20 values not seen in training, first 'new' in t\.csv"):
            data.setup("test")
