"""What follows from what a moderator did, whoever it was and wherever: in groups hosted here and in those elsewhere that
people here follow. Who may do it is asked before (`fedi.actions.moderation`, `fedi.inbox.moderators`).

Every function gives None, or False, when nothing changed: it was done before, or there is nothing to do it to.
"""

from dataclasses import dataclass, replace

from fedi.actions import appealed, notices, notifying, passing_on, questions, threads
from fedi.actions import follows as follow_actions
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from storage import actors, follows, groups, memberships, moderations, notifications, pins, posts, replies
from storage.actors import Actor
from storage.events import note
from storage.memberships import Membership
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.pins import Pin
from storage.posts import Post

MAX_REASON = 1000
WARNING = "moderation_warning"
"""The kind of notification that tells people what a group's moderators did; its actor is the group."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One act of moderation: the IRI of its activity, who did it, in which group, and why (plain text)."""

    iri: str
    by: Actor
    group: Actor
    reason: str = ""


def removed(tx: Tx, site: Site, deed: Deed, post: Post, *, with_replies: bool = False) -> Moderation | None:
    """A post is taken out of its group, for everyone; it can come back. Its author is told.

    `with_replies`: so is all that is below it (Lemmy 1.0), each by an act of its own, which `restored` takes back.
    """
    if post.removed_at is not None or post.deleted_at is not None:
        return None
    made = _note(tx, site, deed, "remove", post=post)
    if made is not None:
        _take_out(tx, site, deed.group, post)
        _tell(tx, site, deed, post.author_id, post.id)
        for below in _below(tx, post) if with_replies else ():
            removed(tx, site, replace(deed, iri=_below_iri(deed.iri, below)), below)
    return made


def restored(tx: Tx, site: Site, group: Actor, post: Post) -> bool:
    """A removed post is back in its group; the group boosts it anew, as microblogs pass by a boost that they know.

    What its own origin took out (`hidden`) is not a moderator's to bring back.
    """
    if post.removed_at is None or post.deleted_at is not None:
        return False
    known = _undone(tx, site, "remove", group, post_id=post.id)
    if known is None:
        return False
    _put_back(tx, site, group, post)
    notifications.forget(tx, post_id=post.id, kind=WARNING)
    for below in _below(tx, post):
        standing = moderations.standing(tx, "remove", group_id=group.id, post_id=below.id)
        if standing is not None and standing.iri == _below_iri(known.iri, below):
            restored(tx, site, group, below)
    return True


def _below(tx: Tx, post: Post) -> list[Post]:
    """What is below a post in its thread and in the same group, deleted posts left out."""
    answers: dict[int | None, list[Post]] = {}
    for one in replies.thread(tx, post.root_id or post.id):
        answers.setdefault(one.reply_to_id, []).append(one)
    found = list(answers.pop(post.id, ()))
    for one in found:  # which grows by what is below it
        found += answers.pop(one.id, ())
    return [one for one in found if one.group_id == post.group_id]


def _below_iri(removal: str, post: Post) -> str:
    """What the removal of an answer is called that went with what it answers."""
    return f"{removal}#{post.id}"


def hidden(tx: Tx, site: Site, post: Post) -> None:
    """The origin of a post from elsewhere shows a tombstone that can be taken back (FEP-4f05): it is shown to nobody here,
    until it is there again (`shown`)."""
    if post.removed_at is not None or post.deleted_at is not None:
        return
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    _take_out(tx, site, group, post)


def hidden_here(tx: Tx, site: Site, by: Actor, post: Post, reason: str) -> Moderation:
    """The staff of this instance shows a post to nobody here; other servers are not told. Raises Invalid when it is removed.
    It comes back by `shown_here`."""
    if post.removed_at is not None or post.deleted_at is not None:
        raise Invalid("This post is removed or deleted already.", code="known")
    made = Moderation(
        id=site.new_id(),
        iri=site.iri(f"/activities/{site.new_id()}"),
        action="remove",
        group_id=None,
        moderator_id=by.id,
        actor_id=post.author_id,
        post_id=post.id,
        reason=reason.strip()[:MAX_REASON] or None,
        until=None,
        undone_at=None,
        created_at=site.clock(),
    )
    moderations.insert(tx, made)
    hidden(tx, site, post)
    return made


def shown_here(tx: Tx, site: Site, post: Post) -> bool:
    """What the staff of this instance hid is shown again; False when they did not hide it."""
    known = moderations.standing(tx, "remove", post_id=post.id)
    if known is None or known.group_id is not None or post.removed_at is None or post.deleted_at is not None:
        return False
    moderations.undo(tx, known.id, site.clock())
    shown(tx, site, post)
    return True


