"""After the clock was set back: what was planned by the clock as it stood before would wait until that time comes again.

Bringing it forward is harmless: a row that is tried too early waits again, by the clock as it is now.
"""

from sqlalchemy import select, update

from storage.actors import actors
from storage.backfills import backfills
from storage.cards import cards
from storage.claims import claims
from storage.cursors import cursors
from storage.follows import follows
from storage.jobs import jobs
from storage.keys import keys
from storage.links import links
from storage.metadata import Tx
from storage.peers import peers
from storage.received import IS_AGAIN, received

_PART = 2000
_KEEP_THEIR_TIME = ("poll", "scheduled")
"""Jobs that are due at a time which somebody chose."""


def bring_forward(tx: Tx, now: int, lease: int) -> bool:
    """Make some of what is planned for later than `now` due; whether there may be more, so that nothing waits long for this.

    Claims hold for `lease` ms at most from now on: who is still at work on them renews them.
    """
    late = select(received.c.id).where(IS_AGAIN, received.c.due_at > now)
    ids = list(tx.scalars(late.limit(_PART)))
    if ids:
        tx.execute(update(received).where(received.c.id.in_(ids)).values(due_at=now))
    if len(ids) == _PART:
        return True
    tx.execute(update(claims).where(claims.c.until > now + lease).values(until=now + lease))
    due = jobs.c.kind.not_in(_KEEP_THEIR_TIME) & (jobs.c.state != "failed") & (jobs.c.due_at > now)
    tx.execute(update(jobs).where(due).values(due_at=now))
    tx.execute(update(jobs).where(jobs.c.claimed_until > now + lease).values(claimed_until=now + lease))
    tx.execute(update(links).where(links.c.next_attempt_at > now).values(next_attempt_at=now))
    tx.execute(update(links).where(links.c.claimed_until > now + lease).values(claimed_until=now + lease))
    tx.execute(update(links).where(links.c.failing_since > now).values(failing_since=now))
    tx.execute(update(cursors).where(cursors.c.name.like("schedule: %"), cursors.c.position > now).values(position=now))
    # When something was asked last: of the future, it would not be asked again until then.
    for table, column in ((peers, peers.c.nodeinfo_at), (backfills, backfills.c.asked_at), (cards, cards.c.fetched_at)):
        tx.execute(update(table).where(column > now).values({column.name: now}))
    for table, column in ((actors, actors.c.fetched_at), (keys, keys.c.fetched_at)):
        tx.execute(update(table).where(column > now).values({column.name: now}))
    # Who follows gets what was written since then: who began before the clock was set back would miss what is written now. A
    # little earlier, as it was set some moments ago.
    tx.execute(update(follows).where(follows.c.created_at > now).values(created_at=now - lease))
    return False
