"""GET of a QuoteAuthorization: the leave that a person here gave to quote a post (FEP-044f), below that post."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.vocabulary.quote import build_authorization
from fedi.actions.quotes import authorization_iri
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.signed import viewer_of
from fedi.visibility import NOBODY, Viewer, may_see
from storage import actors, posts, quotes
from storage.metadata import Tx


@door
async def authorization(request: Request) -> Response:
    """GET /people/NAME/posts/ID/quotes/ID: the authorization while it holds; 404 when it was taken back."""
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    check_text(request.path_params["name"])
    iri = site.iri(request.scope["path"])
    quote_id = request.path_params["quote_id"]
    found = await site.db.read(lambda tx: _render(tx, viewer, iri, quote_id))
    # Kept by nobody: it is fetched to see whether it still holds.
    return found.answer(request, private=viewer != NOBODY)


def _render(tx: Tx, viewer: Viewer, iri: str, quote_id: int) -> Ready:
    quote = quotes.by_id(tx, quote_id) if quote_id < 2**63 else None
    post = posts.by_id(tx, quote.post_id) if quote is not None else None
    if quote is None or post is None or quote.state != "accepted" or authorization_iri(post, quote.id) != iri:
        raise NotFound
    author = actors.by_id(tx, post.author_id)
    if author is None or not may_see(tx, viewer, post):
        raise NotFound
    return Ready(build_authorization(iri, author.iri, quote.quoting_iri, post.iri))


ROUTES = [Route("/people/{name}/posts/{post_id:int}/quotes/{quote_id:int}", authorization)]
