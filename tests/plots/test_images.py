"""Image files of figures."""

from matplotlib.figure import Figure

from lit_classify.plots import encode_figure


def test_text_in_svg_files_stays_text() -> None:
    figure = Figure()
    figure.suptitle("a title to be found")
    assert b">a title to be found</text>" in encode_figure(figure, "svg")
