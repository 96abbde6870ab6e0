"""Search in what posts say: the ids of those that a question means and the searcher may find, newest first.

The gate's condition (`visible`) is part of the query, so that pages and counts tell nothing of what is not shown. Beside
it stands whom a person can be found by, as in Mastodon: one finds what one wrote, was named in, liked, kept, boosted or
voted in, what is in one's groups, and public posts of authors who want to be found (`indexable`). Who is nobody finds those.
"""

from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)

from storage import indexed, names
from storage.actors import Actor, actors
from storage.cards import cards
from storage.follows import follows
from storage.memberships import memberships
from storage.mentions import mentions
from storage.metadata import Tx, all_of, columns
from storage.peers import peers
from storage.polls import poll_votes
from storage.posts import posts
from storage.questions import Operator, Question, next_day
from storage.reactions import bookmarks, boosts, likes


@dataclass(frozen=True, slots=True)
class Searcher:
    """Who asks: a person of this instance or nobody, what their server is called, and whom they don't want to meet."""

    person_id: int | None = None
    domains: tuple[str, ...] = ()  # names of this instance, the handles' first
    hidden: frozenset[int] = field(default_factory=frozenset)
    hidden_domains: frozenset[str] = field(default_factory=frozenset)


def find(
    tx: Tx,
    question: Question,
    visible: ColumnElement[bool],
    searcher: Searcher,
    *,
    limit: int,
    offset: int = 0,
    author_id: int | None = None,
    max_id: int | None = None,
    min_id: int | None = None,
) -> list[int]:
    """The ids of the posts that `question` means, newest first; none for a question that asks for nothing.

    `visible` is the gate's condition on `posts`, `author_id` leaves those of one author, the ids are exclusive bounds.
    """
    if not question:
        return []
    dialect = tx.dialect.name
    where = next((one.value for one in question.operators if one.name == "in" and not one.not_), "all")
    # First whom a post can be found by, which fewer meet and which costs less than the gate.
    conditions = [_findable(searcher, where), visible, *_not_hidden(searcher)]
    query: Select[tuple[int]] = select(posts.c.id)
    words = _words(dialect, question)
    here: ColumnElement[int] = posts.c.id
    if words:
        here = indexed.id_of(dialect) if dialect == "sqlite" else posts.c.id
        query = query.join(indexed.searches, indexed.id_of(dialect) == posts.c.id)
        conditions += words
    elif question.unwanted:
        conditions += [~_among(dialect, indexed.with_words(dialect, [(one, True)])) for one in question.unwanted]
    named = _named(tx, question.operators, searcher)
    for operator in question.operators:
        condition = _condition(dialect, operator, searcher, named)
        conditions.append(not_(condition) if operator.not_ else condition)
    if author_id is not None:
        conditions.append(posts.c.author_id == author_id)
    if max_id is not None:
        conditions.append(here < max_id)
    if min_id is not None:
        conditions.append(here > min_id)
    return list(tx.scalars(query.where(*conditions).order_by(here.desc()).limit(limit).offset(offset)))


def _words(dialect: str, question: Question) -> list[ColumnElement[bool]]:
    """The conditions on words as one: FTS5 takes one question for each table."""
    groups = [(group, False) for group in question.wanted] + [(group, True) for group in question.exact]
    return [indexed.with_words(dialect, groups, question.unwanted)] if groups else []


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


def _findable(searcher: Searcher, where: str) -> ColumnElement[bool]:
    """Whom a post can be found by: see the top of this file."""
    public = and_(
        posts.c.visibility == "public",
        exists(select(actors.c.id).where(actors.c.id == posts.c.author_id, actors.c.indexable)),
    )
    me = searcher.person_id
    if me is None:
        return false() if where == "library" else public
    # Gathered once for the whole search: to look at each post for all of these takes many times as long.
    library = or_(
        posts.c.author_id == me,
        posts.c.id.in_(
            union_all(
                select(mentions.c.post_id).where(mentions.c.actor_id == me),
                select(likes.c.post_id).where(likes.c.actor_id == me),
                select(bookmarks.c.post_id).where(bookmarks.c.person_id == me),
                select(boosts.c.post_id).where(boosts.c.actor_id == me),
                select(poll_votes.c.post_id).where(poll_votes.c.actor_id == me),
            )
        ),
    )
    if where == "library":
        return library
    if where == "public":
        return public
    mine = select(memberships.c.group_id).where(memberships.c.actor_id == me, memberships.c.state == "accepted")
    return or_(public, posts.c.group_id.in_(mine), library)


def _named(tx: Tx, operators: tuple[Operator, ...], searcher: Searcher) -> dict[str, int]:
    """The ids of the actors that operators name, by what was typed."""
    found: dict[str, int] = {}
    for one in operators:
        if one.name not in ("from", "group"):
            continue
        if one.name == "from" and one.value == "me":
            if searcher.person_id is not None:
                found["me"] = searcher.person_id
            continue
        username, _, domain = one.value.lstrip("@!").partition("@")
        if domain == "" or domain in searcher.domains:
            domain = searcher.domains[0] if searcher.domains else ""
        query = select(actors.c.id).where(func.lower(actors.c.username) == username, actors.c.domain == domain)
        if one.name == "group":
            query = query.where(actors.c.kind == "Group")
        known = tx.scalar(query)
        if known is not None:
            found[f"{one.name} {one.value}"] = known
    return found


