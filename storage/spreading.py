"""Spreading: which links the next rows of the outbox log concern, and so how far each of them wants to go."""

import random
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Insert, Text, and_, bindparam, case, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.actors import actors
from storage.cursors import cursors
from storage.follows import follows
from storage.links import links
from storage.metadata import Id, Tx, upsert
from storage.outbox import audiences, outbox
from storage.posts import posts
from storage.prepared import change_each, parts, rows

MANY = 64
"""Hosts that hear at once of somebody else's post that links to a page; more hear of it one after another ..."""
_APART = 40
"""... so many ms apart ..."""
_AT_MOST = 30_000
"""... but all within so many ms."""
_STEPS = 32

_AT = select(cursors.c.position).where(cursors.c.name == bindparam("name", type_=Text())).with_for_update()
_NEXT = (
    select(outbox.c.position, outbox.c.type)
    .where(outbox.c.position > bindparam("at", type_=BigInteger()))
    .order_by(outbox.c.position)
    .limit(bindparam("most", type_=BigInteger()))
)
_WHO = select(audiences.c.position, audiences.c.followers_of, audiences.c.host).where(
    audiences.c.position > bindparam("after", type_=BigInteger()),
    audiences.c.position <= bindparam("last", type_=BigInteger()),
)
_HOSTS = (
    select(follows.c.target_id, actors.c.host)
    .distinct()
    .select_from(follows)
    .join(actors, actors.c.id == follows.c.follower_id)
    .where(
        follows.c.target_id.in_(bindparam("targets", type_=Id(), expanding=True)),
        follows.c.state == "accepted",
        ~actors.c.local,
    )
)
_LATER = (
    update(links)
    .where(
        links.c.host == bindparam("of_host", type_=Text()),
        links.c.failures == 0,
        links.c.next_attempt_at <= bindparam("now", type_=BigInteger()),
    )
    .values(next_attempt_at=bindparam("later", type_=BigInteger()))
)


@dataclass(slots=True)
class _Rows:
    """The rows that concern whoever follows one actor, or one host that is named."""

    first: int = 0
    last: int = 0
    positions: list[int] = field(default_factory=list)

    def add(self, position: int) -> None:
        self.first = min(self.first or position, position)
        self.last = max(self.last, position)
        self.positions.append(position)


def spread(tx: Tx, limit: int, now: int | None = None) -> int:
    """Wake the links that the next rows of the log concern; how many rows were looked at comes back.

    A host that was never sent anything gets its link here, with its cursor just before the row. What one follows is looked
    up once for all rows of an author, so that a long log costs by its authors, not by its rows.

    With the time `now` (ms), many hosts that are told of a new post elsewhere which links to a page are told over some
    seconds: each may fetch that page for a preview, and a group must not turn its followers' servers on whatever somebody
    links to (PROTOCOL section 5). What makes nobody fetch, votes and edits and plain words, goes at once; and what somebody
    here says themselves does not wait for what was put off before it.
    """
    found = rows(tx, _AT, {"name": "spread"})
    at = found[0][0] if found else 0
    following = rows(tx, _NEXT, {"at": at, "most": limit})
    if not following:
        return 0
    last = following[-1][0]
    by_author: dict[int, _Rows] = defaultdict(_Rows)
    by_host: dict[str, _Rows] = defaultdict(_Rows)
    for position, author, host in rows(tx, _WHO, {"after": at, "last": last}):
        (by_host[host] if author is None else by_author[author]).add(position)
    concerned: dict[str, list[_Rows]] = {host: [several] for host, several in by_host.items()}
    for some in parts(list(by_author)):
        for author, host in rows(tx, _HOSTS, {"targets": some}):
            concerned.setdefault(host, []).append(by_author[author])
    if concerned:
        _wake(tx, concerned, {row[0]: row[1] for row in following}, now)
    upsert(tx, cursors, {"name": "spread", "position": last}, ["name"])
    return len(following)


