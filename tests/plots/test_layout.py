"""Panels of a figure: their size, and their distance from texts."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lit_classify.plots.layout import lay_out, make_panels


@pytest.mark.parametrize("name", ["A" * 70, "W" * 48, "a" * 48])
def test_the_figure_is_as_wide_as_its_legends(name: str) -> None:
    figure, panels = make_panels(2)
    for axes in panels:
        axes.plot([0, 1], [0, 1], label=name)
    lay_out(figure, panels, "a title")
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    legends = [axes.get_legend() for axes in panels]
    first, second = (legend.get_window_extent() for legend in legends if legend is not None)
    assert first.x1 < second.x0
    assert second.x1 <= figure.bbox.x1


def test_panels_are_square_and_texts_do_not_overlap() -> None:
    figure, panels = make_panels(3)
    for axes in panels:
        axes.plot([0, 1e9], [0, 123456], label="a line\nwith a label of two lines")
        axes.ticklabel_format(style="plain", axis="y")
        axes.set(title="a panel", xlabel="x", ylabel="y")
    lay_out(figure, panels, "a title\nof two lines")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib is half typed here
    right = 0.0
    for axes in panels:
        panel, box = axes.get_window_extent(), axes.get_tightbbox()
        assert box is not None
        assert round(panel.width) == round(panel.height)
        assert box.x0 >= right  # labels of an axis do not reach into the panel to the left
        assert box.y0 >= 0
        assert box.y1 <= figure._suptitle.get_window_extent().y0  # type: ignore[attr-defined]  # no public attribute
        right = panel.x1
