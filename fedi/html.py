"""Pages: Jinja templates with autoescape -> responses with the headers that keep a page to itself.

The templates are in `fedi/web/templates`, whichever door renders them.
"""

import base64
import gzip
import hashlib
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from fedi import languages
from fedi.context import Site
from fedi.text import sanitise

if TYPE_CHECKING:  # an instance that only programs ask has no use for it
    from jinja2 import Environment

WIRE = 14_336
"""Bytes of a page with its headers: what a server may send before the first answer of the other side (RFC 6928: ten
segments), so that a page is there after one round trip."""

_FOLDER = Path(__file__).parent / "web"


def slim(css: str) -> str:
    """A style sheet without comments and without the space that only people need."""
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    bare = re.sub(r"\s+", " ", bare)
    return re.sub(r" ?([{};,]) ?|(?<=:) ", r"\1", bare).replace(";}", "}").strip()


STYLE = slim((_FOLDER / "static" / "style.css").read_text("utf-8")).encode()
STYLE_NAME = hashlib.sha256(STYLE).hexdigest()[:10]
STYLE_PATH = f"/static/style.{STYLE_NAME}.css"
STYLE_COOKIE = "style"
"""Says by the name of the style sheet that the browser has it: it comes with the sheet (`fedi.web.about.style`)."""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE).digest()).decode()
SCRIPT = (_FOLDER / "static" / "app.js").read_bytes() if (_FOLDER / "static" / "app.js").exists() else b""
SCRIPT_PATH = f"/static/app.{hashlib.sha256(SCRIPT).hexdigest()[:10]}.js" if SCRIPT else ""
CONSOLE_STYLE = (_FOLDER / "static" / "console.css").read_bytes()
CONSOLE_STYLE_PATH = f"/static/console.{hashlib.sha256(CONSOLE_STYLE).hexdigest()[:10]}.css"
CONSOLE_SCRIPT = (_FOLDER / "static" / "console.js").read_bytes()
CONSOLE_SCRIPT_PATH = f"/static/console.{hashlib.sha256(CONSOLE_SCRIPT).hexdigest()[:10]}.js"

PASSKEY_SCRIPT = (_FOLDER / "static" / "passkey.js").read_bytes()
PASSKEY_SCRIPT_PATH = f"/static/passkey.{hashlib.sha256(PASSKEY_SCRIPT).hexdigest()[:10]}.js"

# Forms of these lead on to another site (an app's redirect URI), which form-action would stop without a word.
_LEAVING = frozenset({"authorize.html", "login.html", "second.html", "interact.html"})
# The same of these for a visitor who has no account here: a form leads them home to their own server.
_LEADING_HOME = frozenset({"person.html", "group.html", "post.html"})
# These show a secret beside what the asker chose: compressed, their length would tell of it (BREACH).
_UNCOMPRESSED = frozenset({"authorize.html", "native.html", "second.html", "codes.html", "sso.html"})
# Nobody is logged in on these yet, and they have a script of ours all the same (passkeys).
_SCRIPTED = frozenset({"login.html", "join.html"})
_POLICY = (
    f"default-src 'none'; style-src 'self' 'sha256-{_STYLE_HASH}'; img-src *; base-uri 'none'; frame-ancestors 'none'"
)
# Pages of who is logged in have a script of ours, which asks nobody but us.
_LIVE = f"{_POLICY}; script-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'"
# The console's pages have a script, which needs no more than ours.
_CONSOLE = _POLICY.replace("img-src *", "img-src 'self'; script-src 'self'; connect-src 'self'")


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from fedi.actions import affiliations

    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
        finalize=_unturned,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    for name in ("gettext", "ngettext"):
        made.globals[name] = _with_unturned(made.globals[name])
    made.globals["style"] = STYLE_PATH
    made.globals["style_text"] = Markup(STYLE.decode())  # noqa: S704 - a file of ours
    made.globals["script"] = SCRIPT_PATH
    made.globals["form_key"] = form_key
    made.globals["passkey_script"] = PASSKEY_SCRIPT_PATH
    made.globals["console_style"] = CONSOLE_STYLE_PATH
    made.globals["console_script"] = CONSOLE_SCRIPT_PATH
    made.globals["affiliation_of"] = affiliations.stated
    made.filters["iso"] = iso
    made.filters["day"] = languages.day
    made.filters["hour"] = languages.hour
    made.filters["number"] = languages.number
    made.filters["svg"] = Markup  # a drawing that we made ourselves
    made.filters["clean"] = lambda html: Markup(sanitise(html))  # noqa: S704 - it is safe now
    return made


