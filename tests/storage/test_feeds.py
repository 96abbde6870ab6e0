"""Pages of homes and lists: the same whichever way they are read, from the newest entries of all or from each actor's own."""

import random
from dataclasses import dataclass
from typing import Any

import pytest

from storage import feeds, lists, posts, prepared, timelines
from storage.actors import Actor
from storage.database import Database
from storage.feeds import Reads
from storage.follows import follows
from storage.metadata import Tx
from storage.timelines import Entry, Page
from tests.storage import rows

LIMIT = 5


@dataclass
class Scene:
    """Somebody, whom they follow (id -> whether with boosts), the groups and exclusive ones among these, a list of some, and
    all entries."""

    me: Actor
    followed: dict[int, bool]
    groups: set[int]
    apart: set[int]
    members: set[int]
    entries: list[Entry]

    def belongs(self, entry: Entry, reads: Reads) -> bool:
        """The rule in plain words."""
        me = self.me.id
        if reads.list_id is None:
            put = entry.actor_id == me or (
                entry.actor_id in self.followed
                and (reads.groups or entry.actor_id not in self.groups)
                and not (reads.exclusive and entry.actor_id in self.apart)
                and (not entry.boost or self.followed[entry.actor_id])
            )
            wanted = set(self.followed)
        else:
            put = entry.actor_id in self.members and (
                entry.actor_id == me
                or (
                    entry.actor_id in self.followed
                    and (not entry.boost or self.followed[entry.actor_id] or entry.actor_id in self.groups)
                )
            )
            wanted = {"followed": set(self.followed), "list": self.members, "none": set()}[reads.policy or ""]
        answered = entry.reply_to_actor_id
        mine = reads.list_id is None and entry.actor_id == me
        return put and (answered is None or entry.boost or mine or answered in {me, entry.actor_id} | wanted)

    def page(self, reads: Reads, page: Page) -> list[int]:
        """The ids of a page."""
        ids = sorted(entry.id for entry in self.entries if self.belongs(entry, reads))
        ids = [
            one
            for one in ids
            if (page.max_id is None or one < page.max_id)
            and (page.since_id is None or one > page.since_id)
            and (page.min_id is None or one > page.min_id)
        ]
        return ids[: page.limit][::-1] if page.min_id is not None else ids[::-1][: page.limit]


def _post(tx: Tx, author_id: int, post_id: int) -> int:
    made = {
        "id": post_id,
        "iri": f"https://here.example/posts/{post_id}",
        "url": f"https://here.example/posts/{post_id}",
        "author_id": author_id,
        "local": True,
        "kind": "Note",
        "content": "words",
        "sensitive": False,
        "visibility": "public",
        "attachments": [],
        "published_at": 0,
        "replies_count": 0,
        "likes_count": 0,
        "boosts_count": 0,
    }
    tx.execute(posts.posts.insert().values(made))
    return post_id


def _scene(tx: Tx, chance: random.Random) -> Scene:
    me = rows.actor(tx, "me")
    several = [rows.actor(tx, f"a{n}", kind="Group" if n % 4 == 0 else "Person") for n in range(12)]
    followed = {}
    for one in several[:8]:
        followed[one.id] = chance.random() < 0.6
        made = rows.follow(tx, me, one)
        tx.execute(follows.update().where(follows.c.id == made.id).values(reblogs=followed[one.id]))
    rows.follow(tx, me, several[8], state="pending")
    ids = [one.id for one in (*several, me)]
    entries = []
    for number in range(120):
        # Few of one's own, and long stretches by one actor alone.
        actor_id = chance.choice(ids) if number % 24 < 15 else several[number // 24].id
        boost = chance.random() < 0.3
        answered = chance.choice(ids) if chance.random() < 0.5 else None
        made_post = _post(tx, actor_id, 10_000 + number)
        entries.append(Entry(actor_id, made_post, made_post, boost, answered))
        timelines.insert(tx, entries[-1])
    apart, members = {several[1].id, several[4].id}, {several[n].id for n in (0, 1, 5, 9)} | {me.id}
    for list_id, within, exclusive in ((1, apart, True), (2, members, False)):
        lists.insert(tx, lists.List(list_id, me.id, "some", "list", exclusive, None, 0))
        for member in within:
            assert lists.add(tx, 100 * list_id + member, list_id, member)
    return Scene(me, followed, {one.id for one in several if one.is_group}, apart, members, entries)


def _pages(ids: list[int], chance: random.Random) -> list[Page]:
    made = [Page(LIMIT), Page(LIMIT, max_id=ids[0]), Page(LIMIT, min_id=ids[-1]), Page(LIMIT, since_id=0), Page(500)]
    for _ in range(5):
        low, high = sorted(chance.sample(ids, 2))
        made += [
            Page(LIMIT, max_id=high),
            Page(LIMIT, min_id=low),
            Page(LIMIT, since_id=low),
            Page(LIMIT, max_id=high, since_id=low),
            Page(LIMIT, max_id=high, min_id=low),
        ]
    return made


@pytest.mark.parametrize("walks", [(), (1, 3), (3, 60), feeds._WALKS], ids=str)
def test_pages_are_the_same_whichever_way_they_are_read(
    db: Database, walks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_WALKS", walks)
    chance = random.Random(5)
    scene = db.write_now(lambda tx: _scene(tx, chance))
    ids = [entry.id for entry in scene.entries]
    me = scene.me.id
    several = [Reads(me, exclusive=exclusive, groups=groups) for exclusive in (False, True) for groups in (False, True)]
    several += [Reads(me, 2, policy) for policy in ("followed", "list", "none")]

    def read(tx: Tx) -> None:
        for reads in several:
            for page in _pages(ids, chance):
                found = feeds.read(tx, reads, page)
                assert [entry.id for entry in found] == scene.page(reads, page), (reads, page)
                assert all(entry in scene.entries for entry in found)

    db.read_now(read)


def test_a_quiet_home_reads_no_more_than_fits_of_each_actor(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wrote much long ago: of that a page's worth is read, not all."""
    monkeypatch.setattr(feeds, "_WALKS", (5, 20))

    def fill(tx: Tx) -> Actor:
        me, much, little, stranger = (rows.actor(tx, name) for name in ("me", "much", "little", "stranger"))
        for one in (much, little):
            rows.follow(tx, me, one)
        for number in range(200):
            whose = little if number == 0 else much if number < 150 else stranger
            made_post = _post(tx, whose.id, 10_000 + number)
            timelines.insert(tx, Entry(whose.id, made_post, made_post, boost=False, reply_to_actor_id=None))
        return me

    me = db.write_now(fill)
    seen: list[int] = []
    read = prepared.rows

    def counted(tx: Tx, query: Any, values: Any) -> Any:
        found = read(tx, query, values)
        seen.append(len(found))
        return found

    monkeypatch.setattr(feeds, "rows", counted)
    found = db.read_now(lambda tx: feeds.read(tx, Reads(me.id), Page(20)))
    assert [entry.id for entry in found] == list(range(10_149, 10_129, -1))
    assert sum(seen) <= 1 + 1 + 3 + 21
