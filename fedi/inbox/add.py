"""Add: a moderator pins a post of a group or makes somebody a moderator (FEP-1b12); a person pins a post of their own; who
began a thread passes on what was done in it (`fedi.inbox.containers`)."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import moderated, passing_on
from fedi.context import Site
from fedi.inbox import containers, moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, pins, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.pins import Pin
from storage.posts import Post


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Who is to moderate a group hosted here, where they are not known; what proves an activity that is added."""
    inner = containers.added(received)
    if inner is not None:
        return containers.needs(tx, site, received, inner)
    by = actors.by_iri(tx, received.signer)
    try:
        group, name = moderators.target(tx, site, received, None)
    except Ignored:
        return NOTHING
    if by is None or name != "moderators" or not moderators.may(tx, by, group, None):
        return NOTHING
    return moderators.needed(tx, site, by.iri, object_id(received.activity), group)


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Pin or appoint, and let a group hosted here announce it; or keep the activity that is added."""
    inner = containers.added(received)
    if inner is not None:
        containers.handle(tx, site, received, inner, fetched)
        return
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    by = signer(tx, received)
    if is_own(received, by):
        pins.insert(tx, Pin(by.id, _own_post(tx, received, by).id, site.clock()))
        return
    if moderators.shelved(tx, site, received, by, vouched_by):
        return
    group, name = moderators.target(tx, site, received, vouched_by)
    moderators.check(tx, by, group, vouched_by)
    deed = moderators.deed(received, by, group)
    about = None
    if name == "moderators":
        made = moderated.appointed(tx, site, deed, moderators.known_person(tx, object_id(received.activity)))
    else:
        about = post_in(tx, received, group)
        made = moderated.pinned(tx, site, deed, about)
    if made is None:
        raise Ignored("known", "this was done already")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, about, "other")


def is_own(received: Authentic, by: Actor) -> bool:
    """Whether it is about a person's own pins (Mastodon)."""
    target = wire.first_id(received.activity.document.get("target"))
    return not by.is_group and target is not None and target == by.featured


def post_in(tx: Tx, received: Authentic, group: Actor) -> Post:
    """The post that it is about. Raises Ignored when it is not known, or not in this group."""
    found = moderators.known_post(tx, received)
    if found.group_id != group.id:
        raise Ignored("not-in-group", f"{found.iri} is not in {group.iri}")
    return found


def _own_post(tx: Tx, received: Authentic, by: Actor) -> Post:
    found = posts.by_iri(tx, object_id(received.activity))
    if found is None or found.deleted_at is not None or found.author_id != by.id:
        raise Ignored("unknown-object", "people pin their own posts, and this one is not known here as such")
    return found
