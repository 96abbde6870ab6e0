"""Settings of a person beyond Mastodon's preferences: how groups come into their home and lists, what a profile shows, language and
time zone, which mails they get and what that would have come to."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fedi.actions import digest_forecasts, digest_times, digests, profiles
from fedi.actions import lists as list_actions
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, Moment
from fedi.errors import Invalid
from fedi.mastodon.answers import moment
from storage import people
from storage.metadata import Tx


class Digest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When mails tell what is new: at that `hour` by the clock of `time_zone`; `weekday` (0: Monday) is that of a weekly digest, and
    the one on which a daily digest sums the week up."""

    every: Literal["day", "week", "never"]
    hour: Annotated[int, Meta(ge=0, le=23)] = digest_times.HOUR
    weekday: Annotated[int, Meta(ge=0, le=6)] = digest_times.WEEKDAY


class Settings(msgspec.Struct, kw_only=True):
    """`groups_in_home`: threads of groups come into the home timeline. `group_lists`: each group has a list of its own.
    `show_affiliation`: the profile shows what one is at the institution, with its verified link. `locale`: the language of pages
    and mails, empty: as the browser says. `time_zone`: IANA's name, empty: UTC. `mail_mentions`: a mail of what was meant for
    one and is not read after five minutes. `quiet_until`: no mails before."""

    groups_in_home: bool
    group_lists: bool
    show_affiliation: bool
    locale: str
    time_zone: str
    digest: Digest
    mail_mentions: bool
    quiet_until: Moment | None


class SettingsChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays."""

    groups_in_home: bool | None = None
    group_lists: bool | None = None
    show_affiliation: bool | None = None
    locale: Annotated[str, Meta(max_length=20)] | None = None
    time_zone: Annotated[str, Meta(max_length=100)] | None = None
    digest: Digest | None = None
    mail_mentions: bool | None = None
    quiet_until: Annotated[Moment | Literal[""] | None, Meta(description="empty: no pause")] = None


class Notices(msgspec.Struct, kw_only=True):
    """Notifications a week that a group would have made at each volume, by the last month."""

    group: Id
    all: float
    joined: float
    weekly: float


class Forecast(msgspec.Struct, kw_only=True):
    """What one's settings would have come to in the last 30 days: `digests` mails, and notifications of each group."""

    digests: int
    groups: list[Notices]


def show(tx: Tx, call: Call) -> Settings:
    """One's settings."""
    person = people.by_id(tx, call.me.id)
    kept: dict[str, Any] = person.settings if person is not None else {}
    wish = digest_times.wish(kept)
    return Settings(
        groups_in_home=list_actions.wants_groups_in_home(tx, call.me.id),
        group_lists=list_actions.wants_group_lists(tx, call.me.id),
        show_affiliation=kept.get("show_affiliation") is not False,
        locale=str(kept.get("locale") or ""),
        time_zone=wish.zone,
        digest=Digest(every=wish.every, hour=wish.hour, weekday=wish.weekday),  # type: ignore[arg-type]  # one of EVERY
        mail_mentions=bool(kept.get("mail_mentions")),
        quiet_until=moment(wish.quiet) if wish.quiet is not None and wish.quiet > call.site.clock() else None,
    )


def change(tx: Tx, call: Call, body: SettingsChange) -> Settings:
    """Change one's settings."""
    if body.groups_in_home is not None:
        list_actions.set_groups_in_home(tx, call.site, call.me, body.groups_in_home)
    if body.group_lists is not None:
        list_actions.set_group_lists(tx, call.site, call.me, body.group_lists)
    if body.show_affiliation is not None:
        profiles.affiliate(tx, call.site, call.me, show=body.show_affiliation)
    wanted: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("locale", "time_zone", "mail_mentions")
        if getattr(body, name) is not None
    }
    if body.digest is not None:
        wanted["digest"] = msgspec.to_builtins(body.digest)
    if body.quiet_until is not None:
        wanted["quiet"] = _quiet(body.quiet_until)
    if wanted:
        digests.choose(tx, call.site, call.me.id, **wanted)
    return show(tx, call)


def _quiet(text: str) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as problem:
        raise Invalid("quiet_until: a time is written as 2026-12-24T18:00:00Z.", code="quiet") from problem


def forecast(tx: Tx, call: Call) -> Forecast:
    """What one's settings would have come to in the last month."""
    person = people.by_id(tx, call.me.id)
    told = digest_forecasts.forecast(tx, call.site, call.me, person.settings if person is not None else {})
    groups = [
        Notices(group=str(group_id), **{level: round(number, 2) for level, number in notices.items()})
        for group_id, notices in told.notices.items()
    ]
    return Forecast(digests=told.mails, groups=groups)


_READ, _WRITE = ("read:accounts",), ("write:accounts",)
OPERATIONS = [
    Operation(method="GET", path="/settings", unit=show, tag="settings", scopes=_READ),
    Operation(method="PATCH", path="/settings", unit=change, tag="settings", scopes=_WRITE, refuses=(422,)),
    Operation(method="GET", path="/settings/forecast", unit=forecast, tag="settings", scopes=_READ),
]
