"""Control characters and Markdown of names are escaped."""

import io

import pytest

from lit_classify.messages import escape_control, escape_markdown, paint

RED, BREAK, HTML = "\x1b[31mred", "two\nlines", "<img src=x onerror=alert(1)>|x"


@pytest.mark.parametrize("name", [RED, BREAK, "\x9b31m", "\u202egnp.exe", "\r", "\x07", "\ud800", "\x00"])
def test_control_characters_are_escaped(name: str) -> None:
    shown = escape_control(name, is_name=True)
    assert shown.isprintable()
    assert escape_control("zürich, 東京, 👩‍🚀 a\tb\n") == "zürich, 東京, 👩‍🚀 a\tb\n"


def test_names_are_escaped_for_markdown() -> None:
    assert escape_markdown(HTML + "*_`[x](y)") == r"&lt;img src=x onerror=alert(1)&gt;\|x\*\_\`\[x\](y)"
    assert escape_markdown(r"$\beta$") == r"&#36;\\beta&#36;"


@pytest.mark.parametrize(
    ("terminal", "environment", "shown"),
    [
        (True, {}, "\x1b[31mno\x1b[0m"),
        (False, {}, "no"),
        (True, {"NO_COLOR": "1"}, "no"),
        (True, {"NO_COLOR": ""}, "\x1b[31mno\x1b[0m"),  # as no-color.org defines it
        (True, {"TERM": "dumb"}, "no"),
    ],
)
def test_text_has_a_color_on_a_terminal_only(
    terminal: bool, environment: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    assert paint("no", "red", stream) == shown
