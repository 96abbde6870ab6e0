"""Whom a person does not want to meet, in one query: it is asked for with every timeline.

What is written of it: `storage.blocks`, `storage.mutes`, `storage.domain_blocks`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, bindparam, case, literal_column, null, or_, select, union_all

from storage.blocks import blocks
from storage.domain_blocks import domain_blocks
from storage.metadata import Id, Time, Tx
from storage.mutes import mutes
from storage.prepared import rows

_PERSON = bindparam("person", type_=Id())
_BLOCKED = literal_column("'blocked'", Text)
_SHUNNED = union_all(
    select(_BLOCKED, blocks.c.actor_id, null()).where(blocks.c.owner_id == _PERSON),
    select(_BLOCKED, blocks.c.owner_id, null()).where(blocks.c.actor_id == _PERSON),
    select(
        case((mutes.c.notifications, literal_column("'silent'", Text)), else_=literal_column("'muted'", Text)),
        mutes.c.actor_id,
        null(),
    ).where(mutes.c.person_id == _PERSON, or_(mutes.c.until.is_(None), mutes.c.until > bindparam("now", type_=Time()))),
    select(literal_column("'domain'", Text), literal_column("0", Id), domain_blocks.c.domain).where(
        domain_blocks.c.person_id == _PERSON
    ),
)


def by_person(tx: Tx, person_id: int, now: int) -> Sequence[Sequence[Any]]:
    """(how, actor, host) at `now` ms: `blocked`, in either direction; `muted`, and `silent` with their notifications; `domain`,
    whose host it is that counts."""
    return rows(tx, _SHUNNED, {"person": person_id, "now": now})
