"""Groups in a client that never heard of them: accounts that one follows and mentions, and that boost."""

import pytest

from fedi.callers import holds
from storage import posts
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

HOME = "/api/v1/timelines/home"


async def test_a_group_is_an_account_with_group_true(api: Api, ada: Actor) -> None:
    group = await api.group("mlops", ada, title="ML in operation", description="All about it")
    shown = (await api.get("/api/v1/accounts/lookup?acct=mlops")).json
    assert shown["group"] is True
    assert shown["bot"] is False
    assert shown["display_name"] == "ML in operation"
    assert shown["note"].startswith("<p>All about it</p>")
    assert "follow it to join" in shown["note"]
    assert shown["avatar"].endswith("/group.png")
    assert (await api.get(f"/api/v1/accounts/{ada.id}")).json["group"] is False
    found = (await api.get("/api/v2/search?q=!mlops@alpha.example&resolve=true", await api.token(ada))).json
    assert [one["id"] for one in found["accounts"]] == [str(group.id)]


async def test_every_post_of_a_group_mentions_it(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    await api.follow(ben, group)
    thread = await api.publish(ben, "@mlops a question")
    reply = await api.publish(ada, "an answer without a handle", reply_to_id=thread.id)
    for post in (thread, reply):
        shown = (await api.get(f"/api/v1/statuses/{post.id}")).json
        # Clients prefill a reply's mentions from these, so that it reaches the group.
        assert "mlops" in [one["acct"] for one in shown["mentions"]]
        assert len({one["id"] for one in shown["mentions"]}) == len(shown["mentions"])


async def test_who_is_no_member_is_told(api: Api, ada: Actor, ben: Actor) -> None:
    await api.group("mlops", ada)
    answer = await api.post("/api/v1/statuses", await api.token(ben), form={"status": "@mlops hi"})
    assert answer.status == 403
    assert "follow it to join" in answer.error
    assert (await api.get(f"/api/v1/accounts/{ben.id}/statuses")).json == []


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("How do you size a test set? @mlops@alpha.example", "How do you size a test set?"),
        ("How do you size it? @mlops, #testing", "How do you size it? @mlops, #testing"),
        ("What does @mlops@alpha.example say of #drift?", "What does @mlops@alpha.example say of #drift?"),
        ('@mlops It doesn\'t <b>end</b> & "why"', 'It doesn\'t <b>end</b> & "why"'),
        ("See https://www.example.org/a/rather/long/address/that/is/shortened for it @mlops", None),
        ("@mlops " + "A long first line with #tags. " * 12, None),
    ],
)
async def test_a_first_line_is_shown_once_however_it_is_typed(
    api: Api, ada: Actor, text: str, title: str | None
) -> None:
    await api.group("mlops", ada)
    token = await api.token(ada)
    shown = (await api.post("/api/v1/statuses", token, form={"status": text})).json
    assert "<strong>" not in shown["content"]
    if title is not None:
        kept = await api.site.db.read(lambda tx: posts.by_id(tx, int(shown["id"])))
        assert kept is not None
        assert kept.title == title
    other = await api.publish(ada, "@mlops Something else", title="A title of its own")
    shown = (await api.get(f"/api/v1/statuses/{other.id}", token)).json
    assert shown["content"].startswith("<p><strong>A title of its own</strong></p>")


