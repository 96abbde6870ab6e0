"""Too much of everything: storms of unknown keys, deletions, announces and edits; deep, huge, slow and endless bodies (Fedify
CVE-2026-34148, CVE-2025-68475; Mastodon CVE-2022-46405, GHSA-gg8q-rcg7-p79g)."""

import gzip
import json
import socket
import time

import pytest

from federation.signatures.keys import load_private
from federation.signatures.sign import sign_post
from tests.attacks.hostile import ACTIVITY_JSON, AS2, Answer, Hostile, Target, ada, followed, key_pair, post, redirect
from tests.servers import free_port

pytestmark = pytest.mark.live


# Storms.


def test_a_storm_of_unknown_keys_asks_a_dead_host_once(target: Target, hostile: Hostile) -> None:
    """Whoever names a hundred keys of a host that does not answer doesn't make us knock a hundred times."""
    hostile.serve(hostile.url("busy", "/k/0"), Answer({}, 503))
    for number in range(20):
        hostile.serve(hostile.url("busy", f"/k/{number}"), Answer({}, 503))
        key = load_private(key_pair().private, hostile.url("busy", f"/k/{number}"))
        activity = hostile.activity("Follow", hostile.url("busy", f"/u/{number}"), ada(target))
        assert hostile.send(target.server, activity, key=key)[0] == 202  # kept, to be verified later
    assert len(hostile.asked_at("busy")) == 1


def test_a_storm_of_keys_that_are_not_there(target: Target, hostile: Hostile) -> None:
    """A host that answers is asked for a dozen keys that it does not have, then left alone; its known people go on."""
    known = hostile.actor("honest", "known")
    first = hostile.activity("Follow", known, ada(target))
    assert hostile.send(target.server, first) == (202, "")
    statuses = []
    for number in range(40):
        key = load_private(key_pair().private, hostile.url("honest", f"/k/{number}#main-key"))
        activity = hostile.activity("Follow", hostile.url("honest", f"/u/{number}"), ada(target))
        statuses.append(hostile.send(target.server, activity, key=key)[0])
    assert set(statuses) <= {401, 202, 503}
    assert 12 <= len(hostile.asked_at("honest", "/k/")) <= 14
    again = hostile.activity("Follow", known, ada(target))
    assert hostile.send(target.server, again) == (202, "")
    assert target.outcome(again)[0] == "done"


def test_one_unknown_key_is_asked_for_once(target: Target, hostile: Hostile) -> None:
    key = load_private(key_pair().private, hostile.url("once", "/k/1#main-key"))
    for _ in range(5):
        activity = hostile.activity("Follow", hostile.url("once", "/u/1"), ada(target))
        assert hostile.send(target.server, activity, key=key) == (401, "no-key")
    assert hostile.asked_at("once") == ["/k/1"]


def test_what_nobody_proved_is_kept_within_a_bound(target: Target, hostile: Hostile) -> None:
    """Activities whose key can't be had now are kept to be verified later: so many, and the rest is told to come again."""
    dead = f"http://127.0.0.1:{free_port()}/k"
    key = load_private(key_pair().private, dead)
    statuses = [
        hostile.send(target.server, hostile.activity("Follow", dead, ada(target)), key=key)[0] for _ in range(90)
    ]
    assert set(statuses) <= {202, 429, 503}
    assert statuses.count(202) < 75


def test_deletes_of_strangers_cost_nothing(target: Target, hostile: Hostile) -> None:
    """The whole network hears of every account that ends: 202 at once, nothing asked, nothing kept."""
    for number in range(20):
        gone = hostile.url("gone", f"/users/{number}")
        delete = hostile.activity("Delete", gone, gone)
        key = load_private(key_pair().private, f"{gone}#main-key")
        assert hostile.send(target.server, delete, key=key) == (202, "")
        assert target.row(delete["id"]) is None
    assert hostile.asked_at("gone") == []


def test_many_announces_of_one_post_fetch_it_once(target: Target, hostile: Hostile) -> None:
    """A crowd that boosts what we don't know doesn't make us a cannon: one request to its host, also when it is not there."""
    booster = hostile.actor("crowd", "booster")
    followed(target, hostile, booster)
    author = hostile.actor("famous", "author")
    note = hostile.note(author, "/notes/1")
    there = [hostile.activity("Announce", booster, note["id"]) for _ in range(10)]
    absent = [hostile.activity("Announce", booster, hostile.url("famous", "/notes/404")) for _ in range(10)]
    for announce in there + absent:
        assert hostile.send(target.server, announce) == (202, "")
    for announce in there + absent:
        target.outcome(announce)
    assert hostile.asked_at("famous", "/notes/1") == ["/notes/1"]
    assert hostile.asked_at("famous", "/notes/404") == ["/notes/404"]
    assert target.post(str(note["id"])) is not None


