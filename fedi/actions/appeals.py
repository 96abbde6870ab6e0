"""Appeals: whom moderators did something to asks once whether it was right. Another moderator decides, of another institution
where there is one; across servers it is a Flag that names the act, answered by `Resolve`, or by taking the act back.
"""

from federation.vocabulary.context import MODERATION
from fedi.actions import cases, memberships, moderated, moderation, notifying, sending
from fedi.actions.appealed import MAX_TEXT, heard
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.languages import _
from storage import actors, appeals, moderations, notifications, outbox, posts
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.appeals import Appeal
from storage.metadata import Tx
from storage.moderations import Moderation

ACTS = ("remove", "lock", "ban", "warn")
NEWS = "admin.report"
"""The kind of notification that tells moderators of an appeal; its actor is who appeals."""


def may_appeal(me: Actor, done: Moderation) -> bool:
    """Whether this act was done to `me` and can be appealed against: one that stands, by a group's moderators."""
    return (
        done.actor_id == me.id
        and done.action in ACTS
        and done.undone_at is None
        and done.group_id is not None
        and done.moderator_id != me.id
    )


def appeal(tx: Tx, site: Site, me: Actor, done: Moderation, text: str) -> Appeal:
    """A person here appeals against what moderators did to them; once for each act.

    Raises Invalid without words, for too many, and for the second time; NotFound where it was not done to them.
    """
    group = actors.by_id(tx, done.group_id) if done.group_id is not None else None
    # A warning can't be taken back across servers.
    if group is None or not may_appeal(me, done) or (done.action == "warn" and not group.local):
        raise NotFound(_("There is nothing here that you could appeal against."))
    words = text.strip()
    if not words or len(words) > MAX_TEXT:
        raise Invalid(_("Say in at most %(most)s characters why it was wrong.") % {"most": MAX_TEXT}, code="text")
    made = _made(site, me, done, group, words, site.iri(f"/activities/{site.new_id()}"), tx)
    if not keep(tx, site, made, group, me):
        raise Invalid(_("You appealed against this already: it is decided once."), code="known")
    if not group.local:
        _flag(tx, site, me, made, done, group, [group])
    return made


def received(tx: Tx, site: Site, appellant: Actor, done: Moderation, group: Actor, text: str, iri: str) -> bool:
    """An appeal came from elsewhere; False when it is known, or can't be made."""
    if not may_appeal(appellant, done) or not text.strip():
        return False
    return keep(tx, site, _made(site, appellant, done, group, text.strip()[:MAX_TEXT], iri, tx), group, appellant)


def _made(site: Site, by: Actor, done: Moderation, group: Actor, text: str, iri: str, tx: Tx) -> Appeal:
    return Appeal(
        id=site.new_id(),
        iri=iri,
        moderation_id=done.id,
        group_id=group.id,
        actor_id=by.id,
        text=text,
        state="open",
        due_at=site.clock() + cases.within(tx, site, {by.host, group.host}),
        created_at=site.clock(),
    )


def keep(tx: Tx, site: Site, made: Appeal, group: Actor, appellant: Actor) -> bool:
    """Keep an appeal and tell who may decide it, here and elsewhere; False when there is one about this act."""
    if not appeals.insert(tx, made):
        return False
    done = moderations.by_id(tx, made.moderation_id)
    for person in actors.by_ids(tx, membership_rows.moderators(tx, group.id)).values():
        if person.local and done is not None and may_decide(tx, site, person, made, done):
            notifying.tell(tx, site, person, NEWS, appellant, done.post_id)
    if group.local and done is not None:
        others = [one for one in cases.elsewhere(tx, group, done.moderator_id) if one.id != appellant.id]
        instance = actors.by_iri(tx, site.instance_iri)
        if others and instance is not None:
            _flag(tx, site, instance, made, done, group, others)
    return True


def _flag(tx: Tx, site: Site, by: Actor, made: Appeal, done: Moderation, group: Actor, to: list[Actor]) -> None:
    sending.send(
        tx,
        site,
        by,
        "Flag",
        done.iri,
        to=[group.iri],
        cc=[],
        audience=outbox.Audience(actors=tuple(one.id for one in to)),
        activity_id=made.iri if by.id == made.actor_id else shared_iri(site, made),
        group=group,
        content=made.text,
        summary=made.text,
    )


def shared_iri(site: Site, made: Appeal) -> str:
    """The id of the Flag by which the group's server passes an appeal on: its own, as it can't speak in another's name."""
    return made.iri if site.is_local(made.iri) else site.iri(f"/activities/{made.id}")


