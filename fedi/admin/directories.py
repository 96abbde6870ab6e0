"""`/admin/directories`: the signed lists of institutions that are read here, and what becomes of each entry.

An entry is a draft: nothing follows from it by itself. It names who speaks for an institution and with which key.
"""

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.peering.directory import of_body
from fedi.actions import directories as acts
from fedi.actions.own_directory import PATH
from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.fetching import directories as fetching
from fedi.forms import see_other, sent, text
from storage import directories, publications
from storage.metadata import Tx

_ENTRIES = 300
_VERBS = ("follow", "forget", "ask", "take", "leave")
_DONE = {"follow": "followed", "forget": "forgotten", "ask": "retry", "take": "taken", "leave": "left"}


async def index(request: Request) -> Response:
    """Each directory with its entries, what is new first; the forms follow one, forget it, take an entry or leave it out."""
    site: Site = request.app.state.site
    me = await admin(request)
    problem, typed = None, ("", "")
    if request.method == "POST":
        form = await sent(request)
        verb, typed = text(form, "do", 10), (text(form, "url", 500).strip(), text(form, "fingerprint", 300).strip())
        try:
            if verb not in _VERBS:
                raise NotFound("This button says nothing that can be done; go back and try again.")
            if verb == "follow":
                await _follow(site, me.username, *typed)
            else:
                await site.db.write(lambda tx: _act(tx, site, me.username, verb, typed[0], form))
        except (Problem, FederationError) as refusal:
            problem = refusal.text
        else:
            return see_other(f"/admin/directories?done={_DONE[verb]}")

    def read(tx: Tx) -> dict[str, Any]:
        rows = []
        for row in directories.everyone(tx):
            entries = directories.entries(tx, row.id)
            entries.sort(key=lambda one: ({"draft": 0, "taken": 1, "left": 2}.get(one.state, 3), one.host))
            rows.append((row, [(one, of_body(one.body)) for one in entries[:_ENTRIES]], len(entries)))
        return {"rows": rows, "published": publications.find(tx)}

    return await shown(
        request,
        "directories.html",
        "directories",
        read,
        status=422 if problem else 200,
        problem=problem,
        typed=typed,
        now=site.clock(),
        address=site.iri(PATH),
    )


async def _follow(site: Site, who: str, url: str, fingerprint: str) -> None:
    """Follow the file at `url` when the key that signs it has this fingerprint. Raises Invalid, or what fetching raises."""
    if not url.startswith(("https://", "http://")):
        raise Invalid("Write the address of the directory, as https://consortium.example/peering/directory.")
    if not fingerprint:
        raise Invalid(
            "Give the fingerprint of its key, as who publishes it told you in another way.", code="fingerprint"
        )
    key = await fetching.key_of(site, url)
    if not fetching.pinned(key, fingerprint):
        raise Invalid("The file is signed by another key than the one with this fingerprint. Nothing was followed.")

    def write(tx: Tx) -> None:
        acts.ask(tx, site, acts.follow(tx, site, who, url, "aggregate", [key]))

    await site.db.write(write)


def _act(tx: Tx, site: Site, who: str, verb: str, url: str, form: FormData) -> None:
    name = text(form, "host", 255)
    if verb == "forget":
        acts.forget(tx, site, who, url)
    elif verb == "ask":
        row = directories.by_url(tx, url)
        if row is None:
            raise NotFound("This directory is not read here.")
        acts.ask(tx, site, row)
    elif verb == "take":
        acts.take(tx, site, who, name, url)
    else:
        acts.leave(tx, site, who, name, url)
