"""Search in what posts say: the ids of those that a query means and the searcher may find, newest first.

The gate's condition (`visible`) is part of the query, so that pages and counts tell nothing of what is not shown. Beside
it stands whom a person can be found by, as in Mastodon: one finds what one wrote, was named in, liked, kept, boosted or
voted in, what is in one's groups, and public posts of authors who want to be found (`indexable`). Who is nobody finds those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)

from storage import indexed, peers, walks
from storage.actors import actors
from storage.cards import cards
from storage.follows import follows
from storage.ids import first_at
from storage.memberships import memberships
from storage.mentions import mentions
from storage.metadata import Tx
from storage.polls import poll_votes
from storage.posts import IS_LATE, LATE, posts
from storage.queries import Operator, Query
from storage.questions import OPEN, SOLVED
from storage.reactions import bookmarks, boosts, likes
from storage.walks import NO_BOUND, Sought

_NAMING = ("from", "group")
_STATES = {"question": (OPEN, SOLVED), "open": (OPEN,), "solved": (SOLVED,)}
_MOST_HOSTS = 20
_MARGIN = 3_600_000
"""Milliseconds by which the time in an id may be before the post's."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who asks: a person of this instance or nobody, what their server is called, and whom they don't want to meet."""

    person_id: int | None = None
    domains: tuple[str, ...] = ()  # names of this instance, the handles' first
    hidden: frozenset[int] = field(default_factory=frozenset)
    hidden_domains: frozenset[str] = field(default_factory=frozenset)


def find(
    tx: Tx,
    asked: Query,
    visible: ColumnElement[bool],
    searcher: Searcher,
    *,
    called: Mapping[str, Sequence[int]] | None = None,
    limit: int,
    offset: int = 0,
    author_id: int | None = None,
    max_id: int | None = None,
    min_id: int | None = None,
) -> list[int]:
    """The ids of the posts that `asked` means, newest first; none for one that asks for nothing.

    `visible` is the gate's condition on `posts`, `author_id` leaves those of one author, the ids are exclusive bounds.
    `called` are the accounts that `by:` means, by what was typed.
    """
    named = _named(tx, asked.operators, searcher)
    asked = _with_words(asked, named)
    if not asked:
        return []
    dialect = tx.dialect.name
    where = next((one.value for one in asked.operators if one.name == "in" and not one.not_), "all")
    # First whom a post can be found by, which fewer meet and which costs less than the gate.
    conditions = [findable(searcher, where), visible, *_not_hidden(searcher)]
    if asked.unwanted and not (asked.wanted or asked.exact):
        conditions += [~_among(dialect, indexed.with_words(dialect, [(one, True)])) for one in asked.unwanted]
    # PostgreSQL looks for them as it does for words.
    files = [one for one in asked.operators if dialect == "postgresql" and _is_mark(one)]
    if any(one.name in _NAMING and not one.not_ and _key(one) not in named for one in asked.operators):
        return []
    for operator in asked.operators:
        if operator in files:
            continue
        condition: ColumnElement[bool] = posts.c.author_id.in_((called or {}).get(operator.value, ()))
        if operator.name != "by":
            condition = _condition(dialect, operator, named)
        conditions.append(not_(condition) if operator.not_ else condition)
    if author_id is not None:
        conditions.append(posts.c.author_id == author_id)
    only = _only(named, asked.operators, searcher, where, author_id)
    above, below = _days(asked.operators)
    last = NO_BOUND if max_id is None else max_id
    ways = [(only, max(above, min_id or 0), min(below, last))]
    # Ids tell the time, but for what came long after the time that it gives.
    late = select(posts.c.id).where(IS_LATE)
    if below < last and tx.scalar(late.where(posts.c.id >= below, posts.c.id < last).limit(1)) is not None:
        ways.insert(0, (late, max(below - 1, min_id or 0), last))
    found: list[int] = []
    by_id = _on_sqlite if dialect == "sqlite" else _on_postgresql
    for among, after, before in ways:
        if len(found) < offset + limit:
            found += by_id(tx, asked, Sought(conditions, "", among, before, after), offset + limit - len(found))
    return found[offset:]


def _on_sqlite(tx: Tx, asked: Query, sought: Sought, many: int) -> list[int]:
    """The newest `many` that are sought and have the words of `asked`: FTS5 gives them in the order of ids."""
    query: Select[tuple[int]] = select(posts.c.id)
    here: ColumnElement[int] = posts.c.id
    groups = _groups(asked)
    if groups:
        here = indexed.id_of("sqlite")
        query = query.join(indexed.searches, here == posts.c.id)
        query = query.where(indexed.with_words("sqlite", groups, asked.unwanted))
    if sought.among is not None:
        # The plus keeps it from asking FTS5 once for each of them.
        query = query.where((literal_column("+searches.rowid") if groups else here).in_(sought.among))
    query = query.where(here > sought.above, here < sought.below, *sought.conditions)
    return list(tx.scalars(query.order_by(here.desc()).limit(many)))


def _on_postgresql(tx: Tx, asked: Query, sought: Sought, many: int) -> list[int]:
    """The same as `storage.walks` finds them."""
    groups = _groups(asked)
    files = [one.value for one in asked.operators if _is_mark(one)]
    words = indexed.asked_of_postgresql(groups, asked.unwanted if groups else (), files)
    return walks.newest(tx, replace(sought, words=words), many)


def _is_mark(operator: Operator) -> bool:
    return operator.name == "has" and not operator.not_ and operator.value in indexed.MARKS


def _groups(asked: Query) -> list[tuple[tuple[str, ...], bool]]:
    """The groups of words that must be there, and whether they are meant exactly."""
    return [(group, False) for group in asked.wanted] + [(group, True) for group in asked.exact]


def _days(operators: tuple[Operator, ...]) -> tuple[int, int]:
    """The ids between which what these days mean is, both exclusive, but for what is late."""
    above, below = 0, NO_BOUND
    for one in operators:
        if one.name in ("after", "during") and not one.not_:
            begin = one.day if one.name == "during" else one.end
            above = max(above, min(NO_BOUND, first_at(begin - _MARGIN)))
        if one.name in ("before", "during") and not one.not_:
            end = one.day if one.name == "before" else one.end
            below = max(0, min(below, first_at(end + LATE)))
    return above, below


def _only(
    named: Mapping[str, int | tuple[str, ...]],
    operators: tuple[Operator, ...],
    searcher: Searcher,
    where: str,
    author_id: int | None,
) -> Select[tuple[int]] | None:
    """The ids of those posts alone that can be meant where these are one author's, or in one group, or the searcher's own."""
    for one in operators:
        known = named.get(_key(one))
        if isinstance(known, tuple) and not one.not_:
            there = select(actors.c.id).where(actors.c.host.in_(known))
            return select(posts.c.id).where(posts.c.author_id.in_(there))
        if known is not None and not one.not_:
            if one.name == "from":
                return select(posts.c.id).where(posts.c.author_id == known)
            return select(posts.c.id).where(posts.c.group_id == known, posts.c.group_id.isnot(None))
    if author_id is not None:
        return select(posts.c.id).where(posts.c.author_id == author_id)
    states = [_STATES[one.value] for one in operators if one.name == "is" and one.value in _STATES and not one.not_]
    if states:
        return select(posts.c.id).where(posts.c.asks.isnot(None), posts.c.asks.in_(states[0]))
    if where == "library" and searcher.person_id is not None:
        me = searcher.person_id
        own = select(posts.c.id.label("post_id")).where(posts.c.author_id == me)
        library = union_all(own, *_had_to_do_with(me)).subquery("library")
        return select(library.c.post_id)
    return None


def _among(dialect: str, holds: ColumnElement[bool]) -> ColumnElement[bool]:
    return posts.c.id.in_(select(indexed.id_of(dialect)).select_from(indexed.searches).where(holds))


def _not_hidden(searcher: Searcher) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if searcher.hidden:
        found.append(posts.c.author_id.notin_(sorted(searcher.hidden)))
    if searcher.hidden_domains:
        domains = sorted(searcher.hidden_domains)
        there = or_(actors.c.domain.in_(domains), actors.c.host.in_(domains))
        found.append(~exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, there)))
    return found


def findable(searcher: Searcher, where: str = "all") -> ColumnElement[bool]:
    """Whom a post can be found by: see the top of this file."""
    public = and_(
        posts.c.visibility == "public",
        exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, actors.c.indexable)),
    )
    me = searcher.person_id
    if me is None:
        return false() if where == "library" else public
    # Gathered once for the whole search: to look at each post for all of these takes many times as long.
    library = or_(posts.c.author_id == me, posts.c.id.in_(union_all(*_had_to_do_with(me))))
    if where == "library":
        return library
    if where == "public":
        return public
    mine = select(memberships.c.group_id).where(memberships.c.actor_id == me, memberships.c.state == "accepted")
    return or_(public, posts.c.group_id.in_(mine), library)


def _had_to_do_with(me: int) -> list[Select[tuple[int]]]:
    """The posts that a person was named in, liked, kept, boosted or voted in."""
    return [
        select(mentions.c.post_id).where(mentions.c.actor_id == me),
        select(likes.c.post_id).where(likes.c.actor_id == me),
        select(bookmarks.c.post_id).where(bookmarks.c.person_id == me),
        select(boosts.c.post_id).where(boosts.c.actor_id == me),
        select(poll_votes.c.post_id).where(poll_votes.c.actor_id == me),
    ]


def _with_words(asked: Query, named: Mapping[str, int | tuple[str, ...]]) -> Query:
    """The query, with what names nothing here as the words that it may be."""
    lost = [one for one in asked.operators if one.words and _key(one) not in named]
    if not lost:
        return asked
    kept = tuple(one for one in asked.operators if one not in lost)
    wanted = (*asked.wanted, *(one.words for one in lost if not one.not_))
    return replace(
        asked, wanted=wanted, unwanted=(*asked.unwanted, *(one.words for one in lost if one.not_)), operators=kept
    )


def _named(tx: Tx, operators: tuple[Operator, ...], searcher: Searcher) -> dict[str, int | tuple[str, ...]]:
    """The ids of the actors that operators name, or the hosts of the university that they do, by what was typed."""
    found: dict[str, int | tuple[str, ...]] = {}
    for one in operators:
        if one.name not in _NAMING:
            continue
        if one.name == "from" and one.value == "me":
            if searcher.person_id is not None:
                found[_key(one)] = searcher.person_id
            continue
        username, _, domain = one.value.lstrip("@!").partition("@")
        if domain == "" or domain in searcher.domains:
            domain = searcher.domains[0] if searcher.domains else ""
        query = select(actors.c.id).where(func.lower(actors.c.username) == username, actors.c.domain == domain)
        if one.name == "group":
            query = query.where(actors.c.kind == "Group")
        known = tx.scalar(query)
        if known is None and "@" not in one.value:
            known = _mine(tx, username, searcher) if one.name == "group" else _hosts(tx, one.value, searcher)
        if known is not None:
            found[_key(one)] = known
    return found


def _mine(tx: Tx, username: str, searcher: Searcher) -> int | None:
    """The group elsewhere of this name that the searcher is in."""
    if searcher.person_id is None:
        return None
    query = (
        select(actors.c.id)
        .join(follows, follows.c.target_id == actors.c.id)
        .where(follows.c.follower_id == searcher.person_id, follows.c.state == "accepted", actors.c.kind == "Group")
        .where(func.lower(actors.c.username) == username)
    )
    return tx.scalar(query.order_by(follows.c.id).limit(1))


def _hosts(tx: Tx, name: str, searcher: Searcher) -> tuple[str, ...] | None:
    """The hosts of the university that is called so: `beta` is `beta.example`."""
    own = tuple(one for one in searcher.domains if one == name or one.startswith(f"{name}."))
    exactly = [name] if peers.by_host(tx, name) is not None else []
    return (*own, *exactly, *peers.beginning(tx, f"{name}.", _MOST_HOSTS)) or None


def _key(operator: Operator) -> str:
    return f"{operator.name} {operator.value}"


def _condition(dialect: str, operator: Operator, named: Mapping[str, int | tuple[str, ...]]) -> ColumnElement[bool]:
    name, value = operator.name, operator.value
    if name == "from":
        who = named.get(_key(operator))
        if isinstance(who, tuple):
            return exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, actors.c.host.in_(who)))
        return false() if who is None else posts.c.author_id == who
    if name == "group":
        group = named.get(_key(operator))
        return false() if group is None else and_(posts.c.group_id.isnot(None), posts.c.group_id == group)
    if name == "before":
        return posts.c.published_at < operator.day
    if name == "after":
        return posts.c.published_at >= operator.end
    if name == "during":
        return and_(posts.c.published_at >= operator.day, posts.c.published_at < operator.end)
    if name == "language":
        language = func.lower(func.coalesce(posts.c.language, ""))
        return or_(language == value, language.like(f"{value}-%"))
    if name == "is" and value in _STATES:
        return and_(posts.c.asks.isnot(None), posts.c.asks.in_(_STATES[value]))
    if name == "is":
        return posts.c.reply_to_iri.isnot(None) if value == "reply" else posts.c.sensitive
    if name == "has":
        if value == "poll":
            return posts.c.kind == "Question"
        if value == "embed":
            shown = select(cards.c.url).where(cards.c.url == posts.c.card_url, cards.c.state == "ready")
            return and_(posts.c.card_url.isnot(None), exists(shown))
        if value == "pdf":
            papers = type_coerce(posts.c.attachments, Text).contains('"media_type":"application/pdf"', autoescape=True)
            return and_(_among(dialect, indexed.with_mark(dialect, "media")), papers)
        return _among(dialect, indexed.with_mark(dialect, value))
    return true()  # in: says where, which `findable` looks at
