"""Frames of a figure in which little changes: matplotlib draws what stays only once."""

from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


class Film:
    """Render a figure again and again; its layout stays as it was at first.

    Args:
        figure: the figure.
        texts: headings that change; Pillow writes them in a tenth of the time that matplotlib takes.
        moving: other artists that change, in the order in which they are drawn.
        shaded: axes of one size, behind which lies an image that changes.
    """

    def __init__(
        self, figure: Figure, texts: Sequence[Text], moving: Sequence[Artist], shaded: Sequence[Axes] = ()
    ) -> None:
        self._figure, self._moving, self._texts = figure, moving, texts
        self._canvas = FigureCanvasAgg(figure)
        if layout := figure.get_layout_engine():
            layout.execute(figure)
        figure.set_layout_engine("none")
        height = self._canvas.get_width_height()[1]
        path = font_manager.findfont("DejaVu Sans")
        sizes = [float(text.get_fontsize()) * figure.dpi / 72 for text in texts]
        self._fonts = [ImageFont.truetype(path, round(size)) for size in sizes]
        extents = [text.get_window_extent() for text in texts]
        self._places = [((box.x0 + box.x1) / 2, height - box.y1) for box in extents]
        behind = [part for axes in shaded for part in (*axes.images, axes.patch)]
        hidden = [*texts, *moving, *behind, figure.patch]
        for artist in hidden:
            artist.set_visible(False)
        self._canvas.draw()
        for artist in hidden:
            artist.set_visible(True)
        self._above = Image.fromarray(np.asarray(self._canvas.buffer_rgba()).copy())
        boxes = [axes.get_window_extent() for axes in shaded]
        self._corners = [(round(box.x0), round(height - box.y1)) for box in boxes]
        self._size = (round(boxes[0].width), round(boxes[0].height)) if boxes else (0, 0)

    def frame(self, shades: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return the figure as it is now, ``(height, width, 3)``.

        Args:
            shades: the image behind all shaded axes, ``(height, width, 3)``, its first row at the bottom.
        """
        picture = Image.new("RGBA", self._above.size, "white")
        if shades is not None:
            resized = Image.fromarray(shades[::-1]).resize(self._size, Image.Resampling.BILINEAR)
            for corner in self._corners:
                picture.paste(resized, corner)
        picture.alpha_composite(self._above)
        pen = ImageDraw.Draw(picture)
        for text, font, place in zip(self._texts, self._fonts, self._places, strict=True):
            pen.text(place, text.get_text(), fill="black", font=font, anchor="ma", align="center")
        pixels = np.asarray(self._canvas.buffer_rgba())
        pixels[:] = np.asarray(picture)
        for artist in self._moving:
            self._figure.draw_artist(artist)
        return np.asarray(Image.fromarray(pixels).convert("RGB"))
