"""What people put first on their own profile: their collection `featured`. Pins of groups are `fedi.actions.moderation`."""

from fedi.actions import sending
from fedi.context import Site
from fedi.errors import Invalid
from storage import outbox, pins
from storage.actors import Actor
from storage.metadata import Tx
from storage.pins import Pin
from storage.posts import Post

MOST = 5
"""Mastodon's limit."""


def pin(tx: Tx, site: Site, person: Actor, post: Post) -> None:
    """Put one's own post first on one's profile; followers are told (`Add` to `featured`, as Mastodon has it).

    Again is nothing. Raises Invalid for a post of another, a direct one, and one too many.
    """
    if post.author_id != person.id:
        raise Invalid("Validation failed: Someone else's post cannot be pinned", code="ownership")
    if post.visibility == "direct":
        raise Invalid(
            "Validation failed: Posts that are only visible to mentioned users cannot be pinned", code="direct"
        )
    known = pins.of(tx, person.id)
    if any(one.post_id == post.id for one in known):
        return
    if len(known) >= MOST:
        raise Invalid("Validation failed: You have already pinned the maximum number of posts", code="limit")
    pins.insert(tx, Pin(person.id, post.id, site.clock()))
    _tell(tx, site, person, post, "Add")


def unpin(tx: Tx, site: Site, person: Actor, post: Post) -> None:
    """Take it back; nothing when it was not pinned."""
    if pins.remove(tx, person.id, post.id):
        _tell(tx, site, person, post, "Remove")


def _tell(tx: Tx, site: Site, person: Actor, post: Post, type: str) -> None:
    # What only members of a group read is nothing to tell one's followers.
    if person.featured is None or post.visibility not in ("public", "unlisted", "followers"):
        return
    followers = person.followers or ""
    public = post.visibility != "followers"
    sending.send(
        tx,
        site,
        person,
        type,
        post.iri,
        to=[sending.PUBLIC] if public else [followers],
        cc=[followers] if public else [],
        audience=outbox.Audience(followers_of=(person.id,)),
        post_id=post.id,
        target=person.featured,
    )
