"""Leave: somebody is no longer in a group hosted here, as Mobilizon and Smithereen say it. It is the Undo of their Follow."""

from federation.activity import Authentic
from fedi.actions import follows as follow_actions
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, follows
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Take the membership and the follow away, however they came to be."""
    who = signer(tx, received)
    group = actors.by_iri(tx, object_id(received.activity))
    if group is None or not group.local or not group.is_group or follows.find(tx, who.id, group.id) is None:
        raise Ignored("unknown-object", f"{who.iri} is in no such group of this instance")
    follow_actions.undone(tx, site, who, group)
