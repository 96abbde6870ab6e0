"""Peering, policy, decisions and what waits over our own API: for admins alone, with the words of the console."""

import pytest

from fedi.actions import people as acts
from fedi.api import OPERATIONS
from storage import peers, people
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"
POLICY = '[[rule]]\nid = "r-1"\nwhen = { peer = "south.example" }\nthen = "reject"\n'


@pytest.fixture
async def admin(api: Api, ada: Actor) -> str:
    """Ada's token; she is an admin, and south.example is agreed with."""

    def write(tx: Tx) -> None:
        acts.ensure_instance_actor(tx, api.site)
        people.change(tx, ada.id, role="admin")
        peers.meet(tx, "south.example", 1_700_000_000_000)
        peers.change(tx, "south.example", stance="agreed", tier="agreed", one_sided=True)

    await api.site.db.write(write)
    return await api.token(ada)


async def test_for_admins_alone(api: Api, admin: str, ben: Actor) -> None:
    his, hers = await api.token(ben), await api.token(await api.person("eve", role="admin"), "read write")
    tried = 0
    for one in OPERATIONS:
        if one.admin:
            tried += 1
            path = BASE + one.path.replace("{host}", "south.example").replace("{id}", "1").replace("{version}", "1")
            assert (await api.ask(one.method, path)).status == 401, path
            answer = await api.ask(one.method, path, his, json={})
            assert (answer.status, answer.json["code"]) == (403, "not-admin"), path
            answer = await api.ask(one.method, path, hers, json={})
            assert (answer.status, answer.json["code"]) == (403, "scope"), path
    assert tried >= 40


async def test_peers(api: Api, admin: str) -> None:
    listed = (await api.get(f"{BASE}/peers?stance=agreed", admin)).json
    assert [one["host"] for one in listed["items"]] == ["south.example"]
    whole = (await api.get(f"{BASE}/peers/south.example", admin)).json
    assert (whole["peer"]["tier"], whole["health"]["stance"]) == ("agreed", "agreed")
    assert (await api.get(f"{BASE}/peers/nowhere.example", admin)).status == 404
    assert (await api.get(f"{BASE}/peers/South.example", admin)).status == 404
    assert (await api.get(f"{BASE}/peers/south.example/impact", admin)).json["people"] == 0
    suspended = await api.ask("PUT", f"{BASE}/peers/south.example/suspension", admin, json={"reason": "incident"})
    assert (suspended.json["stance"], suspended.json["reason"]) == ("suspended", "incident")
    resumed = await api.ask("DELETE", f"{BASE}/peers/south.example/suspension", admin)
    assert resumed.json["stance"] == "agreed"
    wrong = await api.ask("PUT", f"{BASE}/peers/south.example/suspension", admin, json={"reason": ""})
    assert (wrong.status, wrong.json["detail"][:7]) == (422, "reason:")


async def test_ending_waits_for_a_second_admin(api: Api, admin: str) -> None:
    proposed = await api.post(f"{BASE}/peers/south.example/end", admin, json={"reason": "closed"})
    assert (proposed.status, proposed.json["state"]) == (202, "proposed")
    eve = await api.token(await api.person("eve", role="admin"))
    path = f"{BASE}/pending/{proposed.json['id']}/approve"
    refused = await api.post(path, admin)
    assert (refused.status, refused.json["code"]) == (403, "second-person")
    assert (await api.post(path, eve)).json["approver"] == "eve"
    assert [one["state"] for one in (await api.get(f"{BASE}/pending", eve)).json] == ["approved"]
    dropped = await api.post(f"{BASE}/pending/{proposed.json['id']}/drop", admin, json={"reason": "no"})
    assert dropped.json["state"] == "dropped"
    log = (await api.get(f"{BASE}/audit?about=south.example&limit=3", admin)).json["items"]
    assert [(one["who"], one["action"]) for one in log] == [
        ("ada", "pending.drop"),
        ("eve", "pending.approve"),
        ("ada", "pending.propose"),
    ]
    assert (await api.get(f"{BASE}/peers/south.example", admin)).json["peer"]["stance"] == "agreed"


