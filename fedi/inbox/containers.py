"""Add of an activity to a conversation (FEP-171b; Mitra, Hubzilla, streams): who began a thread passes on what was done in it.

It is another's word, as what a group passes on is: the activity is believed by its actor's proof (FEP-8b32), or as its own
origin has it, and then it is as if its actor had sent it to us. The conversation itself grants nothing.
"""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.hosts import same_origin
from fedi.actions import remote_posts
from fedi.context import Site
from fedi.inbox import create, delete, like, update
from fedi.inbox.handling import NOTHING, Fetched, Handler, Ignored, Inner, Needs
from fedi.inbox.objects import signer
from storage import actors
from storage.metadata import Tx

_KEPT: dict[str, Handler] = {"Create": create, "Update": update, "Delete": delete, "Like": like, "Dislike": like}


def added(received: Authentic) -> dict[str, Any] | None:
    """The activity that is added; None when something else is (a pin, a moderator), or when the conversation is of another
    origin than who adds to it, so that it is not theirs."""
    inner = next(iter(wire.as_objects(received.activity.object)), None)
    target = wire.first_id(received.activity.document.get("target"))
    if inner is None or wire.first_id(inner.get("actor")) is None or "object" not in inner:
        return None
    return inner if target is not None and same_origin(target, received.signer) else None


def needs(tx: Tx, site: Site, received: Authentic, inner: dict[str, Any]) -> Needs:
    """What proves the activity, and its actor. Nothing of who has to do with nobody here, or anybody could make us ask."""
    by = actors.by_iri(tx, received.signer)
    inner_id, actor = wire.id_of(inner), wire.first_id(inner.get("actor"))
    if (
        by is None
        or inner_id is None
        or actor is None
        or site.is_local(inner_id)
        or not _KEPT.keys() & wire.types(inner)
    ):
        return NOTHING
    if not remote_posts.acquainted(tx, by):
        return NOTHING
    unknown = not site.is_local(actor) and actors.by_iri(tx, actor) is None
    return Needs(inner=(Inner(inner, by_id=True),), actors=(actor,) if unknown else ())


def handle(tx: Tx, site: Site, received: Authentic, inner: dict[str, Any], fetched: Fetched) -> None:
    """Keep what was added. Raises Ignored for what is not proven, or of no kind that is kept so."""
    signer(tx, received)
    proven = fetched.activities.get(wire.id_of(inner) or "")
    if proven is None:
        raise Ignored("unproven", "the activity that was added could not be had from its own origin")
    kept = _KEPT.get(proven.activity.type)
    if kept is None:
        raise Ignored("unsupported-type", f"a {proven.activity.type} that is added to a conversation is not kept")
    kept.handle(tx, site, proven, fetched)
