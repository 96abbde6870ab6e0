"""Block: a moderator bans somebody from a group (FEP-1b12, Lemmy), or a person blocks another (Mastodon)."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import blocks as block_actions
from fedi.actions import moderated, passing_on
from fedi.context import Site
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, follows, memberships, posts
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Who is to be banned from a group hosted here, where they are not known yet."""
    by, group = actors.by_iri(tx, received.signer), _group(tx, received)
    if by is None or group is None or not moderators.may(tx, by, group, None):
        return NOTHING
    return moderators.needed(tx, site, by.iri, object_id(received.activity), group)


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Ban, and let a group hosted here announce it; or part two people."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    group = _group(tx, received)
    if group is None:
        _of_person(tx, site, received, vouched_by)
        return
    by = signer(tx, received)
    moderators.check(tx, by, group, vouched_by)
    document = received.activity.document
    until = wire.milliseconds(document.get("endTime")) or wire.milliseconds(document.get("expires"))
    if until is not None and until <= site.clock():
        raise Ignored("outdated", "this ban is over")
    person = moderators.known_person(tx, object_id(received.activity))
    if not group.local and person.local and not _acquainted(tx, group, person):
        # Or any group could write to anybody by banning them.
        raise Ignored("not-relevant", "nobody here is banned from a group that they have nothing to do with")
    deed = moderators.deed(received, by, group)
    all_of_it = document.get("removeData") is True
    if moderated.banned(tx, site, deed, person, until=until, remove_posts=all_of_it) is None:
        raise Ignored("known", "this was done already")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, None, "other", also=person)
        moderated.put_out(tx, site, group, person)


def _of_person(tx: Tx, site: Site, received: Authentic, vouched_by: Actor | None) -> None:
    """Somebody blocks a person here: told to their server alone, so nobody passes it on."""
    if received.activity.document.get("target") is not None or vouched_by is not None:
        # Lemmy tells whom a whole instance bans.
        raise Ignored(
            "not-of-a-group", "a group passes bans from itself on; whom an instance bans is no matter of this one"
        )
    by = signer(tx, received)
    person = actors.by_iri(tx, object_id(received.activity))
    if by.is_group or by.kind == "Application":
        raise Ignored("not-of-a-person", "only a person blocks another, and says so itself")
    if person is None or not person.local or person.is_group or person.kind == "Application":
        raise Ignored("unknown-object", "who is blocked is no person of this instance")
    if not block_actions.blocked(tx, site, by, person, received.activity.id):
        raise Ignored("known", "this was done already")


def _group(tx: Tx, received: Authentic) -> Actor | None:
    named = wire.first_id(received.activity.document.get("target"))
    found = actors.by_iri(tx, named) if named is not None else None
    return found if found is not None and found.is_group else None


def _acquainted(tx: Tx, group: Actor, person: Actor) -> bool:
    """Whether somebody is, or was, in a group, asked to be, or wrote in it."""
    return (
        follows.find(tx, person.id, group.id) is not None
        or memberships.find(tx, group.id, person.id) is not None
        or bool(posts.in_group_by(tx, group.id, person.id))
    )
