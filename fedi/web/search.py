"""`/search`: the one thing that a handle or address means, anywhere; else people, groups and posts known here by words."""

from starlette.requests import Request
from starlette.responses import Response

from fedi import searching, visibility
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import person, see_other
from fedi.html import fitted, page
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import groups, listing
from fedi.web.cards import actor_path, post_path
from fedi.web.listing import Listing
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx

NAMES = 10
"""People and groups that are shown above the posts."""


async def search(request: Request) -> Response:
    """On to the page of the one thing that is meant, else who is called so and what says so; without words the form."""
    site: Site = request.app.state.site
    me = await person(request)
    words = " ".join(request.query_params.get("q", "").replace("\x00", " ").split())[:500]
    if not words:
        return page(request, "search.html", title="Search", typed="", named=[], cards=[], older=None, newer=None)
    found = await searching.resolve(site, me.id, words)
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
    before = listing.before(request)

    def look(tx: Tx) -> tuple[list[Actor], Listing]:
        known = [] if before is not None else searching.accounts(tx, site, me.id, words, NAMES)
        ids = searching.posts(tx, site, me.id, words, listing.PAGE + 1, max_id=before)
        return known, listing.of_ids(tx, me, ids, site.clock())

    known, said = await site.db.read(look)
    if not known and not said.cards and before is None:
        raise NotFound(
            f"Nothing was found for “{shortened(words, 80)}”. A handle is written @name@domain, a group !name@domain;"
            " its server may also not answer right now."
        )
    named = [
        groups.Named(actor, actor_path(actor), f"@{actor.handle}", shortened(to_text(actor.summary[:2000]), 110))
        for actor in known
    ]
    title = f"Found for “{shortened(words, 80)}”"
    return fitted(request, "search.html", listing.variants(request, said, title=title, typed=words, named=named))
