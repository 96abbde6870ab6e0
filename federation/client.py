"""The protocol over HTTP: what may be asked of other servers and which answer is believed, and what is delivered to them.

`Client` speaks over any `Transport`; the real one, with its guards, is `federation.transport`. What a status means is in
`federation.answers`; handles and what hosts run, in `federation.discovery`.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import msgspec

from federation.answers import check_status
from federation.dates import Dates
from federation.errors import (
    Malformed,
    Refused,
    TooLarge,
    Unreachable,
    WrongContentType,
    WrongOrigin,
)
from federation.fields import Json
from federation.hosts import Networks, same_origin, split_iri, web_url
from federation.parse import MAX_BYTES, parse_document
from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get, sign_get_rfc9421, sign_post, sign_post_rfc9421
from federation.signatures.threads import Signers
from federation.transport import Response, Transport
from federation.webfinger import ACTIVITY_JSON, AS_PROFILE, is_activity_type

log = logging.getLogger(__name__)

ACCEPT = f"{ACTIVITY_JSON}, {AS_PROFILE}"
MAX_REDIRECTS = 3
GET_SECONDS = 10.0
POST_SECONDS = 15.0
PUSH_SECONDS = 10.0
MAX_ANSWER = 64 * 1024
"""How much is read of the answer to a POST, in bytes: enough for the reason of a refusal."""

SERVICE_SECONDS = 30.0
"""For an answer of a program of the operator's own."""

_NO_HEADERS: Mapping[str, str] = {}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = "%/:?#[]@!$&'()*+,;=~-._|{}^`"


@dataclass(frozen=True, slots=True)
class Document:
    """What an origin served: the decoded object, its very bytes, and the URL after redirects, which is its id."""

    document: Json
    raw: bytes = field(repr=False)
    url: str

    @property
    def id(self) -> str:
        """The `id` of the object."""
        return str(self.document["id"])


@dataclass(frozen=True, slots=True)
class File:
    """What is at a URL: its bytes, media type and ETag; `same` (304) when it is what the asker has."""

    body: bytes = field(repr=False)
    media_type: str
    etag: str | None
    same: bool


