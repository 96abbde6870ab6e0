"""Who and what fills a large instance: rows with a realistic shape, for `tests.bench.bulk` to write.

A few are followed by many and write most; half of the posts answer nothing, few quote, link or are edited, so that most
columns for such things are empty; accounts, threads, boosts and what was received grow with `scale`. At 1 that is a
million posts of 100,000 accounts at 5,000 hosts, 2,000 groups and 5 million followings. The same for the same seed.
"""

import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from storage.ids import first_at

DAY = 86_400_000
YEAR = 365 * DAY
HEAD = 2.5
"""Exponent of popularity: of 100,000 the first has a hundredth of all."""
_NONE = -1
_VISIBILITIES = ("public",) * 80 + ("unlisted",) * 10 + ("followers",) * 6 + ("direct",) * 2 + ("peers",) * 2
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """Rows of one table, with the names of the columns they give; the others have their defaults."""

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]


class Crowd:
    """An instance's past year up to `now` (ms). `sparse`: whether columns that are mostly empty have anything at all."""

    def __init__(
        self, scale: float, origin: str, now: int, *, sparse: bool = True, key: str = "", private: str = ""
    ) -> None:
        """`key` and `private` are the PEM of everybody's keys."""
        self.origin, self.now, self.sparse, self.key, self.private = origin, now, sparse, key, private
        self.domain = origin.partition("://")[2]
        self.chance = random.Random(5)
        self.accounts = max(60, int(100_000 * scale))
        self.groups = max(6, int(2_000 * scale))
        self.hosts = max(12, int(5_000 * scale))
        self.posts = max(300, int(1_000_000 * scale))
        self.follows = 62 * self.accounts  # nearly
        self.boosts = self.posts * 3 // 10
        self.boosted: list[tuple[int, int, int]] = []  # (number, who, post) of each boost
        self.likes = self.posts
        self.notified = self.posts
        self.received = self.posts
        self.sent = self.posts // 4
        words = [self._word() for _ in range(8_000)]
        weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
        self._sentences = [self.chance.choices(words, cum_weights=weights, k=11) for _ in range(5_000)]
        self._shape_actors()
        self._shape_posts()

    def _word(self) -> str:
        return "".join(self.chance.choice(("ba", "ne", "ti", "lo", "ru", "sche", "an", "on")) for _ in range(3))

    def _shape_actors(self) -> None:
        everyone = range(self.accounts + self.groups)
        self.host_of = array("i", (int(self.hosts * self.chance.random() ** 2) for _ in everyone))

    def _shape_posts(self) -> None:
        chance = self.chance
        self.author, self.parent = array("i"), array("i")
        self.root, self.group = array("i"), array("i")
        self.shown: list[str] = []
        for number in range(self.posts):
            self.author.append(self.popular(self.accounts))
            parent = root = group = _NONE
            if number > 20 and self.sparse and chance.random() < 0.45:
                parent = number - 1 - int(min(number, 2_000) * chance.random() ** 3) % number
                root, group = self.root[parent], self.group[parent]
            elif self.sparse and chance.random() < 0.2:
                group = self.accounts + self.popular(self.groups)
            self.parent.append(parent)
            self.root.append(root if root != _NONE else number)
            self.group.append(group)
            self.shown.append("public" if group != _NONE else chance.choice(_VISIBILITIES))

    def popular(self, among: int) -> int:
        """One of so many, the first ones far more often."""
        return int(among * self.chance.random() ** HEAD)

    def is_local(self, actor: int) -> bool:
        """Every fifth account and every second group is of this instance."""
        return actor % 5 == 0 if actor < self.accounts else (actor - self.accounts) % 2 == 0

    def is_group(self, actor: int) -> bool:
        """The groups come after the accounts."""
        return actor >= self.accounts

    def host(self, actor: int) -> str:
        """The authority of an actor's IRI."""
        return self.domain if self.is_local(actor) else f"h{self.host_of[actor]}.example"

    def base(self, actor: int) -> str:
        """The origin of an actor's IRI."""
        return self.origin if self.is_local(actor) else f"https://{self.host(actor)}"

    def name(self, actor: int) -> str:
        """The username."""
        return f"group{actor - self.accounts}" if self.is_group(actor) else f"user{actor}"

    def iri(self, actor: int) -> str:
        """The IRI of an actor."""
        return f"{self.base(actor)}/{'groups' if self.is_group(actor) else 'people'}/{self.name(actor)}"

    def actor_id(self, actor: int) -> int:
        """The id of an actor, who came here within three years."""
        return first_at(self.now - 3 * YEAR + actor * (3 * YEAR // (self.accounts + self.groups + 1))) | actor % 60_000

    def at(self, number: int, of: int) -> int:
        """The time (ms) of the `number`th of so many things of the past year."""
        return self.now - YEAR + number * YEAR // (of + 1)

    def id_of(self, number: int, of: int, kind: int) -> int:
        """A time-ordered id for it; `kind` tells things of one time apart."""
        return first_at(self.at(number, of)) | kind << 12 | number % 4096

    def post_id(self, number: int) -> int:
        """The id of a post."""
        return self.id_of(number, self.posts, 1)

    def post_iri(self, number: int) -> str:
        """The IRI of a post."""
        return f"{self.iri(self.author[number])}/posts/{self.post_id(number)}"

    def said(self, number: int) -> list[str]:
        """The words of a post."""
        several = self._sentences
        return [*several[number % len(several)], *several[number * 31 % len(several)], f"nr{number}"]

    def local_accounts(self) -> range:
        """Who has a row in `people`; the first is the most followed, `reader` one of the others."""
        return range(0, self.accounts, 5)

    @property
    def star(self) -> int:
        """The local account that most follow, that writes most and hears most."""
        return 0

    @property
    def reader(self) -> int:
        """A local account that follows 500 others and all sorts of groups, as far as there are so many."""
        return self.local_accounts()[-1]

    def tables(self) -> Iterator[Filled]:
        """All rows, in an order in which what they refer to is there first."""
        from tests.bench import crowd_rows

        yield from crowd_rows.everything(self)

    def chosen(self, most: int, pick: int, of: int) -> list[int]:
        """`pick` different ones of `of`, popular ones first in chance; never more than `most`."""
        found: set[int] = set()
        for _ in range(pick * 2):
            if len(found) >= min(pick, most):
                break
            found.add(self.popular(of))
        return sorted(found)
