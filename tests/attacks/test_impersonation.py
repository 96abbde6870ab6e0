"""Speaking for others: forged senders, borrowed keys, documents under the wrong address, restructured JSON-LD (Mastodon
CVE-2024-23832, CVE-2024-25623, CVE-2026-46349; Fedify CVE-2025-54888, CVE-2026-42462, CVE-2026-50128, #963)."""

import json
from typing import Any

import pytest

from federation.signatures.keys import load_private
from storage import actors, follows
from tests.attacks.hostile import ACTIVITY_JSON, AS2, PUBLIC, Answer, Hostile, Target, ada, key_pair, post

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def victim(hostile: Hostile) -> str:
    """Somebody at an honest host, with a key that the attacker does not have."""
    return hostile.actor("victim", "vera", key=1)


@pytest.fixture(scope="module")
def mallory(hostile: Hostile) -> str:
    """The attacker."""
    return hostile.actor("evil", "mallory")


# Who sent it.


def test_an_honest_follow_is_taken(target: Target, hostile: Hostile, victim: str) -> None:
    """So that the refusals below are for what they say."""
    follow = hostile.activity("Follow", victim, ada(target))
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")


def test_in_the_name_of_another(target: Target, hostile: Hostile, victim: str, mallory: str) -> None:
    """The key is Mallory's, the actor is not: of another host, of the same host, in other spellings."""
    other = hostile.actor("evil", "oscar")
    spelled = mallory.replace("http://evil", "http://EVIL")
    for actor in (
        victim,
        other,
        spelled,
        f"{mallory}#me",
        f"{mallory}/",
        f"{mallory}?a=b",
        mallory.replace("evil.", "evil.x."),
    ):
        forged = {**hostile.activity("Follow", mallory, ada(target)), "actor": actor}
        assert hostile.send(target.server, forged, key=hostile.keys[mallory]) == (403, "wrong-origin"), actor
        row = target.row(forged["id"])
        assert row is not None
        assert row.state == "refused"
        assert row.via is None


def test_an_activity_with_the_id_of_another_host(target: Target, hostile: Hostile, mallory: str) -> None:
    forged = {**hostile.activity("Follow", mallory, ada(target)), "id": hostile.url("victim", "/activities/1")}
    assert hostile.send(target.server, forged) == (403, "wrong-origin")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": None}, "malformed"),
        ({"id": 5}, "malformed"),
        ({"id": "urn:uuid:2b1c"}, "malformed"),
        ({"id": "http://mallory@evil.localhost/1"}, "malformed"),
        ({"id": "http://evil.localhost\\@victim.localhost/1"}, "malformed"),
        ({"actor": None}, "malformed"),
        ({"actor": 1}, "malformed"),
        ({"actor": {"type": "Person"}}, "malformed"),
        ({"actor": "http://vera:pass@victim.localhost/users/vera"}, "malformed"),
        ({"actor": ["http://evil.localhost/a", "http://victim.localhost/b"]}, "malformed"),
        ({"actor": "http://127.1/users/vera"}, "unsupported-host"),
        ({"type": None}, "malformed"),
        ({"type": []}, "malformed"),
    ],
)
def test_ids_and_actors_that_are_none(
    target: Target, hostile: Hostile, mallory: str, change: dict[str, Any], code: str
) -> None:
    forged = {**hostile.activity("Follow", mallory, ada(target)), **change}
    assert hostile.send(target.server, forged, key=hostile.keys[mallory]) == (400, code)


def test_without_a_signature_or_with_one_that_does_not_fit(
    target: Target, hostile: Hostile, victim: str, mallory: str
) -> None:
    body = json.dumps(hostile.activity("Follow", victim, ada(target))).encode()
    url = target.server.url + "/inbox"
    assert post(url, body, {"content-type": ACTIVITY_JSON}) == (401, "missing-signature")
    forger = load_private(key_pair(0).private, f"{victim}#main-key")  # the victim's key id, another key
    assert hostile.send(target.server, body, key=forger) == (401, "bad-signature")
    del mallory


def test_a_signature_of_another_body_host_or_time(target: Target, hostile: Hostile, victim: str) -> None:
    import time

    from federation.signatures.sign import sign_post

    url = target.server.url + "/inbox"
    body = json.dumps(hostile.activity("Follow", victim, ada(target))).encode()
    now = time.time_ns() // 1_000_000
    headers = sign_post(hostile.keys[victim], url, body, now)
    assert post(url, body.replace(b"Follow", b"Delete"), headers) == (401, "bad-digest")
    elsewhere = sign_post(hostile.keys[victim], "http://other.example/inbox", body, now)
    assert post(url, body, elsewhere) == (401, "wrong-host")
    old = sign_post(hostile.keys[victim], url, body, now - 2 * 3_600_000)
    assert post(url, body, old) == (401, "bad-date")
    another_path = sign_post(hostile.keys[victim], target.server.url + "/people/ada/inbox", body, now)
    assert post(url, body, another_path) == (401, "bad-signature")


