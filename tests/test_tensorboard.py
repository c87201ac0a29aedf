"""What a run logs, read with TensorBoard's reader and shown by its page."""

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
from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from sklearn.datasets import load_wine
from tensorboard.util.tensor_util import make_ndarray

from lit_classify.cli.main import main
from tests.event_files import events, logged_text
from tests.example_tables import bundled, write

SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]


def test_all_logged_plots_and_scalars_can_be_read_back() -> None:
    assert main([*SHORT, "all"]) == 0
    accumulator = events("circles_v2/version_0")
    for tag in ("optimizer/lr", "optimizer/grad_norm"):
        assert [event.step for event in accumulator.Scalars(tag)] == list(range(7))
    assert [event.value for event in accumulator.Scalars("optimizer/lr")] == pytest.approx([0.1] * 7)
    sizes = {
        tag: [(image.step, image.width, image.height) for image in accumulator.Images(tag)]
        for tag in accumulator.Tags()["images"]
    }
    assert [step for step, _, _ in sizes["plots/boundary"]] == list(range(7))
    assert len({images[1:] for images in sizes["plots/boundary"]}) == 1
    assert [
        step
        for tag in ("plots/boundary_animation", "plots/hidden_units_1", "plots/precision_and_recall")
        for step, _, _ in sizes[tag]
    ] == [6, 6, 6]
    panels = ["boundary", "boundary_animation", "confusion_matrix", "roc", "precision_and_recall"]
    panels += ["hidden_units_1", "hidden_units_2"]
    for tag in panels:
        _, width, height = sizes[f"plots/{tag}"][-1]
        assert width < 500  # legible on a card of 350 pixels
        assert 0.65 < width / height < 1.3
    for tag, images in sizes.items():
        image = Image.open(io.BytesIO(accumulator.Images(tag)[-1].encoded_image_string))
        assert image.size == images[-1][1:]
        assert np.asarray(image.convert("RGB")).std() > 5  # something is drawn
    animation = Image.open(io.BytesIO(accumulator.Images("plots/boundary_animation")[0].encoded_image_string))
    assert (animation.format, animation.n_frames) == ("GIF", 7)  # type: ignore[attr-defined]  # a GIF has frames
    assert Path("lightning_logs/circles_v2/version_0/boundary.gif").is_file()
    assert [tag for tag in accumulator.Tags()["tensors"] if "text" in tag] == ["about/text_summary"]
    about = logged_text(accumulator, "about")
    assert "bend the boundary" in about
    assert f"\n\n    lit-classify {' '.join([*SHORT, 'all'])}\n\n" in about
    assert "\n| (0): Linear(in_features=2, out_features=10, bias=True) | (N, 10) | 30 |\n" in about
    assert "\n| train | 800 | 400 | 400 |\n" in about
    assert f"torch {torch.__version__}" in about


def test_the_charts_of_metrics_come_first_and_compare_training_with_validation() -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "2", "--plots", "basic"]) == 0
    tags = {
        stage: set(events(f"table/version_0/{stage}").Tags()["scalars"]) for stage in ("train", "val", "")
    }
    assert {"loss", "accuracy"} <= tags["train"] & tags["val"]
    groups = sorted({tag.partition("/")[0] for group in tags.values() for tag in group})
    assert groups == ["accuracy", "best_loss", "loss", "optimizer", "summary", "test"]
    images = events("table/version_0").Tags()["images"]
    assert {tag.partition("/")[0] for tag in images} == {"plots"}  # after the metrics


def test_precision_recall_curves_are_grouped_by_data() -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert (
        main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "2", "--plots", "evaluation"]) == 0
    )
    assert main([*SHORT, "evaluation"]) == 0
    assert events("table/version_0/val").Tags()["tensors"] == ["wine/0", "wine/1", "wine/2"]
    assert events("table/version_0/train").Tags()["tensors"] == []
    for split, num_positives in {"train": 400, "val": 100}.items():
        curves = events(f"circles_v2/version_0/{split}")
        assert curves.Tags()["tensors"] == ["Circles/1"]
        (curve,) = curves.Tensors("Circles/1")
        true_positives, _, _, false_negatives, _, _ = make_ndarray(curve.tensor_proto)
        assert (true_positives + false_negatives == num_positives).all()


@pytest.mark.reliability(59)
@pytest.mark.slow
def test_the_tensorboard_page_shows_a_run_in_a_browser() -> None:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    for activation in ("ReLU", "Tanh"):
        assert main([*SHORT, "basic", "--model.activation", activation]) == 0
    table = ["--data.path", str(write("x,z,y\n" + "".join(f"{n},{n % 5},{n % 2}\n" for n in range(60))))]
    assert main(["fit", "--config", "table", *table, "--data.target", "y", "--trainer.max_epochs", "2"]) == 0
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
    address = next(urls[0] for line in server.stderr if (urls := re.findall(r"http://127\S+", line)))
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        for plugin, texts in {
            "timeseries": ["accuracy", "loss", "optimizer", "plots", "version_0/train"],
            "images": ["plots/boundary", "plots/boundary_animation", "plots/confusion_matrix"],
            "hparams": ["activation", "ReLU", "Tanh", "version_1", "summary/val_loss"],
            "pr_curves": ["Circles/1", "t/1"],
            "text": ["about", "bend the boundary"],
        }.items():
            browser.get(f"{address}#{plugin}")
            WebDriverWait(browser, 60).until(partial(shows, texts=texts), f"{texts} on the page of {plugin}")
            if plugin == "hparams":
                WebDriverWait(browser, 60).until(lines_of_all_runs, "a line for each run")
            browser.get("about:blank")
    finally:
        browser.quit()
        server.kill()
        server.communicate()


def lines_of_all_runs(browser: webdriver.Chrome) -> bool:
    """Open the parallel coordinates of the HParams page; return whether they have three lines."""
    lines = browser.execute_script(
        """
        const descendants = (node) => [node.shadowRoot, ...node.childNodes].filter(Boolean)
            .flatMap((child) => [child, ...descendants(child)]);
        const all = descendants(document);
        const tab = all.find((node) => node.tagName === 'PAPER-TAB' && /PARALLEL/.test(node.textContent));
        if (tab) tab.click();
        const plot = all.find((node) => node.tagName === 'TF-HPARAMS-PARALLEL-COORDS-PLOT');
        return plot ? plot.shadowRoot.querySelectorAll('.foreground path').length : 0;
        """
    )
    return bool(lines == 3)


def shows(browser: webdriver.Chrome, texts: list[str]) -> bool:
    """Return whether a page contains texts, including the shadow roots of its components."""
    content = browser.execute_script(
        """
        const read = (node) => node.nodeType === 3 ? node.data
            : [node.shadowRoot, ...node.childNodes].filter(Boolean).map(read).join(' ');
        return document.body ? read(document.body) : '';
        """
    )
    return all(text in content for text in texts)
