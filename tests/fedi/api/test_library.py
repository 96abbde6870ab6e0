"""The library for apps: what pages can do, they can do."""

from fedi.api.operations import BASE
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

BIB = "@article{a, title={A study}, author={Doe, Jane}, year={2001}, doi={10.1000/182}, license={CC-BY-4.0}}"


async def test_an_app_adds_cites_and_arranges(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    token = await api.token(ada)
    path = f"{BASE}/groups/{group.id}/library"
    added = await api.post(path, token, json={"text": BIB, "note": "Read it", "shareable": True})
    assert added.status == 200, added.body
    item = added.json
    assert (item["work"]["DOI"], item["licence"], item["shareable"]) == ("10.1000/182", "CC-BY-4.0", True)
    assert item["citation"] == "Doe, J. (2001). A study. https://doi.org/10.1000/182"
    assert [one["account_id"] for one in item["provenance"]] == [str(ada.id)]
    again = await api.post(path, token, json={"text": BIB})
    assert again.json["id"] == item["id"]
    shelf = (await api.post(f"{BASE}/groups/{group.id}/shelves", token, json={"name": "Motivation"})).json
    put = await api.ask("PUT", f"{BASE}/library/{item['id']}/shelves/{shelf['id']}", token)
    assert [one["name"] for one in put.json["shelves"]] == ["Motivation"]
    listed = (await api.get(f"{path}?shelf_id={shelf['id']}", token)).json
    assert [one["id"] for one in listed["items"]] == [item["id"]]
    found = (await api.get(f"{path}?q=study", token)).json
    assert [one["id"] for one in found["items"]] == [item["id"]]
    taken = await api.ask("DELETE", f"{BASE}/library/{item['id']}/shelves/{shelf['id']}", token)
    assert taken.json["shelves"] == []
    # Who is not in the group reads what everyone reads, and arranges nothing.
    other = await api.token(ben)
    assert (await api.get(f"{BASE}/library/{item['id']}", other)).status == 200
    assert (await api.ask("PUT", f"{BASE}/library/{item['id']}/shelves/{shelf['id']}", other)).status == 403
    assert (await api.post(path, other, json={"text": BIB})).status == 403


async def test_what_cannot_be_added_is_said(api: Api, ada: Actor, group: Actor) -> None:
    token = await api.token(ada)
    refused: tuple[tuple[dict[str, object], str], ...] = (
        ({"text": "hello"}, "typing mistake"),
        ({"text": "@article{a, title={x}}", "shareable": True}, "name the one that it has"),
        ({"text": "https://example.org/a"}, "Give it a title"),
        ({"work": {"title": "x"}, "licence": "mine"}, "no licence that lets others"),
        ({"text": BIB, "shelf_id": "1"}, "no such shelf"),
    )
    for body, said in refused:
        answer = await api.post(f"{BASE}/groups/{group.id}/library", token, json=body)
        assert answer.status in (404, 422)
        assert said in answer.json["detail"], body
    listed = await api.get(f"{BASE}/groups/{group.id}/library", token)
    assert listed.json["items"] == []
