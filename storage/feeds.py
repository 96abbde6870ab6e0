"""Feeds: what of the rows of `storage.timelines` is in one person's home, and in a list of theirs, with what they wish.

Reading joins; nothing is copied to each reader. The queries are built once for each combination of wishes that changes
them, as a home is asked for more than anything else. Not here: the gate, hiding, languages (`fedi.feeds`).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from storage.actors import GROUP, actors
from storage.follows import follows
from storage.hashtags import followed_tags
from storage.ids import first_at
from storage.lists import list_members, lists
from storage.metadata import Id, Tx, all_of, columns
from storage.people import people
from storage.posts import posts
from storage.prepared import rows
from storage.tags import tags
from storage.timelines import Entry, Page, bounded_by, entries

REPEAT = 3 * 24 * 3600 * 1000
"""Milliseconds within which a post is not shown again in a feed; Mastodon counts 40 to 80 entries (REBLOG_FALLOFF)."""
_WALKS = (200, 1500)
"""Entries looked at from the newest on, in two goes, before each actor's own are: quick for a busy home, bounded for a quiet
one."""
_ACTORS = 64
"""Actors whose entries one question asks for."""
_LAST = (1 << 63) - 1
"""No entry has a greater id."""
_MOST_TAGS = 256
"""Followed hashtags that are looked for, the first ones followed."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants of their home: hashtags they follow, languages by whom they follow, whether some of whom they
    follow are kept out by an exclusive list, and whether groups are in it."""

    tags: tuple[str, ...] = ()
    languages: dict[int, list[str]] = field(default_factory=dict)
    exclusive: bool = False
    groups: bool = True


@dataclass(frozen=True, slots=True)
class Reads:
    """Which feed is read: the home of `person_id` (`exclusive`, `groups` and `tags` as in `Wishes`), or one of their lists
    with its `replies_policy`."""

    person_id: int
    list_id: int | None = None
    policy: str | None = None
    exclusive: bool = False
    groups: bool = True
    tags: tuple[str, ...] = ()

    @property
    def form(self) -> tuple[str | None, bool, bool]:
        """What the text of the query depends on."""
        return self.policy, self.exclusive, self.groups


_ROW = columns(entries, Entry)
_PERSON = bindparam("person", type_=Id())
_LIST = bindparam("list", type_=Id())
_FOLLOWED = select(follows.c.target_id).where(follows.c.follower_id == _PERSON, follows.c.state == "accepted")
_MEMBERS = select(list_members.c.actor_id).where(list_members.c.list_id == _LIST)
_APART = (
    select(list_members.c.actor_id)
    .join(lists, lists.c.id == list_members.c.list_id)
    .where(lists.c.person_id == _PERSON, lists.c.exclusive)
)
_WISHES = union_all(
    select(literal_column("'settings'", Text), literal_column("0", Id), type_coerce(people.c.settings, Text)).where(
        people.c.actor_id == _PERSON
    ),
    select(literal_column("'exclusive'", Text), lists.c.id, null()).where(
        lists.c.person_id == _PERSON, lists.c.exclusive
    ),
    select(literal_column("'tag'", Text), followed_tags.c.id, followed_tags.c.tag).where(
        followed_tags.c.person_id == _PERSON
    ),
    select(literal_column("'languages'", Text), follows.c.target_id, type_coerce(follows.c.languages, Text)).where(
        follows.c.follower_id == _PERSON, follows.c.languages.isnot(None)
    ),
)


def wishes(tx: Tx, person_id: int) -> Wishes:
    """What this person wants of their home, in one query."""
    named: list[tuple[int, str]] = []
    languages: dict[int, list[str]] = {}
    exclusive, groups = False, True
    for kind, number, text in rows(tx, _WISHES, {"person": person_id}):
        if kind == "tag":
            named.append((number, text))
        elif kind == "languages":
            languages[number] = msgspec.json.decode(text)
        elif kind == "exclusive":
            exclusive = True
        elif '"groups_in_home":false' in text:  # as `metadata.Json` writes it; decoding it all would cost more
            groups = False
    return Wishes(tuple(tag for _, tag in sorted(named)[:_MOST_TAGS]), languages, exclusive, groups)


def read(tx: Tx, reads: Reads, page: Page) -> list[Entry]:
    """The rows of a feed, newest first.

    A home has what the actors that the person follows, and they themselves, put before their followers, and public posts
    with a hashtag that they follow. Boosts only of those whose boosts the person wants, replies only to people the person
    follows or is. A list has what its members put there; a group's boosts are in it even where its follow says no boosts,
    as that means «not in home». Not here: whether the person may see each post, and showing a thread once.
    """
    bounds = (page.max_id is not None, page.since_id is not None, page.min_id is not None)
    values = _values(reads) | {"limit": page.limit, "max": page.max_id, "since": page.since_id, "min": page.min_id}
    found = _walked(tx, reads, bounds, values)
    if found is None:
        found = _by_actor(tx, reads, bounds, values)
    if reads.tags:
        found = _merged(found, _tagged(tx, reads, bounds, values), page)
    return found[::-1] if page.min_id is not None else found


def _walked(tx: Tx, reads: Reads, bounds: tuple[bool, bool, bool], values: dict[str, Any]) -> list[Entry] | None:
    """The page out of the newest entries of the whole server; None where these hold too few."""
    for walk in _WALKS:
        values = values | {"walk": walk}
        found = all_of(tx, _walk(reads.form, bounds), Entry, **values)
        if len(found) >= values["limit"] or not rows(tx, _end(bounds), values):
            return found
    return None


def _by_actor(tx: Tx, reads: Reads, bounds: tuple[bool, bool, bool], values: dict[str, Any]) -> list[Entry]:
    """The page of a quiet feed, whatever its actors did long ago: one step in the index for each of them finds out whose
    entries can be in it at all, since each of these has one that is newer than the page's last, or is it. Of each of them
    no more is read than fits on the page."""
    firsts = [one for one in rows(tx, _firsts(reads.form, bounds), values) if one[1] is not None]
    if not firsts:
        return []
    values = values | {"end": firsts[-1][1]}
    full = len(firsts) >= values["limit"]
    found: dict[int, Entry] = {}
    for at in range(0, len(firsts), _ACTORS):
        whose = [actor_id for actor_id, _ in firsts[at : at + _ACTORS]]
        many = 1 << (len(whose) - 1).bit_length()
        whose += whose[-1:] * (many - len(whose))
        named = {f"actor{index}": actor_id for index, actor_id in enumerate(whose)}
        for row in rows(tx, _of_actors(many, reads.form, bounds, full=full), values | named):
            found[row[1]] = Entry(*row)
    return sorted(found.values(), key=lambda entry: entry.id, reverse=not bounds[2])[: values["limit"]]


def repeats(tx: Tx, reads: Reads, found: list[Entry], within: int, hidden: frozenset[int] = frozenset()) -> set[int]:
    """Which of these boosts show a post that an older entry of the feed showed less than `within` ms before.

    A thread that its author and two groups put before someone is there once: where it came first. `hidden`: of these
    actors nothing is shown, so they showed nothing.
    """
    if not found:
        return set()
    span = first_at(within)
    ids = list({entry.post_id for entry in found})
    earliest = min(entry.id for entry in found) - span
    shown: dict[int, list[int]] = defaultdict(list)
    for entry in all_of(tx, _repeats(reads.form), Entry, **_values(reads), posts=ids, since=earliest):
        if entry.actor_id not in hidden:
            shown[entry.post_id].append(entry.id)
    if reads.tags:
        for (post_id,) in rows(tx, _WITH_TAGS, {"tags": list(reads.tags), "posts": ids}):
            shown[post_id].append(post_id)
    return {entry.id for entry in found if any(entry.id - span < one < entry.id for one in shown[entry.post_id])}


def _values(reads: Reads) -> dict[str, Any]:
    return {"person": reads.person_id} | ({} if reads.list_id is None else {"list": reads.list_id})


@cache
def _end(bounds: tuple[bool, bool, bool]) -> Select[Any]:
    """The id of the entry behind the first `walk` within the bounds (`max`, `since`, `min`)."""
    return bounded_by(select(entries.c.id), entries.c.id, 1, *_limits(bounds)).offset(bindparam("walk"))


@cache
def _walk(form: tuple[str | None, bool, bool], bounds: tuple[bool, bool, bool]) -> Select[Any]:
    """The page from among the first `walk` entries within the bounds, made once for each form and set of bounds."""
    end = _end(bounds).correlate(None).scalar_subquery()
    last = func.coalesce(end, literal(_LAST if bounds[2] else 0, Id))
    query = _belonging(form).where(entries.c.id < last if bounds[2] else entries.c.id > last)
    return bounded_by(query, entries.c.id, bindparam("limit"), *_limits(bounds))


@cache
def _firsts(form: tuple[str | None, bool, bool], bounds: tuple[bool, bool, bool]) -> Select[Any]:
    """(actor, first entry of it that belongs into the feed, or NULL), those first whose entry is."""
    mine = select(_PERSON.label("actor_id"))
    whose = (_MEMBERS if form[0] is not None else union_all(_FOLLOWED, mine)).subquery()
    theirs = whose.c[0]
    first = bounded_by(
        select(entries.c.id).where(entries.c.actor_id == theirs, _belongs(form)), entries.c.id, 1, *_limits(bounds)
    ).scalar_subquery()
    shown = first.label("first")
    ordered = shown.asc() if bounds[2] else shown.desc()
    return select(theirs, shown).order_by(ordered.nulls_last()).limit(bindparam("limit"))


@cache
def _of_actors(many: int, form: tuple[str | None, bool, bool], bounds: tuple[bool, bool, bool], *, full: bool) -> Any:
    """The first entries of each of `many` actors, to `end` where `full` pages are certain to end there."""
    parts = []
    for index in range(many):
        query = _belonging(form).where(entries.c.actor_id == bindparam(f"actor{index}", type_=Id()))
        if full:
            query = query.where(or_(_before_end(entries.c.id, bounds), entries.c.id == bindparam("end", type_=Id())))
        part = bounded_by(query, entries.c.id, bindparam("limit"), *_limits(bounds)).subquery()
        parts.append(select(*part.c))
    return union_all(*parts) if many > 1 else parts[0]


def _before_end(column: ColumnElement[int], bounds: tuple[bool, bool, bool]) -> ColumnElement[bool]:
    end = bindparam("end", type_=Id())
    return column < end if bounds[2] else column > end


@cache
def _repeats(form: tuple[str | None, bool, bool]) -> Select[Any]:
    return (
        _belonging(form)
        .where(entries.c.post_id.in_(bindparam("posts", expanding=True)), entries.c.id > bindparam("since"))
        .order_by(entries.c.id.desc())
        .limit(1000)
    )


def _limits(bounds: tuple[bool, bool, bool]) -> list[Any]:
    return [
        bindparam(name, type_=Id()) if given else None
        for name, given in zip(("max", "since", "min"), bounds, strict=True)
    ]


def _belonging(form: tuple[str | None, bool, bool]) -> Select[Any]:
    """The entries that belong into the feed."""
    return select(*_ROW).where(_belongs(form))


def _belongs(form: tuple[str | None, bool, bool]) -> ColumnElement[bool]:
    """The condition on `entries` under which one belongs into the feed. It looks each row up: where a person follows
    hundreds, a set of them would be made for every question."""
    policy, exclusive, groups = form
    if policy is not None:
        return _belongs_in_list(policy)
    put = [or_(~entries.c.boost, follows.c.reblogs)]
    if not groups:
        put.append(~exists(select(actors.c.id).where(actors.c.id == follows.c.target_id, actors.c.kind == GROUP)))
    if exclusive:
        put.append(follows.c.target_id.not_in(_APART))
    return and_(
        or_(entries.c.actor_id == _PERSON, _follows(entries.c.actor_id, *put)),
        or_(
            entries.c.reply_to_actor_id.is_(None),
            entries.c.boost,
            entries.c.actor_id == _PERSON,
            entries.c.reply_to_actor_id == entries.c.actor_id,
            entries.c.reply_to_actor_id == _PERSON,
            _follows(entries.c.reply_to_actor_id),
        ),
    )


def _follows(actor_id: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the person follows this actor, under conditions on that row of `follows`."""
    found = select(follows.c.id).where(
        follows.c.follower_id == _PERSON, follows.c.target_id == actor_id, follows.c.state == "accepted", *conditions
    )
    return exists(found.correlate(entries))


