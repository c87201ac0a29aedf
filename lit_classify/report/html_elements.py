"""Elements of HTML pages, in which all text is escaped."""

import base64
import hashlib
import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from importlib.resources import files
from string import Template
from typing import Any

from lit_classify.messages import escape_control

_MAX_SHOWN = 40  # characters of a cell, which the style may cut off
_EMPTY = {"input", "circle", "line", "path", "rect"}  # elements without content


class Html(str):
    """Text that is HTML already."""


def digest(content: str) -> str:
    """Return the source expression of a style or script in a content-security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def escape(text: str) -> str:
    r"""Escape text for HTML, including control characters.

    Examples:
        >>> print(escape("<b>\x1b"))
        &lt;b&gt;\x1b
    """
    return html.escape(escape_control(text, is_name=True))


def tag(kind: str, /, *children: str | None, **attributes: str | None) -> Html:
    """Return an element; text that is not HTML yet is escaped, None is left out.

    A trailing underscore of an attribute's name is removed; other underscores become hyphens.

    Examples:
        >>> print(tag("p", "1 < 2", class_="muted"))
        <p class="muted">1 &lt; 2</p>
    """
    names = {name: name.removesuffix("_").replace("_", "-") for name in attributes}
    attribute_text = "".join(
        f' {names[name]}="{escape(value)}"' for name, value in attributes.items() if value is not None
    )
    content = [child if isinstance(child, Html) else escape(child) for child in children if child is not None]
    opening = f"{kind}{attribute_text}"
    return Html(f"<{opening}/>" if kind in _EMPTY else f"<{opening}>{''.join(content)}</{kind}>")


def join(elements: Iterable[Html | None]) -> Html:
    """Return elements one after another; None is left out."""
    return Html("".join(element for element in elements if element is not None))


def section(title: str, *children: str | None, **attributes: str | None) -> Html:
    """Return a section with a title."""
    return tag("section", tag("h2", title), *children, **attributes)


def note_list(notes: Sequence[str]) -> Html | None:
    """Return notes as a list, None for none; no option in them is broken into two lines.

    Examples:
        >>> print(note_list(["drop them with --data.duplicates drop"]))
        <ul class="notes"><li>drop them with <code>--data.duplicates</code> drop</li></ul>
    """
    marked = (re.sub(r"--[\w.]+", r"<code>\g<0></code>", escape(note)) for note in notes)
    return tag("ul", *(tag("li", Html(note)) for note in marked), class_="notes") if notes else None


def page_file(name: str) -> str:
    """Return the text of a file of the pages."""
    return (files("lit_classify.report") / "page" / name).read_text(encoding="utf-8")


def fill_page(title: str, body: Html, allowed: str, scripts: str = "", style: str = "") -> str:
    """Return a page whose content-security policy allows only its own style, and no requests.

    Args:
        title: the title.
        body: the content.
        allowed: another directive of the policy, for images or scripts.
        scripts: elements at the end of the page.
        style: rules besides those of all pages.

    Examples:
        >>> "script-src" in fill_page("Report", tag("p", "text"), allowed="img-src data:")
        False
    """
    style = page_file("page.css") + style
    directives = f"default-src 'none'; style-src {digest(style)}"
    return Template(page_file("page.html")).substitute(
        policy=f"{directives}; {allowed}; base-uri 'none'; form-action 'none'",
        title=escape(title),
        style=style,
        body=body,
        scripts=scripts,
    )


def sortable_table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], highlighted: Sequence[str] = ()
) -> Html:
    """Return a table that the script makes sortable; columns of numbers are aligned to the right."""
    columns = [[row[index] for row in rows] for index in range(len(head))]
    marks = [
        ["number"] * all(value is None or _is_number(value) or _is_numeric_text(value) for value in column)
        + ["differs"] * (name in highlighted)
        for name, column in zip(head, columns, strict=True)
    ]
    classes = [" ".join(mark) or None for mark in marks]
    heads = [
        tag("th", tag("button", name, type="button"), scope="col", class_=class_)
        for name, class_ in zip(head, classes, strict=True)
    ]
    lines = [
        tag("tr", *(_cell(value, class_) for value, class_ in zip(row, classes, strict=True))) for row in rows
    ]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *lines), class_="sortable")
    return tag("div", table, class_="scroll")


def _is_number(value: Any) -> bool:  # noqa: ANN401 - plain data
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric_text(value: Any) -> bool:  # noqa: ANN401 - plain data
    return isinstance(value, str) and bool(re.fullmatch(r"-?[\d,]*\.?\d+(e[+-]\d+)?", value))


def _cell(value: Any, class_: str | None) -> Html:  # noqa: ANN401 - plain data
    if _is_number(value):
        return tag("td", format_number(value), data_value=repr(value), class_=class_)
    if isinstance(value, Html):
        return tag("td", value, class_=class_)
    text = _text(value)
    return tag("td", text, class_=class_, title=text if len(text) > _MAX_SHOWN else None)


def _text(value: Any) -> str:  # noqa: ANN401 - plain data
    return "\N{EN DASH}" if value is None else str(value)


def format_number(value: float | None, digits: int = 4) -> str:
    """Return a number with significant digits, or a dash for None.

    Examples:
        >>> format_number(0.123456), format_number(12345), format_number(12345.6), format_number(1.5e12)
        ('0.1235', '12,345', '12,350', '1.5e+12')
        >>> format_number(-0.0)
        '0'
    """
    if value is None:
        return "\N{EN DASH}"
    text = f"{value:,}" if isinstance(value, int) else f"{value + 0.0:.{digits}g}"  # -0.0 as 0
    if isinstance(value, float) and abs(value) < 1e9 and float(text).is_integer():
        text = f"{float(text):,.0f}"  # without an exponent
    return text.replace("-", "\N{MINUS SIGN}")


def format_percentage(fraction: float | None) -> str:
    """Return a fraction as a percentage, or that it is undefined.

    Examples:
        >>> format_percentage(0.1234), format_percentage(None)
        ('12.3 %', 'undefined')
    """
    return "undefined" if fraction is None else f"{100 * fraction:.1f} %"


def format_day(days: float) -> str:
    """Return the date of a number of days since 1970.

    Examples:
        >>> format_day(18262.5)
        '2020-01-01'
    """
    try:
        return (date(1970, 1, 1) + timedelta(days=math.floor(days))).isoformat()
    except OverflowError:
        return format_number(days)


def describe_output(name: str) -> str:
    """Return the name of a class or label, which is not mistaken for a number.

    Examples:
        >>> describe_output("cat"), describe_output("3")
        ('cat', 'class 3')
    """
    return f"class {name}" if re.fullmatch(r"-?[\d.]+", name) else name


def choices(label: str, panels: Mapping[str, Html]) -> Html:
    """Return panels by name, of which the script shows the chosen one; without a script, all are shown.

    Args:
        label: what the names are, such as "class".
        panels: the panels; a single one needs no choice.
    """
    if len(panels) == 1:
        return join(panels.values())
    select = tag("select", *(tag("option", name) for name in panels), aria_label=label)
    shown = (tag("div", panel, data_name=name) for name, panel in panels.items())
    return tag("div", select, *shown, class_="choices")
