"""Agreed peers number what they send each other: what was lost is seen by its number and comes, and nobody else learns anything."""

from typing import Any

import msgspec
import pytest

from federation.errors import FederationError
from federation.signatures.sign import sign_post
from fedi import fetching, health
from fedi.actions import follows
from fedi.worker import jobs as worker_jobs
from storage import follows as follow_rows
from storage import jobs, peers, sequences
from storage.metadata import Tx
from storage.sequences import Heard
from tests.stories.conftest import Three
from tests.stories.test_suspension import friends, link, publish, suspend
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio


class Lossy:
    """An instance behind a disk that forgets: it answers 202 to what has a word in it, and keeps nothing."""

    def __init__(self, app: Any, word: bytes) -> None:
        self.app = app
        self.word = word

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        if scope["method"] == "POST" and self.word in message["body"]:
            await send({"type": "http.response.start", "status": 202, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return

        async def again() -> Any:
            return message

        await self.app(scope, again, send)


async def ask(instance: Instance, host: str) -> None:
    """The hourly question to a peer."""
    job = jobs.Job(0, "status", host, {"host": host}, "working", 1, 0, None, 0, None)
    await worker_jobs.KINDS["status"](instance.site, job.payload)
    await settle(instance)


async def test_what_was_lost_is_seen_by_its_number_and_comes(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, _ = await friends(three)
    publish(alpha, ada, "one")
    await settle(alpha, beta)
    three.world.apps["beta.example"] = Lossy(beta.app, b"LOST WORDS")
    lost = publish(alpha, ada, "LOST WORDS")
    after = publish(alpha, ada, "three")
    await settle(alpha, beta)
    three.world.apps["beta.example"] = beta.app
    assert beta.has(after.iri)
    assert not beta.has(lost.iri)
    heard = beta.read(lambda tx: sequences.heard(tx, "alpha.example"))
    assert heard is not None
    [[first, last, _]] = heard.gaps
    assert first == last == heard.last - 1

    def long_ago(tx: Tx) -> None:
        sequences.save_heard(tx, Heard(heard.host, heard.epoch, heard.last, heard.last_at, [[first, last, 0]]))

    beta.write(long_ago)
    await ask(alpha, "beta.example")  # both see the same
    for instance, host in ((alpha, "beta.example"), (beta, "alpha.example")):
        found = instance.read(lambda tx, of=(instance, host): health.of_peer(tx, of[0].site, of[1]))  # type: ignore[misc]
        assert found is not None
        assert found.colour == "red"
        assert "1 of what" in found.words[0]
    await ask(beta, "alpha.example")
    assert beta.has(lost.iri)
    assert beta.read(lambda tx: sequences.heard(tx, "alpha.example")).gaps == []  # type: ignore[union-attr]
    await ask(alpha, "beta.example")
    well = alpha.read(lambda tx: health.of_peer(tx, alpha.site, "beta.example"))
    assert well is not None
    assert well.missing_out == ()
    assert well.colour != "red"
    assert well.status is not None
    assert well.status["lastReceived"]["seq"] == well.sent_number


async def test_how_it_goes_is_told_to_the_agreed_peer_alone(three: Three) -> None:
    alpha, beta, gamma = three.all
    _, bea = await friends(three)
    for path in ("/peering/status", "/peering/log?epoch=1&from=1&to=9"):
        url = f"https://alpha.example{path}"
        assert (await call(alpha.app, "GET", url, {"accept": "application/activity+json"})).status == 401
        with pytest.raises(FederationError, match="403"):
            await fetching.document(gamma.site, url)
        key = beta.read(lambda tx: beta.site.private_key(tx, bea.iri))
        with pytest.raises(FederationError, match="403"):
            await beta.site.client.get_document(url, key)  # a person of a peer is not the peer
    for query in (
        "",
        "?epoch=1&from=2&to=1",
        "?epoch=1&from=0&to=4",
        "?epoch=x&from=1&to=4",
        f"?epoch=1&from=1&to={'9' * 40}",
    ):
        with pytest.raises(FederationError, match="422"):
            await fetching.document(beta.site, f"https://alpha.example/peering/log{query}")
    suspend(alpha, "beta.example")
    for path in ("/peering/status", "/peering/log?epoch=1&from=1&to=9"):
        with pytest.raises(FederationError, match="403"):
            await fetching.document(beta.site, f"https://alpha.example{path}")


async def test_who_was_restored_from_a_backup_begins_a_new_epoch(three: Three) -> None:
    """Alpha gave 200 numbers that it has forgotten: nobody takes what it says next for what was said then."""
    alpha, beta, _ = three.all
    ada, _ = await friends(three)
    publish(alpha, ada, "one")
    await settle(alpha, beta)
    before = link(alpha, "beta.example")
    heard = Heard("alpha.example", before.epoch, before.sequence + 200, 0, [])
    beta.write(lambda tx: sequences.save_heard(tx, heard))
    await ask(alpha, "beta.example")
    publish(alpha, ada, "two")
    await settle(alpha, beta)
    now = link(alpha, "beta.example")
    assert now.epoch > before.epoch
    assert now.sequence == 1
    after = beta.read(lambda tx: sequences.heard(tx, "alpha.example"))
    assert after is not None
    assert (after.epoch, after.last, after.gaps) == (now.epoch, 1, [])


async def test_only_a_number_that_is_signed_by_an_agreed_peer_counts(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "peer.example", "other")
    zoe = peer.actor("zoe")

    async def send(number: str, *, signed: bool) -> None:
        activity = msgspec.json.encode(peer.activity("Follow", zoe, ada.iri))
        url, extra = "https://alpha.example/inbox", {"peering-seq": number}
        headers = sign_post(peer.keys[zoe], url, activity, alpha.site.clock(), None, extra if signed else None)
        headers = {name.lower(): value for name, value in headers.items()} | extra
        answer = await call(alpha.app, "POST", url, headers | {"content-type": "application/activity+json"}, activity)
        assert answer.status == 202, answer.body

    def heard() -> Heard | None:
        return alpha.read(lambda tx: sequences.heard(tx, "peer.example"))

    await send("1; epoch=5", signed=True)
    assert heard() is None  # nothing is agreed with it
    alpha.write(lambda tx: peers.change(tx, "peer.example", stance="agreed"))
    await send("2; epoch=5", signed=False)
    assert heard() is None  # anybody on the way may have written it
    await send("never mind", signed=True)
    assert heard() is None
    await send("3; epoch=5", signed=True)
    await send("6; epoch=5", signed=True)
    found = heard()
    assert found is not None
    assert (found.last, [gap[:2] for gap in found.gaps]) == (6, [[4, 5]])


async def test_the_log_has_only_what_somebody_there_may_have_still(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bea = await friends(three)
    private = publish(alpha, ada, "in confidence", visibility="followers")
    await settle(alpha, beta)
    now = link(alpha, "beta.example")
    path = f"/peering/log?epoch={now.epoch}&from={now.sequence}&to={now.sequence + 5}"
    found = (await fetching.document(beta.site, f"https://alpha.example{path}")).document
    [item] = found["items"]
    assert (item["seq"], item["id"]) == (now.sequence, f"{private.iri}/activity")
    assert "in confidence" in item["activity"]["object"]["content"]

    def put_out(tx: Tx) -> None:
        edge = follow_rows.find(tx, alpha.actor(bea.iri).id, ada.id)
        assert edge is not None
        follows.reject(tx, alpha.site, edge)

    alpha.write(put_out)
    found = (await fetching.document(beta.site, f"https://alpha.example{path}")).document
    [first, *_] = found["items"]
    assert (first["seq"], first.get("over"), "activity" in first) == (now.sequence, True, False)
    assert b"in confidence" not in msgspec.json.encode(found)


async def test_who_does_not_answer_is_asked_again_in_an_hour(three: Three) -> None:
    """A job that failed for good would stand in the way of the next."""
    alpha, beta, _ = three.all
    await friends(three)
    three.world.down.add("beta.example")
    await worker_jobs.KINDS["peerings"](alpha.site, {})
    await settle(alpha)
    assert alpha.read(jobs.totals) == {}
    three.world.down.clear()
    alpha.site.questions.failed.clear()  # a minute later
    await worker_jobs.KINDS["peerings"](alpha.site, {})
    await settle(alpha, beta)
    peer = alpha.read(lambda tx: peers.by_host(tx, "beta.example"))
    assert peer is not None
    assert peer.status is not None
