"""Server-side request forgery: a fedi process that may reach one address of loopback is lured to others (Fedify
CVE-2024-39687, CVE-2025-23221, CVE-2026-50131, CVE-2026-62857; Lemmy CVE-2025-25194, CVE-2026-33693; Mastodon
CVE-2026-46348, CVE-2026-47389).

127.0.0.2 is the world here, 127.0.0.1 the inside: nothing may ever connect to the server that listens there.
"""

from collections.abc import Iterator

import pytest

from federation.signatures.keys import load_private
from storage import actors
from tests.attacks.hostile import Answer, Hostile, Target, attacked, key_pair, redirect

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A fedi process that may ask 127.0.0.2 alone."""
    with attacked(tmp_path_factory.mktemp("strict") / "fedi", "127.0.0.2/32") as made:
        yield made


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The hostile server, in the part that may be asked; at another port each time, so that it is another host."""
    made = Hostile("127.0.0.2")
    yield made
    made.close()


@pytest.fixture(scope="module")
def inside() -> Iterator[Hostile]:
    """A server inside, which nobody may lead us to."""
    made = Hostile("127.0.0.1")
    yield made
    made.close()


PLACES = [
    "http://127.0.0.1:{port}/x",
    "http://localhost:{port}/x",
    "http://inside.localhost:{port}/x",
    "http://[::1]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://[::ffff:7f00:1]:{port}/x",
    "http://[::127.0.0.1]:{port}/x",
    "http://[64:ff9b::7f00:1]:{port}/x",
    "http://[64:ff9b:1::7f00:1]:{port}/x",
    "http://[2002:7f00:1::]:{port}/x",
    "http://[2001:0:7f00:1::]:{port}/x",
    "http://0.0.0.0:{port}/x",
    "http://[::]:{port}/x",
    "http://0:{port}/x",
    "http://127.1:{port}/x",
    "http://2130706433:{port}/x",
    "http://017700000001:{port}/x",
    "http://0x7f000001:{port}/x",
    "http://0x7f.1:{port}/x",
    "http://127.0.0.1.:{port}/x",
    "http://127.0.0.1%2f@127.0.0.1:{port}/x",
    "http://127.0.0.2@127.0.0.1:{port}/x",
    "http://①27.0.0.1:{port}/x",
    "http://127。0。0。1:{port}/x",
    "//127.0.0.1:{port}/x",
    "http://10.0.0.1/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/x",
    "http://[fd00::1]/x",
    "http://192.0.2.1/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}\\@127.0.0.2/x",
]


@pytest.mark.parametrize("number", range(len(PLACES)), ids=lambda number: PLACES[number])
def test_a_redirect_of_a_key_leads_nowhere_inside(
    target: Target, hostile: Hostile, inside: Hostile, number: int
) -> None:
    place = PLACES[number].format(port=inside.port)
    iri = hostile.serve(hostile.url("", f"/users/{number}"), redirect(place.encode().decode("latin-1")))
    key = load_private(key_pair().private, f"{iri}#main-key")
    status, code = hostile.send(
        target.server, hostile.activity("Follow", iri, target.server.url + "/people/ada"), key=key
    )
    assert (status, code) == (401, "no-key")
    assert f"/users/{number}" in [one.target for one in hostile.asked]
    assert inside.connections == 0


@pytest.mark.parametrize("number", range(len(PLACES)), ids=lambda number: PLACES[number])
def test_a_key_inside_is_not_asked_for(target: Target, hostile: Hostile, inside: Hostile, number: int) -> None:
    """Without a redirect: the forged sender says that its key is there."""
    place = PLACES[number].format(port=inside.port)
    if place.startswith("//") or not place.isascii():
        return  # a Location may be relative; a header of ours can't hold it
    key = load_private(key_pair().private, place)
    activity = hostile.activity("Follow", hostile.url("", "/users/x"), target.server.url + "/people/ada")
    status, code = hostile.send(target.server, activity, key=key)
    assert status in (400, 401), (status, code)
    assert code in ("malformed-signature", "no-key"), code
    assert inside.connections == 0


