"""Editing: polls and their votes, history, what is no change, redrafts; and muted threads and whom a context leaves out."""

from typing import Any

import msgspec

from fedi.actions import blocks
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

POLL: dict[str, Any] = {"options": ["tea", "coffee"], "expires_in": 3600}


async def edited(api: Api, token: str, status_id: str, **said: Any) -> Any:
    """The status after an edit."""
    answer = await api.ask("PUT", f"/api/v1/statuses/{status_id}", token, json=said)
    assert answer.status == 200, answer.body
    return answer.json


async def test_other_options_void_the_votes(api: Api, ada: Actor, ben: Actor) -> None:
    token, his = await api.token(ada), await api.token(ben)
    status_id = (await api.post("/api/v1/statuses", token, json={"status": "What?", "poll": POLL})).json["id"]
    await api.post(f"/api/v1/polls/{status_id}/votes", his, json={"choices": [0]})
    same = await edited(api, token, status_id, status="What now?", poll=POLL)
    assert (same["poll"]["votes_count"], same["content"]) == (1, "<p>What now?</p>")
    other = await edited(api, token, status_id, status="What now?", poll=POLL | {"options": ["tea", "water"]})
    assert [(one["title"], one["votes_count"]) for one in other["poll"]["options"]] == [("tea", 0), ("water", 0)]
    assert (await api.get(f"/api/v1/polls/{status_id}", his)).json["voted"] is False
    gone = await edited(api, token, status_id, status="Never mind")
    assert gone["poll"] is None
    assert (await api.get(f"/api/v1/polls/{status_id}", his)).status == 404
    back = await edited(api, token, status_id, status="Well", poll=POLL)
    assert len(back["poll"]["options"]) == 2
    history = (await api.get(f"/api/v1/statuses/{status_id}/history")).json
    assert [[option["title"] for option in one["poll"]["options"]] if "poll" in one else None for one in history] == [
        ["tea", "coffee"],
        ["tea", "coffee"],
        ["tea", "water"],
        None,
        ["tea", "coffee"],
    ]


async def test_hidden_totals(api: Api, ada: Actor, ben: Actor) -> None:
    token, his = await api.token(ada), await api.token(ben)
    poll = POLL | {"hide_totals": True}
    status_id = (await api.post("/api/v1/statuses", token, json={"status": "What?", "poll": poll})).json["id"]
    voted = (await api.post(f"/api/v1/polls/{status_id}/votes", his, json={"choices": [0]})).json
    assert [one["votes_count"] for one in voted["options"]] == [None, None]
    assert (voted["votes_count"], voted["voters_count"], voted["own_votes"]) == (1, 1, [0])
    document = await api.get(f"/users/ada/posts/{status_id}", accept="application/activity+json")
    if document.status == 200:
        assert b'"totalItems":1' not in document.body.split(b'"oneOf"')[1].split(b"]")[0]
    shown = await edited(api, token, status_id, status="What?", poll=POLL)
    assert [one["votes_count"] for one in shown["poll"]["options"]] == [1, 0]


