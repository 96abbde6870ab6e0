"""What a person's digest tells of: threads of their groups with something new, as loud as each group is to them, and what was
meant for them, each with a reason.

Everything is asked of the gate at the moment at which the mail is made (`fedi.worker.digests` makes it); what was read, is
muted or comes from somebody whom they block is left out. When digests leave is `digest_times`, how many
that comes to `digest_forecasts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedi import languages, visibility
from fedi.actions import digest_times, mailing, reading, volumes
from fedi.context import Site
from fedi.errors import Invalid
from fedi.hiding import Hidden, hidden
from fedi.languages import _, ngettext
from fedi.push import keys
from storage import actors, digests, mails, markers, mutes, news, notifications, people, thread_reads
from storage.actors import Actor
from storage.ids import first_at
from storage.metadata import Tx
from storage.people import Person
from storage.posts import Post
from storage.thread_reads import Unread
from storage.timelines import Page

ITEMS = 10
"""Things that one digest tells of at most; it says how many more there are."""
_MENTIONS = 5
_LOOKED_AT = 60
DAY = 24 * 3600 * 1000
WEEK = 7 * DAY
LONGEST = 31 * DAY
"""What came before is not told of, however long there was no digest."""
LATE = 6 * 3600 * 1000
"""Ms after its hour until which a digest is still sent; then it waits for the next."""
_APART = 12 * 3600 * 1000
"""Ms between two digests at least, also for who chooses another hour."""
IN_VAIN = 3
"""Mails that were given up one after another, after which there are no digests until another mail arrives, or for a month."""
DUE = 200
"""Digests that are asked for in one transaction."""


@dataclass(frozen=True, slots=True)
class Item:
    """A thread, or a post that is meant for the person. `post` is the thread's first, `new` the first that is new, `posts` how
    many are; `reason` says in the reader's language why it is there. `closed`: of a private message no word is told."""

    post: Post
    new: Post
    group: Actor | None
    posts: int
    reason: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a digest has: at most `ITEMS`, what matters most first, and how many `more` there are; `until` (ms) when that was."""

    items: list[Item]
    more: int
    until: int


def choose(tx: Tx, site: Site, person_id: int, **settings: Any) -> None:
    """Set what a person wants of mail: any of `digest` ({"every", "hour", "weekday"}), `quiet`, `time_zone`, `locale`, `mail_mentions`.

    Raises Invalid for what is none of these.
    """
    check(settings)
    person = people.by_id(tx, person_id)
    if person is not None:
        people.change(tx, person_id, settings={**person.settings, **settings})


def check(settings: Mapping[str, Any]) -> None:
    """Raises Invalid for what `choose` would not take."""
    digest = settings.get("digest")
    if digest is not None and (
        digest.get("every") not in digest_times.EVERY
        or digest.get("hour") not in range(24)
        or digest.get("weekday") not in range(7)
    ):
        raise Invalid(_("A digest comes each day, each week or never, at one of 24 hours."), code="digest")
    zone, locale = settings.get("time_zone"), settings.get("locale")
    if zone and not languages.is_zone(zone):
        text = _("There is no time zone “%(zone)s”. Choose one of the list, as Europe/Berlin.") % {"zone": zone[:60]}
        raise Invalid(text, code="time-zone")
    if locale and locale not in languages.available():
        raise Invalid(_("There are no pages in the language “%(code)s”.") % {"code": locale[:20]}, code="locale")


def unsubscribe(tx: Tx, person_id: int, what: str) -> None:
    """No more mails of that kind (`digest` or `mentions`)."""
    person = people.by_id(tx, person_id)
    if person is None or person.state != "active":
        return
    settings = dict(person.settings)
    if what == "digest":
        kept = settings.get("digest")
        settings["digest"] = {**(kept if isinstance(kept, dict) else {}), "every": "never"}
    else:
        settings["mail_mentions"] = False
    people.change(tx, person_id, settings=settings)


def pass_on(tx: Tx, site: Site, now: int) -> int:
    """Have the digests written whose time has come, at most `DUE` of them; how many people were looked at.

    What each tells of is looked up when it is sent: here it is a mail without words.
    """
    rows = digests.due(tx, now, DUE)
    if rows:
        keys.ensure(tx, site)  # its links are signed
    known = people.by_ids(tx, [row.person_id for row in rows])
    for row in rows:
        person = known.get(row.person_id)
        wanted = digest_times.wish(person.settings) if person is not None and person.state == "active" else None
        # Who chooses an earlier hour after today's digest gets the next one tomorrow.
        after = now if row.next_at else max(now, (row.sent_at or 0) + _APART)
        following = digest_times.following(wanted, after) if wanted is not None else None
        if person is None or wanted is None or following is None:
            digests.remove(tx, row.person_id)
            continue
        if row.sent_at is None:
            digests.begin(tx, row.person_id, now - (WEEK if wanted.every == "week" else DAY))
        is_quiet = wanted.quiet is not None and wanted.quiet > now
        leaves = row.next_at and now - row.next_at <= LATE and not is_quiet
        if leaves and mailing.is_address(person.email) and not _in_vain(tx, row.person_id):
            mailing.post(tx, site, to=person.email, person_id=row.person_id, kind="digest", subject="", text="")
        digests.put(tx, [row.person_id], following)
    return len(rows)


def refused(tx: Tx, person_id: int) -> str:
    """What the mail server said to the last mail to a person, where that was given up; else empty."""
    last = mails.last_of(tx, person_id, 1)
    return (last[0].problem or "") if last and last[0].state == "failed" else ""


def _in_vain(tx: Tx, person_id: int) -> bool:
    """Whether the last mails to a person were all given up: servers that go on nevertheless are taken for spammers. As what was
    given up is forgotten after a month, it is tried again then; and any other mail that arrives ends it."""
    last = mails.last_of(tx, person_id, IN_VAIN)
    return len(last) == IN_VAIN and all(one.state == "failed" for one in last)


def collect(tx: Tx, site: Site, me: Actor, person: Person) -> Told:
    """What a digest for this person tells of now, in the language that is set."""
    now = site.clock()
    wanted = digest_times.wish(person.settings)
    row = digests.by_person(tx, me.id)
    span = WEEK if wanted.every == "week" else DAY
    start = max(row.sent_at if row is not None and row.sent_at is not None else now - span, now - LONGEST)
    weekly = wanted.is_weekly(now)
    levels = volumes.of(tx, me.id)
    begins = {
        group_id: min(start, now - WEEK) if weekly and level != "all" else start for group_id, level in levels.items()
    }
    since = reading.since(tx, me.id, list(levels))
    after = {one: max(since.get(one, 0), first_at(begins[one])) for one in levels if one in since}
    found = [one for several in reading.threads(tx, me.id, after, now).values() for one in several]
    hides = hidden(tx, me.id, now)
    items, more = _threads(tx, me, found, levels, hides, weekly=weekly)
    meant = _mentions(tx, me, first_at(start), hides, {item.post.id for item in items})
    shown = [*meant, *items][:ITEMS]
    return Told(shown, more + len(meant) + len(items) - len(shown), now)


def _threads(
    tx: Tx, me: Actor, found: list[Unread], levels: Mapping[int, str], hides: Hidden, *, weekly: bool
) -> tuple[list[Item], int]:
    """The threads that are told of, what matters most first, and how many there are beyond those that were looked at."""
    followed = thread_reads.followed(tx, me.id, [one.root_id for one in found])
    visible = visibility.visible_to(visibility.person(me.id))
    shuns = hides.blocked | hides.muted
    answered = news.answered(tx, me.id, [(one.root_id, one.first_id) for one in found], visible, shuns)
    loud = [
        one
        for one in found
        if weekly
        or levels[one.group_id] == "all"
        or one.root_id in answered
        or (levels[one.group_id] == "joined" and one.root_id in followed)
    ]
    loud.sort(key=lambda one: (one.root_id not in answered, one.root_id not in followed, -one.authors, -one.last_id))
    near = loud[:_LOOKED_AT]
    seen = visibility.seen(tx, visibility.person(me.id), [each for one in near for each in (one.root_id, one.first_id)])
    wrote = news.authors(tx, [(one.root_id, one.first_id) for one in near], visible)
    wanted = {one.group_id for one in near}.union(answered.values(), *wrote.values())
    known = actors.by_ids(tx, list(wanted))
    items = []
    for one in near:
        root, new = seen.get(one.root_id), seen.get(one.first_id)
        if new is None:
            continue
        root = root or new
        by = known.get(answered.get(one.root_id, 0))
        hosts = {known[each].host for each in wrote.get(one.root_id, ()) if each in known}
        reason = _reason(me, root, one, by, len(hosts), mine=one.root_id in followed)
        items.append(Item(root, new, known.get(one.group_id), one.posts, reason))
    return items, len(loud) - len(near)


def _reason(me: Actor, root: Post, one: Unread, by: Actor | None, hosts: int, *, mine: bool) -> str:
    if root.author_id == me.id:
        return _("You asked this") if root.asks else _("You began this")
    if by is not None:
        return _("%(name)s answers you") % {"name": mailing.one_line(by.name, 60) or by.username}
    if mine:
        return _("You are in this thread")
    if root.asks == "open" and one.first_id == root.id:
        return _("A new question")
    if hosts > 1:
        said = ngettext("%(num)s person", "%(num)s people", one.authors) % {"num": one.authors}
        return _("%(people)s from %(count)s universities") % {"people": said, "count": hosts}
    if one.first_id == root.id:
        return _("A new thread")
    return ngettext("%(num)s person wrote", "%(num)s people wrote", one.authors) % {"num": one.authors}


def mentions(tx: Tx, site: Site, me: Actor, since: int) -> list[Item]:
    """What was meant for the person since `since` (ms) and is not read, the newest first; in the language that is set."""
    return _mentions(tx, me, first_at(since), hidden(tx, me.id, site.clock()), set())


def _mentions(tx: Tx, me: Actor, since: int, hides: Hidden, told: set[int]) -> list[Item]:
    """What was meant for the person after the id `since`, is not read, and is in no thread that is `told` of or muted."""
    marker = markers.of_person(tx, me.id).get("notifications")
    page = Page(limit=4 * _MENTIONS, since_id=max(since, marker.last_read_id if marker is not None else 0))
    named = notifications.of_person(tx, me.id, page, kinds=["mention"])
    seen = visibility.seen(tx, visibility.person(me.id), [one.post_id for one in named if one.post_id is not None])
    known = actors.by_ids(tx, [one.actor_id for one in named] + [one.group_id for one in seen.values() if one.group_id])
    muted = mutes.muted_threads(tx, me.id, [post.root_id or post.id for post in seen.values()])
    items = []
    for one in named:
        post, by = seen.get(one.post_id or 0), known.get(one.actor_id)
        root_id = (post.root_id or post.id) if post is not None else 0
        if post is None or by is None or not hides.hears(by) or root_id in told or root_id in muted:
            continue
        closed = post.visibility == "direct"
        name = {"name": mailing.one_line(by.name, 60) or by.username}
        reason = _("%(name)s wrote to you alone") % name if closed else _("%(name)s mentions you") % name
        items.append(Item(post, post, known.get(post.group_id or 0), 1, reason, closed))
    return items[:_MENTIONS]