def test_a_chain_of_parents_ends(target: Target, hostile: Hostile) -> None:
    """Each post answers another one that was made up for us: twenty are read."""
    writer = hostile.actor("chain", "writer")
    followed(target, hostile, writer)

    def link(path: str) -> Answer:
        number = int(path.rpartition("/")[2])
        parent = hostile.url("chain", f"/chain/{number + 1}")
        document = hostile.note(writer, path, inReplyTo=parent)
        hostile.serve(parent, link)
        return Answer(document)

    hostile.serve(hostile.url("chain", "/chain/1"), link)
    create = hostile.activity(
        "Create", writer, hostile.note(writer, "/notes/deep", inReplyTo=hostile.url("chain", "/chain/1"))
    )
    assert hostile.send(target.server, create) == (202, "")
    assert target.outcome(create) == ("done", "")
    assert (
        len(hostile.asked_at("chain", "/chain/")) <= 41
    )  # twenty at once, and again when what is missing is looked for


def test_a_conversation_without_end_is_left(target: Target, hostile: Hostile) -> None:
    """Collections whose pages lead on for ever, and whose items are all new: within the budget, and no more."""
    writer = hostile.actor("endless", "writer")
    followed(target, hostile, writer)

    def page(path: str) -> Answer:
        number = int(path.rpartition("/")[2])
        following = hostile.serve(hostile.url("endless", f"/replies/{number + 1}"), page)
        items = []
        for k in range(100):
            made = hostile.note(writer, f"/notes/{number}-{k}", inReplyTo=hostile.url("endless", "/notes/root"))
            items.append(made["id"])
        return Answer({
            "@context": AS2, "id": hostile.url("endless", path), "type": "OrderedCollectionPage",
            "partOf": hostile.url("endless", "/replies/0"), "next": following, "orderedItems": items,
        })  # fmt: skip

    first = hostile.serve(hostile.url("endless", "/replies/0"), page)
    root = hostile.note(writer, "/notes/root", replies=first, context=first)
    create = hostile.activity("Create", writer, root)
    assert hostile.send(target.server, create) == (202, "")
    assert target.outcome(create) == ("done", "")
    announce = hostile.activity("Announce", writer, root["id"])
    assert hostile.send(target.server, announce) == (202, "")
    target.outcome(announce)
    quiet = len(hostile.asked)
    for _ in range(50):
        time.sleep(0.2)
        if len(hostile.asked) == quiet:
            break
        quiet = len(hostile.asked)
    assert len(hostile.asked_at("endless", "/replies/")) <= 30
    assert len(hostile.asked_at("endless", "/notes/")) <= 1100


