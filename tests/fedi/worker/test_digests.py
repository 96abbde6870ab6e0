"""Digests: they leave at each person's own hour, once, with what is new for them and why, and nothing that is not theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from federation.client import Client
from federation.hosts import Networks
from fedi.actions import blocks as block_actions
from fedi.actions import digest_forecasts, digests, follows, groups, people, posts, reading, volumes
from fedi.actions.digest_times import Wish, following
from fedi.config import Config
from fedi.context import Site
from fedi.worker import loop, schedule
from fedi.worker.jobs import KINDS
from storage import actors, mails, markers, memberships, mutes, notifications
from storage import digests as rows
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page
from tests.conftest import Clock, Offline
from tests.mailbox import SENDER, Mailbox, open_mailbox

pytestmark = pytest.mark.anyio

DAY, HOUR = 86_400_000, 3_600_000


def at(text: str, zone: str) -> int:
    """A local time as ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@dataclass
class School:
    """An instance with a group, whose people get mail."""

    site: Site
    clock: Clock
    box: Mailbox
    ada: Actor
    group: Actor

    def person(self, name: str, *, level: str = "joined", join: bool = True, **settings: Any) -> Actor:
        """Somebody in the group, with these settings."""

        def write(tx: Tx) -> Actor:
            made = people.register(tx, self.site, username=name, email=f"{name}@alpha.example")
            if join:
                follows.follow(tx, self.site, made, self.group)
                volumes.set_volume(tx, made.id, self.group.id, level)
            wanted: dict[str, Any] = {
                "digest": {"every": "day", "hour": 18, "weekday": 0},
                "time_zone": "Europe/Berlin",
            }
            digests.choose(tx, self.site, made.id, **wanted | settings)
            return made

        return self.site.db.write_now(write)

    def post(self, by: Actor | None = None, text: str = "On regression", **values: Any) -> Post:
        """A post, in the group unless it answers."""
        if "reply_to_id" not in values and "visibility" not in values:
            values = {"title": text[:100], **values}
            text = f"@stats {text}"
        draft = posts.Draft(text, **values)
        return self.site.db.write_now(lambda tx: posts.publish(tx, self.site, by or self.ada, draft))

    async def go_to(self, moment: int) -> None:
        """Let time pass until then, and let everything happen that is due."""
        await self.work()
        while 0 < (due := self.site.db.read_now(_next)) <= moment:
            self.clock.at = max(self.clock.at, due)
            await self.work()
        self.clock.at = max(self.clock.at, moment)
        await self.work()

    async def work(self) -> None:
        """Do what is due at this moment."""
        await schedule.run_due(self.site)
        work = loop.Work(self.site)
        while await work.do_jobs():
            await work.finish()

    def got(self, name: str) -> list[str]:
        """The texts of the digests that somebody got."""
        found = []
        for mail in self.box.to(f"{name}@alpha.example"):
            body = mail.get_body(("plain",))
            assert body is not None
            found.append(body.get_content())
        return found


def _next(tx: Tx) -> int:
    """When the next digest of anybody leaves (ms); 0 for never."""
    return tx.scalar(select(func.min(rows.digests.c.next_at)).where(rows.digests.c.next_at > 0)) or 0


