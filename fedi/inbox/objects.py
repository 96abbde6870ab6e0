"""Reading the object of an activity: its id, its embedded form where that may be believed, the local thing it means."""

from typing import Any

from federation import fields as wire
from federation.activity import Activity, Authentic
from federation.errors import Malformed
from federation.hosts import same_origin
from fedi import visibility
from fedi.actions import opened
from fedi.actions.memberships import may_act
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.inbox.handling import Ignored
from storage import actors, memberships, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def object_id(activity: Activity) -> str:
    """The IRI of the object. Raises Malformed when there is none."""
    found = wire.first_id(activity.object)
    if found is None:
        raise Malformed(f"a {activity.type} needs an object with an id")
    return found


def embedded(activity: Activity) -> dict[str, Any] | None:
    """The embedded object, as the sender wrote it."""
    return next(iter(wire.as_objects(activity.object)), None)


def own(received: Authentic) -> dict[str, Any] | None:
    """The embedded object where the sender's server may speak for it: of the same origin (FEP-fe34)."""
    found = embedded(received.activity)
    found_id = wire.id_of(found) if found is not None else None
    if found is None or found_id is None or not same_origin(found_id, received.signer):
        return None
    return found


def signer(tx: Tx, received: Authentic) -> Actor:
    """The row of who sent it. Its document was read when its key was, so it is there."""
    found = actors.by_iri(tx, received.signer)
    if found is None or found.state == "gone":
        raise Ignored("unknown-actor", f"{received.signer} is not known here")
    if found.state != "active":
        raise Ignored("suspended", f"{received.signer} is suspended here")
    return found


def open_to(tx: Tx, site: Site, post: Post, actor: Actor, act: str) -> None:
    """Raises Ignored unless a remote `actor` may act on a post that we answer for: it is from here, or in a group from
    here. Who may not see a post can't vote on it or answer it, nor can who is banned from its group, or of a peer that may
    not do this there (`act`: one of `storage.group_scopes.MAY`)."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    hosted = group is not None and group.local
    if not (post.local or hosted):
        return
    if not visibility.may_see(tx, visibility.Viewer(host=actor.host), post):
        raise Ignored("not-visible", "this post is not shown to who acts on it")
    if group is None or not hosted:
        return
    not_banned(tx, site, post, actor)
    in_scope(tx, post, actor, act)
    membership = memberships.find(tx, group.id, actor.id)
    if post.visibility == "members" and (membership is None or membership.state != "accepted"):
        # The gate knows hosts only, and others there may be members.
        raise Ignored("not-a-member", "only members act on what only members read")


def in_scope(tx: Tx, post: Post, actor: Actor, act: str) -> None:
    """Raises Ignored, code `scope`, for who is of a peer that may not do this to what is in a group hosted here."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if group is None or not group.local or actor.local:
        return
    try:
        opened.check(tx, group, actor.host, act)
    except Forbidden as problem:
        raise Ignored(problem.code, problem.text) from problem


def not_banned(tx: Tx, site: Site, post: Post, actor: Actor) -> None:
    """Raises Ignored for who is banned from the group hosted here that a post is in (`memberships.may_act`)."""
    try:
        may_act(tx, site, actor, post)
    except Forbidden as problem:
        raise Ignored(problem.code, "who acts on this post is banned from its group") from problem


def post(tx: Tx, iri: str) -> Post:
    """The post with this IRI. Raises Ignored when it is not known here, or deleted, or removed by a moderator."""
    found = posts.by_iri(tx, iri)
    if found is None or found.deleted_at is not None or found.removed_at is not None:
        raise Ignored("unknown-object", f"{iri} is not known here")
    return found
