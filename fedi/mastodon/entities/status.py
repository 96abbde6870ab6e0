"""The Status entity: a post, or a boost of one around it, as the caller may see it. A bundle in, ready JSON out."""

import html
import itertools
import logging
import re
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec

from federation.vocabulary.asking import marked, marked_text
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account, mention
from fedi.mastodon.entities.attachment import MOST, attachment
from fedi.mastodon.entities.card import card
from fedi.mastodon.entities.emoji import emojis, reactions
from fedi.mastodon.entities.filter import result
from fedi.mastodon.entities.group import of_status
from fedi.mastodon.entities.poll import poll
from fedi.mastodon.entities.quote import approval, shallow, state
from fedi.mastodon.load import Bundle, Shown
from fedi.mastodon.ready import Pieces, keep
from fedi.text import events
from fedi.text.formulas import flattened
from storage.ids import is_place, time_of
from storage.posts import Post
from storage.questions import SOLVED

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_VISIBILITY = re.compile(rb'"visibility":"[a-z]+"')
_MARKUP = re.compile(r"<[^<>]*>")
_HOST = re.compile(r"([@!][\w.-]+)@[\w.:-]*\w")

VISIBILITY = {
    "public": "public",
    "unlisted": "unlisted",
    "peers": "private",
    "members": "private",
    "followers": "private",
    "direct": "direct",
}
"""Ours -> Mastodon's. What only members or agreed institutions see is «private» there: it can't be boosted by clients."""


def statuses(bundle: Bundle, shown: list[Shown]) -> list[msgspec.Raw]:
    """The statuses as ready JSON, in the same order; those that the bundle does not hold are left out."""
    found = (_shown(bundle, one) for one in shown)
    return [one for one in found if one is not None]


def _shown(bundle: Bundle, shown: Shown) -> msgspec.Raw | None:
    """One status; None, and a line in the log, where a row holds what nobody thought of: the page goes on without it."""
    try:
        return status(bundle, shown)
    except Exception:
        log.exception("the status %s of post %s can't be shown", shown.id, shown.post_id)
        return None


def status(bundle: Bundle, shown: Shown, *, quoted: bool = False) -> msgspec.Raw | None:
    """One status; None when its post is not in the bundle (gone, or not for the caller).

    `quoted`: within one that quotes it; what it quotes itself is then named only.
    """
    post = bundle.posts.get(shown.post_id)
    author = bundle.actors.get(post.author_id) if post is not None else None
    if post is None or author is None:
        return None
    pieces = bundle.pieces.get(post.id) or render(bundle, post, quoted=quoted)
    flags = _flags(bundle, post) + approval(bundle, post)
    if post.id in bundle.emoji:
        flags += b"," + _inside(reactions(bundle.emoji[post.id]))
    group = bundle.actors.get(post.group_id) if post.group_id is not None else None
    inner = b"".join(
        (
            b"{",
            pieces.head,
            pieces.tail,
            b',"account":',
            account(bundle.origin, author, bundle.figures.get(author.id)),
            b"" if group is None else b',"group":' + of_status(bundle.origin, group),
            flags,
            b',"reblog":null}',
        )
    )
    if shown.booster_id is None:
        return msgspec.Raw(inner)
    booster = bundle.actors.get(shown.booster_id)
    if booster is None or (shown.boost_id or shown.id) in bundle.unseen:
        return None
    boost = bundle.boosts.get(shown.boost_id or shown.id)
    tail = pieces.tail
    if boost is not None and boost.visibility != "public":
        # The first of this name is the boost's own: in texts quotation marks are escaped.
        tail = _VISIBILITY.sub(b'"visibility":"%s"' % VISIBILITY[boost.visibility].encode(), tail, count=1)
    head = _inside(
        {
            "id": str(shown.id),
            "created_at": moment(
                boost.created_at if boost is not None and not is_place(shown.id) else time_of(shown.id)
            ),
            "in_reply_to_id": None,
            "in_reply_to_account_id": None,
            "uri": boost.iri if boost is not None else post.iri,
            "url": boost.iri if boost is not None else post.url or post.iri,
            "edited_at": None,
            "application": None,
            "card": None,
        }
    )
    return msgspec.Raw(
        b"".join(
            (
                b"{",
                head,
                b",",
                tail,
                b',"account":',
                account(bundle.origin, booster),
                flags,
                b',"reblog":',
                inner,
                b"}",
            )
        )
    )


def render(bundle: Bundle, post: Post, *, quoted: bool = False) -> Pieces:
    """The parts of a post's JSON that are the same for every caller; kept for the next one (but see `ready.plain`)."""
    language, body = said(bundle, post)
    quote = (shallow if quoted else whole_quote)(bundle, post)
    app = bundle.apps.get(post.app_id) if post.app_id is not None else None
    text = (
        content(post.title, body, post.kind, post.link, post.event)
        if quote is None
        else with_fallback(bundle, post, body)
    )
    head = {
        "id": str(post.id),
        "created_at": moment(post.published_at),
        "in_reply_to_id": None if post.reply_to_id is None else str(post.reply_to_id),
        "in_reply_to_account_id": None if post.reply_to_actor_id is None else str(post.reply_to_actor_id),
        "uri": post.iri,
        "url": post.url or post.iri,
        "edited_at": None if post.edited_at is None else moment(post.edited_at),
        "application": None if app is None else {"name": app.name, "website": app.website},
        "card": card(post, bundle.cards.get(post.card_url or "")),
    }
    tail = {
        "sensitive": post.sensitive,
        "spoiler_text": marked_text(post.summary) if post.summary and post.asks == SOLVED else post.summary or "",
        "visibility": VISIBILITY[post.visibility],
        "language": language,
        "replies_count": post.replies_count,
        "reblogs_count": post.boosts_count,
        "favourites_count": post.likes_count,
        "quotes_count": post.quotes_count,
        "content": marked(text) if post.asks == SOLVED else text,
        "quote": quote,
        "media_attachments": [attachment(post.id, index, file) for index, file in enumerate(post.attachments[:MOST])],
        "mentions": mentions(bundle, post),
        "tags": [{"name": tag, "url": tag_url(bundle.origin, tag)} for tag in bundle.tags.get(post.id, ())],
        "emojis": emojis(post.emoji),
        "poll": own_poll(bundle, post),
    }
    made = Pieces(_inside(head) + b",", _inside(tail))
    keep(bundle.origin, post, made)
    return made


