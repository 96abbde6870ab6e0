"""What the inbox refuses: the status, that nothing changes, and that the operator can see it."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from federation.signatures.sign import sign_post, sign_post_rfc9421
from fedi.inbox.process import process
from storage import decisions, follows, keys, received
from storage import posts as post_rows
from tests.world import Instance, Peer, World, call

pytestmark = pytest.mark.anyio

URL = "https://alpha.example/inbox"
AS = "application/activity+json"


def follow(peer: Peer, actor: str, alpha: Instance) -> dict[str, Any]:
    return peer.activity("Follow", actor, alpha.site.iri("/people/ada"))


def rows(alpha: Instance) -> list[received.Received]:
    return alpha.read(lambda tx: received.newest(tx, 100))


async def work(alpha: Instance) -> None:
    """Let the instance handle what it received."""
    now = alpha.site.clock()
    claimed = alpha.write(lambda tx: received.claim(tx, now, now + 60_000, 100))
    await process(alpha.site, claimed)


async def refused(alpha: Instance, headers: dict[str, str], body: bytes, status: int, code: str) -> None:
    """POST it: the answer is `status` with a problem document that says `code`, kept for the operator; no more."""
    answer = await call(alpha.app, "POST", URL, {"content-type": AS, **headers}, body)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.body)
    assert (problem["status"], problem["type"].rpartition(":")[2]) == (status, code)
    assert problem["detail"]
    [row] = rows(alpha)
    assert (row.state, row.code) == ("refused", code)
    assert [one.code for one in alpha.read(lambda tx: decisions.newest(tx, 10))] == [code]
    await work(alpha)
    assert alpha.read(lambda tx: follows.count(tx, alpha.actor(alpha.site.iri("/people/ada")).id, "accepted")) == 0


async def test_an_activity_is_taken_once(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha)
    for _ in range(3):
        assert (await peer.send(alpha, activity)).status == 202
    assert len(rows(alpha)) == 1
    await work(alpha)
    ada = alpha.actor(alpha.site.iri("/people/ada"))
    assert ada.followers_count == 1
    assert rows(alpha)[0].state == "done"
    assert (await peer.send(alpha, activity)).status == 202
    await work(alpha)
    assert alpha.actor(ada.iri).followers_count == 1


async def test_rfc_9421_is_taken(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    headers = sign_post_rfc9421(peer.keys[bob], URL, body, alpha.site.clock())
    answer = await call(alpha.app, "POST", URL, {"content-type": AS, **headers}, body)
    assert answer.status == 202, answer.body


async def test_no_signature(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    body = msgspec.json.encode(follow(peer, peer.actor("bob"), alpha))
    await refused(alpha, {}, body, 401, "missing-signature")


async def test_a_signature_by_another_key(alpha: Instance, peer: Peer, world: World) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha)
    true_key = peer.keys[bob]
    peer.actor("eve")
    forged = peer.keys[peer.iri("/users/eve")]
    body = msgspec.json.encode(activity)
    headers = sign_post(type(true_key)(true_key.id, forged.key), URL, body, alpha.site.clock())
    await refused(alpha, headers, body, 401, "bad-signature")


async def test_a_body_that_was_changed(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock())
    await refused(alpha, headers, body.replace(b"Follow", b"Delete"), 401, "bad-digest")


async def test_a_digest_that_was_changed_with_the_body(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock())
    changed = body.replace(b"Follow", b"Delete")
    name = next(name for name in headers if name.lower() == "digest")
    headers[name] = "SHA-256=" + base64.b64encode(hashlib.sha256(changed).digest()).decode()
    await refused(alpha, headers, changed, 401, "bad-signature")


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_off(alpha: Instance, peer: Peer, hours: int) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock() + hours * 3_600_000)
    answer = await call(alpha.app, "POST", URL, {"content-type": AS, **headers}, body)
    assert answer.status == 401
    assert rows(alpha)[0].state == "refused"


async def test_a_request_that_was_signed_for_another_host(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    headers = sign_post(peer.keys[bob], "https://beta.example/inbox", body, alpha.site.clock())
    await refused(alpha, {name.lower(): value for name, value in headers.items()}, body, 401, "wrong-host")


async def test_an_actor_of_another_origin_than_the_key(alpha: Instance, peer: Peer, world: World) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    victim = Peer(world, "victim.example").actor("vic")
    activity = follow(peer, victim, alpha)
    body = msgspec.json.encode(activity)
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock())
    await refused(alpha, headers, body, 403, "wrong-origin")


async def test_an_id_of_another_origin_than_the_actor(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha) | {"id": "https://victim.example/activities/1"}
    body = msgspec.json.encode(activity)
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock())
    await refused(alpha, headers, body, 403, "wrong-origin")


async def test_a_key_that_its_owner_does_not_list(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    key = peer.keys[bob]
    other = type(key)(f"{bob}#other-key", key.key)
    body = msgspec.json.encode(follow(peer, bob, alpha))
    await refused(alpha, sign_post(other, URL, body, alpha.site.clock()), body, 403, "wrong-origin")


async def test_an_object_that_claims_anothers_authorship(alpha: Instance, peer: Peer) -> None:
    ada = alpha.person("ada")
    bob, eve = peer.actor("bob"), peer.actor("eve")
    note = peer.note(bob, "1", cc=[ada.iri])
    activity = peer.activity("Create", eve, note)
    assert (await peer.send(alpha, activity)).status == 202
    await work(alpha)
    [row] = rows(alpha)
    assert (row.state, row.code) == ("refused", "wrong-origin")
    assert alpha.read(lambda tx: post_rows.by_iri(tx, note["id"])) is None


async def test_an_object_of_another_host_is_fetched_and_not_believed(alpha: Instance, peer: Peer, world: World) -> None:
    ada = alpha.person("ada")
    bob = peer.actor("bob")
    victim = Peer(world, "victim.example")
    true = victim.note(victim.actor("vic"), "1", content="<p>true words</p>", cc=[ada.iri])
    false = true | {"content": "<p>false words</p>", "attributedTo": bob}
    assert (await peer.send(alpha, peer.activity("Create", bob, false))).status == 202
    await work(alpha)
    kept = alpha.read(lambda tx: post_rows.by_iri(tx, true["id"]))
    assert kept is None or "true words" in kept.content


async def test_more_than_a_mebibyte(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    answer = await call(alpha.app, "POST", URL, {"content-type": AS}, b" " * (1024 * 1024 + 1))
    assert answer.status == 413


async def test_json_that_is_nested_to_death(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    body = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    await refused(alpha, {}, body, 413, "too-large")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'"x"', b"\xff\xfe", b'{"type":"Follow"}'])
async def test_what_is_no_activity(alpha: Instance, peer: Peer, body: bytes) -> None:
    alpha.person("ada")
    await refused(alpha, {}, body, 400, "malformed")


async def test_a_form(alpha: Instance, peer: Peer) -> None:
    answer = await call(alpha.app, "POST", URL, {"content-type": "application/x-www-form-urlencoded"}, b"a=b")
    assert answer.status == 415


async def test_a_key_that_can_not_be_had_now_is_asked_for_later(alpha: Instance, peer: Peer, world: World) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha)
    world.down.add(peer.host)
    assert (await peer.send(alpha, activity)).status == 202
    [row] = rows(alpha)
    assert (row.state, row.via) == ("new", None)
    world.down.clear()
    alpha.site.questions.failed.clear()
    now = alpha.site.clock() + 120_000
    await process(alpha.site, alpha.write(lambda tx: received.claim(tx, now, now + 60_000, 10)))
    assert rows(alpha)[0].state == "done"
    assert alpha.actor(alpha.site.iri("/people/ada")).followers_count == 1


async def test_a_forged_activity_does_not_take_the_id_of_a_true_one(alpha: Instance, peer: Peer, world: World) -> None:
    """PieFed remembers ids before it verifies, so that anybody can make it drop an activity that is yet to come."""
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha)
    mallory = Peer(world, "mallory.example")
    mal = mallory.actor("mal")
    assert (await mallory.send(alpha, activity, key=mal)).status == 403
    assert (await peer.send(alpha, activity)).status == 202
    await work(alpha)
    assert alpha.actor(alpha.site.iri("/people/ada")).followers_count == 1


async def test_a_delete_of_somebody_unknown_asks_nobody(alpha: Instance, peer: Peer) -> None:
    bob = peer.actor("bob")
    activity = peer.activity("Delete", bob, bob)
    assert (await peer.send(alpha, activity)).status == 202
    assert peer.asked == []
    assert rows(alpha) == []


async def test_a_new_key_of_an_old_friend(alpha: Instance, peer: Peer, world: World) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    await peer.send(alpha, follow(peer, bob, alpha))
    await work(alpha)
    [old] = alpha.read(lambda tx: keys.of_owner(tx, bob))
    peer.actor("bob")  # the same name and key id with another key pair
    like = peer.activity(
        "Undo",
        bob,
        {"type": "Follow", "actor": bob, "object": alpha.site.iri("/people/ada"), "id": "https://peer.example/x"},
    )
    # A key that was read a moment ago is not asked for again, or every forgery would make us ask.
    assert (await peer.send(alpha, like)).status == 401
    alpha.write(lambda tx: keys.save(tx, replace(old, fetched_at=0)))
    assert (await peer.send(alpha, like)).status == 202
    await work(alpha)
    assert alpha.actor(alpha.site.iri("/people/ada")).followers_count == 0
