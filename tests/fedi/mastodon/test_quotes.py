"""Quotes through the client API (Mastodon 4.5): shown to who may see what is quoted, allowed, refused, taken back."""

from typing import Any

from storage import posts
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.mastodon.conftest import Api


async def quoting(api: Api, token: str, post: Post, **more: Any) -> Any:
    """A status that quotes a post."""
    answer = await api.post(
        "/api/v1/statuses", token, json={"status": "look", "quoted_status_id": str(post.id), **more}
    )
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_quote_shows_what_it_quotes(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "worth reading")
    status = await quoting(api, await api.token(ben), post)
    assert status["quote"]["state"] == "accepted"
    assert status["quote"]["quoted_status"]["id"] == str(post.id)
    assert status["quote"]["quoted_status"]["account"]["id"] == str(ada.id)
    # For clients that know no quotes; those that do hide it.
    assert status["content"].startswith('<p class="quote-inline">RE: <a href="https://alpha.example/people/ada/posts/')
    told = (await api.get("/api/v1/notifications", await api.token(ada))).json
    assert [(one["type"], one["status"]["id"]) for one in told] == [("quote", status["id"])]
    listed = (await api.get(f"/api/v1/statuses/{post.id}/quotes")).json
    assert [one["id"] for one in listed] == [status["id"]]
    # What a quoted post quotes is named only.
    outer = await quoting(api, await api.token(ada), await _post(api, status["id"]))
    assert outer["quote"]["quoted_status"]["quote"] == {"state": "accepted", "quoted_status_id": str(post.id)}
    assert (await api.get(f"/api/v1/statuses/{outer['id']}")).json["quote"] == _without_flags(outer["quote"])


async def _post(api: Api, status_id: str) -> Post:
    found = await api.site.db.read(lambda tx: posts.by_id(tx, int(status_id)))
    assert found is not None
    return found


def _without_flags(quote: Any) -> Any:
    mine = ("favourited", "reblogged", "muted", "bookmarked", "filtered", "pinned")
    shown = {name: value for name, value in quote["quoted_status"].items() if name not in mine}
    shown["quote_approval"] = shown["quote_approval"] | {"current_user": "denied"}
    return quote | {"quoted_status": shown}


async def test_what_is_quoted_is_seen_by_who_may(api: Api, ada: Actor, ben: Actor) -> None:
    """A post that became visible to fewer later, or was taken away: the quote does not tell of it."""
    post = await api.publish(ada, "worth reading")
    status = await quoting(api, await api.token(ben), post)
    await api.site.db.write(lambda tx: posts.change(tx, post.id, visibility="followers"))
    for token in (None, await api.token(await api.person("chi"))):
        shown = (await api.get(f"/api/v1/statuses/{status['id']}", token)).json
        assert shown["quote"] == {"state": "unauthorized", "quoted_status": None}
        assert post.iri not in str(shown)
    whole = (await api.get(f"/api/v1/statuses/{status['id']}", await api.token(ada))).json
    assert whole["quote"]["quoted_status"]["id"] == str(post.id)
    await api.site.db.write(lambda tx: posts.change(tx, post.id, deleted_at=1))
    shown = (await api.get(f"/api/v1/statuses/{status['id']}")).json
    assert shown["quote"] == {"state": "deleted", "quoted_status": None}


async def test_only_what_may_be_quoted(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ben)
    hidden = await api.publish(ada, "for followers", visibility="followers")
    refused = await api.publish(ada, "mine", quote_policy="nobody")
    for post, status in ((hidden, 404), (refused, 403)):
        answer = await api.post("/api/v1/statuses", token, json={"status": "x", "quoted_status_id": str(post.id)})
        assert answer.status == status, answer.body


async def test_who_may_quote(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(chi, ada)
    mine, his, hers = await api.token(ada), await api.token(ben), await api.token(chi)
    said = {"status": "x", "quote_approval_policy": "followers"}
    made = (await api.post("/api/v1/statuses", mine, json=said)).json
    assert made["quote_approval"] == {"automatic": ["followers"], "manual": [], "current_user": "automatic"}
    path = f"/api/v1/statuses/{made['id']}"
    for token, current in ((None, "denied"), (his, "denied"), (hers, "automatic"), (mine, "automatic")):
        assert (await api.get(path, token)).json["quote_approval"]["current_user"] == current
    assert (
        await api.ask("PUT", f"{path}/interaction_policy", his, json={"quote_approval_policy": "public"})
    ).status == 404
    assert (await api.ask("PUT", f"{path}/interaction_policy", mine, json={"quote_approval_policy": "x"})).status == 422
    changed = await api.ask("PUT", f"{path}/interaction_policy", mine, json={"quote_approval_policy": "public"})
    assert changed.json["quote_approval"]["automatic"] == ["public"]
    assert (await api.get(path, his)).json["quote_approval"]["current_user"] == "automatic"
    nobody = (await api.post("/api/v1/statuses", mine, json={"status": "x", "quote_approval_policy": "nobody"})).json
    assert (await api.get(f"/api/v1/statuses/{nobody['id']}", hers)).json["quote_approval"] == {
        "automatic": [],
        "manual": [],
        "current_user": "denied",
    }


async def test_leave_is_taken_back(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "worth reading")
    status = await quoting(api, await api.token(ben), post)
    path = f"/api/v1/statuses/{post.id}/quotes/{status['id']}/revoke"
    assert (await api.post(path, await api.token(ben))).status == 404
    answer = await api.post(path, await api.token(ada))
    assert answer.json["quote"] == {"state": "revoked", "quoted_status": None}
    assert post.iri not in answer.json["content"]
    assert (await api.get(f"/api/v1/statuses/{post.id}/quotes")).json == []


async def test_the_default_is_a_preference(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    said = {"source": {"quote_policy": "nobody"}}
    me = (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, json=said)).json
    assert me["source"]["quote_policy"] == "nobody"
    assert (await api.get("/api/v1/preferences", token)).json["posting:default:quote_policy"] == "nobody"
    made = (await api.post("/api/v1/statuses", token, json={"status": "x"})).json
    assert made["quote_approval"]["automatic"] == []
    said = {"source": {"quote_policy": "friends"}}
    assert (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, json=said)).status == 422
