"""The client against a real server on loopback: what it asks, what it believes, what it must never touch."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from federation import discovery
from federation import transport as transport_module
from federation.client import Client, Document, File
from federation.errors import (
    AddressForbidden,
    Busy,
    FederationError,
    Gone,
    Malformed,
    Refused,
    TooLarge,
    Unreachable,
    UnsupportedHost,
    WrongContentType,
    WrongOrigin,
)
from federation.hosts import Networks
from federation.parse import MAX_BYTES
from federation.signatures.keys import generate_ed25519, load_private
from federation.signatures.verify import signature_of, verify_get
from federation.transport import Response, SocketTransport
from federation.vocabulary.actor import read_actor
from tests.certificates import certify
from tests.federation.samples import ALICE, NOW, peer, private, public
from tests.federation.server import Peer, Writer, answer, redirect, running

pytestmark = pytest.mark.anyio

LOOPBACK = Networks(["127.0.0.0/8"])
AS2 = "https://www.w3.org/ns/activitystreams"


@pytest.fixture
async def there() -> AsyncIterator[Peer]:
    async with running() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[SocketTransport]:
    made = SocketTransport(LOOPBACK)
    yield made
    await made.close()


@pytest.fixture
def client(transport: SocketTransport) -> Client:
    return Client(transport, LOOPBACK, "fedi/0 (+https://uni.example)", lambda: NOW)


def note(there: Peer, path: str = "/note", **more: object) -> dict[str, object]:
    return {"@context": AS2, "id": there.url(path), "type": "Note", **more}


# What is asked.


async def test_a_document_comes_with_its_bytes_and_its_url(client: Client, there: Peer) -> None:
    body = b'{ "id": "' + there.url("/note?x=%C3%A9").encode() + b'" }'
    there.routes["/note?x=%C3%A9"] = answer(body)
    found = await client.get_document(there.url("/note?x=%C3%A9"))
    assert found == Document({"id": there.url("/note?x=%C3%A9")}, body, there.url("/note?x=%C3%A9"))
    assert found.id == found.url
    asked = there.asked[0]
    assert asked.method == "GET"
    assert asked.headers["accept"].startswith("application/activity+json, application/ld+json; profile=")
    assert asked.headers["user-agent"] == "fedi/0 (+https://uni.example)"
    assert asked.headers["accept-encoding"] == "identity"
    assert "signature" not in asked.headers
    assert "cookie" not in asked.headers


async def test_with_a_key_the_get_is_signed(client: Client, there: Peer) -> None:
    there.routes["/note?x=1"] = answer(note(there, "/note?x=1"))
    await client.get_document(there.url("/note?x=1"), private())
    asked = there.asked[0]
    claim = signature_of(asked.method, asked.target, asked.headers)
    assert claim.host == f"127.0.0.1:{there.port}"
    assert verify_get(claim, public(), NOW) == ALICE


async def test_what_is_not_ascii_is_sent_as_it_is_signed(client: Client, there: Peer) -> None:
    there.routes["/n%C3%B6te"] = answer(note(there, "/nöte"))
    await client.get_document(there.url("/nöte"), private())
    asked = there.asked[0]
    assert verify_get(signature_of("GET", asked.target, asked.headers), public(), NOW) == ALICE


async def test_no_cookies_and_no_proxy(client: Client, there: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    there.routes["/note"] = answer(note(there), set_cookie="a=b; Path=/")
    await client.get_document(there.url("/note"))
    await client.get_document(there.url("/note"))
    assert "cookie" not in there.asked[1].headers
    assert there.connections == 1  # and the connection was kept


async def test_a_file_is_asked_for_again_only_when_it_changed(client: Client, there: Peer) -> None:
    there.routes["/list"] = answer(b"a.b.c", content_type="Application/JOSE; charset=x", etag='"1"')
    found = await client.get_file(there.url("/list"), "application/jose")
    assert found == File(b"a.b.c", "application/jose", '"1"', same=False)
    assert "if-none-match" not in there.asked[0].headers
    there.routes["/list"] = answer(b"", status=304)
    again = await client.get_file(there.url("/list"), "application/jose", etag=found.etag)
    assert (again.same, again.body) == (True, b"")
    assert there.asked[1].headers["if-none-match"] == '"1"'
    with pytest.raises(Refused):  # nobody asked for that
        await client.get_file(there.url("/list"), "application/jose")
    there.routes["/list"] = answer(b"x" * 2000)
    with pytest.raises(TooLarge):
        await client.get_file(there.url("/list"), "application/jose", limit=1000)


async def test_who_speaks_for_a_host_is_of_that_host(client: Client, there: Peer) -> None:
    def index(*hrefs: object) -> bytes:
        rel = "https://www.w3.org/ns/activitystreams#Application"
        return answer({"links": [7, *({"rel": rel, "href": href} for href in hrefs)]}, content_type="application/json")

    host = there.url("").removeprefix("http://").rstrip("/")
    there.routes["/.well-known/nodeinfo"] = index("https://evil.example/actor", 7, there.url("/actor"))
    assert await discovery.instance_actor(client, host) == there.url("/actor")
    there.routes["/.well-known/nodeinfo"] = index("https://evil.example/actor")
    assert await discovery.instance_actor(client, host) is None


# What is believed.


@pytest.mark.parametrize(
    "content_type",
    ["application/activity+json; charset=utf-8", f'application/ld+json; profile="{AS2}"'],
)
async def test_media_types_of_activitypub(client: Client, there: Peer, content_type: str) -> None:
    there.routes["/note"] = answer(note(there), content_type=content_type)
    assert (await client.get_document(there.url("/note"))).id == there.url("/note")


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "application/ld+json", "image/png", ""])
async def test_an_upload_is_no_document(client: Client, there: Peer, content_type: str) -> None:
    """GHSA-jhrq-qvrm-qr36: a file that a user uploaded was taken for an actor of that host."""
    there.routes["/media/evil.json"] = answer(note(there, "/media/evil.json"), content_type=content_type)
    with pytest.raises(WrongContentType):
        await client.get_document(there.url("/media/evil.json"))


@pytest.mark.parametrize("id_", ["https://other.example/note", None, 5, "note"])
async def test_an_id_of_another_origin_is_not_believed(client: Client, there: Peer, id_: object) -> None:
    there.routes["/note"] = answer({"id": id_, "type": "Note"})
    with pytest.raises(WrongOrigin):
        await client.get_document(there.url("/note"))


async def test_another_id_of_the_same_origin_is_asked_in_turn(client: Client, there: Peer) -> None:
    there.routes["/@ada"] = answer(note(there, "/people/ada", name="old"))
    there.routes["/people/ada"] = answer(note(there, "/people/ada", name="true"))
    found = await client.get_document(there.url("/@ada"))
    assert (found.url, found.document["name"]) == (there.url("/people/ada"), "true")


async def test_an_id_that_spells_its_host_otherwise_is_the_same(client: Client, there: Peer) -> None:
    there.routes["/note"] = answer({"id": f"HTTP://North.LocalHost:{there.port}/note"})
    assert (await client.get_document(there.url("/note", "north.localhost"))).url == there.url(
        "/note", "north.localhost"
    )
    assert len(there.asked) == 1


async def test_ids_that_lead_from_one_to_another_are_not_followed_for_ever(client: Client, there: Peer) -> None:
    there.routes["/1"] = answer(note(there, "/2"))
    there.routes["/2"] = answer(note(there, "/3"))
    with pytest.raises(WrongOrigin):
        await client.get_document(there.url("/1"))
    assert len(there.asked) == 2


async def test_the_document_of_a_key_is_asked_without_the_fragment(client: Client, there: Peer) -> None:
    there.routes["/people/ada"] = answer(note(there, "/people/ada#main-key"))
    assert (await client.get_document(there.url("/people/ada#main-key"))).url == there.url("/people/ada")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"@graph":[]}', b"<html>"])
async def test_what_is_no_json_object(client: Client, there: Peer, body: bytes) -> None:
    there.routes["/note"] = answer(body)
    with pytest.raises(Malformed):
        await client.get_document(there.url("/note"))


# Redirects.


async def test_redirects_are_followed_to_the_id(client: Client, there: Peer) -> None:
    there.routes["/a"] = redirect("/b", 301)
    there.routes["/b"] = redirect(there.url("/c", "c.localhost"), 307)
    there.routes["/c"] = answer({"id": there.url("/c", "c.localhost")})
    found = await client.get_document(there.url("/a"), private())
    assert found.url == there.url("/c", "c.localhost")
    # Each hop is signed for the host that it goes to.
    last = there.asked[-1]
    assert last.headers["host"] == f"c.localhost:{there.port}"
    assert verify_get(signature_of("GET", "/c", last.headers), public(), NOW) == ALICE


async def test_a_redirect_leads_to_no_host_that_may_not_be_asked(client: Client, there: Peer) -> None:
    async def leads_to(host: str) -> None:
        if host.startswith("c.localhost"):
            raise Refused(f"{host} is blocked", answered=403)

    client.leads_to = leads_to
    there.routes["/a"] = redirect(there.url("/c", "c.localhost"), 307)
    there.routes["/c"] = answer({"id": there.url("/c", "c.localhost")})
    with pytest.raises(Refused, match="blocked"):
        await client.get_document(there.url("/a"), private())
    assert [one.target for one in there.asked] == ["/a"]


async def test_no_more_than_three_redirects(client: Client, there: Peer) -> None:
    there.routes["/loop"] = redirect("/loop")
    with pytest.raises(Refused):
        await client.get_document(there.url("/loop"))
    assert len(there.asked) == 4


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://10.0.0.1/x", AddressForbidden),
        ("http://169.254.169.254/latest/meta-data/", AddressForbidden),
        ("http://[::1]:80/x", AddressForbidden),
        ("http://0.0.0.0/x", AddressForbidden),
        ("https://8.8.8.8/x", AddressForbidden),
        ("http://2130706433/x", UnsupportedHost),
        ("http://127.1/x", UnsupportedHost),
        ("file:///etc/passwd", Malformed),
        ("gopher://127.0.0.1/", Malformed),
        ("http://user@127.0.0.1/", Malformed),
        ("http://[/", Malformed),
    ],
)
async def test_redirects_into_forbidden_places(
    client: Client, there: Peer, location: str, error: type[FederationError]
) -> None:
    there.routes["/a"] = redirect(location)
    with pytest.raises(error):
        await client.get_document(there.url("/a"), private())
    assert len(there.asked) == 1


# Addresses: the guard where the connection is made.


@pytest.mark.parametrize("host", ["127.0.0.1", "north.localhost", "localhost", "[::ffff:127.0.0.1]"])
async def test_loopback_is_not_reached_unless_allowed(there: Peer, host: str) -> None:
    for networks in (Networks(), Networks(["10.0.0.0/8"])):
        transport = SocketTransport(networks)
        try:
            with pytest.raises(AddressForbidden):
                await transport.send("GET", there.url("/", host), {}, None, timeout=5, limit=100)
        finally:
            await transport.close()
    assert there.connections == 0


async def test_a_public_address_is_reached_on_port_443_only(transport: SocketTransport) -> None:
    """The sockets for these are never made: other ports of public hosts are not ours to knock at."""
    for url in ("http://192.0.2.1/", "http://8.8.8.8/", "https://8.8.8.8:8443/", "http://[2606:4700::1]:8080/"):
        with pytest.raises(AddressForbidden):
            await transport.send("GET", url, {}, None, timeout=5, limit=100)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """DNS as the test has it, as no test may ask the real one; names that are not in it have no address."""
    known: dict[str, list[str]] = {}
    real = transport_module._lookup

    async def lookup(host: str, port: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
        if host.endswith("localhost"):
            return await real(host, port, family)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in known[host]]

    monkeypatch.setattr(transport_module, "_lookup", lookup)
    return known


async def test_a_name_that_leads_inside(there: Peer, transport: SocketTransport, names: dict[str, list[str]]) -> None:
    """DNS rebinding: what a name leads to is judged when it is connected to, whatever it led to before."""
    names["inside.example"] = ["10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "0.0.0.0"]
    for url in ("https://inside.example/", there.url("/", "inside.example")):
        with pytest.raises(AddressForbidden):
            await transport.send("GET", url, {}, None, timeout=5, limit=100)
    names["mixed.example"] = ["10.0.0.1", "127.0.0.1"]
    there.routes["/"] = answer(b"here")
    found = await transport.send("GET", there.url("/", "mixed.example"), {}, None, timeout=5, limit=100)
    assert found.body == b"here"
    names["empty.example"] = []
    with pytest.raises(AddressForbidden):
        await transport.send("GET", "https://empty.example/", {}, None, timeout=5, limit=100)


async def test_names_without_an_address(transport: SocketTransport, names: dict[str, list[str]]) -> None:
    with pytest.raises(Unreachable):
        await transport.send("GET", "http://nowhere.invalid/", {}, None, timeout=5, limit=100)


async def test_iris_that_may_not_be_asked_are_not_asked(there: Peer) -> None:
    strict = Client(SocketTransport(Networks()), Networks(), "fedi", lambda: NOW)
    for iri, error in (
        (there.url("/"), AddressForbidden),
        ("http://uni.example/", Malformed),
        ("https://uni/", UnsupportedHost),
    ):
        with pytest.raises(error):
            await strict.get_document(iri)
        with pytest.raises(error):
            await strict.post(iri, b"{}", private())
    await strict.close()
    assert there.connections == 0


# Bytes and time.


async def test_a_body_that_says_how_big_it_is(client: Client, there: Peer) -> None:
    async def endless(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/activity+json\r\ncontent-length: 99999999\r\n\r\n{")
        await writer.drain()

    there.routes["/note"] = endless
    with pytest.raises(TooLarge):
        await client.get_document(there.url("/note"))


async def test_a_body_that_does_not_say(client: Client, there: Peer) -> None:
    sent = 0

    async def endless(writer: Writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/activity+json\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
            sent += 0x10000

    there.routes["/note"] = endless
    with pytest.raises(TooLarge):
        await client.get_document(there.url("/note"))
    await asyncio.sleep(0)
    assert sent < 16 * MAX_BYTES  # the rest was not waited for


async def test_a_compressed_answer_is_not_unpacked(client: Client, there: Peer) -> None:
    there.routes["/note"] = answer(gzip.compress(b" " * 10_000_000), content_encoding="gzip")
    with pytest.raises(Unreachable):
        await client.get_document(there.url("/note"))


async def test_a_slow_body_is_given_up(transport: SocketTransport, there: Peer) -> None:
    async def dripping(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/activity+json\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    there.routes["/slow"] = dripping
    with pytest.raises(Unreachable) as caught:
        await transport.send("GET", there.url("/slow"), {}, None, timeout=0.3, limit=MAX_BYTES)
    assert caught.value.code == "timeout"


async def test_silence_is_given_up(transport: SocketTransport, there: Peer) -> None:
    async def silent(_: Writer) -> None:
        await asyncio.sleep(60)

    there.routes["/silent"] = silent
    with pytest.raises(Unreachable):
        await transport.send("GET", there.url("/silent"), {}, None, timeout=0.2, limit=100)


@pytest.mark.parametrize(
    "reply",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 200 X\r\ncontent-length: x\r\n\r\n", b"HTTP/1.1 200 X\r\nx: " + b"y" * 70_000],
)
async def test_what_is_no_http(transport: SocketTransport, there: Peer, reply: bytes) -> None:
    async def broken(writer: Writer) -> None:
        writer.write(reply)
        await writer.drain()
        writer.close()

    there.routes["/x"] = broken
    with pytest.raises(Unreachable):
        await transport.send("GET", there.url("/x"), {}, None, timeout=5, limit=100)


async def test_a_connection_that_was_closed_while_idle_costs_no_delivery(client: Client, there: Peer) -> None:
    """The usual race of kept connections: without a second try each would count as a failure of the peer."""

    async def taken_then_closed(writer: Writer) -> None:
        writer.write(answer(b"", 202))
        await writer.drain()

    async def closed(writer: Writer) -> None:
        writer.close()

    there.routes["/inbox"] = [taken_then_closed, closed, taken_then_closed]
    await client.post(there.url("/inbox"), b"{}", private())
    await client.post(there.url("/inbox"), b"{}", private())
    assert len(there.asked) == 3


async def test_nobody_listens(client: Client) -> None:
    async with running() as gone:
        url = gone.url("/note")
    with pytest.raises(Unreachable):
        await client.get_document(url)


# Deliveries.


async def test_a_delivery_is_signed_over_its_very_bytes(client: Client, there: Peer) -> None:
    there.routes["/inbox"] = answer(b"", 202)
    body = b'{"id": "https://alpha.example/1"}'
    await client.post(there.url("/inbox"), body, private())
    asked = there.asked[0]
    assert (asked.method, asked.body) == ("POST", body)
    assert asked.headers["content-type"] == "application/activity+json"
    claim = signature_of("POST", "/inbox", asked.headers)
    assert claim.scheme == "cavage"
    assert public().verify(claim.signature, claim.messages[0])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, Refused),
        (403, Refused),
        (404, Refused),
        (413, Refused),
        (422, Refused),
        (408, Unreachable),
        (500, Unreachable),
        (502, Unreachable),
        (429, Busy),
        (503, Busy),
        (410, Gone),
    ],
)
async def test_what_answers_mean(client: Client, there: Peer, status: int, error: type[FederationError]) -> None:
    there.routes["/inbox"] = answer(b'{"error": "so it is"}', status)
    with pytest.raises(error, match="so it is") as caught:
        await client.post(there.url("/inbox"), b"{}", private())
    assert len(there.asked) == 1
    if isinstance(caught.value, Refused):
        assert caught.value.answered == status


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("9" * 30, None),
    ],
)
async def test_when_a_busy_peer_may_be_asked_again(
    client: Client, there: Peer, value: str, seconds: int | None
) -> None:
    there.routes["/inbox"] = answer(b"", 429, retry_after=value)
    with pytest.raises(Busy) as caught:
        await client.post(there.url("/inbox"), b"{}", private())
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("rule", "kind", "code"),
    [
        ("r-0142", "application/problem+json", "policy"),
        ("stance", "application/problem+json", "refused"),  # it is about us, whatever we send
        ("r-0142", "text/html", "refused"),
    ],
)
async def test_the_words_of_a_policy_that_refuses_are_read(
    client: Client, there: Peer, rule: str, kind: str, code: str
) -> None:
    body = (
        b'{"type": "https://w3id.org/fep/c180#actor-not-authorized", "detail": "No\\u001b[2J files", "peer:rule": "%s"}'
    )
    there.routes["/inbox"] = answer(body % rule.encode(), 403, kind)
    with pytest.raises(Refused) as caught:
        await client.post(there.url("/inbox"), b"{}", private())
    assert (caught.value.code, caught.value.answered) == (code, 403)
    assert "\x1b" not in caught.value.text
    if code == "policy":
        assert caught.value.text == "No [2J files"


@pytest.mark.parametrize(("status", "error"), [(202, None), (500, Unreachable), (404, Refused)])
async def test_a_long_answer_to_a_delivery_counts_by_its_status(
    client: Client, there: Peer, status: int, error: type[FederationError] | None
) -> None:
    there.routes["/inbox"] = answer(b"<html>" + b" " * 200_000, status, "text/html")
    if error is None:
        await client.post(there.url("/inbox"), b"{}", private())
    else:
        with pytest.raises(error):
            await client.post(there.url("/inbox"), b"{}", private())


async def test_who_refuses_the_draft_gets_rfc_9421_and_first_the_next_time(client: Client, there: Peer) -> None:
    there.routes["/inbox"] = [answer(b"", 401), answer(b"", 202)]
    await client.post(there.url("/inbox"), b"{}", private())
    await client.post(there.url("/inbox"), b"{}", private())
    schemes = [signature_of("POST", "/inbox", asked.headers).scheme for asked in there.asked]
    assert schemes == ["cavage", "rfc9421", "rfc9421"]
    # And back, when it changes its mind.
    there.routes["/inbox"] = [answer(b"", 400), answer(b"", 202)]
    await client.post(there.url("/inbox"), b"{}", private())
    await client.post(there.url("/inbox"), b"{}", private())
    schemes = [signature_of("POST", "/inbox", asked.headers).scheme for asked in there.asked]
    assert schemes[3:] == ["rfc9421", "cavage", "cavage"]


async def test_who_says_to_read_ed25519_gets_it_and_the_usual_when_it_does_not(client: Client, there: Peer) -> None:
    """FEP-844e is a claim; that it does not hold must lose nothing."""
    quick = load_private(generate_ed25519().private, f"{ALICE}#ed25519-key")
    there.routes["/inbox"] = [answer(b"", 202), answer(b"", 401), answer(b"", 202)]
    for _ in range(3):
        await client.post(there.url("/inbox"), b"{}", private(), quick_key=quick)
    claims = [signature_of("POST", "/inbox", asked.headers) for asked in there.asked]
    assert [(claim.scheme, claim.key_id.partition("#")[2]) for claim in claims] == [
        ("rfc9421", "ed25519-key"),
        ("rfc9421", "ed25519-key"),
        ("cavage", "main-key"),
        ("cavage", "main-key"),
    ]


async def test_an_activity_that_is_refused_is_refused_whatever_signed_it(client: Client, there: Peer) -> None:
    quick = load_private(generate_ed25519().private, f"{ALICE}#ed25519-key")
    there.routes["/inbox"] = [answer(b"", 400), answer(b"", 400), answer(b"", 400), answer(b"", 202)]
    with pytest.raises(Refused):
        await client.post(there.url("/inbox"), b"{}", private(), quick_key=quick)
    await client.post(there.url("/inbox"), b"{}", private(), quick_key=quick)
    last = signature_of("POST", "/inbox", there.asked[-1].headers)
    assert last.key_id == quick.id


async def test_who_refuses_both_has_refused(client: Client, there: Peer) -> None:
    there.routes["/inbox"] = answer(b"no such key", 401, "text/plain")
    with pytest.raises(Refused, match="no such key"):
        await client.post(there.url("/inbox"), b"{}", private())
    assert len(there.asked) == 2
    there.routes["/note"] = answer(b"", 401)
    with pytest.raises(Refused):
        await client.get_document(there.url("/note"), private())
    with pytest.raises(Refused):
        await client.get_document(there.url("/note"))
    assert len(there.asked) == 5  # without a key there is nothing to try again with


async def test_who_fails_at_rfc_9421_is_not_remembered_for_it(client: Client, there: Peer) -> None:
    """activitypub-express: 400 for an activity that it does not read, and 500 for any signature of RFC 9421."""
    there.routes["/inbox"] = [answer(b"", 400), answer(b"", 500), answer(b"", 202)]
    with pytest.raises(Refused):  # and not Unreachable, which would hold up all that comes after it
        await client.post(there.url("/inbox"), b"{}", private())
    await client.post(there.url("/inbox"), b"{}", private())
    schemes = [signature_of("POST", "/inbox", asked.headers).scheme for asked in there.asked]
    assert schemes == ["cavage", "rfc9421", "cavage"]
    # Who wants RFC 9421 and is busy is not lost: it is tried again.
    there.routes["/inbox"] = [answer(b"", 401), answer(b"", 503)]
    with pytest.raises(Busy):
        await client.post(there.url("/inbox"), b"{}", private())
    assert not client._rfc9421


async def test_a_signed_get_is_tried_in_both_ways_too(client: Client, there: Peer) -> None:
    there.routes["/note"] = [answer(b"", 401), answer(note(there))]
    assert (await client.get_document(there.url("/note"), private())).url == there.url("/note")
    assert signature_of("GET", "/note", there.asked[1].headers).scheme == "rfc9421"


async def test_what_is_remembered_of_hosts_is_bounded(client: Client, there: Peer) -> None:
    client._rfc9421.update({f"{number}.example": True for number in range(4096)})
    there.routes["/inbox"] = [answer(b"", 401), answer(b"", 202)]
    await client.post(there.url("/inbox"), b"{}", private())
    assert len(client._rfc9421) == 4096
    assert f"127.0.0.1:{there.port}" in client._rfc9421


class Full:
    """A transport whose every answer is too large, before a status came."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        raise TooLarge("too large")

    async def close(self) -> None:
        pass