def is_hidden(tx: Tx, post: Post) -> bool:
    """Whether it is the origin of a post from elsewhere that took it out, and no moderator (`hidden`)."""
    taken_out = post.removed_at is not None and post.deleted_at is None and not post.local
    return taken_out and moderations.standing(tx, "remove", post_id=post.id) is None


def shown(tx: Tx, site: Site, post: Post) -> None:
    """The origin of a post from elsewhere shows it. What a moderator removed here, or in its group, stays removed."""
    if post.removed_at is None or moderations.standing(tx, "remove", post_id=post.id) is not None:
        return
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    _put_back(tx, site, group, post)


def locked(tx: Tx, site: Site, deed: Deed, post: Post) -> Moderation | None:
    """Only moderators answer this post, and what is below it, from now on."""
    if post.locked or post.deleted_at is not None:
        return None
    made = _note(tx, site, deed, "lock", post=post)
    if made is not None:
        posts.change(tx, post.id, locked=True)
        if deed.reason.strip():
            _tell(tx, site, deed, post.author_id, post.id)
    return made


def unlocked(tx: Tx, site: Site, group: Actor, post: Post) -> bool:
    """Everyone in the group may answer again."""
    if not post.locked:
        return False
    posts.change(tx, post.id, locked=False)
    _undone(tx, site, "lock", group, post_id=post.id)
    return True


def pinned(tx: Tx, site: Site, deed: Deed, post: Post) -> Moderation | None:
    """A post stands first in its group."""
    if post.removed_at is not None or post.deleted_at is not None:
        return None
    if not pins.insert(tx, Pin(deed.group.id, post.id, site.clock())):
        return None
    return _note(tx, site, deed, "pin", post=post)


def unpinned(tx: Tx, site: Site, group: Actor, post: Post) -> bool:
    """A post stands where its time puts it."""
    if not pins.remove(tx, group.id, post.id):
        return False
    _undone(tx, site, "pin", group, post_id=post.id)
    return True


def banned(
    tx: Tx, site: Site, deed: Deed, actor: Actor, *, until: int | None = None, remove_posts: bool = False
) -> Moderation | None:
    """Somebody is out of a group, until a time (ms) or for good, if told so with all their posts in it.

    Of a group hosted here their server must hear of it before the follow ends: announce it, then `put_out`. Raises
    Forbidden for the group's owner.
    """
    known = memberships.find(tx, deed.group.id, actor.id)
    if known is not None and known.role == "owner":
        raise Forbidden("The owner of a group can't be banned from it.", code="owner")
    before = moderations.standing(tx, "ban", group_id=deed.group.id, actor_id=actor.id)
    made = _note(tx, site, deed, "ban", actor=actor, until=until)
    if made is None:
        return None
    if before is not None:
        moderations.undo(tx, before.id, site.clock())  # this one stands in its place
    memberships.save(
        tx,
        Membership(deed.group.id, actor.id, "member", "banned", site.clock(), until, deed.reason[:MAX_REASON] or None),
    )
    if remove_posts:
        for number, post in enumerate(posts.in_group_by(tx, deed.group.id, actor.id)):
            one = replace(deed, iri=f"{deed.iri}#{number}")
            if post.removed_at is None and _note(tx, site, one, "remove", post=post) is not None:
                _take_out(tx, site, deed.group, post)
    _tell(tx, site, deed, actor.id)
    return made


def put_out(tx: Tx, site: Site, group: Actor, actor: Actor) -> None:
    """Who was banned from a group hosted here follows it no more; a `Reject` tells their server, as microblogs know no ban
    (PROTOCOL section 7)."""
    follow = follows.find(tx, actor.id, group.id)
    if follow is not None:
        follow_actions.reject(tx, site, follow)


def unbanned(tx: Tx, site: Site, group: Actor, actor: Actor) -> bool:
    """Somebody may join a group again."""
    known = memberships.find(tx, group.id, actor.id)
    if known is None or known.state != "banned":
        return False
    memberships.remove(tx, group.id, actor.id)
    notifications.forget(tx, person_id=actor.id, actor_id=group.id, kind=WARNING)
    _undone(tx, site, "ban", group, actor_id=actor.id)
    return True


def appointed(tx: Tx, site: Site, deed: Deed, actor: Actor) -> Moderation | None:
    """Somebody moderates a group from now on. Raises Forbidden for who is not in a group hosted here."""
    group = deed.group
    known = memberships.find(tx, group.id, actor.id)
    inside = known is not None and known.state == "accepted"
    if known is not None and known.moderates:
        return None
    if group.local and not inside:
        raise Forbidden(f"Only who is in {group.name} can moderate it.", code="not-a-member")
    made = _note(tx, site, deed, "appoint", actor=actor)
    if made is not None:
        listed(tx, site, group, actor)
        notices.appointed(tx, site, group, actor)
    return made


