"""Notes before training: each has its count and the option that acts on it, which removes the note."""

import io
import shlex
from contextlib import redirect_stdout, suppress
from typing import Any

import polars as pl
import pytest
import torch

from lit_classify import TableDataModule
from lit_classify.cli.main import main
from lit_classify.data.table.column_roles import as_list
from lit_classify.data.table.notes import notes_on_rows
from lit_classify.errors import DataError, DataWarning
from lit_classify.safe_yaml import load

TARGETS = ["yes", "no"] * 50


def notes(
    columns: dict[str, list[Any]], target: list[str] = TARGETS, options: dict[str, Any] | None = None
) -> list[str]:
    noise = [n / 7 for n in range(100)]
    frame = pl.DataFrame({**columns, "noise": noise, "y": target}, strict=False)
    return TableDataModule(frame, "y", **(options or {})).notes


def test_categories_in_composed_and_decomposed_unicode_are_noted_and_merged() -> None:
    columns = {"town": ["M\u00fcnster", "Mu\u0308nster", "Trier", "Ulm", "Trier"] * 20}
    (note,) = notes(columns)
    assert note.startswith(
        "'town': 2 values differ from others only in case, spaces or Unicode form, such as "
    )
    assert notes(columns, options={"ignore_case": True}) == []
    frame = pl.DataFrame({**columns, "noise": [n / 7 for n in range(100)], "y": TARGETS})
    assert TableDataModule(frame, "y", ignore_case=True).columns[0].distinct == 3


@pytest.mark.parametrize(
    ("columns", "note", "options"),
    [
        (
            {"smoker": ["Yes", "yes", "NO ", "no", "N O"] * 20},
            "'smoker': 4 values differ from others only in case or spaces, such as 'NO', 'no'; merge them "
            "with --data.ignore_case true",
            {"ignore_case": True},
        ),
        (
            {"age": [str(n % 40) for n in range(88)] + ["unknown"] * 12},
            "'age': 88 of 100 cells are numbers, but not 'unknown' (12); treat these as missing with "
            "--data.missing_values unknown, or keep them with --data.categorical age",
            {"missing_values": "unknown"},
        ),
        (
            {"age": [f"{n % 40}%" for n in range(70)] + ["n.a."] * 20 + ["-"] * 10},
            "'age': 70 of 100 cells are numbers, but not 'n.a.' (20), '-' (10); treat these as missing with "
            """--data.missing_values '["n.a.", "-"]', or keep them with --data.categorical age""",
            {"categorical": "age"},
        ),
        (
            {"day": [f"2024-01-{1 + n % 28:02}" for n in range(80)] + ["soon"] * 20},
            "'day': 80 of 100 cells are dates or times, but not 'soon' (20); treat these as missing with "
            "--data.missing_values soon, or keep them with --data.categorical day",
            {"missing_values": ["soon"]},
        ),
        (
            {"number": list(range(1000, 1100))},
            "'number': 100 different integers, like an ID; leave it out with --data.ignore number",
            {"ignore": "number"},
        ),
        (
            {"Unnamed: 0": list(range(100))},
            "'Unnamed: 0': 100 different integers, like the index of a saved DataFrame; leave it out with "
            """--data.ignore '["Unnamed: 0"]'""",
            {"ignore": "Unnamed: 0"},
        ),
        (
            {"income": [float(n % 30) for n in range(95)] + [-999.0] * 5},
            "'income': -999 occurs 5 times, far from the others; treat it as missing with "
            "--data.missing_values=-999",
            {"missing_values": [-999]},
        ),
        (
            {"age": [n % 40 for n in range(95)] + [99] * 5},
            "'age': 99 occurs 5 times, far from the others; treat it as missing with "
            "--data.missing_values=99",
            {"missing_values": "99"},
        ),
    ],
)
def test_values_are_noted_unless_the_suggested_option_is_set(
    columns: dict[str, list[Any]], note: str, options: dict[str, Any]
) -> None:
    assert notes(columns) == [note]
    assert notes(columns, options=options) == []


def parse(option: str) -> dict[str, Any]:
    """Return the options of the data as the command line reads them."""
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--print_config"]
    with redirect_stdout(io.StringIO()) as output, suppress(SystemExit):
        main([*fit, *shlex.split(option)])
    parsed: dict[str, Any] = load(output.getvalue())["data"]["init_args"]
    return parsed


@pytest.mark.parametrize("name", ["Unnamed: 0", "#", "null", "it's", "[x]", "a, b", "{a}", "row"])
def test_the_command_line_reads_the_noted_option_for_a_column_of_any_name(name: str) -> None:
    (note,) = notes({name: [*range(100)]})
    assert as_list(parse(note.partition("leave it out with ")[2])["ignore"]) == [name]