async def test_a_delivery_whose_status_never_came_was_not_made() -> None:
    with pytest.raises(TooLarge):
        await Client(Full(), LOOPBACK, "fedi", lambda: NOW).post("https://uni.example/inbox", b"{}", private())


async def test_addresses_of_names_come_from_the_system() -> None:
    found = await transport_module._lookup("127.0.0.1", 443, socket.AF_UNSPEC)
    assert found == [(socket.AF_INET, "127.0.0.1")]


# TLS.


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for north.localhost that signs itself: the file to trust, and a server's context."""
    certify(folder, "north.localhost")
    pem = folder / "certificate.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, folder / "key.pem")
    return pem, context


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    pem, context = certificate(tmp_path)
    async with running(context) as secure:
        url = secure.url("/note", "north.localhost")
        secure.routes["/note"] = answer({"id": url})
        secure.routes["/down"] = redirect(f"http://north.localhost:{secure.port}/note")
        trusting = Client(SocketTransport(LOOPBACK, str(pem)), LOOPBACK, "fedi", lambda: NOW)
        assert (await trusting.get_document(url)).url == url
        with pytest.raises(Malformed) as caught:
            await trusting.get_document(secure.url("/down", "north.localhost"))
        assert caught.value.code == "bad-redirect"
        with pytest.raises(Unreachable):  # another name than the certificate's
            await trusting.get_document(secure.url("/note", "south.localhost"))
        await trusting.close()
        strict = Client(SocketTransport(LOOPBACK), LOOPBACK, "fedi", lambda: NOW)
        with pytest.raises(Unreachable):
            await strict.get_document(url)
        await strict.close()


