"""The blurhash of a picture: some twenty letters that clients draw while it loads (blurha.sh)."""

import blurhash
from PIL import Image

SIDE = 32
"""Pixels of the longer side of what it is worked out from: its four by four waves have no finer detail."""


def blurhash_of(picture: Image.Image) -> str:
    """The blurhash of a picture of any mode; what is transparent is white, as clients show it."""
    small = picture.convert("RGBA")
    small.thumbnail((SIDE, SIDE))
    back = Image.new("RGBA", small.size, "white")
    back.alpha_composite(small)
    flat = back.convert("RGB")
    width, height = flat.size
    raw = flat.tobytes()
    rows = [[list(raw[3 * (y * width + x) : 3 * (y * width + x) + 3]) for x in range(width)] for y in range(height)]
    return str(blurhash.encode(rows, min(4, max(1, width)), min(4, max(1, height))))
