"""Compressed CSV files: read like plain ones; corrupt, truncated and ambiguous ones are refused."""

import gzip
import shutil
import subprocess
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_classify import DataError
from lit_classify.data import memory
from lit_classify.data.table.compression import open_decompressed
from lit_classify.data.table.csv_dialect import CsvOptions
from lit_classify.data.table.files import read_table
from tests.example_files import COMPRESSED, zipped
from tests.example_tables import write

CSV = "größe,b\n" + "".join(f"{n},{'xyz'[n % 3]}\n" for n in range(2000))


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", COMPRESSED)
def test_a_compressed_csv_file_gives_the_same_table_and_digest(name: str) -> None:
    plain = read_table(write(CSV))
    table = read_table(write(COMPRESSED[name](CSV.encode()), "compressed.csv"))
    assert table.frame.equals(plain.frame)
    assert table.digests == plain.digests


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", COMPRESSED)
@given(st.data())
def test_a_truncated_or_corrupt_file_is_refused_wherever_the_fault_is(name: str, data: st.DataObject) -> None:
    content = COMPRESSED[name](CSV.encode())
    if name != "zstd" and data.draw(st.booleans()):  # zstd writes no checksum by default
        changed = bytearray(content)
        changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        content = bytes(changed)
    else:
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    try:
        table = read_table(write(content))
    except DataError:
        return
    assert table.frame.equals(read_table(write(CSV)).frame)  # a change of the file's date or name


@pytest.mark.reliability(58)
@pytest.mark.parametrize("name", COMPRESSED)
def test_half_of_a_file_is_named_as_truncated(name: str) -> None:
    content = COMPRESSED[name](CSV.encode())
    with pytest.raises(DataError, match=rf"t.csv is compressed by {name}, but corrupt or truncated: .+;"):
        read_table(write(content[: len(content) // 2]))


@pytest.mark.reliability(58)
def test_a_zip_archive_must_contain_one_file() -> None:
    with pytest.raises(DataError, match=r"t.zip is a zip archive of 2 files, but only one can be read"):
        read_table(write(zipped(b"a\n1\n", b"b\n1\n"), "t.zip"))
    with zipfile.ZipFile("t.zip", "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/t.csv", "a,b\n1,2\n")
        archive.writestr("__MACOSX/folder/._t.csv", "attributes")
    assert read_table("t.zip").frame.rows() == [(1, 2)]


@pytest.mark.reliability(58)
def test_an_encrypted_zip_archive_is_named() -> None:
    content = bytearray(zipped(b"a,b\n1,2\n"))
    for header, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption
        content[content.index(header) + offset] |= 1
    with pytest.raises(DataError, match=r"t.zip is an encrypted zip archive; unpack it: unzip t.zip"):
        read_table(write(bytes(content), "t.zip"))


@pytest.mark.reliability(29)
@pytest.mark.parametrize("name", COMPRESSED)
def test_an_empty_file_is_named_as_empty(name: str) -> None:
    with pytest.raises(DataError, match=r"t.csv is empty"):
        read_table(write(COMPRESSED[name](b"")))


@pytest.mark.reliability(29)
@pytest.mark.parametrize("name", COMPRESSED)
def test_the_line_of_a_fault_is_that_of_the_text(name: str) -> None:
    with pytest.raises(DataError, match=r"line 2002: 3 fields, but the first row has 2"):
        read_table(write(COMPRESSED[name](f"{CSV}1,2,3\n".encode())))
    with pytest.raises(DataError, match=r"line 2002: byte 0xfc is not utf-8"):
        read_table(write(COMPRESSED[name](CSV.encode() + b"\xfc,3\n")))


@pytest.mark.reliability(30)
@pytest.mark.parametrize("name", COMPRESSED)
def test_other_encodings_are_read(name: str) -> None:
    for encoding in ("utf-16", "latin-1"):
        content = COMPRESSED[name](CSV.encode(encoding))
        assert read_table(write(content), CsvOptions(encoding=encoding)).frame.columns == ["größe", "b"]


@pytest.mark.reliability(32)
def test_a_decompression_bomb_is_refused_before_it_is_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, decompressed = b"1,2\n" * (1 << 20), 0
    with gzip.open("t.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"a,b\n")
        for _ in range(32):
            file.write(rows)
    monkeypatch.setattr(memory, "free_memory", lambda: 50_000_000)
    read = gzip.GzipFile.read

    def counted(file: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal decompressed
        block = read(file, size)
        decompressed += len(block)
        return block

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(DataError, match=r"t.csv.gz: about .* rows x 2 columns need about .* MB of memory"):
        read_table("t.csv.gz")
    assert 0 < decompressed < 30_000_000  # of 134 MB


@pytest.mark.reliability(32)
@pytest.mark.parametrize("start", ["", "a,b\n1,2\n" * 20])
def test_a_bomb_of_a_single_line_is_refused(start: str) -> None:
    with gzip.open("t.csv.gz", "wb", compresslevel=1) as file:
        file.write(start.encode())
        for _ in range(40):
            file.write(b"1" * (1 << 20))
    with pytest.raises(DataError, match=r"t.csv.gz has a line of more than 16,777,216 characters"):
        read_table("t.csv.gz")


@pytest.mark.parametrize(
    ("tool", "ending"), [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")]
)
def test_files_written_by_the_usual_tools_are_read(tool: str, ending: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    write(CSV, "t.csv")
    subprocess.run([tool, "-k", "t.csv"], check=True, capture_output=True)
    assert read_table(f"t.csv.{ending}").frame.equals(read_table("t.csv").frame)


def test_concatenated_compressed_streams_are_one_file() -> None:
    for name in ("gzip", "bzip2", "xz", "zstd"):
        content = COMPRESSED[name](b"a,b\n1,2\n") + COMPRESSED[name](b"3,4\n")
        with open_decompressed(write(content)) as file:
            assert file.read() == b"a,b\n1,2\n3,4\n"
