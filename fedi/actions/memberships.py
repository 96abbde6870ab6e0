"""Membership of groups: who may join, who waits, who is out. Following a group is joining it (`fedi.actions.follows`)."""

from fedi.actions import notifying
from fedi.context import Site
from fedi.errors import Forbidden
from storage import actors, follows, groups, memberships, peers
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx


def must_wait(tx: Tx, actor: Actor, group: Actor) -> bool:
    """Whether `actor` has to wait for a moderator before being in this local group.

    Raises Forbidden for who is banned, and for who was not invited where that is needed.
    """
    row = groups.by_id(tx, group.id)
    membership = memberships.find(tx, group.id, actor.id)
    if membership is not None:
        if membership.state == "banned":
            raise Forbidden(f"You are banned from {group.name}.", code="banned")
        if membership.state in ("invited", "accepted"):
            return False
    if row is not None and row.see == "peers" and not actor.local:
        peer = peers.by_host(tx, actor.host)
        if peer is None or peer.stance != "agreed":
            return True  # without an agreement a moderator decides, or joining would open what only peers may read
    mode = row.join_mode if row is not None else "open"
    if mode == "invite":
        raise Forbidden(
            f"{group.name} takes members by invitation only; ask one of its moderators.", code="invite-only"
        )
    return mode == "approval"


def ask(tx: Tx, site: Site, actor: Actor, group: Actor) -> None:
    """`actor` asks to be let into a local group; its moderators here are told."""
    memberships.save(tx, Membership(group.id, actor.id, "member", "pending", site.clock()))
    for moderator in actors.by_ids(tx, memberships.moderators(tx, group.id)).values():
        notifying.tell(tx, site, moderator, "follow_request", actor)


def joined(tx: Tx, site: Site, actor: Actor, group: Actor) -> None:
    """`actor` is in, with the role that was kept for it."""
    known = memberships.find(tx, group.id, actor.id)
    role = known.role if known is not None else "member"
    since = known.since if known is not None and known.state == "accepted" else site.clock()
    memberships.save(tx, Membership(group.id, actor.id, role, "accepted", since))


def left(tx: Tx, actor: Actor, group: Actor) -> None:
    """`actor` is out; a ban stays."""
    known = memberships.find(tx, group.id, actor.id)
    if known is not None and known.state != "banned":
        memberships.remove(tx, group.id, actor.id)


def may_post_there(tx: Tx, actor: Actor, group: Actor) -> None:
    """Raises Forbidden when a local `actor` can know that this remote group will not take a post of theirs.

    fedi's own groups, and all that not everyone reads, take posts of members only, and a post that is not taken would
    vanish without a word. Other forums (Lemmy) let everyone post.
    """
    follow = follows.find(tx, actor.id, group.id)
    if follow is not None and follow.state == "accepted":
        return
    row = groups.by_id(tx, group.id)
    peer = peers.by_host(tx, group.host)
    if (row is not None and row.see != "public") or (peer is not None and peer.software == "fedi"):
        waiting = follow is not None
        raise Forbidden(
            f"Only members post in {group.name}: "
            + ("your request to join has not been accepted yet." if waiting else "follow it to join, then post again."),
            code="not-a-member",
        )


def may_post(tx: Tx, actor: Actor, group: Actor) -> None:
    """Raises Forbidden, with the reason, when `actor` may not post in this local group."""
    row = groups.by_id(tx, group.id)
    membership = memberships.find(tx, group.id, actor.id)
    if membership is not None and membership.state == "banned":
        raise Forbidden(f"You are banned from {group.name}.", code="banned")
    if membership is None or membership.state != "accepted":
        raise Forbidden(f"Only members post in {group.name}: follow it to join, then post again.", code="not-a-member")
    if row is not None and row.post == "moderators" and not membership.moderates:
        raise Forbidden(f"Only moderators post in {group.name}.", code="moderators-only")