def opened(url: str, folder: Path, box: Mailbox, start: int) -> School:
    """A school with an empty database."""
    clock = Clock(start)
    config = Config(
        url="https://alpha.example", name="Alpha University", database=url, data=folder, mail=box.settings()
    )
    site = Site(config=config, db=Database(url), client=Client(Offline(), Networks(), "t", clock), clock=clock)

    def fill(tx: Tx) -> tuple[Actor, Actor]:
        people.ensure_instance_actor(tx, site)
        ada = people.register(tx, site, username="ada", email="ada@alpha.example", name="Ada Okafor")
        return ada, groups.create(tx, site, name="stats", title="Statistics", owner=ada, see="members")

    ada, group = site.db.write_now(fill)
    return School(site, clock, box, ada, group)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server."""
    with open_mailbox() as opened_:
        yield opened_


NEVER = {"every": "never", "hour": 18, "weekday": 0}
START = at("2026-10-19T12:00", "Europe/Berlin")  # a Monday


@pytest.fixture
def school(database_url: str, tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    """A school on a Monday at noon in Berlin; of timed work only that of digests runs."""
    monkeypatch.setattr(schedule, "SCHEDULE", [one for one in schedule.SCHEDULE if one.name == "send digests"])
    made = opened(database_url, tmp_path, box, START)
    yield made
    made.site.db.close()


@pytest.fixture
def small(sqlite_url: str, tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[School]:
    """The same on SQLite, for what asks the database nothing else than what others ask of both."""
    monkeypatch.setattr(schedule, "SCHEDULE", [one for one in schedule.SCHEDULE if one.name == "send digests"])
    made = opened(sqlite_url, tmp_path, box, START)
    yield made
    made.site.db.close()


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        # Auckland sets its clock forward on 27 September 2026 and back on 4 April 2027; Berlin, Lord Howe (half an hour) and
        # Beirut (at midnight) have changes of their own; Kolkata and Lima never change while others do.
        ("Pacific/Auckland", "2026-09-25"),
        ("Pacific/Auckland", "2027-04-02"),
        ("Asia/Kolkata", "2026-10-24"),
        ("America/Lima", "2026-10-31"),
        ("Europe/Berlin", "2026-10-23"),
        ("Europe/Berlin", "2027-03-26"),
        ("Australia/Lord_Howe", "2026-10-02"),
        ("Asia/Beirut", "2027-03-26"),
    ],
)
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 18, 23])
def test_each_day_has_one_moment_at_that_hour(zone: str, begins: str, hour: int) -> None:
    wanted = Wish("day", hour, 0, zone, None)
    first = datetime.fromisoformat(begins).replace(tzinfo=ZoneInfo(zone))
    moment, days = int(first.timestamp() * 1000) - 1, []
    for _ in range(5):
        moment = following(wanted, moment) or 0
        local = datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(zone))
        days.append(local.date())
        exists = datetime.fromtimestamp(
            datetime(local.year, local.month, local.day, hour, tzinfo=ZoneInfo(zone)).timestamp(), ZoneInfo(zone)
        )
        if (exists.hour, exists.minute) == (hour, 0):
            assert (local.hour, local.minute, local.fold) == (hour, 0, 0)
        else:  # the clock was set forward over it: at that very moment
            before = datetime.fromtimestamp(moment / 1000 - 1, UTC).astimezone(ZoneInfo(zone))
            assert before.utcoffset() != local.utcoffset()
            assert local.hour in (hour, hour + 1)
    assert days == [(first + timedelta(days=n)).date() for n in range(5)]


@pytest.mark.parametrize("start", ["2026-09-25T00:00", "2026-10-23T00:00"])
async def test_people_in_auckland_kolkata_and_lima_get_it_at_their_hour(
    start: str, sqlite_url: str, tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on in steps of minutes over the nights in which New Zealand, and then Europe, change theirs."""
    monkeypatch.setattr(schedule, "SCHEDULE", [one for one in schedule.SCHEDULE if one.name == "send digests"])
    school = opened(sqlite_url, tmp_path, box, at(start, "UTC"))
    zones = {"ana": "Pacific/Auckland", "kavi": "Asia/Kolkata", "luz": "America/Lima", "ben": "Europe/Berlin"}
    for name, zone in zones.items():
        school.person(name, level="all", time_zone=zone)
    moment, end, posted = at(start, "UTC"), at(start, "UTC") + 3 * DAY, 0
    while moment < end:
        school.clock.at = moment
        hours = [datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)) for zone in zones.values()]
        near = any(one.hour == 17 or (one.hour == 18 and one.minute <= 10) for one in hours)
        if not near and moment - posted > 10 * HOUR:
            school.post(text=f"News of {moment}")
            posted = moment
        await school.work()
        moment += (10 if near else 60) * 60_000
    school.site.db.close()
    for name, zone in zones.items():
        sent = [
            parsedate_to_datetime(mail["Date"]).astimezone(ZoneInfo(zone)) for mail in box.to(f"{name}@alpha.example")
        ]
        assert all((one.hour, one.minute) == (18, 0) for one in sent), (name, sent)
        days = [one.date() for one in sent]
        assert days == [days[0] + timedelta(days=n) for n in range(3)], (name, days)


