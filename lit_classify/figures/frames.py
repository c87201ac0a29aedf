"""Frames of a plane that is drawn again and again, put together without matplotlib."""

from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_PANEL, _ABOVE = 3.41, 0.58  # heights of an axes and of the headings above it, in inches


class Film:
    """Frames of a plane: matplotlib draws what stays once; shades and headings are put below and above.

    Args:
        figure: the picture.
        panels: its axes, one for each split.
        images: what is shaded in them.
    """

    def __init__(self, figure: Figure, panels: Sequence[Axes], images: Sequence[AxesImage]) -> None:
        canvas = FigureCanvasAgg(figure)
        figure.set_layout_engine("none")
        width, height = 0.91 / len(panels), figure.get_figheight()
        bottom, top = (height - _PANEL - _ABOVE) / height, 1 - _ABOVE / height
        for number, axes in enumerate(panels):
            axes.set_position((0.075 + number * width, bottom, width - 0.03, top - bottom))
        middles = [0.075 + (number + 0.5) * width - 0.015 for number in range(len(panels))]
        places = [(0.5, 1 - 0.07 / height), *((middle, 1 - 0.36 / height) for middle in middles)]
        for part in (*images, figure.patch, *(axes.patch for axes in panels)):
            part.set_visible(False)
        for axes in panels:
            axes.title.set_visible(False)
        figure.suptitle("")
        canvas.draw()
        self._above = Image.fromarray(np.asarray(canvas.buffer_rgba()).copy())
        self._width, self._height = self._above.size
        self._boxes = [axes.get_window_extent() for axes in panels]
        self._places = [(round(x * self._width), round((1 - y) * self._height)) for x, y in places]
        dpi = figure.get_dpi()
        path = font_manager.findfont("DejaVu Sans")
        self._fonts = [ImageFont.truetype(path, round(points * dpi / 72)) for points in (12, 11)]

    def frame(self, shades: NDArray[np.float64], title: str, headings: Sequence[str]) -> NDArray[np.uint8]:
        """Put a frame together."""
        picture = Image.new("RGBA", self._above.size, "white")
        shaded = Image.fromarray((255 * shades[::-1]).round().astype(np.uint8))
        for box in self._boxes:
            size = (round(box.width), round(box.height))
            corner = (round(box.x0), round(self._height - box.y1))
            picture.paste(shaded.resize(size, Image.Resampling.BILINEAR), corner)
        picture.alpha_composite(self._above)
        pen = ImageDraw.Draw(picture)
        for place, text, font in zip(
            self._places, [title, *headings], [self._fonts[0], *[self._fonts[1]] * len(headings)], strict=True
        ):
            pen.text(place, text, fill="black", font=font, anchor="mt")
        return np.asarray(picture)[:, :, :3].copy()
