"""Join: somebody wants to be in a group hosted here, as Mobilizon and Smithereen say it. It is what a Follow of a group is."""

from federation.activity import Authentic
from fedi import policy
from fedi.actions import follows
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs, decision_of
from fedi.inbox.objects import object_id, signer
from storage import actors
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: who joins was read with its key."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Accept, let wait or reject, as the group's rules say; the answer embeds the Join."""
    group = actors.by_iri(tx, object_id(received.activity))
    if group is None or not group.local or not group.is_group or group.state != "active":
        raise Ignored(
            "unknown-object", "what is to be joined is no group of this instance; who takes part in events is not kept"
        )
    waits = "require-approval" in policy.effects(decision_of(received))
    follows.receive(tx, site, signer(tx, received), group, received.activity.id, kind="Join", waits=waits)