def _belongs_in_list(policy: str) -> ColumnElement[bool]:
    member = exists(_MEMBERS.where(list_members.c.actor_id == entries.c.actor_id).correlate(entries))
    a_group = exists(select(actors.c.id).where(actors.c.id == follows.c.target_id, actors.c.kind == GROUP))
    replies = [
        entries.c.reply_to_actor_id.is_(None),
        entries.c.boost,
        entries.c.reply_to_actor_id == entries.c.actor_id,
        entries.c.reply_to_actor_id == _PERSON,
    ]
    if policy == "followed":
        replies.append(_follows(entries.c.reply_to_actor_id))
    elif policy == "list":
        replies.append(
            exists(_MEMBERS.where(list_members.c.actor_id == entries.c.reply_to_actor_id).correlate(entries))
        )
    return and_(
        member,
        # Who has not let the person follow them yet may be in a list already.
        or_(
            entries.c.actor_id == _PERSON,
            _follows(entries.c.actor_id, or_(~entries.c.boost, follows.c.reblogs, a_group)),
        ),
        or_(*replies),
    )


def _merged(found: list[Entry], more: list[Entry], page: Page) -> list[Entry]:
    """Both, each entry once, in the order of the page and no more than fit."""
    both = {entry.id: entry for entry in (*more, *found)}
    ordered = sorted(both.values(), key=lambda entry: entry.id, reverse=page.min_id is None)
    return ordered[: page.limit]


