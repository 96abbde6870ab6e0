"""Files of libraries: PDFs and pictures, kept once however many groups have them, below `data/library` by their digest.

They are given only by who asked the gate, as downloads in a box without scripts. A PDF is not looked into; a picture is drawn
anew by `fedi.media.decode`, as all pictures are.
"""

import asyncio
import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import _
from fedi.media import files, kinds, processing
from fedi.media.decode import Task
from fedi.media.multipart import Upload
from storage import jobs, library
from storage.library import File
from storage.metadata import Tx

PDF = "application/pdf"
ENDINGS = {PDF: "pdf", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "private, max-age=0, must-revalidate",
    "vary": "Cookie, Signature",
}
_DAY = 24 * 3600 * 1000


def path(site: Site, digest: str) -> Path:
    """Where the bytes with this digest are; the folder is made where it is missing."""
    folder = site.config.data / "library" / digest[:2]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / digest


def is_pdf(head: bytes) -> bool:
    """Whether a file begins as a PDF (ISO 32000-1, 7.5.2; readers take the mark within the first KB)."""
    return b"%PDF-" in head[:1024]


async def take(site: Site, upload: Upload) -> tuple[str, str, int]:
    """(digest, media type, bytes) of a file that came, which is kept from now on for a day, and longer if something has it.

    Raises Invalid for what is neither PDF nor picture, or too large, Problem 503 where the disk is full.
    """
    files.demand_room(files.incoming(site))
    most = site.config.library.file_size
    if upload.size > most << 20:
        raise Invalid(_("The file is too large: it may have %(most)s MB.") % {"most": most}, code="file")
    head = await asyncio.to_thread(_head, upload.path)
    if is_pdf(head):
        return await keep(site, upload.path, PDF)
    kind = kinds.kind_of(head)
    if kind is None or kind.kind != "image":
        raise Invalid(_("A library takes PDFs and pictures; link to anything else by its address."), code="file")
    stem = upload.path.with_name(f"{files.new_stem()}-drawn")
    matrix = kinds.JPEG_MATRIX if kind is kinds.JPEG else kinds.MATRIX
    task = Task(
        source=str(upload.path),
        stem=str(stem),
        kind="image",
        format=kind.format,
        extension=kind.extension,
        matrix=matrix,
    )
    try:
        async with site.decoding:
            found = await processing.run(task)
        if found.problem:
            raise Invalid(_("This picture can't be read; save it as JPEG or PNG, and try again."), code="file")
        drawn = stem.with_name(f"{stem.name}.{found.extension}")
        return await keep(site, drawn, kinds.SERVED[found.extension])
    finally:
        for left in stem.parent.glob(f"{stem.name}*"):
            left.unlink(missing_ok=True)


def _head(source: Path) -> bytes:
    with source.open("rb") as file:
        return file.read(kinds.HEAD)


async def keep(site: Site, source: Path, media_type: str, *, expected: str | None = None) -> tuple[str, str, int]:
    """As `take`, of a file whose type is known. Raises Invalid where its digest is not the `expected` one."""
    digest, size = await asyncio.to_thread(_digest, source)
    if expected is not None and digest != expected:
        raise Invalid(_("The file at its home is another one now."), code="file")
    now = site.clock()

    def note(tx: Tx) -> None:
        library.keep_file(tx, File(digest, media_type, size, now))
        jobs.add(tx, site.new_id(), "library-file", digest, {"digest": digest}, now, now + _DAY)

    await asyncio.to_thread(os.replace, source, path(site, digest))
    await site.db.write(note)
    return digest, media_type, size


def _digest(source: Path) -> tuple[str, int]:
    made, size = hashlib.sha256(), 0
    with source.open("rb") as file:
        while piece := file.read(1 << 20):
            made.update(piece)
            size += len(piece)
    return made.hexdigest(), size


def served(site: Site, file: File, name: str | None) -> Response:
    """A file as a download under the name that it was given, for who may have it."""
    ending = ENDINGS[file.media_type]
    title = (name or "file").rpartition("/")[2].removesuffix(f".{ending}")
    plain = "".join(one if one.isascii() and (one.isalnum() or one in " -_.") else "_" for one in title)[:80].strip(
        " ."
    )
    said = (
        f"attachment; filename=\"{plain or 'file'}.{ending}\"; filename*=UTF-8''{quote(title[:80], safe='')}.{ending}"
    )
    headers = {**HEADERS, "content-disposition": said, "etag": f'"{file.digest[:32]}"'}
    return FileResponse(path(site, file.digest), headers=headers, media_type=file.media_type)


async def forget(site: Site, payload: dict[str, object]) -> None:
    """The job `library-file`: delete a file that nothing has any more."""
    digest = str(payload["digest"])
    if len(digest) != 64 or not digest.isalnum():
        return
    if not await site.db.write(lambda tx: library.drop_file(tx, digest)):
        return
    kept = path(site, digest)
    aside = kept.with_name(f"{digest}.gone")
    await asyncio.to_thread(_aside, kept, aside)
    if await site.db.read(lambda tx: library.file(tx, digest)) is not None and not kept.exists():
        await asyncio.to_thread(os.replace, aside, kept)  # somebody sent it again in this moment
    aside.unlink(missing_ok=True)


def _aside(kept: Path, aside: Path) -> None:
    if kept.exists():
        kept.replace(aside)
