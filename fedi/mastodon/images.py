"""The pictures of whoever has none. Clients take an empty avatar or header for a broken answer, and
those of phones don't draw SVG, so they are PNG, drawn here once.
"""

import struct
import zlib
from collections.abc import Callable
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_BACK = (0xD5, 0xDB, 0xE3)
_FRONT = (0x7A, 0x86, 0x98)


def png(width: int, height: int, inside: Callable[[int, int], bool]) -> bytes:
    """A PNG of two colours: `inside(x, y)` says where the front one is (PNG 3rd edition, section 11)."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(0, width, 8):
            rows.append(sum(1 << (7 - bit) for bit in range(8) if x + bit < width and inside(x + bit, y)))
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", bytes(_BACK + _FRONT)),
            (b"IDAT", zlib.compress(bytes(rows), 9)),
            (b"IEND", b""),
        )
    )


def _bust(x: float, y: float, middle: float, size: float) -> bool:
    head = (x - middle) ** 2 + (y - 0.36) ** 2 < (0.17 * size) ** 2
    shoulders = ((x - middle) / (0.30 * size)) ** 2 + ((y - 0.98) / (0.40 * size)) ** 2 < 1
    return head or shoulders


@cache
def avatar() -> bytes:
    """A person without a picture."""
    return png(240, 240, lambda x, y: _bust(x / 240, y / 240, 0.5, 1.0))


@cache
def group() -> bytes:
    """A group without a picture."""
    return png(240, 240, lambda x, y: any(_bust(x / 240, y / 240, at, 0.72) for at in (0.22, 0.5, 0.78)))


@cache
def header() -> bytes:
    """A profile without a header picture."""
    return png(600, 200, lambda _x, _y: False)


_PICTURES = {
    "/avatars/original/missing.png": avatar,
    "/avatars/original/group.png": group,
    "/headers/original/missing.png": header,
}


async def picture(request: Request) -> Response:
    """One of the pictures; no cookie or token needed, as clients send none for images."""
    headers = {"cache-control": "public, max-age=604800", "access-control-allow-origin": "*"}
    return Response(_PICTURES[request.url.path](), media_type="image/png", headers=headers)


ROUTES = [Route(path, picture) for path in _PICTURES]
"""For the application's own list: these paths are not below /api."""
