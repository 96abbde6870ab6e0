"""The small pages about this instance: whom it knows and blocks, its rules and policies, how much goes on.

They are the same for everyone; what tells of other servers can be read by them as well.
"""

import hashlib
from datetime import date

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching import translating
from fedi.mastodon import arguments
from fedi.mastodon.answers import moment
from fedi.mastodon.instance import public, rules
from fedi.mastodon.languages import LANGUAGES
from fedi.text.plain import to_html
from storage import activity, peers

_HOUR = 3_600_000
_SEVERITY = {"blocked": "suspend", "limited": "silence"}


async def known_peers(request: Request) -> Response:
    """GET /api/v1/instance/peers: the hosts we met."""
    site: Site = request.app.state.site
    rows = await site.db.read(peers.everyone)
    return public([row.host for row in rows if row.stance != "blocked"])


class Query(msgspec.Struct, kw_only=True):
    """The query of GET /api/v1/peers/search."""

    q: str = ""
    limit: int = 10


async def search_peers(request: Request) -> Response:
    """GET /api/v1/peers/search?q=: hosts we met that begin so, for who types a domain."""
    site: Site = request.app.state.site
    asked = arguments.query(request, Query)
    beginning = asked.q.strip().lower()
    if not beginning:
        return public([])
    limit = max(1, min(asked.limit, 10))
    return public(await site.db.read(lambda tx: peers.beginning(tx, beginning, limit)))


async def domain_blocks(request: Request) -> Response:
    """GET /api/v1/instance/domain_blocks: hosts that are blocked or limited here, and why."""
    site: Site = request.app.state.site
    rows = await site.db.read(lambda tx: peers.with_stance(tx, tuple(_SEVERITY)))
    return public(
        [
            {
                "domain": row.host,
                "digest": hashlib.sha256(row.host.encode()).hexdigest(),
                "severity": _SEVERITY[row.stance],
                "comment": row.reason or "",
            }
            for row in rows
            if row.stance in _SEVERITY
        ]
    )


async def extended_description(request: Request) -> Response:
    """GET /api/v1/instance/extended_description."""
    site: Site = request.app.state.site
    return public({"updated_at": moment(0), "content": _html(site, site.config.description)})


async def privacy_policy(request: Request) -> Response:
    """GET /api/v1/instance/privacy_policy: the file that the setting names; empty without one."""
    site: Site = request.app.state.site
    text, changed = site.config.privacy() or ("", 0)
    return public({"updated_at": moment(changed), "content": _html(site, text)})


def _html(site: Site, text: str) -> str:
    return to_html(text, {}, lambda tag: site.iri(f"/tags/{tag}")) if text.strip() else ""


async def no_terms(request: Request) -> Response:
    """GET /api/v1/instance/terms_of_service, also of a date: there are none here, but rules and the privacy policy."""
    day = request.path_params.get("date")
    if day is not None:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise NotFound from None
    raise NotFound


async def languages(request: Request) -> Response:
    """GET /api/v1/instance/languages: those that a post may be said to be in, the instance's own first."""
    site: Site = request.app.state.site
    codes = dict.fromkeys([*(one for one in site.config.languages if one in LANGUAGES), *LANGUAGES])
    return public([{"code": code, "name": LANGUAGES[code]} for code in codes])


async def translation_languages(request: Request) -> Response:
    """GET /api/v1/instance/translation_languages: from what the engine translates into what; empty without one."""
    site: Site = request.app.state.site
    return public(await translating.languages(site))


async def show_rules(request: Request) -> Response:
    """GET /api/v1/instance/rules."""
    return public(rules(request.app.state.site))


async def weekly(request: Request) -> Response:
    """GET /api/v1/instance/activity: the last twelve weeks, this one first; every number is a string, as in Mastodon."""
    site: Site = request.app.state.site
    now = site.clock()
    weeks = await site.recent.get("weeks", now, _HOUR, lambda: site.db.read(lambda tx: activity.weeks(tx, now)))
    return public(
        [
            {
                "week": str(week.start // 1000),
                "statuses": str(week.posts),
                "logins": str(week.logins),
                "registrations": str(week.registrations),
            }
            for week in weeks
        ]
    )


async def custom_emojis(request: Request) -> Response:
    """GET /api/v1/custom_emojis: there are none of this instance's own; those of others come with their posts."""
    return public([])


ROUTES = [
    Route("/api/v1/instance/peers", known_peers),
    Route("/api/v1/peers/search", search_peers),
    Route("/api/v1/instance/domain_blocks", domain_blocks),
    Route("/api/v1/instance/extended_description", extended_description),
    Route("/api/v1/instance/privacy_policy", privacy_policy),
    Route("/api/v1/instance/terms_of_service", no_terms),
    Route("/api/v1/instance/terms_of_service/{date}", no_terms),
    Route("/api/v1/instance/languages", languages),
    Route("/api/v1/instance/translation_languages", translation_languages),
    Route("/api/v1/instance/rules", show_rules),
    Route("/api/v1/instance/activity", weekly),
    Route("/api/v1/custom_emojis", custom_emojis),
]
