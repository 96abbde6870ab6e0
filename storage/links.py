"""Links: the state of sending to one host: how far its cursor in the outbox log is, how far it wants to go, whether it sleeps.

A link that is claimed belongs to one worker until `claimed_until`; then it may be claimed again, so that nothing is lost
when a worker dies.
"""

import random
import re
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    case,
    exists,
    null,
    or_,
    select,
    union,
    update,
)

from storage.actors import actors
from storage.cursors import cursors
from storage.events import note
from storage.follows import follows
from storage.metadata import Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert
from storage.outbox import audiences, outbox
from storage.posts import posts
from storage.prepared import change, rows

links = Table(
    "links",
    metadata,
    Column("host", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # all rows up to this position are settled
    Column("wanted", BigInteger, nullable=False),  # the last row that concerns this host
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", Time),
    Column("refused_in_row", Integer, nullable=False),
    Column("next_attempt_at", Time, nullable=False),
    Column("claimed_until", Time),
    Column("state", Text, nullable=False),  # open, suspended (refused too often), blocked
    Column("last_success_at", Time),
    Column("problem", Text),
)
Index(
    "ix_links_due",
    links.c.next_attempt_at,
    sqlite_where=links.c.wanted > links.c.cursor,
    postgresql_where=links.c.wanted > links.c.cursor,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A row of `links`; times in ms."""

    host: str
    cursor: int
    wanted: int
    failures: int
    failing_since: int | None
    refused_in_row: int
    next_attempt_at: int
    claimed_until: int | None
    state: str
    last_success_at: int | None
    problem: str | None


_LINK = columns(links, Link)


def by_host(tx: Tx, host: str) -> Link | None:
    """The link to this host."""
    return one_of(tx, select(*_LINK).where(links.c.host == host), Link)


def everyone(tx: Tx) -> list[Link]:
    """Every link, by host."""
    return all_of(tx, select(*_LINK).order_by(links.c.host), Link)


MANY = 64
"""Hosts that hear at once of somebody else's post that links to a page; more hear of it one after another ..."""
_APART = 40
"""... so many ms apart ..."""
_AT_MOST = 30_000
"""... but all within so many ms."""
_STEPS = 32


def spread(tx: Tx, limit: int, now: int | None = None) -> int:
    """Wake the links that the next rows of the log concern; how many rows were looked at comes back.

    A host that was never sent anything gets its link here, with its cursor just before the row.

    With the time `now` (ms), many hosts that are told of a new post elsewhere which links to a page are told over some
    seconds: each may fetch that page for a preview, and a group must not turn its followers' servers on whatever somebody
    links to (PROTOCOL section 5). What makes nobody fetch, votes and edits and plain words, goes at once.
    """
    at = tx.scalar(select(cursors.c.position).where(cursors.c.name == "spread").with_for_update()) or 0
    positions = list(
        tx.scalars(select(outbox.c.position).where(outbox.c.position > at).order_by(outbox.c.position).limit(limit))
    )
    if not positions:
        return 0
    of_followers = (
        select(actors.c.host, audiences.c.position)
        .select_from(audiences)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(audiences.c.position.in_(positions), ~actors.c.local)
    )
    of_actors = select(audiences.c.host, audiences.c.position).where(
        audiences.c.position.in_(positions), audiences.c.host.isnot(None)
    )
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    found = tx.execute(union(of_followers, of_actors)).fetchall()
    inviting = _inviting(tx, positions) if now is not None and len(found) > MANY else set()
    soon: set[str] = set()
    for host, position in found:
        if position not in inviting:
            soon.add(host)
        first[host] = min(first.get(host, position), position)
        last[host] = max(last.get(host, 0), position)
    by_span: dict[tuple[int, int], list[str]] = defaultdict(list)
    for host, position in last.items():
        by_span[first[host], position].append(host)
    for (begin, end), hosts in by_span.items():
        for part in range(0, len(hosts), 500):
            names = hosts[part : part + 500]
            # A link at rest begins at the first of these rows: what came before concerned nobody there when it was sent,
            # though it may concern somebody who follows since.
            tx.execute(
                update(links)
                .where(links.c.host.in_(names), links.c.wanted < end)
                .values(
                    wanted=end,
                    cursor=case(
                        (and_(links.c.cursor >= links.c.wanted, links.c.cursor < begin), begin - 1),
                        else_=links.c.cursor,
                    ),
                )
            )
            known = set(tx.scalars(select(links.c.host).where(links.c.host.in_(names))))
            insert_new(
                tx,
                links,
                [
                    {
                        "host": host,
                        "cursor": begin - 1,
                        "wanted": end,
                        "failures": 0,
                        "refused_in_row": 0,
                        "next_attempt_at": 0,
                        "state": "open",
                    }
                    for host in names
                    if host not in known
                ],
            )
    if now is not None and len(last) - len(soon) > MANY:
        _apart(tx, [host for host in last if host not in soon], now)
    upsert(tx, cursors, {"name": "spread", "position": positions[-1]}, ["name"])
    return len(positions)


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
    random.shuffle(hosts)
    for step in range(1, _STEPS):
        names = hosts[step::_STEPS]
        for part in range(0, len(names), 500):
            later = update(links).where(
                links.c.host.in_(names[part : part + 500]), links.c.failures == 0, links.c.next_attempt_at <= now
            )
            tx.execute(later.values(next_attempt_at=now + within * step // _STEPS))


def claim(tx: Tx, now: int, until: int, limit: int, *, failing: bool | None = None) -> list[Link]:
    """Take up to `limit` links that have rows to send and are due, longest waiting first, for one worker until `until` ms.

    `failing`: only those whose last attempt failed, or only the others, so that neither waits for the other.
    """
    due = [
        links.c.wanted > links.c.cursor,
        links.c.state == "open",
        links.c.next_attempt_at <= now,
        or_(links.c.claimed_until.is_(None), links.c.claimed_until <= now),
    ]
    if failing is not None:
        due.append(links.c.failures > 0 if failing else links.c.failures == 0)
    longest_waiting = (links.c.next_attempt_at, links.c.host)
    ready = select(links.c.host).where(*due).order_by(*longest_waiting).limit(limit).with_for_update(skip_locked=True)
    hosts = list(tx.scalars(ready))
    if not hosts:
        return []
    tx.execute(update(links).where(links.c.host.in_(hosts)).values(claimed_until=until))
    return all_of(tx, select(*_LINK).where(links.c.host.in_(hosts)).order_by(*longest_waiting), Link)


def renew_claims(tx: Tx, hosts: list[str], until: int) -> None:
    """Hold these links until `until` ms, for a worker that is still at work on them; not those given up meanwhile."""
    if hosts:
        held = (links.c.host.in_(hosts), links.c.claimed_until.isnot(None))
        tx.execute(update(links).where(*held).values(claimed_until=until))


_STATE = (
    "failures", "failing_since", "refused_in_row", "next_attempt_at", "state", "last_success_at", "problem",
)  # fmt: skip


_REACHED = bindparam("reached", type_=BigInteger)


_SAVE = (
    update(links)
    .where(links.c.host == bindparam("of_host", type_=Text))
    .values(
        {name: bindparam(f"to_{name}", type_=links.c[name].type) for name in _STATE}
        | {"cursor": case((links.c.cursor < _REACHED, _REACHED), else_=links.c.cursor), "claimed_until": null()}
    )
)


def save(tx: Tx, state: Link) -> None:
    """Write a link back and give up the claim; what `spread` changed meanwhile is kept."""
    values = {f"to_{name}": getattr(state, name) for name in _STATE}
    change(tx, _SAVE, values | {"of_host": state.host, "reached": state.cursor})


_ASLEEP = and_(
    links.c.host == bindparam("of_host", type_=Text),
    links.c.failures > 0,
    links.c.next_attempt_at > bindparam("now", type_=BigInteger),
)


_WAKE = update(links).where(_ASLEEP).values(next_attempt_at=bindparam("now", type_=BigInteger))


def wake(tx: Tx, host: str, now: int, *, reopen: bool = False) -> None:
    """Try a sleeping link now: it was heard of, or an operator says so, who may `reopen` one that was suspended."""
    woken = change(tx, _WAKE, {"of_host": host, "now": now})
    if reopen:
        suspended = update(links).where(links.c.host == host, links.c.state == "suspended")
        woken += tx.execute(suspended.values(state="open", refused_in_row=0, next_attempt_at=now)).rowcount
    if woken:
        note(tx, "outbox")


_SLEEPING = select(links.c.host).where(
    links.c.host.in_(bindparam("hosts", expanding=True)),
    links.c.failures > 0,
    links.c.next_attempt_at > bindparam("now", type_=BigInteger),
)


def wake_all(tx: Tx, hosts: list[str], now: int) -> None:
    """As `wake`, for hosts of which hardly any sleeps."""
    for (host,) in rows(tx, _SLEEPING, {"hosts": hosts, "now": now}):
        wake(tx, host, now)


def rewind(tx: Tx, host: str, position: int) -> None:
    """Send to a host again from `position` on; what it has already, it drops as seen."""
    again = update(links).where(links.c.host == host, links.c.cursor >= position)
    tx.execute(again.values(cursor=position - 1))
    note(tx, "outbox")


def skip(tx: Tx, host: str) -> None:
    """Give up all that waits for a host."""
    tx.execute(update(links).where(links.c.host == host).values(cursor=links.c.wanted))
