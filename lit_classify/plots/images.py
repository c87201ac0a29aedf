"""Figures as pixels, and as image files."""

import io

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def to_pixels(figure: Figure) -> Pixels:
    """Render a figure as pixels ``(height, width, 3)``.

    Examples:
        >>> to_pixels(Figure(figsize=(2, 1), dpi=100)).shape
        (100, 200, 3)
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def encode_figure(figure: Figure, format_: str) -> bytes:
    """Return the content of an image file of a figure, in a format such as png or svg.

    Examples:
        >>> encode_figure(Figure(figsize=(2, 1)), "png")[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text stays text, which can be searched and selected
        figure.savefig(file, format=format_, dpi=120)
    return file.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """Return pixels ``(height, width, 3)`` as a PNG of 256 colors.

    It has a quarter of the bytes of a PNG of all colors: TensorBoard's writer computes a checksum of every
    byte in Python.

    Examples:
        >>> encode_png(np.zeros((4, 4, 3), np.uint8))[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    quantize(pixels).save(file, "PNG", compress_level=3)
    return file.getvalue()


def quantize(pixels: Pixels) -> Image.Image:
    """Return pixels ``(height, width, 3)`` as an image of 256 colors."""
    return Image.fromarray(pixels).quantize(256, method=Image.Quantize.FASTOCTREE)
