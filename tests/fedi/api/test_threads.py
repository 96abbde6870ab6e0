"""Threads over our own API: three orders, one as a tree, beginning one, votes, and what moderators do with posts."""

from dataclasses import replace
from typing import Any

from fedi.actions import reactions
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.fedi.outbox.network import follower

BASE = "/api/fedi/v1"


async def titles(api: Api, path: str, token: str | None = None) -> list[str]:
    answer = await api.get(path, token)
    assert answer.status == 200, answer.body
    return [one["title"] for one in answer.json["items"]]


async def test_three_orders(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    await api.follow(ben, group)
    path = f"{BASE}/groups/{group.id}/threads"
    made: dict[str, Any] = {}
    for title in ("one", "two", "three"):
        answer = await api.post(path, mine, json={"title": title, "text": f"about {title}"}, idempotency_key=title)
        assert answer.status == 200, answer.body
        again = await api.post(path, mine, json={"title": title, "text": f"about {title}"}, idempotency_key=title)
        assert again.json["id"] == answer.json["id"]
        made[title] = answer.json
    assert made["one"]["group_id"] == str(group.id)
    assert made["one"]["status"]["account"]["id"] == str(ada.id)
    await api.publish(ben, "an answer", reply_to_id=int(made["one"]["id"]))
    assert (await api.ask("PUT", f"{BASE}/posts/{made['two']['id']}/vote", his, json={"vote": "up"})).json == {
        "up": 1, "down": 0, "score": 1, "yours": "up",
    }  # fmt: skip
    down = await api.ask("PUT", f"{BASE}/posts/{made['three']['id']}/vote", his, json={"vote": "down"})
    assert down.json == {"up": 0, "down": 1, "score": -1, "yours": "down"}
    assert await titles(api, f"{path}?sort=active") == ["one", "three", "two"]
    assert await titles(api, f"{path}?sort=new") == ["three", "two", "one"]
    assert await titles(api, f"{path}?sort=top") == ["two", "one", "three"]
    # A vote is one: cast the other way it moves, taken back it is gone.
    turned = await api.ask("PUT", f"{BASE}/posts/{made['three']['id']}/vote", his, json={"vote": "up"})
    assert turned.json == {"up": 1, "down": 0, "score": 1, "yours": "up"}
    back = await api.ask("PUT", f"{BASE}/posts/{made['three']['id']}/vote", his, json={"vote": "none"})
    assert back.json == {"up": 0, "down": 0, "score": 0, "yours": None}
    for order in ("active", "new", "top"):
        whole = await titles(api, f"{path}?sort={order}", his)
        read: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            part = (await api.get(f"{path}?sort={order}&limit=1" + (f"&cursor={cursor}" if cursor else ""), his)).json
            read += [one["title"] for one in part["items"]]
            cursor = part["next"]
        assert read == whole


async def test_a_thread_is_a_tree(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    await api.follow(ben, group)
    root = await api.publish(ada, "question @mlops", title="A question")
    first = await api.publish(ben, "first", reply_to_id=root.id)
    second = await api.publish(ada, "second", reply_to_id=root.id)
    below = await api.publish(ada, "below first", reply_to_id=first.id)
    for one in (root, below):
        tree = (await api.get(f"{BASE}/posts/{one.id}/thread")).json["items"]
        assert [(int(each["id"]), each["depth"]) for each in tree] == [
            (root.id, 0), (first.id, 1), (below.id, 2), (second.id, 1),
        ]  # fmt: skip
        assert tree[2]["parent_id"] == str(first.id)
    part = (await api.get(f"{BASE}/posts/{root.id}/thread?limit=3")).json
    rest = (await api.get(f"{BASE}/posts/{root.id}/thread?limit=3&cursor={part['next']}")).json
    assert [each["id"] for each in rest["items"]] == [str(second.id)]
    assert rest["next"] is None


async def test_only_what_is_in_a_group_is_voted_down(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "alone")
    refused = await api.ask("PUT", f"{BASE}/posts/{post.id}/vote", await api.token(ben), json={"vote": "down"})
    assert (refused.status, refused.json["code"]) == (422, "no-group")


async def test_a_vote_against_is_told_and_taken_back(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    """To peers it is a Dislike and its Undo (Lemmy, PieFed)."""
    from sqlalchemy import select

    from storage.outbox import outbox

    await api.follow(ben, group)
    post = await api.publish(ada, "vote on this @mlops")
    await api.site.db.write(lambda tx: reactions.vote(tx, api.site, ben, post, "down"))
    await api.site.db.write(lambda tx: reactions.vote(tx, api.site, ben, post, "up"))
    query = select(outbox.c.type).where(outbox.c.actor_id == ben.id).order_by(outbox.c.position)
    sent = await api.site.db.read(lambda tx: list(tx.scalars(query)))
    assert sent[-3:] == ["Dislike", "Undo", "Like"]


async def test_moderators_remove_lock_and_pin(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    await api.follow(ben, group)
    post = await api.publish(ben, "something @mlops", title="Something")
    path = f"{BASE}/posts/{post.id}"
    assert (await api.ask("PUT", f"{path}/lock", his, json={})).status == 403
    assert (await api.ask("PUT", f"{path}/lock", mine, json={"reason": "enough"})).status == 204
    assert (await api.ask("PUT", f"{path}/pin", mine)).status == 204
    thread = (await api.get(f"{BASE}/groups/{group.id}/threads")).json["items"][0]
    assert (thread["locked"], thread["pinned"]) == (True, True)
    assert (await api.ask("DELETE", f"{path}/lock", mine)).status == 204
    assert (await api.ask("DELETE", f"{path}/pin", mine)).status == 204
    assert (await api.ask("PUT", f"{path}/removal", mine, json={"reason": "off topic"})).status == 204
    assert (await api.get(f"{BASE}/groups/{group.id}/threads")).json["items"] == []
    assert (await api.ask("DELETE", f"{path}/removal", mine)).status == 204
    assert len((await api.get(f"{BASE}/groups/{group.id}/threads")).json["items"]) == 1
    assert (await api.post(f"{path}/warnings", mine, json={"reason": "be kind"})).status == 204
    seen = [one["action"] for one in (await api.get(f"{BASE}/groups/{group.id}/moderation", his)).json["items"]]
    assert "warn" not in seen
    assert "remove" in seen
    deeds = (await api.get(f"{BASE}/groups/{group.id}/moderation", mine)).json["items"]
    assert [one["reason"] for one in deeds if one["action"] == "warn"] == ["be kind"]
    other = replace(post, id=post.id + 1)
    assert (await api.ask("PUT", f"{BASE}/posts/{other.id}/removal", mine, json={})).status == 404


async def test_an_author_alone_is_told_where_a_post_is(api: Api, ada: Actor, ben: Actor) -> None:
    api.site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    post = await api.publish(ada, "hello")
    path = f"{BASE}/posts/{post.id}/delivery"
    answer = await api.get(path, await api.token(ada))
    assert answer.json == {
        "delivered": 0, "pending": 1, "refused": 0, "expired": 0,
        "servers": [{"host": "far.example", "state": "pending", "why": None, "at": None}],
    }  # fmt: skip
    assert (await api.get(path, await api.token(ben))).status == 404
    assert (await api.get(path, None)).status == 401
