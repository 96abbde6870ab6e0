"""The CustomEmoji entity, and what emoji others reacted with. Pure."""

import re
from typing import Any

from storage.reactions import EmojiCount

_SHORTCODE = re.compile(r"[A-Za-z0-9_+-]{1,100}")


def emojis(known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The custom emoji of a post or actor; what can't be one is left out, as a strict client would drop the whole page."""
    found = []
    for one in known:
        name, url = one.get("shortcode"), one.get("url")
        if isinstance(name, str) and isinstance(url, str) and _SHORTCODE.fullmatch(name) and url.startswith("http"):
            found.append(
                {"shortcode": name, "url": url, "static_url": url, "visible_in_picker": False, "category": None}
            )
    return found


def reactions(counts: list[EmojiCount]) -> dict[str, Any]:
    """Emoji reactions under the names that clients know: `reactions` (Glitch) and `pleroma.emoji_reactions`."""
    shown: list[dict[str, Any]] = []
    for one in counts:
        name = one.emoji.strip(":") if one.url is not None else one.emoji
        shown.append({"name": name, "count": one.count, "me": one.mine, "url": one.url, "static_url": one.url})
    return {
        "reactions": shown,
        "pleroma": {"emoji_reactions": [{**one, "account_ids": []} for one in shown]},
    }