def test_what_is_said_of_it_does_not_map_the_inside(target: Target, hostile: Hostile, inside: Hostile) -> None:
    """The refusal is read by whoever attacks: addresses that names lead to, and which of them answer, are not in it."""
    import json
    import time
    import urllib.error
    import urllib.request

    from federation.signatures.sign import sign_post

    said = []
    for place in (f"http://inside.localhost:{inside.port}/a", "http://inside.localhost:9/a"):
        key = load_private(key_pair().private, place)
        body = json.dumps(hostile.activity("Follow", hostile.url("", "/users/x"), "http://127.0.0.1/x")).encode()
        url = target.server.url + "/inbox"
        request = urllib.request.Request(url, body, sign_post(key, url, body, time.time_ns() // 1_000_000))
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        said.append(caught.value.read().decode().replace(place, "PLACE"))
    assert "127.0.0.1" not in said[0]
    assert "::1" not in said[0]
    assert said[0] == said[1]


def test_a_nodeinfo_link_leads_to_its_own_host_only(target: Target, hostile: Hostile, inside: Hostile) -> None:
    """CVE-2026-62857."""
    bob = hostile.actor("", "bob")
    index = {
        "links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.1", "href": inside.url("", "/nodeinfo/2.1")}]
    }
    hostile.serve(hostile.url("", "/.well-known/nodeinfo"), Answer(index, content_type="application/json"))
    follow = hostile.activity("Follow", bob, target.server.url + "/people/ada")
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    from tests.live.client import wait_until

    wait_until(lambda: "/.well-known/nodeinfo" in [one.target for one in hostile.asked])
    assert inside.connections == 0


def test_webfinger_leads_nowhere_inside(target: Target, hostile: Hostile, inside: Hostile) -> None:
    for name, place in (
        ("eve", inside.url("", "/users/eve")),
        ("eva", f"http://inside.localhost:{inside.port}/users/eva"),
    ):
        resource = f"/.well-known/webfinger?resource=acct:{name}@{hostile.host()}"
        jrd = {
            "subject": f"acct:{name}@{hostile.host()}",
            "links": [{"rel": "self", "type": "application/activity+json", "href": place}],
        }
        hostile.serve(hostile.url("", resource), Answer(jrd, content_type="application/jrd+json"))
        assert target.find(f"@{name}@{hostile.host()}") == {"accounts": [], "statuses": [], "hashtags": []}
        assert hostile.asked[-1].target == resource
    # And the subject may claim a host inside, which would be asked whether it agrees.
    resource = f"/.well-known/webfinger?resource=acct:ivo@{hostile.host()}"
    jrd = {
        "subject": f"acct:ivo@{inside.host()}",
        "links": [{"rel": "self", "type": "application/activity+json", "href": hostile.url("", "/users/bob")}],
    }
    hostile.serve(hostile.url("", resource), Answer(jrd, content_type="application/jrd+json"))
    assert target.find(f"@ivo@{hostile.host()}")["accounts"] == []
    assert inside.connections == 0


def test_an_inbox_inside_is_not_posted_to(target: Target, hostile: Hostile, inside: Hostile) -> None:
    """The inbox of an actor is of its own origin, or the actor is none."""
    mallory = hostile.actor("", "mallory", inbox=inside.url("", "/admin/delete-everything"))
    follow = hostile.activity("Follow", mallory, target.server.url + "/people/ada")
    assert hostile.send(target.server, follow) == (403, "wrong-origin")
    carol = hostile.actor("", "carol", endpoints={"sharedInbox": inside.url("", "/admin/delete-everything")})
    follow = hostile.activity("Follow", carol, target.server.url + "/people/ada")
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    kept = target.read(lambda tx: actors.by_iri(tx, carol))
    assert (kept.inbox, kept.shared_inbox) == (f"{carol}/inbox", None)
    assert target.read(lambda tx: actors.by_iri(tx, mallory)) is None
    assert inside.connections == 0