async def test_it_tells_what_is_new_and_why(school: School) -> None:
    bea = school.person("bea", level="all")
    school.person("carl", level="all", locale="de")
    mine = school.post(bea, "How do I choose a prior?", question=True)
    ended = school.post(text="Old news")
    school.site.db.write_now(lambda tx: reading.read(tx, bea.id, ended.id, ended.id))
    school.clock.pass_(seconds=60)
    answer = school.post(text="Take a weak one.", reply_to_id=mine.id)
    school.post(text="Exam on <b>Friday</b> & more")
    await school.go_to(at("2026-10-19T17:59", "Europe/Berlin"))
    assert school.box.mails == []
    await school.go_to(at("2026-10-19T18:01", "Europe/Berlin"))
    (mail,), (other,) = school.box.to("bea@alpha.example"), school.box.to("carl@alpha.example")
    (text,) = school.got("bea")
    assert "You asked this · Statistics" in text
    assert text.index("How do I choose a prior?") < text.index("Exam on <b>Friday</b> & more")  # what is hers first
    assert "Take a weak one." in text
    assert "Old news" not in text
    assert "https://alpha.example/people/" in text
    assert f"/posts/{mine.id}" in text
    assert "https://alpha.example/catch-up" in text
    rich = mail.get_body(("html",))
    assert rich is not None
    html = rich.get_content()
    assert 'lang="en"' in html
    german = other.get_body(("html",))
    assert german is not None
    assert 'lang="de"' in german.get_content()
    assert "Exam on &lt;b&gt;Friday&lt;/b&gt; &amp; more" in html
    assert "<img" not in html
    assert answer.id != mine.id
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["From"].addresses[0].addr_spec == SENDER
    # The next day nothing happened: there is no mail, and none is kept.
    await school.go_to(at("2026-10-20T18:01", "Europe/Berlin"))
    assert len(school.box.mails) == 2
    assert [one.state for one in school.site.db.read_now(lambda tx: mails.last_of(tx, bea.id, 9))] == ["sent"]


async def test_levels_say_what_a_daily_digest_has(school: School) -> None:
    for name, level in (("all", "all"), ("joined", "joined"), ("weekly", "weekly")):
        school.person(f"{name}1", level=level)
    every = school.site.db.read_now(lambda tx: _named(tx, "all1"))
    some = school.site.db.read_now(lambda tx: _named(tx, "joined1"))
    few = school.site.db.read_now(lambda tx: _named(tx, "weekly1"))
    thread = school.post(some, "Mine to follow")
    school.clock.at = at("2026-10-20T10:00", "Europe/Berlin")
    await school.go_to(at("2026-10-20T18:01", "Europe/Berlin"))
    school.box.mails.clear()
    school.post(text="A thread of nobody")
    school.post(text="A word in it", reply_to_id=thread.id)
    await school.go_to(at("2026-10-21T18:01", "Europe/Berlin"))  # a Wednesday
    assert len(school.got("all1")) == 1
    assert "A thread of nobody" in school.got("all1")[0]
    assert len(school.got("joined1")) == 1
    assert "A word in it" in school.got("joined1")[0]
    assert "A thread of nobody" not in school.got("joined1")[0]
    assert school.got("weekly1") == []
    school.post(text="An answer for you", reply_to_id=school.post(few, "Asked by weekly").id)
    await school.go_to(at("2026-10-22T18:01", "Europe/Berlin"))
    assert len(school.got("weekly1")) == 1  # what is meant for oneself comes at once
    assert "A thread of nobody" not in school.got("weekly1")[0]
    await school.go_to(at("2026-10-26T18:01", "Europe/Berlin"))  # the day that sums up the week
    assert "A thread of nobody" in school.got("weekly1")[-1]
    assert "A thread of nobody" in school.got("joined1")[-1]
    assert every.id != some.id


def _named(tx: Tx, name: str) -> Actor:
    from storage import actors

    found = actors.by_name(tx, name, "alpha.example")
    assert found is not None
    return found


