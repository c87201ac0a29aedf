"""Animations: fast rendering of many frames of one figure, and GIF files."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageDraw, ImageFont

from lit_classify.plots.images import Pixels, quantize


class FrameRenderer:
    """Render a figure repeatedly: matplotlib lays it out and draws everything that does not change only once.

    Args:
        figure: the figure.
        texts: titles that change. Pillow draws them in a tenth of the time that matplotlib takes.
        animated: other artists that change, in drawing order.
        background_axes: axes of equal size with a background image that changes.

    Examples:
        >>> figure = Figure(figsize=(2, 2))
        >>> title, (line,) = figure.suptitle("epoch 0"), figure.subplots().plot([0, 1], [0, 1])
        >>> renderer = FrameRenderer(figure, [title], [line])
        >>> before = renderer.render()
        >>> line.set_ydata([1, 0])
        >>> before.shape, bool((before != renderer.render()).any())
        ((200, 200, 3), True)
    """

    def __init__(
        self,
        figure: Figure,
        texts: Sequence[Text],
        animated: Sequence[Artist],
        background_axes: Sequence[Axes] = (),
    ) -> None:
        self._figure, self._animated, self._texts = figure, animated, texts
        self._canvas = FigureCanvasAgg(figure)
        if layout := figure.get_layout_engine():
            layout.execute(figure)
        figure.set_layout_engine("none")
        height = self._canvas.get_width_height()[1]
        path = font_manager.findfont("DejaVu Sans")
        sizes = [float(text.get_fontsize()) * figure.dpi / 72 for text in texts]
        self._fonts = [ImageFont.truetype(path, round(size)) for size in sizes]
        extents = [text.get_window_extent() for text in texts]
        self._text_positions = [((box.x0 + box.x1) / 2, height - box.y1) for box in extents]
        backgrounds = [artist for axes in background_axes for artist in (*axes.images, axes.patch)]
        hidden = [*texts, *animated, *backgrounds, figure.patch]
        for artist in hidden:
            artist.set_visible(False)
        self._canvas.draw()
        for artist in hidden:
            artist.set_visible(True)
        self._static = Image.fromarray(np.asarray(self._canvas.buffer_rgba()).copy())
        boxes = [axes.get_window_extent() for axes in background_axes]
        self._corners = [(round(box.x0), round(height - box.y1)) for box in boxes]
        self._size = (round(boxes[0].width), round(boxes[0].height)) if boxes else (0, 0)

    def render(self, background: Pixels | None = None) -> Pixels:
        """Return the figure in its current state as pixels ``(height, width, 3)``.

        Args:
            background: the background image of all ``background_axes``, ``(height, width, 3)``, with the
                bottom row first.
        """
        image = Image.new("RGBA", self._static.size, to_hex(self._figure.get_facecolor()))
        if background is not None:
            resized = Image.fromarray(background[::-1]).resize(self._size, Image.Resampling.BILINEAR)
            for corner in self._corners:
                image.paste(resized, corner)
        image.alpha_composite(self._static)
        draw = ImageDraw.Draw(image)
        for text, font, position in zip(self._texts, self._fonts, self._text_positions, strict=True):
            color = to_hex(text.get_color())
            draw.text(position, text.get_text(), fill=color, font=font, anchor="ma", align="center")
        pixels = np.asarray(self._canvas.buffer_rgba())
        pixels[:] = np.asarray(image)
        for artist in self._animated:
            self._figure.draw_artist(artist)
        return np.asarray(Image.fromarray(pixels).convert("RGB"))


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
    palette = quantize(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]]))
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(1000 * last_seconds)]
    file = io.BytesIO()
    images[0].save(
        file, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0, optimize=False
    )
    return file.getvalue()
