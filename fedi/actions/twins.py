"""Twinned groups (FEP-d36d): a group hosted here follows a group elsewhere and is followed back.

Each side owns its copy and its moderators. A post that comes through the twin is in the group here as if it had been
posted here, and the group passes it on to its own followers; so are answers, votes, edits and authors' deletes. What the
twin's moderators do is no matter of the copy here. Each group passes an activity on once (`fedi.actions.passing_on.announce`),
so that nothing goes round, however many groups are joined in a ring.

Both sides decide by a moderator: a `Follow` of the other group offers it, `Accept` with a `Follow` back takes it, `Undo` of
one's own Follow parts. What was said meanwhile stays where it is.
"""

from dataclasses import replace
from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import handshakes, memberships, notifying, passing_on, profiles, threads
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from storage import actors, follows, groups, notifications, posts, twins
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.follows import Follow
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.twins import Twin

ASK_AGAIN = 3600_000
"""A group elsewhere is asked again which twins it has after so long, in ms."""
MAX_TWINS = 50
"""Of one group. Each passes on what the others say, so their number multiplies the traffic."""


# What moderators decide


def offer(tx: Tx, site: Site, by: Actor | None, group: Actor, other: Actor) -> Twin:
    """Ask `other`, a group elsewhere, to be the twin of a group here; where it asked us already, that is accepting it.

    `by` moderates `group` (None: the operator of the instance). Again is nothing. Raises Forbidden for who does not
    moderate it, Invalid for groups that can't be twins, with the reason.
    """
    _check(tx, by, group, other)
    known = twins.find(tx, group.id, other.id)
    if known is not None and known.state == "asked":
        return accept(tx, site, by, group, other)
    if known is not None:
        return known
    if len(twins.of_group(tx, group.id)) >= MAX_TWINS:
        raise Invalid(f"A group has at most {MAX_TWINS} twins.", code="too-many-twins")
    made = Twin(group.id, other.id, "offered", site.clock())
    twins.save(tx, made)
    _follow(tx, site, group, other)
    return _settle(tx, site, group, other)


def accept(tx: Tx, site: Site, by: Actor | None, group: Actor, other: Actor) -> Twin:
    """Agree to be the twin of a group that asked: its Follow is accepted, and ours goes back.

    Raises Forbidden, Invalid as `offer`, NotFound when it did not ask.
    """
    _check(tx, by, group, other)
    known = twins.find(tx, group.id, other.id)
    theirs = follows.find(tx, other.id, group.id)
    if known is None or theirs is None:
        raise NotFound(f"{other.handle} did not ask to be the twin of {group.username}.")
    if known.state == "joined":
        return known
    twins.save(tx, replace(known, state="offered"))
    _accept(tx, site, theirs, other, group)
    _follow(tx, site, group, other)
    return _settle(tx, site, group, other)


def refuse(tx: Tx, site: Site, by: Actor | None, group: Actor, other: Actor) -> None:
    """Don't be the twin of a group that asked; it is told. Raises Forbidden, NotFound when it does not ask."""
    _check_by(tx, by, group)
    known = twins.find(tx, group.id, other.id)
    if known is None or known.state != "asked":
        raise NotFound(f"{other.handle} does not ask to be the twin of {group.username}.")
    _end(tx, site, group, other)


def part(tx: Tx, site: Site, by: Actor | None, group: Actor, other: Actor) -> None:
    """Be the twin of another group no longer, or take the offer back; what was said stays here and there.

    Raises Forbidden, NotFound when they are nothing to each other.
    """
    _check_by(tx, by, group)
    if twins.find(tx, group.id, other.id) is None:
        raise NotFound(f"{other.handle} is no twin of {group.username}.")
    _end(tx, site, group, other)


# What the other side does


