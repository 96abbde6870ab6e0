"""What a file is, by how it begins; never by its name or by what its sender says of it."""

from dataclasses import dataclass

HEAD = 4096
"""Bytes that `kind_of` wants to see of a file."""
IMAGE_BYTES = 16 << 20
FILM_BYTES = 99 << 20
"""Bytes of a film or sound at most: some minutes from a phone. A box of a university's club serves them itself."""
MATRIX = 33_177_600
"""Pixels of a picture at most (Mastodon's: 7680 x 4320); of a JPEG `JPEG_MATRIX`, as that is decoded smaller at once."""
JPEG_MATRIX = 120_000_000
FILM_MATRIX = 8_294_400
FRAME_RATE = 120


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of file: image, video or audio; `format` is Pillow's name for a picture's."""

    kind: str
    media_type: str
    extension: str
    format: str = ""

    @property
    def most(self) -> int:
        """Bytes that such a file may have."""
        return IMAGE_BYTES if self.kind == "image" else FILM_BYTES


PNG = Kind("image", "image/png", "png", "PNG")
JPEG = Kind("image", "image/jpeg", "jpg", "JPEG")
GIF = Kind("image", "image/gif", "gif", "GIF")
WEBP = Kind("image", "image/webp", "webp", "WEBP")
AVIF = Kind("image", "image/avif", "avif", "AVIF")
MP4 = Kind("video", "video/mp4", "mp4")
MOV = Kind("video", "video/quicktime", "mov")
WEBM = Kind("video", "video/webm", "webm")
M4A = Kind("audio", "audio/mp4", "m4a")
MP3 = Kind("audio", "audio/mpeg", "mp3")
OGG = Kind("audio", "audio/ogg", "ogg")
WAV = Kind("audio", "audio/wav", "wav")
FLAC = Kind("audio", "audio/flac", "flac")

ALL = (PNG, JPEG, GIF, WEBP, AVIF, MP4, MOV, WEBM, M4A, MP3, OGG, WAV, FLAC)
MEDIA_TYPES = (*(one.media_type for one in ALL), "audio/x-m4a", "audio/m4a", "audio/mp3", "audio/x-wav", "audio/wave")
"""What the instance says that it takes, with the other names that phones have for the same."""
SERVED = {one.extension: one.media_type for one in ALL}
"""The Content-Type of what is served, by the extension that we gave it."""

_BRANDS = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"M4A ": M4A,
    b"M4B ": M4A,
    b"qt  ": MOV,
    **dict.fromkeys(
        (
            b"isom",
            b"iso2",
            b"iso4",
            b"iso5",
            b"iso6",
            b"iso8",
            b"iso9",
            b"mp41",
            b"mp42",
            b"avc1",
            b"M4V ",
            b"dash",
            b"MSNV",
        ),
        MP4,
    ),
}


def kind_of(head: bytes) -> Kind | None:
    """What a file is that begins like this; None for everything that is not taken (SVG and HEIC among it)."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF"):
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"\x42\x82\x84webm" in head[:64] else None
    if head.startswith(b"OggS"):
        return OGG if any(mark in head[:256] for mark in (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")) else None
    if head.startswith(b"fLaC"):
        return FLAC
    if head.startswith(b"ID3") or _mpeg_frame(head):
        return MP3
    return None


def _mpeg_frame(head: bytes) -> bool:
    """Whether it begins with the header of a frame of MPEG audio, layer III (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[1] & 0x18 != 0x08 and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C