# Discovery.


def webfinger(there: Peer, subject: str, actor: str) -> bytes:
    link = {"rel": "self", "type": "application/activity+json", "href": actor}
    return answer({"subject": f"acct:{subject}", "links": [link]}, content_type="application/jrd+json")


async def test_webfinger(client: Client, there: Peer) -> None:
    host = f"127.0.0.1:{there.port}"
    there.routes[f"/.well-known/webfinger?resource=acct:ada@{host}"] = webfinger(
        there, f"ada@{host}", there.url("/people/ada")
    )
    found = await discovery.webfinger(client, f"@ada@{host}")
    assert (found.subject, found.actor_iri) == (f"ada@{host}", there.url("/people/ada"))
    assert "application/jrd+json" in there.asked[0].headers["accept"]
    with pytest.raises(Refused):
        await discovery.webfinger(client, f"bob@{host}")
    with pytest.raises(Malformed):
        await discovery.webfinger(client, "nobody")


async def test_a_handle_at_another_domain_must_say_so_itself(client: Client, there: Peer) -> None:
    """handle domain.localhost, server web.localhost: the way in which Mastodon's WEB_DOMAIN works."""
    web, domain = f"web.localhost:{there.port}", f"domain.localhost:{there.port}"
    actor = there.url("/people/ada", "web.localhost")
    there.routes[f"/.well-known/webfinger?resource=acct:ada@{web}"] = webfinger(there, f"ada@{domain}", actor)
    there.routes[f"/.well-known/webfinger?resource=acct:ada@{domain}"] = webfinger(there, f"ada@{domain}", actor)
    assert (await discovery.webfinger(client, f"ada@{web}")).subject == f"ada@{domain}"
    document = {"id": actor, "type": "Person", "preferredUsername": "ada", "inbox": f"{actor}/inbox"}
    assert await discovery.handle_of(client, read_actor(document)) == f"ada@{domain}"
    assert await discovery.handle_of(client, read_actor({**document, "webfinger": f"ada@{domain}"})) == f"ada@{domain}"
    with pytest.raises(WrongOrigin):
        await discovery.handle_of(client, read_actor({**document, "id": f"{actor}2"}))


