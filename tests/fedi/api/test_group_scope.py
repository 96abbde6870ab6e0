"""The scope of a group over our own API: who may set it, what it says, and what can't be."""

from storage import peers
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"


async def test_an_owner_says_with_whom_a_group_federates(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("quiet", ada, see="members")
    mine, his = await api.token(ada), await api.token(ben)
    path = f"{BASE}/groups/{group.id}/scope"
    shown = (await api.get(path, mine)).json
    assert (shown["mode"], shown["peers"]) == ("public", [])
    assert shown["readers"] == {"institutions": 1, "people": 1, "words": "1 university, 1 person"}
    assert (await api.get(path, his)).status == 403  # who is not in it

    def known(tx: object) -> None:
        peers.meet(tx, "beta.example", 0)  # type: ignore[arg-type]  # a Tx

    await api.site.db.write(known)
    wanted = {"mode": "named", "peers": ["beta.example"], "may": ["read", "reply"]}
    assert (await api.ask("PUT", path, his, json=wanted)).status == 403
    made = await api.ask("PUT", path, mine, json=wanted)
    assert made.status == 200, made.body
    assert (made.json["mode"], made.json["peers"], made.json["may"]) == ("named", ["beta.example"], ["read", "reply"])
    fields = (await api.get(f"/api/v1/accounts/{group.id}")).json["fields"]
    assert "institutions that it names" in fields[0]["value"]

    unknown = await api.ask("PUT", path, mine, json={"mode": "named", "peers": ["nowhere.example"]})
    assert (unknown.status, "fedi peer invite" in unknown.json["detail"]) == (422, True)
    everyones = await api.group("open", ada)
    refused = await api.ask("PUT", f"{BASE}/groups/{everyones.id}/scope", mine, json={"mode": "local"})
    assert (refused.status, "Everyone on the web reads" in refused.json["detail"]) == (422, True)
