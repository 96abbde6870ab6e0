"""GET /api/oembed: what another site shows of a public post that is linked there (oembed.com, version 1.0)."""

from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from storage import actors, posts
from storage.metadata import Tx

_WIDTH = 400
_AGE = 86_400
"""Seconds that others may keep it."""


class Asked(msgspec.Struct, kw_only=True):
    """The query; `maxheight` changes nothing, as the height is that of the text."""

    url: str
    maxwidth: int | None = None
    maxheight: int | None = None


async def oembed(request: Request) -> Response:
    """The post at this address as a quotation: its text is in it, so that the other site needs no script of ours.

    Only posts that were written here and that everyone may see; anything else is not found.
    """
    site: Site = request.app.state.site
    asked = arguments.query(request, Asked)
    address = asked.url.partition("#")[0].partition("?")[0].rstrip("/")
    width = max(1, min(asked.maxwidth or _WIDTH, _WIDTH))

    def unit(tx: Tx) -> dict[str, Any]:
        post = posts.by_iri(tx, address) or posts.by_url(tx, address)
        author = actors.by_id(tx, post.author_id) if post is not None else None
        if post is None or author is None or not post.local or not visibility.may_see(tx, visibility.NOBODY, post):
            raise NotFound
        name = author.name or author.username
        said = f"<p>{escape(post.summary)}</p>" if post.summary else f"{_title(post.title)}{post.content}"
        source = f'<a href="{escape(post.url)}">{escape(name)} (@{escape(author.handle)})</a>'
        return {
            "type": "rich",
            "version": "1.0",
            "title": f"New status by {author.username}",
            "author_name": name,
            "author_url": author.url,
            "provider_name": site.config.host,
            "provider_url": site.config.origin + "/",
            "cache_age": _AGE,
            "html": f'<blockquote cite="{escape(post.url)}">{said}<footer>{source}</footer></blockquote>',
            "width": width,
            "height": None,
        }

    if not address.startswith(site.config.origin + "/"):
        raise NotFound
    return Json(await site.db.read(unit), headers={"cache-control": "public, max-age=300"})


def _title(title: str | None) -> str:
    return f"<p><strong>{escape(title)}</strong></p>" if title else ""


ROUTES = [Route("/api/oembed", oembed)]
