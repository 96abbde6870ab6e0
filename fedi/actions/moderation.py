"""What moderators of this instance do, in groups here and elsewhere (FEP-1b12, Lemmy).

Each act is the moderator's own activity, with its proof. In a group hosted here it holds at once, and the group announces
it; one hosted elsewhere gets the activity and decides: it holds here, too, once that group announces it. What follows from
an act is in `fedi.actions.moderated`, who may answer and post in `fedi.actions.memberships`, reports in
`fedi.actions.reports`.
"""

from typing import Any

from federation.vocabulary.context import MODERATION
from fedi.actions import memberships, moderated, passing_on, sending
from fedi.actions.moderated import Deed
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from storage import actors, moderations, outbox
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.posts import Post

NO_REASON = " "
"""The `summary` of a removal without a reason, as Mbin sends it: without any it would read as the author's own Delete."""


def may_moderate(tx: Tx, actor: Actor, group: Actor) -> bool:
    """Whether `actor` moderates this group."""
    return memberships.moderates(tx, actor, group)


def remove(tx: Tx, site: Site, by: Actor, post: Post, reason: str) -> Moderation:
    """Take a post out of its group for everyone; `restore` brings it back. `reason` is plain text, shown to its author.

    Raises Forbidden for who does not moderate its group, Invalid when it is removed or deleted already.
    """
    group = _group_of(tx, by, post)
    if post.removed_at is not None or post.deleted_at is not None:
        raise Invalid("This post is removed or deleted already.", code="known")
    iri, body = _say(tx, site, by, group, "Delete", post.iri, summary=_reason(reason) or NO_REASON)
    deed = Deed(iri, by, group, reason)
    if not group.local:
        return _asked(site, deed, "remove", post=post)
    made = moderated.removed(tx, site, deed, post)
    passing_on.announce(tx, site, group, body, post, "delete")
    return _kept(made)


def restore(tx: Tx, site: Site, by: Actor, post: Post) -> None:
    """Bring a removed post back. Raises Forbidden for who does not moderate its group, Invalid when it was not removed."""
    group = _group_of(tx, by, post)
    known = moderations.standing(tx, "remove", group_id=group.id, post_id=post.id)
    if post.removed_at is None or post.deleted_at is not None or known is None:
        raise Invalid("This post was not removed by a moderator.", code="unknown")
    reason = known.reason or NO_REASON
    _, body = _unsay(tx, site, by, group, known, "Delete", post.iri, summary=reason)
    if group.local:
        moderated.restored(tx, site, group, post)
        passing_on.announce(tx, site, group, body, post, "other")


def lock(tx: Tx, site: Site, by: Actor, post: Post, reason: str = "") -> Moderation:
    """Let only moderators answer a post and what is below it. Raises Forbidden, and Invalid when it is locked already."""
    group = _group_of(tx, by, post)
    if post.locked or post.deleted_at is not None:
        raise Invalid("This post is locked already, or deleted.", code="known")
    iri, body = _say(tx, site, by, group, "Lock", post.iri, about=post, summary=_reason(reason) or None)
    deed = Deed(iri, by, group, reason)
    if not group.local:
        return _asked(site, deed, "lock", post=post)
    made = moderated.locked(tx, site, deed, post)
    passing_on.announce(tx, site, group, body, post, "other")
    return _kept(made)


def unlock(tx: Tx, site: Site, by: Actor, post: Post) -> None:
    """Let everyone in the group answer again. Raises Forbidden, and Invalid when it is not locked."""
    group = _group_of(tx, by, post)
    if not post.locked:
        raise Invalid("This post is not locked.", code="unknown")
    known = moderations.standing(tx, "lock", group_id=group.id, post_id=post.id)
    _, body = _unsay(tx, site, by, group, known, "Lock", post.iri, about=post)
    if group.local:
        moderated.unlocked(tx, site, group, post)
        passing_on.announce(tx, site, group, body, post, "other")


def pin(tx: Tx, site: Site, by: Actor, group: Actor, post: Post) -> Moderation:
    """Put a post of a group first in it. Raises Forbidden, and Invalid for a post that is not in it, or pinned already."""
    _must_moderate(tx, by, group)
    if post.group_id != group.id or post.removed_at is not None or post.deleted_at is not None:
        raise Invalid(f"Only posts in {group.name} can be pinned there.", code="not-in-group")
    iri, body = _say(tx, site, by, group, "Add", post.iri, about=post, target=_collection(group, "featured"))
    deed = Deed(iri, by, group)
    if not group.local:
        return _asked(site, deed, "pin", post=post)
    made = moderated.pinned(tx, site, deed, post)
    if made is None:
        raise Invalid("This post is pinned already.", code="known")
    passing_on.announce(tx, site, group, body, post, "other")
    return made


