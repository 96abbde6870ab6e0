"""Feeds of what not everybody may read: a token for one feed, made by who may read it, that stops with their right to.

Whoever has the address reads what its owner would see, so an address is for one group, one thread or one search, is listed with
its last use, and can be taken back. What it shows is asked of the gate at each poll (`fedi.web.feeds`).
"""

import secrets

from fedi import visibility
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.languages import _
from storage import actors, feed_tokens, groups, memberships, people
from storage.actors import Actor
from storage.apps import hashed
from storage.feed_tokens import FeedToken
from storage.metadata import Tx
from storage.posts import Post

KINDS = ("group", "thread", "search")
MOST = 50
"""Addresses of one person."""
WORDS = 300
"""Characters of a search."""
HOUR = 3600 * 1000


def make(tx: Tx, site: Site, me: Actor, kind: str, target: str) -> str:
    """A new address's secret part; it is told once. `target`: the id of the group or of the thread's first post, or the words.

    Raises Invalid where there are too many, NotFound for what the person may not read.
    """
    if kind not in KINDS or not target.strip():
        raise Invalid(_("Choose a group, a thread or a search."), code="feed")
    if feed_tokens.total(tx, me.id) >= MOST:
        said = _("You have %(most)s feeds, which is the most. Remove one that you don't use.") % {"most": MOST}
        raise Invalid(said, code="limit")
    target = " ".join(target.split())[:WORDS] if kind == "search" else target.strip()
    token = secrets.token_urlsafe(24)
    made = FeedToken(site.new_id(), me.id, kind, target, hashed(token), site.clock())
    if kind != "search" and not allowed(tx, made):
        raise NotFound(_("There is no such group or thread, or it is not shown to you."))
    feed_tokens.insert(tx, made)
    return token


def allowed(tx: Tx, token: FeedToken) -> bool:
    """Whether the owner of an address may still read all that it is for."""
    person, me = people.by_id(tx, token.person_id), actors.by_id(tx, token.person_id)
    if token.revoked_at is not None or person is None or me is None:
        return False
    if person.state != "active" or me.state != "active":
        return False
    if token.kind == "group":
        return (group := group_of(tx, token)) is not None and _reads(tx, me, group)
    if token.kind == "thread":
        root = thread_of(tx, token)
        group = actors.by_id(tx, root.group_id) if root is not None and root.group_id is not None else None
        return root is not None and (group is None or _reads(tx, me, group))
    return True


def _reads(tx: Tx, me: Actor, group: Actor) -> bool:
    """Who was put out of a group reads it by no address, also where everybody may read it by its page."""
    membership = memberships.find(tx, group.id, me.id)
    if group.state != "active" or (membership is not None and membership.state == "banned"):
        return False
    row = groups.by_id(tx, group.id)
    if row is not None and row.see == "members":
        return membership is not None and membership.state == "accepted"
    return not group.local or visibility.may_see_group(tx, visibility.person(me.id), group)


def group_of(tx: Tx, token: FeedToken) -> Actor | None:
    """The group that an address is for."""
    found = actors.by_id(tx, _id(token.target))
    return found if found is not None and found.is_group else None


def thread_of(tx: Tx, token: FeedToken) -> Post | None:
    """The first post of the thread that an address is for, where its owner may see it."""
    root = _id(token.target)
    return visibility.seen(tx, visibility.person(token.person_id), [root]).get(root)


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def revoke(tx: Tx, site: Site, me: Actor, token_id: int | None = None) -> int:
    """One address of a person (or each) works no more; how many that were."""
    return feed_tokens.revoke(tx, me.id, site.clock(), token_id)


def used(tx: Tx, token: FeedToken, now: int) -> None:
    """Note when an address was used last."""
    feed_tokens.used(tx, token.id, now)


def is_noted(token: FeedToken, now: int) -> bool:
    """Whether that it was used is noted as exactly as it is kept: to the hour."""
    return token.used_at is not None and now - token.used_at < HOUR


def root_of(tx: Tx, post_id: int, viewer: visibility.Viewer) -> Post | None:
    """The first post of the thread with this post, where the viewer may see it."""
    post = visibility.seen(tx, viewer, [post_id]).get(post_id)
    if post is None or post.root_id in (None, post.id):
        return post
    return visibility.seen(tx, viewer, [post.root_id or 0]).get(post.root_id or 0)