# Shapes of bodies that come.


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"a":' * 100_000, 413, "too-large"),
        (b"[" * 500_000, 413, "too-large"),
        (b'{"@context":"' + AS2.encode() + b'","object":' + b'{"object":' * 40 + b"1" + b"}" * 41, 413, "too-large"),
        (b'{"a":"' + b"x" * 1_100_000 + b'"}', 413, "too-large"),
        (b"", 400, "malformed"),
        (b"null", 400, "malformed"),
        (b"[]", 400, "malformed"),
        (b'{"a":' + b"9" * 100_000 + b"}", 400, "malformed"),
        (b'{"id":"\\ud800"}', 400, "malformed"),
        (b'{"id":"\xff"}', 400, "malformed"),
        (gzip.compress(b'{"a":"' + b"x" * 50_000_000 + b'"}'), 400, "malformed"),
    ],
    ids=["deep", "deeper", "activities", "huge", "empty", "null", "list", "number", "surrogate", "latin", "bomb"],
)
def test_bodies_that_are_none(target: Target, hostile: Hostile, body: bytes, status: int, code: str) -> None:
    iri = hostile.actor("shapes", "sam")
    assert hostile.send(target.server, body, key=hostile.keys[iri]) == (status, code)
    url = target.server.url + "/inbox"
    headers = sign_post(hostile.keys[iri], url, body, time.time_ns() // 1_000_000)
    assert post(url, body, {**headers, "content-encoding": "gzip"}) == (status, code)


def test_many_names_and_values_are_read_in_time(target: Target, hostile: Hostile) -> None:
    """A megabyte of tags, mentions, context terms, HTML that is never closed: refused or kept, and the next one is served."""
    iri = hostile.actor("wide", "walt")
    followed(target, hostile, iri)
    for content, more in (
        ("<a" * 300_000, {}),
        ("<p>" * 200_000, {}),
        ("&" * 900_000, {}),
        ("@a" * 400_000, {}),
        ("#a" * 400_000, {}),
        ("<!--" * 200_000, {}),
        (("<b><i>" * 100_000) + "x", {}),
        ("x", {"tag": [{"type": "Mention", "href": f"http://h{n}.example/u"} for n in range(15_000)]}),
        ("x", {"tag": [{"type": "Hashtag", "name": f"#t{n}"} for n in range(20_000)]}),
        ("x", {"attachment": [{"type": "Image", "url": f"http://h.example/{n}"} for n in range(15_000)]}),
        ("x", {"to": [f"http://h{n}.example/u" for n in range(30_000)]}),
        ("x", {f"name{n}": n for n in range(40_000)}),
    ):
        create = hostile.activity("Create", iri, hostile.note(iri, f"/notes/{time.time_ns()}", content=content, **more))
        assert hostile.send(target.server, create) == (202, "")
        assert target.outcome(create) == ("done", "")
    assert hostile.get(target.server, "/people/ada", None) == 200


def test_signature_headers_without_end(target: Target) -> None:
    url = target.server.url + "/inbox"
    for value in ('a="' + '\\"' * 3000, "a=" * 3900, '("a" ' * 1500, "keyId=" + "," * 7000, ("a" * 100 + "=b,") * 70):
        for name in ("signature", "signature-input", "authorization", "digest", "content-digest", "date"):
            headers = {"content-type": ACTIVITY_JSON, "signature": "x", name: value}
            status, _ = post(url, json.dumps({"@context": AS2, "id": "http://a.example/1", "type": "Like",
                                              "actor": "http://a.example/a", "object": "x"}).encode(), headers)  # fmt: skip
            assert status in (400, 401, 431), name


def test_a_sender_who_never_ends(target: Target) -> None:
    """Half a request is no request; others are served meanwhile."""
    held = []
    for _ in range(50):
        one = socket.create_connection(("127.0.0.1", target.server.port))
        one.sendall(
            b"POST /inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\ncontent-length: 1000\r\n\r\n{"
        )
        held.append(one)
    try:
        assert post(target.server.url + "/inbox", b"{}", {"content-type": ACTIVITY_JSON})[0] == 400
    finally:
        for one in held:
            one.close()


# Answers that come when we ask.


def test_answers_that_are_traps(target: Target, hostile: Hostile) -> None:
    """Redirects in a circle and one too many, a compressed bomb, headers and bodies without end, another id, half a JSON."""
    traps = {
        "loop": redirect(hostile.url("traps", "/users/loop")),
        "bomb": Answer(gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"}),
        "huge": Answer(b'{"a":"' + b"x" * 2_000_000 + b'"}'),
        "long": Answer(b"", headers={"x": "y" * 100_000}),
        "many": Answer(b"", headers={f"x-{n}": "y" * 100 for n in range(20_000)}),
        "other": Answer({"@context": AS2, "id": hostile.url("victim", "/users/vera"), "type": "Person"}),
        "half": Answer(b'{"id":'),
        "deep": Answer(b"[" * 100_000),
        "graph": Answer({"@graph": [{"id": hostile.url("traps", "/users/graph")}]}),
        "status": Answer(raw=b"HTTP/1.1 999999 X\r\n\r\n"),
        "nothing": Answer(raw=b""),
        "chunks": Answer(raw=b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n"),
    }
    for number, (name, answer) in enumerate(traps.items()):
        host = f"traps{number}"
        if name == "loop":
            answer = redirect(hostile.url(host, "/users/loop"))  # noqa: PLW2901
        iri = hostile.serve(hostile.url(host, f"/users/{name}"), answer)
        key = load_private(key_pair().private, f"{iri}#main-key")
        activity = hostile.activity("Follow", iri, ada(target))
        status, code = hostile.send(target.server, activity, key=key)
        assert (status, code) in ((401, "no-key"), (403, "wrong-origin"), (202, ""), (503, "key-unavailable")), name
        assert len(hostile.asked_at(host)) <= 4, name
        assert target.actor(iri) is None
