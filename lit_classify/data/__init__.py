"""LightningDataModules for synthetic data and tables."""

from lit_classify.data.base import InMemoryDataModule
from lit_classify.data.loaders import SeededDataLoader, TensorLoader
from lit_classify.data.synthetic import (
    BlobsDataModule,
    CirclesDataModule,
    GaussiansDataModule,
    LineDataModule,
    MoonsDataModule,
    PointsDataModule,
    SpiralsDataModule,
    XorDataModule,
)
from lit_classify.data.table import TableDataModule

__all__ = [
    "BlobsDataModule",
    "CirclesDataModule",
    "GaussiansDataModule",
    "InMemoryDataModule",
    "LineDataModule",
    "MoonsDataModule",
    "PointsDataModule",
    "SeededDataLoader",
    "SpiralsDataModule",
    "TableDataModule",
    "TensorLoader",
    "XorDataModule",
]
