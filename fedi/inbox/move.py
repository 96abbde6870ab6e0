"""Move: an actor elsewhere says that it is another one from now on; who follows it here goes along (FEP-7628).

Threads that move between groups (FEP-f15d) come as Move too and are not followed.
"""

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import Malformed
from fedi.actions import moves
from fedi.context import Site
from fedi.errors import Invalid
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, follows
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The new actor as it is now: it must name the old one. Nothing when nobody here follows the old one."""
    old = actors.by_iri(tx, received.signer)
    target = wire.first_id(received.activity.document.get("target"))
    if old is None or target is None or object_id(received.activity) != old.iri or not _matters(tx, old):
        return NOTHING
    return Needs(actors=(target,))


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Let its followers here go along, when the new actor agrees and the old one did not move within the last week."""
    old = signer(tx, received)
    iri = wire.first_id(received.activity.document.get("target"))
    if iri is None:
        raise Malformed("a Move needs a target")
    if object_id(received.activity) != old.iri:
        raise Ignored(
            "not-an-actor", "only an actor that moves itself is followed; threads and others stay where they are"
        )
    if not _matters(tx, old):
        raise Ignored("not-relevant", "nobody here follows who moves")
    target = actors.by_iri(tx, iri)
    if target is None:
        raise Ignored("unknown-object", f"{iri[:200]} can't be had")
    try:
        moves.moved(tx, site, old, target)
    except Invalid as problem:
        raise Ignored(problem.code, problem.text) from problem


def _matters(tx: Tx, old: Actor) -> bool:
    return not old.local and follows.has_local_follower(tx, old.id)