_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def _unturned(value: Any) -> Any:
    """Names and titles without the characters that turn the direction of what follows; HTML keeps its own."""
    return value.translate(_TURNING) if type(value) is str and not value.isascii() else value


def _with_unturned(translate: Any) -> Any:
    """The same for what stands within a sentence, which `finalize` does not see."""
    from jinja2 import pass_context

    @pass_context
    def translated(context: Any, *texts: Any, **values: Any) -> Any:
        return translate(context, *texts, **{name: _unturned(value) for name, value in values.items()})

    return translated


def form_key() -> str:
    """What is in a form for a post, so that the same words sent twice from it are one post (`fedi.web.composing.key_of`). The
    same for some minutes, so that a page that did not change stays the same."""
    return f"{int(time.time()) // 600:x}"


def iso(at: int) -> str:
    """Milliseconds since 1970 as the `datetime` of a `<time>`, to the minute."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """The page that `template` makes of `context`, compressed where the browser takes that.

    Templates also see `site` (the Config), `me` (whoever `fedi.sessions.signed_in` found for this request, or None),
    `path`, `language` and `direction` (ltr, rtl) of the page, `styled` (whether the browser has the style sheet; else it is
    within the page, so that the first one is there after one round trip) and `ago(ms)`. A repeated GET of an unchanged page gets 304.
    """
    body, compressed = _body(request, template, context)
    return _response(request, template, status, body, compressed)


def fitted(request: Request, template: str, variants: Iterable[dict[str, Any]], status: int = 200) -> Response:
    """As `page`, of the first of `variants` (contexts, richest first) that fits into `WIRE` bytes; else of the last."""
    body, compressed = b"", False
    for context in variants:
        body, compressed = _body(request, template, context)
        if len(body) <= WIRE - 1200:  # status line and headers, ours and the server's
            break
    return _response(request, template, status, body, compressed)


def _body(request: Request, template: str, context: dict[str, Any]) -> tuple[bytes, bool]:
    site: Site = request.app.state.site
    now = site.clock()
    if not hasattr(request.state, "me"):  # nobody asked who it is
        languages.use(languages.choose(request.headers.get("accept-language", "")))
    language = languages.reader().language
    shown = {"site": site.config, "me": getattr(request.state, "me", None), "path": request.url.path}
    shown["bell"] = getattr(request.state, "unread", 0)
    shown |= {"language": language, "direction": languages.direction(language)}
    wanted = "gzip" in request.headers.get("accept-encoding", "") and template not in _UNCOMPRESSED
    shown["styled"] = not wanted or request.cookies.get(STYLE_COOKIE) == STYLE_NAME
    html = _templates().get_template(template).render(shown | {"ago": lambda at: languages.ago(at, now)} | context)
    # A lone surrogate can't be sent; no storage of ours takes one, so this is the last fence.
    body = html.encode("utf-8", "replace")
    if wanted and len(body) > 1000:
        return gzip.compress(body, 6, mtime=0), True
    return body, False


def _response(request: Request, template: str, status: int, body: bytes, compressed: bool) -> Response:
    site: Site = request.app.state.site
    away = _LEADING_HOME | ({"front.html"} if site.config.sso.issuer else set())  # the front leads to that log-in
    leaves = template in _LEAVING or (template in away and getattr(request.state, "me", None) is None)
    base = _POLICY if getattr(request.state, "me", None) is None and template not in _SCRIPTED else _LIVE
    base = _CONSOLE if template.startswith("admin/") else base
    policy = base if leaves else f"{base}; form-action 'self'"
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        # same-origin, not no-referrer: with that, browsers say `Origin: null` when our own forms are sent.
        "referrer-policy": "same-origin",
        "cache-control": "private, no-cache",
        "vary": "Accept, Accept-Encoding, Accept-Language, Cookie",
        "etag": etag,
    }
    me = getattr(request.state, "me", None)
    if me is not None:
        headers["x-person"] = me.username  # whose it is, for the service worker, which keeps pages of one person alone
    if request.method == "GET" and status == 200 and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["content-encoding"] = "gzip"
    return Response(body, status, headers, "text/html")
