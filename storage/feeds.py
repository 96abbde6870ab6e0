"""Feeds: what of the rows of `storage.timelines` is in one person's home, and in a list of theirs, with what they wish.

Reading joins; nothing is copied to each reader. The queries are built once for each combination of wishes that changes
them, as a home is asked for more than anything else. Not here: the gate, hiding, languages (`fedi.feeds`).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, Text, bindparam, literal_column, null, or_, select, type_coerce, union_all

from storage.actors import GROUP, actors
from storage.follows import follows
from storage.hashtags import followed_tags
from storage.ids import first_at
from storage.lists import list_members, lists
from storage.metadata import Id, Tx, all_of, columns
from storage.people import people
from storage.posts import posts, tags
from storage.prepared import rows
from storage.timelines import Entry, Page, bounded_by, entries

REPEAT = 3 * 24 * 3600 * 1000
"""Milliseconds within which a post is not shown again in a feed; Mastodon counts 40 to 80 entries (REBLOG_FALLOFF)."""
_WALK = 1500
"""Entries looked at from the newest on before the index per actor is asked: quick for a busy home, bounded for a quiet one."""
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
    found = all_of(tx, _query(reads.form, bounds, walk=True), Entry, **values)
    if len(found) < page.limit:
        # A quiet feed: the newest entries of the whole server hold too few; ask the index of each followed actor.
        found = all_of(tx, _query(reads.form, bounds, walk=False), Entry, **values)
    if reads.tags:
        found = _merged(found, _tagged(tx, reads, bounds, values), page)
    return found[::-1] if page.min_id is not None else found


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
def _query(form: tuple[str | None, bool, bool], bounds: tuple[bool, bool, bool], *, walk: bool) -> Select[Any]:
    """The query of a page, made once for each form and set of bounds (`max`, `since`, `min`); `walk` as `_WALK` says."""
    limits = _limits(bounds)
    if not walk:
        return bounded_by(_belonging(entries.c, form), entries.c.id, bindparam("limit"), *limits)
    newest = bounded_by(select(*_ROW), entries.c.id, _WALK, *limits).subquery()
    return bounded_by(_belonging(newest.c, form), newest.c.id, bindparam("limit"), *limits)


@cache
def _repeats(form: tuple[str | None, bool, bool]) -> Select[Any]:
    return (
        _belonging(entries.c, form)
        .where(entries.c.post_id.in_(bindparam("posts", expanding=True)), entries.c.id > bindparam("since"))
        .order_by(entries.c.id.desc())
        .limit(1000)
    )


def _limits(bounds: tuple[bool, bool, bool]) -> list[Any]:
    return [
        bindparam(name, type_=Id()) if given else None
        for name, given in zip(("max", "since", "min"), bounds, strict=True)
    ]


def _belonging(entry: Any, form: tuple[str | None, bool, bool]) -> Select[Any]:
    """The rows of `entry` (columns of `entries` or of a part of it) that belong into the feed."""
    policy, exclusive, groups = form
    if policy is not None:
        return _in_list(entry, policy)
    put = _FOLLOWED
    if not groups:
        put = put.join(actors, actors.c.id == follows.c.target_id).where(actors.c.kind != GROUP)
    if exclusive:
        put = put.where(follows.c.target_id.not_in(_APART))
    return select(entry.actor_id, entry.id, entry.post_id, entry.boost, entry.reply_to_actor_id).where(
        or_(entry.actor_id == _PERSON, entry.actor_id.in_(put)),
        or_(~entry.boost, entry.actor_id == _PERSON, entry.actor_id.in_(_FOLLOWED.where(follows.c.reblogs))),
        or_(
            entry.reply_to_actor_id.is_(None),
            entry.boost,
            entry.actor_id == _PERSON,
            entry.reply_to_actor_id == entry.actor_id,
            entry.reply_to_actor_id == _PERSON,
            entry.reply_to_actor_id.in_(_FOLLOWED),
        ),
    )


def _in_list(entry: Any, policy: str) -> Select[Any]:
    members = select(list_members.c.actor_id).where(
        list_members.c.list_id == _LIST,
        # Who has not let the person follow them yet may be in a list already.
        or_(list_members.c.actor_id == _PERSON, list_members.c.actor_id.in_(_FOLLOWED)),
    )
    boosts = _FOLLOWED.join(actors, actors.c.id == follows.c.target_id).where(
        or_(follows.c.reblogs, actors.c.kind == GROUP)
    )
    replies = [
        entry.reply_to_actor_id.is_(None),
        entry.boost,
        entry.reply_to_actor_id == entry.actor_id,
        entry.reply_to_actor_id == _PERSON,
    ]
    if policy == "followed":
        replies.append(entry.reply_to_actor_id.in_(_FOLLOWED))
    elif policy == "list":
        replies.append(
            entry.reply_to_actor_id.in_(select(list_members.c.actor_id).where(list_members.c.list_id == _LIST))
        )
    return select(entry.actor_id, entry.id, entry.post_id, entry.boost, entry.reply_to_actor_id).where(
        entry.actor_id.in_(members),
        or_(~entry.boost, entry.actor_id == _PERSON, entry.actor_id.in_(boosts)),
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
