"""Readers: of some people, in whose homes and lists a row of `storage.timelines` is. The rules of `storage.feeds`, asked
from the other side: a fixed number of queries for everybody who is asked about, however many they are.

`tests/storage/test_readers.py` holds both against each other. Not here: the gate, hiding, languages of posts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Text, bindparam, select, type_coerce

from storage.actors import GROUP, actors
from storage.feeds import REPEAT
from storage.follows import follows
from storage.hashtags import followed_tags
from storage.ids import first_at
from storage.lists import list_members, lists
from storage.metadata import Id, Tx, all_of, columns
from storage.people import people
from storage.posts import posts
from storage.prepared import parts, rows
from storage.tags import tags
from storage.timelines import Entry, entries

_OLDER = 200
"""Older entries of the same post that are looked at: a post that was boosted more often was seen by its readers."""
_ROW = columns(entries, Entry)
_THESE = bindparam("ids", type_=Id(), expanding=True)
_PEOPLE = bindparam("people", type_=Id(), expanding=True)
_ACTORS = bindparam("actors", type_=Id(), expanding=True)
_BY_IDS = select(*_ROW).where(entries.c.id.in_(_THESE))
_OF_POSTS = (
    select(*_ROW)
    .where(entries.c.post_id.in_(_THESE), entries.c.id > bindparam("since", type_=Id()))
    .order_by(entries.c.id.desc())
    .limit(_OLDER)
)
_FOLLOWS = select(
    follows.c.follower_id, follows.c.target_id, follows.c.reblogs, type_coerce(follows.c.languages, Text)
).where(follows.c.target_id.in_(_ACTORS), follows.c.follower_id.in_(_PEOPLE), follows.c.state == "accepted")
_APART = (
    select(list_members.c.actor_id, lists.c.person_id)
    .join(lists, lists.c.id == list_members.c.list_id)
    .where(list_members.c.actor_id.in_(_ACTORS), lists.c.exclusive, lists.c.person_id.in_(_PEOPLE))
)
_GROUPS = select(actors.c.id).where(actors.c.id.in_(_ACTORS), actors.c.kind == GROUP)
_WITHOUT_GROUPS = select(people.c.actor_id).where(
    people.c.actor_id.in_(_PEOPLE), type_coerce(people.c.settings, Text).contains('"groups_in_home":false')
)
_TAGGED = (
    select(tags.c.post_id, followed_tags.c.person_id, posts.c.group_id)
    .join(posts, posts.c.id == tags.c.post_id)
    .join(followed_tags, followed_tags.c.tag == tags.c.tag)
    .where(tags.c.post_id.in_(_THESE), posts.c.visibility == "public", followed_tags.c.person_id.in_(_PEOPLE))
)
_LISTS = (
    select(lists.c.id, lists.c.person_id, lists.c.replies_policy, list_members.c.actor_id)
    .join(list_members, list_members.c.list_id == lists.c.id)
    .where(lists.c.id.in_(bindparam("lists", type_=Id(), expanding=True)), list_members.c.actor_id.in_(_ACTORS))
)


@dataclass(slots=True)
class _Ties:
    """What some people have to do with some actors: whom they follow, with boosts or not; whom they keep apart in exclusive
    lists; whether they want groups in their home; whose posts' hashtags they follow."""

    followers: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    reblogs: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    languages: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    apart: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    groups: set[int] = field(default_factory=set)
    without_groups: set[int] = field(default_factory=set)
    tagged: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    in_group: set[int] = field(default_factory=set)  # posts


@dataclass(frozen=True, slots=True)
class Readers:
    """Whose homes and lists an entry is in, before the gate and hiding.

    `shown` are older entries of the same post, each with whose homes it is in: who was shown one of them is not shown a
    boost again. `languages`: in which of them somebody wants to see what the entry's actor puts there.
    """

    entry: Entry
    homes: frozenset[int]
    lists: dict[int, int]  # list -> its person
    shown: tuple[tuple[Entry, frozenset[int]], ...] = ()
    shown_in_lists: tuple[tuple[Entry, frozenset[int]], ...] = ()
    languages: dict[int, list[str]] = field(default_factory=dict)


def entries_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Entry]:
    """The rows with these ids, by id."""
    return {one.id: one for one in all_of(tx, _BY_IDS, Entry, ids=list(ids))} if ids else {}


def entries_of(tx: Tx, post_ids: Collection[int], since: int = 0) -> list[Entry]:
    """What shows these posts, newest first, up to a bound."""
    return all_of(tx, _OF_POSTS, Entry, ids=list(post_ids), since=since) if post_ids else []


