"""Pictures as bytes: PNG for one, GIF for a film."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def pixels(figure: Figure) -> Pixels:
    """Return a figure as it looks, ``(height, width, 3)``."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def packed(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file of a kind such as png or svg."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=120)
    return file.getvalue()


def png(picture: Pixels) -> bytes:
    """Return pixels ``(height, width, 3)`` as PNG of 256 colours.

    A quarter of the bytes of all colours: TensorBoard's writer sums every byte up in Python.
    """
    packed = io.BytesIO()
    _few_colours(picture).save(packed, "PNG", compress_level=3)
    return packed.getvalue()


def _few_colours(picture: Pixels) -> Image.Image:
    return Image.fromarray(picture).quantize(256, method=Image.Quantize.FASTOCTREE)


def film(frames: Sequence[Pixels], seconds: float = 0.15, rest: float = 2.0) -> bytes:
    """Return frames as a GIF that plays for ever, each shown for some seconds, and the last one for ``rest``.

    All frames share one palette, of the colours of the first frame, one in the middle and the last.
    """
    some = [frames[0], frames[len(frames) // 2], frames[-1]]
    palette = _few_colours(np.concatenate(some))
    flat = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(1000 * rest)]
    packed = io.BytesIO()
    flat[0].save(packed, "GIF", save_all=True, append_images=flat[1:], duration=times, loop=0, optimize=False)
    return packed.getvalue()
