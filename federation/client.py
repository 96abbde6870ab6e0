"""The protocol over HTTP: what may be asked of other servers, which answer is believed, and what an answer means.

`Client` speaks over any `Transport`; the real one, with its guards, is `federation.transport`.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urljoin

import msgspec

from federation.dates import Dates
from federation.errors import (
    AddressForbidden,
    Busy,
    Gone,
    Malformed,
    Refused,
    TooLarge,
    Unreachable,
    WrongContentType,
    WrongOrigin,
)
from federation.fields import Json
from federation.hosts import Networks, hostname_of, same_origin, split_iri, web_url
from federation.nodeinfo import NodeInfo, read_index, read_nodeinfo
from federation.parse import MAX_BYTES, parse_document
from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get, sign_get_rfc9421, sign_post, sign_post_rfc9421
from federation.signatures.threads import Signers
from federation.transport import Response, Transport
from federation.vocabulary.actor import ActorDocument, handle_host
from federation.webfinger import (
    ACTIVITY_JSON,
    AS_PROFILE,
    JRD,
    WebfingerAnswer,
    is_activity_type,
    read_answer,
    split_handle,
)

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


class Client:
    """The protocol over a transport: fetches that can be believed, deliveries, WebFinger, NodeInfo.

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

    async def ask_service(self, url: str, body: Json | None = None) -> Any:
        """The JSON that a program of the operator's own answers at a URL of the settings, to a GET or to a POST of `body`.

        Its address may be private, so no URL that others wrote may ever come here, and redirects are not followed. Raises
        Unreachable, Busy, Refused, Gone, TooLarge or Malformed.
        """
        headers = {"accept": "application/json", "user-agent": self.user_agent}
        sent = None
        if body is not None:
            headers["content-type"] = "application/json"
            sent = msgspec.json.encode(body)
        method = "GET" if body is None else "POST"
        answer = await self.services.send(method, url, headers, sent, timeout=SERVICE_SECONDS, limit=MAX_BYTES)
        _check_status(answer, url, self.clock)
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Malformed(f"{url[:200]} answers no JSON") from problem

    async def _get(self, iri: str, accept: str, key: PrivateKey | None) -> tuple[Response, str]:
        """The answer with 2xx after at most three redirects, each to a URL that may be asked, and its URL."""
        url = self.networks.check_iri(iri)
        for left in range(MAX_REDIRECTS, -1, -1):
            answer = await self._get_once(url, accept, key)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                _check_status(answer, url, self.clock)
                return answer, url
            if left:
                url = self._redirected(url, answer.headers["location"])
        raise Refused(f"more than {MAX_REDIRECTS} redirects from {iri[:200]}", answered=310)

    def _redirected(self, url: str, location: str) -> str:
        """Where a redirect leads, checked as the first URL was; never from https to http."""
        try:
            target = urljoin(url, location.strip()).partition("#")[0]
        except ValueError as error:
            raise Malformed(f"a redirect to no URL from {url[:200]}", code="bad-redirect") from error
        if url.startswith("https:") and not target.lower().startswith("https:"):
            raise Malformed(f"a redirect away from https by {url[:200]}", code="bad-redirect")
        return self.networks.check_iri(target)

    async def _get_once(self, url: str, accept: str, key: PrivateKey | None) -> Response:
        sent = _sendable(url)
        headers = {"accept": accept, "user-agent": self.user_agent}

        async def attempt(rfc9421: bool) -> Response:
            if key is None:
                signed = {}
            else:
                signed = await self._sign(
                    key, partial(sign_get_rfc9421 if rfc9421 else sign_get, key, sent, self.clock())
                )
            return await self.transport.send(
                "GET", sent, {**headers, **signed}, None, timeout=GET_SECONDS, limit=MAX_BYTES
            )

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
                _check_status(answer, url, self.clock)
                return
            answer = await self._knock(host, attempt)
            if answer.status < 300:  # so it was the signature, not the activity
                _remember(self._no_ed25519, host)
        else:
            answer = await self._knock(host, attempt)
        if answer.status == 401 and self.dates.blame(answer.headers, self.clock()):
            raise Unreachable(f"401 from {url[:200]}, whose clock differs much from ours", code="clock")
        _check_status(answer, url, self.clock)

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
        _check_status(answer, url, self.clock)

    async def webfinger(self, handle: str) -> WebfingerAnswer:
        """The actor behind a handle (`@user@host`, `acct:user@host`).

        When the host names another handle as subject, that handle's own host is asked and must name the same actor:
        otherwise anybody could claim any handle. The actor's document is still to be fetched by the caller, who compares
        its id. Raises Malformed for what is no handle, WrongOrigin for a false claim, and as `get_document`.
        """
        username, host = split_handle(handle)
        answer = await self._ask_webfinger(username, host)
        if _same_handle(answer.subject, f"{username}@{host}"):
            return answer
        second = await self._ask_webfinger(*split_handle(answer.subject))
        if not _same_handle(second.subject, answer.subject) or second.actor_iri != answer.actor_iri:
            raise WrongOrigin(f"{host} claims {answer.subject[:200]}, which says otherwise", code="webfinger-mismatch")
        return second

    async def handle_of(self, actor: ActorDocument) -> str:
        """The handle `user@host` under which an actor is known, confirmed by the host of the handle.

        Raises WrongOrigin when that host names another actor, and as `webfinger`.
        """
        answer = await self.webfinger(f"{actor.username}@{handle_host(actor)}")
        if answer.actor_iri != actor.id:
            raise WrongOrigin(f"{answer.subject[:200]} is not {actor.id[:200]}", code="webfinger-mismatch")
        return answer.subject

    async def _ask_webfinger(self, username: str, host: str) -> WebfingerAnswer:
        resource = quote(f"acct:{username}@{host}", safe=":@")
        document = await self._at_host(host, f"/.well-known/webfinger?resource={resource}", f"{JRD}, application/json")
        return read_answer(document[0])

    async def nodeinfo(self, host: str) -> NodeInfo:
        """What software a host runs. Raises Malformed or WrongOrigin for a useless answer, and as `get_document`."""
        index, origin = await self._at_host(host, "/.well-known/nodeinfo", "application/json")
        return read_nodeinfo(await self.get_json(read_index(index, origin)))

    async def _at_host(self, host: str, path: str, accept: str) -> tuple[Json, str]:
        """The JSON at a path of a host, and the origin that was asked: https, or http too on allowed private networks."""
        url = f"https://{host}"
        if not self.networks.private:
            return await self.get_json(url + path, accept), url
        name = hostname_of(host)
        local = ":" in host or name == "localhost" or name.endswith(".localhost") or self.networks.is_private(name)
        first, second = (f"http://{host}", url) if local else (url, f"http://{host}")
        try:
            return await self.get_json(first + path, accept), first
        except Unreachable as problem:
            try:
                return await self.get_json(second + path, accept), second
            except (Unreachable, AddressForbidden):
                raise problem from None

    async def close(self) -> None:
        """Give back what the transports hold."""
        await self.transport.close()
        if self.services is not self.transport:
            await self.services.close()


