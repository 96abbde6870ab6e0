"""Search for accounts: by their handles, and by the words of their names (`storage.names`)."""

from sqlalchemy import CompoundSelect, Select, case, exists, func, or_, select, union_all

from storage import names
from storage.actors import Actor, actors
from storage.follows import follows
from storage.memberships import memberships
from storage.metadata import Tx, all_of, columns
from storage.peers import peers
from storage.searches import Searcher

_CANDIDATES, _POPULAR = 2_000, 400
"""Accounts that are looked at for a few letters, beside those that the searcher follows and the most followed people and groups of this
instance."""


def _candidates(typed: str, searcher: Searcher) -> CompoundSelect[tuple[int]] | Select[tuple[int]]:
    """The ids of the accounts that may be meant."""
    mine = select(follows.c.target_id).where(follows.c.follower_id == (searcher.person_id or 0))
    if not typed:
        return mine
    some = names.beginning(typed, _CANDIDATES).subquery()
    several = [select(some.c.actor_id), mine]
    for kind in ("Person", "Group"):
        here = select(actors.c.id).where(actors.c.local, actors.c.kind == kind)
        known = here.order_by(actors.c.followers_count.desc(), actors.c.id.desc()).limit(_POPULAR).subquery()
        several.append(select(known.c.id))
    return union_all(*several)


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
    closed = peers.c.stance.in_(("suspended", "blocked"))
    blocked = exists(select(peers.c.host).where(peers.c.host == actors.c.host, closed))
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
