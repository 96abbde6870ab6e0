"""The admin API for moderators' tools: accounts (docs.joinmastodon.org/methods/admin/accounts)."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import staff as actions
from fedi.callers import bearer
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.mastodon import arguments
from fedi.mastodon.admin import staff
from fedi.mastodon.answers import Json
from fedi.mastodon.door import Endpoint
from fedi.mastodon.entities.admin import admin_account
from fedi.mastodon.paging import Paging, links
from storage import accounts, reports
from storage.accounts import Account, Wanted
from storage.actors import Actor
from storage.metadata import Tx

READ, WRITE = "admin:read:accounts", "admin:write:accounts"
_ROLES = {"-99": "member", "2": "moderator", "3": "admin"}


class First(Paging, kw_only=True):
    """The query of the first version: switches, of which the last that is set counts."""

    local: bool = False
    remote: bool = False
    by_domain: str = ""
    active: bool = False
    pending: bool = False
    disabled: bool = False
    silenced: bool = False
    suspended: bool = False
    sensitized: bool = False
    username: str = ""
    display_name: str = ""
    email: str = ""
    ip: str = ""
    staff: bool = False


class Second(Paging, kw_only=True):
    """The query of the second version."""

    origin: str | None = None
    status: str | None = None
    permissions: str | None = None
    role_ids: list[str] = msgspec.field(default_factory=list)
    invited_by: int | None = None
    username: str = ""
    display_name: str = ""
    by_domain: str = ""
    email: str = ""
    ip: str = ""


async def first(request: Request) -> Response:
    """GET /api/v1/admin/accounts: without a switch, active people of this instance."""
    asked = arguments.query(request, First)
    status = "active"
    for name in ("pending", "disabled", "silenced", "suspended", "sensitized"):
        if getattr(asked, name):
            status = name
    wanted = Wanted(
        "remote" if asked.remote or asked.by_domain else "local",
        status,
        actions.STAFF if asked.staff else (),
        asked.username,
        asked.display_name,
        asked.email,
        asked.by_domain,
    )
    return await _list(request, asked, wanted, nobody=bool(asked.ip))


async def second(request: Request) -> Response:
    """GET /api/v2/admin/accounts: without a filter, everyone."""
    asked = arguments.query(request, Second)
    if asked.origin not in (None, "", "local", "remote"):
        raise Invalid("Validation failed: Origin is local or remote")
    if asked.status not in (None, "", *accounts.STATUSES):
        raise Invalid(f"Validation failed: Status is one of {', '.join(accounts.STATUSES)}")
    roles = tuple(_ROLES[one] for one in asked.role_ids if one in _ROLES)
    wanted = Wanted(
        asked.origin or None,
        asked.status or None,
        actions.STAFF if asked.permissions == "staff" else roles,
        asked.username,
        asked.display_name,
        asked.email,
        asked.by_domain,
    )
    unknown_role = bool(asked.role_ids) and not roles
    return await _list(request, asked, wanted, nobody=bool(asked.ip) or unknown_role or asked.invited_by is not None)


async def _list(request: Request, asked: Paging, wanted: Wanted, *, nobody: bool) -> Response:
    """A page. `nobody`: asked for by what is not kept here (addresses of machines, invitations), so nobody is found."""
    site: Site = request.app.state.site
    token = bearer(request)
    page = asked.page(100, 200)

    def unit(tx: Tx) -> list[Account]:
        staff(tx, token, READ)
        return [] if nobody else accounts.listed(tx, wanted, page)

    found = await site.db.read(unit)
    ids = [one.actor.id for one in found]
    headers = links(request, ids[0], ids[-1]) if ids else {}
    return Json([admin_account(site.config.origin, one) for one in found], headers=headers)


async def show(request: Request) -> Response:
    """GET /api/v1/admin/accounts/ID."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> Account:
        staff(tx, token, READ)
        return _one(tx, account_id)

    return Json(admin_account(site.config.origin, await site.db.read(unit)))


def _one(tx: Tx, account_id: int) -> Account:
    found = accounts.by_ids(tx, [account_id]).get(account_id)
    if found is None:
        raise NotFound
    return found


def _acting(act: Callable[[Tx, Site, Actor, Actor], None], *, empty: bool = False) -> Endpoint:
    """An endpoint that does one thing to an account; the account as it is then comes back, or {}."""

    async def endpoint(request: Request) -> Response:
        site: Site = request.app.state.site
        account_id = arguments.path_id(request)
        token = bearer(request)

        def unit(tx: Tx) -> Account | None:
            me = staff(tx, token, WRITE).me
            act(tx, site, me, _one(tx, account_id).actor)
            return None if empty else _one(tx, account_id)

        found = await site.db.write(unit)
        return Json({} if found is None else admin_account(site.config.origin, found))

    return endpoint


def _as_it_is(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Nobody is limited or marked as sensitive alone, so everybody is already as these two leave them."""


_ACTIONS: dict[str, Callable[[Tx, Site, Actor, Actor, str], None]] = {
    "none": actions.warn,
    "disable": actions.disable,
    "suspend": actions.suspend,
}


class Action(msgspec.Struct, kw_only=True):
    """The body of POST …/action. No mail is sent from here, so `send_email_notification` changes nothing."""

    type: str
    report_id: int | None = None
    text: str = ""
    send_email_notification: bool = False


async def action(request: Request) -> Response:
    """POST /api/v1/admin/accounts/ID/action: none (a warning), disable or suspend; the report that led to it is settled.

    `sensitive` and `silence` of one account are not offered, and say so.
    """
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, WRITE))
    asked = await arguments.read(request, Action)
    if asked.type in ("sensitive", "silence"):
        raise Invalid(
            f"This server does not offer {asked.type} for one account; suspend it, or limit its server", code="type"
        )
    if asked.type not in _ACTIONS:
        raise Invalid("Validation failed: Type is not included in the list", code="type")

    def unit(tx: Tx) -> None:
        me = staff(tx, token, WRITE).me
        target = _one(tx, account_id).actor
        report = reports.by_id(tx, asked.report_id) if asked.report_id is not None else None
        if asked.report_id is not None and (report is None or report.actor_id != target.id):
            raise NotFound
        _ACTIONS[asked.type](tx, site, me, target, asked.text)
        if report is not None:
            actions.resolve(tx, site, me, report)

    await site.db.write(unit)
    return Json({})


_ONE = "/api/v1/admin/accounts/{id}"

ROUTES = [
    Route("/api/v1/admin/accounts", first),
    Route("/api/v2/admin/accounts", second),
    Route(_ONE, show),
    Route(_ONE, _acting(actions.erase, empty=True), methods=["DELETE"]),
    Route(f"{_ONE}/approve", _acting(actions.approve), methods=["POST"]),
    Route(f"{_ONE}/reject", _acting(actions.reject, empty=True), methods=["POST"]),
    Route(f"{_ONE}/enable", _acting(actions.enable), methods=["POST"]),
    Route(f"{_ONE}/unsuspend", _acting(actions.unsuspend), methods=["POST"]),
    Route(f"{_ONE}/unsilence", _acting(_as_it_is), methods=["POST"]),
    Route(f"{_ONE}/unsensitive", _acting(_as_it_is), methods=["POST"]),
    Route(f"{_ONE}/action", action, methods=["POST"]),
]
