"""Reading posts of every kind: Note, Page, Article, Question, Event, Video and what else carries text.

Polls are `question`, what events have beside their text is `event`, quotes `quote`; posts are built in `writing`.
"""

import re
from dataclasses import field
from html import escape
from typing import Any

from federation.audience import Audience, is_public, read_audience
from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, as_list, as_objects, first_id, ids, integer, milliseconds, string, text_of, types
from federation.hosts import host_of, same_origin, web_url
from federation.plain_class import plain_class
from federation.vocabulary.asking import Asking, read_asking, unmarked, unmarked_text
from federation.vocabulary.emoji import read_emoji
from federation.vocabulary.event import read_event
from federation.vocabulary.link import kind_of, read_attachments, read_link, url_of
from federation.vocabulary.question import PollDocument, is_vote, read_question
from federation.vocabulary.quote import QuoteDocument, read_quote, read_quote_allowed
from federation.vocabulary.resource import ResourceDocument, read_resource

KINDS = ("Note", "Page", "Article", "Question", "Event", "Video", "Audio", "Image", "Document", "ChatMessage")

_WARNED = frozenset({"Note", "Question", "ChatMessage"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_PLAIN = frozenset({"text/plain", "text/markdown"})
_HASHTAG = re.compile(r"#?([^\s#<>&\"']{1,100})")
_BY_ACTOR = frozenset({"Article", "Note"})
_PLAYED = frozenset({"Video", "Audio"})
_PICTURED = frozenset({"Video", "Audio", "Image", "Event", "Article"})
_MAX_LANGUAGES = 20
_MAX_TITLE = 500
_MAX_TAGS = 200


@plain_class(frozen=True, slots=True)
class PostDocument:
    """A post as its document says. Nothing is sanitised: `content` is a stranger's HTML.

    `author` is of the post's origin; `title` is plain text; `source` (text, media type) what it was written as; `summary`
    the content warning; `context` the thread's collection; times in ms; `groups` the IRIs that may be groups, likeliest
    first; `mentions` pairs (href, name as written); `hashtags` without `#`; `emoji` pairs (shortcode without colons, URL);
    `attachments` as `link.read_attachments`; `link` the page that it is about; `replies`, `likes`, `shares` collections.
    `content_map` has the text by language where it was written in several (`content` is the one of `language`); `event` is
    as `event.read_event`; `poll` and `quote` are None where it has none; `quote_allowed` as `quote.read_quote_allowed`.
    `vote`: it is a vote in a poll and no post at all. `resource`: what it says of the work that it is about, or names.
    `asking`: it is a question; what says "[solved]" before its words for who knows no questions is left out.
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
    content_map: dict[str, str] = field(default_factory=dict)
    event: Json | None = None
    poll: PollDocument | None = None
    quote: QuoteDocument | None = None
    quote_allowed: list[str] | None = None
    vote: bool = False
    resource: ResourceDocument | None = None
    asking: Asking | None = None


def read_post(document: Json) -> PostDocument:
    """A post from its JSON.

    Raises Malformed when it is no post or lacks id or author; UnsupportedHost for its host; WrongOrigin when its author is
    of another origin than its id: then it is a forgery, or nobody can tell.
    """
    named = types(document)
    kind = next((one for one in named if one in KINDS), None)
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
    languages = _read_languages(document)
    content = _read_content(document)
    warning = summary if kind in _WARNED or (sensitive and content) else None
    if not content and warning is None and summary is not None:
        content = summary  # Mbin's threads keep their text in `summary`, with `content` null
    url = url_of(document.get("url"), "text/html") or id_
    link = read_link(document.get("attachment"))
    if kind == "Page" and link is None and not same_origin(url, id_):
        url, link = id_, url  # Lemmy before 0.17 had the page that a post is about in `url`
    if link is None and kind in _PLAYED:
        link = url  # where it is played; of an Event, where one takes part is in `event`
    attachments = read_attachments(document.get("attachment"))
    if not attachments and kind in _PICTURED:
        attachments = _pictures(document, kind)
    title = text_of(document, "name")
    tags = as_objects(document.get("tag"))
    in_reply_to = first_id(document.get("inReplyTo"))
    asking = read_asking(document) if tags or "acceptedAnswer" in document else None
    if asking is not None and asking.solved:
        title = unmarked_text(title) if title else title
        warning = unmarked_text(warning) if warning else warning
        content = unmarked(content)
        languages = {name: unmarked(text) for name, text in languages.items()}
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
        language=_read_language(document, content, languages),
        in_reply_to=web_url(in_reply_to),
        context=web_url(first_id(document.get("context"))),
        published=milliseconds(document.get("published")),
        updated=milliseconds(document.get("updated")),
        audience=audience,
        groups=_read_groups(document, audience, author, owners),
        mentions=_read_mentions(tags) if tags else [],
        hashtags=_read_hashtags(tags) if tags else [],
        emoji=read_emoji(document) if tags else [],
        attachments=attachments,
        link=link,
        replies=web_url(first_id(document.get("replies"))),
        likes=web_url(first_id(document.get("likes"))),
        shares=web_url(first_id(document.get("shares"))),
        content_map=languages if len(languages) > 1 else {},
        event=read_event(document) if "Event" in named else None,
        poll=read_question(document) if "Question" in named else None,
        quote=read_quote(document),
        quote_allowed=read_quote_allowed(document),
        vote=title is not None and is_vote(document),
        resource=read_resource(document),
        asking=asking,
    )


def _read_author(document: Json, kind: str) -> tuple[str, list[str]]:
    """The author, and who else the post is attributed to (PeerTube's channel, Mobilizon's group)."""
    said = document.get("attributedTo")
    if isinstance(said, str) and said and "actor" not in document:
        return said, []  # as nearly always
    attributed = as_list(said)
    owners = ids(attributed)
    actor = first_id(document.get("actor"))
    if actor is not None and (kind == "Event" or (kind in _BY_ACTOR and _speaks_for(actor, document.get("id")))):
        author: str | None = actor  # Mobilizon: attributedTo is the group, actor the person
    else:
        people = [one for one in attributed if isinstance(one, dict) and "Person" in types(one)]
        author = first_id(people) or (owners[0] if owners else actor)
    if author is None:
        raise Malformed("a post without an author", code="not-a-post")
    return author, [one for one in owners if one != author]


def _speaks_for(actor: str, id_: object) -> bool:
    return isinstance(id_, str) and web_url(actor) is not None and same_origin(actor, id_)


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


def _read_languages(document: Json) -> dict[str, str]:
    """The text by language, at most 20; what is not in a known one (`und`) is left out."""
    by_language = document.get("contentMap")
    if not isinstance(by_language, dict) or string(document.get("mediaType")) in _PLAIN:
        return {}
    found = {
        name: text
        for name, text in by_language.items()
        if isinstance(text, str) and text and name != "und" and _LANGUAGE.fullmatch(name)
    }
    return found if len(found) <= _MAX_LANGUAGES else dict(list(found.items())[:_MAX_LANGUAGES])


def _read_language(document: Json, content: str, languages: dict[str, str]) -> str | None:
    """The language of `content`: the one that its map has it under, else the one that is named, else the first of the map."""
    for name, text in languages.items():
        if text == content:
            return name
    named = as_list(document.get("language")) + as_list(document.get("inLanguage"))
    candidates: list[object] = [one.get("identifier") if isinstance(one, dict) else one for one in named]
    for one in [*candidates, *languages]:
        if isinstance(one, str) and one != "und" and _LANGUAGE.fullmatch(one):
            return one
    return None


def _pictures(document: Json, kind: str) -> list[dict[str, Any]]:
    """What to show of a post that has no attachments: the banner of an Event or Article (`image`), the preview of a
    PeerTube video (the largest `icon`), and of an Image or Audio the file itself (`url`)."""
    if kind in ("Image", "Audio"):
        for one in as_objects(document.get("url")):
            media_type = string(one.get("mediaType"))
            if kind_of(media_type, None) == kind.lower():
                return read_attachments({**one, "type": kind, "url": one.get("href"), "name": document.get("name")})
    for name in ("image", "icon"):
        shown = [one for one in as_objects(document.get(name)) if url_of(one) is not None][:20]
        if shown:
            largest = max(shown, key=lambda one: integer(one.get("width"), 0, 1_000_000) or 0)
            picture = {**largest, "type": "Image", "url": url_of(largest)}
            return read_attachments(picture)
    return []


def _read_groups(document: Json, audience: Audience, author: str, owners: list[str]) -> list[str]:
    named = [*ids(document.get("audience")), *owners, *audience.everyone]
    return [
        one for one in dict.fromkeys(named) if one != author and not is_public(one) and web_url(one) is not None
    ][:_MAX_TAGS]  # fmt: skip


def _of_type(tags: list[Json], type_: str) -> list[Json]:
    return [one for one in tags if type_ in types(one)][:_MAX_TAGS]


def _read_mentions(tags: list[Json]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in _of_type(tags, "Mention"):
        href = web_url(one.get("href"))
        if href is not None:
            found.setdefault(href, (string(one.get("name")) or "")[:500])
    return list(found.items())


def _read_hashtags(tags: list[Json]) -> list[str]:
    names: dict[str, None] = {}
    for one in _of_type(tags, "Hashtag"):
        match = _HASHTAG.fullmatch((string(one.get("name")) or "").strip())
        if match is not None:
            names[match[1]] = None
    return list(names)
