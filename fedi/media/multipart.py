"""Multipart forms (RFC 7578) with files, streamed to disk as they come: never whole in memory, and nothing of one that
breaks off stays.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from fedi.errors import Problem
from fedi.media.files import demand_room, full, new_stem

UNREADABLE = "Error occurred while parsing request parameters"
"""Mastodon's words for a body that can't be read."""
_FIELDS = 1000
_FIELD_BYTES = 1 << 20
_HEADER_BYTES = 8192
_WRITE = 256 << 10
_AROUND = 1 << 20
"""Bytes that a form has beside its files and fields, at most."""


@dataclass(slots=True)
class Upload:
    """A file that came in a form: where it is, its size in bytes, what its sender calls its type, and how
    it was called there."""

    path: Path
    size: int = 0
    said: str = ""
    name: str = ""


@dataclass(slots=True)
class _Part:
    name: str = ""
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    upload: Upload | None = None
    file: BinaryIO | None = None
    unwritten: bytearray = field(default_factory=bytearray)


@contextlib.asynccontextmanager
async def form(
    content_type: str, pieces: AsyncIterator[bytes], folder: Path, *, files: int, limit: int
) -> AsyncIterator[list[tuple[str, str | Upload]]]:
    """The fields of a multipart form in their order, while its files are in `folder`; what is left of them goes at the end.

    `files` is how many there may be, `limit` how many bytes one has. Raises Problem: 400 for what is no form, 413 for what
    is too large, 503 when the disk is full.
    """
    reading = _Reading(folder, files, limit)
    try:
        yield await reading.read(content_type, pieces)
    finally:
        reading.end()


class _Reading:
    """The state of a form that is coming in."""

    def __init__(self, folder: Path, files: int, limit: int) -> None:
        self.folder, self.files, self.limit = folder, files, limit
        self.items: list[tuple[str, str | Upload]] = []
        self.uploads: list[Upload] = []
        self.part = _Part()
        self.value_bytes = 0
        self.count = 0
        self.whole = False
        self.header_name = bytearray()
        self.header_value = bytearray()

    async def read(self, content_type: str, pieces: AsyncIterator[bytes]) -> list[tuple[str, str | Upload]]:
        boundary = parse_options_header(content_type.encode("latin-1", "replace"))[1].get(b"boundary")
        if not boundary:
            raise Problem(UNREADABLE)
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end_of_part,
                    "on_end": self._end_of_form,
                },
            )
            read, most = 0, self.files * self.limit + _FIELD_BYTES + _AROUND
            async for piece in pieces:
                read += len(piece)
                if read > most:
                    raise Problem(f"The request is larger than {most} bytes", status=413, code="too-large")
                parser.write(piece)
                if self.part.file is not None and len(self.part.unwritten) >= _WRITE:
                    await asyncio.to_thread(_write, self.part)
            parser.finalize()
        except (FormParserError, UnicodeError, ValueError) as problem:
            raise Problem(UNREADABLE) from problem
        if not self.whole:
            raise Problem(UNREADABLE)  # it breaks off, whatever its length said
        return self.items

    def end(self) -> None:
        if self.part.file is not None:
            self.part.file.close()
        for upload in self.uploads:
            upload.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self.part = _Part()
        self.count += 1
        if self.count > _FIELDS:
            raise Problem(UNREADABLE)

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._headers_fit(end - start)
        self.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers_fit(end - start)
        self.header_value += data[start:end]

    def _headers_fit(self, more: int) -> None:
        if len(self.header_name) + len(self.header_value) + more > _HEADER_BYTES or len(self.part.headers) > 20:
            raise Problem(UNREADABLE)

    def _header_end(self) -> None:
        self.part.headers[bytes(self.header_name).lower()] = bytes(self.header_value)
        self.header_name.clear()
        self.header_value.clear()

    def _headers_finished(self) -> None:
        options = parse_options_header(self.part.headers.get(b"content-disposition", b""))[1]
        name = options.get(b"name")
        if name is None:
            raise Problem(UNREADABLE)
        self.part.name = name.decode("utf-8", "replace")
        if b"filename" not in options:
            return
        if len(self.uploads) >= self.files:
            raise Problem(UNREADABLE)
        demand_room(self.folder)
        said = self.part.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        named = options[b"filename"].decode("utf-8", "replace")[:300]
        upload = Upload(self.folder / new_stem(), 0, said[:100], named)
        self.uploads.append(upload)
        self.part.upload = upload
        self.part.file = upload.path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self.part.upload is None:
            self.value_bytes += end - start
            if self.value_bytes > _FIELD_BYTES:
                raise Problem(f"The fields are larger than {_FIELD_BYTES} bytes", status=413, code="too-large")
            self.part.value += data[start:end]
            return
        self.part.upload.size += end - start
        if self.part.upload.size > self.limit:
            raise Problem(f"The file is larger than {self.limit} bytes", status=413, code="too-large")
        self.part.unwritten += data[start:end]

    def _end_of_part(self) -> None:
        if self.part.upload is None:
            self.items.append((self.part.name, self.part.value.decode("utf-8", "replace")))
            return
        _write(self.part)
        if self.part.file is not None:
            self.part.file.close()
            self.part.file = None
        self.items.append((self.part.name, self.part.upload))

    def _end_of_form(self) -> None:
        self.whole = True


def _write(part: _Part) -> None:
    if part.file is not None and part.unwritten:
        try:
            _put(part.file, part.unwritten)
        except OSError as problem:  # others took the room that there was
            raise full() from problem
        part.unwritten.clear()


def _put(file: BinaryIO, piece: bytearray) -> None:
    file.write(piece)
    file.flush()