def asked(tx: Tx, site: Site, other: Actor, group: Actor, iri: str) -> None:
    """A group elsewhere follows one here (`iri` of its Follow): a moderator decides, or did, when it was we who asked.

    It is never a member. Any group that can't be a twin is told so (`Reject`).
    """
    known = follows.find(tx, other.id, group.id)
    if known is not None and known.iri != iri and follows.by_iri(tx, iri) is None:
        follows.change(tx, known.id, iri=iri)
        known = replace(known, iri=iri)
    if known is not None and known.state == "accepted":
        handshakes.answer(tx, site, "Accept", known, other, group)  # it lost our answer
        return
    made = known or Follow(site.new_id(), other.id, group.id, "pending", iri, True, False, site.clock())
    state = twins.find(tx, group.id, other.id)
    full = state is None and len(twins.of_group(tx, group.id)) >= MAX_TWINS
    out = memberships.banned(site, membership_rows.find(tx, group.id, other.id))
    if not _can_be(tx, group) or not _can_be(tx, other) or full or out:
        handshakes.answer(tx, site, "Reject", made, other, group)
        return
    if known is None and not follows.insert(tx, made):
        raise Invalid("The id of this Follow belongs to another one.")
    if state is None:
        twins.save(tx, Twin(group.id, other.id, "asked", site.clock()))
        for moderator in actors.by_ids(tx, membership_rows.moderators(tx, group.id)).values():
            notifying.tell(tx, site, moderator, "follow_request", other)
    elif state.state != "asked":
        _accept(tx, site, made, other, group)
        _settle(tx, site, group, other)


def answered(tx: Tx, site: Site, group: Actor, other: Actor) -> None:
    """A group elsewhere accepted the Follow of one here."""
    ours = follows.find(tx, group.id, other.id)
    if ours is not None and ours.state != "accepted":
        follows.change(tx, ours.id, state="accepted")
    if twins.find(tx, group.id, other.id) is not None:
        _settle(tx, site, group, other)


def parted(tx: Tx, site: Site, group: Actor, other: Actor, *, refused: bool) -> None:
    """A group elsewhere follows one here no longer, or (`refused`) does not want its Follow: they are no twins.

    Ours is taken back as well, and theirs refused, so that software that tells us one half only has the whole.
    """
    ours, theirs = follows.find(tx, group.id, other.id), follows.find(tx, other.id, group.id)
    known = twins.find(tx, group.id, other.id)
    for edge, follower, target in ((ours, group, other), (theirs, other, group)):
        if edge is not None:
            _remove(tx, edge, follower, target)
    twins.remove(tx, group.id, other.id)
    if ours is not None and not refused:
        handshakes.take_back(tx, site, ours, group, other)
    if theirs is not None and refused and theirs.state == "accepted":
        handshakes.answer(tx, site, "Reject", theirs, other, group)
    if known is not None and known.state == "joined":
        profiles.announce_profile(tx, site, group)


# What comes through


def copies(tx: Tx, other: Actor) -> list[Actor]:
    """The groups here that a group elsewhere is joined with, the oldest twin first."""
    if other.local:
        return []
    joined = [row.group_id for row in twins.of_other(tx, other.id)]
    found = actors.by_ids(tx, joined)
    return [found[one] for one in joined if one in found and found[one].local and found[one].state == "active"]


def heard(tx: Tx, site: Site, other: Actor, inner: dict[str, Any]) -> None:
    """A group passed an activity on: of a twin of a group here it is noted that it has it, so that it does not come back."""
    iri = wire.id_of(inner)
    if iri is not None and copies(tx, other):
        twins.pass_on(tx, other.id, iri, site.clock())


