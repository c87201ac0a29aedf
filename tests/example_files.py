"""The same table written in every format that can be read."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from collections.abc import Callable

import polars as pl

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def zipped(*contents: bytes) -> bytes:
    """Return a zip archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, content in enumerate(contents):
            archive.writestr(f"{index}.csv", content)
    return buffer.getvalue()


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
    "zip": zipped,
}


def _saved(save: Callable[..., object], **options: object) -> Callable[[pl.DataFrame], bytes]:
    def to_bytes(frame: pl.DataFrame) -> bytes:
        buffer = io.BytesIO()
        save(frame, buffer, **options)
        return buffer.getvalue()

    return to_bytes


BINARY: dict[str, Callable[[pl.DataFrame], bytes]] = {
    "Parquet": _saved(pl.DataFrame.write_parquet),
    "Arrow": _saved(pl.DataFrame.write_ipc),
    "Feather": _saved(pl.DataFrame.write_ipc, compression="lz4"),
    "Arrow stream": _saved(pl.DataFrame.write_ipc_stream),
    "Excel": _saved(pl.DataFrame.write_excel),
}


def in_every_format(frame: pl.DataFrame) -> dict[str, bytes]:
    """Return the content of a file in each format."""
    csv, lines = frame.write_csv().encode(), frame.write_ndjson().encode()
    return {
        "CSV": csv,
        **{f"CSV, {name}": compress(csv) for name, compress in COMPRESSED.items()},
        "JSON lines": lines,
        "JSON lines, gzip": gzip.compress(lines),
        **{name: to_bytes(frame) for name, to_bytes in BINARY.items()},
    }
