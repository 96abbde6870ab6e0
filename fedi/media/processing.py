"""From a file as it came to what is shown: each is worked out in a process of its own (`decode`), a few at a time.

A medium is `pending` from the commit of its row until it is `ready` or `failed`; a job `media` stands beside it all the
while, so that what a crash broke off is done again. Doing it twice writes the same files.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from fedi.context import Site
from fedi.errors import Invalid
from fedi.media import files, kinds
from fedi.media.decode import Found, Task
from fedi.media.kinds import Kind
from fedi.media.multipart import Upload
from storage import jobs, media
from storage.media import Medium
from storage.metadata import Tx

log = logging.getLogger(__name__)

SECONDS = 40.0
"""For one file."""
AGAIN = 120_000
"""Ms after which a job does what whoever took the file has not done."""
FAILED = "Error processing thumbnail for uploaded media"
"""Mastodon's words."""
BOXES = {"avatar": (400, 400), "header": (1500, 500)}
"""Pixels of a profile's pictures, as Mastodon's."""
FACE_BYTES = 8 << 20
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


async def receive(
    site: Site,
    person_id: int,
    upload: Upload,
    *,
    purpose: str = "post",
    description: str | None = None,
    focus: tuple[float, float] | None = None,
) -> Medium:
    """Keep a file that a person sent; it is pending when this returns. `purpose` is post, avatar or header.

    Raises Invalid, in Mastodon's words, for a kind that is not taken and for one that is too large, Problem 503 when the
    disk is full.
    """
    kind = await asyncio.to_thread(_kind, upload)
    name = "File" if purpose == "post" else purpose.capitalize()
    if kind is None or (purpose != "post" and kind.kind != "image"):
        if kind is None and (upload.said in kinds.MEDIA_TYPES or purpose != "post"):
            raise Invalid("File type of uploaded media could not be verified")
        raise Invalid(f"Validation failed: {name} content type is invalid, {name} is invalid")
    most = kind.most if purpose == "post" else FACE_BYTES
    if upload.size > most:
        raise Invalid(f"Validation failed: {name} file size must be less than {most >> 20} MB")
    stem = files.new_stem()
    now = site.clock()
    medium = Medium(
        id=site.new_id(),
        person_id=person_id,
        post_id=None,
        scheduled_id=None,
        purpose=purpose,
        kind=kind.kind,
        state="pending",
        problem=None,
        media_type=kind.media_type,
        file=files.name_of(stem, kind.extension),
        preview=None,
        size=upload.size,
        width=None,
        height=None,
        description=description,
        focus_x=focus[0] if focus is not None else None,
        focus_y=focus[1] if focus is not None else None,
        blurhash=None,
        meta={},
        created_at=now,
        loose_since=now,
    )
    source = files.incoming(site) / stem
    upload.path.replace(source)

    def keep(tx: Tx) -> None:
        media.insert(tx, medium)
        jobs.add(tx, site.new_id(), "media", str(medium.id), {"id": medium.id}, now, now + AGAIN)

    try:
        await site.db.write(keep)
    except BaseException:
        source.unlink(missing_ok=True)
        raise
    return medium


def check(site: Site, upload: Upload) -> None:
    """Raises Invalid for an empty file, Problem 503 where the disk has no room for more."""
    if upload.size == 0:
        raise Invalid("Validation failed: File can't be blank")
    files.demand_room(files.incoming(site))


def _kind(upload: Upload) -> Kind | None:
    with upload.path.open("rb") as file:
        return kinds.kind_of(file.read(kinds.HEAD))


async def finish(site: Site, medium: Medium, seconds: float) -> Medium:
    """The medium when it is worked out, or as it is after so many seconds; the work goes on then.

    Raises Invalid with the reason when it can't be shown: nothing of it is kept then.
    """
    task = site.processing.get(medium.id)
    if task is None:
        task = asyncio.create_task(process(site, medium.id))
        site.processing[medium.id] = task
        task.add_done_callback(lambda ended: _ended(site, medium.id, ended))
    await asyncio.wait({task}, timeout=seconds)
    if task.done():
        task.result()
    now = await site.db.read(lambda tx: media.by_id(tx, medium.id))
    if now is None:
        raise Invalid(FAILED)
    if now.state == "failed":
        await site.db.write(lambda tx: media.remove(tx, [now.id]))
        raise Invalid(now.problem or FAILED)
    return now


def _ended(site: Site, medium_id: int, task: "asyncio.Task[None]") -> None:
    site.processing.pop(medium_id, None)
    if not task.cancelled() and task.exception() is not None:
        log.warning("medium %d is left to its job: %s", medium_id, task.exception())


async def job(site: Site, payload: dict[str, Any]) -> None:
    """The job `media`: work a medium out, unless that is done or under way here."""
    medium_id = int(payload["id"])
    task = site.processing.get(medium_id)
    await (asyncio.shield(task) if task is not None else process(site, medium_id))