@pytest.mark.parametrize("word", ["#DIV/0!", "~", "a: b", "Null", "unknown", "n.a.", "-", "--", "é"])
def test_the_command_line_reads_the_noted_option_for_any_word(word: str) -> None:
    (note,) = notes({"age": [str(n % 40) for n in range(80)] + [word] * 20})
    option = note.partition("missing with ")[2].partition(", or keep")[0]
    assert as_list(parse(option)["missing_values"]) == [word]


def test_words_among_numbers_are_noted_even_if_their_column_is_dropped() -> None:
    cells = [str(n / 7) for n in range(94)] + ["lost", "broken", "soon", "n.d.", "no", "new"]
    assert notes({"cost": cells}) == [
        "'cost': 94 of 100 cells are numbers, but not 'lost' (1), 'broken' (1), 'soon' (1), ...; treat these "
        """as missing with --data.missing_values '["lost", "broken", "soon", "n.d.", "no", "new"]', or """
        "keep them with --data.categorical cost"
    ]
    frame = pl.DataFrame({"cost": cells, "y": TARGETS})
    with pytest.raises(DataError, match=r"no feature is left(.*\n)+'cost': 94 of 100 cells are numbers"):
        TableDataModule(frame, "y")


def test_dates_in_the_future_are_noted_if_their_years_have_two_digits() -> None:
    born = [f"{13 + n % 15}.05.{60 + n % 40}" for n in range(100)]
    assert notes({"born": born}) == [
        "'born': 30 dates are in the future, such as 2069-05-27: two digits are read as years from 1970 to "
        "2069; write years with four digits"
    ]
    assert notes({"born": [day.replace(".05.", ".05.19") for day in born]}) == []


def test_many_different_words_are_not_noted() -> None:
    assert notes({"ticket": [str(n / 7) for n in range(60)] + [f"A{n}" for n in range(40)]}) == []


def test_classes_that_differ_only_in_case_or_spaces_are_noted() -> None:
    target = ["Yes", "yes", "NO ", "no"] * 25
    assert notes({}, target) == [
        "target 'y': 4 values differ from others only in case or spaces, such as 'NO', 'no'; merge them with "
        "--data.ignore_case true"
    ]
    frame = pl.DataFrame({"x": [n / 7 for n in range(100)], "y": target})
    assert TableDataModule(frame, "y", ignore_case=True).class_names == ["no", "yes"]


def test_ordinary_values_are_not_noted() -> None:
    columns: dict[str, list[Any]] = {
        "prices": [n * n / 7 for n in range(100)],
        "ages": [20 + n % 40 for n in range(100)],
        "temperature": [n % 50 - 9.0 for n in range(100)],  # -9 is not far
        "sparse": [n * 1000 for n in range(100)],
        "towns": ["New York", "york", "Rome", "Oslo", "Bonn"] * 20,
        "codes": ["A1", "B2", "7", "C3", "D4"] * 20,  # most are words
        "missing": ["x" if n % 3 else None for n in range(100)],
    }
    assert notes(columns) == []


def test_rows_that_repeat_are_noted_and_dropped() -> None:
    frame = pl.DataFrame({"x": [n / 8 for n in range(90)] + [0.5] * 10, "y": ["a", "b"] * 45 + ["a"] * 10})
    with pytest.warns(DataWarning, match="test rows also occur in train"):
        data = TableDataModule(frame, "y")
    assert data.notes == ["4 training rows equal an earlier one; drop them with --data.duplicates drop"]
    assert notes_on_rows({"without a target": 1}, 1) == [
        "dropped 1 row without a target",
        "1 training row equals an earlier one; drop it with --data.duplicates drop",
    ]
    assert len(data.split("train").x) - len(torch.unique(data.split("train").x)) == 4
    data = TableDataModule(frame, "y", duplicates="drop")
    assert data.notes == ["dropped 10 rows equal to an earlier one"]
    data.setup()
    assert sum(len(data.split(name).y) for name in ("train", "val", "test")) == 90


def test_rows_without_a_target_are_noted_and_dropped() -> None:
    frame = pl.DataFrame({"x": [n / 8 for n in range(100)], "y": ["a", None, "b", "a"] * 25})
    data = TableDataModule(frame, "y", missing_target="drop")
    assert data.notes == ["dropped 25 rows without a target"]
    assert data.describe().splitlines()[-2:] == ["notes:", "- dropped 25 rows without a target"]