def of_entries(tx: Tx, found: list[Entry], persons: Collection[int], list_ids: Collection[int]) -> dict[int, Readers]:
    """The readers of each of these entries, by its id, among these people and these lists."""
    if not found or not (persons or list_ids):
        return {}
    boosted = [one for one in found if one.boost]
    span = first_at(REPEAT)
    older = entries_of(tx, {one.post_id for one in boosted}, min(one.id for one in boosted) - span) if boosted else []
    every = {one.id: one for one in (*found, *older)}
    authors = {one.actor_id for one in every.values()}
    inside = _members(tx, list_ids, authors | {one.reply_to_actor_id or 0 for one in every.values()})
    owners = {person_id for person_id, _, _ in inside.values()}
    ties = _ties(tx, every.values(), {*persons, *owners})
    homes = {one.id: frozenset(_homes(one, ties, persons)) for one in every.values()} if persons else {}
    held = {one.id: _held(one, ties, inside) for one in every.values()}
    told = {}
    for entry in found:
        again = [
            one for one in every.values() if one.post_id == entry.post_id and entry.id - span < one.id < entry.id
        ] if entry.boost else []  # fmt: skip
        told[entry.id] = Readers(
            entry,
            homes.get(entry.id, frozenset()),
            held[entry.id],
            tuple((one, homes.get(one.id, frozenset())) for one in again),
            tuple((one, frozenset(held[one.id])) for one in again),
            {person: wanted for (person, actor), wanted in ties.languages.items() if actor == entry.actor_id},
        )
    return told


def followers(tx: Tx, actor_ids: Collection[int], persons: Collection[int]) -> set[int]:
    """Who of these people follows one of these actors, or is one."""
    values = {"actors": list(actor_ids)}
    found = {row[0] for part in parts(persons) for row in rows(tx, _FOLLOWS, values | {"people": part})}
    return found.union(one for one in actor_ids if one in persons)


def lists_with(tx: Tx, actor_ids: Collection[int], list_ids: Collection[int]) -> dict[int, int]:
    """Which of these lists one of these actors is in, each with its person."""
    return {list_id: person for list_id, (person, _, _) in _members(tx, list_ids, actor_ids).items()}


def _ties(tx: Tx, found: Iterable[Entry], persons: Collection[int]) -> _Ties:
    ties = _Ties()
    found = list(found)
    if not persons:
        return ties
    authors = list({one.actor_id for one in found})
    answered = {one.reply_to_actor_id for one in found if one.reply_to_actor_id is not None}
    met = list({*authors, *answered})
    own = [one.post_id for one in found if not one.boost]
    ties.groups = {row[0] for row in rows(tx, _GROUPS, {"actors": authors})}
    for part in parts(persons):
        for follower, target, reblogs, languages in rows(tx, _FOLLOWS, {"people": part, "actors": met}):
            ties.followers[target].add(follower)
            if reblogs:
                ties.reblogs[target].add(follower)
            if languages is not None:
                ties.languages[follower, target] = msgspec.json.decode(languages)
        for actor, person in rows(tx, _APART, {"people": part, "actors": authors}):
            ties.apart[actor].add(person)
        for post_id, person, group_id in rows(tx, _TAGGED, {"people": part, "ids": own}) if own else ():
            ties.tagged[post_id].add(person)
            if group_id is not None:
                ties.in_group.add(post_id)
        if ties.groups or ties.in_group:
            ties.without_groups.update(row[0] for row in rows(tx, _WITHOUT_GROUPS, {"people": part}))
    return ties


def _homes(one: Entry, ties: _Ties, persons: Collection[int]) -> set[int]:
    """Whose home an entry is in; as `storage.feeds.read` says of a home."""
    actor, answered = one.actor_id, one.reply_to_actor_id
    readers = ties.followers[actor] - ties.apart[actor]
    if actor in ties.groups:
        readers -= ties.without_groups
    if one.boost:
        readers &= ties.reblogs[actor]
    elif answered is not None and answered != actor:
        readers &= ties.followers[answered] | {answered}
    if not one.boost:
        tagged = ties.tagged[one.post_id] - ties.apart[actor]
        if one.post_id in ties.in_group:
            tagged -= ties.without_groups
        readers |= tagged
    return {person for person in (*readers, actor) if person in persons}


_Inside = dict[int, tuple[int, str, set[int]]]


def _members(tx: Tx, list_ids: Collection[int], actor_ids: Collection[int]) -> _Inside:
    """By list: its person, its replies_policy, and which of these actors are in it; lists with none are left out."""
    inside: _Inside = {}
    if list_ids and actor_ids:
        for list_id, person, policy, actor in rows(tx, _LISTS, {"lists": list(list_ids), "actors": list(actor_ids)}):
            inside.setdefault(list_id, (person, policy, set()))[2].add(actor)
    return inside


def _held(one: Entry, ties: _Ties, inside: _Inside) -> dict[int, int]:
    """Which lists an entry is in, each with its person; as `storage.feeds.read` says of a list."""
    actor, answered = one.actor_id, one.reply_to_actor_id
    found = {}
    for list_id, (person, policy, members) in inside.items():
        follows_them = person in ties.followers[actor]
        if actor not in members or not (follows_them or person == actor):
            continue
        if one.boost and actor != person and not (actor in ties.groups or person in ties.reblogs[actor]):
            continue
        if not one.boost and answered is not None and answered not in (actor, person):
            in_it = policy == "list" and answered in members
            followed = policy == "followed" and person in ties.followers[answered]
            if not (in_it or followed):
                continue
        found[list_id] = person
    return found
