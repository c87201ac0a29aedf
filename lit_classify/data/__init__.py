"""LightningDataModules: where rows come from."""

from lit_classify.data.base import Axis, InMemoryDataModule
from lit_classify.data.line import LineDataModule
from lit_classify.data.loaders import SeededDataLoader, TensorLoader
from lit_classify.data.points import (
    BlobsDataModule,
    CirclesDataModule,
    MoonsDataModule,
    PointsDataModule,
    SpiralsDataModule,
)
from lit_classify.data.table import TableDataModule

__all__ = [
    "Axis",
    "BlobsDataModule",
    "CirclesDataModule",
    "InMemoryDataModule",
    "LineDataModule",
    "MoonsDataModule",
    "PointsDataModule",
    "SeededDataLoader",
    "SpiralsDataModule",
    "TableDataModule",
    "TensorLoader",
]
