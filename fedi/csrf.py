"""Whether a form was sent from our own pages: by the headers a browser sets and no page can, without tokens in forms.

The rule is that of Go 1.25 (`net/http.CrossOriginProtection`) and of Datasette: `Sec-Fetch-Site` decides, `Origin` where
a browser is too old for it or the site is plain http. Who sends neither is no browser, and so carries no cookie that it
did not mean to send. Tokens in forms would break pages that are kept and the way back.
"""

from starlette.requests import Request

from fedi.context import Site
from fedi.errors import Forbidden
from fedi.languages import _


def same_origin(request: Request) -> bool:
    """Whether this request can't have been made by a page of another site (always so for GET and HEAD)."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return True
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        # `none`: typed or bookmarked. `same-site` is another host of the same domain: not ours.
        return fetched in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    site: Site = request.app.state.site
    return origin == site.config.origin or origin.partition("://")[2] == request.headers.get("host")


def demand_same_origin(request: Request) -> None:
    """Raises Forbidden for what a page of another site sent."""
    if not same_origin(request):
        raise Forbidden(
            _("This form was sent from another site, so nothing was done. Open the page here and try again."),
            code="cross-origin",
        )
