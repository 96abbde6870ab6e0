"""Membership of groups: who may join, who waits, who is out, who may post. Following a group is joining it
(`fedi.actions.follows`); what moderators do is in `fedi.actions.moderation`."""

from fedi.actions import notifying, opened
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.languages import _
from storage import actors, follows, groups, memberships, peers, people, replies, twins
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post


def moderates(tx: Tx, actor: Actor, group: Actor) -> bool:
    """Whether `actor` moderates this group: its moderators and owners, and of a group of this instance its admins and
    moderators as well, as peers take what an actor of the group's host does in it (FEP-1b12, Lemmy)."""
    if actor.state != "active" or group.state != "active":
        return False
    membership = memberships.find(tx, group.id, actor.id)
    if membership is not None and membership.state == "banned":
        return False
    if membership is not None and membership.moderates:
        return True
    person = people.by_id(tx, actor.id) if actor.local and group.local else None
    return person is not None and person.state == "active" and person.role in ("moderator", "admin")


def banned(site: Site, membership: Membership | None) -> bool:
    """Whether a membership is a ban that still lasts. One with an end is over then, whether or not it was cleared away."""
    if membership is None or membership.state != "banned":
        return False
    return membership.until is None or membership.until > site.clock()


def may_act(tx: Tx, site: Site, actor: Actor, post: Post) -> None:
    """Raises Forbidden when `actor` is banned from the group hosted here that `post` is in: it would pass on what they do
    to the post, be it their own, before its members. Take it away they always may."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if group is not None and group.local and banned(site, memberships.find(tx, group.id, actor.id)):
        raise Forbidden(_("You are banned from %(group)s.") % {"group": group.name}, code="banned")


def may_answer(tx: Tx, actor: Actor, parent: Post) -> None:
    """Raises Forbidden when `parent`, or what it answers, is locked and `actor` moderates its group not (Lemmy's Lock)."""
    if not replies.is_closed(tx, parent):
        return
    group = actors.by_id(tx, parent.group_id) if parent.group_id is not None else None
    if group is None or not (moderates(tx, actor, group) or (not group.local and actor.host == group.host)):
        raise Forbidden(_("This thread is locked: only moderators can answer in it."), code="locked")


def mailbox(tx: Tx, named: list[int], author_id: int) -> list[int]:
    """Who reads a direct message that names these actors: of each group hosted here its moderators (ids), wherever they
    are. They are named with it, so that all see who got it, and what one of them answers reaches the others."""
    found: list[int] = []
    for group in actors.by_ids(tx, named).values():
        if group.is_group and group.local and group.state == "active":
            found += memberships.moderators(tx, group.id)
    return [one for one in dict.fromkeys(found) if one != author_id and one not in named]


def must_wait(tx: Tx, site: Site, actor: Actor, group: Actor) -> bool:
    """Whether `actor` has to wait for a moderator before being in this local group.

    Raises Forbidden for who is banned, for whose institution is out of its scope (code `scope`), and for who was not invited
    where that is needed.
    """
    row = groups.by_id(tx, group.id)
    membership = memberships.find(tx, group.id, actor.id)
    if banned(site, membership):
        raise Forbidden(_("You are banned from %(group)s.") % {"group": group.name}, code="banned")
    if not actor.local:
        opened.check(tx, group, actor.host, "read")
    if membership is not None and membership.state in ("invited", "accepted"):
        return False
    if row is not None and row.see == "peers" and not actor.local:
        peer = peers.by_host(tx, actor.host)
        if peer is None or peer.stance != "agreed":
            return True  # without an agreement a moderator decides, or joining would open what only peers may read
    mode = row.join_mode if row is not None else "open"
    if mode == "invite":
        raise Forbidden(
            _("%(group)s takes members by invitation only; ask one of its moderators.") % {"group": group.name},
            code="invite-only",
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


def count_following(tx: Tx, follower: Actor, change: int) -> None:
    """Note that `follower` follows one more, or one less. Of people here the count, which everyone sees, has no groups that
    not everyone may read: who is in those is for those to know who may read them."""
    if follower.local:
        actors.change(tx, follower.id, following_count=groups.following_in_public(tx, follower.id))
    else:
        actors.count(tx, follower.id, following=change)


def left(tx: Tx, actor: Actor, group: Actor) -> None:
    """`actor` is out; a ban stays."""
    known = memberships.find(tx, group.id, actor.id)
    if known is not None and known.state != "banned":
        memberships.remove(tx, group.id, actor.id)


def may_post_there(tx: Tx, site: Site, actor: Actor, group: Actor) -> None:
    """Raises Forbidden when a local `actor` can know that this remote group will not take a post of theirs.

    fedi's own groups, and all that not everyone reads, take posts of members only, and a post that is not taken would
    vanish without a word. Other forums (Lemmy) let everyone post whom they did not ban.
    """
    if banned(site, memberships.find(tx, group.id, actor.id)):
        raise Forbidden(_("You are banned from %(group)s.") % {"group": group.name}, code="banned")
    if _is_in(tx, actor, group.id):
        return
    row = groups.by_id(tx, group.id)
    peer = peers.by_host(tx, group.host)
    if (row is not None and row.see != "public") or (peer is not None and peer.software == "fedi"):
        waiting = follows.find(tx, actor.id, group.id) is not None
        said = (
            _("Only members post in %(group)s: your request to join has not been accepted yet.")
            if waiting
            else _("Only members post in %(group)s: follow it to join, then post again.")
        )
        raise Forbidden(said % {"group": group.name}, code="not-a-member")


def answers_in(tx: Tx, actor: Actor, group: Actor) -> Actor:
    """The group that a local `actor` answers in, in a thread of `group`: itself, or, of one elsewhere that they are not in,
    a twin of it that they are in, which passes the answer on (FEP-d36d)."""
    if group.local or _is_in(tx, actor, group.id):
        return group
    # Which of the two says so does not matter: the one that they are in decides what it takes and passes on.
    mine = next((one for one in twins.related(tx, group.id) if _is_in(tx, actor, one)), None)
    return (actors.by_id(tx, mine) if mine is not None else None) or group


def _is_in(tx: Tx, actor: Actor, group_id: int) -> bool:
    edge = follows.find(tx, actor.id, group_id)
    return edge is not None and edge.state == "accepted"


def _in_twin(tx: Tx, actor: Actor, group: Actor) -> bool:
    """Whether somebody of this instance is in a twin of a group here: its threads are in the group here, and what they say
    there would come back by the twin anyway."""
    joined = [row.other_id for row in twins.of_group(tx, group.id) if row.state == "joined"] if actor.local else []
    return any(_is_in(tx, actor, other_id) for other_id in joined)


def may_post(tx: Tx, site: Site, actor: Actor, group: Actor, *, act: str = "post") -> None:
    """Raises Forbidden, with the reason, when `actor` may not post in this local group; `act` is `reply` for an answer."""
    if group.state != "active":
        raise Forbidden(
            _("%(group)s is closed: nobody posts there any more.") % {"group": group.name or group.username},
            code="closed",
        )
    row = groups.by_id(tx, group.id)
    if row is not None and row.is_over(site.clock()):
        raise Forbidden(
            _("The time of %(group)s is over: it can be read, and nobody posts there any more.")
            % {"group": group.name},
            code="over",
        )
    membership = memberships.find(tx, group.id, actor.id)
    if banned(site, membership):
        raise Forbidden(_("You are banned from %(group)s.") % {"group": group.name}, code="banned")
    if not actor.local:
        opened.check(tx, group, actor.host, act)
    if membership is None or membership.state != "accepted":
        if (row is None or row.post == "members") and _in_twin(tx, actor, group):
            return
        raise Forbidden(
            _("Only members post in %(group)s: follow it to join, then post again.") % {"group": group.name},
            code="not-a-member",
        )
    if row is not None and row.post == "moderators" and not membership.moderates:
        raise Forbidden(_("Only moderators post in %(group)s.") % {"group": group.name}, code="moderators-only")


def invite(tx: Tx, site: Site, by: Actor, group: Actor, actor: Actor) -> None:
    """A moderator invites somebody into a group hosted here: who follows it then is in at once. Again is nothing.

    Raises Forbidden for who does not moderate it and where the invited one is banned.
    """
    if not group.local or not moderates(tx, by, group):
        raise Forbidden(
            _("Only moderators of %(group)s can do that, on its own server.") % {"group": group.name},
            code="not-a-moderator",
        )
    known = memberships.find(tx, group.id, actor.id)
    if banned(site, known):
        raise Forbidden(
            _("%(name)s is banned from %(group)s: end that first.")
            % {"name": actor.name or actor.username, "group": group.name},
            code="banned",
        )
    if known is not None and known.state == "accepted":
        return
    memberships.save(tx, Membership(group.id, actor.id, "member", "invited", site.clock()))
