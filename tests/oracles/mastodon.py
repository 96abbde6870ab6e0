"""What Mastodon (4.5) shows of an object, or that it drops it.

From PROTOCOL section 3.1 and EDUCATION section 0 (the converted types, visibility, cards), and what Mastodon documents in
content/en/spec/activitypub.md. Everything is a plain reading of one object; nothing is fetched.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import urlsplit

NATIVE = ("Note", "Question")
CONVERTED = ("Page", "Article", "Event", "Image", "Audio", "Video")
PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public")
AS2 = "https://www.w3.org/ns/activitystreams"
ATTACHMENTS = 16
SHOWN_TYPES = ("image", "video", "audio")


class Dropped(Exception):
    """Mastodon makes no status of it, and why."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status as its reader sees it. `text` is HTML; `visibility` public, unlisted, private or direct; `attachments`
    pairs (URL, alt text); `card` the page that is previewed; `poll` the options with their votes; `mentions` the actors."""

    author: str
    url: str
    text: str
    spoiler: str
    sensitive: bool
    visibility: str
    created: datetime
    edited: datetime | None
    language: str | None
    reply_to: str | None
    attachments: list[tuple[str, str]]
    card: str | None
    poll: dict[str, int] | None
    poll_ends: datetime | None
    quote: str | None
    mentions: list[str]

    @property
    def plain(self) -> str:
        """The text as it is read."""
        return unescape(re.sub(r"<[^>]*>", "", re.sub(r"</p>|<br\s*/?>|</h2>", "\n", self.text)))

    @property
    def links(self) -> list[str]:
        """Where one can click to."""
        return [unescape(one) for one in re.findall(r'href="([^"]*)"', self.text)]


def show(document: dict[str, Any], followers: str | None = None) -> Status:
    """The status of an object; `followers` is the followers collection of its author. Raises Dropped."""
    contexts = _list(document.get("@context"))
    if AS2 not in contexts:
        raise Dropped("no ActivityStreams context")
    kind = next((one for one in _list(document.get("type")) if one in NATIVE + CONVERTED), None)
    if kind is None:
        raise Dropped(f"type {document.get('type')!r} is neither shown nor converted")
    id_ = document.get("id")
    author = next((found for one in _list(document.get("attributedTo")) if (found := _id(one))), None)
    if not isinstance(id_, str) or author is None:
        raise Dropped("no id or no author")
    if _host(id_) != _host(author):
        raise Dropped("the id is at another host than the author")
    url = _url(document.get("url"))
    url = url if url is not None and _host(url) == _host(author) else id_
    created = _time(document.get("published"))
    if created is None:
        raise Dropped("no time: it would be shown as of now")
    converted = kind in CONVERTED
    attachments, card = _attachments(document)
    poll = _poll(document)
    return Status(
        author=author,
        url=url,
        text=_converted(document, url) if converted else _text(document, "content"),
        spoiler="" if converted else _text(document, "summary"),
        sensitive=document.get("sensitive") is True or (not converted and bool(_text(document, "summary"))),
        visibility=_visibility(document, followers),
        created=created,
        edited=_time(document.get("updated")),
        language=next(iter(document["contentMap"]), None) if isinstance(document.get("contentMap"), dict) else None,
        reply_to=_id(document.get("inReplyTo")),
        attachments=attachments,
        card=card,
        poll=poll,
        poll_ends=_time(document.get("closed")) or _time(document.get("endTime")) if poll else None,
        quote=next(
            (
                found
                for name in ("quote", "_misskey_quote", "quoteUrl", "quoteUri")
                if (found := _id(document.get(name)))
            ),
            None,
        ),
        mentions=[one["href"] for one in _tags(document, "Mention") if isinstance(one.get("href"), str)],
    )


def _converted(document: dict[str, Any], url: str) -> str:
    """`<h2>name</h2>`, the summary as HTML, and a link: `content` is not looked at."""
    name, summary = _text(document, "name"), _text(document, "summary")
    return "\n\n".join(
        one for one in (f"<h2>{name}</h2>" if name else "", summary, f'<a href="{url}">{url}</a>') if one
    )


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if isinstance(value, str) and value:
        return value
    by_language = document.get(f"{name}Map")
    return str(next(iter(by_language.values()), "")) if isinstance(by_language, dict) else ""


def _visibility(document: dict[str, Any], followers: str | None) -> str:
    to = [_id(one) for one in _list(document.get("to"))]
    if any(one in PUBLIC for one in to):
        return "public"
    if any(_id(one) in PUBLIC for one in _list(document.get("cc"))):
        return "unlisted"
    return "private" if followers is not None and followers in to else "direct"


def _attachments(document: dict[str, Any]) -> tuple[list[tuple[str, str]], str | None]:
    """Media by `url`, the first sixteen; what has `href` instead is a preview card."""
    media: list[tuple[str, str]] = []
    card = None
    for one in _list(document.get("attachment")):
        if not isinstance(one, dict):
            continue
        url = _url(one.get("url"))
        kind = str(one.get("mediaType") or "").partition("/")[0]
        if url is not None and (not kind or kind in SHOWN_TYPES):
            media.append((url, one.get("name") or one.get("summary") or ""))
        elif card is None and isinstance(one.get("href"), str):
            card = one["href"]
    return media[:ATTACHMENTS], card


def _poll(document: dict[str, Any]) -> dict[str, int] | None:
    """Of a Question only; `anyOf`, where it is a list at all, hides `oneOf`."""
    if "Question" not in _list(document.get("type")):
        return None
    options = document.get("anyOf") or document.get("oneOf")
    if not isinstance(options, list):
        return None
    return {
        name: (one.get("replies") or {}).get("totalItems") or 0
        for one in options
        if isinstance(one, dict) and (name := one.get("name") or one.get("content"))
    }


def _tags(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in _list(document.get("tag")) if isinstance(one, dict) and kind in _list(one.get("type"))]


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _id(value: Any) -> str | None:
    value = next(iter(_list(value)), None)
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _url(value: Any) -> str | None:
    """The address of a page: of several, one that is HTML."""
    candidates = _list(value)
    pages = [one for one in candidates if isinstance(one, dict) and one.get("mediaType") == "text/html"]
    found = next(iter(pages or candidates), None)
    found = found.get("href") if isinstance(found, dict) else found
    return found if isinstance(found, str) and urlsplit(found).scheme in ("http", "https") else None


def _host(iri: str) -> str:
    return (urlsplit(iri).hostname or "").lower()


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
