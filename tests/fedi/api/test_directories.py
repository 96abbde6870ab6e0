"""Directories of institutions over our own API, with the words of the command line and the console."""

import pytest

from federation.peering.directory import Directory, Entity
from federation.signatures import jws
from federation.signatures.keys import generate_ed25519, load_private
from fedi.actions import directories
from fedi.actions import people as acts
from storage import directories as rows
from storage import peers, people
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"
URL = "https://consortium.example/peering/directory"
JWK = jws.jwk_of(load_private(generate_ed25519().private, "k").key.public_key())  # type: ignore[arg-type]  # it is Ed25519


@pytest.fixture
async def admin(api: Api, ada: Actor) -> str:
    """Ada's token; she is an admin."""

    def write(tx: Tx) -> None:
        acts.ensure_instance_actor(tx, api.site)
        people.change(tx, ada.id, role="admin")

    await api.site.db.write(write)
    return await api.token(ada)


async def test_a_directory_is_followed_read_taken_from_and_forgotten(api: Api, admin: str) -> None:
    made = await api.post(f"{BASE}/directories", admin, json={"url": URL, "keys": [JWK]})
    assert (made.status, made.json["fingerprints"], made.json["holds"]) == (200, [jws.fingerprint(JWK)], False)
    twice = await api.post(f"{BASE}/directories", admin, json={"url": URL, "keys": [JWK]})
    assert (twice.status, "read already" in twice.json["detail"]) == (422, True)
    now = api.site.clock()
    said = Directory(URL, now, now + 86_400_000, 3, (Entity("b.example", "https://b.example/actor", name="B"),))
    row_id = int(made.json["id"])
    await api.site.db.write(lambda tx: directories.believed(tx, api.site, row_id, said, None, "d"))
    whole = (await api.get(f"{BASE}/directories/{row_id}", admin)).json
    assert (whole["directory"]["sequence"], whole["directory"]["new"]) == (3, 1)
    assert [(one["host"], one["state"]) for one in whole["entries"]] == [("b.example", "draft")]
    taken = await api.post(f"{BASE}/directory_entries/take", admin, json={"host": "b.example"})
    assert (taken.status, taken.json["state"]) == (200, "taken")
    peer = await api.site.db.read(lambda tx: peers.by_host(tx, "b.example"))
    assert peer is not None
    assert (peer.stance, peer.instance_actor) == ("none", "https://b.example/actor")
    left = await api.post(f"{BASE}/directory_entries/leave", admin, json={"host": "b.example", "url": URL})
    assert left.json["state"] == "left"
    assert (await api.post(f"{BASE}/directory_entries/take", admin, json={"host": "c.example"})).status == 404
    assert (await api.post(f"{BASE}/directories/{row_id}/read", admin)).status == 202
    assert (await api.ask("DELETE", f"{BASE}/directories/{row_id}", admin)).status in (200, 204)
    assert (await api.get(f"{BASE}/directories", admin)).json == []
    assert await api.site.db.read(rows.everyone) == []


async def test_a_key_is_given_or_its_fingerprint(api: Api, admin: str) -> None:
    for body, words in (
        ({"url": URL}, "fingerprint"),
        ({"url": URL, "kind": "federation", "fingerprint": "AB"}, "its keys"),
        ({"url": URL, "keys": [{"kty": "oct"}]}, "no public key"),
    ):
        refused = await api.post(f"{BASE}/directories", admin, json=body)
        assert 400 <= refused.status < 500
        assert words in refused.json["detail"]


async def test_a_directory_is_published_and_taken_back(api: Api, admin: str) -> None:
    assert (await api.get(f"{BASE}/directory", admin)).status == 404
    made = await api.ask("PUT", f"{BASE}/directory", admin, json={})
    assert (made.json["sequence"], made.json["hosts"]) == (1, [api.site.config.host])
    refused = await api.ask("PUT", f"{BASE}/directory", admin, json={"hosts": ["b.example"]})
    assert (refused.status, "b.example was never confirmed" in refused.json["detail"]) == (422, True)
    assert (await api.get(f"{BASE}/directory", admin)).json == made.json
    await api.ask("DELETE", f"{BASE}/directory", admin)
    assert (await api.get(f"{BASE}/directory", admin)).status == 404
