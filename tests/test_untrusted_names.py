"""Names from files are printed literally and cannot control a terminal or a page."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lit_classify
from lit_classify.cli.main import main

RED, BREAK, HTML = "\x1b[31mred", "two\nlines", "<img src=x onerror=alert(1)>|x"


PACKAGE = Path(lit_classify.__file__).parent


def rows() -> str:
    cells = [f'{n % 7},"{(RED, BREAK, HTML)[n % 3]}",{n % 5}' for n in range(90)]
    return "\n".join([f'a,y,"b{RED}"', *cells])


@pytest.mark.slow
@pytest.mark.reliability(55)
def test_control_characters_of_names_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text(rows())
    table = ["--data", "TableDataModule", "--data.path", "t.csv", "--data.target", "y", "--plots", "all"]
    assert main(["fit", *table, "--trainer.max_epochs", "2"]) == 0
    run = Path("lightning_logs/table/version_0")
    assert main(["test", "--ckpt_path", str(run / "checkpoints/last.ckpt")]) == 0
    assert main(["plot", str(run / "checkpoints/last.ckpt")]) == 0
    assert main(["fit", *table[:-4], "--data.target", f"y{RED}"]) == 2
    output = "".join(capsys.readouterr())
    assert "\x1b" not in output
    assert r"\x1b[31mred" in output
    assert r"two\nlines" in output
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