async def test_a_handle_that_another_host_claims_is_refused(
    client: Client, there: Peer, names: dict[str, list[str]]
) -> None:
    """As attacks/webfinger_spoof: the host of the claimed handle names somebody else, or nobody."""
    evil, victim = f"evil.localhost:{there.port}", f"victim.localhost:{there.port}"
    claim = f"/.well-known/webfinger?resource=acct:alex@{evil}"
    there.routes[claim] = webfinger(there, f"boss@{victim}", there.url("/people/alex", "evil.localhost"))
    with pytest.raises(Refused):
        await discovery.webfinger(client, f"alex@{evil}")
    there.routes[f"/.well-known/webfinger?resource=acct:boss@{victim}"] = webfinger(
        there, f"boss@{victim}", there.url("/people/boss", "victim.localhost")
    )
    with pytest.raises(WrongOrigin):
        await discovery.webfinger(client, f"alex@{evil}")
    spoof = peer("attacks/webfinger-webfinger_spoof.json")
    there.routes[claim] = answer(spoof)
    with pytest.raises(Unreachable):  # the host of the claimed handle is asked, and has no address here
        await discovery.webfinger(client, f"alex@{evil}")


async def test_nodeinfo(client: Client, there: Peer) -> None:
    host = f"127.0.0.1:{there.port}"
    schema = "http://nodeinfo.diaspora.software/ns/schema/2.1"
    there.routes["/.well-known/nodeinfo"] = answer({"links": [{"rel": schema, "href": there.url("/ni")}]})
    there.routes["/ni"] = answer(peer("nodeinfo/nodeinfo-toolkit-lemmy.json"), content_type="application/json")
    assert (await discovery.nodeinfo(client, host)).software == "lemmy"
    there.routes["/.well-known/nodeinfo"] = answer({"links": [{"rel": schema, "href": "http://127.0.0.2/ni"}]})
    with pytest.raises(WrongOrigin):
        await discovery.nodeinfo(client, host)


async def test_discovery_tries_both_schemes_on_private_networks_only(
    tmp_path: Path, names: dict[str, list[str]]
) -> None:
    pem, context = certificate(tmp_path)
    async with running(context) as secure:
        host = f"north.localhost:{secure.port}"
        schema = "http://nodeinfo.diaspora.software/ns/schema/2.0"
        secure.routes["/.well-known/nodeinfo"] = answer(
            {"links": [{"rel": schema, "href": secure.url("/ni", "north.localhost")}]}
        )
        secure.routes["/ni"] = answer(peer("nodeinfo/nodeinfo-toolkit-mastodon.json"))
        client = Client(SocketTransport(LOOPBACK, str(pem)), LOOPBACK, "fedi", lambda: NOW)
        assert (await discovery.nodeinfo(client, host)).software == "mastodon"
        with pytest.raises(Unreachable):
            await discovery.nodeinfo(client, "nowhere.invalid")
        await client.close()
    strict = Client(SocketTransport(Networks()), Networks(), "fedi", lambda: NOW)
    with pytest.raises(UnsupportedHost):
        await discovery.nodeinfo(strict, host)
    with pytest.raises(Unreachable):
        await discovery.nodeinfo(strict, "nowhere.invalid")
    await strict.close()
