import base64
import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from matplotlib import rc_context
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait
from torch import Tensor, nn

from lit_classify import (
    BinaryClassifier,
    CirclesDataModule,
    MulticlassClassifier,
    MultilabelClassifier,
    Regressor,
    TableDataModule,
    load,
)
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.main import main
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.data.table.schema import Column
from lit_classify.modules import LitModule
from lit_classify.networks import ACTIVATIONS
from lit_classify.networks.derived_inputs import FUNCTIONS
from lit_classify.plots.style import DARK, class_color
from lit_classify.report.html import SCRIPTS, render_html
from lit_classify.report.html_elements import format_number, page_file
from lit_classify.report.network_data import flat_weights
from lit_classify.report.summary import summarize_predictions
from tests.report.summaries import HOSTILE, flat, player, run, summary, what_if

UNSUITABLE = {"GLU", "LogSoftmax", "Softmax", "Softmax2d", "Softmin", "Threshold"}  # or without defaults
CENTER, SCALE = torch.tensor([0.5, 0.0]), torch.tensor([2.0, 1.0])  # of the features of a player


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Debian's chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", profile):
        options.add_argument(option)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})  # as if in front
    yield opened
    opened.quit()


def show(browser: webdriver.Chrome, *runs: dict[str, Any], width: int = 1200, dark: bool = False) -> None:
    """Open the page of runs."""
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    Path("report.html").write_text(render_html(summary(*runs)), encoding="utf-8")
    open_page(browser, "report.html")


def open_page(browser: webdriver.Chrome, path: str) -> None:
    log(browser, "performance")
    browser.get(Path(path).resolve().as_uri())
    WebDriverWait(browser, 20).until(lambda page: page.execute_script("return Boolean(window.report)"))