def listed(tx: Tx, site: Site, group: Actor, actor: Actor) -> None:
    """Note that a group names somebody as its moderator.

    A person of this instance who does not follow it is not let into what only its members read: leaving ends that.
    """
    known = memberships.find(tx, group.id, actor.id)
    if known is not None and known.moderates:
        return
    row = groups.by_id(tx, group.id)
    outside = known is None or known.state != "accepted"
    if actor.local and outside and (row is None or row.see != "public"):
        return
    since = known.since if known is not None else site.clock()
    memberships.save(tx, Membership(group.id, actor.id, "moderator", "accepted", since))


def dismissed(tx: Tx, site: Site, deed: Deed, actor: Actor) -> Moderation | None:
    """Somebody does not moderate a group any more. Raises Forbidden for the owner of a group hosted here."""
    known = memberships.find(tx, deed.group.id, actor.id)
    if known is None or not known.moderates:
        return None
    if known.role == "owner":
        raise Forbidden("The owner of a group can't be dismissed.", code="owner")
    made = _note(tx, site, deed, "dismiss", actor=actor)
    if made is not None:
        unlisted(tx, deed.group, actor)
        _undone(tx, site, "appoint", deed.group, actor_id=actor.id)
    return made


def unlisted(tx: Tx, group: Actor, actor: Actor) -> None:
    """Note that a group does not name somebody as its moderator any more: a plain member, where we know them as one."""
    known = memberships.find(tx, group.id, actor.id)
    if known is None or not known.moderates:
        return
    follow = follows.find(tx, actor.id, group.id)
    if follow is not None and follow.state == "accepted":
        memberships.save(tx, replace(known, role="member"))
    else:
        memberships.remove(tx, group.id, actor.id)


def warned(tx: Tx, site: Site, deed: Deed, post: Post) -> Moderation | None:
    """The author of a post is told what a moderator thinks of it; nothing else happens."""
    made = _note(tx, site, deed, "warn", post=post)
    if made is not None:
        _tell(tx, site, deed, post.author_id, post.id)
    return made


def _take_out(tx: Tx, site: Site, group: Actor | None, post: Post) -> None:
    posts.change(tx, post.id, removed_at=site.clock())
    threads.gone(tx, post)
    if group is not None and pins.remove(tx, group.id, post.id):
        _undone(tx, site, "pin", group, post_id=post.id)
    if post.visibility in threads.COUNTED:
        actors.count(tx, post.author_id, posts=-1)
    if post.reply_to_id is not None:
        posts.count(tx, post.reply_to_id, replies=-1)
    if group is not None and group.local:
        passing_on.unboost(tx, site, group, post)
    questions.answer_changed(tx, site, post)


def _put_back(tx: Tx, site: Site, group: Actor | None, post: Post) -> None:
    posts.change(tx, post.id, removed_at=None)
    note(tx, "stream", f"edited {post.id}")
    if post.visibility in threads.COUNTED:
        actors.count(tx, post.author_id, posts=1)
    if post.reply_to_id is not None:
        posts.count(tx, post.reply_to_id, replies=1)
    if group is not None and group.local and post.reply_to_iri is None:
        passing_on.boost(tx, site, group, replace(post, removed_at=None), again=True)
    questions.answer_changed(tx, site, post)


def _tell(tx: Tx, site: Site, deed: Deed, person_id: int, post_id: int | None = None) -> None:
    person = actors.by_id(tx, person_id)
    if person is not None and person.id != deed.by.id:
        notifying.tell(tx, site, person, WARNING, deed.group, post_id)


def _note(
    tx: Tx,
    site: Site,
    deed: Deed,
    action: str,
    *,
    post: Post | None = None,
    actor: Actor | None = None,
    until: int | None = None,
) -> Moderation | None:
    """Keep it; None when this activity is known."""
    made = Moderation(
        id=site.new_id(),
        iri=deed.iri,
        action=action,
        group_id=deed.group.id,
        moderator_id=deed.by.id,
        actor_id=actor.id if actor is not None else (post.author_id if post is not None else None),
        post_id=post.id if post is not None else None,
        reason=deed.reason.strip()[:MAX_REASON] or None,
        until=until,
        undone_at=None,
        created_at=site.clock(),
    )
    return made if moderations.insert(tx, made) else None


def _undone(
    tx: Tx, site: Site, action: str, group: Actor, *, post_id: int | None = None, actor_id: int | None = None
) -> Moderation | None:
    """Note that the standing act was taken back, and give it."""
    known = moderations.standing(tx, action, group_id=group.id, post_id=post_id, actor_id=actor_id)
    if known is not None:
        moderations.undo(tx, known.id, site.clock())
        if action in ("remove", "lock", "ban"):
            appealed.taken_back(tx, site, known)
    return known