def unpin(tx: Tx, site: Site, by: Actor, group: Actor, post: Post) -> None:
    """Take a pin away. Raises Forbidden, and Invalid when there is none."""
    _must_moderate(tx, by, group)
    _, body = _say(tx, site, by, group, "Remove", post.iri, about=post, target=_collection(group, "featured"))
    if group.local:
        if not moderated.unpinned(tx, site, group, post):
            raise Invalid("This post is not pinned.", code="unknown")
        passing_on.announce(tx, site, group, body, post, "other")


def ban(
    tx: Tx, site: Site, by: Actor, group: Actor, actor: Actor, reason: str, until: int | None, remove_posts: bool
) -> Moderation:
    """Put somebody out of a group, until a time (ms) or for good; `remove_posts`: with all they wrote in it.

    Raises Forbidden for who does not moderate it, or for its owner; Invalid for oneself, and for an end in the past.
    """
    _must_moderate(tx, by, group)
    if by.id == actor.id:
        raise Invalid("You can't ban yourself; leave the group instead.", code="yourself")
    if until is not None and until <= site.clock():
        raise Invalid("A ban ends in the future.", code="until")
    iri, body = _say(
        tx,
        site,
        by,
        group,
        "Block",
        actor.iri,
        summary=_reason(reason) or None,
        **_ban_terms(group, until, remove_posts),
    )
    deed = Deed(iri, by, group, reason)
    if not group.local:
        return _asked(site, deed, "ban", actor=actor, until=until)
    made = moderated.banned(tx, site, deed, actor, until=until, remove_posts=remove_posts)
    passing_on.announce(tx, site, group, body, None, "other", also=actor)
    moderated.put_out(tx, site, group, actor)
    return _kept(made)


def unban(tx: Tx, site: Site, by: Actor, group: Actor, actor: Actor) -> None:
    """Let somebody join a group again. Raises Forbidden, and Invalid for who is not banned."""
    _must_moderate(tx, by, group)
    known = membership_rows.find(tx, group.id, actor.id)
    if group.local and (known is None or known.state != "banned"):
        raise Invalid(f"{actor.handle} is not banned from {group.name}.", code="unknown")
    standing = moderations.standing(tx, "ban", group_id=group.id, actor_id=actor.id)
    until = known.until if known is not None else None
    _, body = _unsay(
        tx,
        site,
        by,
        group,
        standing,
        "Block",
        actor.iri,
        summary=(standing.reason if standing is not None else None),
        **_ban_terms(group, until, remove_posts=False),
    )
    if group.local:
        moderated.unbanned(tx, site, group, actor)
        passing_on.announce(tx, site, group, body, None, "other", also=actor)


def appoint(tx: Tx, site: Site, by: Actor, group: Actor, actor: Actor) -> Moderation:
    """Make a member a moderator. Raises Forbidden for who may not or is no member, Invalid for who is one already."""
    _must_moderate(tx, by, group)
    known = membership_rows.find(tx, group.id, actor.id)
    if known is not None and known.moderates:
        raise Invalid(f"{actor.handle} moderates {group.name} already.", code="known")
    iri, body = _say(tx, site, by, group, "Add", actor.iri, target=_collection(group, "moderators"))
    deed = Deed(iri, by, group)
    if not group.local:
        return _asked(site, deed, "appoint", actor=actor)
    made = moderated.appointed(tx, site, deed, actor)
    passing_on.announce(tx, site, group, body, None, "other")
    return _kept(made)


def dismiss(tx: Tx, site: Site, by: Actor, group: Actor, actor: Actor) -> Moderation:
    """Make a moderator a plain member again. Raises Forbidden for who may not, and for the owner; Invalid for no moderator."""
    _must_moderate(tx, by, group)
    known = membership_rows.find(tx, group.id, actor.id)
    if known is None or not known.moderates:
        raise Invalid(f"{actor.handle} does not moderate {group.name}.", code="unknown")
    iri, body = _say(tx, site, by, group, "Remove", actor.iri, target=_collection(group, "moderators"))
    deed = Deed(iri, by, group)
    if not group.local:
        return _asked(site, deed, "dismiss", actor=actor)
    made = moderated.dismissed(tx, site, deed, actor)
    passing_on.announce(tx, site, group, body, None, "other")
    return _kept(made)


