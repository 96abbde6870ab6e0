"""Hashtags that a person follows, and those on their profile. Both are known here alone: nobody elsewhere is told."""

from fedi.context import Site
from fedi.errors import Invalid
from fedi.text.mentions import hashtags_in
from storage import hashtags
from storage.actors import Actor
from storage.hashtags import Featured
from storage.metadata import Tx
from storage.tags import plain

MOST_FEATURED = 10
"""Mastodon's limit."""


def check_name(name: str) -> str:
    """A hashtag as typed, without its #. Raises Invalid, in Mastodon's words, for what can't be one."""
    bare = name.strip().removeprefix("#")
    if not bare:
        raise Invalid("Validation failed: Name can't be blank", code="name")
    if hashtags_in(f"#{bare}") != [bare]:
        raise Invalid("Validation failed: Name is invalid", code="name")
    return bare


def follow(tx: Tx, site: Site, person: Actor, name: str) -> None:
    """Public posts with this hashtag come into the person's home; again is nothing. Raises Invalid."""
    hashtags.follow(tx, site.new_id(), person.id, plain(check_name(name)), site.clock())


def unfollow(tx: Tx, site: Site, person: Actor, name: str) -> None:
    """They do not any more."""
    hashtags.unfollow(tx, person.id, plain(name))


def feature(tx: Tx, site: Site, person: Actor, name: str) -> Featured:
    """Show a hashtag on the person's profile. Raises Invalid for what can't be one, one that is there already, and one too
    many."""
    bare = check_name(name)
    known = hashtags.featured(tx, person.id)
    if any(row.tag == plain(bare) for row in known):
        raise Invalid("Validation failed: Name has already been taken", code="taken")
    if len(known) >= MOST_FEATURED:
        raise Invalid("Validation failed: You have already featured the maximum number of hashtags", code="limit")
    made = Featured(site.new_id(), person.id, plain(bare), bare, site.clock())
    hashtags.feature(tx, made)
    return made
