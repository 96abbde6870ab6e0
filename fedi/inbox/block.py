"""Block: a moderator bans somebody from a group (FEP-1b12, Lemmy)."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import groups as group_actions
from fedi.actions import moderated
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
    """Ban, and let a group hosted here announce it."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    group = _group(tx, received)
    if group is None:
        # Mastodon tells whom a person blocks, Lemmy whom a whole instance does: neither binds anybody here.
        raise Ignored("not-of-a-group", "who is blocked by a person, or by an instance, is no matter of this one")
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
        group_actions.announce(tx, site, group, received.activity.raw, None, "other", also=person)
        moderated.put_out(tx, site, group, person)


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
