"""Drafts over our own API, the same as on the page."""

from typing import Any

from fedi.actions import erasing
from storage import drafts
from storage.actors import Actor
from storage.timelines import Page
from tests.fedi.mastodon.conftest import Api

PATH = "/api/fedi/v1/drafts"


async def test_a_draft_is_kept_changed_and_thrown_away(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    hers, his = await api.token(ada), await api.token(ben)
    poll = {"options": ["tea", "coffee"], "multiple": True, "days": 2}
    body = {"text": "x" * 6000, "title": "T", "group_id": str(group.id), "question": True, "poll": poll}
    made = (await api.post(PATH, hers, json=body)).json
    assert {name: made[name] for name in body} == body
    assert made["problem"] is None
    one = f"{PATH}/{made['id']}"
    assert (await api.get(one, hers)).json == made
    changed = (await api.ask("PUT", one, hers, json={"text": "short\u0000"})).json
    assert (changed["id"], changed["text"], changed["title"], changed["poll"]) == (made["id"], "short", "", None)
    second = (await api.post(PATH, hers, json={})).json
    listed = (await api.get(f"{PATH}?limit=1", hers)).json
    assert [item["id"] for item in listed["items"]] == [second["id"]]
    rest = (await api.get(f"{PATH}?limit=1&cursor={listed['next']}", hers)).json
    assert (rest["items"], rest["next"]) == ([changed], None)
    for method, sent in (("GET", None), ("PUT", {"text": "his"}), ("DELETE", None)):
        assert (await api.ask(method, one, his, json=sent)).status == 404
    assert (await api.get(PATH, his)).json["items"] == []
    assert (await api.get(PATH)).status == 401
    assert (await api.ask("DELETE", one, hers)).status == 204
    assert (await api.get(one, hers)).status == 404


async def test_they_go_with_the_person(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    await api.post(PATH, token, json={"text": "never sent"})

    def gone(tx: Any) -> int:
        erasing.erase(tx, api.site, ada)
        return len(drafts.of_person(tx, ada.id, Page(limit=5)))

    assert api.site.db.write_now(gone) == 0
