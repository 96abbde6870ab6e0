"""QuoteRequest: a peer asks to quote a post of this instance (FEP-044f); answered by the policy of the post."""

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import FederationError, WrongOrigin
from federation.hosts import same_origin
from federation.vocabulary.note import read_post
from federation.vocabulary.requests import read_quote_request
from fedi.actions import quotes
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import open_to, post, signer
from storage import posts
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The quoting post, where only its id is given: whose it is and what it quotes is answered for."""
    try:
        asked = read_quote_request(received.activity.document)
    except FederationError:
        return NOTHING  # `handle` refuses it, with the reason
    quoted = posts.by_iri(tx, asked.object)
    embedded = bool(wire.as_objects(received.activity.document.get("instrument")))
    if quoted is None or not quoted.local or embedded or not same_origin(asked.instrument, received.signer):
        return NOTHING
    return Needs(posts=(asked.instrument,)) if posts.by_iri(tx, asked.instrument) is None else NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Answer with Accept and an authorization, or with Reject.

    Raises WrongOrigin when the quoting post is not the asker's or quotes something else.
    """
    actor = signer(tx, received)
    asked = read_quote_request(received.activity.document)
    quoted = post(tx, asked.object)
    if not quoted.local:
        raise Ignored("not-local", "what is to be quoted is not of this instance")
    open_to(tx, site, quoted, actor, "announce")
    if not same_origin(asked.instrument, received.signer):
        raise WrongOrigin(f"{received.signer} can't ask for a post of another origin")
    known = posts.by_iri(tx, asked.instrument)
    for instrument in wire.as_objects(received.activity.document.get("instrument"))[:1]:
        read = read_post(instrument)
        if read.author != received.signer or read.quote is None or read.quote.iri != quoted.iri:
            raise WrongOrigin("the post in a QuoteRequest is not its sender's, or quotes something else")
    if known is not None and (known.author_id != actor.id or known.quote_iri != quoted.iri):
        raise WrongOrigin("the post that is to quote is not the sender's, or quotes something else")
    quotes.requested(tx, site, actor, quoted, received.activity.id, asked.instrument)
