"""Catching up: what happened since a person read last, by group, with the reason why each thread may matter to them.

It has an end: so many groups, and of each so many threads, those that concern the person first. What is more is a number.
"""

from dataclasses import dataclass

from fedi import visibility
from fedi.actions import reading, volumes
from fedi.context import Site
from fedi.languages import _, ngettext
from storage import actors, follows, questions, thread_reads
from storage import groups as group_rows
from storage.actors import Actor
from storage.ids import time_of
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.thread_reads import Unread

GROUPS = 20
THREADS = 5
_LOOKED_AT = 40
"""Threads of a group that are looked at for a reason, last active first."""


@dataclass(frozen=True, slots=True)
class News:
    """A thread with something new: how many posts, the first of them, and why it may matter, in the reader's language. `rank`: the less,
    the more it concerns them."""

    root_id: int
    posts: int
    first_id: int
    last_id: int
    reason: str
    rank: int

    @property
    def at(self) -> int:
        """When the newest of it came (ms)."""
        return time_of(self.last_id)


@dataclass(frozen=True, slots=True)
class Part:
    """A group with something new: in how many threads, the first of these, and up to which post that is."""

    group: Actor
    number: int
    threads: list[News]
    up_to: int


def of(tx: Tx, site: Site, me: Actor) -> list[Part]:
    """What is new to a person, the groups that concern them most first; muted threads and people are left out."""
    ids = reading.mine(tx, me.id)
    new = reading.threads(tx, me.id, reading.since(tx, me.id, ids), site.clock())
    known, levels = actors.by_ids(tx, list(new)), volumes.of(tx, me.id)
    parts = []
    for group_id, several in new.items():
        group = known.get(group_id)
        if group is None:
            continue
        news = sorted(_reasons(tx, me, group, several[:_LOOKED_AT]), key=lambda one: (one.rank, -one.last_id))
        parts.append(Part(group, len(several), news[:THREADS], max(one.last_id for one in several)))

    def order(part: Part) -> tuple[int, int, int]:
        quiet = levels.get(part.group.id) == "weekly"
        return (min((one.rank for one in part.threads), default=9), quiet, -part.up_to)

    return sorted(parts, key=order)[:GROUPS]


def _reasons(tx: Tx, me: Actor, group: Actor, several: list[Unread]) -> list[News]:
    """The reason of each thread, from what is seen of it."""
    roots = [one.root_id for one in several]
    seen = visibility.seen(tx, visibility.person(me.id), [*roots, *(one.last_id for one in several)])
    mine = thread_reads.followed(tx, me.id, roots)
    asked = questions.among(tx, roots)
    last = [seen[one.last_id] for one in several if one.last_id in seen]
    named = mentioned_in(tx, [one.id for one in last])
    wrote = {one.author_id for one in last}
    followed, _unused = follows.between(tx, me.id, list(wrote))
    row = group_rows.by_id(tx, group.id)
    cohort = row is not None and row.kind == "cohort"
    made = []
    for one in several:
        root, newest = seen.get(one.root_id), seen.get(one.last_id)
        if root is None or newest is None:
            continue
        question = asked.get(one.root_id)
        reason, rank = _why(
            me,
            one,
            root,
            newest,
            named.get(newest.id, []),
            mine=one.root_id in mine,
            cohort=cohort,
            asks=question is not None,
            knows=newest.author_id in followed,
        )
        made.append(News(one.root_id, one.posts, one.first_id, one.last_id, reason, rank))
    return made


def _why(
    me: Actor,
    one: Unread,
    root: Post,
    newest: Post,
    named: list[int],
    *,
    mine: bool,
    cohort: bool,
    asks: bool,
    knows: bool,
) -> tuple[str, int]:
    """(reason, rank) of a thread; what is meant for the person comes first."""
    begins = one.first_id == root.id
    if me.id in named or newest.reply_to_actor_id == me.id:
        return (_("answers you") if newest.reply_to_actor_id == me.id else _("mentions you")), 0
    if root.author_id == me.id:
        answers = ngettext("%(num)s new answer", "%(num)s new answers", one.posts) % {"num": one.posts}
        return (_("answers your question") if asks else _("%(answers)s in your thread") % {"answers": answers}), 1
    if mine:
        answers = ngettext("%(num)s new answer", "%(num)s new answers", one.posts) % {"num": one.posts}
        return _("%(answers)s, you are in it") % {"answers": answers}, 2
    if begins and root.asks == "open":
        return _("a question that is open"), 3
    if begins and knows:
        return _("by somebody whom you follow"), 3
    if begins and cohort:
        return _("from your cohort"), 4
    if begins and one.posts == 1:
        return _("a new thread"), 5
    people = ngettext("%(num)s person", "%(num)s people", one.authors) % {"num": one.authors}
    answers = ngettext("%(num)s new post", "%(num)s new posts", one.posts) % {"num": one.posts}
    return _("%(posts)s by %(people)s") % {"posts": answers, "people": people}, 4 if one.posts > 5 else 5