class Client:
    """The protocol over a transport: fetches that can be believed, and deliveries.

    `user_agent` names the software and the instance; `clock` gives ms since 1970 for signatures. Whatever goes wrong is a
    FederationError.
    """

    def __init__(
        self,
        transport: Transport,
        networks: Networks,
        user_agent: str,
        clock: Callable[[], int],
        *,
        services: Transport | None = None,
    ) -> None:
        """`services` reaches programs of the operator's own, which may be at any address; without it, `transport` does."""
        self.transport = transport
        self.services = services or transport
        self.networks = networks
        self.user_agent = user_agent
        self.clock = clock
        self.dates = Dates()
        self.leads_to: Callable[[str], Awaitable[None]] | None = None
        """Asked before a question goes on to another host than it was meant for; it raises Refused where none may go."""
        self._no_ed25519: dict[str, bool] = {}  # hosts that say that they read its signatures, and do not
        self._rfc9421: dict[str, bool] = {}  # hosts that refused the draft's signatures and took RFC 9421's
        self._signers = Signers()
        self._inboxes: dict[str, tuple[str, str]] = {}  # as others write them -> (as it is asked, its host)

    async def get_document(self, iri: str, key: PrivateKey | None = None) -> Document:
        """The ActivityPub object at an IRI (a fragment is left out), asked for with a signature when a key is given.

        Only ActivityPub's media types are taken. The object's `id` must be the URL that served it; when it names another
        one of the same origin, that one is fetched instead, once (FEP-fe34).
        Raises Unreachable, Busy, Refused, Gone, TooLarge, Malformed, WrongContentType, WrongOrigin, AddressForbidden or
        UnsupportedHost.
        """
        found = await self._fetch_document(iri.partition("#")[0], key)
        if _is_at(found):
            return found
        other = found.document.get("id")
        if not isinstance(other, str) or not same_origin(other, found.url):
            raise WrongOrigin(f"{found.url[:200]} serves an object with another id")
        found = await self._fetch_document(other.partition("#")[0], key)
        if not _is_at(found):
            raise WrongOrigin(f"{found.url[:200]} serves an object with another id")
        return found

    async def _fetch_document(self, iri: str, key: PrivateKey | None) -> Document:
        answer, url = await self._get(iri, ACCEPT, key)
        content_type = answer.headers.get("content-type", "")
        if not is_activity_type(content_type):
            raise WrongContentType(f"{url[:200]} is served as {content_type[:100]!r}")
        return Document(parse_document(answer.body), answer.body, url)

    async def get_json(self, url: str, accept: str = "application/json") -> Json:
        """The JSON object at a URL, of any media type; for discovery, not for ActivityPub. Raises as `get_document`."""
        answer, _ = await self._get(url, accept, None)
        return parse_document(answer.body)

    async def get_file(
        self,
        url: str,
        accept: str,
        *,
        etag: str | None = None,
        limit: int = MAX_BYTES,
        key: PrivateKey | None = None,
        mailto: str = "",
    ) -> File:
        """What is at a URL, of any media type, asked for with a signature when a `key` is given; with the `etag` of what is
        known already, an answer 304 has no body. At most `limit` bytes are read. `mailto` is told beside our name, as services
        that everyone may ask want it. Raises as `get_document`."""
        known = {"if-none-match": etag} if etag is not None else {}
        if mailto:
            known["user-agent"] = f"{self.user_agent} (mailto:{mailto})"
        answer, _ = await self._get(url, accept, key, known, limit)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return File(answer.body, kind, answer.headers.get("etag"), answer.status == 304)

    async def get_page(self, url: str) -> tuple[str, str]:
        """(the HTML at a URL as text, its URL after redirects); asked for without a signature, as a browser would.

        Of any site: what is in it is its word. Raises WrongContentType for what is no HTML, and as `get_document`.
        """
        answer, found = await self._get(url, "text/html, application/xhtml+xml;q=0.9", None)
        kind, _, rest = answer.headers.get("content-type", "").partition(";")
        if kind.strip().lower() not in ("text/html", "application/xhtml+xml"):
            raise WrongContentType(f"{found[:200]} is served as {kind[:100]!r}")
        named = re.search(r"charset\s*=\s*\"?([a-z0-9_:.-]{1,40})", rest.lower())
        try:
            return answer.body.decode(named.group(1) if named is not None else "utf-8", "replace"), found
        except LookupError:
            return answer.body.decode("utf-8", "replace"), found

    async def ask_service(
        self,
        url: str,
        body: Json | None = None,
        *,
        form: Mapping[str, str] | None = None,
        authorization: str = "",
    ) -> Any:
        """The JSON that a program of the operator's own answers at a URL of the settings, to a GET or to a POST of `body` or
        of a `form`.

        Its address may be private, so no URL that others wrote may ever come here (what such a program says of its own
        addresses may), and redirects are not followed. Raises Unreachable, Busy, Refused, Gone, TooLarge or Malformed.
        """
        headers = {"accept": "application/json", "user-agent": self.user_agent}
        if authorization:
            headers["authorization"] = authorization
        sent = None
        if body is not None:
            headers["content-type"] = "application/json"
            sent = msgspec.json.encode(body)
        elif form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            sent = urlencode(form).encode()
        method = "GET" if sent is None else "POST"
        answer = await self.services.send(method, url, headers, sent, timeout=SERVICE_SECONDS, limit=MAX_BYTES)
        check_status(answer, url, self.clock)
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Malformed(f"{url[:200]} answers no JSON") from problem

    async def _get(
        self,
        iri: str,
        accept: str,
        key: PrivateKey | None,
        more: Mapping[str, str] = _NO_HEADERS,
        limit: int = MAX_BYTES,
    ) -> tuple[Response, str]:
        """The answer with 2xx (or 304, where `more` headers ask for it) after at most three redirects, each to a URL that may
        be asked, and its URL."""
        url = self.networks.check_iri(iri)
        for left in range(MAX_REDIRECTS, -1, -1):
            answer = await self._get_once(url, accept, key, more, limit)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                if answer.status != 304 or "if-none-match" not in more:
                    check_status(answer, url, self.clock)
                return answer, url
            if left:
                before, url = url, self._redirected(url, answer.headers["location"])
                if split_iri(url)[1] != split_iri(before)[1]:
                    await self.led_to(split_iri(url)[1])
        raise Refused(f"more than {MAX_REDIRECTS} redirects from {iri[:200]}", answered=310)

    async def led_to(self, host: str) -> None:
        """Somebody elsewhere says that `host` is to be asked, by a redirect or as who knows better. Raises Refused for one that
        is not."""
        if self.leads_to is not None:
            await self.leads_to(host)

    def _redirected(self, url: str, location: str) -> str:
        """Where a redirect leads, checked as the first URL was; never from https to http."""
        try:
            target = urljoin(url, location.strip()).partition("#")[0]
        except ValueError as error:
            raise Malformed(f"a redirect to no URL from {url[:200]}", code="bad-redirect") from error
        if url.startswith("https:") and not target.lower().startswith("https:"):
            raise Malformed(f"a redirect away from https by {url[:200]}", code="bad-redirect")
        return self.networks.check_iri(target)

    async def _get_once(
        self, url: str, accept: str, key: PrivateKey | None, more: Mapping[str, str], limit: int
    ) -> Response:
        sent = _sendable(url)
        headers = {"accept": accept, "user-agent": self.user_agent, **more}

        async def attempt(rfc9421: bool) -> Response:
            if key is None:
                signed = {}
            else:
                signed = await self._sign(
                    key, partial(sign_get_rfc9421 if rfc9421 else sign_get, key, sent, self.clock())
                )
            return await self.transport.send("GET", sent, {**headers, **signed}, None, timeout=GET_SECONDS, limit=limit)

        host = split_iri(sent)[1]
        if key is not None:
            return await self._knock(host, attempt)
        answer = await attempt(False)
        self.dates.hear(host, answer.headers, self.clock())
        return answer

    async def _knock(self, host: str, attempt: Callable[[bool], Awaitable[Response]]) -> Response:
        """The answer to a signed request: in the draft's way first, with RFC 9421 after 400 or 401 (or the other way round
        at a host that took only that before).

        What is remembered is what was taken. A 400 may be about the activity: activitypub-express answers it to one that
        it can't read, and 500 to whatever RFC 9421 signed, and then the first answer is the one that counts.
        """
        rfc9421 = host in self._rfc9421
        answer = await attempt(rfc9421)
        self.dates.hear(host, answer.headers, self.clock())
        if answer.status not in (400, 401):
            return answer
        second = await attempt(not rfc9421)
        if second.status in (400, 401) or (second.status >= 500 and answer.status == 400):
            return answer
        if second.status >= 400:
            return second
        if rfc9421:
            self._rfc9421.pop(host, None)
        else:
            _remember(self._rfc9421, host)
        return second

    async def post(
        self,
        inbox: str,
        body: bytes,
        key: PrivateKey,
        digest: str | None = None,
        headers: Mapping[str, str] | None = None,
        quick_key: PrivateKey | None = None,
    ) -> None:
        """Deliver an activity, signed; returns when the peer took it (2xx).

        With 400 or 401 it is sent once more with the other kind of signature. `digest` is the Digest header's value, if
        it is at hand; `headers` are further ones, names in lower case, that are signed as well; `quick_key` is an Ed25519
        key of the same actor, for a peer that says that it reads RFC 9421 with such keys (FEP-844e), and is tried first.
        Raises Unreachable (no answer, 408, 5xx, or 401 while our clock is wrong), Busy (429, 503), Gone (410), Refused
        (all else), or what speaks against the URL.
        """
        url, host = self._inbox(inbox)

        async def attempt(rfc9421: bool, key: PrivateKey = key) -> Response:
            if rfc9421:
                signing = partial(sign_post_rfc9421, key, url, body, self.clock(), headers)
            else:
                signing = partial(sign_post, key, url, body, self.clock(), digest, headers)
            signed = await self._sign(key, signing)
            sent = {"user-agent": self.user_agent, "accept": ACTIVITY_JSON, **signed}
            try:
                return await self.transport.send("POST", url, sent, body, timeout=POST_SECONDS, limit=MAX_ANSWER)
            except TooLarge as error:
                if error.answered is None:
                    raise
                return Response(error.answered, {}, b"")  # the status is what counts, not what is said at length

        if quick_key is not None and host not in self._no_ed25519:
            answer = await attempt(True, quick_key)
            self.dates.hear(host, answer.headers, self.clock())
            if answer.status not in (400, 401):
                check_status(answer, url, self.clock)
                return
            answer = await self._knock(host, attempt)
            if answer.status < 300:  # so it was the signature, not the activity
                _remember(self._no_ed25519, host)
        else:
            answer = await self._knock(host, attempt)
        if answer.status == 401 and self.dates.blame(answer.headers, self.clock()):
            raise Unreachable(f"401 from {url[:200]}, whose clock differs much from ours", code="clock")
        check_status(answer, url, self.clock)

    async def _sign(self, key: PrivateKey, signing: Callable[[], dict[str, str]]) -> dict[str, str]:
        """The headers of a signed request; with RSA in a thread."""
        return signing() if key.algorithm == "ed25519" else await self._signers.run(signing)

    def _inbox(self, inbox: str) -> tuple[str, str]:
        """(the URL as it is asked and signed, its host) of an inbox. Raises what speaks against the URL."""
        known = self._inboxes.get(inbox)
        if known is None:
            url = _sendable(self.networks.check_iri(inbox))
            known = url, split_iri(url)[1]
            if len(inbox) < 256:
                if len(self._inboxes) >= 4096:
                    self._inboxes.pop(next(iter(self._inboxes)))
                self._inboxes[inbox] = known
        return known

    async def push(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> None:
        """Hand a sealed message to a push service (RFC 8030 section 5); returns when it took it (2xx).

        Redirects are not followed: `endpoint` is what the subscriber gave. Raises as `post`.
        """
        url = _sendable(self.networks.check_iri(endpoint))
        sent = {"user-agent": self.user_agent, "content-type": "application/octet-stream", **headers}
        try:
            answer = await self.transport.send("POST", url, sent, body, timeout=PUSH_SECONDS, limit=MAX_ANSWER)
        except TooLarge as error:
            if error.answered is None:
                raise
            answer = Response(error.answered, {}, b"")
        check_status(answer, url, self.clock)

    async def close(self) -> None:
        """Give back what the transports hold."""
        await self.transport.close()
        if self.services is not self.transport:
            await self.services.close()


def _is_at(found: Document) -> bool:
    """Whether an object was served at its own id; a fragment of the id (of a key) makes no other document."""
    named = web_url(found.document.get("id"))
    return named is not None and split_iri(named.partition("#")[0]) == split_iri(found.url)


def _sendable(url: str) -> str:
    """A checked URL as it goes over the wire and is signed: other than ASCII percent-encoded in path and query."""
    scheme, authority, rest = split_iri(url)
    return f"{scheme}://{authority}{quote(rest, safe=_SAFE)}"


def _remember(hosts: dict[str, bool], host: str) -> None:
    """Note a host; the one noted first is forgotten for it when there are many."""
    if len(hosts) >= 4096:
        hosts.pop(next(iter(hosts)))
    hosts[host] = True
