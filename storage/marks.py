"""Marks: of some people, who did something to a post that shows in its status, and who does not want to meet an actor. For
all of them in one query each, where something is shown to many at once; for one person it stands in each table's own file.
"""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Text, bindparam, literal_column, or_, select, union_all

from storage.actors import Actor
from storage.blocks import blocks
from storage.domain_blocks import domain_blocks
from storage.filters import filters
from storage.metadata import Id, Time, Tx
from storage.mutes import mutes, thread_mutes
from storage.pins import pins
from storage.polls import poll_votes
from storage.prepared import parts, rows
from storage.reactions import bookmarks, boosts, likes

_PEOPLE = bindparam("people", type_=Id(), expanding=True)
_POSTS = bindparam("posts", type_=Id(), expanding=True)
_ACTORS = bindparam("actors", type_=Id(), expanding=True)
_MARKED = union_all(
    select(likes.c.actor_id).where(likes.c.post_id.in_(_POSTS), likes.c.actor_id.in_(_PEOPLE)),
    select(boosts.c.actor_id).where(boosts.c.post_id.in_(_POSTS), boosts.c.actor_id.in_(_PEOPLE)),
    select(bookmarks.c.person_id).where(bookmarks.c.post_id.in_(_POSTS), bookmarks.c.person_id.in_(_PEOPLE)),
    select(pins.c.owner_id).where(pins.c.post_id.in_(_POSTS), pins.c.owner_id.in_(_PEOPLE)),
    select(poll_votes.c.actor_id).where(poll_votes.c.post_id.in_(_POSTS), poll_votes.c.actor_id.in_(_PEOPLE)),
    select(thread_mutes.c.person_id).where(
        thread_mutes.c.root_id.in_(bindparam("roots", type_=Id(), expanding=True)),
        thread_mutes.c.person_id.in_(_PEOPLE),
    ),
)
_FILTERING = select(filters.c.person_id).where(filters.c.person_id.in_(_PEOPLE)).distinct()
_HIDING = union_all(
    select(literal_column("''", Text), blocks.c.owner_id, blocks.c.actor_id).where(
        blocks.c.owner_id.in_(_PEOPLE), blocks.c.actor_id.in_(_ACTORS)
    ),
    select(literal_column("''", Text), blocks.c.actor_id, blocks.c.owner_id).where(
        blocks.c.actor_id.in_(_PEOPLE), blocks.c.owner_id.in_(_ACTORS)
    ),
    select(literal_column("''", Text), mutes.c.person_id, mutes.c.actor_id).where(
        mutes.c.person_id.in_(_PEOPLE),
        mutes.c.actor_id.in_(_ACTORS),
        or_(mutes.c.until.is_(None), mutes.c.until > bindparam("now", type_=Time())),
    ),
    select(domain_blocks.c.domain, domain_blocks.c.person_id, literal_column("0", Id)).where(
        domain_blocks.c.person_id.in_(_PEOPLE),
        domain_blocks.c.domain.in_(bindparam("domains", type_=Text(), expanding=True)),
    ),
)


def marked(tx: Tx, persons: Collection[int], post_ids: Collection[int], roots: Collection[int]) -> set[int]:
    """Who of these people liked, boosted, kept, pinned or voted in one of these posts, or muted one of these threads."""
    if not persons or not post_ids:
        return set()
    values = {"posts": list(post_ids), "roots": list(roots)}
    return {row[0] for part in parts(persons) for row in rows(tx, _MARKED, values | {"people": part})}


def filtering(tx: Tx, persons: Collection[int]) -> set[int]:
    """Who of these people has filters."""
    return {row[0] for part in parts(persons) for row in rows(tx, _FILTERING, {"people": part})}


def hiding(tx: Tx, persons: Collection[int], actors: Collection[Actor], now: int) -> dict[int, set[int]]:
    """By actor: who of these people does not want to meet it at `now` ms, or is not to; as `fedi.hiding.Hidden.reads`."""
    found: dict[int, set[int]] = defaultdict(set)
    if not persons or not actors:
        return found
    by_domain: dict[str, set[int]] = defaultdict(set)
    for actor in actors:
        by_domain[actor.host].add(actor.id)
        by_domain[actor.domain].add(actor.id)
    values = {
        "actors": [actor.id for actor in actors],
        "domains": list(by_domain),
        "now": now,
    }
    for part in parts(persons):
        for domain, person, actor_id in rows(tx, _HIDING, values | {"people": part}):
            for one in by_domain[domain] if domain else (actor_id,):
                found[one].add(person)
    return found
