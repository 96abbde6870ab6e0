"""Entries -> a feed in Atom (RFC 4287) with threads (RFC 4685). Pure. Ids are those of ActivityPub, so that readers know a post again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A post; times in ms, `html` safe HTML (empty: only the title is shown), `answers` (id, page) of what it answers."""

    id: str
    page: str
    title: str
    author: str
    author_page: str
    published_at: int
    updated_at: int
    html: str = ""
    answers: tuple[str, str] | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its id, its own address and its page, and its entries, the newest first. `updated_at`: of a feed without any."""

    id: str
    address: str
    page: str
    title: str
    updated_at: int
    entries: Sequence[Entry]


def render(feed: Feed) -> str:
    """The document."""
    updated = max((entry.updated_at for entry in feed.entries), default=feed.updated_at)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0">\n'
        f"<id>{_text(feed.id)}</id><title>{_text(feed.title)}</title><updated>{_time(updated)}</updated>\n"
        f'<link rel="self" type="application/atom+xml" href={_value(feed.address)}/>'
        f'<link rel="alternate" type="text/html" href={_value(feed.page)}/>\n'
        f"{''.join(map(_entry, feed.entries))}</feed>\n"
    )


def _entry(entry: Entry) -> str:
    answers = ""
    if entry.answers is not None:
        to, page = entry.answers
        answers = f'<thr:in-reply-to ref={_value(to)} href={_value(page)} type="text/html"/>'
    language = f" xml:lang={_value(entry.language)}" if entry.language else ""
    content = f'<content type="html">{_text(entry.html)}</content>' if entry.html else ""
    return (
        f"<entry{language}><id>{_text(entry.id)}</id><title>{_text(entry.title)}</title>"
        f'<link rel="alternate" type="text/html" href={_value(entry.page)}/>'
        f"<author><name>{_text(entry.author)}</name><uri>{_text(entry.author_page)}</uri></author>"
        f"<published>{_time(entry.published_at)}</published><updated>{_time(entry.updated_at)}</updated>"
        f"{answers}{content}</entry>\n"
    )


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _value(text: str) -> str:
    return quoteattr(_NOT_XML.sub("", text))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
