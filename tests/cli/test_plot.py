"""The command ``plot``: finished runs, recipes and custom classes."""

import struct
from pathlib import Path

import pytest
import torch
from matplotlib import image

from lit_classify import (
    BinaryClassifier,
    load,
)
from lit_classify.cli.main import main
from lit_classify.data import InMemoryDataModule
from lit_classify.data.splits import Split
from tests.example_tables import write

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]


class OwnData(InMemoryDataModule):
    in_features, out_features, class_names = 2, 1, ["left", "right"]

    def __init__(self, num_rows: int = 30) -> None:
        super().__init__(batch_size=None, shuffle=False, drop_last=False, random_state=1)
        self.num_rows = num_rows
        self.save_hyperparameters(logger=False)

    def load(self) -> dict[str, Split]:
        x = torch.randn(self.num_rows, 2, generator=torch.Generator().manual_seed(0))
        return dict.fromkeys(("train", "val", "test"), Split(x, (x[:, 0] > 0).long()))


class OwnClassifier(BinaryClassifier):
    pass


@pytest.mark.slow
@pytest.mark.reliability(62)
@pytest.mark.parametrize("cell", ["1e300", "3e38", "-1e38"])
def test_extreme_values_stop_neither_a_fit_nor_its_plots(
    cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "\n".join(f"{cell if n == 3 else n % 7},{n % 5},{'ab'[n % 2]}" for n in range(60))
    write(f"u,v,kind\n{rows}")
    fit = ["fit", "--config", "table", "--trainer.max_epochs", "3", "--data.path", "t.csv"]
    assert main([*fit, "--data.target", "kind"]) == 0
    assert "Trained 3 epochs" in capsys.readouterr().out
    assert main(["plot", "lightning_logs/table/version_0/checkpoints/last.ckpt"]) == 0
    output = capsys.readouterr()
    assert "plots/confusion_matrix.png" in output.out.split()
    assert Path("plots/boundary.png").exists() != ("plot boundary skipped: " in output.err)


def test_a_run_on_a_custom_data_module_is_plotted(capsys: pytest.CaptureFixture[str]) -> None:
    class_path = f"{__name__}.OwnData"
    fit = [
        "fit",
        "--data",
        class_path,
        "--trainer.max_epochs",
        "1",
        "--plots",
        "none",
        "--recipe.name",
        "own",
    ]
    assert main(fit) == 0
    plot = ["plot", "lightning_logs/own/version_0/checkpoints/best.ckpt"]
    assert main(plot) == 2
    assert (
        f"{class_path}: a checkpoint imports only what you name yourself; add --data {class_path}"
        in capsys.readouterr().err
    )
    assert main([*plot, "--data", "lit_classify.CirclesDataModule"]) == 2
    assert f"is of a {class_path}, but --data is a CirclesDataModule" in capsys.readouterr().err
    assert main([*plot, "--data", class_path]) == 0
    assert "plots/confusion_matrix.png" in capsys.readouterr().out.split()


def test_a_run_of_a_custom_module_is_plotted(capsys: pytest.CaptureFixture[str]) -> None:
    class_path = f"{__name__}.OwnClassifier"
    assert main([*SHORT, "none", "--model", class_path]) == 0
    plot = ["plot", "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"]
    assert main(plot) == 2
    assert f"add --model {class_path}" in capsys.readouterr().err
    assert main([*plot, "--model", class_path]) == 0


@pytest.mark.parametrize("format_", ["png", "svg"])
def test_a_finished_run_is_plotted(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "none"]) == 0
    checkpoint = "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"
    capsys.readouterr()
    assert main(["plot", checkpoint, "--out", "a/b", "--format", format_]) == 0
    names = [
        "boundary",
        "hidden_units",
        "confusion_matrix",
        "roc_and_precision_recall",
        "calibration_curve",
        "learning_curves",
    ]
    assert capsys.readouterr().out.split() == [f"a/b/{name}.{format_}" for name in names]
    for name in names:
        content = Path(f"a/b/{name}.{format_}").read_bytes()
        if format_ == "png":
            width, height = struct.unpack(">II", content[16:24])
            assert min(width, height) > 300
        else:
            assert b"<svg" in content
    assert not load(checkpoint).training


