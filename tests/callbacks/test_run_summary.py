"""The summary of a run: its tables are valid Markdown."""

import pytest

from lit_classify import BlobsDataModule, CirclesDataModule, LineDataModule
from lit_classify.callbacks.run_summary import row_count_table
from lit_classify.data import InMemoryDataModule


@pytest.mark.parametrize(
    "data",
    [CirclesDataModule(), LineDataModule(), BlobsDataModule(num_classes=30)],
    ids=lambda data: type(data).__name__,
)
def test_all_lines_of_the_table_of_rows_have_the_same_cells(data: InMemoryDataModule) -> None:
    lines = [line for line in row_count_table(data).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert set(lines[1]) == {"|", "-"}


def test_a_table_of_many_classes_is_transposed() -> None:
    data = BlobsDataModule(num_classes=30)
    lines = row_count_table(data).splitlines()
    assert lines[0] == "| split | train | val | test |"
    counts = [data.count_rows(split)[1] for split in ("train", "val", "test")]
    assert lines[3] == f"| 0 | {' | '.join(str(class_counts[0]) for class_counts in counts)} |"
