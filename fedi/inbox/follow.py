"""Follow: somebody wants to follow a person here, or to join a group hosted here."""

from federation.activity import Authentic
from fedi import policy
from fedi.actions import canaries, follows, peer_requests
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs, decision_of
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
    follower = signer(tx, received)
    waits = "require-approval" in policy.effects(decision_of(received))
    follows.receive(tx, site, follower, target, received.activity.id, waits=waits)
    if target.iri == site.instance_iri:
        peer_requests.asked(tx, site, follower)
    if canaries.is_canary(site, target):
        canaries.followed(tx, site, follower, target)
