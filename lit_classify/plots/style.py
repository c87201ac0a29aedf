"""Colours and marks: the same class looks the same in every picture."""

from lit_classify.errors import escape_control

# The course's red and blue first; then the colours of Okabe and Ito (2008), told apart by colour-blind eyes.
COLOURS = ("#d62728", "#1f77b4", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#b3a000")
MARKERS = "osD^vP*X"
_TONES = (1.0, 0.6, 0.3)  # of the colours, by turns, where there are more classes than colours
_LONGEST = 24


def colour(label: int) -> str:
    """Return a class's colour, the same in every picture; darker tones from the ninth class on."""
    turn, place = divmod(label, len(COLOURS))
    full = COLOURS[place]
    tone = _TONES[turn % len(_TONES)]
    return "#" + "".join(f"{round(tone * int(full[at : at + 2], 16)):02x}" for at in (1, 3, 5))


def marker(label: int) -> str:
    """Return a class's mark, the same in every picture; another one for each tone of a colour."""
    return MARKERS[(label + label // len(COLOURS)) % len(MARKERS)]


def named(name: str) -> str:
    """Return a class's name for a legend; a bare number is called a class."""
    number = name.replace(".", "", 1).removeprefix("-").isdigit()
    return f"class {name}" if number else shortened(name)


def shortened(name: str) -> str:
    """Return a name, cut in the middle if it is long, as ``literal`` has it."""
    half = _LONGEST // 2
    return literal(name if len(name) <= _LONGEST else f"{name[:half]}…{name[1 - half :]}")


def literal(name: str) -> str:
    """Return a name so that matplotlib shows it as it is: no formula, nor hidden for its underscore."""
    name = escape_control(name, is_name=True)
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
