"""Untrusted files, and files of other releases, are refused before anything is imported."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_classify.cli.main import main
from tests.runs import table_run

RUN = "lightning_logs/moons/version_{}/checkpoints/last.ckpt"


FIT = ["fit", "--config", "moons", "--plots", "none", "--model.dropout", "0.3"]


MODULE = "from pathlib import Path\nPath('imported').touch()\nclass Data: ...\nclass Model: ...\n"


@pytest.mark.reliability(13)
@pytest.mark.parametrize("address", ["https://example.org/a", "s3://bucket/a", "file:///tmp/a"])
def test_urls_are_not_fetched(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["fit", "--config", f"{address}.yaml"],
        ["fit", "--config", "moons", "--ckpt_path", f"{address}.ckpt"],
        ["test", "--ckpt_path", f"{address}.ckpt"],
        ["plot", f"{address}.ckpt"],
    ):
        assert main(arguments) == 2
        stderr = capsys.readouterr().err
        assert f"{arguments[-1]} is a URL" in stderr
        assert "download the file, inspect it, and give its local path" in stderr
    assert not list(Path().iterdir())


@pytest.mark.reliability(13)
def test_an_untrusted_configuration_imports_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("foreign_module.py").write_text(MODULE)
    Path("evil.yaml").write_text(
        "data: {class_path: foreign_module.Data}\nmodel: {class_path: BinaryClassifier}\n"
    )
    monkeypatch.syspath_prepend("")
    assert main(["fit", "--config", "evil.yaml"]) == 2
    message = "foreign_module.Data is imported only if given on the command line; if you trust it, add"
    assert message in capsys.readouterr().err
    assert not Path("imported").exists()
    fit = ["fit", "--config", "circles_v2", "--data", "foreign_module.Data"]
    assert main(fit) == 2  # imported, but not a data module
    assert Path("imported").exists()


COMMANDS = (
    ["test", "--ckpt_path"],
    ["predict", "--ckpt_path"],
    ["plot"],
    ["importance"],
    ["export", "--format", "onnx"],
)


@pytest.mark.reliability(13)
@pytest.mark.parametrize(
    "entry", ["model.class_path", "data.class_path", "model.network", "model.activation"]
)
def test_an_untrusted_checkpoint_imports_nothing(
    entry: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*FIT, "--trainer.max_epochs", "1"]) == 0
    Path("foreign_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend("")
    content = torch.load(RUN.format(0), weights_only=True)
    key, name = entry.split(".")
    del content["lit_classify"]["sealed"]
    record = content["lit_classify"][key]
    (record if name == "class_path" else record["init_args"])[name] = f"foreign_module.{key.capitalize()}"
    torch.save(content, "evil.ckpt")
    for command in (
        COMMANDS if key == "model" else COMMANDS[:-1]
    ):  # a model of points is exported without its data
        capsys.readouterr()
        assert main([*command, "evil.ckpt"]) == 2
        assert "foreign_module" in capsys.readouterr().err
    assert not Path("imported").exists()


@pytest.mark.reliability(12)
@pytest.mark.parametrize("recipe", ["circles_v2", "line", "spirals", "table"])
def test_every_checkpoint_loads_with_weights_only(recipe: str) -> None:
    if recipe == "table":
        table_run()
    else:
        assert (
            main(
                [
                    "fit",
                    "--config",
                    recipe,
                    "--trainer.max_epochs",
                    "2",
                    "--model.lr_scheduler",
                    "StepLR",
                    "--model.lr_scheduler_args.step_size",
                    "1",
                    "--plots",
                    "all",
                ]
            )
            == 0
        )
    paths = list(Path("lightning_logs").rglob("*.ckpt"))
    assert len(paths) == 2
    for path in paths:
        assert torch.load(path, weights_only=True)["lit_classify"]["model"]


class Hostile:
    """An object whose pickle runs code when it is loaded."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("imported"),)


@pytest.mark.reliability(13)
def test_a_pickle_in_a_checkpoint_is_not_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"lit_classify": {"model": Hostile()}}, "evil.ckpt")
    assert main(["test", "--ckpt_path", "evil.ckpt"]) == 2
    assert "evil.ckpt is not a readable checkpoint" in capsys.readouterr().err
    assert not Path("imported").exists()
