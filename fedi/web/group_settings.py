"""`/groups/NAME/settings`: what a group of this instance is like, for its moderators; deleting it, for its owner."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import languages
from fedi.actions import groups as actions
from fedi.actions import moderation, scopes
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.forms import person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.web.discovering import spoken
from fedi.web.group_words import tabs_of
from fedi.web.handles import local_group
from fedi.web.opening import KIND_WORDS, end_of_day
from fedi.web.paths import actor_path
from storage import group_scopes, groups, memberships, people
from storage.actors import Actor
from storage.metadata import Tx

MAX_RULES = 30
_RULE = 500


async def settings(request: Request) -> Response:
    """The form, and what it sends. What can't be taken comes back with the reason and nothing of it lost."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)
    if request.method != "POST":
        return page(request, "settings.html", problem=None, **await site.db.read(lambda tx: _read(tx, site, me, group)))
    form = await sent(request)
    rules = [line.strip() for line in text(form, "rules").splitlines() if line.strip()]
    wanted: dict[str, Any] = {
        "title": text(form, "title", 300),
        "description": text(form, "description").replace("\r\n", "\n"),
        "rules": rules,
        "join_mode": text(form, "join", 20),
        "post": text(form, "post", 20),
    }
    typed_end = text(form, "ends", 10)
    # A form without these leaves them as they are.
    if "kind" in form:
        wanted["kind"] = text(form, "kind", 20)
        wanted["languages"] = [one for one in form.getlist("languages") if isinstance(one, str) and one in spoken()]
    try:
        if len(rules) > MAX_RULES or any(len(rule) > _RULE for rule in rules):
            said = _("A group has at most %(number)s rules of %(length)s characters.")
            raise Invalid(said % {"number": MAX_RULES, "length": _RULE})
        end: dict[str, Any] = {"ends_at": end_of_day(typed_end) if typed_end else False} if "ends" in form else {}
        await site.db.write(lambda tx: actions.edit(tx, site, me, group, **wanted, **end))
    except Invalid as problem:
        known = await site.db.read(lambda tx: _read(tx, site, me, group))
        known |= wanted | ({"ends": typed_end} if "ends" in form else {})
        return page(request, "settings.html", problem.status, **known, problem=problem.text)
    return see_other(actor_path(group))


async def scope(request: Request) -> Response:
    """`/groups/NAME/scope`: say with which institutions the group federates."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)
    form = await sent(request)
    mode, hosts = text(form, "mode", 20), text(form, "peers").split()
    may = [one for one in form.getlist("may") if isinstance(one, str)]
    try:
        named = hosts if mode == "named" else ()
        await site.db.write(lambda tx: scopes.choose(tx, site, me, group, mode, named, may))
    except Invalid as problem:
        known = await site.db.read(lambda tx: _read(tx, site, me, group))
        known["scope"] = (known["scope"] or {}) | {"mode": mode, "peers": hosts, "may": may}
        return page(request, "settings.html", problem.status, **known, problem=problem.text)
    return see_other(f"{actor_path(group)}/settings#scope")


def _scope(tx: Tx, site: Site, group: Actor, *, public: bool) -> dict[str, Any]:
    kept = group_scopes.of_group(tx, group.id)
    return {
        "public": public,
        "mode": kept.mode if kept is not None else "public",
        "peers": [one.host for one in group_scopes.named(tx, group.id)],
        "may": kept.may if kept is not None else list(group_scopes.MAY),
        "modes": {mode: _(said) for mode, said in scopes.MODE_WORDS.items()},
        "acts": {act: _(said) for act, said in scopes.MAY_WORDS.items()},
        "readers": scopes.words(tx, site, group),
    }


def _day(at: int) -> str:
    """A day as forms have it, of a time in ms; UTC, as `end_of_day` reads it."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def _read(tx: Tx, site: Site, me: Actor, group: Actor) -> dict[str, Any]:
    if not moderation.may_moderate(tx, me, group):
        raise Forbidden(_("What a group is like is up to its moderators."))
    row = groups.by_id(tx, group.id)
    membership = memberships.find(tx, group.id, me.id)
    staff = people.by_id(tx, me.id)
    return {
        "group": group,
        "group_path": actor_path(group),
        "tabs": tabs_of(group, inside=True, moderates=True),
        "title": group.name,
        "description": group.source or "",
        "rules": row.rules if row is not None else [],
        "join_mode": row.join_mode if row is not None else "open",
        "post": row.post if row is not None else "members",
        "kind": row.kind if row is not None else "open",
        "languages": row.languages if row is not None else [],
        "ends": _day(row.ends_at) if row is not None and row.ends_at is not None else "",
        "kinds": {value: _(name) for value, (name, _said) in KIND_WORDS.items()},
        "spoken": [(code, languages.named(code)) for code in spoken()],
        "scope": _scope(tx, site, group, public=row.see == "public")
        if row is not None and scopes.may_set(tx, me, group)
        else None,
        "owns": (membership is not None and membership.role == "owner")
        or (staff is not None and staff.role == "admin"),
    }


async def delete(request: Request) -> Response:
    """Close the group for good, when its name was typed to confirm it."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await local_group(request)
    form = await sent(request)
    if text(form, "confirm", 200).strip().lstrip("@!").lower() != group.username.lower():
        known = await site.db.read(lambda tx: _read(tx, site, me, group))
        said = _("Nothing was deleted: to confirm, type the group's name, %(name)s.") % {"name": group.username}
        return page(request, "settings.html", 422, **known, problem=said)
    await site.db.write(lambda tx: actions.delete(tx, site, me, group))
    return see_other("/groups")
