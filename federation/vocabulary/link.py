"""Links and images: `url`, `icon`, `image` and attachments, which peers write as a string, an object, or a list of both."""

from typing import Any

from federation.fields import Json, as_list, integer, string, types
from federation.hosts import web_url

_MEDIA = frozenset({"Image", "Document", "Video", "Audio"})
MAX_ATTACHMENTS = 16
MAX_DESCRIPTION = 10_000
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def url_of(value: object, media_type: str | None = None) -> str | None:
    """The first http(s) URL in a `url`, `icon` or `image`: a string, a Link's `href`, an Image's `url`, or a list of them.

    Of several, one with this `media_type` wins: PeerTube lists its page among the files of a video.
    """
    if isinstance(value, str):
        return web_url(value)
    candidates = [one for one in as_list(value) if isinstance(one, str | dict)]
    if media_type is not None:
        candidates.sort(key=lambda one: not (isinstance(one, dict) and one.get("mediaType") == media_type))
    for one in candidates:
        found = _plain(one)
        if found is not None:
            return found
    return None


def _plain(value: str | Json) -> str | None:
    if isinstance(value, str):
        return web_url(value)
    href = value.get("href")
    if isinstance(href, str):
        return web_url(href)
    for inner in as_list(value.get("url")):
        found = web_url(inner.get("href") if isinstance(inner, dict) else inner)
        if found is not None:
            return found
    return None


def media_type_of(url: str) -> str | None:
    """The media type of a picture by the ending of its URL, for our own, whose endings are right; None for any other."""
    return _TYPES.get(url.rpartition(".")[2].lower())


def description_of(value: object) -> str | None:
    """The alt text of the first of these pictures: `name`, else `summary`."""
    first = next((one for one in as_list(value) if isinstance(one, dict)), None)
    text = (string(first.get("name")) or string(first.get("summary"))) if first is not None else None
    return text[:MAX_DESCRIPTION] if text else None


def _focus(value: object) -> list[float] | None:
    """Mastodon's `focalPoint`: what of a picture is to be seen in any cut, as x and y from -1 to 1."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and -1 <= one <= 1 for one in value):
        return None
    return [float(one) for one in value]


def kind_of(media_type: str | None, type_: str | None) -> str:
    """Mastodon's word for an attachment: image, video, audio or unknown; by media type, else by ActivityStreams type."""
    beginning = (media_type or "").partition("/")[0]
    if beginning in ("image", "video", "audio"):
        return beginning
    return {"Image": "image", "Video": "video", "Audio": "audio"}.get(type_ or "", "unknown")


def read_attachments(value: object) -> list[dict[str, Any]]:
    """The media in `attachment`, at most 16; Links (cards) and PropertyValues are left out.

    Each has url, media_type (None: not told), description (alt text, None: none), width and height in pixels (or None),
    blurhash (or None) and kind; `focus` ([x, y] from -1 to 1) and `preview_url` only where they are told.
    """
    found: list[dict[str, Any]] = []
    for one in as_list(value):
        if not isinstance(one, dict) or _MEDIA.isdisjoint(types(one)):
            continue
        url = url_of(one) or web_url(one.get("id"))  # FEP-b2b8's images have an id and no url
        if url is None:
            continue
        media_type = string(one.get("mediaType"))
        description = string(one.get("name")) or string(one.get("summary"))
        blurhash = string(one.get("blurhash"))
        found.append(
            {
                "url": url,
                "media_type": media_type[:100] if media_type else None,
                "description": description[:MAX_DESCRIPTION] if description else None,
                "width": integer(one.get("width"), 1, 1_000_000),
                "height": integer(one.get("height"), 1, 1_000_000),
                "blurhash": blurhash[:200] if blurhash else None,
                "kind": kind_of(media_type, next(kind for kind in types(one) if kind in _MEDIA)),
            }
        )
        beside = {"focus": _focus(one.get("focalPoint")), "preview_url": url_of(one.get("icon"))}
        found[-1].update({name: told for name, told in beside.items() if told is not None})
        if len(found) == MAX_ATTACHMENTS:
            break
    return found


def build_attachments(attachments: list[dict[str, Any]]) -> list[Json]:
    """Attachments as `read_attachments` gives them, as Documents (which all peers show), pictures as Images; a film's
    preview is its `icon`."""
    built: list[Json] = []
    for one in attachments:
        document: Json = {"type": "Image" if one.get("kind") == "image" else "Document", "url": one["url"]}
        names = {"media_type": "mediaType", "description": "name", "width": "width", "height": "height"}
        for ours, theirs in {**names, "blurhash": "blurhash"}.items():
            if one.get(ours) is not None:
                document[theirs] = one[ours]
        if one.get("focus") is not None:
            document["focalPoint"] = one["focus"]
        if one.get("preview_url") is not None and one.get("kind") != "image":
            document["icon"] = {"type": "Image", "url": one["preview_url"]}
        built.append(document)
    return built


def read_link(value: object) -> str | None:
    """The page that a post is about: the first Link in `attachment` (Lemmy, Mbin, PieFed)."""
    for one in as_list(value):
        if isinstance(one, dict) and "Link" in types(one):
            found = web_url(one.get("href"))
            if found is not None:
                return found
    return None