async def test_one_answers_by_the_id_of_the_groups_boost(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    await api.follow(ben, group)
    post = await api.publish(ada, "@mlops a question")
    token = await api.token(ben)
    [wrapper] = (await api.get(HOME, token)).json
    assert wrapper["id"] != str(post.id)
    said = {"status": "an answer", "in_reply_to_id": wrapper["id"]}
    answer = await api.post("/api/v1/statuses", token, json=said)
    assert answer.status == 200, answer.body
    assert answer.json["in_reply_to_id"] == str(post.id)
    below = (await api.get(f"/api/v1/statuses/{post.id}/context", token)).json["descendants"]
    assert [one["id"] for one in below] == [answer.json["id"]]


async def test_a_group_boost_is_no_news_to_the_author(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    await api.follow(ben, group)
    await api.publish(ben, "@mlops a question")
    assert (await api.get("/api/v1/notifications", await api.token(ben))).json == []


@pytest.mark.parametrize("see", ["peers", "members"])
async def test_what_a_group_keeps_to_itself(api: Api, ada: Actor, ben: Actor, see: str) -> None:
    group = await api.group("closed", ada, see=see)
    thread = await api.publish(ada, "@closed for us")
    shown = (await api.get(f"/api/v1/statuses/{thread.id}", await api.token(ada))).json
    assert shown["visibility"] == "private"
    inside = see == "peers"  # everyone of this institution
    for token, may in ((None, False), (await api.token(ben), inside), (await api.token(ada), True)):
        for path in (f"statuses/{thread.id}", f"statuses/{thread.id}/context"):
            assert (await api.get(f"/api/v1/{path}", token)).status == (200 if may else 404)
        for path in ("statuses", "followers"):
            found = (await api.get(f"/api/v1/accounts/{group.id}/{path}", token)).json
            assert len(found) == int(may), path
        for path in ("timelines/public", f"accounts/{ada.id}/statuses"):
            found = (await api.get(f"/api/v1/{path}", token)).json
            assert [one["id"] for one in found] == ([str(thread.id)] if may and "accounts" in path else [])
        memberships = (await api.get(f"/api/v1/accounts/{ada.id}/following", token)).json
        assert len(memberships) == int(may)
    boosted = await api.post(f"/api/v1/statuses/{thread.id}/reblog", await api.token(ada))
    assert boosted.status == 422


async def test_joining_by_approval(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("seminar", ada, join_mode="approval")
    token, moderator = await api.token(ben), await api.token(ada)
    assert (await api.get(f"/api/v1/accounts/{group.id}")).json["locked"] is True
    asked = (await api.post(f"/api/v1/accounts/{group.id}/follow", token)).json
    assert (asked["requested"], asked["following"]) == (True, False)
    told = (await api.get("/api/v1/notifications", moderator)).json
    assert [(one["type"], one["account"]["username"]) for one in told] == [("follow_request", "ben")]
    assert [one["username"] for one in (await api.get("/api/v1/follow_requests", moderator)).json] == ["ben"]
    assert (await api.get("/api/v1/follow_requests", token)).json == []
    assert (await api.post(f"/api/v1/follow_requests/{ben.id}/authorize", token)).status == 404
    await api.post(f"/api/v1/follow_requests/{ben.id}/authorize", moderator)
    state = (await api.get(f"/api/v1/accounts/relationships?id={group.id}", token)).json[0]
    assert (state["requested"], state["following"]) == (False, True)
    assert (await api.post("/api/v1/statuses", token, form={"status": "@seminar hi"})).status == 200
    left = (await api.post(f"/api/v1/accounts/{group.id}/unfollow", token)).json
    assert left["following"] is False
    assert (await api.post("/api/v1/statuses", token, form={"status": "@seminar hi again"})).status == 403


async def test_joining_by_invitation(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("board", ada, join_mode="invite")
    answer = await api.post(f"/api/v1/accounts/{group.id}/follow", await api.token(ben))
    assert answer.status == 403
    assert "invitation" in answer.error


async def test_the_bell_of_a_group_rings_for_threads(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    token = await api.token(ben)
    state = (await api.post(f"/api/v1/accounts/{group.id}/follow", token, form={"notify": "true"})).json
    assert state["notifying"] is True
    thread = await api.publish(ada, "@mlops news")
    await api.publish(ada, "more", reply_to_id=thread.id)
    told = (await api.get("/api/v1/notifications", token)).json
    assert [(one["type"], one["status"]["id"]) for one in told] == [("status", str(thread.id))]


async def test_a_moderator_takes_a_post_out(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    await api.follow(ben, group)
    thread = await api.publish(ben, "@mlops off topic")
    gone = await api.ask("DELETE", f"/api/v1/statuses/{thread.id}", await api.token(ada))
    assert gone.status == 200
    assert (await api.get(f"/api/v1/accounts/{group.id}/statuses")).json == []
    assert (await api.get(HOME, await api.token(ada))).json == []


def test_scopes() -> None:
    assert holds(frozenset({"read"}), "read:statuses")
    assert holds(frozenset({"admin:read"}), "admin:read:accounts")
    assert not holds(frozenset({"read"}), "admin:read")
    assert not holds(frozenset({"read:statuses"}), "read")
    assert holds(frozenset({"follow"}), "write:follows")
    assert not holds(frozenset({"follow"}), "write:statuses")


async def test_a_group_says_how_one_gets_in(api: Api, ada: Actor) -> None:
    free, asked = await api.group("free", ada), await api.group("asked", ada, join_mode="approval")
    notes = [(await api.get(f"/api/v1/accounts/{one.id}")).json["note"] for one in (free, asked)]
    assert "follow it to join" in notes[0]
    assert "follow it to ask for membership" in notes[1]
