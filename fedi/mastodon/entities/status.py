"""The Status entity: a post, or a boost of one around it, as the caller may see it. Pure: a bundle in, dicts out."""

import html
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account, mention
from fedi.mastodon.entities.attachment import MOST, attachment
from fedi.mastodon.load import Bundle, Shown
from storage.ids import time_of
from storage.posts import Post

VISIBILITY = {
    "public": "public",
    "unlisted": "unlisted",
    "peers": "private",
    "members": "private",
    "followers": "private",
    "direct": "direct",
}
"""Ours -> Mastodon's. What only members or agreed institutions see is «private» there: it can't be boosted by clients."""


def statuses(origin: str, bundle: Bundle, shown: list[Shown]) -> list[dict[str, Any]]:
    """The statuses, in the same order; those that the bundle does not hold are left out."""
    found = (status(origin, bundle, one) for one in shown)
    return [one for one in found if one is not None]


def status(origin: str, bundle: Bundle, shown: Shown) -> dict[str, Any] | None:
    """One status; None when its post is not in the bundle (gone, or not for the caller)."""
    post = bundle.posts.get(shown.post_id)
    if post is None or post.author_id not in bundle.actors:
        return None
    inner = of_post(origin, bundle, post)
    if shown.booster_id is None:
        return inner
    booster = bundle.actors.get(shown.booster_id)
    if booster is None:
        return None
    boost = bundle.boosts.get(shown.id)
    return {
        **inner,
        "id": str(shown.id),
        "created_at": moment(boost.created_at if boost is not None else time_of(shown.id)),
        "edited_at": None,
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "uri": boost.iri if boost is not None else inner["uri"],
        "url": boost.iri if boost is not None else inner["url"],
        "account": account(origin, booster),
        "application": None,
        "card": None,
        "reblog": inner,
    }


def of_post(origin: str, bundle: Bundle, post: Post) -> dict[str, Any]:
    """A post as Status; with a caller's flags where the bundle has a caller."""
    app = bundle.apps.get(post.app_id) if post.app_id is not None else None
    shown: dict[str, Any] = {
        "id": str(post.id),
        "created_at": moment(post.published_at),
        "in_reply_to_id": None if post.reply_to_id is None else str(post.reply_to_id),
        "in_reply_to_account_id": None if post.reply_to_actor_id is None else str(post.reply_to_actor_id),
        "sensitive": post.sensitive,
        "spoiler_text": post.summary or "",
        "visibility": VISIBILITY[post.visibility],
        "language": post.language,
        "uri": post.iri,
        "url": post.url or post.iri,
        "replies_count": post.replies_count,
        "reblogs_count": post.boosts_count,
        "favourites_count": post.likes_count,
        "quotes_count": 0,
        "edited_at": None if post.edited_at is None else moment(post.edited_at),
        "content": content(post.title, post.content, post.kind, post.link),
        "reblog": None,
        "quote": None,
        "application": None if app is None else {"name": app.name, "website": app.website},
        "account": account(origin, bundle.actors[post.author_id]),
        "media_attachments": [attachment(post.id, index, file) for index, file in enumerate(post.attachments[:MOST])],
        "mentions": mentions(bundle, post),
        "tags": [{"name": tag, "url": tag_url(origin, tag)} for tag in bundle.tags.get(post.id, ())],
        "emojis": [],
        "card": card(post),
        "poll": None,
    }
    if bundle.person_id is not None:
        shown["favourited"] = post.id in bundle.flags.liked
        shown["reblogged"] = post.id in bundle.flags.boosted
        shown["muted"] = False
        shown["bookmarked"] = post.id in bundle.flags.bookmarked
        shown["filtered"] = []
        if bundle.person_id == post.author_id:
            shown["pinned"] = False
    return shown


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


def content(title: str | None, body: str, kind: str, link: str | None) -> str:
    """The HTML of a post. A title (Lemmy's Page, an Article) goes first in bold: clients have no place of its own for it."""
    if title is None and link is None:
        return body
    before = ""
    shown = html.escape(title, quote=False) if title is not None else ""
    if shown and (kind != "Note" or shown not in body):
        before = f"<p><strong>{shown}</strong></p>"
    if link is not None and html.escape(link) not in body and link not in body:
        address = html.escape(link)
        before += f'<p><a href="{address}" rel="nofollow noopener" target="_blank">{address}</a></p>'
    return before + body


def card(post: Post) -> dict[str, Any] | None:
    """The PreviewCard of a link post, from what the post itself says."""
    if post.link is None:
        return None
    return {
        "url": post.link,
        "title": post.title or post.link,
        "description": "",
        "type": "link",
        "language": post.language,
        "author_name": "",
        "author_url": "",
        "authors": [],
        "provider_name": "",
        "provider_url": "",
        "html": "",
        "width": 0,
        "height": 0,
        "image": None,
        "image_description": "",
        "embed_url": "",
        "blurhash": None,
        "published_at": None,
    }
