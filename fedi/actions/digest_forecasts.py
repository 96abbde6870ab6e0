"""How many digests somebody's choice would have come to in the last 30 days, told beside the choice. What a digest tells of is
`digests`; the same is asked here of what happened, group by group."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedi import visibility
from fedi.actions import digest_times, volumes
from fedi.actions.digest_times import Wish
from fedi.actions.digests import DAY, LONGEST, WEEK
from fedi.context import Site
from storage import follows, news, notifications, thread_reads
from storage.actors import Actor
from storage.ids import first_at
from storage.metadata import Tx
from storage.timelines import Page


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a person's choice came to in the last 30 days: `mails` digests, and for each group at each level `notices` a week."""

    mails: int
    notices: dict[int, dict[str, float]]

    @property
    def weekly(self) -> int:
        """Digests a week, rounded; 1 where there is any."""
        return max(round(self.mails * 7 / 30), 1) if self.mails else 0


def forecast(
    tx: Tx, site: Site, me: Actor, settings: dict[str, Any], changed: Mapping[int, str] | None = None
) -> Forecast:
    """What these settings, with the levels that groups have (or `changed` ones), would have come to in the last 30 days."""
    now = site.clock()
    wanted = replace(digest_times.wish(settings), quiet=None)
    levels = volumes.of(tx, me.id) | dict(changed or {})
    since = first_at(now - LONGEST - WEEK)
    edges, _ignored = follows.between(tx, me.id, list(levels))
    joined = {one: max(first_at(edge.created_at), since) for one, edge in edges.items()}
    happened = news.since(tx, me.id, joined, visibility.visible_to(visibility.person(me.id)))
    followed = thread_reads.followed(tx, me.id, list({one.root_id for one in happened}))
    page = Page(limit=400, since_id=first_at(now - 30 * DAY))
    named = [one.created_at for one in notifications.of_person(tx, me.id, page, kinds=["mention"])]
    mails = _replayed(wanted, now, happened, levels, followed, named)
    month = first_at(now - 30 * DAY)
    notices: dict[int, dict[str, float]] = {}
    for group_id in levels:
        here = [one for one in happened if one.group_id == group_id and one.id > month]
        meant = sum(one.answers_me for one in here)
        joined_in = sum(one.answers_me or one.root_id in followed for one in here)
        every = sum(one.answers_me or one.root_id in followed or one.id == one.root_id for one in here)
        counts = {"all": every, "joined": joined_in, "weekly": meant}
        notices[group_id] = {level: count * 7 / 30 for level, count in counts.items()}
    return Forecast(mails, notices)


def _replayed(
    wanted: Wish,
    now: int,
    happened: list[news.News],
    levels: Mapping[int, str],
    followed: frozenset[int],
    named: list[int],
) -> int:
    """How many digests of the last 30 days would have told of anything, with the next one as far as it is known yet."""
    mails, start = 0, digest_times.following(wanted, now - 30 * DAY)
    while start is not None and start < now:
        following = digest_times.following(wanted, start)
        if following is None:
            break
        at = min(following, now)
        weekly = wanted.is_weekly(following)
        if any(start < one <= at for one in named) or any(
            _tells(one, levels.get(one.group_id, volumes.DEFAULT), followed, start, at, weekly=weekly)
            for one in happened
        ):
            mails += 1
        start = following
    return mails


def _tells(one: news.News, level: str, followed: frozenset[int], start: int, at: int, *, weekly: bool) -> bool:
    begins = min(start, at - WEEK) if weekly and level != "all" else start
    if not begins < one.at <= at:
        return False
    return weekly or level == "all" or one.answers_me or (level == "joined" and one.root_id in followed)
