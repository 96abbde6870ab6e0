"""Follows between this instance and one host: what a peering holds, and what would be lost with it. Those of canaries
(`fedi.actions.canaries`) are no part of it: nobody follows anybody there."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from storage.actors import actors
from storage.follows import follows
from storage.metadata import Tx

_ONE, _OTHER = actors.alias("one"), actors.alias("other")


@dataclass(frozen=True, slots=True)
class Edge:
    """A follow between an actor here and one at a host: its id, whether ours follows theirs, who both are, and its state."""

    follow_id: int
    following: bool
    person_id: int
    person: str
    actor_id: int
    actor_iri: str
    handle: str
    group: bool
    """Whether a group is followed: one is in it."""
    state: str


def _edges(host: str, *, following: bool) -> Select[Any]:
    """Follows of ours to actors at the host, or of theirs to ours."""
    ours, theirs = (follows.c.follower_id, follows.c.target_id) if following else (
        follows.c.target_id, follows.c.follower_id
    )  # fmt: skip
    target = _OTHER if following else _ONE
    return (
        select(
            follows.c.id,
            _ONE.c.id.label("person_id"),
            _ONE.c.username,
            _OTHER.c.id.label("actor_id"),
            _OTHER.c.iri,
            _OTHER.c.username,
            _OTHER.c.domain,
            target.c.kind == "Group",
            follows.c.state,
        )
        .select_from(follows)
        .join(_ONE, _ONE.c.id == ours)
        .join(_OTHER, _OTHER.c.id == theirs)
        .where(_OTHER.c.host == host, _ONE.c.local, ~_OTHER.c.local, _ONE.c.kind != "Application")
    )


def of_host(tx: Tx, host: str, limit: int) -> list[Edge]:
    """Up to `limit` of them, requests included, those that people here made first."""
    found: list[Edge] = []
    for following in (True, False):
        if len(found) < limit:
            query = _edges(host, following=following).order_by(follows.c.id).limit(limit - len(found))
            found += (
                Edge(row[0], following, row[1], row[2], row[3], row[4], f"{row[5]}@{row[6]}", bool(row[7]), row[8])
                for row in tx.execute(query)
            )
    return found


def totals(tx: Tx, host: str) -> tuple[int, int, int]:
    """(accepted follows of ours there, accepted follows of theirs here, how many here have any)."""
    out = _edges(host, following=True).where(follows.c.state == "accepted").subquery()
    back = _edges(host, following=False).where(follows.c.state == "accepted").subquery()
    concerned = select(out.c.person_id).union(select(back.c.person_id)).subquery()
    numbers = [tx.scalar(select(func.count()).select_from(one)) or 0 for one in (out, back, concerned)]
    return numbers[0], numbers[1], numbers[2]


@dataclass(frozen=True, slots=True)
class Followed:
    """Somebody at a host whom people here follow, or a group there that they are in; with its outbox, if it has one."""

    actor_id: int
    iri: str
    outbox: str | None
    group: bool


def followed(tx: Tx, host: str, *, after: int, limit: int) -> list[Followed]:
    """Whom people here follow at a host, behind the id `after`, by id."""
    here = actors.alias("here")
    wanted = (
        select(follows.c.id)
        .join(here, here.c.id == follows.c.follower_id)
        .where(follows.c.target_id == actors.c.id, follows.c.state == "accepted", here.c.local)
    )
    query = select(actors.c.id, actors.c.iri, actors.c.outbox, actors.c.kind == "Group").where(
        actors.c.host == host, actors.c.id > after, actors.c.state == "active", wanted.exists()
    )
    return [
        Followed(row[0], row[1], row[2], bool(row[3])) for row in tx.execute(query.order_by(actors.c.id).limit(limit))
    ]
