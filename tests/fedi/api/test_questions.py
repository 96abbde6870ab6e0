"""Questions over our own API, and what Mastodon's says of one to apps that know no questions."""

from typing import Any

from fedi.actions import questions as actions
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"


async def test_asked_chosen_taken_back_and_opened_again(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    asker, moderator, stranger = await api.token(ben), await api.token(ada), await api.token(await api.person("cleo"))
    await api.follow(ben, group)
    begun = await api.post(
        f"{BASE}/groups/{group.id}/threads", asker, json={"title": "Why?", "text": "I wonder.", "question": True}
    )
    assert (begun.status, begun.json["question"]) == (200, "open")
    root = begun.json["id"]
    answer = await api.publish(ada, "Because.", reply_to_id=int(root))
    path = f"{BASE}/threads/{root}"
    assert (await api.get(f"{path}/question")).json == {
        "state": "open", "accepted": None, "how": None, "yours": None, "may_choose": False, "may_reopen": False,
    }  # fmt: skip
    chosen: dict[str, Any] = {"json": {"answer_id": str(answer.id)}}
    assert (await api.ask("PUT", f"{path}/answer", stranger, **chosen)).status == 403
    own = await api.ask("PUT", f"{path}/answer", moderator, **chosen)
    assert (own.status, own.json["code"]) == (403, "own-answer")
    itself = await api.ask("PUT", f"{path}/answer", asker, json={"answer_id": root})
    assert (itself.status, itself.json["code"]) == (403, "no-answer")

    solved = await api.ask("PUT", f"{path}/answer", asker, **chosen)
    assert solved.status == 200, solved.body
    assert (solved.json["state"], solved.json["how"], solved.json["yours"]) == ("solved", "asker", str(answer.id))
    assert solved.json["accepted"]["id"] == str(answer.id)
    assert (solved.json["may_choose"], solved.json["may_reopen"]) == (True, False)
    shown = (await api.get(f"/api/v1/statuses/{root}", asker)).json
    assert shown["content"].startswith("<p><strong>[solved] Why?")
    assert [one["id"] for one in (await api.get(f"{BASE}/groups/{group.id}/threads?sort=solved")).json["items"]] == [
        root
    ]
    assert (await api.get(f"{BASE}/groups/{group.id}/threads?sort=open")).json["items"] == []

    assert (await api.ask("POST", f"{path}/reopening", asker)).status == 403
    opened = await api.ask("POST", f"{path}/reopening", moderator)
    assert (opened.status, opened.json["state"], opened.json["accepted"]) == (200, "open", None)
    assert "[solved]" not in (await api.get(f"/api/v1/statuses/{root}", asker)).json["content"]
    await api.ask("PUT", f"{path}/answer", asker, **chosen)
    back = await api.ask("DELETE", f"{path}/answer", asker)
    assert (back.json["state"], back.json["yours"]) == ("open", None)
    assert [one["id"] for one in (await api.get(f"{BASE}/groups/{group.id}/threads?sort=open")).json["items"]] == [root]

    assert (await api.ask("DELETE", f"{path}/question", moderator)).status == 403
    assert (await api.ask("DELETE", f"{path}/question", asker)).json["state"] is None
    assert (await api.ask("PUT", f"{path}/question", asker)).json["state"] == "open"
    assert (await api.ask("PUT", f"{BASE}/threads/{answer.id}/question", asker)).status == 200, "the thread is meant"


async def test_who_does_not_see_the_thread_learns_nothing_of_it(api: Api, ada: Actor, ben: Actor) -> None:
    closed = await api.group("closed", ada, see="members")
    root = await api.publish(ada, "@closed Why?", question=True)
    answer = await api.publish(ada, "Because.", reply_to_id=root.id)
    await api.site.db.write(lambda tx: actions.accept(tx, api.site, ada, answer))
    token, asker = await api.token(ben), await api.token(ada)
    for one in (root.id, answer.id, 1):
        hidden = await api.get(f"{BASE}/threads/{one}/question", token)
        assert (hidden.status, hidden.json["detail"]) == (404, "There is no such thread, or it is not shown to you.")
        put = await api.ask("PUT", f"{BASE}/threads/{one}/answer", token, json={"answer_id": str(answer.id)})
        assert put.status == 404
    assert (await api.get(f"{BASE}/threads/{root.id}/question", asker)).json["state"] == "solved"
    assert (await api.get(f"{BASE}/groups/{closed.id}/threads?sort=solved", token)).status in (200, 403, 404)
    listed = await api.get(f"{BASE}/groups/{closed.id}/threads?sort=solved", token)
    assert listed.status != 200 or listed.json["items"] == []
