"""Custom emoji in the `tag` of a post, an actor or a reaction (FEP-9098, Mastodon's `toot:Emoji`)."""

import re

from federation.fields import Json, as_objects, string, types
from federation.vocabulary.link import url_of

MAX_EMOJI = 100

_NAME = re.compile(r"[\w.@+-]{1,100}")


def read_emoji(document: Json) -> list[tuple[str, str]]:
    """The custom emoji of a document, at most 100: pairs (shortcode without colons, URL of its picture)."""
    found: dict[str, str] = {}
    for one in as_objects(document.get("tag"))[: 2 * MAX_EMOJI]:
        if "Emoji" not in types(one):
            continue
        name, url = (string(one.get("name")) or "").strip(":"), url_of(one.get("icon"))
        if url is not None and _NAME.fullmatch(name):
            found.setdefault(name, url)
    return list(found.items())[:MAX_EMOJI]


def build_emoji(emoji: list[tuple[str, str]]) -> list[Json]:
    """The tags for these pairs (shortcode, URL)."""
    return [{"type": "Emoji", "name": f":{name}:", "icon": {"type": "Image", "url": url}} for name, url in emoji]
