"""What a run shows in TensorBoard, read back through TensorBoard's own reader."""

import io
import re
import shutil
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_wine
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    LitModule,
    MulticlassClassifier,
    TableDataModule,
    load,
    plots,
)
from lit_classify.callbacks.boundary import Snapshot, make_boundary_plot, select_frames
from lit_classify.callbacks.evaluation_plots import worst_rows
from lit_classify.callbacks.hidden_units import layer_activations, plot_hidden_units
from lit_classify.cli.main import main
from lit_classify.data import InMemoryDataModule
from lit_classify.data.base import Split
from lit_classify.networks import MLP, evaluating
from lit_classify.plots.images import to_pixels
from tests.example_tables import bundled, write

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


def events(run: str) -> EventAccumulator:
    found = EventAccumulator(f"lightning_logs/{run}", size_guidance={"images": 0, "tensors": 0, "scalars": 0})
    found.Reload()
    return found


def said(found: EventAccumulator, tag: str) -> str:
    text: bytes = found.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0]
    return text.decode()


def test_everything_that_is_shown_can_be_read_back() -> None:
    assert main([*SHORT, "all"]) == 0
    found = events("circles_v2/version_0")
    scalars = {
        "train/loss",
        "train/accuracy",
        "val/loss",
        "val/accuracy",
        "optimizer/lr",
        "optimizer/grad_norm",
    }
    assert scalars <= set(found.Tags()["scalars"])
    for tag in ("train/loss", "optimizer/lr", "optimizer/grad_norm"):
        assert [event.step for event in found.Scalars(tag)] == list(range(7))
    assert [event.value for event in found.Scalars("optimizer/lr")] == pytest.approx([0.1] * 7)
    sizes = {
        tag: [(image.step, image.width, image.height) for image in found.Images(tag)]
        for tag in found.Tags()["images"]
    }
    assert [step for step, _, _ in sizes["boundary"]] == list(range(7))
    assert len({drawn[1:] for drawn in sizes["boundary"]}) == 1
    assert [
        step
        for tag in ("boundary_animation", "hidden_units", "evaluation/roc_and_precision_recall")
        for step, _, _ in sizes[tag]
    ] == [6, 6, 6]
    for tag, drawn in sizes.items():
        picture = Image.open(io.BytesIO(found.Images(tag)[-1].encoded_image_string))
        assert picture.size == drawn[-1][1:]
        assert np.asarray(picture.convert("RGB")).std() > 5  # something is drawn
    film = Image.open(io.BytesIO(found.Images("boundary_animation")[0].encoded_image_string))
    assert (film.format, film.n_frames) == ("GIF", 7)  # type: ignore[attr-defined]  # a GIF has frames
    assert Path("lightning_logs/circles_v2/version_0/boundary.gif").is_file()
    assert "bend the line" in said(found, "about/why")
    assert said(found, "about/command").strip() == f"lit-classify {' '.join([*SHORT, 'all'])}"
    assert "| Linear(in_features=2, out_features=10, bias=True) | (N, 10) | 30 |" in said(
        found, "about/network"
    )
    assert "| train | 800 | 400 | 400 |" in said(found, "about/data")
    assert f"torch {torch.__version__}" in said(found, "about/versions")
    layout = layout_pb2.Layout.FromString(
        found.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    )
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert charts["loss"] == ["train/loss", "val/loss"]
    assert charts["accuracy"] == ["train/accuracy", "val/accuracy"]


