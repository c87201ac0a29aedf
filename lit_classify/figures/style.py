"""Colours and marks: the same class looks the same in every picture."""

# The course's red and blue first; then the colours of Okabe and Ito (2008), told apart by colour-blind eyes.
COLOURS = ("#d62728", "#1f77b4", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#999999", "#b3a000")
MARKERS = "osD^vP*X"


def colour(label: int) -> str:
    """Return a class's colour, the same in every picture."""
    return COLOURS[label % len(COLOURS)]


def marker(label: int) -> str:
    """Return a class's mark, the same in every picture."""
    return MARKERS[label % len(MARKERS)]
