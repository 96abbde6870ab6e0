"""A policy, from the first wish to what became of it: tried on what came, only observed, applied, explained, taken back."""

from pathlib import Path

import pytest

from federation.policy.envelopes import unpacked
from fedi import simulating
from fedi.actions import explaining, forecasts, policies
from fedi.worker import auditing
from fedi.worker import envelopes as worker
from storage import decisions, envelopes, simulations
from storage.metadata import Tx
from tests.conftest import KINDS, Databases
from tests.world import Peer, World, close, instance, settle

pytestmark = pytest.mark.anyio

PILLS = """\
[[rule]]
id = "no-pills"
when = { direction = "in", keyword = "pills" }
then = "reject"
reason = { code = "spam", text = "no pills here" }
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_from_the_wish_to_what_became_of_it(kind: str, databases: Databases, tmp_path: Path) -> None:
    world, url = World(), databases.new(kind)
    alpha = await instance(world, "alpha.example", url, tmp_path)
    site = alpha.site
    ada, beta = alpha.person("ada"), Peer(world, "beta.example", "mastodon")
    bob = beta.actor("bob")

    async def says(name: str, text: str, **more: object) -> str:
        note = beta.note(bob, name, content=f"<p>{text} @ada</p>", tag=[{"type": "Mention", "href": ada.iri}], **more)
        activity = beta.activity("Create", bob, note, cc=[ada.iri])
        assert (await beta.send(alpha, activity)).status in (202, 403)
        await settle(alpha)
        return str(activity["id"])

    words = await says("words", "hello")
    first = await says("first", "cheap pills")
    await says("secret", "secret pills", to=[ada.iri], cc=[])  # within a Create that says Public
    assert alpha.has(beta.iri("/notes/first"))

    # Tried: only the public one can be told by its words; that of the direct one is nowhere in what is kept.
    tried = (await simulating.simulate(site, "kim", PILLS)).result
    assert tried["newly"].pop("same") >= 2
    assert tried["newly"] == {"refused": 1}
    [sample] = tried["samples"]
    assert (sample["activity_id"], sample["after"]["rule"], sample["before"]["verdict"]) == (
        first,
        "no-pills",
        "accept",
    )
    assert sample["steps"][-1]["rule"] == "no-pills"
    assert b"secret pills" not in b"".join(alpha.read(everything))

    # Only observed: it is taken, and counted.
    alpha.write(lambda tx: policies.apply(tx, site, "kim", PILLS + "observe = true\n", "let us see"))
    seen = await says("seen", "more pills")
    assert alpha.has(beta.iri("/notes/seen"))
    [observed] = [one for one in alpha.read(lambda tx: forecasts.compare(tx, site)).rules if one.rule == "no-pills"]
    assert (observed.did, observed.would) == ({}, {"reject": 1})

    # Applied: refused, and explained with the version of each moment.
    await simulating.simulate(site, "kim", PILLS)
    alpha.write(lambda tx: policies.apply(tx, site, "kim", PILLS, "enough"))
    last = await says("last", "pills for all")
    assert not alpha.has(beta.iri("/notes/last"))
    answers = {}
    for iri in (words, first, seen, last):
        found = alpha.read(lambda tx, iri=iri: explaining.explained(tx, site, iri))  # type: ignore[misc]
        assert found
        assert all(one.same for one in found)
        answers[iri] = (found[0].again.verdict.value, found[0].again.policy, found[0].again.text)
    assert answers[words][:2] == ("accept", 0)
    assert answers[first][:2] == ("accept", 0)
    assert answers[seen][:2] == ("accept", 1)
    assert answers[last] == ("reject", 2, "no pills here")
    [refusing] = [one for one in alpha.read(lambda tx: forecasts.compare(tx, site)).rules if one.rule == "no-pills"]
    assert refusing.did == {"reject": 1}
    assert refusing.forecast is not None
    kept, every = await auditing.verify(site, 10_000)
    assert kept.checked == kept.same > 0
    assert every.checked == every.same >= 5
    assert kept.lost == every.lost == 0

    # Taken back, and the one who said it goes: so does all that was kept of them.
    alpha.write(lambda tx: policies.rollback(tx, site, "kim", 0, "too strict"))
    await says("again", "pills again")
    assert alpha.has(beta.iri("/notes/again"))
    beta.documents[bob] = {"@context": "https://www.w3.org/ns/activitystreams", "id": bob, "type": "Tombstone"}
    await beta.send(alpha, beta.activity("Delete", bob, bob))
    await settle(alpha)
    assert alpha.actor(bob).state == "gone"
    assert bob.encode() in b"".join(alpha.read(everything))
    await worker.look_after(site, {"now": True})
    assert bob.encode() not in b"".join(alpha.read(everything))
    for text in (b"cheap pills", b"more pills", b"pills for all", b"pills again"):
        assert text not in b"".join(alpha.read(everything))
    await close(alpha)
    databases.drop(url)


def everything(tx: Tx) -> list[bytes]:
    """All that is kept of what was decided, and of what was tried on it."""
    chunks = envelopes.fresh(tx, 1000) + envelopes.these(tx, [one for one, _ in envelopes.listed(tx, 0)])
    found = [repr(unpacked(chunk.body)).encode() for chunk in chunks]
    found += [bytes(row.facts or b"") + repr(row.actor).encode() for row in decisions.newest(tx, 1000)]
    return found + [repr(row.result).encode() for row in simulations.newest(tx, 100)]
