"""Films and sounds, read without decoding: what a container says of its size and length, and where it was recorded
taken out. What is not understood is not told.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_MOOV = 32 << 20
_BOXES = 20_000
_BLANK = 1 << 20
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"edts")
_PRIVATE = (b"udta", b"meta", b"uuid")
"""Boxes that name place, device and people (QuickTime's user data, ISO 14496-12's metadata, XMP); none is for playing."""


class Broken(ValueError):
    """Not a whole file of its kind."""


@dataclass(slots=True)
class Film:
    """What a container tells: pixels, seconds; `pictures` whether there is a picture at all."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    pictures: bool = False


def read_mp4(file: BinaryIO, size: int) -> tuple[Film, list[tuple[int, int]]]:
    """What an MP4 or MOV is, and where its private boxes are (begin and end, from their names on), to be blanked.

    Raises Broken for one without a `moov` (ISO 14496-12, 8.2.1), as it can't be played.
    """
    at, count = 0, 0
    film, seen = Film(), False
    private: list[tuple[int, int]] = []
    while at + 8 <= size and count < _BOXES:
        count += 1
        name, begin, end = _box(file, at, size)
        if name in _PRIVATE:
            private.append((at + 4, end))
        elif name == b"moov":
            if end - begin > _MOOV:
                raise Broken("its index is too large")
            seen = True
            file.seek(begin)
            _moov(file.read(end - begin), begin, film, private)
        at = end
    if not seen:
        raise Broken("it has no index, so it can't be played")
    return film, private


def blank(file: BinaryIO, private: list[tuple[int, int]]) -> None:
    """Make these boxes `free` ones full of zeros (ISO 14496-12, 8.1.2): all else stays where it is, as its index says."""
    for begin, end in private:
        file.seek(begin)
        file.write(b"free")
        file.writelines(bytes(min(_BLANK, end - at)) for at in range(begin + 4, end, _BLANK))


def _box(file: BinaryIO, at: int, size: int) -> tuple[bytes, int, int]:
    """(name, where its content begins, where it ends) of the box at a place."""
    file.seek(at)
    head = file.read(16)
    length, name = int.from_bytes(head[:4], "big"), head[4:8]
    begin = at + 8
    if length == 1:
        if len(head) < 16:
            raise Broken("it ends too early")
        length, begin = int.from_bytes(head[8:16], "big"), at + 16
    elif length == 0:
        length = size - at
    if length < begin - at or at + length > size:
        raise Broken("it ends too early")
    return name, begin, at + length


def _moov(raw: bytes, offset: int, film: Film, private: list[tuple[int, int]]) -> None:
    todo = [(0, len(raw))]
    count = 0
    while todo:
        at, end = todo.pop()
        while at + 8 <= end:
            count += 1
            length, name = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
            if length < 8 or at + length > end or count > _BOXES:
                raise Broken("its index is no index")
            body = raw[at + 8 : at + length]
            if name in _PRIVATE:
                private.append((offset + at + 4, offset + at + length))
            elif name in _INSIDE:
                todo.append((at + 8, at + length))
            elif name == b"mvhd":
                film.duration = _duration(body)
            elif name == b"tkhd":
                _size(body, film)
            at += length


def _size(body: bytes, film: Film) -> None:
    """The size of a track that has a picture, as it is shown: phones film upright by turning the matrix."""
    if len(body) < 84:
        return
    width, height = (value >> 16 for value in struct.unpack(">II", body[-8:]))
    if not (0 < width < 20_000 and 0 < height < 20_000):
        return
    across, turned = struct.unpack(">ii", body[-44:-36])
    film.width, film.height = (height, width) if across == 0 and turned != 0 else (width, height)
    film.pictures = True


def _duration(body: bytes) -> float | None:
    if len(body) < 32:
        return None
    scale, length = struct.unpack(">IQ", body[20:32]) if body[0] == 1 else struct.unpack(">II", body[12:20])
    return float(round(length / scale, 3)) if scale and length < scale * 10**6 else None


def read_wav(head: bytes) -> Film:
    """Length of a WAV from its header. Raises Broken without a format."""
    at = 12
    rate = 0
    while at + 8 <= len(head):
        name, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"fmt " and at + 20 <= len(head):
            rate = int.from_bytes(head[at + 16 : at + 20], "little")
        elif name == b"data":
            return Film(duration=round(length / rate, 3) if rate else None)
        at += 8 + length + length % 2
    if not rate:
        raise Broken("a WAV without a format")
    return Film()


def read_flac(head: bytes) -> Film:
    """Length of a FLAC from its STREAMINFO (RFC 9639, 8.2). Raises Broken without one."""
    if len(head) < 42 or head[4] & 0x7F != 0:
        raise Broken("a FLAC without STREAMINFO")
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return Film(duration=round(samples / rate, 3) if rate and samples else None)
