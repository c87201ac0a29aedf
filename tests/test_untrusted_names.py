"""Names from files are shown as they are written, and steer neither a terminal nor a page."""

import ast
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lit_classify
from lit_classify.cli.main import main
from lit_classify.errors import escape_control, escape_markdown

RED, BREAK, HTML = "\x1b[31mred", "two\nlines", "<img src=x onerror=alert(1)>|x"
PACKAGE = Path(lit_classify.__file__).parent


def rows() -> str:
    cells = [f'{n % 7},"{(RED, BREAK, HTML)[n % 3]}",{n % 5}' for n in range(90)]
    return "\n".join([f'a,y,"b{RED}"', *cells])


@pytest.mark.reliability(55)
def test_control_characters_of_names_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text(rows())
    table = ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "y", "--plots", "all"]
    assert main(["fit", *table, "--trainer.max_epochs", "2"]) == 0
    run = Path("lightning_logs/table/version_0")
    assert main(["test", "--ckpt_path", str(run / "checkpoints/last.ckpt")]) == 0
    assert main(["plot", str(run / "checkpoints/last.ckpt")]) == 0
    assert main(["fit", *table[:-4], "--data.target", f"y{RED}"]) == 2
    said = "".join(capsys.readouterr())
    assert "\x1b" not in said
    assert r"\x1b[31mred" in said
    assert r"two\nlines" in said
    events = EventAccumulator(str(run))
    events.Reload()
    texts = [
        event.tensor_proto.string_val[0].decode()
        for tag in events.Tags()["tensors"]
        if tag.endswith("/text_summary")
        for event in events.Tensors(tag)
    ]
    assert any(r"\\x1b" in text for text in texts)
    outside_code = [line for text in texts for line in text.splitlines() if not line.startswith("    ")]
    assert not any("<img" in line for line in outside_code)
    assert not any("\x1b" in text for text in texts)


@pytest.mark.parametrize("name", [RED, BREAK, "\x9b31m", "\u202egnp.exe", "\r", "\x07", "\ud800", "\x00"])
def test_what_a_terminal_obeys_is_escaped(name: str) -> None:
    shown = escape_control(name, is_name=True)
    assert shown.isprintable()
    assert escape_control("zürich, 東京, 👩‍🚀 a\tb\n") == "zürich, 東京, 👩‍🚀 a\tb\n"


def test_markdown_has_no_column_markup_or_html_of_a_name() -> None:
    assert escape_markdown(HTML + "*_`[x](y)") == r"&lt;img src=x onerror=alert(1)&gt;\|x\*\_\`\[x\](y)"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.name)
def test_nothing_is_printed_past_the_escaping(file: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
    allowed = {"errors.py": 1, "progress_bar.py": 2}  # say itself, and the bar, which prints lines of numbers
    assert len(prints) == allowed.get(file.name, 0)
