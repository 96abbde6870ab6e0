"""Feeds: what one person reads in their home and in their lists, through the gate, without whom they do not want to meet,
in the languages they wish, and each thread once. Every door reads them here, and so does what is streamed.

`home` and `of_list` say which feed; `Feed.fetch` reads rows of it, `Feed.keep` leaves out what does not belong there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fedi import visibility
from fedi.hiding import Hidden, hidden
from fedi.visibility import Viewer
from storage import actors, feeds
from storage.actors import Actor
from storage.feeds import REPEAT, Reads, Wishes
from storage.lists import List
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Entry, Page


@dataclass(frozen=True, slots=True)
class Feed:
    """One person's home, or a list of theirs, at one moment. `seen` are the posts of what was kept so far, by id."""

    reads: Reads
    wishes: Wishes
    hides: Hidden
    looks: Viewer
    seen: dict[int, Post] = field(default_factory=dict)

    def fetch(self, tx: Tx, page: Page) -> list[Entry]:
        """Rows for a page, newest first: half as many again as asked for, since what is left out as a repeat would else
        cost a second round."""
        return feeds.read(tx, self.reads, replace(page, limit=page.limit + page.limit // 2))

    def keep(self, tx: Tx, rows: list[Entry]) -> list[Entry]:
        """Those of these rows that are shown."""
        self.seen.update(visibility.seen(tx, self.looks, list({row.post_id for row in rows} - self.seen.keys())))
        rows = [
            row
            for row in rows
            if (post := self.seen.get(row.post_id)) is not None
            and not is_noise(row, post)
            and (row.actor_id == self.reads.person_id or self._understood(row, post))
        ]
        if self.hides:
            met = meetable(tx, self.hides, [(row, self.seen[row.post_id]) for row in rows], self.reads.person_id)
            rows = [row for row in rows if row.id in met]
        # A post's own entry is its first: only boosts repeat.
        boosts = [row for row in rows if row.boost]
        again = feeds.repeats(tx, self.reads, boosts, REPEAT, self.hides.blocked | self.hides.muted)
        return [row for row in rows if row.id not in again]

    def _understood(self, row: Entry, post: Post) -> bool:
        """Whether a post is in a language that the person wants of who put it there."""
        wanted = self.wishes.languages.get(row.actor_id)
        if not wanted or post.language is None:
            return True
        return post.language in wanted or post.language.partition("-")[0] in wanted


def home(tx: Tx, person_id: int, now: int) -> Feed:
    """The home of a person at `now` ms."""
    wishes = feeds.wishes(tx, person_id)
    reads = Reads(person_id, exclusive=wishes.exclusive, groups=wishes.groups, tags=wishes.tags)
    return Feed(reads, wishes, hidden(tx, person_id, now), visibility.person(person_id))


def of_list(tx: Tx, one: List, now: int) -> Feed:
    """A list of a person's at `now` ms."""
    wishes = feeds.wishes(tx, one.person_id)
    reads = Reads(one.person_id, one.id, one.replies_policy)
    return Feed(reads, wishes, hidden(tx, one.person_id, now), visibility.person(one.person_id))


def is_noise(row: Entry, post: Post) -> bool:
    """A group's boost of a reply: whoever opens the thread reads it there (Lemmy#3603 calls the boosts a flood)."""
    return row.boost and post.group_id == row.actor_id and post.reply_to_iri is not None


def meetable(tx: Tx, hides: Hidden, rows: list[tuple[Entry, Post]], person_id: int) -> set[int]:
    """The ids of those of these rows in which nobody is met who is hidden: not who put it there, not its author, and not
    whom it names (as Mastodon has it). What `person_id` put there themselves is always shown."""
    named = mentioned_in(tx, list({post.id for _, post in rows}))
    known = actors.by_ids(tx, list(_met(rows) | {one for ids in named.values() for one in ids}))
    return {
        row.id
        for row, post in rows
        if row.actor_id == person_id
        or all(_shows(hides, known.get(one)) for one in (row.actor_id, post.author_id, *named.get(post.id, ())))
    }


def _met(rows: Iterable[tuple[Entry, Post]]) -> set[int]:
    return {one for row, post in rows for one in (row.actor_id, post.author_id)}


def _shows(hides: Hidden, actor: Actor | None) -> bool:
    return actor is None or hides.reads(actor)


def shown_to(tx: Tx, hides: Hidden, found: list[Post]) -> list[Post]:
    """Those of these posts whose author is not hidden; for public timelines."""
    if not hides:
        return found
    known = actors.by_ids(tx, list({post.author_id for post in found}))
    return [post for post in found if _shows(hides, known.get(post.author_id))]
