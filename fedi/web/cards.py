"""Posts as pages show them: rows -> cards (`fedi.web.card`) in a fixed number of queries; and what pages of
people and groups say of whom they show.

Only posts that came through `fedi.visibility` are turned into cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fedi import visibility
from fedi.web.card import Card, Preview
from fedi.web.paths import actor_path, post_path
from storage import actors, follows, library, peers, polls, reactions
from storage.actors import Actor
from storage.cards import ready
from storage.library import Entry
from storage.metadata import Tx
from storage.peers import Peer
from storage.posts import Post


def moved_to(tx: Tx, actor: Actor) -> tuple[Actor, str] | None:
    """Where an actor moved to, with the path of its page here; None for who did not move, or to nobody known here."""
    target = actors.by_iri(tx, actor.moved_to) if actor.moved_to is not None else None
    return (target, actor_path(target)) if target is not None and target.state == "active" else None


def waits_at(tx: Tx, me: Actor | None, actor: Actor) -> Peer | None:
    """The suspended peer that a remote actor is at, for who is logged in: why nothing of theirs is shown."""
    peer = peers.by_host(tx, actor.host) if me is not None and not actor.local else None
    return peer if peer is not None and peer.stance == "suspended" else None


def of_posts(
    tx: Tx,
    me: Actor | None,
    found: list[Post],
    *,
    boosted_by: Mapping[int, int] | None = None,
    depths: Mapping[int, int] | None = None,
    cursors: Mapping[int, int] | None = None,
    quotes: bool = True,
) -> list[Card]:
    """The cards of these posts in this order; `boosted_by` maps post ids to who passed them on, `depths` to their depth,
    `cursors` to the ids by which the list goes on; with `quotes` they have what they quote, where one may see it."""
    boosters = boosted_by or {}
    asked = [post.id for post in found if post.kind == "Question"]
    found_polls = polls.by_posts(tx, asked)
    chosen = polls.chosen(tx, list(found_polls), me.id) if found_polls and me is not None else {}
    quoted = _quoted(tx, me, found) if quotes else {}
    wanted = {post.author_id for post in found} | set(boosters.values())
    wanted |= {other for post in found for other in (post.group_id, post.reply_to_actor_id) if other is not None}
    known = actors.by_ids(tx, list(wanted))
    addresses = {post.card_url for post in found if post.card_url is not None}
    previews = previews_of(tx, addresses)
    added = library.entries_of(tx, [post.id for post in found if post.kind == "Page" and post.group_id is not None])
    liked = reactions.flags(tx, me.id, [post.id for post in found]).liked if me is not None else frozenset()
    return [
        Card(
            post=post,
            author=known[post.author_id],
            path=post_path(post, known[post.author_id]),
            group=known.get(post.group_id or 0),
            boosted_by=known.get(boosters.get(post.id, 0)),
            answers=known.get(post.reply_to_actor_id or 0),
            liked=post.id in liked,
            depth=(depths or {}).get(post.id, 0),
            cursor=(cursors or {}).get(post.id, post.id),
            poll=found_polls.get(post.id),
            chosen=tuple(chosen.get(post.id, ())),
            quoted=quoted.get(post.quote_id or 0) if post.quote_state == "accepted" else None,
            preview=previews.get(post.card_url or ""),
            item_path=_item_path(added.get(post.id), known.get(post.group_id or 0)),
        )
        for post in found
        if post.author_id in known
    ]


def previews_of(tx: Tx, addresses: set[str]) -> dict[str, Preview]:
    """What the pages and works at these addresses are called, by address."""
    return {
        url: Preview(url.partition("#via=")[0], one.title, one.description, "work" in one.more)
        for url, one in ready(tx, addresses).items()
    }


def _item_path(entry: Entry | None, group: Actor | None) -> str | None:
    """Where the item that a post added to its group's library is."""
    if entry is None or entry.item_id is None or group is None:
        return None
    return f"{actor_path(group)}/library/{entry.item_id}"


def _quoted(tx: Tx, me: Actor | None, found: list[Post]) -> dict[int, Card]:
    """The cards of what these posts quote with leave, through the gate, by id."""
    ids = [post.quote_id for post in found if post.quote_id is not None and post.quote_state == "accepted"]
    if not ids:
        return {}
    seen = visibility.seen(tx, viewer_of(me), list(set(ids)))
    return {card.post.id: card for card in of_posts(tx, me, list(seen.values()), quotes=False)}


def viewer_of(me: Actor | None) -> visibility.Viewer:
    """How the gate knows whoever looks at a page."""
    return visibility.NOBODY if me is None else visibility.person(me.id)


@dataclass(frozen=True, slots=True)
class Asking:
    """Someone who asks to follow a person or to join a group."""

    follow_id: int
    actor: Actor
    path: str


def asking(tx: Tx, target_id: int, limit: int = 10) -> list[Asking]:
    """Who waits for an answer of this person or group, those who asked last first."""
    found = follows.followers(tx, target_id, limit, state="pending")
    known = actors.by_ids(tx, [follow.follower_id for follow in found])
    return [
        Asking(follow.id, known[follow.follower_id], actor_path(known[follow.follower_id]))
        for follow in found
        if follow.follower_id in known
    ]
