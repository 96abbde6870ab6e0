"""What a file is, by its bytes; and what films and sounds say of themselves."""

import io
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fedi.media import containers, gif, kinds
from fedi.media.decode import Found, Task
from fedi.media.kinds import kind_of
from fedi.media.processing import FAILED, run


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def mp4(*, brand: bytes = b"isom", pictures: bool = True, turned: bool = False, seconds: int = 3) -> bytes:
    """A film of 320 x 180, or a sound, in an MP4 that says where it was recorded."""
    matrix = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30) if turned else (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    size = (320 << 16, 180 << 16) if pictures else (0, 0)
    tkhd = bytes(4) + bytes(20) + bytes(16) + struct.pack(">9i", *matrix) + struct.pack(">II", *size)
    mvhd = bytes(4) + struct.pack(">IIII", 0, 0, 1000, 1000 * seconds) + bytes(80)
    place = box(b"udta", box(b"\xa9xyz", b"+52.5310-013.4050/"))
    track = box(b"trak", box(b"tkhd", tkhd) + box(b"meta", b"+52.5310-013.4050/"))
    return (
        box(b"ftyp", brand + bytes(4))
        + box(b"moov", box(b"mvhd", mvhd) + track + place)
        + box(b"uuid", b"+52.5310-013.4050/")
        + box(b"mdat", b"frames")
    )


def wav(seconds: int = 2) -> bytes:
    data = bytes(8000 * seconds)
    head = b"WAVE" + b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<I", len(data) + 36) + head + b"data" + struct.pack("<I", len(data)) + data


FLAC = (
    b"fLaC\x80\x00\x00\x22" + bytes(10) + ((8000 << 44) | (1 << 41) | (7 << 36) | 12_000).to_bytes(8, "big") + bytes(16)
)


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (mp4(), "video/mp4"),
        (mp4(brand=b"qt  "), "video/quicktime"),
        (mp4(brand=b"M4A "), "audio/mp4"),
        (b"\x00\x00\x00\x20ftypavif", "image/avif"),
        (b"\x00\x00\x00\x20ftypheic", None),
        (b"\x00\x00\x00\x20ftypxxxx", None),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", None),
        (b"OggS" + bytes(24) + b"\x01\x1e\x01vorbis", "audio/ogg"),
        (b"OggS" + bytes(24) + b"\x80theora", None),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xff\xff\xff", None),
        (wav(), "audio/wav"),
        (FLAC, "audio/flac"),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"%PDF-1.7", None),
        (b"II*\x00", None),
        (b"BM", None),
        (b"", None),
        (b"\x00", None),
    ],
)
def test_kinds_are_known_by_content(head: bytes, wanted: str | None) -> None:
    found = kind_of(head)
    assert (found.media_type if found is not None else None) == wanted


async def work(tmp_path: Path, content: bytes, kind: kinds.Kind, **more: Any) -> Found:
    source = tmp_path / "source"
    source.write_bytes(content)
    matrix = {"image": kinds.MATRIX}.get(kind.kind, kinds.FILM_MATRIX)
    return await run(
        Task(
            source=str(source),
            stem=str(tmp_path / "out"),
            kind=kind.kind,
            format=kind.format,
            extension=kind.extension,
            matrix=matrix,
            **more,
        )
    )


async def test_a_film_is_kept_as_it_is_but_for_where_it_was_recorded(tmp_path: Path) -> None:
    content = mp4()
    found = await work(tmp_path, content, kinds.MP4)
    assert (found.kind, found.extension, found.width, found.height, found.duration) == ("video", "mp4", 320, 180, 3.0)
    kept = (tmp_path / "out.mp4").read_bytes()
    assert len(kept) == len(content)  # offsets into it stay right
    assert kept.count(b"free") == 3
    assert b"udta" not in kept
    assert kept.endswith(b"frames")
    assert (await work(tmp_path, mp4(turned=True), kinds.MP4)).width == 180


async def test_a_place_is_gone_from_a_film(tmp_path: Path) -> None:
    await work(tmp_path, mp4(), kinds.MP4)
    assert b"+52.5310" not in (tmp_path / "out.mp4").read_bytes()


async def test_what_has_no_pictures_is_a_sound(tmp_path: Path) -> None:
    found = await work(tmp_path, mp4(pictures=False), kinds.MP4)
    assert (found.kind, found.extension, found.width) == ("audio", "m4a", None)
    assert (await work(tmp_path, wav(), kinds.WAV)).duration == 2.0
    assert (await work(tmp_path, FLAC, kinds.FLAC)).duration == 1.5


