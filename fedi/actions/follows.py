"""Following: people follow people, and join groups by following them; requests, answers and their undoing.

Local and remote followers and targets go the same way here; only what must be sent differs.
"""

from dataclasses import replace

from fedi.actions import conversations, handshakes, memberships, notifying, twins, verifying
from fedi.actions import lists as list_actions
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from storage import actors, blocks, decisions, domain_blocks, endorsements, follows, notifications
from storage.actors import Actor
from storage.decisions import DecisionRow
from storage.follows import Follow
from storage.metadata import Tx


def follow(
    tx: Tx,
    site: Site,
    follower: Actor,
    target: Actor,
    *,
    reblogs: bool = True,
    notify: bool = False,
    languages: list[str] | None = None,
) -> Follow:
    """A local person follows `target`; of a group that means to join it. The follow as it is now comes back.

    It is `accepted` at once where nobody has to agree, else `pending`. Again changes `reblogs`, `notify` and `languages`
    (of posts that the follower wants to see at home, None for all) only. Raises Forbidden when the target does not take it,
    with the reason, and Invalid for following oneself.
    """
    if follower.id == target.id:
        raise Invalid("You can't follow yourself.")
    if target.state != "active":
        raise Forbidden("This account can't be followed: it is suspended or gone.")
    known = follows.find(tx, follower.id, target.id)
    if known is not None:
        follows.change(tx, known.id, reblogs=reblogs, notify=notify, languages=languages)
        return replace(known, reblogs=reblogs, notify=notify, languages=languages)
    _check(tx, follower, target)
    made = Follow(
        site.new_id(),
        follower.id,
        target.id,
        "pending",
        site.iri(f"/activities/{site.new_id()}"),
        reblogs,
        notify,
        site.clock(),
        languages=languages,
    )
    if target.local:
        return _receive(tx, site, follower, target, made)
    follows.insert(tx, made)
    handshakes.ask(tx, site, made, follower, target)
    return made


def receive(
    tx: Tx, site: Site, follower: Actor, target: Actor, iri: str, *, kind: str = "Follow", waits: bool = False
) -> None:
    """A remote actor's Follow of a local one arrived: accept it, let it wait, or reject it; the follower is told.

    A Follow that we have accepted before is accepted again: its sender lost our answer. `kind` is the type of the activity,
    which may be a Join. A group that follows a group means to be its twin. `waits`: the policy wants a person here to agree,
    also where nobody has to.
    """
    if follower.is_group and target.is_group:
        twins.asked(tx, site, follower, target, iri)
        return
    known = follows.find(tx, follower.id, target.id)
    if known is not None:
        if known.iri != iri and follows.by_iri(tx, iri) is None:
            follows.change(tx, known.id, iri=iri, kind=kind)
            known = replace(known, iri=iri, kind=kind)
        if known.state == "accepted":
            handshakes.answer(tx, site, "Accept", known, follower, target)
        elif target.is_group and not waits:
            reconsider(tx, site, known, follower, target)
        return
    made = Follow(site.new_id(), follower.id, target.id, "pending", iri, True, False, site.clock(), kind)
    try:
        _check(tx, follower, target)
        _receive(tx, site, follower, target, made, waits=waits)
    except Forbidden as problem:
        why = problem.text if problem.code == "scope" else None  # other reasons are told nobody
        handshakes.answer(tx, site, "Reject", made, follower, target, why)
        if why is not None:
            _note(tx, site, made, follower, why)


def reconsider(tx: Tx, site: Site, follow: Follow, follower: Actor, group: Actor) -> bool:
    """Look anew at who waits to be in a local group: an agreement, or the scope of the group, may let them in by now, or shut
    them out. Whether they are in."""
    try:
        _check(tx, follower, group)
        if memberships.must_wait(tx, site, follower, group):
            return False
    except Forbidden as problem:
        if problem.code == "scope":
            reject(tx, site, follow, problem.text)
        return False
    accept(tx, site, follow)
    return True


def _note(tx: Tx, site: Site, follow: Follow, follower: Actor, why: str) -> None:
    """Keep for admins that a group does not let a peer in: it was answered, and nobody here did anything wrong."""
    decisions.insert(
        tx,
        DecisionRow(
            *(site.new_id(), "in", follower.host, follower.iri, follow.iri, follow.kind),
            *("reject", "scope", why, 0, site.clock()),
            rule="scope",
        ),
    )


def _check(tx: Tx, follower: Actor, target: Actor) -> None:
    """Raises Forbidden when one blocks the other, or the other's server, or the target moved away; in words that tell
    nobody which it is, as Mastodon's."""
    theirs, ours = blocks.between(tx, target.id, [follower.id])
    if theirs or ours or target.moved_to is not None or _shuns(tx, follower, target) or _shuns(tx, target, follower):
        raise Forbidden("This action is not allowed", code="not-allowed")


