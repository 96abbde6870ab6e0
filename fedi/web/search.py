"""`/search`: find a person, a group or a post by handle or address, anywhere; by name among those known here."""

from starlette.requests import Request
from starlette.responses import Response

from fedi import fetching, visibility
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import person, see_other
from fedi.html import fitted
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import groups
from fedi.web.cards import actor_path, post_path
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx


async def search(request: Request) -> Response:
    """On to the page of the one thing that is meant, else the people and groups of that name."""
    site: Site = request.app.state.site
    me = await person(request)
    words = " ".join(request.query_params.get("q", "").split())[:500]
    if not words:
        return see_other("/groups")
    found = await fetching.resolve(site, words)
    if isinstance(found, Actor):
        return see_other(actor_path(found))
    if found is not None:
        post = found

        def read(tx: Tx) -> str | None:
            author = actors.by_id(tx, post.author_id)
            seen = visibility.may_see(tx, visibility.person(me.id), post)
            return post_path(post, author) if author is not None and seen else None

        path = await site.db.read(read)
        if path is not None:
            return see_other(path)
    known = await site.db.read(lambda tx: actors.search(tx, words.lstrip("@!"), 20))
    if not known:
        raise NotFound(
            f"Nothing was found for “{shortened(words, 80)}”. A handle is written @name@domain, a group !name@domain;"
            " its server may also not answer right now."
        )
    listed = [
        groups.Named(actor, actor_path(actor), f"@{actor.handle}", shortened(to_text(actor.summary[:2000]), 110))
        for actor in known
    ]
    return fitted(
        request,
        "groups.html",
        ({"lists": [(f"Found for “{shortened(words, 80)}”", listed[:count])], "older": None} for count in (20, 10, 5)),
    )