async def test_a_weekly_digest_comes_on_its_day(school: School) -> None:
    school.person("bea", digest={"every": "week", "hour": 7, "weekday": 3})
    for day in range(14):
        school.post(text=f"Day {day}")
        await school.go_to(START + day * DAY + 20 * HOUR)  # eight in the morning
    dates = [parsedate_to_datetime(mail["Date"]) for mail in school.box.mails]
    assert [(one.strftime("%a %d %H")) for one in dates] == [
        "Thu 22 05",
        "Thu 29 06",
    ]  # UTC, before and after the change
    first, second = school.got("bea")
    assert "Day 0" in first
    assert "Day 0" not in second  # nothing is told twice
    assert "Day 5" in second


async def test_the_gate_is_asked_at_the_moment_of_sending(school: School) -> None:
    """Written, refused by a mail server that is busy, and only then taken: what happened between counts."""
    bea = school.person("bea", level="all")
    gone = school.post(text="Deleted meanwhile")
    school.post(text="Stays")
    school.box.refused = {"bea@alpha.example": "451 busy"}
    await school.go_to(at("2026-10-19T18:01", "Europe/Berlin"))
    (waiting,) = school.site.db.read_now(lambda tx: mails.last_of(tx, bea.id, 9))
    assert (waiting.state, waiting.text, waiting.html) == ("waits", "", None)  # no posts wait in a queue
    school.site.db.write_now(lambda tx: posts.delete(tx, school.site, gone, school.ada))
    school.box.refused = {}
    await school.go_to(at("2026-10-19T18:05", "Europe/Berlin"))
    (text,) = school.got("bea")
    assert "Stays" in text
    assert "Deleted meanwhile" not in text


@pytest.mark.parametrize(
    "why", ["put out", "muted thread", "muted author", "blocked", "read", "suspended", "quiet", "never"]
)
async def test_what_is_not_wanted_or_not_theirs_makes_no_mail(small: School, why: str) -> None:
    bea = small.person("bea", level="all")
    post = small.post(text="A secret of members")
    now = small.clock.at

    def change(tx: Tx) -> None:
        if why == "put out":
            memberships.remove(tx, small.group.id, bea.id)
        elif why == "muted thread":
            mutes.mute_thread(tx, bea.id, post.id, now)
        elif why == "muted author":
            mutes.save(tx, mutes.Mute(small.site.new_id(), bea.id, small.ada.id, True, None, now))
        elif why == "blocked":
            block_actions.block(tx, small.site, small.ada, bea)
        elif why == "read":
            reading.read(tx, bea.id, post.id, post.id)
        elif why == "suspended":
            people.suspend(tx, small.site, bea)
        elif why == "quiet":
            digests.choose(tx, small.site, bea.id, quiet=now + 5 * DAY)
        else:
            digests.unsubscribe(tx, bea.id, "digest")

    small.site.db.write_now(change)
    for day in range(1, 4):
        await small.go_to(START + day * DAY)
    assert small.box.mails == []
    assert small.site.db.read_now(lambda tx: mails.last_of(tx, bea.id, 9)) == []
    if why == "quiet":  # after the exams everything is there
        await small.go_to(START + 7 * DAY)
        assert "A secret of members" in small.got("bea")[0]


async def test_of_private_messages_no_word_is_told(small: School) -> None:
    small.person("bea")
    small.post(text="@bea the code is 4711", visibility="direct")
    small.post(text="@bea look at this", visibility="public")
    await small.go_to(START + DAY)
    (text,) = small.got("bea")
    assert "4711" not in text
    assert "Ada Okafor wrote to you alone" in text
    assert "look at this" in text


async def test_a_mail_is_small_whatever_it_tells(small: School) -> None:
    small.person("bea", level="all")
    for number in range(40):
        small.post(text=f"{number} <&\"'" + "W" * 4900, title="<&>" * 60)
    await small.go_to(START + DAY)
    (raw,) = small.box.raw
    assert len(raw) < 100_000
    (text,) = small.got("bea")
    assert text.count("https://alpha.example/people/ada/posts/") == digests.ITEMS
    assert "30 more threads" in text


