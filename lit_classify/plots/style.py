"""Colors, markers and names of classes, the same in every plot.

Plots follow matplotlib's settings of background and text: ``with rc_context(DARK)`` they are dark.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from lit_classify.messages import escape_control, shorten

# The course's red and blue, then colors of Okabe and Ito (2008), which color-blind readers can distinguish.
COLORS = ("#d62728", "#1f77b4", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#b3a000")
MARKERS = "osD^vP*X"
_BRIGHTNESS = (1.0, 0.6, 0.3)  # of the colors, in turn, where there are more classes than colors
# matplotlib's settings for plots on dark pages
DARK: dict[Any, str] = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "legend.facecolor"), "#16181d"),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), "#e6e6e6"),
    **dict.fromkeys(("axes.edgecolor", "legend.edgecolor"), "#9a9a9a"),
}
_MAX_LENGTH = 24
_MAX_WRAPPED_LENGTH = 72


def foreground() -> str:
    """Return the color of texts, and of lines that must be visible on any class's color.

    Examples:
        >>> foreground()
        'black'
    """
    return str(rcParams["text.color"])


def background() -> str:
    """Return the color of empty panels.

    Examples:
        >>> background()
        'white'
    """
    return str(rcParams["axes.facecolor"])


def tint(colors: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colors ``(G, 3)`` blended with the background, ``(G, 3)``; a strength of 0 gives the background.

    Examples:
        >>> tint(np.array([[1.0, 0.0, 0.0]]), np.array([0.5])).tolist()
        [[1.0, 0.5, 0.5]]
    """
    empty = np.array(to_rgb(background()))
    rgb: NDArray[np.float64] = empty + strength[:, None] * (colors - empty)
    return rgb


def class_color(label: int) -> str:
    """Return the color of a class; from the ninth class on, shades of the first eight.

    The shades are darker on a light background, and lighter on a dark one.

    Examples:
        >>> class_color(0), class_color(8)
        ('#d62728', '#801718')
    """
    cycle, index = divmod(label, len(COLORS))
    color, brightness = COLORS[index], _BRIGHTNESS[cycle % len(_BRIGHTNESS)]
    limit = 255 if sum(to_rgb(background())) < 1.5 else 0
    values = (limit + brightness * (int(color[start : start + 2], 16) - limit) for start in (1, 3, 5))
    return "#" + "".join(f"{round(value):02x}" for value in values)


def class_marker(label: int) -> str:
    """Return the marker of a class; each shade of a color has a different one.

    Examples:
        >>> class_marker(0), class_marker(8)
        ('o', 's')
    """
    return MARKERS[(label + label // len(COLORS)) % len(MARKERS)]


def legend_label(name: str) -> str:
    """Return the label of a class in a legend; numbers are prefixed with "class".

    Examples:
        >>> legend_label("1"), legend_label("setosa")
        ('class 1', 'setosa')
    """
    return f"class {name}" if _is_number(name) else short_label(name)


def full_label(name: str, width: int) -> str:
    """Return the label of a class in full, wrapped; numbers are prefixed with "class".

    Examples:
        >>> full_label("1", 48), full_label("setosa", 48)
        ('class 1', 'setosa')
    """
    return f"class {name}" if _is_number(name) else wrap(name, width)


def short_label(name: str) -> str:
    """Return a name escaped for matplotlib, and abbreviated in the middle if it is long.

    Examples:
        >>> short_label("alcalinity_of_ash_in_percent")
        'alcalinity_o…_in_percent'
    """
    return escape_mathtext(shorten(name, _MAX_LENGTH))


def wrap(name: str, width: int) -> str:
    r"""Return a name escaped for matplotlib, in lines of at most ``width`` characters; 72 in all.

    Examples:
        >>> wrap("needs a reply from the management", 20)
        'needs a reply from\nthe management'
    """
    lines = textwrap.wrap(escape_control(shorten(name, _MAX_WRAPPED_LENGTH), is_name=True), width)
    return "\n".join(map(escape_mathtext, lines))


def _is_number(name: str) -> bool:
    return name.replace(".", "", 1).removeprefix("-").isdigit()


def escape_mathtext(name: str) -> str:
    r"""Return a name that matplotlib shows literally.

    Dollar signs would start a formula, and a leading underscore would hide the entry of a legend.

    Examples:
        >>> escape_mathtext("$cost$")
        '\\$cost\\$'
    """
    name = escape_control(name, is_name=True)
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
