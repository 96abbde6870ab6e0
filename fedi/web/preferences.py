"""`/settings`: language, time zone, and how somebody reads their groups, in the home here and in every client; `/settings/apps`:
which apps use their account. Each other part of one's settings has a page and a file of its own (`PARTS`).

A group's own settings are `group_settings`.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import languages
from fedi.actions import digests, invitations, lists
from fedi.callers import meaning
from fedi.context import Site
from fedi.errors import Invalid
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from storage import apps, people
from storage.actors import Actor
from storage.metadata import Tx

APPS = 100
"""Apps that the page names, those let in last."""
PARTS = (
    (N_("General"), "/settings"),
    (N_("Mail"), "/settings/mail"),
    (N_("Groups"), "/settings/groups"),
    (N_("Feeds"), "/settings/feeds"),
    (N_("Apps"), "/settings/apps"),
)
_DONE = {"1": N_("Saved."), "apps": N_("The app can't use your account any more.")}


def parts() -> list[tuple[str, str, None]]:
    """The pages of one's settings, for the macro `tabs`."""
    return [(_(name), path, None) for name, path in PARTS]


def saved(request: Request) -> str:
    """What was done, to be said on the page; empty for nothing."""
    done = _DONE.get(request.query_params.get("saved", ""))
    return _(done) if done else ""


async def preferences(request: Request) -> Response:
    """The form, and what it sends: a box that is not ticked is not sent."""
    site: Site = request.app.state.site
    me = await person(request)
    known = await site.db.read(lambda tx: _read(tx, site, me))
    if request.method != "POST":
        return page(request, "preferences.html", done=saved(request), problem=None, **known)
    form = await sent(request)
    typed: dict[str, Any] = {"locale": text(form, "locale", 20), "time_zone": text(form, "time_zone", 100).strip()}

    def write(tx: Tx) -> None:
        if "locale" in form:
            digests.choose(tx, site, me.id, **typed)
        wanted = bool(text(form, "group_lists", 10))
        if wanted != lists.wants_group_lists(tx, me.id):
            lists.set_group_lists(tx, site, me, on=wanted)
        lists.set_groups_in_home(tx, site, me, on=bool(text(form, "groups_in_home", 10)))

    try:
        await site.db.write(write)
    except Invalid as problem:
        typed |= {name: bool(text(form, name, 10)) for name in ("group_lists", "groups_in_home")}
        return page(request, "preferences.html", problem.status, done="", problem=problem.text, **(known | typed))
    return see_other("/settings?saved=1")


def _read(tx: Tx, site: Site, me: Actor) -> dict[str, Any]:
    row = people.by_id(tx, me.id)
    settings = row.settings if row is not None else {}
    return {
        "parts_": parts(),
        "locale": settings.get("locale") or "",
        "time_zone": settings.get("time_zone") or "",
        "locales": [(code, languages.named(code)) for code in languages.available()],
        "zones": languages.zones(),
        "group_lists": lists.wants_group_lists(tx, me.id),
        "groups_in_home": lists.wants_groups_in_home(tx, me.id),
        "admin": me.id in people.by_role(tx, "admin"),
        "moderates": row is not None and row.role in ("moderator", "admin"),
        "may_invite": invitations.may_invite(tx, site, me),
    }


async def apps_(request: Request) -> Response:
    """GET /settings/apps: which apps use the account. POST: every token that an app has of whoever sends this is revoked; of
    `all`, those of every app."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method != "POST":
        let_in = await site.db.read(lambda tx: apps.let_in(tx, me.id, APPS))
        return page(request, "apps.html", done=saved(request), let_in=let_in, meaning=meaning, parts_=parts())
    form = await sent(request)
    app_id = number(form, "app")
    which = {"person_id": me.id} if text(form, "app", 20) == "all" else {"person_id": me.id, "app_id": app_id or 0}
    await site.db.write(lambda tx: apps.revoke(tx, site.clock(), **which))
    return see_other("/settings/apps?saved=apps")