def by_iri(tx: Tx, site: Site, iri: str) -> Appeal | None:
    """The appeal that is known by this Flag, be it the appellant's or ours."""
    found = appeals.by_iri(tx, iri)
    number = iri.removeprefix(site.iri("/activities/"))
    if found is not None or not (number.isascii() and number.isdigit() and len(number) < 20):
        return found
    return appeals.by_id(tx, int(number))


def may_decide(tx: Tx, site: Site, by: Actor, made: Appeal, done: Moderation) -> bool:
    """Whether `by` decides an appeal: who moderates the group, and did not do it. Where a moderator of another institution
    could, no colleague of theirs does, until it is overdue."""
    group = actors.by_id(tx, made.group_id) if made.group_id is not None else None
    if group is None or by.id in (made.actor_id, done.moderator_id) or not memberships.moderates(tx, by, group):
        return False
    first = actors.by_id(tx, done.moderator_id) if done.moderator_id is not None else None
    if first is None or by.host != first.host or made.due_at <= site.clock():
        return True
    others = actors.by_ids(tx, membership_rows.moderators(tx, group.id)).values()
    return not any(one.host != first.host and one.id != made.actor_id and one.state == "active" for one in others)


def _must(tx: Tx, site: Site, by: Actor, made: Appeal) -> Moderation:
    done = moderations.by_id(tx, made.moderation_id)
    if done is None or not may_decide(tx, site, by, made, done):
        raise Forbidden(_("Another moderator decides about this appeal."), code="not-allowed")
    if made.state != "open":
        raise Invalid(_("This appeal is decided already."), code="known")
    return done


def uphold(tx: Tx, site: Site, by: Actor, made: Appeal, words: str) -> None:
    """What was done stands. Raises Forbidden for who may not decide, Invalid when it is decided."""
    _must(tx, site, by, made)
    upheld(tx, site, by, made, words)


def upheld(tx: Tx, site: Site, by: Actor, made: Appeal, words: str) -> None:
    """What was done stands, says a moderator here or elsewhere: who appealed and the other moderators learn it."""
    heard(tx, site, made, by, "upheld", words.strip())
    group = actors.by_id(tx, made.group_id) if made.group_id is not None else None
    appellant = actors.by_id(tx, made.actor_id)
    if group is None or appellant is None:
        return
    others = [one for one in (cases.elsewhere(tx, group) if group.local else [group]) if one.host != by.host]
    _settled(tx, site, by, made, group, others, shared_iri(site, made) if group.local else made.iri, words)
    if group.local and not appellant.local:
        _settled(tx, site, by, made, group, [appellant], made.iri, words)


def _settled(tx: Tx, site: Site, by: Actor, made: Appeal, group: Actor, to: list[Actor], iri: str, words: str) -> None:
    speaker = by if by.local else actors.by_iri(tx, site.instance_iri)
    if to and speaker is not None:
        flag = {"id": iri, "type": "Flag", "to": [group.iri], "object": _act(tx, made)}
        sending.send(
            tx,
            site,
            speaker,
            "Resolve",
            flag,
            to=[group.iri],
            cc=[],
            audience=outbox.Audience(actors=tuple({one.id: one for one in to})),
            group=group,
            context=MODERATION,
            summary=words.strip() or None,
        )


def _act(tx: Tx, made: Appeal) -> str:
    done = moderations.by_id(tx, made.moderation_id)
    return done.iri if done is not None else ""


def overturn(tx: Tx, site: Site, by: Actor, made: Appeal, words: str) -> None:
    """What was done is taken back. Raises Forbidden for who may not decide, Invalid when it is decided."""
    done = _must(tx, site, by, made)
    group = actors.by_id(tx, made.group_id or 0)
    post = posts.by_id(tx, done.post_id) if done.post_id is not None else None
    appellant = actors.by_id(tx, made.actor_id)
    if group is None or appellant is None:
        raise NotFound(_("This group is not there (any more)."))
    heard(tx, site, made, by, "overturned", words.strip())
    if done.action == "remove" and post is not None and post.removed_at is not None:
        moderation.restore(tx, site, by, post)
    elif done.action == "lock" and post is not None and post.locked:
        moderation.unlock(tx, site, by, post)
    elif done.action == "ban":
        moderation.unban(tx, site, by, group, appellant)
    else:
        moderations.undo(tx, done.id, site.clock())
        notifications.forget(tx, post_id=done.post_id, actor_id=group.id, kind=moderated.WARNING)
