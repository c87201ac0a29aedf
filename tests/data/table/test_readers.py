"""Tables in every format: the same features and trained weights; faults are refused in one message."""

import builtins
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import xlsxwriter

from lit_classify import DataError, TableDataModule
from lit_classify.cli.main import main
from lit_classify.data import memory
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
from tests.example_files import BINARY, in_every_format
from tests.example_tables import write

TABLE = pl.DataFrame(
    {
        "count": [n % 7 if n % 11 else None for n in range(80)],
        "size": [n / 8 if n % 9 else None for n in range(80)],
        "color": [["red", "größer", None, "blue"][n % 4] for n in range(80)],
        "is_new": [n % 3 == 0 for n in range(80)],
        "target": ["yes" if n % 7 > 3 else "no" for n in range(80)],
    }
)
FORMATS = list(in_every_format(TABLE))
SMALL = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False]})


def _trained(content: bytes) -> tuple[TableDataModule, dict[str, Any]]:
    """Return the data of a table, and the checkpoint of a model trained on it."""
    write(content)
    options = ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "target"]
    assert main(["fit", *options, "--plots", "none", "--trainer.max_epochs", "2"]) == 0
    last = sorted(Path("lightning_logs/table").glob("version_*/checkpoints/last.ckpt"))[-1]
    return TableDataModule("t.csv", "target"), torch.load(last, weights_only=True)


@pytest.mark.slow
@pytest.mark.reliability(58)
def test_the_same_table_in_every_format_gives_the_same_features_and_weights() -> None:
    contents = in_every_format(TABLE)
    expected, checkpoint = _trained(contents.pop("CSV"))
    for name, content in contents.items():
        data, retrained = _trained(content)
        for split in ("train", "val", "test"):
            assert data.split(split).x.equal(expected.split(split).x), name
            assert data.split(split).y.equal(expected.split(split).y), name
        for key, weight in checkpoint["state_dict"].items():
            assert retrained["state_dict"][key].equal(weight), (name, key)
        hparams = [each["datamodule_hyper_parameters"] for each in (checkpoint, retrained)]
        states = [each["fitted_state"] for each in hparams]
        assert {**states[1], "files": states[0]["files"]} == states[0], name


@pytest.mark.parametrize("name", BINARY)
def test_binary_formats_keep_their_types(name: str) -> None:
    assert read_table(write(BINARY[name](SMALL))).frame.equals(SMALL)