def _inside(fields: dict[str, Any]) -> bytes:
    return _encode(fields)[1:-1]


def _flags(bundle: Bundle, post: Post) -> bytes:
    """What the caller did to a post; nothing without a caller."""
    if bundle.person_id is None:
        return b""
    flags = bundle.flags
    ready = _FLAGS[
        post.id in flags.liked,
        post.id in flags.boosted,
        post.id in flags.bookmarked,
        post.id in bundle.muted,
        None if bundle.person_id != post.author_id else post.id in flags.pinned,
    ]
    met = bundle.filtered.get(post.id)
    return ready + (b',"filtered":[]' if met is None else b',"filtered":' + _encode([result(one) for one in met]))


_FLAGS = {
    (liked, boosted, kept, muted, pinned): b","
    + _inside(
        {
            "favourited": liked,
            "reblogged": boosted,
            "muted": muted,
            "bookmarked": kept,
            **({} if pinned is None else {"pinned": pinned}),
        }
    )
    for liked, boosted, kept, muted, pinned in itertools.product(
        (False, True), (False, True), (False, True), (False, True), (None, False, True)
    )
}


@lru_cache(4096)
def tag_url(origin: str, tag: str) -> str:
    """The page of a hashtag."""
    return f"{origin}/tags/{quote(tag)}"


def mentions(bundle: Bundle, post: Post) -> list[dict[str, Any]]:
    """Who is mentioned, and always the group of the post: clients prefill replies from this, so a reply reaches it."""
    ids = bundle.mentions.get(post.id, [])
    if post.group_id is not None and post.group_id not in ids and post.group_id != post.author_id:
        ids = [post.group_id, *ids]
    return [mention(bundle.actors[one]) for one in ids if one in bundle.actors]


def content(title: str | None, body: str, kind: str, link: str | None, event: dict[str, Any] | None = None) -> str:
    """The HTML of a post.

    A title (Lemmy's Page, an Article, an Event) goes first in bold, then time and place of an event, then the page a link
    post is about: clients have no place of their own for them. Formulas are LaTeX, as clients strip MathML without a word.
    """
    body = flattened(body)
    if title is None and link is None and event is None:
        return body
    before = ""
    shown = html.escape(title, quote=False) if title is not None else ""
    if shown and (kind != "Note" or (shown not in body and not _says(body, title or ""))):
        before = f"<p><strong>{shown}</strong></p>"
    if event is not None:
        before += events.to_html(event)
    if link is not None and html.escape(link) not in body and link not in body:
        address = html.escape(link)
        before += f'<p><a href="{address}" rel="nofollow noopener" target="_blank">{address}</a></p>'
    return before + body


def _says(body: str, title: str) -> bool:
    """Whether a body has a title in its words: with tags, links and short handles there, or longer than a title may be."""
    words = _squeezed(html.unescape(_MARKUP.sub("", body[:8000])))
    return _squeezed(_HOST.sub(r"\1", title).removesuffix("…")) in words


def _squeezed(text: str) -> str:
    return "".join(text.split())


def said(bundle: Bundle, post: Post) -> tuple[str | None, str]:
    """(language, HTML) of a post: in the language that the caller prefers, where it was written in several."""
    wanted, known = bundle.language, post.content_map
    if wanted is not None and known:
        for language in (wanted, wanted.partition("-")[0]):
            if known.get(language):
                return language, known[language]
    return post.language, post.content


def own_poll(bundle: Bundle, post: Post) -> dict[str, Any] | None:
    """The poll of a post."""
    found = bundle.polls.get(post.id)
    if found is None:
        return None
    chosen = None if bundle.person_id is None else bundle.votes.get(post.id, [])
    return poll(found, post, now=bundle.now, chosen=chosen, own=bundle.person_id == post.author_id)


def whole_quote(bundle: Bundle, post: Post) -> dict[str, Any] | None:
    """The Quote that a post makes, with the quoted status where the caller may see it."""
    if post.quote_iri is None:
        return None
    now = state(bundle, post)
    shown = None
    if now == "accepted" and post.quote_id is not None:
        shown = status(bundle, Shown(post.quote_id, post.quote_id), quoted=True)
        now = now if shown is not None else "unauthorized"
    return {"state": now, "quoted_status": shown}


def with_fallback(bundle: Bundle, post: Post, body: str) -> str:
    """The HTML of a post that quotes, with Mastodon's line for clients that know no quotes; those that do hide it.

    Only where the caller may see what is quoted: its address tells that it exists.
    """
    shown = content(post.title, body, post.kind, post.link, post.event)
    quoted = bundle.posts.get(post.quote_id or 0)
    if quoted is None or post.quote_state != "accepted" or "quote-inline" in shown:
        return shown
    address = html.escape(quoted.url or quoted.iri)
    return f'<p class="quote-inline">RE: <a href="{address}" rel="nofollow noopener" target="_blank">{address}</a></p>{shown}'
