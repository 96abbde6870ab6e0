"""The MediaAttachment entity: a picture, film or sound of a post. Pure."""

from typing import Any

_KINDS = {"image": "image", "video": "video", "audio": "audio"}
MOST = 16


def attachment(post_id: int, index: int, file: dict[str, Any]) -> dict[str, Any]:
    """One of a post's attachments. Its id is made of the post's: only digits, as all ids, and the same each time."""
    media_type = str(file.get("media_type") or "")
    width, height = file.get("width"), file.get("height")
    meta: dict[str, Any] = {}
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        size = {"width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height}
        meta = {"original": size, "small": size}
    return {
        "id": str(post_id * MOST + index),
        "type": _KINDS.get(media_type.partition("/")[0]) or _KINDS.get(str(file.get("kind")), "unknown"),
        "url": file.get("url"),
        "preview_url": file.get("url"),
        "remote_url": file.get("url"),
        "preview_remote_url": None,
        "text_url": None,
        "meta": meta,
        "description": file.get("description"),
        "blurhash": file.get("blurhash"),
    }