async def test_a_film_too_large_to_be_drawn_is_refused(tmp_path: Path) -> None:
    size = struct.pack(">II", 320 << 16, 180 << 16)
    huge = mp4().replace(size, struct.pack(">II", 9000 << 16, 9000 << 16))
    assert (await work(tmp_path, huge, kinds.MP4)).problem == "9000x9000 videos are not supported"


@pytest.mark.parametrize("read", [containers.read_mp4, lambda file, size: gif.cleaned(file.read(), 100)])
def test_broken_containers_are_broken_and_nothing_worse(read: Any) -> None:
    out = io.BytesIO()
    frames = [Image.new("P", (20, 20), n) for n in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    chance = random.Random(1)
    for whole in (mp4(), out.getvalue()):
        for _ in range(1500):
            changed = bytearray(whole[: chance.randrange(len(whole) + 1)])
            for _ in range(chance.randrange(4)):
                if changed:
                    changed[chance.randrange(len(changed))] = chance.randrange(256)
            try:
                read(io.BytesIO(changed), len(changed))
            except (containers.Broken, gif.Broken):
                continue


def test_a_gif_loses_comments_and_what_follows_it() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), (80 * n, 0, 0)) for n in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], comment=b"SECRETWORD", loop=0)
    raw = out.getvalue() + b"PK\x03\x04 an archive"
    assert b"SECRETWORD" in raw
    found = gif.cleaned(raw, 100)
    assert (found.frames, found.width) == (3, 20)
    assert b"SECRETWORD" not in found.data
    assert b"archive" not in found.data
    assert b"NETSCAPE2.0" in found.data
    assert getattr(Image.open(io.BytesIO(found.data)), "n_frames", 1) == 3
    with pytest.raises(gif.Broken):
        gif.cleaned(raw, 2)


async def test_a_picture_as_large_as_may_be_fits_into_the_process(tmp_path: Path) -> None:
    made = Image.new("RGB", (7680, 4320))
    out = io.BytesIO()
    made.save(out, "PNG")
    found = await work(tmp_path, out.getvalue(), kinds.PNG)
    assert found.problem == ""
    assert found.width is not None
    assert found.height is not None
    assert found.width * found.height <= 8_294_400


async def test_a_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedi.media.processing.SECONDS", 0.01)
    assert (await work(tmp_path, b"x", kinds.PNG)).problem == FAILED


async def test_ffmpeg_where_there_is_one_is_asked_for_one_frame_of_this_file_alone(tmp_path: Path) -> None:
    """A stand-in that keeps what it was asked: the real one is not on every machine."""
    asked, frame = tmp_path / "asked", tmp_path / "frame"
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\necho "$@" > {asked}\nulimit -t >> {asked}\necho picture > {frame}\n')
    program.chmod(0o755)
    await work(tmp_path, mp4(), kinds.MP4, ffmpeg=str(program), frame=str(frame))
    said = asked.read_text()
    assert "-protocol_whitelist file -f mov -i" in said
    assert said.splitlines()[-1] == "25"  # seconds of computing
    assert frame.read_text() == "picture\n"


@pytest.mark.parametrize(
    ("mode", "format", "options"),
    [
        ("CMYK", "JPEG", {}),
        ("I;16", "PNG", {}),
        ("1", "PNG", {}),
        ("P", "PNG", {"transparency": 0}),
        ("LA", "PNG", {}),
        ("RGBA", "WEBP", {}),
        ("RGBA", "AVIF", {}),
        ("P", "GIF", {"transparency": 0}),
        ("L", "JPEG", {"icc_profile": b"no profile"}),
        ("RGB", "PNG", {"icc_profile": b"\x00" * 200}),
    ],
)
async def test_every_sort_of_picture_can_be_shown(
    tmp_path: Path, mode: str, format: str, options: dict[str, Any]
) -> None:
    out = io.BytesIO()
    Image.new(mode, (700, 700)).save(out, format, **options)
    kind = next(one for one in kinds.ALL if one.format == format)
    found = await work(tmp_path, out.getvalue(), kind)
    assert found.problem == "", found
    kept = Image.open(tmp_path / f"out.{found.extension}")
    kept.load()
    assert kept.size == (700, 700)
    assert kept.info.get("icc_profile") is None
    assert (tmp_path / f"out-small.{found.preview}").is_file()
    assert kinds.SERVED[found.extension].startswith("image/")