def _wake(tx: Tx, concerned: dict[str, list[_Rows]], kinds: dict[int, str], now: int | None) -> None:
    passed_on = [position for position, kind in kinds.items() if kind == "Announce"]
    crowd = now is not None and bool(passed_on) and sum(map(_count, concerned.values())) > MANY
    inviting = _inviting(tx, passed_on) if crowd else set()
    own = set(kinds).difference(passed_on)
    usual: list[dict[str, Any]] = []
    hurried: list[dict[str, Any]] = []
    put_off: list[str] = []
    for host in sorted(concerned):  # in one order everywhere, so that two who change many never wait for each other
        here = concerned[host]
        values = {
            "host": host,
            "cursor": min(several.first for several in here) - 1,
            "wanted": max(several.last for several in here),
            "failures": 0,
            "refused_in_row": 0,
            "next_attempt_at": 0,
            "state": "open",
        }
        if now is not None and _any_of(here, own):
            hurried.append(values | {"next_attempt_at": now})
        else:
            usual.append(values)
        if inviting and all(inviting.issuperset(several.positions) for several in here):
            put_off.append(host)
    for several, hurry in ((usual, False), (hurried, True)):
        if several:
            change_each(tx, _want(tx.dialect.name, hurry), several)
    if now is not None and len(put_off) > MANY:
        _apart(tx, put_off, now)


def _count(several: Sequence[_Rows]) -> int:
    return sum(len(one.positions) for one in several)


def _any_of(several: Sequence[_Rows], positions: Collection[int]) -> bool:
    return bool(positions) and any(position in positions for one in several for position in one.positions)


@cache
def _want(dialect: str, hurry: bool) -> Insert:
    """A link that wants to go to a row: made, or its `wanted` moved. One at rest begins at the first of these rows: what
    came before concerned nobody there when it was sent, though it may concern somebody who follows since."""
    insert = postgresql.insert(links) if dialect == "postgresql" else sqlite.insert(links)
    names = ("host", "cursor", "wanted", "failures", "refused_in_row", "next_attempt_at", "state")
    statement = insert.values({name: bindparam(name, type_=links.c[name].type) for name in names}).inline()
    new = statement.excluded
    rests = and_(links.c.cursor >= links.c.wanted, links.c.cursor < new.cursor)
    set_ = {"wanted": new.wanted, "cursor": case((rests, new.cursor), else_=links.c.cursor)}
    if hurry:
        put_off = and_(links.c.failures == 0, links.c.next_attempt_at > new.next_attempt_at)
        set_["next_attempt_at"] = case((put_off, new.next_attempt_at), else_=links.c.next_attempt_at)
    return statement.on_conflict_do_update(index_elements=["host"], set_=set_, where=links.c.wanted < new.wanted)


def _inviting(tx: Tx, positions: list[int]) -> set[int]:
    """The rows by which a post of another instance is passed on for the first time, if it links to a page."""
    before = outbox.alias()
    passed_on_before = (
        exists()
        .where(before.c.post_id == outbox.c.post_id, before.c.position < outbox.c.position)
        .where(before.c.type == "Announce", before.c.actor_id == outbox.c.actor_id, before.c.form == outbox.c.form)
    )
    query = (
        select(outbox.c.position, posts.c.link, posts.c.content)
        .join(posts, posts.c.id == outbox.c.post_id)
        .where(outbox.c.position.in_(positions), outbox.c.type == "Announce", ~posts.c.local, ~passed_on_before)
    )
    return {position for position, link, content in tx.execute(query) if link is not None or _links(content)}


def _links(content: str) -> bool:
    """Whether some HTML links to more than people and tags, whose servers see no previews in them."""
    return any(not re.search(r"\b(?:mention|hashtag|u-url)\b", tag) for tag in re.findall(r"<a\s[^>]*>", content))


def _apart(tx: Tx, hosts: list[str], now: int) -> None:
    """Give these hosts their turns over some time, in another order each time; not those that wait longer anyhow."""
    within = min(len(hosts) * _APART, _AT_MOST)
    mixed = random.sample(range(len(hosts)), len(hosts))
    steps = {host: place % _STEPS for host, place in zip(hosts, mixed, strict=True)}
    later = [
        {"of_host": host, "now": now, "later": now + within * step // _STEPS} for host, step in steps.items() if step
    ]
    change_each(tx, _LATER, later)
