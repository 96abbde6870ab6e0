"""The PreviewCard entity: what the page that a post links to says of itself, or what the post says of it. Pure."""

from typing import Any

from fedi.actions.cards import VIA
from fedi.mastodon.answers import moment
from storage.cards import Card
from storage.posts import Post


def card(post: Post, known: Card | None) -> dict[str, Any] | None:
    """The card of a post; None for one without. A link post has one even while nothing of its page is known."""
    if known is None:
        return None if post.link is None else _made(post.link, post.title or post.link, "", {"language": post.language})
    return page(known)


def page(known: Card) -> dict[str, Any]:
    """The card of a page, whoever links to it."""
    return _made(known.url.partition(VIA)[0], known.title, known.description, known.more)


def _made(url: str, title: str, description: str, more: dict[str, Any]) -> dict[str, Any]:
    author, address = more.get("author_name") or "", more.get("author_url") or ""
    image = more.get("image")
    return {
        "url": url,
        "title": title,
        "description": description,
        "type": "link",
        "language": more.get("language"),
        "author_name": author,
        "author_url": address,
        "authors": [{"name": author, "url": address, "account": None}] if author else [],
        "provider_name": more.get("provider_name") or "",
        "provider_url": more.get("provider_url") or "",
        "html": "",
        "width": (more.get("width") or 0) if image else 0,
        "height": (more.get("height") or 0) if image else 0,
        "image": image,
        "image_description": more.get("image_description") or "",
        "embed_url": "",
        "blurhash": None,
        "published_at": moment(more["published_at"]) if more.get("published_at") else None,
    }