def _is_at(found: Document) -> bool:
    """Whether an object was served at its own id; a fragment of the id (of a key) makes no other document."""
    named = web_url(found.document.get("id"))
    return named is not None and split_iri(named.partition("#")[0]) == split_iri(found.url)


def _same_handle(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _sendable(url: str) -> str:
    """A checked URL as it goes over the wire and is signed: other than ASCII percent-encoded in path and query."""
    scheme, authority, rest = split_iri(url)
    return f"{scheme}://{authority}{quote(rest, safe=_SAFE)}"


def _remember(hosts: dict[str, bool], host: str) -> None:
    """Note a host; the one noted first is forgotten for it when there are many."""
    if len(hosts) >= 4096:
        hosts.pop(next(iter(hosts)))
    hosts[host] = True


def _check_status(answer: Response, url: str, clock: Callable[[], int]) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    text = f"{status} from {url[:200]}"
    said = re.sub(r"[^\x20-\x7e]+", " ", answer.body[:300].decode("utf-8", "replace")).strip()
    if said and not said.startswith("<"):
        text = f"{text}: {said}"
    if status in (429, 503):
        raise Busy(text, retry_after=_retry_after(answer.headers.get("retry-after"), clock))
    if status == 410:
        raise Gone(text)
    if status == 408 or status >= 500:
        raise Unreachable(text, code="server-error")
    raise Refused(text, answered=status)


def _retry_after(value: str | None, clock: Callable[[], int]) -> int | None:
    """A Retry-After header in seconds from now (RFC 9110 section 10.2.3); None when it is absent or unreadable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    try:
        return max(0, int(parsedate_to_datetime(value[:100]).timestamp()) - clock() // 1000)
    except (ValueError, TypeError, OverflowError):
        return None
