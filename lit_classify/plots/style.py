"""Colors, markers and names of classes, the same in every plot."""

from lit_classify.messages import escape_control

# The course's red and blue, then colors of Okabe and Ito (2008), which color-blind readers can distinguish.
COLORS = ("#d62728", "#1f77b4", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#b3a000")
MARKERS = "osD^vP*X"
_BRIGHTNESS = (1.0, 0.6, 0.3)  # of the colors, in turn, where there are more classes than colors
_MAX_LENGTH = 24


def class_color(label: int) -> str:
    """Return the color of a class; from the ninth class on, darker shades of the first eight.

    Examples:
        >>> class_color(0), class_color(8)
        ('#d62728', '#801718')
    """
    turn, number = divmod(label, len(COLORS))
    color, brightness = COLORS[number], _BRIGHTNESS[turn % len(_BRIGHTNESS)]
    return "#" + "".join(f"{round(brightness * int(color[at : at + 2], 16)):02x}" for at in (1, 3, 5))


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
    is_number = name.replace(".", "", 1).removeprefix("-").isdigit()
    return f"class {name}" if is_number else shorten(name)


def shorten(name: str) -> str:
    """Return a name escaped for matplotlib, and abbreviated in the middle if it is long.

    Examples:
        >>> shorten("alcalinity_of_ash_in_percent")
        'alcalinity_o…_in_percent'
    """
    half = _MAX_LENGTH // 2
    return escape_mathtext(name if len(name) <= _MAX_LENGTH else f"{name[:half]}…{name[1 - half :]}")


def escape_mathtext(name: str) -> str:
    r"""Return a name that matplotlib shows literally.

    Dollar signs would start a formula, and a leading underscore would hide the entry of a legend.

    Examples:
        >>> escape_mathtext("$cost$")
        '\\$cost\\$'
    """
    name = escape_control(name, is_name=True)
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
