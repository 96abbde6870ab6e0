"""Lock: a moderator lets nobody answer a post any more (Lemmy 0.19.4, PieFed, Mbin)."""

from federation.activity import Authentic
from fedi.actions import moderated, passing_on
from fedi.context import Site
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import signer
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: a post that is not known here needs no lock."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Lock the post, and let a group hosted here announce it."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`). Mbin lets authors lock what they wrote: where the group announces
    that, it is so."""
    by = signer(tx, received)
    post = moderators.known_post(tx, received)
    group = moderators.group_of(tx, post)
    if vouched_by is None or vouched_by.id != group.id or post.author_id != by.id:
        moderators.check(tx, by, group, vouched_by)
    if moderated.locked(tx, site, moderators.deed(received, by, group), post) is None:
        raise Ignored("known", "this is locked already")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, post, "other")