@pytest.mark.reliability(29)
@pytest.mark.parametrize("name", BINARY)
def test_a_binary_file_without_rows_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"t.csv has no rows"):
        read_table(write(BINARY[name](SMALL.clear())))


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", BINARY)
def test_half_of_a_binary_file_is_refused(name: str) -> None:
    content = BINARY[name](SMALL)
    with pytest.raises(DataError, match=r"t.csv is .*(truncated|corrupt)"):
        read_table(write(content[: len(content) // 2]))


@pytest.mark.reliability(32)
@pytest.mark.parametrize("name", [name for name in FORMATS if "CSV" not in name])
def test_a_table_larger_than_memory_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(in_every_format(TABLE)[name])
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.raises(DataError, match=r"t.csv: .* need about .* of memory, but 0.0001 MB are free"):
        read_table("t.csv")


def test_missing_keys_and_mixed_values_of_json_lines_are_read() -> None:
    lines = '\ufeff{"a": 1, "b": "x"}\r\n\r\n{"b": 2.5}\r\n' + '{"a": 3}\n' * 200 + '{"a": 0.5}'
    frame = read_table(write(lines)).frame
    assert frame["a"][[0, 1, 2, -1]].to_list() == [1, None, 3, 0.5]
    assert frame["b"][:2].to_list() == ["x", "2.5"]


@pytest.mark.reliability(29)
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": 1,', "not a JSON object: Expecting property name.* at character 9"),
        ("[1]", "not a JSON object"),
        ("a,b", "not a JSON object"),
        ('{"a": NaN}', "NaN is not JSON; write null"),
        ('{"a": "\ud800"}', "not a JSON object"),
    ],
)
def test_a_corrupt_json_line_is_named(line: str, message: str) -> None:
    content = '{"a": 1}\n' * 300 + line + "\n"
    with pytest.raises(DataError, match=rf"t.csv, line 301: .*{message}"):
        read_table(write(content.encode(errors="surrogatepass")))


@pytest.mark.reliability(32)
def test_json_lines_with_new_keys_in_every_row_are_refused_before_they_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("".join(f'{{"key {number}": 1}}\n' for number in range(1000)))
    monkeypatch.setattr(memory, "free_memory", lambda: 1_000_000)
    with pytest.raises(DataError, match=r"about 1,001 rows x 1,000 columns need about 12 MB"):
        read_table("t.csv")


def test_values_of_a_key_that_differ_in_type_are_refused() -> None:
    with pytest.raises(DataError, match=r"t.csv: a key has values of several types: .*bool"):
        read_table(write('{"a": true}\n{"a": 1}\n'))


def test_nested_json_values_are_refused_by_column() -> None:
    write('{"a": [1], "y": 0}\n{"a": [2], "y": 1}\n')
    with pytest.raises(DataError, match=r"column 'a' has the dtype List\(Int64\).* ignore it"):
        TableDataModule("t.csv", "y")


def _workbook(**sheets: list[list[Any]]) -> None:
    with xlsxwriter.Workbook("t.xlsx") as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for index, row in enumerate(rows):
                sheet.write_row(index, 0, row)


def test_the_only_sheet_with_rows_is_read() -> None:
    _workbook(empty=[], title=[["Sales"]], data=[["", "n", "code"], [1, 2.5, "01"], [2, "", "x"]])
    frame = read_table("t.xlsx").frame
    assert frame.to_dict(as_series=False) == {"column_1": [1, 2], "n": [2.5, None], "code": ["01", "x"]}
    _workbook(data=[[1, 2], [3, 4]])
    assert read_table("t.xlsx", CsvOptions(header=False)).frame.rows() == [(1, 2), (3, 4)]


def test_several_sheets_with_rows_are_refused() -> None:
    _workbook(first=[["a"], [1]], second=[["b"], [1]])
    with pytest.raises(DataError, match=r"t.xlsx has 2 sheets with rows \(first, second\), but one"):
        read_table("t.xlsx")
    _workbook(first=[], second=[["a"]])
    with pytest.raises(DataError, match=r"t.xlsx has no rows"):
        read_table("t.xlsx")


@pytest.mark.reliability(58)
def test_a_changed_byte_in_a_workbook_is_detected_by_its_checksum() -> None:
    content = bytearray(BINARY["Excel"](TABLE))
    position = content.index(b"xl/worksheets/sheet1.xml") + 60
    for bit in range(8):
        content[position] ^= 1 << bit
        with pytest.raises(DataError, match=r"t.xlsx is a corrupt Excel file: .*; copy or write it again"):
            read_table(write(bytes(content), "t.xlsx"))
        content[position] ^= 1 << bit


@pytest.mark.reliability(38)
def test_a_missing_fastexcel_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    _workbook(data=[["a"], [1]])
    import_module = builtins.__import__

    def without_fastexcel(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "fastexcel":
            raise ModuleNotFoundError(name)
        return import_module(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_fastexcel)
    with pytest.raises(DataError, match=r"needs fastexcel: pip install 'lit_classify\[excel\]'"):
        read_table("t.xlsx")


@pytest.mark.parametrize("method", ["write_parquet", "write_ipc"])
def test_a_file_whose_name_contains_wildcards_is_read(method: str) -> None:
    rows = pl.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})
    getattr(rows, method)("rows[1].data")
    assert read_table("rows[1].data").frame.equals(rows)
