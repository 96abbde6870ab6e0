"""Rows with sane defaults for tests of storage: an actor, a follow, a received activity, a row of the log."""

import itertools
from dataclasses import replace
from typing import Any

from storage import actors, follows, outbox
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx
from storage.outbox import Audience
from storage.received import Received

_ids = itertools.count(1_000)


def actor(tx: Tx, name: str, host: str = "here.example", **more: Any) -> Actor:
    """An actor at `host`; local when that is here.example."""
    iri = f"https://{host}/people/{name}"
    made = Actor(
        id=next(_ids),
        iri=iri,
        kind="Person",
        username=name,
        domain=host,
        host=host,
        local=host == "here.example",
        name=name,
        summary="",
        source=None,
        url=iri,
        inbox=iri + "/inbox",
        shared_inbox=f"https://{host}/inbox",
        outbox=iri + "/outbox",
        followers=iri + "/followers",
        following=None,
        featured=None,
        moderators=None,
        icon=None,
        image=None,
        approves_followers=False,
        discoverable=True,
        indexable=True,
        fields=[],
        also_known_as=[],
        moved_to=None,
        state="active",
        followers_count=0,
        following_count=0,
        posts_count=0,
        last_post_at=None,
        created_at=0,
        fetched_at=None,
    )
    made = replace(made, **more)
    actors.insert(tx, made)
    return made


def follow(tx: Tx, follower: Actor, target: Actor, at: int = 0, state: str = "accepted") -> Follow:
    """`follower` follows `target` since `at` ms."""
    number = next(_ids)
    made = Follow(number, follower.id, target.id, state, f"{follower.iri}#follows/{number}", True, False, at)
    assert follows.insert(tx, made)
    return made


def said(tx: Tx, by: Actor, now: int = 10, *, to: Audience | None = None, **more: Any) -> int:
    """A row of the log by `by` for its followers, or for `to`; its position comes back."""
    audience = Audience(followers_of=(by.id,)) if to is None else to
    iri = f"{by.iri}/activities/{next(_ids)}"
    position = outbox.append(
        tx, activity_id=iri, actor_id=by.id, type="Create", body=iri.encode(), audience=audience, now=now, **more
    )
    assert position is not None
    return position


def activity(number: int, **more: Any) -> Received:
    """An authenticated activity that waits since moment 0."""
    made = Received(
        number,
        f"https://far.example/activities/{number}",
        "Create",
        "far.example",
        "https://far.example/people/ada",
        "https://far.example/people/ada#main-key",
        "cavage",
        b"{}",
        None,
        "new",
        0,
        0,
        0,
        None,
        None,
        None,
    )
    return replace(made, **more)
