"""`/groups/new`: open a group. A title is enough; each other choice says what it does, and what can't go together says what to
do instead, with nothing lost."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.hosts import normal_host
from fedi import languages
from fedi.actions import opening
from fedi.actions.opening import Unpeered, Wanted
from fedi.context import Site
from fedi.errors import Invalid
from fedi.forms import local_path, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web.discovering import spoken
from fedi.web.paths import actor_path
from storage.groups import JOIN_MODES, KINDS, SEE
from storage.metadata import Tx

KIND_WORDS = {
    "open": (N_("Open to all"), N_("Anyone reads it and joins.")),
    "cohort": (N_("Cohort or programme"), N_("Universities with an agreement read it; you let people in.")),
    "course": (N_("Course"), N_("Universities with an agreement read it; you let people in.")),
    "project": (N_("Project"), N_("Only members read it; you invite them.")),
    "mentoring": (N_("Mentoring"), N_("Only members read it; you invite them.")),
}
JOIN_WORDS = {
    "": N_("as usual for this kind"),
    "open": N_("everyone, at once"),
    "approval": N_("who is let in by a moderator"),
    "invite": N_("who is invited"),
}
SEE_WORDS = {
    "": N_("as usual for this kind"),
    "public": N_("everyone on the web"),
    "peers": N_("people here and at universities with an agreement"),
    "members": N_("only members"),
}
SCOPE_WORDS = {
    "": N_("whoever may read it, wherever they are"),
    "agreed": N_("all universities with an agreement"),
    "named": N_("only the universities ticked here"),
    "local": N_("only this university"),
}
_RULES = 30
_PEERS = 200


async def new(request: Request) -> Response:
    """The form, and what it sends."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method != "POST":
        title = request.query_params.get("title", "")[:100].replace("\x00", "")
        return await _form(request, site, Wanted(title))
    form = await sent(request)
    wanted = Wanted(text(form, "title", 200))
    typed_end = text(form, "ends", 10)
    try:
        wanted = _read(form)
        wanted = replace(wanted, ends_at=_end(typed_end))
        group = await site.db.write(lambda tx: opening.open_group(tx, site, me, wanted))
    except Invalid as problem:
        return await _form(request, site, wanted, problem, typed_end)
    return see_other(f"{actor_path(group)}/members?done=opened")


async def wish(request: Request) -> Response:
    """`POST /groups/wish`: ask the admins for an agreement with a university."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    back = local_path(text(form, "next"), "/groups/new")
    try:
        host = normal_host(text(form, "host", 253).strip())
    except FederationError as problem:
        raise Invalid(_("Write the address of the university's server, as social.university.example.")) from problem
    reason = text(form, "reason", 500).strip()
    await site.db.write(lambda tx: opening.wish(tx, site, me, host, reason))
    return see_other(f"{back.partition('?')[0]}?done=wished")


def _read(form: FormData) -> Wanted:
    """What was typed. Raises nothing: what makes no sense is told by the action, with its words."""

    def one_of(name: str, several: tuple[str, ...]) -> str:
        value = text(form, name, 20)
        return value if value in several else ""

    lines = [line.strip() for line in text(form, "rules").splitlines() if line.strip()]
    hosts = [one for one in form.getlist("host") if isinstance(one, str) and len(one) < 254][:_PEERS]
    other = text(form, "other", 253).strip().lower()
    return Wanted(
        title=text(form, "title", 200),
        kind=one_of("kind", KINDS) or "open",
        name=text(form, "name", 40).strip().lstrip("@!"),
        join=one_of("join", JOIN_MODES),
        see=one_of("see", SEE),
        description=text(form, "description", 10_000).replace("\r\n", "\n"),
        rules=tuple(line[:500] for line in lines[:_RULES]),
        languages=tuple(one for one in form.getlist("languages") if isinstance(one, str) and one in spoken()),
        scope=one_of("scope", tuple(SCOPE_WORDS)),
        hosts=tuple(dict.fromkeys([*hosts, *([other] if other else [])])),
    )


def _end(typed: str) -> int | None:
    """The end of the day (UTC) that was typed, in ms; None where nothing was. Raises Invalid."""
    return end_of_day(typed) if typed else None


def end_of_day(typed: str) -> int:
    """The last moment of a day as forms send it (2027-03-31), in ms since 1970 UTC. Raises Invalid for what is no day."""
    try:
        day = datetime.strptime(typed, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Invalid(_("Write the last day as year-month-day, for example 2027-03-31."), code="end") from problem
    return int(day.timestamp() * 1000) + 24 * 3600 * 1000 - 1


async def _form(
    request: Request, site: Site, wanted: Wanted, problem: Invalid | None = None, ends: str = ""
) -> Response:
    def read(tx: Tx) -> list[str]:
        return opening.hosts_of(tx)[:_PEERS]

    hosts = await site.db.read(read)
    more = bool(problem is not None and problem.code != "title")
    context: dict[str, Any] = {
        "wanted": wanted,
        "ends": ends,
        "problem": problem.text if problem is not None else None,
        "unpeered": problem.host if isinstance(problem, Unpeered) else None,
        "more": more,
        "done": request.query_params.get("done", ""),
        "hosts": hosts,
        "kinds": {value: (_(name), _(said)) for value, (name, said) in KIND_WORDS.items()},
        "joins": {value: _(said) for value, said in JOIN_WORDS.items()},
        "sees": {value: _(said) for value, said in SEE_WORDS.items()},
        "scopes": {value: _(said) for value, said in SCOPE_WORDS.items()},
        "spoken": [(code, languages.named(code)) for code in spoken()],
    }
    return page(request, "group-new.html", problem.status if problem is not None else 200, **context)