async def process(site: Site, medium_id: int) -> None:
    """Work a pending medium out: `ready`, or `failed` with the reason."""
    medium = await site.db.read(lambda tx: media.by_id(tx, medium_id))
    if medium is None or medium.state != "pending":
        return
    stem = files.stem_of(medium.file)
    source = files.incoming(site) / stem
    if source.is_file():
        async with site.decoding:
            found = await _worked_out(site, medium, source, stem)
    else:
        found = Found(problem="The file was lost on its way; send it again")
    if found.problem:
        await asyncio.to_thread(files.remove_stem, site, stem)

    def settle(tx: Tx) -> bool:
        jobs.drop(tx, "media", str(medium_id))
        if media.by_id(tx, medium_id) is None:
            return False
        media.change(tx, medium_id, **(_ready(stem, found) if not found.problem else _failed(found)))
        return True

    if await site.db.write(settle):
        source.unlink(missing_ok=True)
    else:  # it was deleted meanwhile
        await asyncio.to_thread(files.remove_stem, site, stem)


async def preview(site: Site, medium: Medium, upload: Upload) -> Medium:
    """Show a picture before a film or sound is played. Raises Invalid for what is no picture."""
    kind = await asyncio.to_thread(_kind, upload)
    if kind is None or kind.kind != "image":
        raise Invalid("Validation failed: Thumbnail content type is invalid, Thumbnail is invalid")
    if upload.size > kinds.IMAGE_BYTES:
        size = kinds.IMAGE_BYTES >> 20
        raise Invalid(f"Validation failed: Thumbnail file size must be less than {size} MB")
    stem = files.stem_of(medium.file)
    async with site.decoding:
        found = await _preview(site, stem, kind, upload.path)
    if found.problem:
        raise Invalid(found.problem)
    small = {"blurhash": found.blurhash, "preview": files.name_of(stem, found.preview, small=True)}

    def keep(tx: Tx) -> Medium | None:
        known = media.by_id(tx, medium.id)
        if known is not None:
            meta = {**known.meta, "small": _shape(found.small_width, found.small_height)}
            media.change(tx, medium.id, meta=meta, **small)
        return media.by_id(tx, medium.id)

    changed = await site.db.write(keep)
    if changed is None:
        raise Invalid(FAILED)
    return changed


async def _worked_out(site: Site, medium: Medium, source: Path, stem: str) -> Found:
    kind = next(one for one in kinds.ALL if one.media_type == medium.media_type)
    task = Task(
        source=str(source),
        stem=str(files.place(site, stem)),
        kind=kind.kind,
        format=kind.format,
        extension=kind.extension,
        matrix=_matrix(kind),
        box=BOXES.get(medium.purpose),
    )
    found = await run(task)
    ffmpeg = shutil.which("ffmpeg") if found.kind == "video" else None
    if ffmpeg is not None:
        frame = source.with_name(f"{stem}-frame")
        try:
            await run(msgspec.structs.replace(task, ffmpeg=ffmpeg, frame=str(frame)))
            if frame.is_file():
                shown = await _preview(site, stem, kinds.PNG, frame)
                found.preview, found.blurhash = shown.preview, shown.blurhash
                found.small_width, found.small_height = shown.small_width, shown.small_height
        finally:
            frame.unlink(missing_ok=True)
    return found


def _matrix(kind: Kind) -> int:
    if kind.kind == "image":
        return kinds.JPEG_MATRIX if kind is kinds.JPEG else kinds.MATRIX
    return kinds.FILM_MATRIX


async def _preview(site: Site, stem: str, kind: Kind, source: Path) -> Found:
    return await run(
        Task(
            source=str(source),
            stem=str(files.place(site, stem)),
            kind="image",
            format=kind.format,
            extension=kind.extension,
            matrix=_matrix(kind),
            preview=True,
        )
    )


async def run(task: Task) -> Found:
    """Do a task in a process of its own, within `SECONDS`; what goes wrong there is a `problem`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Neither variables nor the current folder say what is imported.
        *("-I", "-m", "fedi.media.decode", msgspec.json.encode(task).decode()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Not ours: the database's password may stand there.
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        return Found(problem=FAILED)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        return Found(problem=FAILED)
    try:
        return msgspec.json.decode(said, type=Found)
    except msgspec.DecodeError:
        return Found(problem=FAILED)


def _ready(stem: str, found: Found) -> dict[str, Any]:
    kind = found.kind
    original = _shape(found.width, found.height)
    if found.duration is not None:
        original["duration"] = found.duration
    small = _shape(found.small_width, found.small_height)
    return {
        "state": "ready",
        "kind": kind,
        "media_type": kinds.SERVED[found.extension],
        "file": files.name_of(stem, found.extension),
        "preview": files.name_of(stem, found.preview, small=True) if found.preview else None,
        "width": found.width,
        "height": found.height,
        "blurhash": found.blurhash,
        "meta": {name: value for name, value in (("original", original), ("small", small)) if value},
    }


def _shape(width: int | None, height: int | None) -> dict[str, Any]:
    """Mastodon's words for a size in pixels."""
    if not width or not height:
        return {}
    return {"width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height}


def _failed(found: Found) -> dict[str, Any]:
    return {"state": "failed", "problem": found.problem}
