"""An operation of our own API: a plain function whose annotations say what goes in and out, and how it is asked over HTTP.

`unit(tx, call, query, body)` runs as one unit of work. `query` and `body` are structs and may be left out; so may the
answer (204). The OpenAPI description is made from the same annotations (`fedi.api.description`), so it can't differ.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from federation.hosts import host_of
from fedi.callers import Caller, bearer, identify, known, viewer
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem, Unauthenticated
from fedi.mastodon import arguments
from fedi.mastodon.answers import Json
from fedi.visibility import Viewer
from storage.actors import Actor
from storage.metadata import Tx

BASE = "/api/fedi/v1"
BODY = 1 << 20
"""Bytes of a body at most."""
_KEY = 255


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, for what. `ids` are those in the path, by name, and `host` is the host there; `found` is what
    `Operation.before` brought."""

    site: Site
    caller: Caller | None
    ids: dict[str, int]
    idempotency_key: str | None = None
    found: Any = None
    host: str = ""

    @property
    def me(self) -> Actor:
        """The person who asks. Raises Unauthenticated for nobody."""
        return known(self.caller).me

    @property
    def viewer(self) -> Viewer:
        """How the gate knows who asks."""
        return viewer(self.caller)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path below `BASE`.

    `scopes`: one of these is needed of a token. `person`: nobody asks without one; `admin`: nobody but an admin. `before` runs
    ahead of the unit and may use the network; what it returns is `Call.found`. `reads`: a POST that changes nothing. `tag` is the
    chapter of the description.
    """

    method: str
    path: str
    unit: Callable[..., Any]
    tag: str
    scopes: tuple[str, ...]
    person: bool = True
    admin: bool = False
    reads: bool = False
    status: int = 200
    before: Callable[[Site, Caller | None, Any], Awaitable[Any]] | None = None
    refuses: tuple[int, ...] = field(default=())

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The annotations of the unit, metadata included."""
        return get_type_hints(self.unit, include_extras=True)

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """The struct of the query string."""
        return self.hints.get("query")

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """The struct of the body."""
        return self.hints.get("body")

    @property
    def answer(self) -> Any:
        """The type of what is answered; None for nothing (204)."""
        made = self.hints["return"]
        return None if made is type(None) else made

    @property
    def summary(self) -> str:
        """What it does, in the first sentence of the unit's docstring."""
        return (inspect.getdoc(self.unit) or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def description(self) -> str:
        """The rest of the docstring."""
        return (inspect.getdoc(self.unit) or "").partition("\n\n")[2].replace("\n", " ").strip()

    def route(self) -> Route:
        """The operation as the door takes it."""
        return Route(BASE + self.path, self._endpoint, methods=[self.method])

    async def _endpoint(self, request: Request) -> Response:
        site: Site = request.app.state.site
        token = bearer(request)
        ids = {name: arguments.path_id(request, name) for name in request.path_params if name != "host"}
        host = _host(request)
        given: dict[str, Any] = {}
        # First who asks, so that whoever may not ask learns nothing about how.
        caller = await site.db.read(lambda tx: self._admitted(tx, token))
        if self.query is not None:
            given["query"] = _query(request, self.query)
        if self.body is not None:
            given["body"] = await _body(request, self.body)
        key = request.headers.get("idempotency-key") or None
        if key is not None and len(key) > _KEY:
            raise Problem("The Idempotency-Key is longer than 255 characters", code="idempotency-key")
        found = None
        if self.before is not None:
            found = await self.before(site, caller, given.get("query", given.get("body")))
        call = Call(site, caller, ids, key, found, host)
        run = site.db.read if self.method == "GET" or self.reads else site.db.write
        made = await run(lambda tx: self.unit(tx, call, **given))
        return Json(made, self.status) if self.answer is not None else Response(status_code=204)

    def _admitted(self, tx: Tx, token: str | None) -> Caller | None:
        caller = identify(tx, token, *self.scopes)
        if self.admin and known(caller).role != "admin":
            raise Forbidden("This is for admins of this instance.", code="not-admin")
        if self.person:
            return known(caller)
        if caller is not None and caller.person is None:
            return None  # an app's own token sees what nobody sees
        return caller


def _host(request: Request) -> str:
    """The host in the path; empty where there is none. Raises NotFound for what is none."""
    text: str = request.path_params.get("host", "")
    try:
        if text and host_of(f"https://{text}") != text:
            raise NotFound
    except FederationError as problem:
        raise NotFound from problem
    return text


def _query(request: Request, shape: type[msgspec.Struct]) -> msgspec.Struct:
    """The query string as a struct; a name that it does not have is refused, since a misspelt one else does nothing."""
    given: dict[str, Any] = {}
    known_names = {one.encode_name for one in msgspec.structs.fields(shape)}
    for name, value in request.query_params.multi_items():
        if name == "access_token":
            continue
        if name not in known_names:
            raise Invalid(
                f"{name} is not a parameter of this; there are: {', '.join(sorted(known_names))}", code="query"
            )
        if name in given:
            raise Invalid(f"{name} is given twice", code="query")
        given[name] = value
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as problem:
        raise Invalid(_said(problem, shape), code="query") from problem


async def _body(request: Request, shape: type[msgspec.Struct]) -> msgspec.Struct:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem("Send application/json", status=415, code="content-type")
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > BODY:
            raise Problem(f"The body is larger than {BODY} bytes", status=413, code="too-large")
    try:
        return msgspec.json.decode(bytes(pieces), type=shape)
    except msgspec.ValidationError as problem:
        raise Invalid(_said(problem, shape), code="body") from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Problem(f"The body is not JSON: {problem}", code="body") from problem


def _said(problem: msgspec.ValidationError, shape: type[msgspec.Struct]) -> str:
    """«title: Expected `str`, got `int`» of msgspec's «Expected `str`, got `int` - at `$.title`»; of a word that is none of
    those there are, which there are."""
    text, _, where = str(problem).partition(" - at `")
    name = where.rstrip("`").removeprefix("$.")
    if text.startswith("Invalid enum value") and (words := _words(get_type_hints(shape).get(name))):
        text = f"{text}; there are: {', '.join(words)}"
    return f"{name}: {text}" if name and name != "$" else text


def _words(kind: Any) -> list[str]:
    """The words that a field's type allows."""
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    return [word for one in get_args(kind) for word in _words(one)]


class Refusal(msgspec.Struct, kw_only=True):
    """What went wrong (RFC 9457): `detail` says to people what and what to do, `code` to programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def refuse(problem: Problem) -> Json:
    """A Problem as problem details."""
    title = HTTPStatus(problem.status).phrase
    made = Json(Refusal(type="about:blank", title=title, status=problem.status, detail=problem.text, code=problem.code))
    made.status_code = problem.status
    made.raw_headers = [
        (name, b"application/problem+json" if name == b"content-type" else value) for name, value in made.raw_headers
    ]
    if isinstance(problem, Unauthenticated):
        made.raw_headers.append((b"www-authenticate", b'Bearer realm="fedi"'))
    elif isinstance(problem, Forbidden) and problem.code == "scope":
        made.raw_headers.append((b"www-authenticate", b'Bearer realm="fedi", error="insufficient_scope"'))
    return made
