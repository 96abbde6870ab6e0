"""What every page of the console begins with: who asks must be an admin, and what waits is counted for its navigation.

Whoever is no admin is answered as if the page was not there.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.hosts import host_of
from fedi.context import Site
from fedi.csrf import demand_same_origin
from fedi.errors import NotFound
from fedi.forms import person
from fedi.html import page
from fedi.languages import N_, _
from storage import accounts, agreements, cases, jobs, pending_actions, people, received
from storage.actors import Actor
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.timelines import Page

PAGE = 40
"""Rows of a list at once."""


async def admin(request: Request) -> Actor:
    """The admin who is logged in. Raises LogInFirst for nobody, NotFound for anyone else, Forbidden for what a page of another
    site sent."""
    site: Site = request.app.state.site
    me = await person(request)
    found = await site.db.read(lambda tx: people.by_id(tx, me.id))
    if found is None or found.role != "admin":
        raise NotFound("There is nothing at this address. It may be misspelt, or what was here is gone.")
    demand_same_origin(request)
    return me


async def shown(
    request: Request,
    template: str,
    section: str,
    read: Callable[[Tx], dict[str, Any]],
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    """The page of `template` with what `read(tx)` returns; `section` is where it stands in the navigation."""
    site: Site = request.app.state.site
    me: Actor = request.state.me

    def unit(tx: Tx) -> tuple[dict[str, Any], dict[str, int]]:
        return read(tx), waiting(tx, me.username)

    found, counts = await site.db.read(unit)
    request.state.console = counts
    done = request.query_params.get("done", "")
    values: dict[str, Any] = {"problem": None, "done": _(DONE[done]) if done in DONE else None} | context | found
    return page(request, f"admin/{template}", status, section=section, waiting=counts, **values)


def waiting(tx: Tx, name: str) -> dict[str, int]:
    """How much waits for an admin, by section of the console: requests for a peering, what is held (counted to 100), what others
    proposed, people who signed up, reports, and jobs that were given up."""
    asked = [row for row in agreements.in_state(tx, "offered", "review") if waits_here(row)]
    proposed = [row for row in pending_actions.in_state(tx, "proposed") if row.proposer != name]
    waiting = accounts.listed(tx, accounts.Wanted(origin="local", status="pending"), Page(limit=100))
    return {
        "peers": len(asked),
        "held": received.held_total(tx, 100),
        "pending": len(proposed),
        "people": len(waiting),
        "reports": cases.waiting(tx, None),
        "jobs": jobs.totals(tx).get("failed", 0),
    }


def waits_here(row: AgreementRow) -> bool:
    """Whether an open offer waits for an admin of ours: to answer theirs, or to confirm the key by which they signed ours."""
    both = len(row.proofs) > 1
    return (both and not row.trusted) if row.ours else not both


DONE = {
    "invited": N_("The offer was sent. It is shown here until they answer."),
    "drafted": N_("The draft is kept; nothing was sent."),
    "review": N_("They were told that you are looking at it."),
    "signed": N_("Both institutions have signed: the agreement is in force."),
    "refused": N_("They were told that you refuse, and why."),
    "withdrawn": N_("The offer was taken back."),
    "suspended": N_("The peering is suspended: nothing goes either way, and nothing is lost."),
    "resumed": N_("The peering goes on. What was missed in the meantime is being caught up."),
    "notice": N_("Notice was given. The agreement stays in force until then."),
    "proposed": N_("It was proposed. Another admin has to approve it, and it waits for its time."),
    "approved": N_("It was approved, and is done when its time has come."),
    "dropped": N_("It was dropped."),
    "changed": N_("The change was offered. What was agreed stays in force until both have signed the new version."),
    "alone": N_("Agreed by us alone: this server does not speak of agreements."),
    "probing": N_("The checks were asked for; what they find is shown here in a few minutes."),
    "saved": N_("Saved."),
    "draft": N_("The draft is kept."),
    "applied": N_("Applied. It counts from now on."),
    "back": N_("The earlier version counts again."),
    "released": N_("Released: it is worked out now as if it had been accepted."),
    "held-refused": N_("Refused."),
    "retry": N_("It is tried again now."),
    "scope": N_("The scope was changed."),
    "followed": N_("The directory is followed. Its entries are drafts: nothing is trusted by itself."),
    "forgotten": N_("The directory is not followed any more."),
    "taken": N_("Taken over."),
    "left": N_("Left out."),
    "again": N_("It is taken again; look at it in a moment."),
    "announced": N_("Everybody sees it now."),
    "ended": N_("It is not shown any more."),
    "job-gone": N_("This job is done or gone already."),
    "person-approve": N_("Let in: they can log in now."),
    "person-reject": N_("Turned down; the account is gone."),
    "person-warn": N_("They were told."),
    "person-disable": N_("They are logged out everywhere and can't log in."),
    "person-enable": N_("They can log in again."),
    "person-suspend": N_("Suspended: nothing of theirs is shown, and they can't log in."),
    "person-unsuspend": N_("All that they wrote is shown again, and they can log in."),
    "person-erase": N_("The account is erased; other servers are asked to do the same."),
    "person-role": N_("The role was changed."),
}
"""What a page says after a form was done, by the word behind `?done=`."""


def host(request: Request) -> str:
    """The host in the path. Raises NotFound for what is none."""
    text: str = request.path_params["host"]
    try:
        found = host_of(f"https://{text}")
    except FederationError as problem:
        raise NotFound(f"{text!r} is not a host.") from problem
    if found != text:
        raise NotFound(f"{text!r} is not a host as it is written here; that would be {found}.")
    return found


def before(request: Request) -> int | None:
    """The id behind `?before=`; None for what is none."""
    text = request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def asked(request: Request, name: str, limit: int = 300) -> str:
    """A parameter of the query, without what no database takes."""
    text = request.query_params.get(name, "")[:limit]
    return text.replace("\x00", "").encode("utf-8", "ignore").decode().strip()


def older(request: Request, last: int) -> str:
    """The address of the next page of a list, with the filters of this one."""
    kept = [
        f"{quote(name)}={quote(value)}"
        for name, value in request.query_params.items()
        if name not in ("before", "done")
    ]
    return f"{request.url.path}?{'&'.join([*kept, f'before={last}'])}"
