"""What people are told of peerings that are suspended or over: over both APIs and on their page."""

import re

from fedi.actions import people, suspensions
from storage import peers
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Api
from tests.fedi.outbox.network import follower
from tests.storage import rows

HOST = "peer.example"
PATH = "/api/fedi/v1/relationships"


def bound(api: Api, ada: Actor) -> None:
    """Somebody there follows ada, and she follows them and another."""

    def unit(tx: Tx) -> None:
        people.ensure_instance_actor(tx, api.site)
        bea = follower(tx, HOST, ada, name="bea")
        rows.follow(tx, ada, bea)
        rows.follow(tx, ada, rows.actor(tx, "zoe", HOST))
        peers.change(tx, HOST, stance="agreed")

    api.site.db.write_now(unit)


async def test_what_is_paused_and_what_is_lost(api: Api, ada: Actor, ben: Actor) -> None:
    bound(api, ada)
    token = await api.token(ada)
    assert (await api.get(PATH, token)).json == {"paused": [], "severed": []}
    until = api.site.db.write_now(lambda tx: suspensions.began(tx, api.site, HOST, None))
    [paused] = (await api.get(PATH, token)).json["paused"]
    assert (paused["host"], paused["following"], paused["followers"]) == (HOST, 2, 1)
    assert until - api.site.clock() > 29 * 86_400_000
    assert (await api.get(PATH, await api.token(ben))).json == {"paused": [], "severed": []}

    api.site.db.write_now(lambda tx: suspensions.ended(tx, api.site, HOST, "ended"))
    found = (await api.get(PATH, token)).json
    assert found["paused"] == []
    assert sorted((one["handle"], one["following"]) for one in found["severed"]) == [
        (f"bea@{HOST}", False), (f"bea@{HOST}", True), (f"zoe@{HOST}", True),
    ]  # fmt: skip
    assert (await api.get(PATH, await api.token(ben))).json["severed"] == []


async def test_apps_are_told_once_as_mastodon_says_it(api: Api, ada: Actor) -> None:
    bound(api, ada)
    token = await api.token(ada)
    api.site.db.write_now(lambda tx: suspensions.began(tx, api.site, HOST, None))
    api.site.db.write_now(lambda tx: suspensions.ended(tx, api.site, HOST, "ended"))
    told = [
        one for one in (await api.get("/api/v1/notifications", token)).json if one["type"] == "severed_relationships"
    ]
    [event] = [one["event"] for one in told]
    assert re.fullmatch(r"\d+", event.pop("id"))
    assert event.pop("created_at").startswith("2026-")
    assert event == {
        "type": "domain_block", "purged": False, "target_name": HOST, "followers_count": 1, "following_count": 2,
    }  # fmt: skip
    groups = (await api.get("/api/v2/notifications", token)).json["notification_groups"]
    assert [one["event"]["target_name"] for one in groups if one["type"] == "severed_relationships"] == [HOST]


async def test_the_page_says_it_in_words(api: Api, ada: Actor) -> None:
    bound(api, ada)
    cookie = await api.cookie(ada)
    api.site.db.write_now(lambda tx: suspensions.began(tx, api.site, HOST, None))
    text = (await api.get("/settings/peerings", cookie=cookie, accept="text/html")).body.decode()
    assert "you follow 2 there, and 1 follow you" in text
    assert "Nothing was lost." in text
    api.site.db.write_now(lambda tx: suspensions.ended(tx, api.site, HOST, "ended"))
    text = (await api.get("/settings/peerings", cookie=cookie, accept="text/html")).body.decode()
    assert f"You followed <bdi>@zoe@{HOST}</bdi>" in text
    assert f"<bdi>@bea@{HOST}</bdi> followed you" in text
    news = (await api.get("/notifications", cookie=cookie, accept="text/html")).body.decode()
    assert f"The peering with {HOST} is over: you followed 2 there, and 1 followed you." in news