# Whose key it is.


def test_a_key_that_names_an_owner_elsewhere(target: Target, hostile: Hostile, victim: str) -> None:
    """Fedify CVE-2025-54888: the document of the key says that it is the victim's, whose document does not list it."""
    for number, held in enumerate(
        (
            {"id": "ID", "type": "Key", "owner": victim, "publicKeyPem": key_pair().public},
            {
                "id": "DOC",
                "type": "Person",
                "publicKey": {"id": "ID", "owner": victim, "publicKeyPem": key_pair().public},
            },
            {
                "id": "DOC",
                "type": "Note",
                "publicKey": {"id": "ID", "owner": victim, "publicKeyPem": key_pair().public},
            },
        )
    ):
        place = hostile.url("evil", f"/keys/{number}")
        document = json.loads(json.dumps(held).replace('"ID"', f'"{place}"').replace('"DOC"', f'"{place}"'))
        hostile.serve(place, {"@context": AS2, **document})
        forged = hostile.activity("Follow", victim, ada(target))
        status, code = hostile.send(target.server, forged, key=load_private(key_pair().private, place))
        assert (status, code) in ((403, "wrong-origin"), (401, "no-key")), number
        kept = target.actor(victim)
        assert kept is not None
        assert kept.name == "vera"


def test_a_key_under_the_wrong_address(target: Target, hostile: Hostile, victim: str) -> None:
    """Fedify #963: a document served at one address calls itself another; it is not kept under the first, nor the second."""
    theirs = hostile.answers[hostile.host("victim"), "/users/vera"]
    assert isinstance(theirs, Answer)
    copied = {**theirs.body, "publicKey": {**theirs.body["publicKey"], "publicKeyPem": key_pair(0).public}}
    place = hostile.serve(hostile.url("evil", "/copies/vera"), copied)
    forged = hostile.activity("Follow", victim, ada(target))
    key = load_private(key_pair(0).private, f"{place}#main-key")
    assert hostile.send(target.server, forged, key=key) == (403, "wrong-origin")
    # The victim's own key still holds, and nobody else's.
    again = hostile.activity("Like", victim, f"{ada(target)}/posts/1")
    assert hostile.send(target.server, again) == (202, "")
    assert hostile.send(target.server, again, key=load_private(key_pair(0).private, f"{victim}#main-key"))[0] == 401


def test_a_key_of_a_neighbour_on_the_same_host(target: Target, hostile: Hostile) -> None:
    """Two people of one host: the key of one, listed by the other as well, does not speak for the one."""
    alice = hostile.actor("shared", "alice", key=1)
    bob = hostile.actor("shared", "bob")
    stolen = {"id": f"{alice}#main-key", "owner": bob, "publicKeyPem": key_pair(0).public}
    document = hostile.answers[hostile.host("shared"), "/users/bob"]
    assert isinstance(document, Answer)
    hostile.serve(bob, {**document.body, "publicKey": [document.body["publicKey"], stolen]})
    follow = hostile.activity("Follow", bob, ada(target))
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    forged = hostile.activity("Follow", alice, ada(target))
    status, _ = hostile.send(target.server, forged, key=load_private(key_pair(0).private, f"{alice}#main-key"))
    assert status in (401, 403)
    honest = hostile.activity("Follow", alice, ada(target))
    assert hostile.send(target.server, honest) == (202, "")
    assert target.outcome(honest) == ("done", "")