async def test_what_changes_nothing_is_no_edit(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    said = {"status": "same", "spoiler_text": "cw", "language": "de"}
    status_id = (await api.post("/api/v1/statuses", token, json=said)).json["id"]
    assert (await edited(api, token, status_id, **said))["edited_at"] is None
    assert len((await api.get(f"/api/v1/statuses/{status_id}/history")).json) == 1
    assert (await edited(api, token, status_id, **(said | {"spoiler_text": ""})))["edited_at"] is not None
    assert [one["spoiler_text"] for one in (await api.get(f"/api/v1/statuses/{status_id}/history")).json] == ["cw", ""]


async def test_a_redraft_gets_all_that_was_typed(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    said = {"status": "Hm *x*", "spoiler_text": "cw", "poll": POLL}
    status_id = (await api.post("/api/v1/statuses", token, json=said)).json["id"]
    source = (await api.get(f"/api/v1/statuses/{status_id}/source", token)).json
    assert source == {"id": status_id, "text": "Hm *x*", "spoiler_text": "cw"}
    gone = (await api.ask("DELETE", f"/api/v1/statuses/{status_id}?delete_media=true", token)).json
    assert (gone["text"], gone["spoiler_text"], len(gone["poll"]["options"])) == ("Hm *x*", "cw", 2)


async def test_unexpected_mentions(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    chi = await api.person("chi")
    said = {"status": "@ben @chi hello", "visibility": "direct", "allowed_mentions": [str(ben.id)]}
    answer = await api.post("/api/v1/statuses", token, json=said)
    assert (answer.status, answer.error) == (422, "Post would be sent to unexpected accounts")
    assert [one["id"] for one in answer.json["unexpected_accounts"]] == [str(chi.id)]
    assert (await api.get("/api/v1/conversations", token)).json == []
    answer = await api.post("/api/v1/statuses", token, json=said | {"allowed_mentions": [str(ben.id), str(chi.id)]})
    assert answer.status == 200


async def test_a_muted_thread(api: Api, ada: Actor, ben: Actor) -> None:
    token, his = await api.token(ada), await api.token(ben)
    post = await api.publish(ada, "a thread")
    answer = await api.publish(ben, "@ada first", reply_to_id=post.id)
    assert len((await api.get("/api/v1/notifications", token)).json) == 1
    muted = (await api.post(f"/api/v1/statuses/{answer.id}/mute", token)).json
    assert (muted["id"], muted["muted"]) == (str(answer.id), True)
    assert (await api.get(f"/api/v1/statuses/{post.id}", token)).json["muted"] is True
    assert (await api.get(f"/api/v1/statuses/{post.id}", his)).json["muted"] is False
    later = await api.publish(ben, "@ada second", reply_to_id=answer.id)
    assert (await api.get(f"/api/v1/statuses/{later.id}", token)).json["muted"] is True
    assert len((await api.get("/api/v1/notifications", token)).json) == 1
    assert (await api.post(f"/api/v1/statuses/{post.id}/unmute", token)).json["muted"] is False
    await api.publish(ben, "@ada third", reply_to_id=answer.id)
    assert len((await api.get("/api/v1/notifications", token)).json) == 2
    assert (await api.post(f"/api/v1/statuses/{post.id}/mute", await api.token(ada, "read"))).status == 403


async def test_a_context_leaves_out_whom_one_blocks(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    chi = await api.person("chi")
    post = await api.publish(chi, "a thread")
    blocked = await api.publish(ben, "from ben", reply_to_id=post.id)
    below = await api.publish(chi, "an answer to that", reply_to_id=blocked.id)
    await api.site.db.write(lambda tx: blocks.block(tx, api.site, ada, ben))
    context = (await api.get(f"/api/v1/statuses/{post.id}/context", token)).json
    assert [one["id"] for one in context["descendants"]] == [str(below.id)]
    context = (await api.get(f"/api/v1/statuses/{post.id}/context")).json
    assert len(context["descendants"]) == 2


async def test_quotes_are_counted(api: Api, ada: Actor, ben: Actor) -> None:
    token, his = await api.token(ada), await api.token(ben)
    post = await api.publish(ada, "quote me")
    path = f"/api/v1/statuses/{post.id}"
    quoting = [
        (await api.post("/api/v1/statuses", his, json={"status": f"{n}", "quoted_status_id": str(post.id)})).json["id"]
        for n in range(3)
    ]
    assert (await api.get(path)).json["quotes_count"] == 3
    await api.post(f"{path}/quotes/{quoting[0]}/revoke", token)
    assert (await api.get(path)).json["quotes_count"] == 2
    await api.ask("DELETE", f"/api/v1/statuses/{quoting[1]}", his)
    assert (await api.get(path)).json["quotes_count"] == 1
    await api.ask("DELETE", f"/api/v1/statuses/{quoting[0]}", his)
    assert (await api.get(path)).json["quotes_count"] == 1


async def test_a_boost_for_followers_is_for_followers(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(chi, ben)
    his, hers, other = await api.token(ben), await api.token(chi), await api.token(ada)
    post = await api.publish(ada, 'quoted "visibility":"public"')
    path = f"/api/v1/statuses/{post.id}/reblog"
    assert (await api.post(path, his, json={"visibility": "direct"})).status == 422
    wrapper = (await api.post(path, his, json={"visibility": "private"})).json
    assert (wrapper["visibility"], wrapper["reblog"]["visibility"]) == ("private", "public")
    # What the post quotes is shown in it as it is.
    unlisted = await api.publish(ada, "aside", visibility="unlisted")
    asked = {"status": "look", "quoted_status_id": str(unlisted.id), "visibility": "public"}
    quoting = (await api.post("/api/v1/statuses", other, json=asked)).json["id"]
    again = (await api.post(f"/api/v1/statuses/{quoting}/reblog", his, json={"visibility": "private"})).json
    assert (again["visibility"], again["quote"]["quoted_status"]["visibility"]) == ("private", "unlisted")
    await api.post(f"/api/v1/statuses/{quoting}/unreblog", his)
    profile = f"/api/v1/accounts/{ben.id}/statuses"
    for token, shown in ((his, True), (hers, True), (other, False), (None, False)):
        assert [one["id"] for one in (await api.get(profile, token)).json] == ([wrapper["id"]] if shown else [])
        assert (await api.get(f"/api/v1/statuses/{wrapper['id']}", token)).status == (200 if shown else 404)
        boosters = (await api.get(f"/api/v1/statuses/{post.id}/reblogged_by", token)).json
        assert [one["id"] for one in boosters] == ([str(ben.id)] if shown else [])
    assert [one["id"] for one in (await api.get("/api/v1/timelines/home", hers)).json] == [wrapper["id"]]
    number = wrapper["uri"].removeprefix("https://alpha.example")
    assert (await api.get(number, accept="application/activity+json")).status == 404
    page = await api.get("/people/ben", accept="text/html")
    assert b"quoted" not in page.body
    await api.post(f"/api/v1/statuses/{post.id}/unreblog", his)
    unlisted = (await api.post(path, his, json={"visibility": "unlisted"})).json
    assert unlisted["visibility"] == "unlisted"
    sent = msgspec.json.decode(
        (await api.get(unlisted["uri"].removeprefix("https://alpha.example"), accept="application/activity+json")).body
    )
    assert sent["to"] == [ben.followers]
    assert "https://www.w3.org/ns/activitystreams#Public" in sent["cc"]


async def test_pages_of_who_likes_it(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "like me")
    people = [await api.person(f"p{n}") for n in range(5)]
    for one in people:
        await api.post(f"/api/v1/statuses/{post.id}/favourite", await api.token(one))
    path = f"/api/v1/statuses/{post.id}/favourited_by?limit=2"
    names = [one["username"] for one in (await api.get(path)).json]
    assert names == ["p4", "p3"]
    older = (await api.get(path)).link("next")
    assert older is not None
    page = await api.get(older)
    assert [one["username"] for one in page.json] == ["p2", "p1"]
    newer = page.link("prev")
    assert newer is not None
    assert [one["username"] for one in (await api.get(newer)).json] == ["p4", "p3"]
