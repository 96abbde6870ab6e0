"""Who of the connected people is told of a post, on which streams: what their timelines would show them, and nothing else.

Homes and lists by `storage.readers`, which has the rules of `fedi.feeds` from the side of the post; then, as there, the
gate, whom people hide, languages, and each thread once. A fixed number of queries however many are connected.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fedi import visibility
from fedi.feeds import is_noise
from fedi.mastodon.load import Shown, of_entry
from fedi.mastodon.streaming.streams import PUBLIC
from storage import actors, marks, posts, readers
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.readers import Readers
from storage.tags import tags_of
from storage.timelines import Entry

OPEN = (*PUBLIC, "hashtag", "hashtag:local")
"""Streams of what everyone may see, whomever they follow."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is connected: whose homes, which lists, hashtags and open streams (with who listens there) are listened to, whose
    notifications and direct messages."""

    homes: frozenset[int]
    lists: frozenset[int]
    tags: frozenset[str]
    open: dict[str, frozenset[int]]
    notified: frozenset[int]
    direct: frozenset[int]

    def __bool__(self) -> bool:
        """Whether posts are listened to at all."""
        return bool(self.homes or self.lists or self.open)


@dataclass(slots=True)
class Told:
    """What is told of one post to whom: whose `user` streams, which lists (each with its person), which open streams by
    name and what they are about, and who is told on those."""

    shown: Shown
    homes: set[int]
    lists: dict[int, int]
    open: list[tuple[str, str]] = field(default_factory=list)
    people: set[int] = field(default_factory=set)

    def everyone(self) -> set[int]:
        """All of them."""
        return self.homes.union(self.lists.values(), self.people if self.open else ())


def of_entries(tx: Tx, ids: list[int], wanted: Wanted, now: int) -> list[Told]:
    """What is told of these new rows of `storage.timelines`, in this order."""
    rows = readers.entries_by_ids(tx, ids)
    found = [rows[one] for one in ids if one in rows]
    about = posts.by_ids(tx, list({one.post_id for one in found}))
    found = [one for one in found if (post := about.get(one.post_id)) is not None and not is_noise(one, post)]
    read = readers.of_entries(tx, found, wanted.homes, wanted.lists)
    told = [_new(tx, one, about[one.post_id], read.get(one.id), wanted, now) for one in found]
    return [one for one in told if one is not None]


def _new(tx: Tx, entry: Entry, post: Post, read: Readers | None, wanted: Wanted, now: int) -> Told | None:
    told = Told(of_entry(entry), set(read.homes) if read else set(), dict(read.lists) if read else {})
    if not entry.boost:
        told.open = _open(tx, post, wanted)
        told.people = {person for name, _ in told.open for person in wanted.open[name]}
    if not _seen(tx, told, post):
        return None
    hidden = _hidden(tx, told, post, {entry.actor_id, *(one.actor_id for one, _ in read.shown)} if read else set(), now)
    if read is not None:
        unread = {person for person, known in read.languages.items() if not _understood(known, post)} - {entry.actor_id}
        told.homes -= unread | {
            person for one, homes in read.shown for person in homes if person not in hidden.get(one.actor_id, ())
        }
        twice = {
            a_list
            for one, inside in read.shown_in_lists
            for a_list in inside
            if told.lists.get(a_list) not in hidden.get(one.actor_id, ())
        }
        told.lists = {one: who for one, who in told.lists.items() if one not in twice and who not in unread}
    _leave_out(tx, told, post, entry.actor_id, hidden)
    return told if told.everyone() else None


def of_change(tx: Tx, post: Post, wanted: Wanted, now: int) -> Told | None:
    """Who is told that a post changed: who has it in a timeline, however it came there, and whom it mentions."""
    found = readers.entries_of(tx, [post.id])
    read = readers.of_entries(tx, found, wanted.homes, wanted.lists)
    named = mentioned_in(tx, [post.id]).get(post.id, [])
    homes = {*named, post.author_id}.union(*(one.homes for one in read.values()))
    told = Told(Shown(post.id, post.id), homes & wanted.homes, {})
    for one in read.values():
        told.lists.update(one.lists)
    told.open = _open(tx, post, wanted)
    told.people = {person for name, _ in told.open for person in wanted.open[name]}
    if not _seen(tx, told, post):
        return None
    _leave_out(tx, told, post, post.author_id, _hidden(tx, told, post, set(), now))
    return told if told.everyone() else None


def of_deletion(tx: Tx, post: Post, named: Iterable[int], wanted: Wanted) -> Told:
    """Who is told that a post is gone: who might have had it. Nobody learns so of what they could never see.

    Its mentions and hashtags may be gone already: `named` are whom it mentioned, and all who listen to a hashtag are told of
    a public post.
    """
    actors_of = {post.author_id} | ({post.group_id} if post.group_id is not None else set())
    named = set(named) if post.visibility not in ("peers", "members") else set()
    told = Told(Shown(post.id, post.id), readers.followers(tx, actors_of, wanted.homes) | (wanted.homes & named), {})
    told.lists = readers.lists_with(tx, actors_of, wanted.lists)
    allowed = visibility.seers(tx, post.id, told.everyone(), gone=True) | named
    told.homes &= allowed
    told.lists = {one: who for one, who in told.lists.items() if who in allowed}
    if post.visibility == "public":
        told.open = [(name, "") for name in wanted.open if name in PUBLIC and _of_place(name, post)]
        told.open += [
            (name, tag) for name in ("hashtag", "hashtag:local") if name in wanted.open for tag in wanted.tags
        ]
        told.people = {person for name, _ in told.open for person in wanted.open[name]}
    return told


def _open(tx: Tx, post: Post, wanted: Wanted) -> list[tuple[str, str]]:
    """The open streams that a post is in, of those that are listened to; as `storage.timelines.public` has it."""
    if post.visibility != "public" or not wanted.open:
        return []
    found: list[tuple[str, str]] = []
    if post.reply_to_iri is None or post.reply_to_actor_id == post.author_id:
        found = [
            (name, "")
            for name in wanted.open
            if name in PUBLIC and _of_place(name, post) and (post.attachments or not name.endswith(":media"))
        ]
    names = [name for name in ("hashtag", "hashtag:local") if name in wanted.open and _of_place(name, post)]
    if names and wanted.tags:
        tags = wanted.tags.intersection(tags_of(tx, [post.id]).get(post.id, ()))
        found += [(name, tag) for name in names for tag in tags]
    return found


def _of_place(name: str, post: Post) -> bool:
    parts = name.split(":")
    return not (("local" in parts and not post.local) or ("remote" in parts and post.local))


def _seen(tx: Tx, told: Told, post: Post) -> bool:
    """Leave out whom the gate does not show the post; whether anybody is left."""
    everyone = told.everyone()
    if everyone:
        _only(told, visibility.seers(tx, post.id, everyone))
    return bool(told.everyone())


def _only(told: Told, allowed: set[int]) -> None:
    told.homes &= allowed
    told.lists = {one: who for one, who in told.lists.items() if who in allowed}
    told.people &= allowed


def _hidden(tx: Tx, told: Told, post: Post, others: set[int], now: int) -> dict[int, set[int]]:
    """By actor that has to do with a post: who does not want to meet it."""
    named = mentioned_in(tx, [post.id]).get(post.id, [])
    known = actors.by_ids(tx, list({post.author_id, *named, *others}))
    return marks.hiding(tx, told.everyone(), list(known.values()), now)


def _leave_out(tx: Tx, told: Told, post: Post, by: int, hidden: dict[int, set[int]]) -> None:
    """Leave out who would meet somebody they hide: in feeds also who put it there and whom it names, but nobody is kept from
    what they put there themselves; on open streams its author."""
    if not any(hidden.values()):
        return
    named = mentioned_in(tx, [post.id]).get(post.id, [])
    meets = set().union(*(hidden.get(one, set()) for one in (by, post.author_id, *named))) - {by}
    told.homes -= meets
    told.lists = {one: who for one, who in told.lists.items() if who not in meets}
    told.people -= hidden.get(post.author_id, set())


def _understood(wanted: list[str], post: Post) -> bool:
    """Whether a post is in one of these languages, as `fedi.feeds` has it."""
    return not wanted or post.language is None or post.language in wanted or post.language.partition("-")[0] in wanted
