"""Follow: somebody wants to follow a person here, or to join a group hosted here."""

from federation.activity import Authentic
from fedi.actions import follows
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: who follows was read with its key."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Accept, let wait or reject, as the target's rules say."""
    target = actors.by_iri(tx, object_id(received.activity))
    if target is None or not target.local or target.state != "active":
        raise Ignored("unknown-object", "the one to follow is not of this instance")
    follows.receive(tx, site, signer(tx, received), target, received.activity.id)
