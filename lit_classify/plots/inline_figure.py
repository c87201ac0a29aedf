"""A figure that notebooks show."""

from matplotlib.figure import Figure

from lit_classify.plots.images import encode_figure


class InlineFigure(Figure):
    """A figure that IPython shows as an image, also if pyplot is not imported.

    Examples:
        >>> InlineFigure(figsize=(2, 1))._repr_png_()[1:4]
        b'PNG'
    """

    def _repr_png_(self) -> bytes:
        """Return the image."""
        return encode_figure(self, "png")
