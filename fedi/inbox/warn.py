"""Warn: a moderator has a word with the author of a post (Lemmy 1.0). It is sent to the author alone."""

from federation.activity import Authentic
from fedi.actions import moderated
from fedi.context import Site
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The moderators of the group that the post is in, where its author is of this instance."""
    post = posts.by_iri(tx, object_id(received.activity))
    group = actors.by_id(tx, post.group_id) if post is not None and post.local and post.group_id is not None else None
    return moderators.needed(tx, site, received.signer, None, group) if group is not None else NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Tell the author, when they are of this instance."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`). A warning shows nothing to anybody else, so that a moderator's own
    word is enough where the group does not announce it."""
    by = signer(tx, received)
    post = moderators.known_post(tx, received)
    group = moderators.group_of(tx, post)
    if group.local or vouched_by is not None:
        moderators.check(tx, by, group, vouched_by)
    else:
        moderators.check_listed(tx, by, group)
    if moderated.warned(tx, site, moderators.deed(received, by, group), post) is None:
        raise Ignored("known", "this warning is known already")
