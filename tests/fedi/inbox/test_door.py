"""What the inbox refuses: the status, that nothing changes, and that the operator can see it."""

import base64
import hashlib
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from federation.signatures.sign import sign_post, sign_post_rfc9421
from fedi.actions import posts
from fedi.inbox import forgeries
from fedi.inbox.process import process
from storage import backlog, decisions, follows, notifications, outbox, received, timelines
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
    claimed = alpha.write(lambda tx: backlog.claim(tx, now, now + 60_000, 100))
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
    await process(alpha.site, alpha.write(lambda tx: backlog.claim(tx, now, now + 60_000, 10)))
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


async def test_a_new_key_of_an_old_friend(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    await peer.send(alpha, follow(peer, bob, alpha))
    await work(alpha)
    peer.actor("bob")  # the same name and key id with another key pair
    followed = {"type": "Follow", "actor": bob, "object": alpha.site.iri("/people/ada"), "id": "https://peer.example/x"}
    assert (await peer.send(alpha, peer.activity("Undo", bob, followed))).status == 202
    await work(alpha)
    assert alpha.actor(alpha.site.iri("/people/ada")).followers_count == 0


async def test_forgeries_make_us_ask_for_the_key_now_and_then_only(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    await peer.send(alpha, follow(peer, bob, alpha))
    peer.asked.clear()
    true_key = peer.keys[bob]
    peer.actor("eve")
    peer.keys[bob] = replace(peer.keys[peer.iri("/users/eve")], id=true_key.id)
    for number in range(35):
        assert (await peer.send(alpha, peer.activity("Like", bob, f"https://x.example/{number}"))).status == 401
    assert peer.asked.count(bob) <= 13


async def test_what_the_servers_of_a_key_answers_is_not_our_answer(alpha: Instance, peer: Peer, world: World) -> None:
    """A 410 from our inbox would tell the sender that this instance is gone."""
    alpha.person("ada")
    bob = peer.actor("bob")
    activity = follow(peer, bob, alpha)
    peer.status[bob] = 410
    assert (await peer.send(alpha, activity)).status == 401


async def test_a_key_that_its_owner_names_by_id(alpha: Instance, peer: Peer) -> None:
    alpha.person("ada")
    bob = peer.actor("bob")
    key_id = peer.iri("/keys/bob")
    public = peer.documents[bob]["publicKey"]["publicKeyPem"]
    peer.documents[bob]["publicKey"] = key_id
    peer.documents[key_id] = {
        "@context": "https://w3id.org/security/v1", "id": key_id, "type": "Key", "owner": bob, "publicKeyPem": public,
    }  # fmt: skip
    peer.keys[bob] = replace(peer.keys[bob], id=key_id)
    assert (await peer.send(alpha, follow(peer, bob, alpha))).status == 202


async def test_unsigned_rubbish_does_not_hide_the_refusals_of_others(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgeries, "HELD_SECONDS", 0.0)
    alpha.person("ada")
    bob = peer.actor("bob")
    body = msgspec.json.encode(follow(peer, bob, alpha))
    for _ in range(200):
        await call(alpha.app, "POST", URL, {"content-type": AS}, body)
    kept = len(rows(alpha))
    assert kept < 100
    headers = sign_post(peer.keys[bob], URL, body, alpha.site.clock())
    await call(
        alpha.app, "POST", URL, {"content-type": AS, **headers}, body.replace(b"Follow", b"Delete"), "192.0.2.77"
    )
    assert alpha.read(lambda tx: received.newest(tx, 1))[0].code == "bad-digest"


async def test_who_may_not_see_a_post_can_not_vote_on_it(alpha: Instance, peer: Peer) -> None:
    ada = alpha.person("ada")
    secret = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, posts.Draft("for nobody", "direct")))
    bob = peer.actor("bob")
    await peer.send(alpha, peer.activity("Like", bob, secret.iri))
    note = peer.note(bob, "answer", inReplyTo=secret.iri)
    await peer.send(alpha, peer.activity("Create", bob, note))
    await work(alpha)
    assert {row.code for row in rows(alpha)} == {"not-visible"}
    assert (alpha.post(secret.iri).likes_count, alpha.post(secret.iri).replies_count) == (0, 0)
    assert alpha.read(lambda tx: notifications.of_person(tx, ada.id, timelines.Page())) == []


async def test_posts_that_answer_each_other_make_no_circle(alpha: Instance, peer: Peer) -> None:
    ada = alpha.person("ada")
    bob = peer.actor("bob")
    first, second = peer.iri("/notes/1"), peer.iri("/notes/2")
    for name, other in (("1", second), ("2", first), ("3", peer.iri("/notes/3"))):
        note = peer.note(bob, name, inReplyTo=other, cc=[ada.iri])
        await peer.send(alpha, peer.activity("Create", bob, note))
    await work(alpha)
    for start in (first, second, peer.iri("/notes/3")):
        seen: list[int] = []
        at: int | None = alpha.post(start).id
        while at is not None:
            assert at not in seen
            seen.append(at)
            row = alpha.read(partial(post_rows.by_id, post_id=at))
            at = row.reply_to_id if row is not None else None


async def test_a_time_before_all_time(alpha: Instance, peer: Peer) -> None:
    ada = alpha.person("ada")
    bob = peer.actor("bob", published="0001-01-01T00:00:00Z")
    note = peer.note(bob, "1", published="0001-01-01T00:00:00Z", cc=[ada.iri])
    await peer.send(alpha, peer.activity("Create", bob, note))
    await work(alpha)
    assert alpha.post(note["id"]).published_at > 1_700_000_000_000
    assert alpha.actor(bob).created_at > 1_700_000_000_000


async def test_a_boost_that_was_taken_back_is_its_boosters_affair(alpha: Instance, peer: Peer) -> None:
    """A group passes votes on, and never an Announce, nor the undoing of one: groups that did would go in circles."""
    olga = alpha.person("olga")
    alpha.group("mlops", olga)
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, posts.Draft("@mlops Hello")))
    bob = peer.actor("bob")
    boost = peer.activity("Announce", bob, post.iri)
    await peer.send(alpha, boost)
    await work(alpha)
    assert alpha.post(post.iri).boosts_count == 2
    before = alpha.read(outbox.head)
    await peer.send(alpha, peer.activity("Undo", bob, boost["id"]))
    await work(alpha)
    assert alpha.post(post.iri).boosts_count == 1
    assert alpha.read(outbox.head) == before
