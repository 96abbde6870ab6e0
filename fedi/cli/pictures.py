"""Pictures for the demo, drawn here so that it needs no files: portraits of initials, and a plot that somebody shows."""

import colorsys
import hashlib
import io
import math

from PIL import Image, ImageDraw, ImageFont

_SIDE = 240
_WIDTH, _HEIGHT = 960, 540
_INK, _PAPER, _OLD, _NEW = (40, 44, 52), (252, 252, 250), (120, 144, 180), (214, 96, 62)


def portrait(name: str) -> bytes:
    """A PNG with the initials of a name on a colour that is always the same for it."""
    hue = hashlib.sha256(name.encode()).digest()[0] / 256
    red, green, blue = (int(255 * part) for part in colorsys.hls_to_rgb(hue, 0.42, 0.45))
    picture = Image.new("RGB", (_SIDE, _SIDE), (red, green, blue))
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    draw = ImageDraw.Draw(picture)
    draw.text((_SIDE / 2, _SIDE / 2), initials, (255, 255, 255), ImageFont.load_default(_SIDE * 0.42), anchor="mm")
    return _png(picture)


def drift() -> bytes:
    """A PNG of two distributions of wind speeds, the second moved up by a third."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(picture)
    small = ImageFont.load_default(22)
    left, right, bottom, top = 70, _WIDTH - 40, _HEIGHT - 70, 60

    def at(speed: float, density: float) -> tuple[float, float]:
        return left + (right - left) * speed / 24, bottom - (bottom - top) * density / 0.16

    for mean, colour, label in ((8.0, _OLD, "April"), (10.7, _NEW, "May")):
        points = [
            at(step / 10, math.exp(-(((step / 10 - mean) / 3) ** 2) / 2) / (3 * math.sqrt(2 * math.pi)))
            for step in range(241)
        ]
        draw.line(points, colour, 5, joint="curve")
        x, y = at(mean, 0.142)
        draw.text((x, y), label, colour, small, anchor="ms")
    draw.line([(left, top), (left, bottom), (right, bottom)], _INK, 2)
    for speed in range(0, 25, 4):
        draw.text((at(speed, 0)[0], bottom + 12), str(speed), _INK, small, anchor="ma")
    draw.text(((left + right) / 2, _HEIGHT - 12), "wind speed, m/s", _INK, small, anchor="ms")
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()
