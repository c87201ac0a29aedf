"""A table in memory: dropped rows, and where rows are in the files."""

from typing import Any

import pytest
import torch

from lit_classify import DataError, TableDataModule
from lit_classify.errors import DataWarning
from tests.example_tables import table, write


def test_rows_are_located_in_the_file_when_others_are_dropped() -> None:
    rows = [f"{n},{'ab'[n % 2]}" for n in range(60)]
    rows[3] = "3,"
    rows[10] = ",a"
    with pytest.raises(DataError, match=r"t\.csv, row 11, column 'x': None is missing"):
        table(rows, missing_target="drop", missing="error")
    with pytest.raises(DataError, match=r"row 4: the target .* in 1 of 60 .* --data.missing_target drop"):
        table(rows)
    rows[3] = "3,a"
    state = table(rows).hparams["fitted_state"]
    new = table(["1,a", ",", "2,c"], missing_target="drop", fitted_state=state)
    with (
        pytest.warns(DataWarning, match="all 2 rows"),
        pytest.raises(DataError, match="row 3, target 'target': 'c'"),
    ):
        new.setup()
    with pytest.raises(DataError, match=r"t\.csv: no row has a target target"):
        table(["1,", "2,"], missing_target="drop")


def test_duplicates_are_dropped_before_the_split_in_every_command() -> None:
    rows = [f"{n % 40},{'ab'[n % 2]}" for n in range(100)]
    data = table(rows, duplicates="drop")
    again = table(rows, duplicates="drop", fitted_state=data.hparams["fitted_state"])
    values = [data.split(name).x for name in ("train", "val", "test")]
    assert len(torch.cat(values)) == len(torch.unique(torch.cat(values))) == 40
    for name in ("train", "val", "test"):
        assert torch.equal(data.split(name).x, again.split(name).x)
    with pytest.raises(DataError, match="duplicates was 'drop' in training, but is 'keep' now"):
        table(rows, fitted_state=data.hparams["fitted_state"])


@pytest.mark.filterwarnings("ignore:.*also occur in", "ignore:dropped columns")
def test_raw_rows_are_as_in_the_files_even_if_others_are_dropped() -> None:
    header, *rows = (
        "x,day,kind,y",
        *(f'"${1 + n % 50},000.5",{1 + n % 28}/12/2024, Red ,{"ab"[n % 2]}' for n in range(90)),
    )
    rows[3] = "NA,-,unknown,"
    write("\n".join([header, *rows]))
    options: dict[str, Any] = {"missing_values": ["-", "unknown"], "ignore_case": True, "day_first": True}
    data = TableDataModule("t.csv", "y", missing_target="drop", duplicates="drop", **options)
    data.split("train")
    raw = data.raw_rows("val", [0, 1])
    cells = [f'"{x}",{day},{kind},{y}' for x, day, kind, y in raw.rows()]
    assert raw.columns == header.split(",")
    assert set(cells) <= set(rows)
    assert [float(x.strip("$").replace(",", "")) for x in raw["x"]]
