"""Posts of every kind: Note, Page, Article, Question, Event, Video and what else carries text."""

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from federation.audience import Audience, is_public, read_audience
from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, as_list, as_objects, first_id, ids, milliseconds, string, text_of, timestamp, types
from federation.hosts import host_of, same_origin, web_url
from federation.vocabulary.context import POST
from federation.vocabulary.link import build_attachments, read_attachments, read_link, url_of

KINDS = ("Note", "Page", "Article", "Question", "Event", "Video", "Audio", "Image", "Document", "ChatMessage")

_WARNED = frozenset({"Note", "Question", "ChatMessage"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_PLAIN = frozenset({"text/plain", "text/markdown"})
_HASHTAG = re.compile(r"#?([^\s#<>&\"']{1,100})")
_MAX_TITLE = 500
_MAX_TAGS = 200


@dataclass(frozen=True, slots=True)
class PostDocument:
    """A post as its document says. Nothing is sanitised: `content` is a stranger's HTML.

    `author` is of the post's origin; `title` is plain text; `source` (text, media type) what it was written as; `summary`
    the content warning; `context` the thread's collection; times in ms; `groups` the IRIs that may be groups, likeliest
    first; `mentions` pairs (href, name as written); `hashtags` without `#`; `emoji` pairs (shortcode without colons, URL);
    `attachments` as `link.read_attachments`; `link` the page that it is about; `replies`, `likes`, `shares` collections.
    """

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
    """A post from its JSON.

    Raises Malformed when it is no post or lacks id or author; UnsupportedHost for its host; WrongOrigin when its author is
    of another origin than its id: then it is a forgery, or nobody can tell.
    """
    kind = next((one for one in types(document) if one in KINDS), None)
    if kind is None:
        raise Malformed("not a post", code="not-a-post")
    id_ = document.get("id")
    if not isinstance(id_, str):
        raise Malformed("a post without an id", code="not-a-post")
    host_of(id_)
    author, owners = _read_author(document, kind)
    if not same_origin(id_, author):
        raise WrongOrigin("the post is of another origin than its author")
    audience = read_audience(document)
    sensitive = document.get("sensitive") is True
    summary = text_of(document, "summary")
    content = _read_content(document)
    warning = summary if kind in _WARNED or (sensitive and content) else None
    if not content and warning is None and summary is not None:
        content = summary  # Mbin's threads keep their text in `summary`, with `content` null
    url = url_of(document.get("url"), "text/html") or id_
    link = read_link(document.get("attachment"))
    if kind == "Page" and link is None and not same_origin(url, id_):
        url, link = id_, url  # Lemmy before 0.17 had the page that a post is about in `url`
    title = text_of(document, "name") if kind != "Note" or document.get("name") else None
    in_reply_to = first_id(document.get("inReplyTo"))
    return PostDocument(
        id=id_,
        kind=kind,
        url=url,
        author=author,
        title=title[:_MAX_TITLE] if title else None,
        content=content,
        source=_read_source(document.get("source")),
        summary=warning,
        sensitive=sensitive,
        language=_read_language(document),
        in_reply_to=web_url(in_reply_to),
        context=web_url(first_id(document.get("context"))),
        published=milliseconds(document.get("published")),
        updated=milliseconds(document.get("updated")),
        audience=audience,
        groups=_read_groups(document, audience, author, owners),
        mentions=_read_mentions(document),
        hashtags=_read_hashtags(document),
        emoji=_read_emoji(document),
        attachments=read_attachments(document.get("attachment")),
        link=link,
        replies=web_url(first_id(document.get("replies"))),
        likes=web_url(first_id(document.get("likes"))),
        shares=web_url(first_id(document.get("shares"))),
    )


def _read_author(document: Json, kind: str) -> tuple[str, list[str]]:
    """The author, and who else the post is attributed to (PeerTube's channel, Mobilizon's group)."""
    attributed = as_list(document.get("attributedTo"))
    owners = ids(attributed)
    actor = first_id(document.get("actor"))
    if kind == "Event" and actor is not None:
        author: str | None = actor  # Mobilizon: attributedTo is the group, actor the person
    else:
        people = [one for one in attributed if isinstance(one, dict) and one.get("type") == "Person"]
        author = first_id(people) or (owners[0] if owners else actor)
    if author is None:
        raise Malformed("a post without an author", code="not-a-post")
    return author, [one for one in owners if one != author]


def _read_content(document: Json) -> str:
    content = text_of(document, "content") or ""
    if string(document.get("mediaType")) in _PLAIN:
        paragraphs = re.split(r"\n{2,}", content.replace("\r\n", "\n").strip())
        content = "".join(f"<p>{escape(one).replace(chr(10), '<br>')}</p>" for one in paragraphs if one)
    return content


def _read_source(value: object) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return None  # Mbin has a URL here
    text = string(value.get("content"))
    return None if text is None else (text, string(value.get("mediaType")) or "text/plain")


def _read_language(document: Json) -> str | None:
    named = as_list(document.get("language")) + as_list(document.get("inLanguage"))
    candidates: list[object] = [one.get("identifier") if isinstance(one, dict) else one for one in named]
    by_language = document.get("contentMap")
    if isinstance(by_language, dict):
        candidates.extend(by_language)
    for one in candidates:
        if isinstance(one, str) and one != "und" and _LANGUAGE.fullmatch(one):
            return one
    return None


def _read_groups(document: Json, audience: Audience, author: str, owners: list[str]) -> list[str]:
    named = [*ids(document.get("audience")), *owners, *audience.everyone]
    return [
        one for one in dict.fromkeys(named) if one != author and not is_public(one) and web_url(one) is not None
    ][:_MAX_TAGS]  # fmt: skip


def _tags(document: Json, type_: str) -> list[Json]:
    return [one for one in as_objects(document.get("tag")) if one.get("type") == type_][:_MAX_TAGS]


def _read_mentions(document: Json) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in _tags(document, "Mention"):
        href = web_url(one.get("href"))
        if href is not None:
            found.setdefault(href, (string(one.get("name")) or "")[:500])
    return list(found.items())


def _read_hashtags(document: Json) -> list[str]:
    names: dict[str, None] = {}
    for one in _tags(document, "Hashtag"):
        match = _HASHTAG.fullmatch((string(one.get("name")) or "").strip())
        if match is not None:
            names[match[1]] = None
    return list(names)


def _read_emoji(document: Json) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in _tags(document, "Emoji"):
        name, url = (string(one.get("name")) or "").strip(":"), url_of(one.get("icon"))
        if url is not None and re.fullmatch(r"[\w.@+-]{1,100}", name):
            found.setdefault(name, url)
    return list(found.items())


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
    """The document of one of our posts.

    `kind` Note or Article (Discourse refuses Page); `content` sanitised HTML; `summary` the content warning or, of an
    Article, an excerpt; times in ms; `group` goes into `audience` (FEP-1b12); `mentions` pairs (href, `@user@host`);
    `hashtags` pairs (name without `#`, href); `source` (text, media type). `to` and `cc` are always there, as Lemmy wants
    them, and so is `inReplyTo`, which Mastodon sends as null.
    """
    document: Json = {
        "@context": POST,
        "id": id,
        "type": kind,
        "attributedTo": author,
        "to": to,
        "cc": cc,
        "url": url or id,
        "published": timestamp(published),
        "content": content,
        "mediaType": "text/html",
        "sensitive": sensitive,
        "inReplyTo": in_reply_to,
    }
    tags: list[Json] = [{"type": "Mention", "href": href, "name": name} for href, name in mentions or ()]
    tags += [{"type": "Hashtag", "href": href, "name": f"#{name}"} for name, href in hashtags or ()]
    media: list[Json] = [] if link is None else [{"type": "Link", "href": link}]
    media += build_attachments(attachments or [])
    optional: Json = {
        "name": title,
        "summary": summary,
        "contentMap": None if language is None else {language: content},
        "source": None if source is None else {"content": source[0], "mediaType": source[1]},
        "audience": group,
        "context": context,
        "updated": None if updated is None else timestamp(updated),
        "replies": replies,
        "likes": likes,
        "shares": shares,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    document["tag"] = tags
    document["attachment"] = media
    return document
