"""Reports: POST /api/v1/reports. They reach this instance's moderators, and those of the group that the posts are in."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.actions import reports as actions
from fedi.callers import bearer, identify, known
from fedi.context import Site
from fedi.errors import Invalid
from fedi.mastodon import arguments
from fedi.mastodon.accounts import existing
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.report import report
from storage.metadata import Tx


class Reporting(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/reports.

    `forward_to_domains` (4.2) names servers of people in the thread as well; only that of whom it is about is told here.
    Collections (`collection_ids`, 4.6) there are none.
    """

    account_id: int
    status_ids: list[int] = msgspec.field(default_factory=list)
    comment: str = ""
    forward: bool = False
    forward_to_domains: list[str] = msgspec.field(default_factory=list)
    category: str = ""
    rule_ids: list[int] = msgspec.field(default_factory=list)
    collection_ids: list[str] = msgspec.field(default_factory=list)


async def create(request: Request) -> Response:
    """POST /api/v1/reports: moderators are asked to look at an account and its posts; those of others, and those that the
    caller may not see, are left out, as Mastodon does."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: known(identify(tx, token, "write:reports")).me)
    asked = await arguments.read(request, Reporting)
    if len(asked.status_ids) > actions.MAX_POSTS:
        raise Invalid(f"Validation failed: At most {actions.MAX_POSTS} statuses")
    category = asked.category or ("violation" if asked.rule_ids else "other")

    def unit(tx: Tx) -> dict[str, Any]:
        caller = known(identify(tx, token, "write:reports"))
        target = existing(tx, asked.account_id)
        seen = visibility.seen(tx, caller.viewer, list(dict.fromkeys(asked.status_ids)))
        theirs = [post for number in dict.fromkeys(asked.status_ids) if (post := seen.get(number)) is not None]
        theirs = [post for post in theirs if post.author_id == target.id]
        forward = asked.forward or target.domain in [domain.strip().lower() for domain in asked.forward_to_domains]
        made = actions.report(
            tx, site, caller.me, target, theirs, asked.comment, category, forward, rule_ids=asked.rule_ids
        )
        return report(site.config.origin, made, target)

    return Json(await site.db.write(unit))


ROUTES = [Route("/api/v1/reports", create, methods=["POST"])]
