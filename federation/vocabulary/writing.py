"""Building the documents of our posts: Note, Article and Question. Reading posts is `note`."""

from html import escape
from typing import Any

from federation.fields import Json, timestamp
from federation.vocabulary.context import POLL_TERMS, POST, QUOTE_TERMS
from federation.vocabulary.emoji import build_emoji
from federation.vocabulary.link import build_attachments
from federation.vocabulary.question import PollDocument, build_options
from federation.vocabulary.quote import quote_link


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
    emoji: list[tuple[str, str]] | None = None,
    policy: Json | None = None,
    quote: Json | None = None,
    poll: PollDocument | None = None,
) -> Json:
    """The document of one of our posts.

    `kind` Note, Article (Discourse refuses Page) or Question; `content` sanitised HTML; `summary` the content warning or,
    of an Article, an excerpt as HTML; times in ms; `group` goes into `audience` (FEP-1b12); `mentions` pairs (href,
    `@user@host`); `hashtags` pairs (name without `#`, href); `source` (text, media type); `emoji` pairs (shortcode, URL);
    `policy` and `quote` as `quote.build_quote_policy` and `quote.quote_properties` make them. `to` and `cc` are always
    there, as Lemmy wants them, and so is `inReplyTo`, which Mastodon sends as null.
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
    if emoji:
        tags += build_emoji(emoji)
    if quote is not None:
        tags.append(quote_link(quote["quote"]))
    media: list[Json] = [] if link is None else [{"type": "Link", "href": link}]
    media += build_attachments(attachments or [])
    optional: Json = {
        "name": title,
        "summary": summary,
        "contentMap": None if language is None else {language: content},
        "language": None if language is None else {"identifier": language.partition("-")[0], "name": language},
        "source": None if source is None else {"content": source[0], "mediaType": source[1]},
        "audience": group,
        "context": context,
        "updated": None if updated is None else timestamp(updated),
        "replies": replies,
        "likes": likes,
        "shares": shares,
        "interactionPolicy": policy,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    if kind == "Article":
        document["preview"] = _preview(title, summary)
    if quote is not None:
        document["@context"] = [*POST, QUOTE_TERMS]
        document.update(quote)
    if poll is not None:
        document["@context"] = [*document["@context"], POLL_TERMS]
        document.update(build_options(poll))
    document["tag"] = tags
    document["attachment"] = media
    return document


def _preview(title: str | None, summary: str | None) -> Json:
    """A Note that stands for an Article where those are not shown in full (FEP-b2b8)."""
    heading = f"<p><strong>{escape(title, quote=False)}</strong></p>" if title else ""
    return {"type": "Note", "content": f"{heading}<p>{summary or ''}</p>"}
