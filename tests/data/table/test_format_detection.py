"""The error for a file that is not a table names its format and how to convert it."""

import bz2
import gzip
import json
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lit_classify import DataError
from lit_classify.data.table.files import read_table
from tests.example_tables import write

CSV = "a,b\n" + "1,x\n2,y\n" * 20
FRAME = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def _parquet() -> bytes:
    FRAME.write_parquet("inner.parquet")
    return Path("inner.parquet").read_bytes()


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)


def _tar(path: Path) -> None:
    write(CSV, "inner.csv")
    with tarfile.open(path, "w") as archive:
        archive.add("inner.csv")


def _sqlite(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("create table t (a)")
    database.commit()
    database.close()


def _numpy(path: Path, save: Callable[..., None]) -> None:
    with path.open("wb") as file:
        save(file, np.ones(3))


MADE: dict[str, Callable[[Path], object]] = {
    "a compressed Parquet file: decompress it": lambda path: path.write_bytes(gzip.compress(_parquet())),
    "JSON: convert it first: polars.read_json": lambda path: path.write_bytes(
        bz2.compress(FRAME.write_json().encode())
    ),
    "an OpenDocument file: save it as CSV": lambda path: _zip(path, "mimetype", "content.xml"),
    "a zip archive of 2 files, but only one can be read; unpack it: unzip": lambda path: _zip(
        path, "a.csv", "b.csv"
    ),
    "a tar archive: unpack it: tar -xf": _tar,
    "an Avro file: convert it first": lambda path: FRAME.write_avro(path),
    "JSON: convert it first": lambda path: FRAME.write_json(path),
    "an SQLite database: export": _sqlite,
    "a NumPy array: save it as CSV": lambda path: _numpy(path, np.save),
    "NumPy arrays (.npz): save": lambda path: _numpy(path, np.savez),
    "a pickle: opening it may run untrusted code": lambda path: path.write_bytes(pickle.dumps({"a": 1})),
    "a PyTorch checkpoint": lambda path: torch.save({"a": 1}, path),
}
BEGUN = {
    b"\x04\x22\x4d\x18\x64\x40": "compressed by lz4: decompress it: unlz4 -c",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00": "an encrypted or old Office file (.xls): save it as CSV",
    b"\x89HDF\r\n\x1a\n\x00": "an HDF5 file",
    b"ORC\x0a\x00\x03": "an ORC file",
    b"%PDF-1.7\n%\xe2\xe3\n": "a PDF document",
    b"\x89PNG\r\n\x1a\n\x00": "a PNG image",
    b"\xff\xd8\xff\xe0\x00\x10JFIF": "a JPEG image",
    b"\xef\xbb\xbf\n<!DOCTYPE html>\n<p>": "a web page: download the file itself",
    b'<?xml version="1.0"?>\n<t/>': "an XML file",
    b"{\\rtf1\\ansi a,b}": "a rich text document",
    b"% comment\n@RELATION iris\n": "an ARFF file",
    b"version https://git-lfs.github.com/spec/v1\noid": "a Git LFS pointer, not the file itself: fetch it",
    json.dumps([[1, 2], [3, 4]]).encode(): "JSON: convert",
    bytes(range(1, 256)) * 4: "a binary file of an unknown format",
}


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", ["table.csv", "table.parquet", "table"])
@pytest.mark.parametrize("message", MADE)
def test_another_format_is_recognized_under_any_file_name(message: str, name: str) -> None:
    MADE[message](Path(name))
    with pytest.raises(DataError) as refused:
        read_table(name)
    assert f"{name} is {message}" in str(refused.value)


@pytest.mark.reliability(58)
@pytest.mark.parametrize("start", BEGUN)
def test_a_format_is_recognized_by_its_first_bytes(start: bytes) -> None:
    with pytest.raises(DataError) as refused:
        read_table(write(start, "table.csv"))
    assert f"table.csv is {BEGUN[start]}" in str(refused.value)


@pytest.mark.reliability(58)
def test_the_suggested_command_quotes_the_file_name() -> None:
    write(b"\x04\x22\x4d\x18\x64\x40", "it's mine.csv")
    with pytest.raises(DataError) as refused:
        read_table("it's mine.csv")
    assert """unlz4 -c 'it'"'"'s mine.csv' > table.csv""" in str(refused.value)


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.xlsx", "t.csv.gz"])
def test_a_file_is_read_under_any_name(name: str) -> None:
    FRAME.write_parquet(name)
    assert read_table(name).frame.equals(FRAME)
    assert len(read_table(write(CSV, name))) == 40


@pytest.mark.reliability(58)
@pytest.mark.parametrize(
    "header",
    [
        "ORCID,n",
        "BZh9,n",
        "PAR1,PAR2",
        "PARENT,n",
        "ARROW1,n",
        "FEA1,FEA2",
        "GIF89a,n",
        "ustar,n",
        "[a],n",
        "{a},n",
    ],
)
def test_column_names_are_not_taken_for_signatures(header: str) -> None:
    assert read_table(write(f"{header}\n1,2\n3,4\n")).frame.columns == header.split(",")


@pytest.mark.reliability(58)
@pytest.mark.parametrize(
    ("name", "save", "signature"),
    [
        ("Parquet", pl.DataFrame.write_parquet, 4),
        ("Arrow", pl.DataFrame.write_ipc, 6),
        ("Arrow stream", pl.DataFrame.write_ipc_stream, 4),
    ],
)
def test_a_binary_file_without_its_end_is_refused_as_truncated(
    name: str, save: Callable[..., None], signature: int
) -> None:
    save(FRAME, "whole")
    for size in (signature, signature + 2, 300, -1):
        with pytest.raises(DataError, match=rf"t.csv is a truncated {name} file"):
            read_table(write(Path("whole").read_bytes()[:size]))


@pytest.mark.parametrize(("signature", "message"), [("ORC", "an ORC file"), ("BZh", "compressed by bzip2")])
def test_a_signature_alone_is_not_taken_for_a_header(signature: str, message: str) -> None:
    with pytest.raises(DataError, match=f"t.csv is {message}"):
        read_table(write(signature))
