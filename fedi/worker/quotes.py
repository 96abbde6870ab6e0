"""The job `quote`: fetch what a post quotes and the leave for it, and say whether it is shown as a quote (FEP-044f)."""

import logging
from typing import Any

from federation.errors import FederationError
from federation.vocabulary.quote import check_authorization
from fedi import fetching
from fedi.actions import quotes
from fedi.context import Site
from storage import actors, posts
from storage import quotes as quote_rows
from storage.metadata import Tx
from storage.posts import Post

log = logging.getLogger(__name__)


async def look_at_quote(site: Site, payload: dict[str, Any]) -> None:
    """Look at the quote of the post `post_id`.

    Accepted: its author quotes themselves; what it quotes is of this instance and was allowed here; or the
    QuoteAuthorization that it names is served by the server of who wrote what it quotes, and names both posts. Raises
    FederationError when one of the servers can't be asked now.
    """
    post_id = int(payload["post_id"])
    post = await site.db.read(lambda tx: posts.by_id(tx, post_id))
    if post is None or post.deleted_at is not None or post.quote_iri is None or post.quote_state == "revoked":
        return
    # What that quotes in turn is not looked at, or who writes posts that quote each other would keep us busy.
    quoted = await fetching.post(site, post.quote_iri, late=False)
    if quoted is None:
        log.info("%s quotes %s, which is not there (any more)", post.iri, post.quote_iri)
        return
    state = await site.db.read(lambda tx: _known(tx, post, quoted))
    if state is None:
        state = await _authorized(site, post, quoted)
    await site.db.write(lambda tx: quotes.checked(tx, site, post_id, quoted, state))


def _known(tx: Tx, post: Post, quoted: Post) -> quotes.State | None:
    """What is known without asking anyone; None when the authorization must be fetched."""
    if quoted.author_id == post.author_id:
        return "accepted"
    if quoted.local:
        row = quote_rows.by_quoting(tx, post.iri)
        if row is None or (row.post_id, row.actor_id) != (quoted.id, post.author_id):
            return "pending"
        return "accepted" if row.state == "accepted" else "revoked" if row.state == "revoked" else "rejected"
    return "pending" if post.quote_authorization is None else None


async def _authorized(site: Site, post: Post, quoted: Post) -> quotes.State:
    author = await site.db.read(lambda tx: actors.by_id(tx, quoted.author_id))
    if author is None or post.quote_authorization is None:
        return "pending"
    try:
        served = await fetching.document(site, post.quote_authorization)
        check_authorization(served.document, post.quote_authorization, post.iri, quoted.iri, author.iri)
    except FederationError as problem:
        if problem.retry:
            raise
        log.info("%s may not quote %s: %s", post.iri, quoted.iri, problem.text)
        return "rejected"
    return "accepted"
