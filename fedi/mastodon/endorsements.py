"""Endorsements: accounts that a person features on their profile; and notes about accounts, for one's own eyes."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.callers import bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Invalid
from fedi.mastodon import arguments, presenting
from fedi.mastodon.accounts import existing, may_know, there
from fedi.mastodon.answers import Json
from fedi.mastodon.follows import standing
from fedi.mastodon.paging import Paging, cursors, links
from fedi.visibility import Viewer
from storage import account_notes, actors, endorsements, follows
from storage.endorsements import Endorsement
from storage.metadata import Tx
from storage.timelines import Page

_NOTE = 2000
"""Characters of a note (Mastodon)."""


async def endorse(request: Request) -> Response:
    """POST /api/v1/accounts/ID/endorse (before 4.4: pin). 422 for who is not followed."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:accounts")).me
        target = existing(tx, account_id)
        edge = follows.find(tx, me.id, target.id)
        if edge is None or edge.state != "accepted":
            raise Invalid("Validation failed: You must be already following the person you want to endorse")
        endorsements.insert(tx, Endorsement(site.new_id(), me.id, target.id, site.clock()))
        return standing(tx, me, [target.id], site.clock())[0]

    return Json(await site.db.write(unit))


async def unendorse(request: Request) -> Response:
    """POST /api/v1/accounts/ID/unendorse (before 4.4: unpin)."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:accounts")).me
        target = there(tx, account_id)
        endorsements.remove(tx, me.id, target.id)
        return standing(tx, me, [target.id], site.clock())[0]

    return Json(await site.db.write(unit))


async def mine(request: Request) -> Response:
    """GET /api/v1/endorsements: whom the caller features, last added first."""
    site: Site = request.app.state.site
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        caller = known(identify(tx, token, "read:accounts"))
        return _page(tx, site, caller.viewer, caller.me.id, page)

    shown, places = await site.db.read(unit)
    return Json(shown, headers=links(request, places[0], places[-1]) if places else None)


async def of_account(request: Request) -> Response:
    """GET /api/v1/accounts/ID/endorsements: whom somebody features, for everyone to see; of people elsewhere it is not known."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    page = arguments.query(request, Paging).page(40, 80)
    token = bearer(request)

    def unit(tx: Tx) -> tuple[list[Any], list[int]]:
        looks = viewer(identify(tx, token, "read:accounts"))
        owner = existing(tx, account_id)
        if visibility.shut_out(tx, looks, [owner.id]):
            return [], []
        return _page(tx, site, looks, owner.id, page)

    shown, places = await site.db.read(unit)
    return Json(shown, headers=links(request, places[0], places[-1]) if places else None)


def _page(tx: Tx, site: Site, looks: Viewer, person_id: int, page: Page) -> tuple[list[Any], list[int]]:
    found = endorsements.page_of(tx, person_id, page)
    known_actors = actors.by_ids(tx, [one.actor_id for one in found])
    shown = [one for row in found if (one := known_actors[row.actor_id]).state == "active"]
    shown = may_know(tx, looks, shown)
    places = cursors([(row.id, row.actor_id) for row in found], {one.id for one in shown}, page.limit)
    return presenting.accounts(tx, site, shown), places


class Note(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/accounts/ID/note."""

    comment: str = ""


async def note(request: Request) -> Response:
    """POST /api/v1/accounts/ID/note: what the caller alone sees about the account; nothing takes it away."""
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    token = bearer(request)
    comment = (await arguments.read(request, Note)).comment
    if len(comment) > _NOTE:
        raise Invalid(f"Validation failed: Comment is too long (maximum is {_NOTE} characters)")

    def unit(tx: Tx) -> dict[str, Any]:
        me = known(identify(tx, token, "write:accounts")).me
        target = there(tx, account_id)
        account_notes.save(tx, me.id, target.id, comment if comment.strip() else "")
        return standing(tx, me, [target.id], site.clock())[0]

    return Json(await site.db.write(unit))


ROUTES = [
    Route("/api/v1/accounts/{id}/endorse", endorse, methods=["POST"]),
    Route("/api/v1/accounts/{id}/pin", endorse, methods=["POST"]),
    Route("/api/v1/accounts/{id}/unendorse", unendorse, methods=["POST"]),
    Route("/api/v1/accounts/{id}/unpin", unendorse, methods=["POST"]),
    Route("/api/v1/accounts/{id}/endorsements", of_account),
    Route("/api/v1/accounts/{id}/note", note, methods=["POST"]),
    Route("/api/v1/endorsements", mine),
]