def _tagged(tx: Tx, reads: Reads, bounds: tuple[bool, bool, bool], values: dict[str, Any]) -> list[Entry]:
    """Public posts with one of the hashtags, as entries of their authors."""
    many = 1 << (len(reads.tags) - 1).bit_length()
    given = reads.tags + (reads.tags[-1],) * (many - len(reads.tags))
    query = _of_tags(many, bounds, reads.form)
    found = rows(tx, query, values | {f"tag{index}": tag for index, tag in enumerate(given)})
    return [Entry(author_id, post_id, post_id, False, reply_to) for author_id, post_id, reply_to in found]


@cache
def _of_tags(many: int, bounds: tuple[bool, bool, bool], form: tuple[str | None, bool, bool]) -> Any:
    """The newest of each of `many` hashtags: a limit for each keeps to its part of the index, however much it is used."""
    _, exclusive, groups = form
    parts = []
    for index in range(many):
        part = (
            select(posts.c.author_id, posts.c.id, posts.c.reply_to_actor_id)
            .join(tags, tags.c.post_id == posts.c.id)
            .where(
                tags.c.tag == bindparam(f"tag{index}", type_=Text()),
                posts.c.visibility == "public",
                posts.c.deleted_at.is_(None),
                posts.c.removed_at.is_(None),
            )
        )
        if exclusive:
            part = part.where(posts.c.author_id.not_in(_APART))
        if not groups:
            part = part.where(posts.c.group_id.is_(None))
        newest = bounded_by(part, tags.c.post_id, bindparam("limit"), *_limits(bounds)).subquery()
        parts.append(select(newest.c.author_id, newest.c.id, newest.c.reply_to_actor_id))
    return union_all(*parts) if many > 1 else parts[0]


_WITH_TAGS = (
    select(tags.c.post_id)
    .join(posts, posts.c.id == tags.c.post_id)
    .where(
        tags.c.tag.in_(bindparam("tags", type_=Text(), expanding=True)),
        tags.c.post_id.in_(bindparam("posts", type_=Id(), expanding=True)),
        posts.c.visibility == "public",
    )
    .distinct()
)
