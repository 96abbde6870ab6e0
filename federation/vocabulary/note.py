"""Posts."""
from dataclasses import dataclass
from typing import Any

from federation.audience import Audience
from federation.fields import Json

@dataclass(frozen=True, slots=True)
class PostDocument:
    """`source`: (text, media type); times in ms; attachments: dicts url media_type description width height blurhash kind."""
    id: str
    kind: str
    url: str
    author: str
    title: str | None
    content: str
    source: tuple[str, str] | None
    summary: str | None
    sensitive: bool
    language: str | None
    in_reply_to: str | None
    context: str | None
    published: int | None
    updated: int | None
    audience: Audience
    groups: list[str]
    mentions: list[tuple[str, str]]
    hashtags: list[str]
    emoji: list[tuple[str, str]]
    attachments: list[dict[str, Any]]
    link: str | None
    replies: str | None
    likes: str | None
    shares: str | None

def read_post(document: Json) -> PostDocument:
    raise NotImplementedError

def build_post(
    *,
    id: str,
    kind: str,
    author: str,
    content: str,
    published: int,
    to: list[str],
    cc: list[str],
    url: str | None = None,
    title: str | None = None,
    summary: str | None = None,
    sensitive: bool = False,
    language: str | None = None,
    source: tuple[str, str] | None = None,
    in_reply_to: str | None = None,
    context: str | None = None,
    group: str | None = None,
    updated: int | None = None,
    mentions: list[tuple[str, str]] | None = None,
    hashtags: list[tuple[str, str]] | None = None,
    attachments: list[dict[str, Any]] | None = None,
    link: str | None = None,
    replies: str | None = None,
    likes: str | None = None,
    shares: str | None = None,
) -> Json:
    raise NotImplementedError