def test_an_uploaded_file_is_no_actor(target: Target, hostile: Hostile) -> None:
    """Mastodon CVE-2024-25623: what a host serves as a picture, a page or plain JSON is nobody's document."""
    for number, kind in enumerate(
        (
            "text/html",
            "application/json",
            "application/ld+json",
            "image/png",
            "text/plain",
            "",
            "application/octet-stream",
        )
    ):
        iri = hostile.actor("uploads", f"u{number}")
        answer = hostile.answers[hostile.host("uploads"), f"/users/u{number}"]
        assert isinstance(answer, Answer)
        hostile.serve(iri, Answer(answer.body, content_type=kind))
        follow = hostile.activity("Follow", iri, ada(target))
        assert hostile.send(target.server, follow) == (401, "no-key"), kind
        assert target.actor(iri) is None


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "multipart/form-data; boundary=x", ""])
def test_what_is_posted_as_something_else(target: Target, hostile: Hostile, mallory: str, kind: str) -> None:
    import time

    from federation.signatures.sign import sign_post

    url = target.server.url + "/inbox"
    body = json.dumps(hostile.activity("Follow", mallory, ada(target))).encode()
    headers = sign_post(hostile.keys[mallory], url, body, time.time_ns() // 1_000_000)
    assert post(url, body, {**headers, "content-type": kind}) == (415, "wrong-content-type")


# What the JSON says.


@pytest.mark.parametrize(
    "body",
    [
        '{"@context":"AS2","@graph":[{"type":"Follow","actor":"VERA","object":"ADA"}],"id":"ID","type":"Follow","actor":"MALLORY"}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","object":"ADA","@included":[{"id":"VERA"}]}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","object":{"@reverse":{"actor":"VERA"}}}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","object":"ADA","@nest":{"actor":"VERA"}}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","actor":"VERA","object":"ADA"}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","\\u0061ctor":"VERA","object":"ADA"}',
        '{"@context":"AS2","id":"ID","type":"Follow","actor":"MALLORY","object":"ADA","\\u0040graph":[]}',
    ],
)
def test_documents_with_two_readings(target: Target, hostile: Hostile, victim: str, mallory: str, body: str) -> None:
    for name, value in (("AS2", AS2), ("VERA", victim), ("MALLORY", mallory), ("ADA", ada(target))):
        body = body.replace(f'"{name}"', json.dumps(value))
    raw = body.replace('"ID"', json.dumps(hostile.url("evil", "/activities/two"))).encode()
    assert hostile.send(target.server, raw, key=hostile.keys[mallory]) == (400, "malformed")


def test_contexts_that_give_names_another_meaning(target: Target, hostile: Hostile, mallory: str) -> None:
    """CVE-2026-50128; and no context is ever fetched, whoever names it."""
    poisoned = hostile.activity("Follow", mallory, ada(target))
    poisoned["@context"] = [AS2, {"actor": "as:object", "object": "as:actor"}]
    assert hostile.send(target.server, poisoned) == (400, "redefined-term")
    lure = hostile.serve(hostile.url("evil", "/context.jsonld"), {"@context": {"actor": "as:object"}})
    follow = hostile.activity("Follow", mallory, ada(target), **{"@context": [AS2, lure]})
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    assert hostile.asked_at("evil", "/context.jsonld") == []


def test_a_linked_data_signature_is_no_proof(target: Target, hostile: Hostile, victim: str, mallory: str) -> None:
    """Mastodon CVE-2022-24307 and its like: what was signed so is asked for at its origin, never taken for it."""
    forwarded = hostile.activity("Create", victim, hostile.note(victim, "/notes/forwarded"))
    forwarded["signature"] = {
        "type": "RsaSignature2017",
        "creator": f"{victim}#main-key",
        "created": "2026-11-01T12:00:00Z",
        "signatureValue": "bm90IG9uZQ==",
    }
    assert hostile.send(target.server, forwarded, key=hostile.keys[mallory]) == (403, "wrong-origin")
    raw = json.dumps(forwarded).encode()
    assert post(target.server.url + "/inbox", raw, {"content-type": ACTIVITY_JSON}) == (401, "missing-signature")


@pytest.mark.parametrize(
    "change",
    [
        {"attributedTo": 1},
        {"attributedTo": True},
        {"attributedTo": "VERA"},
        {"attributedTo": ["MALLORY", "VERA"]},
        {"attributedTo": [{"type": "Person", "id": "VERA"}, "MALLORY"]},
        {"attributedTo": None, "actor": "VERA"},
        {"id": "VICTIM/notes/x"},
        {"id": 7},
        {"id": "VICTIM/notes/x", "attributedTo": "VERA"},
    ],
)
def test_posts_in_the_name_of_others(
    target: Target, hostile: Hostile, victim: str, mallory: str, change: dict[str, Any]
) -> None:
    """NodeBB took a numeric author for a local user; others took the author's word for its id, or the other way round."""
    filled = json.loads(
        json.dumps(change)
        .replace("VERA", victim)
        .replace("MALLORY", mallory)
        .replace("VICTIM", hostile.url("victim", ""))
    )
    note = {
        "id": hostile.url("evil", "/notes/1"), "type": "Note", "attributedTo": mallory, "to": [PUBLIC],
        "content": "I never said this", "tag": [{"type": "Mention", "href": ada(target)}], **filled,
    }  # fmt: skip
    create = hostile.activity("Create", mallory, note)
    assert hostile.send(target.server, create) == (202, "")
    state, code = target.outcome(create)
    assert (state, code) in (("refused", "wrong-origin"), ("refused", "no-object"), ("refused", "malformed"))
    assert target.post(str(note["id"])) is None


# Ids that were taken.


def test_nobody_takes_an_id_before_its_owner(target: Target, hostile: Hostile, victim: str, mallory: str) -> None:
    """PieFed counts an id as seen before it verifies: then anyone can keep an activity out by sending rubbish first."""
    honest = hostile.activity("Follow", victim, ada(target))
    forger = load_private(key_pair(0).private, f"{victim}#main-key")
    assert hostile.send(target.server, honest, key=forger)[0] == 401
    assert hostile.send(target.server, {**honest, "actor": mallory}) == (403, "wrong-origin")
    raw = json.dumps(honest).encode()
    assert post(target.server.url + "/inbox", raw, {"content-type": ACTIVITY_JSON})[0] == 401
    assert hostile.send(target.server, honest) == (202, "")
    assert target.outcome(honest) == ("done", "")


def test_undoing_what_another_did(target: Target, hostile: Hostile, victim: str, mallory: str) -> None:
    """Mastodon CVE-2026-33869 and its like."""
    follow = hostile.activity("Follow", victim, ada(target))
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")

    vera, person = target.actor(victim), target.actor(ada(target))
    assert vera is not None
    assert person is not None
    known = target.read(lambda tx: follows.find(tx, vera.id, person.id))
    for inner in (
        {k: v for k, v in follow.items() if k != "@context"},
        {"type": "Follow", "actor": victim, "object": ada(target)},
        known.iri,
        {"id": known.iri, "type": "Follow", "actor": mallory, "object": ada(target)},
        {"id": known.iri, "type": "Follow", "object": ada(target)},
    ):
        undo = hostile.activity("Undo", mallory, inner)
        assert hostile.send(target.server, undo) == (202, "")
        assert target.outcome(undo) in (("refused", "wrong-origin"), ("done", "unknown-object")), inner
        assert target.read(lambda tx: follows.find(tx, vera.id, person.id)) == known


# Hosts in other spellings.


def test_this_instance_in_another_spelling_is_still_this_instance(
    target: Target, hostile: Hostile, mallory: str
) -> None:
    """Whoever writes our own address otherwise must not make us take our own people for others' and read them anew."""
    port = target.server.port
    for origin in (f"HTTP://127.0.0.1:{port}", f"http://127.0.0.1.:{port}", f"hTTp://127.0.0.1.:{port}"):
        forger = load_private(key_pair(0).private, f"{origin}/people/ada#main-key")
        forged = {**hostile.activity("Follow", mallory, ada(target)), "actor": f"{origin}/people/ada"}
        status, _ = hostile.send(target.server, forged, key=forger)
        assert status in (400, 401, 403), origin
    kept = target.actor(ada(target))
    assert kept is not None
    assert kept.local
    assert len([one for one in target.read(actors.local) if one.username == "ada"]) == 1


def test_one_host_in_many_spellings_is_one(target: Target, hostile: Hostile) -> None:
    """Case, a trailing dot, the default port, U-labels: the same host, so the same actor; look-alikes are others."""
    from federation.hosts import host_of, same_origin

    one = ["http://bücher.localhost/a", "http://BÜCHER.localhost/a", "http://xn--bcher-kva.localhost/a",
           "http://xn--bcher-kva.localhost./a", "http://XN--BCHER-KVA.LOCALHOST:80/a", "http://bu\u0308cher.localhost/a"]  # fmt: skip
    assert len({host_of(iri) for iri in one}) == 1
    assert all(same_origin(one[0], other) for other in one)
    for other in ("http://bucher.localhost/a", "http://b\u00fccher.localhost:81/a", "https://bücher.localhost/a",
                  "http://bücһer.localhost/a"):  # fmt: skip
        assert not same_origin(one[0], other), other
    iri = hostile.actor("spelled", "sue")
    plain = hostile.activity("Follow", iri, ada(target))
    key = load_private(key_pair(0).private, f"{iri}#main-key".replace("spelled.localhost", "SPELLED.LocalHost"))
    assert hostile.send(target.server, plain, key=key)[0] in (202, 401, 403)
    honest = hostile.activity("Follow", iri, ada(target))
    assert hostile.send(target.server, honest) == (202, "")
    assert target.outcome(honest) == ("done", "")
    found = target.read(lambda tx: actors.by_iris(tx, [iri, iri.replace("spelled", "SPELLED")]))
    assert list(found) == [iri]