def log(browser: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def check_quiet(browser: webdriver.Chrome) -> None:
    """Check that the page logged no message, and requested nothing but itself."""
    assert log(browser, "browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    sent = [request["params"] for request in messages if request["method"] == "Network.requestWillBeSent"]
    page = browser.current_url
    urls = [request["request"]["url"] for request in sent if request["documentURL"] == page]
    # the icon of a date field is an image in the browser's own style
    assert [url for url in urls if not url.startswith("data:")] == [page]


def find(browser: webdriver.Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def set_value(browser: webdriver.Chrome, element: WebElement, value: Any) -> None:
    event = (
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    )
    browser.execute_script(event, element, value)


def pixels(browser: webdriver.Chrome, selector: str) -> str:
    return str(browser.execute_script("return arguments[0].toDataURL()", find(browser, selector)))


def markup(browser: webdriver.Chrome, selector: str) -> str:
    return str(find(browser, selector).get_attribute("outerHTML"))


def redrawn(browser: webdriver.Chrome, selector: str, previous: str) -> bool:
    """Wait until a canvas changes: an event may be handled after the command that causes it."""
    WebDriverWait(browser, 20).until(lambda _: pixels(browser, selector) != previous)
    return True


def outputs(browser: webdriver.Chrome, values: Any, snapshot: int | None = None) -> Tensor:
    script = "return window.report.predict(0, arguments[0], arguments[1])"
    return torch.tensor(browser.execute_script(script, values, snapshot))


def circles(num_samples: int = 200) -> tuple[BinaryClassifier, list[Tensor], Tensor, Tensor]:
    """Return a model, its weights after each of 50 epochs, raw points and targets."""
    torch.manual_seed(0)
    model = BinaryClassifier(2, hidden=[10, 10], lr=0.1)
    x, y = CirclesDataModule(num_samples=num_samples).split("train")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    states = [flat(model)]
    for _ in range(50):
        optimizer.zero_grad()
        model.loss(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        states.append(flat(model))
    return model, states, CENTER + SCALE * x, y


def circles_run(**entries: Any) -> dict[str, Any]:
    model, states, raw, y = circles()
    with torch.no_grad():
        predictions = summarize_predictions(model, model((raw - CENTER) / SCALE), y)
    return run(model, player=player(model, states, raw, y.tolist()), predictions=predictions, **entries)


@pytest.mark.reliability(55)
def test_a_page_contains_its_summary_as_text_and_forbids_requests() -> None:
    page = render_html(summary(run(BinaryClassifier(2), name=HOSTILE)))
    assert "<img" not in page
    assert page.count("</script>") == 2
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)[0]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for text in ("It bends the boundary.", "0.6 to 0.9", "undefined: one class only", "majority class"):
        assert text in page


@pytest.mark.reliability(55)
def test_control_characters_are_escaped() -> None:
    page = render_html(summary(run(BinaryClassifier(2), name="a\x1b[31m\u202eb")))
    assert "<h1>a\\x1b[31m\\u202eb</h1>" in page


def test_a_page_says_why_the_training_is_not_replayed() -> None:
    page = render_html(summary(run(Regressor(2), not_replayed="the weights take 900 kB")))
    assert "The training is not replayed: the weights take 900 kB." in page


def test_a_page_of_82_snapshots_is_below_300_kB() -> None:
    model, states, raw, y = circles(1250)
    shown = player(model, [*states, *states[:31]], raw, y.tolist())
    assert len(render_html(summary(run(model, player=shown)))) < 300_000


def test_the_script_stays_below_600_lines() -> None:
    lines = [line for name in SCRIPTS for line in page_file(name).splitlines()]
    assert sum(not re.match(r"\s*(//|$)", line) for line in lines) < 600
    assert max(map(len, lines)) <= 120


def test_settings_that_differ_are_highlighted() -> None:
    runs = [run(BinaryClassifier(2), f"v{lr}", settings={"model.lr": lr, "seed": 1}) for lr in (0.1, 0.01)]
    page = render_html(summary(*runs))
    assert '<th scope="col" class="number differs"><button type="button">model.lr</button></th>' in page
    assert "1 settings are the same" in page


def test_of_many_settings_that_differ_most_follow_the_metrics() -> None:
    runs = [run(BinaryClassifier(2), f"v{n}", settings={f"key{m}": n for m in range(9)}) for n in range(2)]
    heads = re.findall('<button type="button">(.*?)</button></th>', render_html(summary(*runs)))
    assert heads[:7] == ["run", "key0", "key1", "key2", "epochs", "accuracy", "loss"]
    assert heads[7:13] == [f"key{m}" for m in range(3, 9)]


def test_baselines_are_below_their_metric_even_if_it_is_undefined() -> None:
    shown = run(Regressor(2))
    shown["evaluation"] = {
        **shown["evaluation"],
        "metrics": {"mae": {"value": 1.0, "low": None, "high": None}},
        "undefined": {"r2": "undefined: all true values are equal", "other": "undefined"},
        "baselines": {"metric": "R²", "scores": {"mean": None}},
    }
    heads = re.findall('<th scope="row">(.*?)</th>', render_html(summary(shown)))
    assert heads == ["mae", "r2", "mean", "other"]


def test_many_classes_and_columns_are_collapsed() -> None:
    names = [f"name {index}" for index in range(30)]
    data = {"name": "T", "rows": {}, "class_counts": dict.fromkeys(names, 1), "columns": [], "notes": []}
    importance = [{"column": name, "drop": 0.1, "deviation": 0.0} for name in names]
    entries: dict[str, Any] = {"data": data, "importance": importance, "importance_metric": "accuracy"}
    page = render_html(summary(run(MulticlassClassifier(2, 30, names), **entries)))
    assert "<dt>Classes</dt><dd>30</dd>" in page
    assert "<summary>Classes (30)</summary>" in page
    assert "<summary>10 more columns</summary>" in page


def test_a_page_says_why_the_importance_is_not_measured() -> None:
    page = render_html(summary(run(BinaryClassifier(2), no_importance="it needs two rows")))
    assert "Not available: it needs two rows." in page


@pytest.mark.slow
class TestInABrowser:
    @pytest.mark.parametrize(
        "model",
        [
            BinaryClassifier(2, hidden=[10, 10]),
            MulticlassClassifier(2, 3, hidden=[5], activation="Tanh"),
            MultilabelClassifier(2, 2, hidden=[5], activation="GELU"),
            Regressor(2, hidden=[5, 4, 3], activation="PReLU"),
            BinaryClassifier(2, hidden=[]),
            BinaryClassifier(2, hidden=[], inputs=["x2^2"]),
            MulticlassClassifier(2, 3, hidden=[5], inputs=list(FUNCTIONS)),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_predictions_of_the_player_are_those_of_the_weights(
        self, browser: webdriver.Chrome, model: LitModule
    ) -> None:
        torch.manual_seed(1)
        states = []
        for _ in range(3):
            states.append(torch.randn_like(flat(model)))
        raw = torch.randn(30, 2)
        with torch.no_grad():
            targets = model.labels(model.predict((raw - CENTER) / SCALE))
        show(browser, run(model, player=player(model, states, raw, targets.tolist())))
        for snapshot, state in enumerate(states):
            nn.utils.vector_to_parameters(state, model.network.parameters())
            for point in raw[:5]:
                with torch.no_grad():
                    expected = model.predict(((point - CENTER) / SCALE).unsqueeze(0)).flatten()
                computed = outputs(browser, point.tolist(), snapshot)
                torch.testing.assert_close(computed, expected, rtol=1e-5, atol=1e-5)
        check_quiet(browser)

    def test_every_activation_is_computed(self, browser: webdriver.Chrome) -> None:
        torch.manual_seed(2)
        raw = 3 * torch.randn(4, 2)
        for name in sorted(set(ACTIVATIONS) - UNSUITABLE):
            model = BinaryClassifier(2, hidden=[6, 6], activation=name)
            shown = player(model, [3 * flat(model)], raw, [0, 1, 0, 1])
            nn.utils.vector_to_parameters(3 * flat(model), model.network.parameters())
            show(browser, run(model.eval(), player=shown))
            for point in raw:
                with torch.no_grad():
                    expected = model.predict(((point - CENTER) / SCALE).unsqueeze(0)).flatten()
                torch.testing.assert_close(
                    outputs(browser, point.tolist(), 0), expected, rtol=0, atol=1e-5, msg=name
                )

    @pytest.mark.parametrize("embedding", [None, "periodic", "piecewise", "both"])
    def test_predictions_of_the_form_are_those_of_the_checkpoint(
        self, browser: webdriver.Chrome, embedding: Any
    ) -> None:
        torch.manual_seed(3)
        frame = table_frame(300)
        preprocessor = Preprocessor("robust").fit(frame, COLUMNS)
        model = BinaryClassifier(
            preprocessor.num_features,
            hidden=[8],
            members=3,
            numeric_embedding=embedding,
            num_categories=preprocessor.num_categories,
            numeric_columns=[feature.column for feature in preprocessor.numeric_features],
        )
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.5)
        show(browser, run(model, what_if=what_if(model, preprocessor)))
        rows = frame.sample(20, seed=1)
        rows[0, "town"] = "never seen"
        with torch.no_grad():
            expected = model.predict(torch.from_numpy(preprocessor.transform(rows)))
        for row, output in zip(rows.to_dicts(), expected, strict=True):
            torch.testing.assert_close(outputs(browser, with_days(row)), output, rtol=0, atol=1e-5)
        check_quiet(browser)

    def test_controls_of_the_form_change_the_prediction(self, browser: webdriver.Chrome) -> None:
        preprocessor = Preprocessor().fit(table_frame(300), COLUMNS)
        model = BinaryClassifier(
            preprocessor.num_features, hidden=[8], num_categories=preprocessor.num_categories
        )
        show(browser, run(model, what_if=what_if(model, preprocessor)))
        shown = ".result .bar b"
        initial = find(browser, shown).text
        set_value(browser, find(browser, "input[aria-label='size']"), "9")
        assert find(browser, shown).text != initial
        assert "Prediction by size" in find(browser, ".result").text
        find(browser, "input[aria-label='paid']").click()
        assert "Prediction by paid" in find(browser, ".result").text
        assert "Prediction by size" not in find(browser, ".result").text
        set_value(browser, find(browser, "input[aria-label='size']"), "")  # a missing value
        assert find(browser, shown).text.endswith("%")
        check_quiet(browser)

    def test_the_slider_moves_map_units_weights_and_curves_together(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        selectors = (".map canvas", ".layer:nth-of-type(2) .unit canvas")
        last = [pixels(browser, selector) for selector in selectors]
        links, points = (markup(browser, selector) for selector in (".links", ".overlay"))
        cursor = find(browser, ".charts .cursor").get_attribute("d")
        slider = find(browser, "input[aria-label=epoch]")
        set_value(browser, slider, 0)
        assert find(browser, ".epoch").text == "epoch 0"
        assert find(browser, ".charts .cursor").get_attribute("d") != cursor
        assert all(
            pixels(browser, selector) != canvas_image
            for selector, canvas_image in zip(selectors, last, strict=True)
        )
        assert markup(browser, ".links") != links
        assert markup(browser, ".overlay") != points
        slider.send_keys(Keys.ARROW_RIGHT)
        assert find(browser, ".epoch").text == "epoch 1"
        check_quiet(browser)

    def test_play_runs_to_the_end_and_steps_stop_it(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        browser.execute_script("""
            document.querySelector('select').value = '40';
            document.querySelector('select').dispatchEvent(new Event('change'));
        """)
        find(browser, "button[aria-label=play]").click()
        find(browser, "button[aria-label=pause]")
        WebDriverWait(browser, 20).until(lambda page: find(page, ".epoch").text == "epoch 50")
        WebDriverWait(browser, 20).until(lambda page: find(page, "button[aria-label=play]"))
        find(browser, "button[aria-label='step back']").click()
        assert find(browser, ".epoch").text == "epoch 49"

    def test_a_point_is_read_by_pointer_and_keyboard(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        assert "Misclassified" in find(browser, ".readout").text
        overlay = find(browser, ".overlay")
        webdriver.ActionChains(browser).move_to_element(overlay).perform()
        assert re.fullmatch(r"x1 0.\d+, x2 .+: class 0 .+ %, class 1 .+ %", find(browser, ".readout").text)
        browser.execute_script("arguments[0].focus()", overlay)
        center = find(browser, ".readout").text
        overlay.send_keys(Keys.ARROW_RIGHT)
        assert find(browser, ".readout").text != center

    def test_a_unit_is_enlarged(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        predictions = pixels(browser, ".map canvas")
        browser.execute_script("document.querySelectorAll('.unit')[3].focus()")
        assert redrawn(browser, ".map canvas", predictions)
        assert find(browser, ".readout").text.startswith("layer 1, unit 2")

    def test_a_member_or_the_mean_is_shown(self, browser: webdriver.Chrome) -> None:
        torch.manual_seed(4)
        model = BinaryClassifier(2, hidden=[5], members=3)
        raw = torch.randn(30, 2)
        show(browser, run(model, player=player(model, [flat_weights(model)], raw, [0, 1] * 15)))
        x = (raw[:1] - CENTER) / SCALE
        with torch.no_grad():
            torch.testing.assert_close(outputs(browser, raw[0].tolist(), 0), model.predict(x)[0])
            last = torch.sigmoid(model.network(x)[2]).item()
        selectors = (".map canvas", ".layer:last-of-type .unit canvas")
        mean = [pixels(browser, selector) for selector in selectors]
        links = markup(browser, ".links")
        Select(find(browser, "select[aria-label=member]")).select_by_visible_text("member 3")
        assert all(redrawn(browser, *canvas) for canvas in zip(selectors, mean, strict=True))
        assert markup(browser, ".links") != links
        low, high = (torch.tensor(values) for values in zip([-2.0, 3.0], [-1.5, 1.5], strict=True))
        right, up = ((raw[0] - low) / (high - low)).tolist()
        move = """
            const { left, bottom, width, height } = arguments[0].getBoundingClientRect();
            const point = { clientX: left + arguments[1] * width, clientY: bottom - arguments[2] * height };
            arguments[0].dispatchEvent(new PointerEvent('pointermove', point));
        """
        browser.execute_script(move, find(browser, ".overlay"), right, up)
        assert find(browser, ".readout").text.endswith(f"class 1 {100 * last:.1f} %")
        check_quiet(browser)

    def test_regions_hide_the_probabilities(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        probabilities = pixels(browser, ".map canvas")
        find(browser, ".controls label input").click()
        assert redrawn(browser, ".map canvas", probabilities)

    def test_the_threshold_moves_counts_and_cost(self, browser: webdriver.Chrome) -> None:
        shown = circles_run()
        logits = torch.tensor([[0.1], [0.595], [0.7], [0.9]]).logit()
        targets = torch.tensor([0, 0, 1, 1])
        shown["predictions"] = summarize_predictions(BinaryClassifier(2), logits, targets)
        show(browser, shown)

        def tiles() -> list[str]:
            return [tile.text for tile in browser.find_elements(By.CSS_SELECTOR, ".tiles dd")]

        assert tiles() == ["75.0 %", "66.7 %", "100.0 %", "1"]
        set_value(browser, find(browser, "input[aria-label=threshold]"), 0.8)
        assert tiles() == ["75.0 %", "100.0 %", "50.0 %", "1"]
        set_value(browser, browser.find_elements(By.CSS_SELECTOR, "input[type=number]")[1], 7)
        assert tiles()[3] == "7"
        assert "lowest, 0, at 0.60" in find(browser, ".wide").text
        cells = browser.find_elements(By.CSS_SELECTOR, ".confusion td")
        assert [cell.text.split() for cell in cells] == [
            ["2", "100.0", "%"], ["0", "0.0", "%"], ["1", "50.0", "%"], ["1", "50.0", "%"],
        ]  # fmt: skip

    def test_a_tuned_threshold_stays_when_costs_change(self, browser: webdriver.Chrome) -> None:
        logits, targets = torch.tensor([[0.332], [0.9]]).logit(), torch.tensor([0, 1])
        model = BinaryClassifier(2, threshold=0.333)
        show(browser, run(model, predictions=summarize_predictions(model, logits, targets)))
        for cost in (1, 5):
            set_value(browser, find(browser, "input[type=number]"), cost)
            assert [tile.text for tile in browser.find_elements(By.CSS_SELECTOR, ".tiles dd")][3] == "0"
        set_value(browser, find(browser, "input[aria-label=threshold]"), 0.331)
        assert [tile.text for tile in browser.find_elements(By.CSS_SELECTOR, ".tiles dd")][3] == "5"

    def test_each_label_has_its_own_threshold(self, browser: webdriver.Chrome) -> None:
        logits = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]]).logit()
        targets = torch.tensor([[1, 0], [0, 1], [0, 0]])
        model = MultilabelClassifier(2, 2, label_names=["urgent", "spam"], thresholds=[0.5, 0.25])
        show(browser, run(model, predictions=summarize_predictions(model, logits, targets)))

        def shown() -> list[str]:
            tiles = browser.find_elements(By.CSS_SELECTOR, ".threshold .tiles dd")
            return [tile.text for tile in tiles if tile.is_displayed()]

        assert shown() == ["100.0 %", "100.0 %", "100.0 %", "0"]
        Select(find(browser, "select[aria-label=label]")).select_by_index(1)
        assert shown() == ["66.7 %", "50.0 %", "100.0 %", "1"]
        slider = browser.find_elements(By.CSS_SELECTOR, "input[aria-label=threshold]")[1]
        set_value(browser, slider, 0.75)
        assert shown() == ["66.7 %", "undefined", "0.0 %", "1"]
        check_quiet(browser)

    def test_the_calibration_of_a_class_is_chosen(self, browser: webdriver.Chrome) -> None:
        model = MulticlassClassifier(2, 3)
        targets = torch.tensor([0, 1, 2, 2])
        show(browser, run(model, predictions=summarize_predictions(model, torch.randn(4, 3), targets)))
        Select(find(browser, "select[aria-label=class]")).select_by_index(2)
        charts = browser.find_elements(By.CSS_SELECTOR, ".choices figure")
        assert [chart.is_displayed() for chart in charts] == [False, False, True]
        assert "predicted probability of class 2" in charts[2].text

    def test_tables_are_sorted_by_numbers_and_text(self, browser: webdriver.Chrome) -> None:
        worst = {
            "columns": ["city"],
            "rows": [["b"], ["c"], [HOSTILE]],
            "actual": ["1", "0", "1"],
            "predicted": ["0", "1", "0"],
            "errors": [-0.3, -0.25, -0.02],
        }
        show(browser, run(BinaryClassifier(2), worst_rows=worst))
        table = browser.find_elements(By.CSS_SELECTOR, "table.sortable")[-1]

        def column(number: int) -> list[str]:
            cells = table.find_elements(By.CSS_SELECTOR, f"td:nth-child({number})")
            return [cell.text for cell in cells]

        heads = table.find_elements(By.CSS_SELECTOR, "th button")
        heads[0].click()
        assert column(1) == ["0.02", "0.25", "0.3"]
        heads[0].click()
        assert column(1) == ["0.3", "0.25", "0.02"]
        heads[3].click()
        assert column(4) == [HOSTILE, "b", "c"]

    def test_dark_mode_repaints_the_page(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        light = pixels(browser, ".map canvas")
        theme = {"name": "prefers-color-scheme", "value": "dark"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        WebDriverWait(browser, 10).until(lambda page: pixels(page, ".map canvas") != light)
        color = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", color)[:3])) < 60

    @pytest.mark.reliability(55)
    def test_hostile_names_stay_text(self, browser: webdriver.Chrome) -> None:
        model, states, raw, y = circles()
        model.class_names = [HOSTILE, "b\x1b"]
        shown = player(model, states, raw, y.tolist())
        shown["features"][0]["name"] = HOSTILE
        shown["features"][1]["name"] = "b\x1b"
        predictions = summarize_predictions(model, torch.tensor([[-2.0], [0.4]]), torch.tensor([0, 1]))
        importance = [{"column": HOSTILE, "drop": 0.1, "deviation": 0.01}]
        entries = {"predictions": predictions, "importance": importance, "importance_metric": "accuracy"}
        show(browser, run(model, HOSTILE, player=shown, purpose=HOSTILE, **entries))
        assert browser.find_elements(By.TAG_NAME, "img") == []
        assert find(browser, "h1").text == HOSTILE
        assert HOSTILE in find(browser, ".stage .legend").text
        assert "b\\x1b" in find(browser, ".stage .legend").text
        browser.execute_script("document.querySelector('.overlay').focus()")
        assert f"b\\x1b {0:g}: {HOSTILE}" in find(browser, ".readout").text
        check_quiet(browser)

    def test_runs_stand_side_by_side_on_one_slider(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run(), circles_run(name="other"), run(BinaryClassifier(2), "third"))
        assert len(browser.find_elements(By.CSS_SELECTOR, ".stage")) == 2
        maps = [pixels(browser, f".stage:nth-child({number}) .map canvas") for number in (1, 2)]
        set_value(browser, find(browser, "input[aria-label=epoch]"), 3)
        for number, canvas_image in enumerate(maps, 1):
            assert pixels(browser, f".stage:nth-child({number}) .map canvas") != canvas_image
        check_quiet(browser)

    @pytest.mark.parametrize("width", [400, 1600])
    def test_long_names_are_not_wider_than_the_window(self, browser: webdriver.Chrome, width: int) -> None:
        names = ["A" * 200, "b" * 200, "c"]
        frame = pl.DataFrame({"A" * 200: names * 10, "size": [float(n) for n in range(30)]})
        columns = [Column("A" * 200, "category", 0, 3), Column("size", "number", 0, 30)]
        preprocessor = Preprocessor().fit(frame, columns)
        model = MulticlassClassifier(preprocessor.num_features, 3, names)
        logits, y = torch.randn(30, 3), torch.arange(30) % 3
        counts = {"name": "T", "rows": {"train": 30}, "columns": [], "notes": []}
        entries: dict[str, Any] = {
            "what_if": what_if(model, preprocessor),
            "predictions": summarize_predictions(model, logits, y),
            "data": {**counts, "class_counts": dict.fromkeys(names, 10)},
            "importance": [{"column": names[0], "drop": 0.1, "deviation": 0.0}],
            "importance_metric": "accuracy",
        }
        show(browser, run(model, **entries), width=width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        check_quiet(browser)

    def test_numbers_are_written_as_in_python(self, browser: webdriver.Chrome) -> None:
        show(browser, circles_run())
        for value in (0.0, 0.25, 123456.75, 1.5e12, -2.5e-12, 0.000123456, 3):
            assert browser.execute_script("return format(arguments[0])", value) == format_number(value)

    @pytest.mark.parametrize("dark", [False, True])
    def test_colors_of_many_classes_are_visible(self, browser: webdriver.Chrome, dark: bool) -> None:
        preprocessor = Preprocessor().fit(table_frame(300), COLUMNS[:1])
        model = MulticlassClassifier(preprocessor.num_features, 20)
        show(browser, run(model, what_if=what_if(model, preprocessor)), dark=dark)
        shown = browser.execute_script("""
            return [...document.querySelectorAll('.prediction rect')].map((bar) => getComputedStyle(bar).fill)
        """)
        assert len(set(shown)) == 20
        surface = (0x1C, 0x20, 0x27) if dark else (0xFF, 0xFF, 0xFF)
        for color in shown:
            channels = [int(number) for number in re.findall(r"\d+", color)]
            assert max(abs(a - b) for a, b in zip(channels, surface, strict=True)) > 60
        assert browser.execute_script("return classColor(16)") == class_color_of(16, dark)
        check_quiet(browser)

    def test_of_many_classes_the_most_probable_are_shown(self, browser: webdriver.Chrome) -> None:
        preprocessor = Preprocessor().fit(table_frame(300), COLUMNS[:1])
        model = MulticlassClassifier(preprocessor.num_features, 50, [f"class {n}" for n in range(50)])
        show(browser, run(model, what_if=what_if(model, preprocessor)))
        bars = browser.find_elements(By.CSS_SELECTOR, ".prediction.bar")
        shown = [index for index, bar in enumerate(bars) if bar.is_displayed()]
        expected = outputs(browser, {}).topk(20).indices.tolist()
        assert shown == sorted(expected)
        assert "The 20 most probable of 50." in find(browser, ".result").text

    @pytest.mark.parametrize("width", [400, 1600])
    def test_nothing_is_wider_than_the_window(self, browser: webdriver.Chrome, width: int) -> None:
        show(browser, circles_run(), circles_run(name="long_name/" * 20), width=width, dark=True)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width

    def test_the_report_of_a_player_predicts_as_the_checkpoint(self, browser: webdriver.Chrome) -> None:
        assert main(["fit", "--config", "circles_v2", "--plots", "[snapshots]", *EPOCHS]) == 0
        folder = "lightning_logs/circles_v2/version_0"
        assert main(["report", folder]) == 0
        open_page(browser, "report.html")
        points = torch.randn(9, 2)
        expected = load(f"{folder}/checkpoints/last.ckpt").predict(points)
        last = browser.execute_script(
            "return document.querySelector('input[aria-label=epoch]').valueAsNumber"
        )
        for point, output in zip(points, expected, strict=True):
            computed = outputs(browser, point.tolist(), last)
            torch.testing.assert_close(computed, output.detach(), rtol=0, atol=1e-5)
        check_quiet(browser)

    def test_the_report_of_a_table_predicts_as_the_checkpoint(self, browser: webdriver.Chrome) -> None:
        frame = table_frame(200).with_columns(pl.Series("y", ["no", "yes", "yes", "no"] * 50))
        frame.write_csv("t.csv")
        table = ["--data.path", "t.csv", "--data.target", "y", "--data.folds", "3"]
        assert main(["fit", "--config", "table", *table, "--plots", "none", *EPOCHS]) == 0
        folder = "lightning_logs/table/version_0"
        assert main(["report", folder]) == 0
        open_page(browser, "report.html")
        checkpoint = Checkpoint.read(f"{folder}/checkpoints/best.ckpt")
        data = checkpoint.build_data()
        assert isinstance(data, TableDataModule)
        rows = frame.drop("y")[:20]
        expected = checkpoint.build_model().predict(data.transform(rows))
        for row, output in zip(rows.to_dicts(), expected, strict=True):
            computed = outputs(browser, with_days(row))
            torch.testing.assert_close(computed, output.detach(), rtol=0, atol=1e-5)
        for text in ("Try other values", "Calibration", "Permutation importance", "largest errors"):
            assert text in find(browser, "main").text
        check_quiet(browser)

    @pytest.mark.parametrize(
        "model", [BinaryClassifier(2), Regressor(2)], ids=lambda model: type(model).__name__
    )
    def test_a_player_needs_neither_points_nor_curves(
        self, browser: webdriver.Chrome, model: LitModule
    ) -> None:
        shown = player(model, [flat(model)], torch.zeros(1, 2), [0])
        show(browser, run(model, player={**shown, "points": None}, curves={}))
        assert find(browser, ".epoch").text == "epoch 0"
        assert "Train points" not in find(browser, "main").text
        check_quiet(browser)

    def test_other_networks_are_played_from_grids(self, browser: webdriver.Chrome) -> None:
        shown = circles_run()
        surfaces = [b"\x00\xff" * 4, b"\xff\x00" * 4, b"\x00\xff\xff\x00" * 2]
        grids = {"size": 2, "probabilities": base64.b64encode(b"".join(surfaces)).decode()}
        shown["player"] = {
            **shown["player"],
            "network": None,
            "weights": None,
            "grids": {**grids, "reason": "the page does not draw embeddings"},
            "epochs": [0, 1, 2],
        }
        show(browser, shown)
        assert "interpolated between the points of a grid" in find(browser, ".readout").text
        assert outputs(browser, [0.0, 0.0], 0).tolist() == [0, 1]
        assert outputs(browser, [0.0, 0.0], 1).tolist() == [1, 0]
        low, high = shown["player"]["range"][0]
        assert outputs(browser, [low + (high - low) / 4, 0.0], 2).tolist() == pytest.approx([0.25, 0.75])
        assert outputs(browser, [high, 0.0], 2).tolist() == pytest.approx([1, 0])
        check_quiet(browser)


def class_color_of(index: int, dark: bool) -> str:
    with rc_context(DARK if dark else None):
        return class_color(index)


def with_days(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its date in days since 1970, as the form has it."""
    when = row["when"]
    days = None if when is None else (when - datetime(1970, 1, 1)).total_seconds() / 86400
    return {**row, "when": days}


EPOCHS = ["--trainer.max_epochs", "4"]
COLUMNS = [
    Column("size", "number", 30, 200),
    Column("paid", "boolean", 0, 2),
    Column("town", "category", 20, 3),
    Column("street", "category", 0, 40),
    Column("when", "date", 30, 200),
]


def table_frame(rows: int) -> pl.DataFrame:
    """Return a table with numbers, booleans, categories, embedded categories, dates and missing values."""
    numbers = range(rows)
    return pl.DataFrame(
        {
            "size": [None if n % 10 == 0 else 3.7 * (n % 23) - 20 for n in numbers],
            "paid": [float(n % 2) for n in numbers],
            "town": [None if n % 15 == 0 else "abc"[n % 3] for n in numbers],
            "street": [f"street {n % 40}" for n in numbers],
            "when": [
                None if n % 11 == 0 else datetime(2020, 1 + n % 12, 1 + n % 28, n % 24) for n in numbers
            ],
        },
        schema_overrides={"when": pl.Datetime("us")},
    )
