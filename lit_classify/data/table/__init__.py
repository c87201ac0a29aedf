"""One table, from file to tensors: source, schema, splits, preprocessing."""

from lit_classify.data.table.datamodule import TableDataModule

__all__ = ["TableDataModule"]
