"""The process that looks into a file that somebody sent, alone and within limits: `python -m fedi.media.decode TASK`.

It is given paths, writes what is to be shown, and prints one JSON object: what it found, or `problem`. A decoder that is
made to run wild ends with this process, not with the server. `fedi.media.processing` starts it.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

MEMORY = 1 << 30
CPU_SECONDS = 25
WRITTEN = 256 << 20

SHOWN = 8_294_400
"""Pixels of a picture as it is kept (Mastodon's 3840 x 2160)."""
PREVIEW = 230_400
"""Pixels of its preview (640 x 360)."""
FRAMES = 1000
MOVING = 100_000_000
"""Pixels of all frames of a moving picture together."""
MOVING_DRAWN = 40_000_000
"""The same where all frames are drawn anew: of avatars, and of all but GIFs."""


class Task(msgspec.Struct, kw_only=True):
    """What is to be done. `stem` is the path of what is written, without an ending; `box` pixels that a profile's picture
    is cut to; with `preview` a picture is only the preview of a film. `frame` is where ffmpeg (its path) is to write a
    frame of a film."""

    source: str
    stem: str
    kind: str
    format: str
    extension: str
    matrix: int
    box: tuple[int, int] | None = None
    preview: bool = False
    ffmpeg: str = ""
    frame: str = ""


class Found(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of it: endings of the files that were written, and what is known of them."""

    problem: str = ""
    kind: str = ""
    extension: str = ""
    preview: str = ""
    width: int | None = None
    height: int | None = None
    small_width: int | None = None
    small_height: int | None = None
    duration: float | None = None
    blurhash: str | None = None


class Unfit(Exception):
    """The file can't be shown; the text is for its owner."""


UNREADABLE = "File type of uploaded media could not be verified"
"""Mastodon's words for what is not what it says."""


def main() -> None:
    """Do the task that is the first argument."""
    _limit()
    task = msgspec.json.decode(sys.argv[1].encode(), type=Task)
    if task.ffmpeg:
        _frame(task)
    try:
        found = _picture(task) if task.kind == "image" else _film(task)
    except Unfit as problem:
        found = Found(problem=str(problem))
    except Exception as problem:  # noqa: BLE001 - whatever decoders make of hostile bytes
        sys.stderr.write(f"{type(problem).__name__}: {problem}"[:1000])
        found = Found(problem=UNREADABLE)
    sys.stdout.buffer.write(msgspec.json.encode(found))
    sys.stdout.flush()


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows has none; the time limit of whoever waits holds there
        return
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower one is set already
            resource.setrlimit(what, (most, most))


def _picture(task: Task) -> Found:
    from PIL import Image

    from fedi.media import gif

    Image.MAX_IMAGE_PIXELS = None  # looked at here, before anything is decoded
    frames = 1
    if task.format == "GIF":
        with Path(task.source).open("rb") as file:
            try:
                whole = gif.cleaned(file.read(), FRAMES)
            except gif.Broken as problem:
                raise Unfit(UNREADABLE) from problem
        frames = whole.frames
        _size(whole.width, whole.height, task.matrix)
        if frames > 1:
            _moving(max(whole.pixels, whole.width * whole.height * (frames if task.box else 1)), task)
        if frames > 1 and task.box is None and not task.preview:
            with Path(f"{task.stem}.gif").open("wb") as file:
                file.write(whole.data)
    with Image.open(task.source, formats=[task.format]) as picture:
        width, height = picture.size
        _size(width, height, task.matrix)
        if task.format == "JPEG":
            picture.draft("RGB", (3840, 3840))  # decoded at a half, a quarter, an eighth where it is far larger
        elif task.format in ("WEBP", "PNG"):
            frames = getattr(picture, "n_frames", 1)
            if frames > 1:
                _moving(width * height * frames, task)
        if frames > FRAMES:
            raise Unfit(f"A moving picture has at most {FRAMES} frames")
        if frames > 1 and task.format != "AVIF" and not task.preview:
            return _moving_picture(task, picture, frames)
        return _still(task, _upright(picture))


def _size(width: int, height: int, matrix: int) -> None:
    if width < 1 or height < 1:
        raise Unfit(UNREADABLE)
    if width * height > matrix:
        raise Unfit(f"{width}x{height} images are not supported")


def _moving(pixels: int, task: Task) -> None:
    if pixels > (MOVING if task.format == "GIF" and task.box is None else MOVING_DRAWN):
        raise Unfit("A moving picture this large is not supported")


def _upright(picture: Any) -> Any:
    """A picture as it is shown: turned as its camera was held, in sRGB, without anything that came with it."""
    from PIL import ImageOps

    picture.load()
    profile = picture.info.get("icc_profile")
    turned = ImageOps.exif_transpose(picture)
    transparent = turned.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in turned.info
    if turned.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        turned = turned.point(lambda value: value / 256, "L") if turned.mode != "F" else turned.convert("L")
    mode = "RGBA" if transparent else "L" if turned.mode in ("1", "L") else "RGB"
    if profile and turned.mode in ("RGB", "RGBA", "CMYK"):
        turned = _in_srgb(turned, profile, mode)
    made = turned.convert(mode) if turned.mode != mode else turned.copy()
    made.info = {}
    return made


def _in_srgb(picture: Any, profile: bytes, mode: str) -> Any:
    from io import BytesIO

    from PIL import ImageCms

    with contextlib.suppress(Exception):  # a profile that says nothing: the colours as they are
        own, ours = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, own, ours, outputMode=mode if picture.mode != "RGBA" else "RGBA")
    return picture


def _still(task: Task, picture: Any) -> Found:
    extension = _ending(task, picture)
    if task.preview:
        return _previewed(task, picture, Found(kind="video"), extension)
    if task.box is not None:
        picture = _cut(picture, task.box)
        _save(picture, f"{task.stem}.{extension}")
        return Found(kind="image", extension=extension, width=picture.width, height=picture.height)
    picture = _within(picture, SHOWN)
    _save(picture, f"{task.stem}.{extension}")
    found = Found(kind="image", extension=extension, width=picture.width, height=picture.height)
    return _previewed(task, picture, found, extension)


def _previewed(task: Task, picture: Any, found: Found, extension: str) -> Found:
    """`found` with its preview and blurhash; a small still picture is its own preview."""
    from fedi.media.blur import blurhash_of

    small = _within(picture, PREVIEW)
    found.blurhash = blurhash_of(small)
    found.small_width, found.small_height = small.size
    if found.extension != extension or small.size != picture.size or found.kind != "image":
        found.preview = extension
        _save(small, f"{task.stem}-small.{extension}")
    return found


def _moving_picture(task: Task, picture: Any, frames: int) -> Found:
    """A moving picture stays an image, and a preview of it is still. A GIF is kept as it is, but for what is not shown."""
    from PIL import ImageSequence

    picture.seek(0)
    first = _upright(picture)
    extension = task.extension
    found = Found(kind="image", extension=extension, width=first.width, height=first.height)
    if task.format != "GIF" or task.box is not None:
        shown, lengths = [], []
        for frame in ImageSequence.Iterator(picture):
            lengths.append(int(frame.info.get("duration") or 100))
            drawn = frame.convert("RGBA")
            drawn.info = {}
            shown.append(_cut(drawn, task.box) if task.box is not None else drawn)
        extra = {"disposal": 2} if task.format == "GIF" else {}
        with Path(f"{task.stem}.{extension}").open("wb") as file:
            shown[0].save(file, task.format, save_all=True, append_images=shown[1:], duration=lengths, loop=0, **extra)
        found.width, found.height = shown[0].size
    still = "png" if first.mode == "RGBA" else "jpg"
    if task.box is not None:
        _save(_cut(first, task.box), f"{task.stem}-small.png")
        found.preview = "png"
        return found
    small = _within(first, PREVIEW)
    from fedi.media.blur import blurhash_of

    found.blurhash = blurhash_of(small)
    found.small_width, found.small_height = small.size
    found.preview = still
    _save(small, f"{task.stem}-small.{still}")
    return found


def _ending(task: Task, picture: Any) -> str:
    """What a picture is kept as: what it was, where every client draws that; else PNG, or JPEG where nothing is
    transparent and much would be lost in size."""
    if task.format in ("PNG", "JPEG", "WEBP"):
        return {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[task.format]
    return "png" if task.format == "GIF" or picture.mode == "RGBA" else "jpg"


def _within(picture: Any, pixels: int) -> Any:
    """A picture made smaller, if it has more pixels; its shape stays."""
    from PIL import Image

    size = picture.width * picture.height
    if size <= pixels:
        return picture
    by = (pixels / size) ** 0.5
    wanted = (max(1, int(picture.width * by)), max(1, int(picture.height * by)))
    if wanted[0] * wanted[1] > pixels:  # one side is a single pixel
        wanted = (min(wanted[0], pixels), min(wanted[1], pixels))
    return picture.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _cut(picture: Any, box: tuple[int, int]) -> Any:
    """The middle of a picture in the shape of `box`, not made larger."""
    from PIL import Image, ImageOps

    by = min(1.0, picture.width / box[0], picture.height / box[1])
    size = (max(1, round(box[0] * by)), max(1, round(box[1] * by)))
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def _save(picture: Any, path: str) -> None:
    ending = path.rpartition(".")[2]
    options: dict[str, dict[str, Any]] = {
        "jpg": {"format": "JPEG", "quality": 90, "optimize": True, "progressive": True},
        "png": {"format": "PNG"},
        "webp": {"format": "WEBP", "quality": 90, "method": 4},
    }
    if ending == "jpg" and picture.mode == "RGBA":
        picture = picture.convert("RGB")
    # Opened here, or Pillow looks at the name for what it is to write.
    with Path(path).open("wb") as file:
        picture.save(file, **options[ending])


def _frame(task: Task) -> None:
    """Become ffmpeg, within the same limits: the first frame of a film as a PNG. It reads this one file alone, and takes it
    for nothing but what it was found to be, as ffmpeg's lists of files would have it read others."""
    demuxer = {"webm": "matroska"}.get(task.extension, "mov")
    given = ["-nostdin", "-loglevel", "error", "-protocol_whitelist", "file", "-f", demuxer, "-i", task.source]
    made = ["-frames:v", "1", "-vf", "scale='min(1280,iw)':-2", "-c:v", "png", "-f", "image2", "-y", task.frame]
    os.execv(task.ffmpeg, ["ffmpeg", *given, *made])  # noqa: S606 - no shell is wanted


def _film(task: Task) -> Found:
    """A film or sound: looked into, and copied without the place where it was recorded."""
    import shutil

    from fedi.media import containers

    size = Path(task.source).stat().st_size
    private: list[tuple[int, int]] = []
    film = containers.Film(pictures=task.kind == "video")
    try:
        with Path(task.source).open("rb") as file:
            if task.extension in ("mp4", "mov", "m4a"):
                film, private = containers.read_mp4(file, size)
            elif task.extension == "wav":
                film = containers.read_wav(file.read(65536))
            elif task.extension == "flac":
                film = containers.read_flac(file.read(64))
    except containers.Broken as problem:
        raise Unfit(UNREADABLE) from problem
    if film.width is not None and film.height is not None and film.width * film.height > task.matrix:
        raise Unfit(f"{film.width}x{film.height} videos are not supported")
    kind, extension = ("video" if film.pictures else "audio"), task.extension
    if extension in ("mp4", "mov") and not film.pictures:
        extension = "m4a"
    elif extension == "m4a" and film.pictures:
        kind = "audio"  # the picture of an album
    path = f"{task.stem}.{extension}"
    shutil.copyfile(task.source, path)
    with Path(path).open("r+b") as file:
        containers.blank(file, private)
    if kind == "audio":
        film.width = film.height = None
    return Found(kind=kind, extension=extension, width=film.width, height=film.height, duration=film.duration)


if __name__ == "__main__":
    main()
