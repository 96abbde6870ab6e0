"""Animated GIFs: counted and cleaned without decoding. Comments, other applications' data and whatever follows the end of
the picture are left out, so that nothing travels in them (GIF89a specification, sections 18 to 27).
"""

from dataclasses import dataclass


class Broken(ValueError):
    """Not a whole GIF."""


@dataclass(frozen=True, slots=True)
class Gif:
    """What a GIF holds: size of its screen, number of frames, pixels of all frames together, and itself cleaned."""

    width: int
    height: int
    frames: int
    pixels: int
    data: bytes


def cleaned(raw: bytes, most_frames: int) -> Gif:
    """Read a GIF. Raises Broken for one that isn't whole or has more frames."""
    try:
        return _read(raw, most_frames)
    except IndexError as problem:
        raise Broken("it ends too early") from problem


def _read(raw: bytes, most_frames: int) -> Gif:
    if raw[:6] not in (b"GIF87a", b"GIF89a") or len(raw) < 13:
        raise Broken("no GIF")
    width, height = _number(raw, 6), _number(raw, 8)
    at = 13 + _table(raw[10])
    kept = bytearray(raw[:at])
    frames = pixels = 0
    while True:
        mark = raw[at]
        if mark == 0x3B:
            break
        if mark == 0x21:
            end = _blocks(raw, at + 2)
            # What says how a frame is shown, and the one that says how often all are.
            if raw[at + 1] == 0xF9 or raw[at + 1 : at + 14] == b"\xff\x0bNETSCAPE2.0":
                kept += raw[at:end]
        elif mark == 0x2C:
            frames += 1
            pixels += _number(raw, at + 5) * _number(raw, at + 7)
            if frames > most_frames:
                raise Broken(f"more than {most_frames} frames")
            end = _blocks(raw, at + 10 + _table(raw[at + 9]) + 1)
            kept += raw[at:end]
        else:
            raise Broken("an unknown block")
        at = end
    if not frames or not width or not height:
        raise Broken("no picture in it")
    return Gif(width, height, frames, pixels, bytes(kept) + b"\x3b")


def _number(raw: bytes, at: int) -> int:
    return raw[at] | raw[at + 1] << 8


def _table(flags: int) -> int:
    """Bytes of the table of colours that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(raw: bytes, at: int) -> int:
    """Where a chain of sub-blocks that begins here ends."""
    while raw[at]:
        at += raw[at] + 1
    return at + 1
