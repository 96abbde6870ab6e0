"""Who is told of a post is who would read it: the same rules from two sides, `fedi.feeds` being the oracle, over posts,
boosts and replies of people with random wishes, in random order."""

import contextlib
import random
from collections.abc import Callable

import pytest

from fedi import feeds
from fedi.actions import blocks, domain_blocks, follows, lists, mutes, posts, reactions
from fedi.actions.posts import Draft
from fedi.errors import Problem
from fedi.hiding import hidden
from fedi.mastodon.streaming import audience
from fedi.mastodon.streaming.audience import Wanted
from storage import actors, hashtags
from storage import lists as list_rows
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.timelines import Page
from tests.fedi.mastodon.conftest import Api

STEPS = 150


class Play:
    """Some people and groups of one instance who do as chance has it."""

    def __init__(self, api: Api, chance: random.Random, people: list[Actor], groups: list[Actor]) -> None:
        self.api, self.chance, self.people, self.groups = api, chance, people, groups
        self.made: list[int] = []

    def act(self, tx: Tx) -> list[int]:
        """One deed; the ids of the entries that it made."""
        deeds: list[tuple[int, Callable[..., None]]] = [
            (60, self.post), (40, self.boost), (12, self.follow), (3, self.mute), (1, self.block),
            (8, self.keep_list), (4, self.tag), (3, self.home_without_groups), (1, self.domain),
        ]  # fmt: skip
        deed = self.chance.choices([one for _, one in deeds], [weight for weight, _ in deeds])[0]
        person = actors.by_id(tx, self.chance.choice(self.people).id)
        assert person is not None
        with contextlib.suppress(Problem):
            deed(tx, person)
        noted = (payload.split(" ") for topic, payload in tx.info["after"] if topic == "stream")
        return [int(words[2]) for words in noted if words[0] == "entry"]

    def other(self, person: Actor, *, groups: bool = True) -> Actor:
        everyone: list[Actor] = [*self.people, *(self.groups if groups else ())]
        others = [one for one in everyone if one.id != person.id]
        return self.chance.choice(others)

    def post(self, tx: Tx, person: Actor) -> None:
        words = ["hello"]
        if self.chance.random() < 0.3:
            words.append(f"@{self.chance.choice(self.groups).username}")
        if self.chance.random() < 0.3:
            words.append(f"@{self.other(person, groups=False).username}")
        if self.chance.random() < 0.3:
            words.append(self.chance.choice(["#tea", "#milk"]))
        answered = self.chance.choice(self.made) if self.made and self.chance.random() < 0.4 else None
        visibility = self.chance.choice(["public"] * 4 + ["unlisted", "followers", "direct"])
        language = self.chance.choice([None, "en", "de"])
        draft = Draft(" ".join(words), visibility=visibility, reply_to_id=answered, language=language)
        self.made.append(posts.publish(tx, self.api.site, person, draft).id)

    def boost(self, tx: Tx, person: Actor) -> None:
        post = post_rows.by_id(tx, self.chance.choice(self.made)) if self.made else None
        author = actors.by_id(tx, post.author_id) if post is not None else None
        # Who boosts whom they mute is passed by: the feed takes a hashtag's post for shown then, which it was not.
        if post is not None and author is not None and hidden(tx, person.id, self.api.site.clock()).reads(author):
            reactions.boost(tx, self.api.site, person, post)

    def follow(self, tx: Tx, person: Actor) -> None:
        languages = ["de"] if self.chance.random() < 0.2 else None
        reblogs = self.chance.random() < 0.8
        follows.follow(tx, self.api.site, person, self.other(person), reblogs=reblogs, languages=languages)

    def mute(self, tx: Tx, person: Actor) -> None:
        mutes.mute(tx, self.api.site, person, self.other(person))

    def block(self, tx: Tx, person: Actor) -> None:
        blocks.block(tx, self.api.site, person, self.other(person, groups=False))

    def domain(self, tx: Tx, person: Actor) -> None:
        domain_blocks.block(tx, self.api.site, person, "elsewhere.example")

    def keep_list(self, tx: Tx, person: Actor) -> None:
        policy = self.chance.choice(list_rows.POLICIES)
        exclusive = self.chance.random() < 0.5
        made = lists.create(tx, self.api.site, person, "Some", replies_policy=policy, exclusive=exclusive)
        for one in (self.other(person), self.other(person)):
            with contextlib.suppress(Problem):
                lists.add(tx, self.api.site, made, [one.id])

    def tag(self, tx: Tx, person: Actor) -> None:
        hashtags.follow(
            tx, self.api.site.new_id(), person.id, self.chance.choice(["tea", "milk"]), self.api.site.clock()
        )

    def home_without_groups(self, tx: Tx, person: Actor) -> None:
        lists.set_groups_in_home(tx, self.api.site, person, self.chance.random() < 0.5)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: the queries on both are run by the tests of streaming."""
    return sqlite_url


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_who_is_told_is_who_would_read_it(api: Api, seed: int) -> None:
    chance = random.Random(seed)
    people = [await api.person(f"p{number}") for number in range(6)]
    groups = [await api.group("open", people[0]), await api.group("closed", people[1], see="members")]
    play = Play(api, chance, people, groups)
    for person in people:
        for other in chance.sample([*people, *groups], 6):
            if other.id != person.id:
                with contextlib.suppress(Problem):
                    await api.follow(person, other)
    told = 0
    for step in range(STEPS):
        ids = await api.site.db.write(play.act)
        if ids:
            found, wanted = await api.site.db.read(lambda tx: _both(tx, api, ids, people))
            assert found == wanted, f"seed {seed}, step {step}"
            told += sum(map(len, wanted.values()))
    assert told > STEPS, "hardly anything was told: this shows nothing"


def _both(tx: Tx, api: Api, ids: list[int], people: list[Actor]) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
    """By entry: in which homes and lists it is told, and in which it is read."""
    now = api.site.clock()
    everyone = frozenset(one.id for one in people)
    every = [a_list for one in people for a_list in list_rows.of_person(tx, one.id)]
    nobody: frozenset[int] = frozenset()
    wanted = Wanted(everyone, frozenset(one.id for one in every), frozenset(), {}, nobody, nobody)
    told: dict[int, set[str]] = {one: set() for one in ids}
    for one in audience.of_entries(tx, ids, wanted, now):
        told[one.shown.id] |= {f"home {person}" for person in one.homes} | {f"list {a_list}" for a_list in one.lists}
    read: dict[int, set[str]] = {one: set() for one in ids}
    named = [(f"home {one}", feeds.home(tx, one, now)) for one in everyone]
    named += [(f"list {one.id}", feeds.of_list(tx, one, now)) for one in every]
    for name, feed in named:
        for entry in feed.keep(tx, feed.fetch(tx, Page(limit=200))):
            if entry.id in read:
                read[entry.id].add(name)
    return told, read