def relay(tx: Tx, site: Site, other: Actor, post: Post, activity: Authentic | None) -> Post:
    """A group says that a post is in it: where it is the twin of one here, the post is in that one as well, which passes
    it on, once. `activity` is its Create, proven; None when the post alone was named, which is then boosted only.

    The twin answers for its members, as a moderator here agreed to. Not for who is banned here, nor for answers to what
    is not in the group here.
    """
    now = posts.by_id(tx, post.id) or post
    for group in copies(tx, other):
        if not _belongs(tx, site, group, other, now):
            continue
        if now.group_id in (None, other.id):
            # Of several here it is in the one that was joined first; the others pass it on only.
            posts.change(tx, now.id, group_id=group.id)
            now = replace(now, group_id=group.id)
        opens = now.reply_to_iri is None
        author = actors.by_id(tx, now.author_id)
        if opens and author is not None and threads.is_news(site, now):
            threads.ring(tx, site, now, author, [group.id])
        if activity is not None:
            passing_on.announce(tx, site, group, activity.activity.raw, now, "thread" if opens else "other")
        elif opens:
            passing_on.boost(tx, site, group, now)
    return now


def gone(tx: Tx, site: Site, other: Actor, iri: str, inner: dict[str, Any]) -> None:
    """A twin passed a Delete on that its author gave no proof for, and the post's origin has it no more: neither has the
    group here, which passes it on (`inner`, the activity as it came) for others to ask as well."""
    post = posts.by_iri(tx, iri)
    group = passing_on.of_posts(tx, post) if post is not None else None
    if post is not None and group is not None and group.id in {one.id for one in copies(tx, other)}:
        passing_on.announce(tx, site, group, wire.encode(inner), post, "delete")


def _belongs(tx: Tx, site: Site, group: Actor, other: Actor, post: Post) -> bool:
    if post.visibility not in ("public", "unlisted") or post.deleted_at is not None or post.removed_at is not None:
        return False
    if not passing_on.for_everyone(tx, group):
        return False
    author = actors.by_id(tx, post.author_id)
    if author is None or author.state != "active":
        return False
    if memberships.banned(site, membership_rows.find(tx, group.id, author.id)):
        return False
    if post.reply_to_iri is None:
        # Who is of this instance may post into the twin as well: it comes from there, as all that is in it.
        return post.group_id in (None, group.id, other.id) or _is_copy(tx, group, post.group_id)
    parent = posts.by_id(tx, post.reply_to_id) if post.reply_to_id is not None else None
    return parent is not None and (parent.group_id == group.id or _is_copy(tx, group, parent.group_id))


def _is_copy(tx: Tx, group: Actor, in_id: int | None) -> bool:
    """Whether what is in another group is in `group` as well: that one is here, and both have a twin in common."""
    holder = actors.by_id(tx, in_id) if in_id is not None else None
    if holder is None or not holder.local:
        return False
    mine = {row.other_id for row in twins.of_group(tx, group.id) if row.state == "joined"}
    return any(row.state == "joined" and row.other_id in mine for row in twins.of_group(tx, holder.id))


# Twins elsewhere, of which nobody here is one


def vouches(tx: Tx, other: Actor, post: Post) -> bool:
    """Whether a group elsewhere may say that a post is in it that names another group alone: that one calls it its twin,
    and nobody here follows that one, who would rather have it from there."""
    involved = mentioned_in(tx, [post.id]).get(post.id, [])
    return any(
        twins.is_known(tx, named.id, other.id) and not follows.has_local_follower(tx, named.id)
        for named in actors.by_ids(tx, involved).values()
        if named.is_group and not named.local and named.id != other.id
    )


def unsure(tx: Tx, site: Site, other: Actor, inner: dict[str, Any]) -> tuple[str, ...]:
    """The IRI of the group that a post which `other` passes on names, to be asked which twins it has; none when we know."""
    document = next(iter(wire.as_objects(inner.get("object"))), None)
    named = wire.first_id(document.get("audience")) if document is not None else None
    if named is None or named == other.iri or site.is_local(named):
        return ()
    known = actors.by_iri(tx, named)
    if known is None:
        return (named,)
    if not known.is_group or twins.is_known(tx, known.id, other.id):
        return ()
    fresh = known.fetched_at is not None and known.fetched_at > site.clock() - ASK_AGAIN
    return () if fresh else (named,)


