"""Who gets what: the inboxes that get a row of the outbox log. Which rows are next for a host is `storage.due`.

Asked at the moment of sending. A follower gets what was written since it follows, and only as long as it does.
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Subquery, and_, func, literal, or_, select, union, update

from storage.actors import actors
from storage.follows import follows
from storage.links import by_host
from storage.metadata import Tx, all_of, columns
from storage.outbox import Sent, audiences, outbox

_SENT = columns(outbox, Sent)


def _followed_from(hosts: list[str]) -> Subquery:
    """(host, target_id, since): whom active actors at these hosts follow, and since when."""
    return (
        select(actors.c.host, follows.c.target_id, func.min(follows.c.created_at).label("since"))
        .select_from(follows)
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(actors.c.host.in_(hosts), ~actors.c.local, actors.c.state == "active", follows.c.state == "accepted")
        .group_by(actors.c.host, follows.c.target_id)
        .subquery()
    )


def due_to(tx: Tx, host: str, after: int, limit: int) -> list[Sent]:
    """The next rows after position `after` whose audience has, at this moment, somebody at `host`; in order."""
    followed = _followed_from([host])
    of_followers = (
        select(audiences.c.position)
        .join(followed, followed.c.target_id == audiences.c.followers_of)
        .join(outbox, outbox.c.position == audiences.c.position)
        .where(audiences.c.position > after, followed.c.since <= outbox.c.created_at)
    )
    of_actors = select(audiences.c.position).where(audiences.c.host == host, audiences.c.position > after)
    positions = union(of_followers, of_actors).subquery()
    query = select(*_SENT).where(outbox.c.position.in_(select(positions.c.position))).order_by(outbox.c.position)
    return all_of(tx, query.limit(limit), Sent)


def backlog(tx: Tx, host: str) -> int:
    """How many rows of the log still wait for this host, also those that were passed over (`storage.links.keep`)."""
    known = by_host(tx, host)
    if known is None:
        return 0
    start = known.cursor if known.kept_from is None else min(known.cursor, known.kept_from)
    return len(due_to(tx, host, start, 10_000))


_NOT_LEFT_OUT = or_(audiences.c.but_not.is_(None), audiences.c.but_not != follows.c.follower_id)


def recipients(tx: Tx, positions: list[int], hosts: list[str]) -> dict[tuple[str, int], dict[str, bool]]:
    """The inboxes that get each of these rows now, by (host, position): inbox -> whether somebody there is named.

    The shared inbox where the host has one, else each person's. A named recipient was chosen when the row was written
    (mentioned, asked, answered); the others get it as followers.
    """
    if not positions or not hosts:
        return {}
    inbox = func.coalesce(actors.c.shared_inbox, actors.c.inbox)
    followed = (
        select(actors.c.host, audiences.c.position, inbox, literal(0))
        .select_from(audiences)
        .join(outbox, outbox.c.position == audiences.c.position)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(
            audiences.c.position.in_(positions),
            actors.c.host.in_(hosts),
            ~actors.c.local,
            actors.c.state == "active",
            follows.c.created_at <= outbox.c.created_at,
            _NOT_LEFT_OUT,
        )
    )
    named = (
        select(actors.c.host, audiences.c.position, inbox, literal(1))
        .select_from(audiences)
        .join(actors, actors.c.id == audiences.c.actor_id)
        .where(audiences.c.position.in_(positions), actors.c.host.in_(hosts), actors.c.state != "gone")
    )
    found: dict[tuple[str, int], dict[str, bool]] = defaultdict(dict)
    for host, position, address, by_name in tx.execute(union(followed, named)):
        known = found[host, position]
        known[address] = known.get(address, False) or bool(by_name)
    return found


def hosts_of(tx: Tx, positions: list[int], limit: int) -> dict[int, list[str]]:
    """The hosts at which somebody is in the audience of each of these rows, at most so many in all; in order."""
    followed = (
        select(audiences.c.position, actors.c.host)
        .select_from(audiences)
        .join(outbox, outbox.c.position == audiences.c.position)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(
            audiences.c.position.in_(positions),
            ~actors.c.local,
            actors.c.state == "active",
            follows.c.created_at <= outbox.c.created_at,
            _NOT_LEFT_OUT,
        )
    )
    named = select(audiences.c.position, audiences.c.host).where(
        audiences.c.position.in_(positions), audiences.c.host.isnot(None)
    )
    both = union(followed, named).subquery()
    found: dict[int, list[str]] = defaultdict(list)
    for position, host in tx.execute(select(both).order_by(both.c.host, both.c.position).limit(limit)):
        found[position].append(host)
    return found


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who gets a row: where, and whether they were named when it was written or follow."""

    actor_id: int
    inbox: str
    shared_inbox: str | None
    named: bool


def people(tx: Tx, positions: list[int], hosts: list[str]) -> dict[tuple[str, int], list[Recipient]]:
    """Who gets each of these rows now, one by one, by (host, position): for what may not reach a host as such."""
    if not positions or not hosts:
        return {}
    who = (actors.c.host, audiences.c.position, actors.c.id, actors.c.inbox, actors.c.shared_inbox)
    followed = (
        select(*who, literal(0))
        .select_from(audiences)
        .join(outbox, outbox.c.position == audiences.c.position)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(
            audiences.c.position.in_(positions),
            actors.c.host.in_(hosts),
            ~actors.c.local,
            actors.c.state == "active",
            follows.c.created_at <= outbox.c.created_at,
            _NOT_LEFT_OUT,
        )
    )
    named = (
        select(*who, literal(1))
        .select_from(audiences)
        .join(actors, actors.c.id == audiences.c.actor_id)
        .where(audiences.c.position.in_(positions), actors.c.host.in_(hosts), actors.c.state == "active")
    )
    found: dict[tuple[str, int], list[Recipient]] = defaultdict(list)
    for host, position, actor_id, inbox, shared, by_name in tx.execute(union(followed, named)):
        found[host, position].append(Recipient(actor_id, inbox, shared, bool(by_name)))
    return found


def inboxes(tx: Tx, position: int, host: str) -> list[str]:
    """The inboxes at `host` that get this row now."""
    return list(recipients(tx, [position], [host]).get((host, position), ()))


def forget_shared_inbox(tx: Tx, inbox: str) -> bool:
    """A shared inbox is gone for good: its host's actors are reached at their own. False when nobody had it."""
    changed = update(actors).where(actors.c.shared_inbox == inbox, ~actors.c.local, actors.c.inbox != inbox)
    return tx.execute(changed.values(shared_inbox=None)).rowcount > 0
