"""Checkpoint files: written atomically, and checked by a checksum."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lit_classify.checkpoints.io import AtomicCheckpointIO, is_intact
from lit_classify.errors import UserError
from tests.forked import ForkedProgram


@pytest.mark.reliability(5)
def test_a_full_disk_leaves_the_earlier_file_and_no_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    io = AtomicCheckpointIO()
    io.save_checkpoint({"x": torch.ones(3)}, "folder/c.ckpt")
    before = Path("folder/c.ckpt").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write folder/c.ckpt: No space left on device"):
        io.save_checkpoint({"x": torch.zeros(3)}, "folder/c.ckpt")
    assert Path("folder/c.ckpt").read_bytes() == before
    assert [path.name for path in Path("folder").iterdir()] == ["c.ckpt"]


@pytest.mark.slow
@pytest.mark.reliability(5)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
def test_a_file_size_limit_leaves_the_earlier_file() -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    before = Path("c.ckpt").read_bytes()
    code = (
        "import resource, torch; from lit_classify.checkpoints.io import AtomicCheckpointIO as IO\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "IO().save_checkpoint({'x': torch.zeros(1_000_000)}, 'c.ckpt')"
    )
    _, stderr = ForkedProgram(code).communicate()
    assert "UserError: cannot write c.ckpt: File too large; the existing file is unchanged" in stderr
    assert Path("c.ckpt").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["c.ckpt"]


@pytest.mark.reliability(9)
def test_ctrl_c_waits_until_a_checkpoint_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def interrupted(handle: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        flush(handle)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    assert is_intact(Path("c.ckpt"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.reliability(4)
def test_killing_a_save_loses_no_checkpoint() -> None:
    script = Path(__file__).parents[2] / "scripts" / "kill_while_saving.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "50"], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"50 kills, [1-9]\d* during a write, .* 0 files lost", done.stdout)
    assert not list(Path().iterdir())


@pytest.mark.reliability(6)
def test_a_flipped_bit_and_a_truncated_file_are_detected() -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, "c.ckpt")
    content, corrupt = Path("c.ckpt").read_bytes(), Path("d.ckpt")
    assert is_intact(Path("c.ckpt"))
    assert torch.load("c.ckpt", weights_only=True)["x"].tolist() == [1, 1, 1]
    for position in range(len(content)):
        flipped = bytes([content[position] ^ 1 << position % 8])
        corrupt.write_bytes(content[:position] + flipped + content[position + 1 :])
        assert not is_intact(corrupt), position
        if position % 7 == 0 or position > len(content) - 150:
            corrupt.write_bytes(content[:position])
            assert not is_intact(corrupt), position
    corrupt.write_bytes(content + b"more")
    assert not is_intact(corrupt)


@pytest.mark.reliability(6)
def test_a_file_of_torch_save_is_checked_by_its_zip_checksums() -> None:
    torch.save({"x": torch.ones(3)}, "c.ckpt")
    assert is_intact(Path("c.ckpt"))
    content = Path("c.ckpt").read_bytes()
    position = content.index(torch.ones(3).numpy().tobytes())
    Path("c.ckpt").write_bytes(content[:position] + b"\1" + content[position + 1 :])
    assert not is_intact(Path("c.ckpt"))
