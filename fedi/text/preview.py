"""What a web page says of itself for a preview, and which link of a post has one. Both are a stranger's HTML: what comes out
is plain text of bounded length, and addresses.
"""

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

from fedi.text.backlinks import attributes, tags

READ = 512 << 10
"""Characters of a page that are looked at: what it says of itself is in its head."""
_TAGS = 3000
_LINKS = 50
_TITLE, _DESCRIPTION, _NAME = 300, 500, 100
_TITLE_TAG = re.compile(r"<title[^<>]{0,1000}>([^<]{0,2000})", re.IGNORECASE)
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\s]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_MENTION = frozenset({"mention", "hashtag", "u-url"})


@dataclass(frozen=True, slots=True)
class Preview:
    """A page's words: `more` has what of author_name, author_url, provider_name, image, image_description, width, height,
    language and published_at (ms) it tells."""

    title: str
    description: str
    more: dict[str, Any] = field(default_factory=dict)


def read_page(html: str, url: str) -> Preview | None:
    """The preview of the page `html` at `url`, from Open Graph, Twitter's names, and HTML's own; None without a title."""
    html = html[:READ]
    said: dict[str, str] = {}
    language = ""
    for name, written in itertools.islice(tags(html), _TAGS):
        if name == "html":
            language = attributes(written).get("lang", "")
        elif name == "meta":
            found = attributes(written)
            key = (found.get("property") or found.get("name") or "").strip().lower()
            if key and found.get("content", "").strip():
                said.setdefault(key, found["content"])
    written_title = _TITLE_TAG.search(html)
    title = _first(said, "og:title", "twitter:title") or (unescape(written_title[1]) if written_title else "")
    title = _text(title, _TITLE)
    if not title:
        return None
    description = _text(_first(said, "og:description", "twitter:description", "description"), _DESCRIPTION)
    more: dict[str, Any] = {
        "provider_name": _text(_first(said, "og:site_name", "application-name"), _NAME),
        "author_name": _text(_first(said, "author", "article:author", "twitter:creator"), _NAME),
        "author_url": _address(url, said.get("article:author", "")) if "//" in said.get("article:author", "") else None,
        "image": _address(url, _first(said, "og:image:secure_url", "og:image", "og:image:url", "twitter:image")),
        "image_description": _text(_first(said, "og:image:alt", "twitter:image:alt"), _DESCRIPTION),
        "width": _pixels(said.get("og:image:width")),
        "height": _pixels(said.get("og:image:height")),
        "language": _language(language or said.get("og:locale", "")),
        "published_at": _moment(_first(said, "article:published_time", "date", "datepublished")),
    }
    if more["author_name"].startswith(("http://", "https://")):
        more["author_name"] = ""
    return Preview(title, description, {name: value for name, value in more.items() if value})


def first_link(content: str, but: tuple[str, ...]) -> str | None:
    """The first web address that the HTML of a post links to and that is no mention, no hashtag, no quote, and does not
    begin with one of `but`."""
    if "<a" not in content.lower():  # as of most posts, which need not be parsed
        return None
    for name, written in itertools.islice(tags(content), 10 * _LINKS):
        if name != "a":
            continue
        found = attributes(written)
        href = found.get("href", "")
        if _MENTION & set(found.get("class", "").split()) or "tag" in found.get("rel", "").split():
            continue
        if href.startswith(("https://", "http://")) and not href.startswith(but) and len(href) <= 2000:
            return href.partition("#")[0] or None
    return None


def provider(url: str) -> tuple[str, str]:
    """(name, address) of the site that a page is of."""
    parts = urlsplit(url)
    return parts.hostname or "", f"{parts.scheme}://{parts.netloc}"


def _first(said: dict[str, str], *names: str) -> str:
    return next((said[name] for name in names if name in said), "")


def _text(value: str, most: int) -> str:
    """Plain text in one line, without what turns its direction; cut where it is too long."""
    text = _NO_TEXT.sub(" ", value[: 4 * most]).strip().encode("utf-8", "ignore").decode()
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _address(base: str, value: str) -> str | None:
    """An absolute https address; pages of ours are https, and browsers draw no other pictures in them."""
    if not value.strip() or len(value) > 2000:
        return None
    try:
        url = urljoin(base, value.strip())
        parts = urlsplit(url)
    except ValueError:
        return None
    wanted = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    return url if wanted and not _NO_TEXT.search(url) and url.isascii() else None


def _pixels(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _language(value: str) -> str | None:
    found = _LANGUAGE.fullmatch(value.strip())
    return found[0].replace("_", "-").partition("-")[0].lower() if found is not None else None


def _moment(value: str) -> int | None:
    try:
        at = datetime.fromisoformat(value.strip()[:40])
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    try:
        ms = int(at.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
    return ms if 0 < ms < 1 << 45 else None
