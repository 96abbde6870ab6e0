"""`/settings/mail`: which mails somebody gets and when, with what that would have come to in the last month; `/settings/groups`:
how loud each of their groups is, all on one page."""

from datetime import datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from fedi import languages
from fedi.actions import digest_forecasts, digest_times, digests, mailing, reading, volumes
from fedi.context import Site
from fedi.errors import Invalid
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web.group_words import VOLUMES
from fedi.web.paths import actor_path
from fedi.web.preferences import parts, saved
from storage import actors, people
from storage.actors import Actor
from storage.metadata import Tx

EVERY = {"day": N_("Each day"), "week": N_("Once a week"), "never": N_("Never")}
WEEKDAYS = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
GROUPS = 12
"""Groups on one page."""


async def mail(request: Request) -> Response:
    """The form of `/settings/mail`; `try` shows what a choice would have come to, without saving it."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method != "POST":
        return page(
            request,
            "mail-settings.html",
            **await site.db.read(lambda tx: _mail(tx, site, me, None)),
            done=saved(request),
        )
    form = await sent(request)
    tries = bool(text(form, "try", 10))
    problem = ""
    wanted: dict[str, Any] = {}
    try:
        wanted = _wanted(form)
        digests.check(wanted)
        if not tries:
            await site.db.write(lambda tx: digests.choose(tx, site, me.id, **wanted))
            return see_other("/settings/mail?saved=1")
    except Invalid as refused:
        problem = refused.text
    known = await site.db.read(lambda tx: _mail(tx, site, me, wanted))
    known |= {"done": "", "problem": problem, "tried": tries and not problem}
    return page(request, "mail-settings.html", 422 if problem else 200, **known)


def _wanted(form: FormData) -> dict[str, Any]:
    """What the form wants. Raises Invalid for a day that is none."""
    quiet = text(form, "quiet", 10)
    until = None
    if quiet:
        try:
            until = int(
                datetime.fromisoformat(quiet).replace(tzinfo=languages.zone_of(languages.reader().zone)).timestamp()
                * 1000
            )
        except (ValueError, OverflowError) as problem:
            said = _("“%(day)s” is no day; write it as 2026-12-24.") % {"day": quiet[:20]}
            raise Invalid(said, code="quiet") from problem
    digest = {
        "every": text(form, "every", 10),
        "hour": number(form, "hour") if number(form, "hour") is not None else -1,
        "weekday": number(form, "weekday") if number(form, "weekday") is not None else -1,
    }
    return {"digest": digest, "quiet": until, "mail_mentions": bool(text(form, "mentions", 10))}


def _mail(tx: Tx, site: Site, me: Actor, typed: dict[str, Any] | None) -> dict[str, Any]:
    row = people.by_id(tx, me.id)
    kept = row.settings if row is not None else {}
    settings = {**kept, **(typed or {})}
    wish = digest_times.wish(settings)
    now = site.clock()
    quiet = wish.quiet if wish.quiet is not None and wish.quiet > now else None
    return {
        "parts_": parts(),
        "enabled": mailing.enabled(site),
        "address": row.email if row is not None else "",
        "refused": digests.refused(tx, me.id),
        "wish": wish,
        "quiet": languages.local(quiet).strftime("%Y-%m-%d") if quiet is not None else "",
        "mentions": bool(settings.get("mail_mentions")),
        "every": {one: _(words) for one, words in EVERY.items()},
        "weekdays": [_(one) for one in WEEKDAYS],
        "zone": kept.get("time_zone") or "UTC",
        "weekly": digest_forecasts.forecast(tx, site, me, settings).weekly,
        "next_at": digest_times.following(wish, max(now, quiet or 0)),
        "problem": "",
        "tried": False,
    }


async def groups(request: Request) -> Response:
    """The form of `/settings/groups`: three steps for each group, and what they come to."""
    site: Site = request.app.state.site
    me = await person(request)
    start = _start(request)
    if request.method != "POST":
        known = await site.db.read(lambda tx: _groups(tx, site, me, start, {}))
        return page(request, "group-volumes.html", **known, done=saved(request), tried=False)
    form = await sent(request)
    asked = {
        int(name[1:]): text(form, name, 10)
        for name in form
        if name[:1] == "v" and name[1:].isdigit() and len(name) < 20
    }
    chosen = {group_id: level for group_id, level in asked.items() if level in volumes.LEVELS}
    if not text(form, "try", 10):

        def write(tx: Tx) -> None:
            inside = volumes.of(tx, me.id)
            for group_id, level in chosen.items():
                if inside.get(group_id, level) != level:
                    volumes.set_volume(tx, me.id, group_id, level)

        await site.db.write(write)
        return see_other(f"/settings/groups?saved=1&from={start}")
    known = await site.db.read(lambda tx: _groups(tx, site, me, start, chosen))
    return page(request, "group-volumes.html", **known, done="", tried=True)


def _start(request: Request) -> int:
    text_ = request.query_params.get("from", "")
    return int(text_) if text_.isascii() and text_.isdigit() and len(text_) < 6 else 0


def _groups(tx: Tx, site: Site, me: Actor, start: int, chosen: dict[int, str]) -> dict[str, Any]:
    row = people.by_id(tx, me.id)
    settings = row.settings if row is not None else {}
    ids = reading.mine(tx, me.id)
    shown = ids[start : start + GROUPS]
    known = actors.by_ids(tx, shown)
    levels = volumes.of(tx, me.id)
    inside = {group_id: level for group_id, level in chosen.items() if group_id in levels}
    told = digest_forecasts.forecast(tx, site, me, settings, inside)
    return {
        "parts_": parts(),
        "rows": [
            (known[one], actor_path(known[one]), inside.get(one, levels.get(one)), told.notices.get(one, {}))
            for one in shown
            if one in known
        ],
        "levels": {level: (_(name), _(said)) for level, (name, said) in VOLUMES.items()},
        "weekly": told.weekly,
        "gets_mail": digest_times.wish(settings).every != "never" and mailing.enabled(site),
        "start": start,
        "more": start + GROUPS if len(ids) > start + GROUPS else None,
    }
