"""What is due: the rows of the outbox log that are next for some hosts, with the inboxes that get each of them.

Worked out for many hosts at once, since most of a fan-out is one row for many hosts: who follows its author there is asked
once for all of them. A follower gets what was written since it follows, and only as long as it does.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, bindparam, func, or_, select

from storage.actors import actors
from storage.audiences import recipients
from storage.follows import follows
from storage.links import Link, links
from storage.metadata import Id, Tx, all_of, columns
from storage.outbox import audiences, outbox
from storage.prepared import rows

_LINK = columns(links, Link)


@dataclass(frozen=True, slots=True)
class Due:
    """What a host gets next: `positions` in order; when they are settled, all up to `looked` is. `inboxes`: for each of
    the positions the inboxes that get it, as `storage.audiences.recipients` has them."""

    positions: tuple[int, ...]
    looked: int
    inboxes: Mapping[int, dict[str, bool]] = field(default_factory=dict, compare=False, repr=False)


WINDOW = 1000
"""Rows of the log that are looked through at once."""
_CROWD = 5000
"""Followers of an author beyond which those at some hosts are found from the hosts."""

_ids = bindparam("ids", type_=Id(), expanding=True)
_hosts = bindparam("hosts", type_=Text(), expanding=True)
_STATES = select(*_LINK).where(links.c.host.in_(_hosts)).order_by(links.c.cursor)
_ROWS = (
    select(
        audiences.c.position,
        audiences.c.followers_of,
        audiences.c.actor_id,
        audiences.c.host,
        audiences.c.but_not,
        outbox.c.created_at,
    )
    .join(outbox, outbox.c.position == audiences.c.position)
    .where(
        audiences.c.position > bindparam("after", type_=BigInteger()),
        audiences.c.position <= bindparam("last", type_=BigInteger()),
        or_(audiences.c.host.is_(None), audiences.c.host.in_(_hosts)),
    )
    .order_by(audiences.c.position)
)
_INBOX = func.coalesce(actors.c.shared_inbox, actors.c.inbox)
_NAMED = select(actors.c.id, actors.c.host, _INBOX).where(actors.c.id.in_(_ids), actors.c.state != "gone")
_COUNT = select(func.coalesce(func.sum(actors.c.followers_count), 0)).where(actors.c.id.in_(_ids))


def _followers(of: ColumnElement[Any]) -> Select[Any]:
    """(host, author, inbox, since when somebody with it follows, lowest and highest id of a follower)."""
    return (
        select(
            actors.c.host,
            follows.c.target_id,
            _INBOX,
            func.min(follows.c.created_at),
            func.min(follows.c.follower_id),
            func.max(follows.c.follower_id),
        )
        .select_from(follows)
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(
            of.in_(_ids),
            actors.c.host.in_(_hosts),
            ~actors.c.local,
            actors.c.state == "active",
            follows.c.state == "accepted",
        )
        .group_by(actors.c.host, follows.c.target_id, _INBOX)
    )


_FOLLOWERS = _followers(follows.c.target_id)
_FOLLOWERS_IN_CROWD = _followers(follows.c.target_id + 0)  # by no index of the author's, so from the hosts


def by_hosts(tx: Tx, hosts: list[str], limit: int, window: int = WINDOW) -> dict[str, Due]:
    """The next rows for each of these hosts: those whose audience has, at this moment, somebody there who was in it
    when the row was written. At most `limit` each, looked for in the next `window` rows of the log.
    """
    reached: dict[str, Due] = {}
    near: list[Link] = []
    for state in all_of(tx, _STATES, Link, hosts=hosts) if hosts else []:
        if near and state.cursor >= near[0].cursor + window:
            reached |= _due_near(tx, near, limit, window)
            near = []
        near.append(state)
    return reached | (_due_near(tx, near, limit, window) if near else {})


@dataclass(slots=True)
class _Reader:
    """A host while its rows are looked for."""

    state: Link
    looked: int
    inboxes: dict[int, dict[str, bool]] = field(default_factory=dict)
    cut: int | None = None  # the position of the last row, when there are more

    def gets(self, position: int, found: Mapping[str, bool], limit: int) -> None:
        if not self.state.cursor < position <= self.looked or self.cut is not None:
            return
        inboxes = self.inboxes.get(position)
        if inboxes is None:
            if len(self.inboxes) == limit:
                self.cut = next(reversed(self.inboxes))
                return
            inboxes = self.inboxes[position] = {}
        for inbox, named in found.items():
            inboxes[inbox] = inboxes.get(inbox, False) or named

    def due(self) -> Due:
        looked = self.looked if self.cut is None else self.cut
        return Due(tuple(self.inboxes), looked, self.inboxes)


def _due_near(tx: Tx, states: list[Link], limit: int, window: int) -> dict[str, Due]:
    """As `by_hosts`, for links whose cursors are near to each other: who follows an author of these rows is asked once."""
    readers = {state.host: _Reader(state, min(state.cursor + window, state.wanted)) for state in states}
    last = max(reader.looked for reader in readers.values())
    found = rows(tx, _ROWS, {"after": states[0].cursor, "last": last, "hosts": list(readers)})
    named = list({actor_id for _, _, actor_id, _, _, _ in found if actor_id is not None})
    inbox_of = {number: (host, inbox) for number, host, inbox in rows(tx, _NAMED, {"ids": named})} if named else {}
    authors = list({author for _, author, _, _, _, _ in found if author is not None})
    by_author: dict[int, list[tuple[str, str, int, int, int]]] = defaultdict(list)
    if authors:
        crowd = rows(tx, _COUNT, {"ids": authors})[0][0] > _CROWD
        query = _FOLLOWERS_IN_CROWD if crowd else _FOLLOWERS
        for host, author, inbox, since, lowest, highest in rows(tx, query, {"ids": authors, "hosts": list(readers)}):
            by_author[author].append((host, inbox, since, lowest, highest))
    open_ = len(readers)
    for position, author, actor_id, _, but_not, written in found:
        if author is None:
            host, inbox = inbox_of.get(actor_id, ("", ""))
            if host in readers:
                readers[host].gets(position, {inbox: True}, limit)
            continue
        for host, inbox, since, lowest, highest in by_author.get(author, ()):
            if since > written:
                continue
            if but_not is not None and lowest <= but_not <= highest:
                left = _others(tx, position, host, inbox) if lowest < highest else False
                if not left:
                    continue
            readers[host].gets(position, {inbox: False}, limit)
        if limit < len(found) and position % 64 == 0:
            open_ = sum(reader.cut is None and reader.looked > position for reader in readers.values())
        if not open_:
            break
    return {host: reader.due() for host, reader in readers.items()}


def _others(tx: Tx, position: int, host: str, inbox: str) -> bool:
    """Whether somebody with this inbox gets a row but whom it leaves out."""
    return inbox in recipients(tx, [position], [host]).get((host, position), {})
