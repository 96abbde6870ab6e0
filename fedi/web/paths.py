"""Where the pages of people, groups and posts are here, and which addresses elsewhere a page may link to.

Whom an address names is `fedi.web.handles`.
"""

from urllib.parse import quote

from storage.actors import Actor
from storage.posts import Post


def safe_link(url: object) -> str | None:
    """`url` when it is an address that a page may link to; peers write what they like there."""
    return url if isinstance(url, str) and url.lower().startswith(("https://", "http://")) else None


def actor_path(actor: Actor) -> str:
    """The path of an actor's page here."""
    if actor.local:
        return f"/{'groups' if actor.is_group else 'people'}/{quote(actor.username, safe='')}"
    return f"/@{quote(actor.username, safe='')}@{quote(actor.domain, safe=':')}"


def post_path(post: Post, author: Actor) -> str:
    """The path of a post's page here."""
    return f"{actor_path(author)}/{'posts/' if author.local else ''}{post.id}"