async def test_who_chooses_another_hour_gets_no_second_one(small: School) -> None:
    bea = small.person("bea", level="all")
    small.post(text="One")
    await small.go_to(at("2026-10-19T18:01", "Europe/Berlin"))
    small.post(text="Two")
    wish = {"every": "day", "hour": 20, "weekday": 0}
    small.site.db.write_now(lambda tx: digests.choose(tx, small.site, bea.id, digest=wish))
    await small.go_to(at("2026-10-19T20:01", "Europe/Berlin"))
    assert len(small.box.mails) == 1
    await small.go_to(at("2026-10-20T20:01", "Europe/Berlin"))
    assert "Two" in small.got("bea")[1]


async def test_after_hours_without_a_worker_it_waits_for_the_next_evening(small: School) -> None:
    bea = small.person("bea", level="all")
    small.post(text="One")
    await small.work()
    small.clock.at = at("2026-10-20T03:00", "Europe/Berlin")
    await small.work()
    assert small.box.mails == []
    row = small.site.db.read_now(lambda tx: rows.by_person(tx, bea.id))
    assert row is not None
    assert row.next_at == at("2026-10-20T18:00", "Europe/Berlin")
    await small.go_to(row.next_at + 1)
    assert "One" in small.got("bea")[0]


async def test_two_workers_send_one(small: School) -> None:
    """The job may run twice, as a worker may die after the commit."""
    small.person("bea", level="all")
    small.post(text="One")
    await small.work()
    small.clock.at = at("2026-10-19T18:00", "Europe/Berlin")
    await KINDS["digests"](small.site, {})
    await KINDS["digests"](small.site, {})
    await small.work()
    assert len(small.box.mails) == 1