def _condition(dialect: str, operator: Operator, searcher: Searcher, named: dict[str, int]) -> ColumnElement[bool]:
    name, value = operator.name, operator.value
    if name == "from":
        who = named.get("me" if value == "me" else f"from {value}")
        return false() if who is None else posts.c.author_id == who
    if name == "group":
        group = named.get(f"group {value}")
        return false() if group is None else and_(posts.c.group_id.isnot(None), posts.c.group_id == group)
    if name == "before":
        return posts.c.published_at < operator.day
    if name == "after":
        return posts.c.published_at >= next_day(operator.day)
    if name == "during":
        return and_(posts.c.published_at >= operator.day, posts.c.published_at < next_day(operator.day))
    if name == "language":
        language = func.lower(func.coalesce(posts.c.language, ""))
        return or_(language == value, language.like(f"{value}-%"))
    if name == "is":
        return posts.c.reply_to_iri.isnot(None) if value == "reply" else posts.c.sensitive
    if name == "has":
        if value == "poll":
            return posts.c.kind == "Question"
        if value == "embed":
            shown = select(cards.c.url).where(cards.c.url == posts.c.card_url, cards.c.state == "ready")
            return and_(posts.c.card_url.isnot(None), exists(shown))
        return _among(dialect, indexed.with_mark(dialect, value))
    return true()  # in: says where, which `_findable` looks at


_CANDIDATES = 10_000
"""Accounts that are looked at for a few letters, beside those that the searcher follows."""


def _candidates(typed: str, searcher: Searcher) -> CompoundSelect[tuple[int]] | Select[tuple[int]]:
    """The ids of the accounts that may be meant."""
    some = names.beginning(typed, _CANDIDATES).subquery() if typed else None
    mine = select(follows.c.target_id).where(follows.c.follower_id == (searcher.person_id or 0))
    return mine if some is None else union_all(select(some.c.actor_id), mine)


def accounts(
    tx: Tx, typed: str, searcher: Searcher, *, limit: int, offset: int = 0, following: bool = False
) -> list[Actor]:
    """Active accounts whose handle, or a word of whose name, begins with what was `typed` (with or without `@` or `!`).

    First whom the handle names exactly, then whom the searcher follows or whose group they are in, then those of this
    instance, then the most followed. Whom one blocked comes only by the exact handle; nobody comes from a blocked host.
    `!` leaves groups alone, `following` those that the searcher follows.
    """
    words = " ".join(typed[:200].replace("\x00", " ").split()).lower()
    only_groups, words = words.startswith("!"), words.lstrip("@!")
    username, at, domain = words.partition("@")
    if at and domain in searcher.domains:
        words = f"{username}@{searcher.domains[0]}"
    if not words or not (username or domain):
        return []
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    handle = func.lower(actors.c.username) + "@" + actors.c.domain
    name = func.lower(actors.c.name)
    # In a name a word begins so; names in scripts without spaces are found by any part.
    within = (f"{pattern}%", f"% {pattern}%") if words.isascii() else (f"%{pattern}%",)
    exact = handle == words if at else func.lower(actors.c.username) == words
    followed = exists(
        select(follows.c.id).where(
            follows.c.follower_id == (searcher.person_id or 0),
            follows.c.target_id == actors.c.id,
            follows.c.state == "accepted",
        )
    )
    inside = exists(
        select(memberships.c.group_id).where(
            memberships.c.actor_id == (searcher.person_id or 0),
            memberships.c.group_id == actors.c.id,
            memberships.c.state == "accepted",
        )
    )
    blocked = exists(select(peers.c.host).where(peers.c.host == actors.c.host, peers.c.stance == "blocked"))
    query = select(*columns(actors, Actor)).where(
        actors.c.id.in_(_candidates(username if at else words, searcher)),
        actors.c.state == "active",
        actors.c.kind != "Application",
        or_(handle.like(f"{pattern}%", escape="\\"), *(name.like(one, escape="\\") for one in within)),
        ~blocked,
    )
    if searcher.hidden:
        query = query.where(or_(exact, actors.c.id.notin_(sorted(searcher.hidden))))
    if searcher.hidden_domains:
        query = query.where(or_(exact, actors.c.domain.notin_(sorted(searcher.hidden_domains))))
    if following:
        query = query.where(or_(followed, inside))
    if only_groups:
        query = query.where(actors.c.kind == "Group")
    rank = case((exact, 0), (followed, 1), (inside, 1), else_=2)
    query = query.order_by(rank, actors.c.local.desc(), actors.c.followers_count.desc(), actors.c.id)
    return all_of(tx, query.limit(limit).offset(offset), Actor)
