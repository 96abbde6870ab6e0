"""Two jobs that meet the same thing in the same moment: PostgreSQL lets both begin, and whoever comes second must see it."""

import asyncio
import itertools
import threading
import time
import zlib
from dataclasses import replace
from typing import TypeVar

import pytest

from federation.vocabulary.note import PostDocument, read_post
from fedi import fetching
from fedi.actions import remote_posts
from fedi.actions.remote_posts import Kept
from storage import actors, outbox
from storage.actors import Actor
from storage.database import Unit
from storage.metadata import Tx
from tests.stories.conftest import Three
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

T = TypeVar("T")


async def at_once(instance: Instance, first: Unit[T], second: Unit[T]) -> tuple[T, T]:
    """What both give; on PostgreSQL `second` begins after `first` wrote and before it is committed."""
    wrote = threading.Event()

    def slow(tx: Tx) -> T:
        done = first(tx)
        wrote.set()
        time.sleep(0.3)
        return done

    one = asyncio.create_task(instance.site.db.write(slow))
    assert await asyncio.to_thread(wrote.wait, 30)
    other = await instance.site.db.write(second)
    return await one, other


async def test_a_post_that_two_jobs_keep_is_there_for_both(three: Three) -> None:
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    zoe = await fetching.actor(alpha.site, peer.actor("zoe"))
    read = read_post(peer.note(zoe.iri, "hello"))

    def keep(tx: Tx) -> Kept | None:
        return remote_posts.record(tx, alpha.site, read, zoe, live=False)

    one, other = await at_once(alpha, keep, keep)
    assert one is not None
    assert other is not None
    assert (one.post.id, one.new) == (other.post.id, True)
    assert not other.new


async def test_two_posts_never_want_one_id(three: Three) -> None:
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    zoe = await fetching.actor(alpha.site, peer.actor("zoe"))
    # Posts of one moment, of which the hashes agree in the bits that make an id.
    wanted = zlib.crc32(peer.iri("/notes/0").encode()) % 0xFFFF
    twin = next(n for n in itertools.count(1) if zlib.crc32(peer.iri(f"/notes/{n}").encode()) % 0xFFFF == wanted)
    first, second = (read_post(peer.note(zoe.iri, name)) for name in ("0", str(twin)))

    def keep(document: PostDocument) -> Unit[Kept | None]:
        return lambda tx: remote_posts.record(tx, alpha.site, document, zoe, live=False)

    one, other = await at_once(alpha, keep(first), keep(second))
    assert one is not None
    assert other is not None
    assert other.post.id == one.post.id + 1
    assert other.post.root_id == other.post.id
    assert alpha.post(first.id).id == one.post.id
    assert alpha.post(second.id).id == other.post.id


async def test_a_create_that_comes_while_its_post_is_fetched_is_passed_on(three: Three) -> None:
    alpha = three.alpha
    olga = alpha.person("olga")
    group = alpha.group("mlops", olga)
    peer = Peer(three.world, "lemmy.example", "lemmy")
    lena = peer.actor("lena")
    await peer.send(alpha, peer.activity("Follow", lena, group.iri))
    await settle(alpha)
    note = peer.note(
        lena, "question", to=["https://www.w3.org/ns/activitystreams#Public", group.iri], audience=group.iri
    )
    author, read = alpha.actor(lena), read_post(note)
    await peer.send(alpha, peer.activity("Create", lena, note))
    wrote = threading.Event()

    def fetched(tx: Tx) -> None:
        assert remote_posts.record(tx, alpha.site, read, author, live=False) is not None
        wrote.set()
        time.sleep(0.5)

    fetching_it = asyncio.create_task(alpha.site.db.write(fetched))
    assert await asyncio.to_thread(wrote.wait, 30)
    await settle(alpha)
    await fetching_it
    await settle(alpha)
    post = alpha.post(note["id"])
    passed_on = alpha.read(lambda tx: outbox.passed_on(tx, group.id, [post.id], 10))
    assert [row.type for row in passed_on] == ["Announce"]


async def test_an_actor_that_two_jobs_meet_is_one(three: Three) -> None:
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    known = await fetching.actor(alpha.site, peer.actor("zoe"))
    met = replace(known, iri=peer.iri("/users/yan"), username="yan")

    def keep(number: int, name: str) -> Unit[Actor]:
        return lambda tx: actors.save_remote(tx, replace(met, id=number, name=name))

    one, other = await at_once(alpha, keep(7, "Yan"), keep(8, "Yan Li"))
    assert (one.id, other.id, other.name) == (7, 7, "Yan Li")
    with pytest.raises(actors.NameTaken):
        alpha.write(lambda tx: actors.save_remote(tx, replace(met, id=9, iri=peer.iri("/users/another"))))
