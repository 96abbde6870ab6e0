"""What a page with a script asks: what is new in what it shows (`/live`), and the files that make it an app.

The answer names posts by id, those alone that the person may see; what they say comes with the page itself.
"""

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedi import feeds, visibility
from fedi.context import Site
from fedi.hiding import hidden
from fedi.html import SCRIPT, SCRIPT_PATH, page
from fedi.languages import N_, _
from fedi.sessions import signed_in
from fedi.web import listing
from storage import actors, threads
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page

_FOLDER = Path(__file__).parent / "static"
WORKER = (_FOLDER / "sw.js").read_bytes()
ICONS = {f"/static/icon{size}.png": (_FOLDER / f"icon{size}.png").read_bytes() for size in ("", "192", "512")}
LATEST = 20
"""Posts that an answer names, newest first."""
WORDS = {
    "new_one": N_("1 new"),
    "new_many": N_("{n} new"),
    "waiting_one": N_("1 waiting"),
    "waiting_many": N_("{n} waiting"),
    "offline": N_("There is no connection. What you wrote is kept here and is sent by itself when you are back."),
    "online_only": N_("There is no connection. What you typed is kept in this browser."),
    "refused": N_("Something that waited could not be posted. It is in your drafts."),
    "login": N_("Log in again. What you wrote is kept here and is sent then."),
    "restored": N_("What you had typed is here again."),
    "forget": N_("Forget it"),
    "left": N_("{n} characters left"),
    "sending": N_("Sending…"),
    "copied": N_("Copied"),
}
"""What the script says, by the names it has there."""
_POST = re.compile(r"/(?:people/[^/]+/posts|@[^/]+)/([0-9]{1,18})")
_GROUP = re.compile(r"/(?:groups/([^/]{1,100})|@([^/@]{1,100})@([^/]{1,255}))")
_HEADERS = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}
_STATIC = "public, max-age=31536000, immutable"
_BACK, _FRONT = "#fbfaf7", "#1d5c63"


async def live(request: Request) -> Response:
    """`/live?of=PATH`: {ids: the newest posts on that page, unread: notifications}; with `words` also what the script says.
    401 for who is not logged in."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    if me is None:
        return JSONResponse({"error": "not logged in"}, 401, _HEADERS)
    path = request.query_params.get("of", "")[:600]
    ids = await site.db.read(lambda tx: _newest(tx, site, me, path)) if path else []
    said: dict[str, Any] = {"ids": [str(one) for one in ids], "unread": getattr(request.state, "unread", 0)}
    if "words" in request.query_params:
        said["words"] = {name: _(text) for name, text in WORDS.items()}
    return JSONResponse(said, headers=_HEADERS)


def _newest(tx: Tx, site: Site, me: Actor, path: str) -> list[int]:
    """The newest posts of what is at a path; none where nothing is, or it is no list that grows."""
    if path == "/home":
        return [card.post.id for card in listing.of_home(tx, me, Page(limit=LATEST), site.clock()).cards]
    if (post := _POST.fullmatch(path)) is not None:
        return _of_thread(tx, site, me, int(post[1]))
    if (group := _GROUP.fullmatch(path)) is not None:
        found = actors.by_name(tx, group[1] or group[2], group[3] or site.config.handle_domain)
        if found is not None and found.is_group and found.state == "active":
            return _of_group(tx, site, me, found)
    return []


def _of_thread(tx: Tx, site: Site, me: Actor, post_id: int) -> list[int]:
    viewer = visibility.person(me.id)
    shown = visibility.seen(tx, viewer, [post_id]).get(post_id)
    if shown is None:
        return []
    rows = post_rows.posts
    query = select(rows.c.id).where(rows.c.root_id == (shown.root_id or shown.id), visibility.visible_to(viewer))
    ids = list(tx.scalars(query.order_by(rows.c.id.desc()).limit(LATEST)))
    return _wanted(tx, site, me, ids)


def _of_group(tx: Tx, site: Site, me: Actor, group: Actor) -> list[int]:
    viewer = visibility.person(me.id)
    if group.local and not visibility.may_see_group(tx, viewer, group):
        return []
    found = threads.active(tx, group.id, visibility.visible_to(viewer), LATEST)
    return _wanted(tx, site, me, [thread.root_id for thread in found])


def _wanted(tx: Tx, site: Site, me: Actor, ids: list[int]) -> list[int]:
    """Those of these that the person may see and wants to meet, in this order."""
    seen = visibility.seen(tx, visibility.person(me.id), ids)
    there: list[Post] = [seen[one] for one in ids if one in seen]
    return [post.id for post in feeds.shown_to(tx, hidden(tx, me.id, site.clock()), there)]


async def script(request: Request) -> Response:
    """The script of pages. Its name changes with its content."""
    return Response(SCRIPT, media_type="text/javascript", headers={"cache-control": _STATIC})


async def worker(request: Request) -> Response:
    """The service worker, which is asked for anew each time; it may speak with us alone."""
    headers = {"cache-control": "no-cache", "content-security-policy": "default-src 'none'; connect-src 'self'"}
    return Response(WORKER, media_type="text/javascript", headers=headers)


async def offline(request: Request) -> Response:
    """What is shown of a page that was never seen, where there is no line."""
    await signed_in(request)
    return page(request, "offline.html")


async def manifest(request: Request) -> Response:
    """The web app manifest (W3C), by which the instance can be put on a home screen."""
    site: Site = request.app.state.site
    name = site.config.name
    said = {
        "id": "/",
        "name": name,
        "short_name": name if len(name) <= 12 else name.split()[0][:12],
        "start_url": "/home",
        "scope": "/",
        "display": "standalone",
        "background_color": _BACK,
        "theme_color": _FRONT,
        "icons": [
            {"src": f"/static/icon{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for size in (192, 512)
            for purpose in ("any", "maskable")
        ],
        "shortcuts": [
            {"name": _("Write"), "url": "/compose"},
            {"name": _("Catch up"), "url": "/catch-up"},
        ],
    }
    headers = {"cache-control": "public, max-age=3600"}
    return Response(json.dumps(said), media_type="application/manifest+json", headers=headers)


async def picture(request: Request) -> Response:
    """The icon: of a tab, and of the app (home screens of phones take no SVG)."""
    made = ICONS[request.url.path]
    return Response(made, media_type="image/png", headers={"cache-control": "public, max-age=86400"})


ROUTES = [
    Route("/live", live),
    Route("/offline", offline),
    Route("/manifest.webmanifest", manifest),
    Route("/sw.js", worker),
    Route(SCRIPT_PATH, script),
    *(Route(path, picture) for path in ICONS),
]