def hparams(folder: str) -> tuple[list[str], list[dict[str, float]], list[dict[str, str]]]:
    """Return what the HParams page shows of a folder: the metrics' tags, and of each run metrics and keys."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0, "tensors": 0})
    multiplexer.AddRunsFromDirectory(folder).Reload()
    provider = MultiplexerDataProvider(multiplexer, folder)
    context, asking = Context(TBContext(data_provider=provider)), RequestContext()
    content = context.hparams_metadata(asking, "")
    experiment = context.experiment_from_metadata(asking, "", True, content, [])
    tags = [info.name.tag for info in experiment.metric_infos]
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100)
    for tag in tags:
        request.col_params.add().metric.tag = tag
    for status in ("STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"):
        request.allowed_statuses.append(getattr(api_pb2, status))
    groups = Handler(asking, context, "", request).run().session_groups
    values = [{value.name.tag: value.value for value in group.metric_values} for group in groups]
    typed = [{key: value.WhichOneof("kind") for key, value in group.hparams.items()} for group in groups]
    return tags, values, typed


def test_runs_of_all_tasks_share_the_keys_of_the_hparams_page() -> None:
    assert main([*SHORT, "basic", "--model.optimizer", "Adam", "--data.batch_size", "100"]) == 0
    for recipe in ("line", "blobs"):
        assert main(["fit", "--config", recipe, "--trainer.max_epochs", "2"]) == 0
    _, _, typed = hparams("lightning_logs")
    assert len(typed) == 3
    assert typed[0] == typed[1] == typed[2]
    assert {"optimizer", "lr", "hidden", "batch_size", "parameters", "task"} <= set(typed[0])


@pytest.mark.reliability(59)
@pytest.mark.parametrize(("recipe", "metric"), [("blobs", "accuracy"), ("line", "mae")])
def test_the_hparams_page_has_a_value_for_every_metric_that_it_declares(recipe: str, metric: str) -> None:
    assert main(["fit", "--config", recipe, "--trainer.max_epochs", "3"]) == 0
    tags, (values,), _ = hparams("lightning_logs")
    names = [f"best/{stage}_{name}" for stage in ("val", "train") for name in ("loss", metric)]
    assert tags == ["best/epoch", *names]
    assert set(values) == set(tags)


@pytest.mark.reliability(59)
def test_the_hparams_page_shows_the_best_epoch_and_the_test(capsys: pytest.CaptureFixture[str]) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    fit = ["fit", "--config", "table", *wine, "--log_every_n_epochs", "1", "--trainer.max_epochs", "40"]
    assert main([*fit, "--model.lr", "0.3"]) == 0  # so large that the last epoch is not the best
    out = capsys.readouterr().out
    ((epoch, loss, tested, accuracy),) = re.findall(
        r"epoch (\d+) by val/loss, (\S+); on the test rows: loss (\S+), accuracy (\S+)", out
    )
    assert int(epoch) < 39
    tags, (values,), _ = hparams("lightning_logs")
    assert set(values) == set(tags)
    assert values["best/epoch"] == int(epoch)
    assert f"{values['best/val_loss']:.5f}" == loss
    assert (f"{values['test/loss']:.5f}", f"{values['test/accuracy']:.5f}") == (tested, accuracy)
    (line,) = (line for line in out.splitlines() if re.match(rf"Epoch: {epoch} +\|", line))
    shown = re.findall(r"(?:Loss|Val loss): (\S+), Acc: (\S+?)%", line)
    expected = [
        (f"{values[f'best/{stage}_loss']:.5f}", f"{values[f'best/{stage}_accuracy']:.2%}")
        for stage in ("train", "val")
    ]
    assert [(loss, f"{accuracy}%") for loss, accuracy in shown] == expected


@pytest.mark.reliability(59)
def test_a_resumed_run_shows_the_best_epoch_of_all() -> None:
    fit = ["fit", "--config", "blobs", "--log_every_n_epochs", "1", "--trainer.max_epochs"]
    assert main([*fit, "5"]) == 0
    (before,) = hparams("lightning_logs")[1]
    path = "lightning_logs/blobs/version_0/checkpoints/last.ckpt"
    assert main([*fit, "6", "--ckpt_path", path, "--model.lr_scheduler", "null"]) == 0
    after = hparams("lightning_logs/blobs/version_1")[1][0]
    assert after["best/val_loss"] <= before["best/val_loss"]


@pytest.mark.reliability(59)
def test_without_validation_the_hparams_page_shows_the_last_epoch() -> None:
    assert (
        main([*SHORT, "basic", "--trainer.limit_val_batches", "0", "--trainer.enable_checkpointing", "false"])
        == 0
    )
    tags, (values,), _ = hparams("lightning_logs")
    assert tags == ["train/loss", "train/accuracy"]
    found = events("circles_v2/version_0").Scalars("train/loss")
    assert values["train/loss"] == found[-1].value


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["none"], set()),
        (["boundary"], {"boundary", "boundary_animation"}),
        (["hidden_units"], {"hidden_units"}),
        (["basic"], {"boundary", "boundary_animation", "evaluation/confusion_matrix"}),
        (["[hidden_units, evaluation]"], {"hidden_units", "evaluation/confusion_matrix"}),
    ],
)
def test_each_picture_is_switched_by_one_line(options: list[str], tags: set[str]) -> None:
    assert main([*SHORT, *options]) == 0
    found = events("circles_v2/version_0").Tags()
    assert set(found["images"]) == tags
    assert ("optimizer/lr" in found["scalars"]) == (options[0] in ("basic", "all"))


def test_pictures_leave_no_trace_on_the_training() -> None:
    dropout = ["--model.dropout", "0.3", "--data.batch_size", "64"]
    for level in ("none", "all"):
        assert main([*SHORT, level, *dropout]) == 0
    plain, drawn = (
        torch.load(f"lightning_logs/circles_v2/version_{run}/checkpoints/last.ckpt", weights_only=True)
        for run in (0, 1)
    )
    for name, weight in plain["state_dict"].items():
        assert torch.equal(weight, drawn["state_dict"][name]), name
    assert pyplot.get_fignums() == []


def test_tables_lines_and_labels_are_drawn_as_they_can_be() -> None:
    wine = str(bundled(load_wine, "wine.csv"))
    fit = ["fit", "--config", "table", "--trainer.max_epochs", "3", "--plots", "all", "--data.target"]
    assert main([*fit, "target", "--data.path", wine]) == 0
    found = events("table/version_0")
    assert {
        "boundary",
        "boundary_animation",
        "evaluation/confusion_matrix",
        "evaluation/calibration_curve",
    } <= set(found.Tags()["images"])
    assert said(found, "evaluation/worst_rows").count("\n") == 11
    assert said(found, "evaluation/worst_rows").count("x0") == 1  # in the head, with cells below it
    assert "x12" in said(found, "about/data")
    assert main([*fit, "target", "--data.path", str(bundled(load_diabetes, "d.csv"))]) == 0
    assert set(events("table/version_1").Tags()["images"]) == {"evaluation/predicted_vs_actual"}
    rows = [f"{n},{n % 5},{n % 2},{int(n % 3 == 0)}" for n in range(90)]
    write("x,z,even,third\n" + "\n".join(rows))
    assert main([*fit, "[even, third]", "--data.path", "t.csv"]) == 0
    assert set(events("table/version_2").Tags()["images"]) == {
        "hidden_units",
        "evaluation/roc_and_precision_recall",
        "evaluation/calibration_curve",
    }
    assert main(["fit", "--config", "line", "--trainer.max_epochs", "3"]) == 0
    assert {"boundary", "boundary_animation", "evaluation/predicted_vs_actual"} == set(
        events("line/version_0").Tags()["images"]
    )


def test_a_frame_looks_like_the_picture() -> None:
    data = CirclesDataModule()
    model = BinaryClassifier(2)
    split = data.split("test")
    with evaluating(model):
        plane = plots.DecisionBoundaryDisplay({"Test": split}, ["0", "1"])
        p, predicted = model.predict(plots.grid(plane.extent)), [model.predict(split.x).argmax(dim=1)]
        frame = plane.frame(p, predicted, "epoch 0")
        again = plane.frame(p, predicted, "epoch 0")
        plane.update(p, predicted, "epoch 0")
    assert np.array_equal(frame, again)
    still = to_pixels(plane.figure)
    assert frame.shape == still.shape
    same = np.abs(frame.astype(int) - still).max(axis=2) < 60
    assert same.mean() > 0.97  # texts and edges are drawn by another library


def snapshots(changes: list[float]) -> list[Snapshot]:
    places = np.cumsum([0.0, *changes])
    return [
        Snapshot(torch.full((9, 2), float(place)), [], epoch=epoch, step=epoch)
        for epoch, place in enumerate(places)
    ]


def test_frames_are_spread_over_the_change_rather_than_the_epochs() -> None:
    taken = snapshots([0.001] * 50 + [1.0] * 50)
    epochs = [part.epoch for part in select_frames(taken, 20)]
    assert (len(epochs), epochs[0], epochs[-1]) == (20, 0, 100)
    assert epochs == sorted(set(epochs))
    assert 12 <= sum(epoch > 50 for epoch in epochs) < 19
    epochs = [part.epoch for part in select_frames(snapshots([1.0] * 50 + [0.001] * 50), 20)]
    assert 12 <= sum(epoch < 50 for epoch in epochs) < 19
    assert [part.epoch for part in select_frames(snapshots([0.0] * 9), 4)][::3] == [0, 9]


def test_a_plot_s_title_names_run_epoch_and_loss_and_a_slice_says_so() -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{n % 3},{n % 11},{'ab'[n % 2]}" for n in range(60))
    write(f"u,v,w,z,kind\n{rows}")
    table = TableDataModule("t.csv", "kind")
    for data, caption in ((CirclesDataModule(), ""), (table, "2 other features at the training median")):
        data.setup("fit")
        model = BinaryClassifier(data.in_features, class_names=data.class_names)
        with evaluating(model):
            plot = make_boundary_plot(model, data, "val", "runs/version_7")
            assert plot is not None
            figure = plot.figure(plot.snapshot(model, 1234))
            x, y = data.split("val")
            loss = float(model.loss(model(x), y))
        name = "test" if data.validates_on_test else "validation"
        assert figure.get_suptitle() == f"runs/version_7, epoch 1,234: {name} loss {loss:.4f}"
        assert caption in (said := figure.legends[0].get_title().get_text())
        assert bool(caption) == bool(said)


def test_the_film_of_a_long_fit_shows_its_first_and_last_epoch_over_one_palette() -> None:
    long = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "130", "--plots", "basic"]
    assert main(long) == 0
    run = "circles_v2/version_0"
    steps = [image.step for image in events(run).Images("boundary")]
    assert (len(steps), steps[0], steps[-1]) == (10, 0, 129)
    palettes = palettes_of(Path(f"lightning_logs/{run}/boundary.gif").read_bytes())
    assert 30 <= len(palettes) <= 40
    assert len(set(palettes)) == 1


def palettes_of(gif: bytes) -> list[bytes]:
    """Return the palette of each frame of a GIF, by walking over its blocks (GIF89a, sections 18 to 24)."""

    def palette(flags: int, start: int) -> bytes:
        return gif[start : start + (flags >> 7) * 3 * 2 ** ((flags & 7) + 1)]

    shared, found = palette(gif[10], 13), []
    place = 13 + len(shared)
    while gif[place] != 0x3B:
        if gif[place] == 0x2C:
            own = palette(gif[place + 9], place + 10)
            found.append(own or shared)
            place += 11 + len(own)
        else:
            place += 2
        while gif[place]:
            place += gif[place] + 1
        place += 1
    return found


@pytest.mark.reliability(62)
@pytest.mark.parametrize("cell", ["1e300", "3e38", "-1e38"])
def test_a_cell_of_any_size_ends_neither_a_fit_nor_its_plots(
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


@pytest.mark.reliability(62)
@pytest.mark.parametrize("function", ["confusion_matrix", "grid"])
def test_an_error_while_drawing_costs_that_plot_alone(
    function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(plots, function, fails)
    skipped = {"confusion_matrix": "confusion_matrix", "grid": "decision boundary"}[function]
    assert main([*SHORT, "basic"]) == 0
    drawn = {"boundary", "boundary_animation", "evaluation/confusion_matrix"}
    lost = {"confusion_matrix": {"evaluation/confusion_matrix"}, "grid": {"boundary", "boundary_animation"}}[
        function
    ]
    assert set(events("circles_v2/version_0").Tags()["images"]) == drawn - lost
    output = capsys.readouterr()
    assert "Trained 7 epochs" in output.out
    assert output.err.count(f"plot {skipped} skipped: no room") == 1


def test_test_rows_are_shown_after_the_training_and_never_during_it() -> None:
    data = CirclesDataModule(val_fraction=0.2)
    model = BinaryClassifier(2)
    drawn = {split: make_boundary_plot(model, data, split, "") for split in ("val", "test")}
    shown = {split: plot.splits for split, plot in drawn.items() if plot is not None}
    assert list(shown["val"]) == ["Train", "Validation"]
    assert list(shown["test"]) == ["Train", "Test"]
    for split in ("val", "test"):
        assert torch.equal(list(shown[split].values())[1][0], data.split(split).x)


def test_the_sheet_traces_what_the_layers_answer() -> None:
    network = MLP(2, 1, [3, 4], "Tanh")
    x = torch.randn(5, 2)
    answers, weights = layer_activations(network, x)
    assert [answer.shape[1] for answer in answers] == [2, 3, 4, 1]
    assert [tuple(weight.shape) for weight in weights] == [(3, 2), (4, 3), (1, 4)]
    torch.testing.assert_close(answers[1], torch.tanh(network[0](x)))
    torch.testing.assert_close(answers[-1], network(x))
    wide = BinaryClassifier(2, hidden=[40])
    with evaluating(wide):
        sheet = plot_hidden_units(wide, CirclesDataModule(), "wide")
    assert len(sheet.axes) == 2 + 16 + 1  # the most active 16


def test_curves_are_scikit_learn_s() -> None:
    random = np.random.default_rng(0)
    y = np.eye(2, dtype=np.int64)[random.integers(0, 2, 300)]
    p = random.dirichlet([1, 1], 300)
    figure = plots.roc_and_precision_recall(y, p, ["no", "yes"], "")
    labels = [line.get_label() for axes in figure.axes for line in axes.lines]
    area = metrics.roc_auc_score(y[:, 1], p[:, 1])
    mean = metrics.average_precision_score(y[:, 1], p[:, 1])
    assert labels == [f"yes: AUC {area:.3f}", "chance", f"yes: AP {mean:.3f}"]


@pytest.mark.parametrize("task", [BinaryClassifier, MulticlassClassifier])
def test_saturated_logits_rank_in_their_order(task: type[LitModule]) -> None:
    model = task(2, 1 if task is BinaryClassifier else 2, class_names=["0", "1"], hidden=[])
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        next(model.parameters())[-1, 0] = 1.0  # the logit of class 1 is the first feature
    write("x,z,kind\n" + "".join(f"{n},{n % 5},{n % 2}\n" for n in range(60)))
    data = TableDataModule("t.csv", "kind")
    data.setup()
    x = torch.tensor([[20.0, 0.0], [30.0, 0.0], [25.0, 0.0]])
    data._splits["val"] = Split(x, torch.tensor([0, 0, 0]))
    with evaluating(model):
        logits, y = model(x), data.split("val").y
        _, p = model.one_vs_rest(logits, y)["1"]
        table = worst_rows(model, data, logits, y)
    assert p.argsort().tolist() == [0, 2, 1]
    shown = data.raw_rows("val", [1, 2, 0])
    assert [row.split("|")[3].strip() for row in table.splitlines()[2:]] == [str(v) for v in shown["x"]]


def test_a_run_on_data_of_one_s_own_is_plotted(capsys: pytest.CaptureFixture[str]) -> None:
    own = f"{__name__}.OwnData"
    fit = ["fit", "--data", own, "--trainer.max_epochs", "1", "--plots", "none", "--recipe.name", "own"]
    assert main(fit) == 0
    plot = ["plot", "lightning_logs/own/version_0/checkpoints/best.ckpt"]
    assert main(plot) == 2
    assert (
        f"{own}: a checkpoint imports only what you name yourself; add --data {own}"
        in capsys.readouterr().err
    )
    assert main([*plot, "--data", "lit_classify.CirclesDataModule"]) == 2
    assert f"holds a {own}, but --data is a CirclesDataModule" in capsys.readouterr().err
    assert main([*plot, "--data", own]) == 0
    assert "plots/confusion_matrix.png" in capsys.readouterr().out.split()


def test_a_run_of_a_model_of_one_s_own_is_plotted(capsys: pytest.CaptureFixture[str]) -> None:
    own = f"{__name__}.OwnClassifier"
    assert main([*SHORT, "none", "--model", own]) == 0
    plot = ["plot", "lightning_logs/circles_v2/version_0/checkpoints/best.ckpt"]
    assert main(plot) == 2
    assert f"add --model {own}" in capsys.readouterr().err
    assert main([*plot, "--model", own]) == 0


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


def test_what_cannot_be_plotted_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    for arguments, message in (
        (["nowhere.ckpt"], "no checkpoint at nowhere.ckpt"),
        (["nowhere.ckpt", "--out", "file"], "cannot write plots into file"),
        (["nowhere.ckpt", "--format", "gif"], "invalid choice: 'gif'"),
    ):
        assert main(["plot", *arguments]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.reliability(59)
@pytest.mark.slow
def test_tensorboard_shows_it_in_a_browser() -> None:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    for activation in ("ReLU", "Tanh"):
        assert main([*SHORT, "basic", "--model.activation", activation]) == 0
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = f"--user-data-dir={Path('profile').resolve()}"
    for option in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync"):
        options.add_argument(f"--{option}")
    for option in ("--no-first-run", "--disable-dev-shm-usage", "--window-size=1600,1400", profile):
        options.add_argument(option)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", "lightning_logs", "--host", "127.0.0.1"]
    server = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    address = next(found[0] for line in server.stderr if (found := re.findall(r"http://127\S+", line)))
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        for plugin, words in {
            "timeseries": ["boundary", "optimizer", "train", "val"],
            "images": ["boundary", "boundary_animation", "evaluation"],
            "hparams": ["activation", "ReLU", "Tanh", "version_1", "best/val_loss"],
            "custom_scalars": ["training", "grad_norm"],
            "text": ["about/why", "bend the line"],
        }.items():
            browser.get(f"{address}#{plugin}")
            WebDriverWait(browser, 60).until(partial(shows, words=words), f"{words} on the page of {plugin}")
            if plugin == "hparams":
                WebDriverWait(browser, 60).until(lines_of_both_runs, "a line for each run")
            browser.get("about:blank")
    finally:
        browser.quit()
        server.kill()
        server.communicate()


def lines_of_both_runs(browser: webdriver.Chrome) -> bool:
    """Open the parallel coordinates of the HParams page; whether they have a line for each of two runs."""
    lines = browser.execute_script(
        """
        const found = (node) => [node.shadowRoot, ...node.childNodes].filter(Boolean)
            .flatMap((child) => [child, ...found(child)]);
        const all = found(document);
        const tab = all.find((node) => node.tagName === 'PAPER-TAB' && /PARALLEL/.test(node.textContent));
        if (tab) tab.click();
        const plot = all.find((node) => node.tagName === 'TF-HPARAMS-PARALLEL-COORDS-PLOT');
        return plot ? plot.shadowRoot.querySelectorAll('.foreground path').length : 0;
        """
    )
    return bool(lines == 2)


def shows(browser: webdriver.Chrome, words: list[str]) -> bool:
    """Whether a page has words somewhere, in the shadows of its components too."""
    text = browser.execute_script(
        """
        const read = (node) => node.nodeType === 3 ? node.data
            : [node.shadowRoot, ...node.childNodes].filter(Boolean).map(read).join(' ');
        return document.body ? read(document.body) : '';
        """
    )
    return all(word in text for word in words)
