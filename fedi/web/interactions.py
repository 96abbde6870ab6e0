"""Follow and answer across servers: `/interact` leads a visitor home to their own server, `/authorize_interaction` is
where other servers lead our people to (Mastodon's name for it; WebFinger tells of it, FEP-3b86).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.errors import FederationError
from fedi import fetching, visibility
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import client_address, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.limits import Limits
from fedi.sessions import signed_in
from fedi.text.mentions import shortened
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.paths import actor_path
from storage import actors, follows, memberships, posts
from storage import groups as group_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

_ACTOR_KINDS = ("Follow", "Object")
_POST_KINDS = ("Object",)
_LONGEST = 2048


def _limits(request: Request) -> Limits:
    """How often strangers, and our people, make us ask other servers in this way; remembered by this process."""
    state = request.app.state
    if not hasattr(state, "interactions"):
        state.interactions = Limits()
    found: Limits = state.interactions
    return found


def _demand_patience(request: Request, key: str, per_minute: int, burst: int) -> None:
    site: Site = request.app.state.site
    if not _limits(request).allow(key, per_minute, burst, site.clock()):
        raise Problem(_("That was often. Wait a minute, then try again."), status=429, code="too-many")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a visitor wants to follow or answer."""

    iri: str
    name: str
    path: str
    kinds: tuple[str, ...]


async def leave(request: Request) -> Response:
    """`/interact`: who gives a handle of another server is led there, to follow or answer what everyone may see here."""
    site: Site = request.app.state.site
    await signed_in(request)
    form = await sent(request) if request.method == "POST" else None
    uri = (text(form, "uri", _LONGEST) if form is not None else request.query_params.get("uri", "")).strip()
    handle = text(form, "handle", 400).strip() if form is not None else ""
    wanted = await site.db.read(lambda tx: _wanted(tx, uri))
    if wanted is None:
        raise NotFound(_("What you want to follow or answer is not here (any more), or not for everyone."))
    if form is None:
        return page(request, "interact.html", wanted=wanted, handle="", problem=None)
    _demand_patience(request, f"address {client_address(request)}", 10, 20)
    try:
        address = await fetching.interaction(site, handle, wanted.iri, wanted.kinds)
    except (FederationError, NotFound) as problem:
        said = _said(problem)
        return page(request, "interact.html", 422, wanted=wanted, handle=handle, problem=said)
    return RedirectResponse(address, 303)


def _said(problem: FederationError | NotFound) -> str:
    if isinstance(problem, NotFound):
        return problem.text + " " + _("Search there for the address below instead.")
    if problem.code == "bad-handle":
        return _("That is no handle. Yours looks like @name@server.example; your profile shows it.")
    return _(
        "Your server did not answer as expected. Look for a slip in the handle, or search there for the address below."
    )


def _wanted(tx: Tx, iri: str) -> _Wanted | None:
    """What has this IRI, if everyone may see it."""
    actor = actors.by_iri(tx, iri)
    if actor is not None and actor.state == "active" and actor.kind != "Application":
        return _Wanted(actor.iri, actor.name or actor.username, actor_path(actor), _ACTOR_KINDS)
    post = posts.by_iri(tx, iri)
    made = _card(tx, None, post) if post is not None else None
    return None if made is None else _Wanted(made.post.iri, made.named(90), made.path, _POST_KINDS)


def _card(tx: Tx, me: Actor | None, post: Post) -> Card | None:
    if not visibility.may_see(tx, cards.viewer_of(me), post):
        return None
    made = cards.of_posts(tx, me, [post])
    return made[0] if made else None


async def arrive(request: Request) -> Response:
    """`/authorize_interaction?uri=`: whom or what another server sent our person here for, with the button to do it.

    Nothing is done by the GET but to read it from its server; it may come from any page.
    """
    site: Site = request.app.state.site
    me = await person(request)
    uri = " ".join(request.query_params.get("uri", "").split())
    uri = uri.removeprefix("acct:")
    if uri.startswith("web+ap://"):
        uri = "https://" + uri.removeprefix("web+ap://")
    if not uri or len(uri) > _LONGEST:
        raise Problem(_("This link does not say what it is about; go back to where it came from."), code="no-uri")
    _demand_patience(request, f"person {me.id}", 30, 30)
    found = await fetching.resolve(site, uri)
    if isinstance(found, Actor) and found.kind != "Application" and found.state == "active":
        if found.id == me.id:
            return see_other(actor_path(me))
        target = found
        return page(request, "interaction.html", **await site.db.read(lambda tx: _meeting(tx, me, target)))
    post = found if isinstance(found, Post) else None
    card = await site.db.read(lambda tx: _card(tx, me, post)) if post is not None else None
    if card is None:
        named = uri if "://" not in uri else (urlsplit(uri).hostname or uri)
        raise NotFound(
            _(
                "Nothing that you may see could be had from %(where)s. Its server may not answer right now, or the address "
                "leads to no person, group or post."
            )
            % {"where": shortened(named, 80)}
        )
    return page(request, "interaction.html", card=card, target=None)


def _meeting(tx: Tx, me: Actor, target: Actor) -> dict[str, Any]:
    follow = follows.find(tx, me.id, target.id)
    row = group_rows.by_id(tx, target.id) if target.is_group else None
    membership = memberships.find(tx, target.id, me.id) if target.is_group else None
    invited = membership is not None and membership.state in ("invited", "accepted")
    return {
        "card": None,
        "target": target,
        "target_path": actor_path(target),
        "state": follow.state if follow is not None else None,
        "can_join": row is None or row.join_mode != "invite" or invited,
    }
