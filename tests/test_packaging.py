"""The wheel contains the recipes and works from any directory."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lit_classify import recipes

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_fits_a_recipe_from_another_folder(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT],
        check=True,
    )
    (wheel,) = wheels.glob("lit_classify-*.whl")
    unpacked, elsewhere = tmp_path / "unpacked", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")} == {
        "lit_classify"
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "lit_classify", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(unpacked)}
        return subprocess.run(
            command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert all(name in run("recipes") for name in recipes.names())
    assert "Epoch: 0 " in run("fit", "--config", "blobs", "--trainer.max_epochs", "11")
    assert (elsewhere / "lightning_logs/blobs/version_0/config.yaml").is_file()


def test_the_top_level_has_only_the_agreed_files_and_folders() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    visible = {line.partition("/")[0] for line in listed.splitlines() if not line.startswith(".")}
    folders = {"lit_classify", "scripts", "tests", "lightning_logs"}
    assert visible == {"LICENSE", "README.md", "pyproject.toml", *folders}
