"""The MediaAttachment entity: a picture, film or sound of a post, or one that is not in a post yet. Pure."""

from typing import Any

_KINDS = {"image": "image", "video": "video", "audio": "audio", "gifv": "gifv"}
MOST = 16


def attachment(post_id: int, index: int, file: dict[str, Any]) -> dict[str, Any]:
    """One of a post's attachments, as `posts.attachments` holds it.

    The id of a file of ours is its medium's, so that an edit can name it; another's is made of the post's: only digits, as
    all ids, and the same each time.
    """
    media_type = str(file.get("media_type") or "")
    kind = str(file.get("kind"))
    type_ = "gifv" if kind == "gifv" else _KINDS.get(media_type.partition("/")[0]) or _KINDS.get(kind, "unknown")
    own = file.get("id")
    url = file.get("url")
    # A film is no picture: a client that took it for its preview would load all of it.
    preview = file.get("preview_url") or (url if type_ in ("image", "unknown") else None)
    return {
        "id": str(own if own is not None else post_id * MOST + index),
        "type": type_,
        "url": url,
        "preview_url": preview,
        "remote_url": None if own is not None else url,
        "preview_remote_url": None if own is not None else file.get("preview_url"),
        "text_url": None,
        "meta": _meta(file),
        "description": file.get("description"),
        "blurhash": file.get("blurhash"),
    }


def pending(medium_id: int, kind: str, description: str | None, blurhash: str | None) -> dict[str, Any]:
    """A file that is still worked out: without addresses."""
    return {
        "id": str(medium_id),
        "type": kind,
        "url": None,
        "preview_url": None,
        "remote_url": None,
        "preview_remote_url": None,
        "text_url": None,
        "meta": None,
        "description": description,
        "blurhash": blurhash,
    }


def _meta(file: dict[str, Any]) -> dict[str, Any]:
    known = file.get("meta")
    meta: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    width, height = file.get("width"), file.get("height")
    if not meta and isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        size = {"width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height}
        meta = {"original": size, "small": size}
    focus = file.get("focus")
    if isinstance(focus, list) and len(focus) == 2:
        meta["focus"] = {"x": focus[0], "y": focus[1]}
    return meta
