"""Resources in a group's library, on the wire: an ordinary post whose first attachment is a Link with its preview.

A Page with `name`, `summary` and a Link is what microblogs and forums show well; beside that stand `schema:mainEntity` (a
LearningResource of schema.org) and files with their digest (FEP-1311). Previews of links are FEP-8967's, so that nobody has to
ask the page again. What peers say is bounded here, and checked by who keeps it.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from federation.fields import Json, as_list, as_objects, integer, string, text_of, types
from federation.hosts import web_url
from federation.vocabulary.context import RESOURCE_TERMS
from federation.vocabulary.link import url_of

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SHA256 = b"\x12\x20"
_MAX_CSL = 200
"""Values that a record of a work has, at most."""


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A file that a post has: its address, type, name, digest (SHA-256 in hex, None where none is told that we know) and size."""

    url: str
    media_type: str
    name: str | None
    digest: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class ResourceDocument:
    """What a post says of a work: `work` is CSL as its home has it (empty: only title, summary and link are known)."""

    link: str | None
    title: str
    summary: str
    work: Json = field(default_factory=dict)
    licence: str = ""
    shareable: bool = False
    file: FileDocument | None = None
    is_item: bool = False
    """Whether it is meant for the library, and not but a link in a post."""


def read_resource(document: Json) -> ResourceDocument | None:
    """What a post says of the work that it links to; None where it says nothing beside a plain link."""
    entity = next((one for one in as_objects(document.get("schema:mainEntity")) if _is_resource(one)), None)
    attached = as_list(document.get("attachment"))
    link = next((one for one in [*attached, *as_list(document.get("tag"))] if _has_preview(one)), None)
    if entity is None and link is None:
        return None
    preview = next(iter(as_objects(link.get("preview"))), {}) if link is not None else {}
    work = entity.get("edu:csl") if entity is not None else preview.get("edu:csl")
    named = text_of(entity, "name") if entity is not None else None
    return ResourceDocument(
        link=web_url(link.get("href")) if link is not None else None,
        title=(text_of(preview, "name") or named or text_of(document, "name") or "")[:500],
        summary=(text_of(preview, "summary") or "")[:1000],
        work=work if isinstance(work, dict) and _is_small(work) else {},
        licence=(string(entity.get("license")) or "")[:200] if entity is not None else "",
        shareable=entity is not None and entity.get("edu:shareable") is True,
        file=_file(attached) if entity is not None else None,
        is_item=entity is not None,
    )


def _is_resource(value: Json) -> bool:
    named = value.get("@type", value.get("type"))
    return any(str(one).rpartition(":")[2] == "LearningResource" for one in as_list(named))


def _has_preview(value: object) -> bool:
    return isinstance(value, dict) and "Link" in types(value) and isinstance(value.get("preview"), dict)


def _is_small(value: object, deep: int = 6) -> bool:
    """Whether a record is of a size that somebody may keep."""
    left = _MAX_CSL
    todo: list[tuple[object, int]] = [(value, deep)]
    while todo:
        one, levels = todo.pop()
        left -= 1
        if left < 0 or levels < 0:
            return False
        if isinstance(one, str) and len(one) > 5000:
            return False
        if isinstance(one, dict):
            todo += [(each, levels - 1) for each in one.values()]
        elif isinstance(one, list):
            todo += [(each, levels - 1) for each in one]
    return True


def _file(attached: list[Any]) -> FileDocument | None:
    for one in attached:
        if isinstance(one, dict) and not {"Document", "Image"}.isdisjoint(types(one)):
            url, said = url_of(one), string(one.get("digestMultibase"))
            if url is None:
                continue
            name = string(one.get("name"))
            return FileDocument(
                url,
                (string(one.get("mediaType")) or "application/octet-stream")[:100],
                name[:200] if name else None,
                read_digest(said) if said else None,
                integer(one.get("size"), 0, 1 << 40),
            )
    return None


def build_preview(title: str, summary: str, work: Json) -> Json:
    """What a Link leads to, as its `preview` (FEP-8967)."""
    made: Json = {"type": "Article", "name": title}
    return made | ({"summary": summary} if summary else {}) | ({"edu:csl": work} if work else {})


def build_file(file: FileDocument) -> Json:
    """A file as an attachment, with its digest (FEP-1311)."""
    made: Json = {"type": "Document", "mediaType": file.media_type, "url": file.url}
    optional = {
        "name": file.name,
        "size": file.size,
        "digestMultibase": build_digest(file.digest) if file.digest is not None else None,
    }
    return made | {name: told for name, told in optional.items() if told is not None}


def build_resource(made: Json, resource: ResourceDocument, *, kind: str, added_by: str) -> None:
    """Put what a library knows of a work into the document of a post: the Link first, then its file."""
    there = resource.file.url if resource.file is not None else None
    attached = [one for one in made["attachment"] if "Link" not in types(one) and one.get("url") != there]
    first: list[Json] = []
    if resource.link is not None:
        preview = build_preview(resource.title, resource.summary, resource.work)
        first.append({"type": "Link", "href": resource.link, "preview": preview})
    if resource.file is not None:
        first.append(build_file(resource.file))
    made["attachment"] = [*first, *attached]
    entity: Json = {
        "@type": "LearningResource",
        "name": resource.title,
        "identifier": _identifier(resource.work),
        "license": resource.licence or None,
        "learningResourceType": kind,
        "inLanguage": resource.work.get("language"),
        "edu:addedBy": [added_by],
        "edu:shareable": True if resource.shareable else None,
        "edu:csl": resource.work,
    }
    made["schema:mainEntity"] = {name: told for name, told in entity.items() if told is not None}
    made["@context"] = [*made["@context"], RESOURCE_TERMS]


def build_mentioned(made: Json, link: str, title: str, summary: str, work: Json) -> None:
    """Put the preview of a link in the text into the document of a post, in `tag`, so that forums keep its form."""
    made["tag"].append({"type": "Link", "href": link, "preview": build_preview(title, summary, work)})
    made["@context"] = [*made["@context"], RESOURCE_TERMS]


def _identifier(work: Json) -> str | None:
    custom = work.get("custom")
    arxiv = custom.get("arxiv") if isinstance(custom, dict) else None
    for scheme, value in (("doi", work.get("DOI")), ("arxiv", arxiv), ("isbn", work.get("ISBN"))):
        if value:
            return f"{scheme}:{value}"
    return None


def build_digest(hexadecimal: str) -> str:
    """A SHA-256 as a multihash in multibase (base58btc)."""
    raw = _SHA256 + bytes.fromhex(hexadecimal)
    number, digits = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        digits = _ALPHABET[rest] + digits
    return "z" + digits


def read_digest(said: str) -> str | None:
    """The SHA-256 (hex) of a multihash in multibase: base58btc, or base16; None for any other."""
    if re.fullmatch(r"f1220[0-9a-f]{64}", said):
        return said[5:]
    if not said.startswith("z") or not 40 <= len(said) <= 50:
        return None
    number = 0
    for one in said[1:]:
        place = _ALPHABET.find(one)
        if place < 0:
            return None
        number = number * 58 + place
    size = 2 + hashlib.sha256().digest_size
    if number >= 1 << (8 * size):
        return None
    raw = number.to_bytes(size, "big")
    return raw[2:].hex() if raw.startswith(_SHA256) else None