async def test_a_month_brings_as_many_mails_as_were_told(
    sqlite_url: str, tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 23: what the settings say of the last month is what came when it happened, give or take one."""
    monkeypatch.setattr(schedule, "SCHEDULE", [one for one in schedule.SCHEDULE if one.name == "send digests"])
    school = opened(sqlite_url, tmp_path, box, START)
    everyone = {level: school.person(f"{level}1", level=level) for level in ("all", "joined", "weekly")}
    mine = {level: school.post(one, f"Of {level}") for level, one in everyone.items()}
    for one in everyone.values():
        school.site.db.write_now(lambda tx, one=one: reading.read_groups(tx, school.site, one.id, [school.group.id]))  # type: ignore[misc]  # a lambda with a default
    await school.go_to(START + 8 * DAY)
    box.mails.clear()
    began = school.clock.at
    for day in range(30):
        if day % 3 == 0:
            school.post(text=f"Thread of day {day}")
        if day % 7 == 1:
            for level, post in mine.items():
                school.post(text=f"Answer of day {day} for {level}", reply_to_id=post.id)
        await school.go_to(began + (day + 1) * DAY)
    for level, one in everyone.items():
        settings = school.site.db.read_now(lambda tx, one=one: people_row(tx, one.id))  # type: ignore[misc]  # a lambda with a default
        told = school.site.db.read_now(lambda tx, o=one, s=settings: digest_forecasts.forecast(tx, school.site, o, s))  # type: ignore[misc]  # a lambda with a default
        came = len(school.got(f"{level}1"))
        assert abs(told.mails - came) <= 1, (level, told, came)
        assert came in {"all": range(12, 17), "joined": range(5, 10), "weekly": range(5, 10)}[level]
        changed = {school.group.id: "all"}
        louder = school.site.db.read_now(
            partial(digest_forecasts.forecast, site=school.site, me=one, settings=settings, changed=changed)
        )
        assert louder.mails >= told.mails + (level != "all") * 3
        notices = told.notices[school.group.id]
        assert notices["all"] > notices["joined"] >= notices["weekly"] > 0
    school.site.db.close()


async def test_a_mention_is_a_mail_of_its_own_for_who_wants_it(school: School) -> None:
    bea, carl = school.person("bea", mail_mentions=True, digest=NEVER), school.person("carl", digest=NEVER)
    for name in ("bea", "carl"):
        for number in range(3):
            school.post(text=f"@{name} look {number}", visibility="public")
    await school.work()
    assert school.box.mails == []  # they may be reading just now
    school.clock.pass_(seconds=301)
    await school.work()
    (mail,) = school.box.mails  # one for all three, and none for who did not ask
    assert mail["To"] == "bea@alpha.example"
    text = school.got("bea")[0]
    assert all(f"look {number}" in text for number in range(3))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # What was read meanwhile, or comes in a pause, makes none.
    school.post(text="@bea again", visibility="public")
    newest = school.site.db.read_now(lambda tx: notifications.of_person(tx, bea.id, Page()))[0]
    school.site.db.write_now(lambda tx: markers.save(tx, bea.id, "notifications", newest.id, school.clock.at))
    school.clock.pass_(seconds=301)
    await school.work()
    until = school.clock.at + DAY
    school.site.db.write_now(lambda tx: digests.choose(tx, school.site, bea.id, quiet=until))
    school.post(text="@bea once more", visibility="public")
    school.clock.pass_(seconds=301)
    await school.work()
    assert len(school.box.mails) == 1
    assert [one.state for one in school.site.db.read_now(lambda tx: mails.last_of(tx, bea.id, 9))] == ["sent"]
    assert carl.id != bea.id


async def test_a_name_of_several_lines_keeps_no_mail_back(school: School) -> None:
    """Peers send any name. A subject with a line break can't be sent, and who can't be written to gets no more digests."""
    bea = school.person("bea", mail_mentions=True, digest=NEVER)
    school.site.db.write_now(lambda tx: actors.change(tx, school.ada.id, name="Eve\r\nBcc: all\u202e\n\nLog in here"))
    school.post(text="@bea look", visibility="public")
    school.clock.pass_(seconds=301)
    await school.work()
    (mail,) = school.box.mails
    assert mail["Subject"].endswith("Eve Bcc: all Log in here mentions you")
    assert "Eve Bcc: all Log in here mentions you" in school.got("bea")[0]
    assert bea.id


def people_row(tx: Tx, person_id: int) -> dict[str, Any]:
    """Somebody's settings."""
    from storage import people as people_rows

    found = people_rows.by_id(tx, person_id)
    assert found is not None
    return found.settings


async def test_an_address_that_takes_nothing_is_not_written_to_for_ever(small: School) -> None:
    bea = small.person("bea", level="all")
    small.box.refused = {"bea@alpha.example": "550 no such user"}
    for _day in range(6):
        small.post(text="News")
        await small.go_to(small.clock.at + DAY)
    tried = small.site.db.read_now(lambda tx: mails.last_of(tx, bea.id, 9))
    assert [one.state for one in tried] == ["failed"] * digests.IN_VAIN
    assert "550 no such user" in small.site.db.read_now(lambda tx: digests.refused(tx, bea.id))
    small.box.refused = {}
    small.site.db.write_now(lambda tx: mails.forget(tx, small.clock.at + DAY))  # as after a month
    await small.go_to(small.clock.at + DAY)
    assert len(small.got("bea")) == 1


async def test_settings_that_can_t_be_are_refused_and_hostile_ones_read_as_none(small: School) -> None:
    from fedi.actions.digest_times import wish
    from fedi.errors import Invalid

    bea = small.person("bea")
    hostile: list[dict[str, Any]] = [
        {"digest": {"every": "minute", "hour": 1, "weekday": 1}},
        {"digest": {"every": "day", "hour": 24, "weekday": 1}},
        {"digest": {"every": "day", "hour": 1, "weekday": -1}},
        {"time_zone": "../../etc/passwd"},
        {"locale": "xx"},
    ]
    for settings in hostile:
        with pytest.raises(Invalid):
            small.site.db.write_now(lambda tx, settings=settings: digests.choose(tx, small.site, bea.id, **settings))  # type: ignore[misc]  # a lambda with a default
    assert wish({"digest": "x", "time_zone": 7, "quiet": "x"}) == Wish("never", 18, 0, "", None)
    assert wish({"digest": {"every": ["day"], "hour": True, "weekday": 9.5}}) == Wish("never", 18, 0, "", None)