def said(tx: Tx, site: Site, group: Actor, iris: list[str]) -> None:
    """A group elsewhere says which twins it has; those that are known here are noted."""
    found = actors.by_iris(tx, iris[:MAX_TWINS])
    twins.known(tx, group.id, [one.id for one in found.values() if one.is_group and one.id != group.id], site.clock())


# Within


def _check(tx: Tx, by: Actor | None, group: Actor, other: Actor) -> None:
    _check_by(tx, by, group)
    if not other.is_group:
        raise Invalid(f"{other.handle} is no group.", code="not-a-group")
    if other.local:
        raise Invalid("Twins are groups of different instances.", code="same-instance")
    for one in (group, other):
        if one.state != "active":
            raise Invalid(f"{one.handle} is not active any more.", code="gone")
        if not _can_be(tx, one):
            raise Invalid(
                f"Only groups that everyone may read can be twins, and {one.handle} is not one of them.",
                code="not-public",
            )


def _check_by(tx: Tx, by: Actor | None, group: Actor) -> None:
    if not group.is_group or not group.local:
        raise Invalid(f"{group.handle} is no group of this instance.", code="not-a-group")
    if by is not None and not memberships.moderates(tx, by, group):
        raise Forbidden(f"Only moderators of {group.name} decide on its twins.", code="not-a-moderator")


def _can_be(tx: Tx, group: Actor) -> bool:
    row = groups.by_id(tx, group.id)
    return group.state == "active" and (row.see == "public" if row is not None else not group.approves_followers)


def _follow(tx: Tx, site: Site, group: Actor, other: Actor) -> None:
    if follows.find(tx, group.id, other.id) is None:
        iri = site.iri(f"/activities/{site.new_id()}")
        made = Follow(site.new_id(), group.id, other.id, "pending", iri, True, False, site.clock())
        follows.insert(tx, made)
        handshakes.ask(tx, site, made, group, other)


def _accept(tx: Tx, site: Site, theirs: Follow, other: Actor, group: Actor) -> None:
    if theirs.state != "accepted":
        # What it gets begins now, not when it asked. A twin is no member, so it is not counted as one.
        follows.change(tx, theirs.id, state="accepted")
    for moderator in membership_rows.moderators(tx, group.id):
        notifications.forget(tx, person_id=moderator, actor_id=other.id, kind="follow_request")
    handshakes.answer(tx, site, "Accept", theirs, other, group)


def _settle(tx: Tx, site: Site, group: Actor, other: Actor) -> Twin:
    """They are joined once each has accepted the other."""
    known = twins.find(tx, group.id, other.id)
    assert known is not None  # noqa: S101 - whoever calls has saved it
    ours, theirs = follows.find(tx, group.id, other.id), follows.find(tx, other.id, group.id)
    both = ours is not None and theirs is not None and ours.state == theirs.state == "accepted"
    if not both or known.state != "offered":
        return known
    joined = replace(known, state="joined", since=site.clock())
    twins.save(tx, joined)
    profiles.announce_profile(tx, site, group)
    return joined


def _end(tx: Tx, site: Site, group: Actor, other: Actor) -> None:
    ours, theirs = follows.find(tx, group.id, other.id), follows.find(tx, other.id, group.id)
    known = twins.find(tx, group.id, other.id)
    twins.remove(tx, group.id, other.id)
    if ours is not None:
        _remove(tx, ours, group, other)
        handshakes.take_back(tx, site, ours, group, other)
    if theirs is not None:
        _remove(tx, theirs, other, group)
        handshakes.answer(tx, site, "Reject", theirs, other, group)
    if known is not None and known.state == "joined":
        profiles.announce_profile(tx, site, group)


def _remove(tx: Tx, edge: Follow, follower: Actor, target: Actor) -> None:
    follows.remove(tx, edge.id)
    if target.local:
        for moderator in membership_rows.moderators(tx, target.id):
            notifications.forget(tx, person_id=moderator, actor_id=follower.id, kind="follow_request")
