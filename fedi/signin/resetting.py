"""`/login/reset`: a new password for who forgot theirs, by a link in a mail, or by one that whoever runs the server hands on."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi.actions import credentials, mailing
from fedi.context import Site
from fedi.errors import Problem
from fedi.forms import see_other, sent, text
from fedi.guard import guard
from fedi.html import page
from fedi.sessions import signed_in
from fedi.signin.entering import hashed


async def ask(request: Request) -> Response:
    """Ask for the mail. The answer is the same whether there is such an account or not."""
    site: Site = request.app.state.site
    await signed_in(request)
    mailed = mailing.enabled(site)
    if request.method != "POST" or not mailed:
        if request.method == "POST":
            await sent(request)
        return page(request, "reset.html", mailed=mailed, step="ask", problem=None, name="", whom=None)
    form = await sent(request)
    name, secret = text(form, "name", 300).strip(), secrets.token_urlsafe(32)
    try:
        guard(request).check_mail(request)
    except Problem as problem:
        return page(
            request, "reset.html", problem.status, mailed=True, step="ask", problem=problem.text, name=name, whom=None
        )
    if name:
        await site.db.write(lambda tx: credentials.ask_reset(tx, site, name, secret))
    return page(request, "reset.html", mailed=True, step="asked", problem=None, name=name, whom=None)


async def choose(request: Request) -> Response:
    """The link: choose a new password, then log in by it."""
    site: Site = request.app.state.site
    await signed_in(request)
    secret = request.path_params["secret"][:100]
    whom = await site.db.read(lambda tx: credentials.whose_reset(tx, site, secret))
    if whom is None or request.method != "POST":
        if request.method == "POST":
            await sent(request)
        step, status = ("over", 404) if whom is None else ("choose", 200)
        return page(
            request, "reset.html", status, mailed=mailing.enabled(site), step=step, problem=None, name="", whom=whom
        )
    form = await sent(request)
    try:
        made = await hashed(request, text(form, "password", 1001))
    except Problem as problem:
        return page(
            request, "reset.html", problem.status, mailed=True, step="choose", problem=problem.text, name="", whom=whom
        )
    await site.db.write(lambda tx: credentials.reset(tx, site, secret, made))
    return see_other("/login?done=reset")


ROUTES = [
    Route("/login/reset", ask, methods=["GET", "POST"]),
    Route("/login/reset/{secret}", choose, methods=["GET", "POST"]),
]
