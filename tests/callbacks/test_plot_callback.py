"""What a run logs for TensorBoard, read back with its own reader."""

import io
import re
import shutil
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
from sklearn.datasets import load_diabetes, load_wine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from lit_classify import (
    plots,
)
from lit_classify.cli.main import main
from tests.example_tables import bundled, write


def events(run: str) -> EventAccumulator:
    found = EventAccumulator(f"lightning_logs/{run}", size_guidance={"images": 0, "tensors": 0, "scalars": 0})
    found.Reload()
    return found


def said(found: EventAccumulator, tag: str) -> str:
    text: bytes = found.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0]
    return text.decode()


def test_all_logged_plots_and_scalars_can_be_read_back() -> None:
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
    assert "bend the boundary" in said(found, "about/why")
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
def test_each_plot_is_selected_by_the_option(options: list[str], tags: set[str]) -> None:
    assert main([*SHORT, *options]) == 0
    found = events("circles_v2/version_0").Tags()
    assert set(found["images"]) == tags
    assert ("optimizer/lr" in found["scalars"]) == (options[0] in ("basic", "all"))


def test_plots_do_not_change_the_training() -> None:
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


def test_each_task_logs_its_plots() -> None:
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


@pytest.mark.reliability(62)
@pytest.mark.parametrize("function", ["confusion_matrix", "grid"])
def test_an_error_while_drawing_skips_only_that_plot(
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
            "text": ["about/why", "bend the boundary"],
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


SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]
