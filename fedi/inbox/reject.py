"""Reject: a remote actor does not want to be followed by somebody here, or put them out of a group."""

from federation.activity import Authentic
from fedi.actions import follows, quotes, refusing, suspensions
from fedi.context import Site
from fedi.inbox.accept import answered, quoted_by
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import signer
from storage import actors
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """The follow is taken away, accepted or not. Or a quote is not allowed."""
    answerer = signer(tx, received)
    if refusing.heard(tx, site, received, answerer):
        return  # a peer's policy did not take what was sent there
    quoting = quoted_by(tx, received)
    if quoting is None:
        follow = answered(tx, received, answerer)
        follower = actors.by_id(tx, follow.follower_id)
        if follower is not None:
            suspensions.put_out(tx, site, follow, follower, answerer)
        follows.rejected(tx, site, follow)
    elif not quotes.rejected(tx, site, answerer, quoting):
        raise Ignored("unknown-object", "this refuses no quote that somebody here asked for")
