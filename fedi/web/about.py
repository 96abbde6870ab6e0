"""`/about`: whose this instance is and how it meets others; the style sheet of all pages."""

from starlette.requests import Request
from starlette.responses import Response

from fedi import VERSION
from fedi.compression import packed, takes_gzip
from fedi.context import Site
from fedi.html import STYLE, STYLE_COOKIE, STYLE_NAME, page
from fedi.languages import N_, _
from fedi.sessions import signed_in
from storage import people, posts
from storage.metadata import Tx

_YEAR = 365 * 24 * 3600
_KEPT = 60_000
"""Milliseconds for which what was counted is told."""
_FEDERATION = {
    "open": N_("Everyone here can meet people and groups of other universities, and of all the fediverse."),
    "peers": N_("People here meet those of institutions that have an agreement with this one."),
    "closed": N_("People here meet each other; this instance does not talk to others."),
}


async def about(request: Request) -> Response:
    """The page about this instance."""
    site: Site = request.app.state.site
    await signed_in(request)

    def read(tx: Tx) -> tuple[int, int]:
        return people.totals(tx, 0)[0], posts.local_total(tx)

    # Counting costs, and nobody needs to know at once.
    persons, written = await site.recent.get("about", site.clock(), _KEPT, lambda: site.db.read(read))
    federation = _(_FEDERATION[site.config.federation.mode])
    written_policy = site.config.privacy()
    privacy = [] if written_policy is None else [part for part in written_policy[0].split("\n\n") if part.strip()]
    return page(
        request,
        "about.html",
        people=persons,
        posts=written,
        federation=federation,
        version=VERSION,
        privacy=privacy,
    )


async def style(request: Request) -> Response:
    """The style sheet. Its name changes with its content, so that it is never asked for twice; with it comes the cookie that
    says that this browser has it, so that pages need not bring it along."""
    site: Site = request.app.state.site
    headers = {"cache-control": f"public, max-age={_YEAR}, immutable", "vary": "Accept-Encoding"}
    body = STYLE
    if takes_gzip(request.headers.get("accept-encoding", "")):
        body = packed(STYLE, 9)
        headers["content-encoding"] = "gzip"
    response = Response(body, media_type="text/css", headers=headers)
    secure = site.config.origin.startswith("https:")
    response.set_cookie(STYLE_COOKIE, STYLE_NAME, max_age=_YEAR, path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def robots(request: Request) -> Response:
    """What crawlers leave alone: pages that are for people who are logged in."""
    return Response(
        "User-agent: *\nDisallow: /@\nDisallow: /search\nDisallow: /login\nDisallow: /join\n", media_type="text/plain"
    )
