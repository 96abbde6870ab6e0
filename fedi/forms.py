"""What every form of a page needs: who is logged in, that it came from our own pages, its fields, where to go then, and
from which address it came.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi.context import Site
from fedi.csrf import demand_same_origin
from fedi.errors import Problem
from fedi.languages import _
from fedi.languages import number as shown_number
from fedi.limits import network
from fedi.media import files, multipart
from fedi.media.kinds import IMAGE_BYTES
from fedi.media.multipart import Upload
from fedi.sessions import signed_in
from storage.actors import Actor

MAX_FORM = 200_000
"""Bytes of a form: a post of 5,000 characters has 60,000 at the very most, as percent-encoded UTF-8."""


class LogInFirst(Exception):
    """The page is for who is logged in; the answer leads to /login and back to `back`."""

    def __init__(self, back: str) -> None:
        super().__init__(back)
        self.back = back


async def person(request: Request) -> Actor:
    """The local person who is logged in. Raises LogInFirst for anyone else."""
    me = await signed_in(request)
    if me is None:
        query = f"?{request.url.query}" if request.url.query else ""
        raise LogInFirst(request.url.path + query if request.method == "GET" else "/home")
    return me


async def sent(request: Request, limit: int = MAX_FORM) -> FormData:
    """The fields of a form of ours, of `limit` bytes at most. Raises Forbidden for one of another site, Problem for one that
    can't be read."""
    demand_same_origin(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Problem(_("This is no form; send one from its page."), status=415, code="content-type")
    # Without a length there is no body, except for one in pieces, which no browser's form comes in.
    length = request.headers.get("content-length", "x" if "transfer-encoding" in request.headers else "0")
    if not length.isdigit() or int(length) > limit:
        said = _("This form is too large: a text has at most 5,000 characters.")
        if limit != MAX_FORM:
            said = _("This form is too large: it may have %(most)s bytes.") % {"most": shown_number(limit)}
        raise Problem(said, status=413, code="too-large")
    try:
        return await request.form(max_files=0, max_fields=50, max_part_size=limit)
    except Exception as problem:  # whatever the parser makes of hostile bytes
        raise Problem(_("This form can't be read; go back and send it again.")) from problem


@contextlib.asynccontextmanager
async def sent_with_files(request: Request, most: int) -> AsyncIterator[FormData]:
    """As `sent`, of a form with up to `most` pictures, which are gone at the end. Raises as `sent`."""
    demand_same_origin(request)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        yield await sent(request)
        return
    site: Site = request.app.state.site
    folder = files.incoming(site)
    async with multipart.form(content_type, request.stream(), folder, files=most, limit=IMAGE_BYTES) as items:
        yield FormData(items)  # type: ignore[arg-type]  # whose files are Uploads


def upload(form: FormData, name: str) -> Upload | None:
    """A file of `sent_with_files`; None where none was chosen."""
    value: Any = form.get(name)
    return value if isinstance(value, Upload) and value.size else None


def text(form: FormData, name: str, limit: int = MAX_FORM) -> str:
    """A field as text, without NUL and lone surrogates; empty when it is missing."""
    value: Any = form.get(name, "")
    if not isinstance(value, str):
        return ""
    return value[:limit].replace("\x00", "").encode("utf-8", "ignore").decode()


def number(form: FormData, name: str) -> int | None:
    """A field as an id; None when it is missing or no id."""
    value = text(form, name, 20)
    return int(value) if value.isascii() and value.isdigit() and int(value) < 2**63 else None


def local_path(wanted: str, otherwise: str = "/") -> str:
    """`wanted` when it leads to a page of this instance, else `otherwise`: an address in a form may be anyone's."""
    if not wanted.startswith("/") or wanted[1:2] in ("/", "\\") or len(wanted) > 8000:
        return otherwise
    # Browsers drop tabs and line breaks from addresses, so that "/\t/evil" is "//evil" to them.
    return otherwise if any(character < " " or character == "\\" for character in wanted) else wanted


def see_other(path: str) -> Response:
    """The answer to a form that was done: on to `path` by GET."""
    return RedirectResponse(path, 303)


def client_address(request: Request) -> str:
    """The address of whoever asks; of IPv6 the /64, which is one household's or one attacker's."""
    host = request.client.host if request.client is not None else ""
    return network(host)


def log_in_first(problem: LogInFirst) -> Response:
    """On to the log-in, and back."""
    return see_other(f"/login?next={quote(problem.back, safe='')}")
