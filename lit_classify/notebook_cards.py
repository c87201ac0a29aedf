"""Small HTML cards, which notebooks show for data modules and modules."""

import html
from collections.abc import Mapping, Sequence

from lit_classify.messages import escape_control, shorten

_MAX_NAMES, _MAX_ROWS = 12, 24
_MAX_LENGTH = 60  # characters of a name
# the notebook's own colors, so that cards are readable in light and dark themes
_CARD = (
    "display:inline-block;max-width:100%;overflow-x:auto;padding:.5em 1em;border-radius:.4em;"
    "border:1px solid rgba(128,128,128,.5);color:inherit;background:none;font:inherit;line-height:1.4"
)
_TABLE = "border-collapse:collapse;margin:.4em 0 0;color:inherit;background:none"
_CELL = "padding:.1em 1em .1em 0;text-align:left;vertical-align:top;font-weight:normal;background:none"
_HEAD = f"{_CELL};opacity:.7"
_RIGHT = ";text-align:right"


def html_card(
    title: str,
    facts: Mapping[str, object],
    table: Sequence[Sequence[object]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return an HTML fragment that makes no requests and runs no script; all texts are escaped.

    Args:
        title: the first line.
        facts: lines by name; empty ones are left out.
        table: rows of a table, its header first.
        notes: further lines.

    Examples:
        >>> card = html_card("Data", {"rows": 80, "file": "<a>", "inputs": ""})
        >>> ">80</td>" in card, "&lt;a&gt;" in card, "inputs" in card
        (True, True, False)
    """
    lines = [_row([name, str(value)], [_HEAD, _CELL]) for name, value in facts.items() if value != ""]
    blocks = [f"<strong>{_escape(title)}</strong>", _table(lines)]
    if table:
        head, *rows = table
        are_numbers = [all(isinstance(cell, int) for cell in column) for column in zip(*rows, strict=True)]
        aligned = [
            f"{_HEAD}{_RIGHT if is_number else ''}" for is_number in are_numbers or [False] * len(head)
        ]
        lines = [_row(row, [_CELL] * len(head)) for row in rows[:_MAX_ROWS]]
        blocks.append(_table([_row(head, aligned), *lines]))
        if len(rows) > _MAX_ROWS:
            notes = [f"and {len(rows) - _MAX_ROWS:,} more", *notes]
    blocks += [f'<div style="margin-top:.4em">{_escape(note)}</div>' for note in notes]
    return f'<div style="{_CARD}">{"".join(blocks)}</div>'


def list_names(names: Sequence[object]) -> str:
    """Return names separated by commas, at most the first twelve.

    Examples:
        >>> list_names(["no", "yes"])
        'no, yes'
        >>> list_names(range(100))
        '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 88 more'
    """
    remaining = f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(shorten(str(name), _MAX_LENGTH) for name in names[:_MAX_NAMES]) + remaining


def _table(rows: Sequence[str]) -> str:
    return f'<table style="{_TABLE}">{"".join(rows)}</table>'


def _row(cells: Sequence[object], styles: Sequence[str]) -> str:
    inner = "".join(
        f'<td style="{style}{_RIGHT}">{cell:,}</td>'
        if isinstance(cell, int)
        else f'<td style="{style}">{_escape(str(cell))}</td>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f'<tr style="background:none">{inner}</tr>'


def _escape(text: str) -> str:
    return html.escape(escape_control(text, is_name=True))