def warn(tx: Tx, site: Site, by: Actor, post: Post, reason: str) -> Moderation:
    """Tell the author of a post, and nobody else, what a moderator thinks of it (Lemmy's Warn). It is not announced.

    Raises Forbidden for who does not moderate its group, Invalid without a reason.
    """
    group = _group_of(tx, by, post)
    author = actors.by_id(tx, post.author_id)
    if author is None or not reason.strip():
        raise Invalid("A warning needs words.", code="reason")
    iri, _ = sending.send(
        tx,
        site,
        by,
        "Warn",
        post.iri,
        to=[author.iri],
        cc=[],
        audience=outbox.Audience(actors=tuple(one.id for one in (author, group) if not one.local)),
        group=group,
        summary=_reason(reason),
        context=MODERATION,
    )
    return _kept(moderated.warned(tx, site, Deed(iri, by, group, reason), post))


def _group_of(tx: Tx, by: Actor, post: Post) -> Actor:
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if group is None:
        raise Forbidden("This post is in no group, so no moderator decides about it.", code="not-in-group")
    _must_moderate(tx, by, group)
    return group


def _must_moderate(tx: Tx, by: Actor, group: Actor) -> None:
    if not may_moderate(tx, by, group):
        raise Forbidden(f"Only moderators of {group.name or group.username} can do that.", code="not-a-moderator")


def _collection(group: Actor, name: str) -> str:
    """The IRI of a group's `featured` or `moderators`. Raises Invalid where the group has none."""
    found = group.featured if name == "featured" else group.moderators
    if found is None:
        raise Invalid(f"{group.name} has no collection of {name}, so its server would not understand it.", code=name)
    return found


def _reason(text: str) -> str:
    return text.strip()[: moderated.MAX_REASON]


def _ban_terms(group: Actor, until: int | None, remove_posts: bool) -> dict[str, Any]:
    """What a Block says beside whom: Lemmy reads `endTime`, Mbin `expires`."""
    end = sending.timestamp(until) if until is not None else None
    return {"target": group.iri, "endTime": end, "expires": end, "removeData": remove_posts}


def _say(
    tx: Tx, site: Site, by: Actor, group: Actor, type: str, object: Any, *, about: Post | None = None, **more: Any
) -> tuple[str, bytes]:
    """The moderator's own activity, with its proof: (its IRI, its JSON). Sent to a group that is hosted elsewhere.

    `about` is the post at whose gate the activity is asked for later; not of a removed one, which nobody may see.
    """
    to, cc = passing_on.addressed(tx, group)
    return sending.send(
        tx,
        site,
        by,
        type,
        object,
        to=to,
        cc=cc,
        audience=outbox.Audience(actors=() if group.local else (group.id,)),
        group=group,
        post_id=about.id if about is not None else None,
        context=MODERATION,
        **more,
    )


def _unsay(
    tx: Tx,
    site: Site,
    by: Actor,
    group: Actor,
    known: Moderation | None,
    type: str,
    object: str,
    *,
    about: Post | None = None,
    **more: Any,
) -> tuple[str, bytes]:
    """`Undo` of an act, which is embedded with the same actor, as Lemmy wants both: under the IRI it had when the same
    moderator did it, else under one of its own (Lemmy, too, makes the inner id anew)."""
    to, cc = passing_on.addressed(tx, group)
    mine = known is not None and known.moderator_id == by.id
    iri = known.iri if known is not None and mine else site.iri(f"/activities/{site.new_id()}")
    inner = {"id": iri, "type": type, "actor": by.iri, "to": to, "cc": cc, "object": object, "audience": group.iri}
    inner |= {name: value for name, value in more.items() if value is not None}
    return _say(tx, site, by, group, "Undo", inner, about=about)


def _asked(
    site: Site,
    deed: Deed,
    action: str,
    *,
    post: Post | None = None,
    actor: Actor | None = None,
    until: int | None = None,
) -> Moderation:
    """What a group elsewhere was asked for; it is kept when that group announces it."""
    return Moderation(
        id=site.new_id(),
        iri=deed.iri,
        action=action,
        group_id=deed.group.id,
        moderator_id=deed.by.id,
        actor_id=actor.id if actor is not None else (post.author_id if post is not None else None),
        post_id=post.id if post is not None else None,
        reason=deed.reason or None,
        until=until,
        undone_at=None,
        created_at=site.clock(),
    )


def _kept(made: Moderation | None) -> Moderation:
    if made is None:
        raise Invalid("This was done already.", code="known")
    return made