def _shuns(tx: Tx, one: Actor, other: Actor) -> bool:
    """Whether a local `one` blocks the server of a remote `other`."""
    if not one.local or other.local:
        return False
    return not {other.host, other.domain}.isdisjoint(domain_blocks.of_person(tx, one.id))


def _receive(tx: Tx, site: Site, follower: Actor, target: Actor, made: Follow, *, waits: bool = False) -> Follow:
    """Take a follow of a local target: a group's rules or a person's wish decide, or the policy. Raises Forbidden."""
    must = memberships.must_wait(tx, site, follower, target) if target.is_group else target.approves_followers
    waits = waits or must
    if not follows.insert(tx, made):
        known = follows.find(tx, follower.id, target.id)
        if known is None:
            raise Invalid("The id of this Follow belongs to another one.")
        return known
    if not waits:
        return accept(tx, site, made)
    if target.is_group:
        memberships.ask(tx, site, follower, target)
    else:
        notifying.tell(tx, site, target, "follow_request", follower)
    return made


def accept(tx: Tx, site: Site, follow: Follow) -> Follow:
    """The local target agrees: edges, counts and membership are made, and a remote follower is told."""
    follower, target = _both(tx, follow)
    if follower.is_group and target.is_group:
        twins.accept(tx, site, None, target, follower)
        return replace(follow, state="accepted")
    if follow.state != "accepted":
        settled(tx, site, follow, follower, target)
    if target.local and not follower.local:
        handshakes.answer(tx, site, "Accept", follow, follower, target)
    return replace(follow, state="accepted")


def settled(tx: Tx, site: Site, follow: Follow, follower: Actor, target: Actor) -> None:
    """A follow was accepted, by us or by the remote target: note it everywhere here."""
    if follower.is_group and target.is_group:
        twins.answered(tx, site, follower, target)
        return
    follows.change(tx, follow.id, state="accepted")
    actors.count(tx, target.id, followers=1)
    memberships.count_following(tx, follower, 1)
    if follower.local:
        conversations.pins_of(tx, site, target, interval=0)  # now that we may see them
        verifying.ask(tx, site, target)
    if target.is_group:
        memberships.joined(tx, site, follower, target)
        if follower.local:
            list_actions.joined(tx, site, follower, target)
            conversations.joined(tx, site, target)
    elif target.local:
        notifications.forget(tx, person_id=target.id, actor_id=follower.id, kind="follow_request")
        notifying.tell(tx, site, target, "follow", follower)


def reject(tx: Tx, site: Site, follow: Follow, why: str | None = None) -> None:
    """The local target does not agree, or does not any more; a remote follower is told, with the reason where given."""
    follower, target = _both(tx, follow)
    if follower.is_group and target.is_group:
        twins.part(tx, site, None, target, follower)
        return
    _remove(tx, follow, follower, target)
    if target.local and not follower.local:
        handshakes.answer(tx, site, "Reject", follow, follower, target, why)


def unfollow(tx: Tx, site: Site, follower: Actor, target: Actor) -> None:
    """A local person stops following; of a group that means to leave it. Nothing when there was no follow."""
    known = follows.find(tx, follower.id, target.id)
    if known is None:
        return
    _remove(tx, known, follower, target)
    if not target.local:
        handshakes.take_back(tx, site, known, follower, target)


def undone(tx: Tx, site: Site, follower: Actor, target: Actor) -> None:
    """A remote actor took its follow of a local one back."""
    if follower.is_group and target.is_group:
        twins.parted(tx, site, target, follower, refused=False)
        return
    known = follows.find(tx, follower.id, target.id)
    if known is not None:
        _remove(tx, known, follower, target)


def rejected(tx: Tx, site: Site, follow: Follow) -> None:
    """A remote target refused a local follower, or put one out."""
    follower, target = _both(tx, follow)
    if follower.is_group and target.is_group:
        twins.parted(tx, site, follower, target, refused=True)
        return
    _remove(tx, follow, follower, target)


def ended(tx: Tx, follow: Follow, follower: Actor, target: Actor) -> None:
    """A follow is over because the remote side blocks the local one: nobody has to be told."""
    _remove(tx, follow, follower, target)


def _remove(tx: Tx, follow: Follow, follower: Actor, target: Actor) -> None:
    follows.remove(tx, follow.id)
    if follower.local:
        endorsements.remove(tx, follower.id, target.id)  # only whom one follows is featured, or in a list
        list_actions.left(tx, follower, target)
    if follow.state == "accepted":
        actors.count(tx, target.id, followers=-1)
        memberships.count_following(tx, follower, -1)
    if target.is_group:
        memberships.left(tx, follower, target)
    if target.local:
        for kind in ("follow", "follow_request"):
            notifications.forget(tx, person_id=target.id, actor_id=follower.id, kind=kind)


def _both(tx: Tx, follow: Follow) -> tuple[Actor, Actor]:
    found = actors.by_ids(tx, [follow.follower_id, follow.target_id])
    return found[follow.follower_id], found[follow.target_id]
