"""Small pictures for uploads, each time others, as a server may know a file again."""

import io
import random

from PIL import Image


def png(width: int = 64, height: int = 48) -> bytes:
    """A PNG of coloured noise."""
    made = Image.frombytes("RGB", (width, height), random.randbytes(width * height * 3))
    held = io.BytesIO()
    made.save(held, "PNG")
    return held.getvalue()