def test_plots_for_dark_pages_are_dark() -> None:
    assert main([*SHORT, "none"]) == 0
    for folder, *dark in (("light",), ("dark", "--dark")):
        assert main(["plot", "best", "--out", folder, *dark]) == 0
    paths = sorted(Path("dark").iterdir())
    assert len(paths) == 6
    for path in paths:
        assert image.imread(path)[0, 0, :3].max() < 0.2
        assert image.imread("light" / path.relative_to("dark"))[0, 0, :3].min() == 1


def test_unusable_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    for arguments, message in (
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["nowhere.ckpt", "--out", "file"], "cannot write plots into file"),
        (["nowhere.ckpt", "--format", "gif"], "invalid choice: 'gif'"),
    ):
        assert main(["plot", *arguments]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "drawn"),
    [("circles_v0", "boundary"), ("blobs", "boundary"), ("line", "predictions")],
)
def test_a_recipe_is_trained_and_plotted(recipe: str, drawn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", recipe, "--out", "a/b"]) == 0
    names = [f"{recipe}_data.png", f"{recipe}_{drawn}.png", "activations.png"]
    assert capsys.readouterr().out.splitlines() == [str(Path("a/b") / name) for name in names]
    assert sorted(path.name for path in Path("a/b").iterdir()) == sorted(names)
    assert not Path("lightning_logs").exists()


@pytest.mark.parametrize("source", [pytest.param("best", marks=pytest.mark.slow), "circles_v0"])
def test_plots_are_overwritten_only_on_request(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "none"]) == 0
    assert main(["plot", source, "--out", "own"]) == 0
    name = "boundary.png" if source == "best" else "circles_v0_data.png"
    Path("own", name).write_bytes(b"another plot")
    capsys.readouterr()
    assert main(["plot", source, "--out", "own"]) == 2
    assert f"own/{name} already exists; add --overwrite, or choose another --out" in capsys.readouterr().err
    assert Path("own", name).read_bytes() == b"another plot"
    assert main(["plot", source, "--out", "own", "--overwrite"]) == 0
    assert Path("own", name).read_bytes() != b"another plot"


@pytest.mark.slow
def test_plots_of_several_checkpoints_have_different_names() -> None:
    assert main([*SHORT, "none"]) == 0
    assert main(["plot", "best", "lightning_logs/circles_v2/version_0/checkpoints/last.ckpt"]) == 0
    names = {path.name for path in Path("plots").iterdir()}
    assert len(names) == 12
    assert {"circles_v2_version_0_best_boundary.png", "circles_v2_version_0_last_boundary.png"} <= names


def test_a_recipe_without_a_boundary_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write("x,z,price\n" + "".join(f"{n},{n % 5},{3 * n}\n" for n in range(60)))
    Path("own.yaml").write_text(
        "model: {class_path: Regressor}\n"
        "data: {class_path: TableDataModule, init_args: {path: t.csv, target: price}}\n"
        "trainer: {max_epochs: 1, accelerator: cpu}\n"
    )
    assert main(["plot", "own.yaml"]) == 2
    assert "own: plot draws recipes with classes over numeric features" in capsys.readouterr().err
    assert not Path("plots").exists()


def test_without_test_rows_a_cross_validated_model_is_plotted_on_out_of_fold_rows() -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 3 else 'no'}" for n in range(60)]
    write("\n".join(["a,b,y", *rows]))
    fit = ["fit", "--config", "table", "--data.path", "t.csv", "--data.target", "y", "--plots", "none"]
    assert main([*fit, "--trainer.max_epochs", "2", "--data.folds", "3", "--data.test_fraction", "0"]) == 0
    assert main(["plot", "best", "--out", "plots"]) == 0
    drawn = {path.stem for path in Path("plots").iterdir()}
    assert {"boundary", "confusion_matrix", "calibration_curve", "roc_and_precision_recall"} <= drawn