async def test_policy(api: Api, admin: str) -> None:
    assert (await api.get(f"{BASE}/policy", admin)).json["version"] == 0
    checked = (await api.post(f"{BASE}/policy/check", admin, json={"document": POLICY.replace("peer", "per")})).json
    assert not checked["fine"]
    assert [(one["kind"], one["line"]) for one in checked["findings"]] == [("error", 3)]
    refused = await api.ask("PUT", f"{BASE}/policy", admin, json={"document": POLICY.replace("peer", "per")})
    assert (refused.status, refused.json["code"]) == (422, "bad-policy")
    listed = {"document": POLICY, "list": "#domain,#severity\nspam.example,suspend\n", "source": "list.example"}
    merged = (await api.post(f"{BASE}/policy/import", admin, json=listed)).json
    assert (merged["rules"], "r-1" in merged["document"], "spam.example" in merged["document"]) == (1, True, True)
    tried = (await api.post(f"{BASE}/policy/simulations", admin, json={"document": POLICY, "days": 3})).json
    assert (tried["against"], tried["result"]["envelopes"]) == (0, 0)
    assert (await api.get(f"{BASE}/policy/simulations/{tried['id']}", admin)).json == tried
    applied = (await api.ask("PUT", f"{BASE}/policy", admin, json={"document": POLICY, "comment": "no south"})).json
    assert (applied["version"], applied["in_force"], applied["author"]) == (1, True, "ada")
    late = await api.ask("PUT", f"{BASE}/policy", admin, json={"document": "", "parent": 0})
    assert (late.status, late.json["code"]) == (409, "changed-meanwhile")
    found = (await api.get(f"{BASE}/policy/explain?of=south.example", admin)).json[0]
    assert (found["verdict"], found["rule"], found["given"]) == ("reject", "r-1", False)
    assert [one["rule"] for one in found["steps"] if one["matched"]][-1] == "r-1"
    assert (await api.get(f"{BASE}/policy/blame", admin)).json[0]["version"] == 1
    back = await api.post(f"{BASE}/policy/versions/0/rollback", admin, json={"comment": "all again"})
    assert (back.json["version"], back.json["document"]) == (2, "")
    assert (await api.get(f"{BASE}/policy/diff?a=1&b=2", admin)).json["removed"] == ["r-1"]
    listed = (await api.get(f"{BASE}/policy/versions?limit=1", admin)).json
    assert ([one["version"] for one in listed["items"]], listed["next"]) == ([2], "2")
    assert (await api.get(f"{BASE}/policy", admin)).json["version"] == 2


async def test_who_asks_and_who_looks(api: Api, admin: str) -> None:
    assert (await api.get(f"{BASE}/peer_requests", admin)).json == []
    assert (await api.post(f"{BASE}/peer_requests/south.example", admin, json={"accept": True})).status == 404
    review = f"{BASE}/peers/south.example/suspension/review"
    assert (await api.post(review, admin)).status == 404
    await api.ask("PUT", f"{BASE}/peers/south.example/suspension", admin, json={"reason": "incident"})
    eve = await api.token(await api.person("eve", role="admin"))
    assert (await api.post(review, admin)).json["code"] == "second-person"
    assert (await api.post(review, eve)).status == 204
    assert (await api.post(review, eve)).status == 404


async def test_the_console_reads_either_database(api: Api, admin: str, ada: Actor) -> None:
    await api.ask("PUT", f"{BASE}/policy", admin, json={"document": POLICY, "comment": "no south"})
    await api.post(f"{BASE}/pending", admin, json={"kind": "export.all", "reason": "we move"})
    await api.ask("PUT", f"{BASE}/peers/south.example/suspension", admin, json={"reason": "incident"})
    cookie = await api.cookie(ada)
    for path in (
        "",
        "/peers?q=south&after=a",
        "/peers/south.example",
        "/peers/south.example/end",
        "/policy",
        "/policy/history",
        "/policy/versions/1",
        "/explain?of=south.example",
        "/decisions?host=south.example&verdict=reject&before=9",
        "/held?before=9",
        "/groups",
        "/directories",
        "/deliveries",
        "/pending",
        "/audit?about=south.example",
    ):
        assert (await api.get(f"/admin{path}", cookie=cookie)).status == 200, path
