"""What a post says, as far as a policy may ask: its words, whom it mentions, what it links to and shows.

It runs for every post that comes in, so it goes through a document once and no further than a policy needs.
"""

import re
from html import unescape
from typing import Any, NamedTuple

from federation import fields as wire
from federation.policy.facts import TEXT

MOST = 50
"""Hashtags, hosts of links, and types of media that are told of one post."""
_READ = 4 * TEXT
"""Characters of HTML that are read for the text."""
_BLOCKS = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6]|blockquote|pre|hr|tr|td)\b[^<>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")
_LINKS = re.compile(r"://([^\s/?#\"'<>\\:@]{1,253})")


class Content(NamedTuple):
    """What a post says, as far as a policy may ask."""

    mentions: int
    hashtags: tuple[str, ...]
    links: tuple[str, ...]
    media: int
    media_types: tuple[str, ...]
    media_bytes: int | None
    language: str | None
    sensitive: bool
    reply: bool
    text: str


NOTHING = Content(0, (), (), 0, (), None, None, False, False, "")
"""Of an activity without a post."""


def read_content(thing: dict[str, Any], *, open_: bool) -> Content:
    """What a post says. `open_`: everyone may read it, so that its text is told too."""
    tags = thing.get("tag")
    mentions = 0
    hashtags: list[str] = []
    for one in tags if isinstance(tags, list) else ():
        if isinstance(one, dict):
            kind = one.get("type")
            if kind == "Mention":
                mentions += 1
            elif kind == "Hashtag" and len(hashtags) < MOST and isinstance(one.get("name"), str):
                hashtags.append(one["name"].strip().removeprefix("#").casefold()[:100])
    attached = thing.get("attachment")
    media = 0
    types: list[str] = []
    size: int | None = None
    for one in wire.as_objects(attached) if attached else ():
        if "Link" in wire.types(one) or "PropertyValue" in wire.types(one):
            continue
        media += 1
        kind = one.get("mediaType")
        if isinstance(kind, str) and len(types) < MOST and kind not in types:
            types.append(kind[:100])
        bytes_ = wire.integer(one.get("size"))
        if bytes_ is not None:
            size = (size or 0) + bytes_
    content = thing.get("content")
    html = content if isinstance(content, str) else wire.text_of(thing, "content") or ""
    return Content(
        mentions,
        tuple(hashtags),
        links_in(html),
        media,
        tuple(types),
        size,
        _language(thing, html),
        thing.get("sensitive") is True,
        thing.get("inReplyTo") is not None,
        words_of(thing.get("name"), thing.get("summary"), html) if open_ else "",
    )


def _language(thing: dict[str, Any], html: str) -> str | None:
    """The language of a post by its own word: the one that its text stands under, else the one it names."""
    by_language = thing.get("contentMap")
    if isinstance(by_language, dict):
        for name, text in by_language.items():
            if text == html:
                return str(name)[:35]
    named = thing.get("language")
    if isinstance(named, dict):
        named = named.get("identifier")
    return named[:35] if isinstance(named, str) else None


def links_in(html: str) -> tuple[str, ...]:
    """The hosts that a text links to, in lower case."""
    if "://" not in html:
        return ()
    found = [one.lower().rstrip(".") for one in _LINKS.findall(html[:_READ])]
    return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))[:MOST]


def words_of(*parts: object) -> str:
    """The words of a post, without its marks: a rule about a word must find it whatever stands around or within it."""
    html = "\n".join(one for one in parts if isinstance(one, str) and one)[:_READ]
    if "<" in html:
        html = _TAGS.sub("", _BLOCKS.sub(" ", html))
    if "&" in html:
        html = unescape(html)
    return html.strip()[:TEXT]
