"""Remove: a moderator takes a pin of a group away or dismisses a moderator (FEP-1b12); a person takes a pin of theirs away."""

from federation.activity import Authentic
from fedi.actions import moderated, passing_on
from fedi.context import Site
from fedi.inbox import moderators
from fedi.inbox.add import is_own, post_in
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import pins, posts
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: who or what is not known here is in no list here."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Unpin or dismiss, and let a group hosted here announce it."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    by = signer(tx, received)
    if is_own(received, by):
        pinned = posts.by_iri(tx, object_id(received.activity))
        if pinned is None or not pins.remove(tx, by.id, pinned.id):
            raise Ignored("unknown-object", "this is not pinned here")
        return
    if moderators.shelved(tx, site, received, by, vouched_by):
        return
    group, name = moderators.target(tx, site, received, vouched_by)
    moderators.check(tx, by, group, vouched_by)
    about = None
    if name == "moderators":
        person = moderators.known_person(tx, object_id(received.activity))
        done = moderated.dismissed(tx, site, moderators.deed(received, by, group), person) is not None
    else:
        about = post_in(tx, received, group)
        done = moderated.unpinned(tx, site, group, about)
    if not done:
        raise Ignored("known", "this was done already")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, about, "other")
