"""Figures as pixels, and pixels as PNG or GIF."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def to_pixels(figure: Figure) -> Pixels:
    """Render a figure as pixels ``(height, width, 3)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def encode_figure(figure: Figure, format_: str) -> bytes:
    """Return the content of an image file of a figure, in a format such as png or svg."""
    file = io.BytesIO()
    figure.savefig(file, format=format_, dpi=120)
    return file.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """Return pixels ``(height, width, 3)`` as a PNG of 256 colors.

    It has a quarter of the bytes of a PNG of all colors: TensorBoard's writer computes a checksum of every
    byte in Python.
    """
    file = io.BytesIO()
    _quantize(pixels).save(file, "PNG", compress_level=3)
    return file.getvalue()


def encode_gif(frames: Sequence[Pixels], seconds: float = 0.15, last_seconds: float = 2.0) -> bytes:
    """Return frames ``(height, width, 3)`` as an animated GIF that repeats forever.

    All frames share one palette: the colors of the first, the middle and the last frame.

    Args:
        frames: at least one frame.
        seconds: duration of each frame but the last.
        last_seconds: duration of the last frame.

    Examples:
        >>> gif = encode_gif([np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)])
        >>> Image.open(io.BytesIO(gif)).n_frames
        2
    """
    palette = _quantize(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]]))
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(1000 * last_seconds)]
    file = io.BytesIO()
    images[0].save(
        file, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0, optimize=False
    )
    return file.getvalue()


def _quantize(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels).quantize(256, method=Image.Quantize.FASTOCTREE)
