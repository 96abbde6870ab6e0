"""Whom one features, what one notes, whom one might follow, and the directory."""

from typing import Any

import pytest

from fedi.mastodon import suggestions
from storage import actors, peers
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Api
from tests.storage import rows

pytestmark = pytest.mark.anyio


async def test_endorsements_are_of_whom_one_follows(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    refused = await api.post(f"/api/v1/accounts/{ben.id}/endorse", token)
    assert refused.status == 422
    assert refused.error == "Validation failed: You must be already following the person you want to endorse"
    await api.follow(ada, ben)
    for path in ("endorse", "pin"):
        assert (await api.post(f"/api/v1/accounts/{ben.id}/{path}", token)).json["endorsed"] is True
    for path, asked in (("endorsements", token), (f"accounts/{ada.id}/endorsements", theirs)):
        assert [one["acct"] for one in (await api.get(f"/api/v1/{path}", asked)).json] == ["ben"], path
    assert (await api.get(f"/api/v1/accounts/{ben.id}/endorsements")).json == []
    assert (await api.post(f"/api/v1/accounts/{ben.id}/unfollow", token)).json["endorsed"] is False
    assert (await api.get("/api/v1/endorsements", token)).json == []
    await api.follow(ada, ben)
    await api.post(f"/api/v1/accounts/{ben.id}/endorse", token)
    for path in ("unpin", "unendorse"):
        assert (await api.post(f"/api/v1/accounts/{ben.id}/{path}", token)).json["endorsed"] is False


async def test_a_featured_private_group_is_shown_to_its_members(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("secret", ada, see="members")
    token = await api.token(ada)
    assert (await api.post(f"/api/v1/accounts/{group.id}/endorse", token)).json["endorsed"] is True
    assert [one["acct"] for one in (await api.get(f"/api/v1/accounts/{ada.id}/endorsements", token)).json] == ["secret"]
    assert (await api.get(f"/api/v1/accounts/{ada.id}/endorsements", await api.token(ben))).json == []
    assert (await api.get(f"/api/v1/accounts/{ada.id}/endorsements")).json == []


async def test_notes_are_for_ones_own_eyes(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    at = f"/api/v1/accounts/{ben.id}/note"
    assert (await api.post(at, token, json={"comment": "met at the fair"})).json["note"] == "met at the fair"
    assert (await api.get(f"/api/v1/accounts/relationships?id={ben.id}", token)).json[0]["note"] == "met at the fair"
    assert (await api.get(f"/api/v1/accounts/relationships?id={ada.id}", theirs)).json[0]["note"] == ""
    assert (await api.post(at, token, json={"comment": "x" * 2000})).json["note"] == "x" * 2000
    assert (await api.post(at, token, json={"comment": "x" * 2001})).status == 422
    assert (await api.post(at, token)).json["note"] == ""
    assert (await api.post("/api/v1/accounts/1234/note", token, json={"comment": "x"})).status == 404


async def test_a_follow_has_languages(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    at = f"/api/v1/accounts/{ben.id}/follow"
    assert (await api.post(at, token, form={"languages[]": ["de", "en"]})).json["languages"] == ["de", "en"]
    # What is left out stays, an empty list is all of them.
    answer = (await api.post(at, token, form={"reblogs": "false"})).json
    assert (answer["languages"], answer["showing_reblogs"], answer["notifying"]) == (["de", "en"], False, False)
    assert (await api.post(at, token, json={"languages": []})).json["languages"] is None
    for wrong in (["not a language"], ["<b>"], ["en"] * 1001, ["x"]):
        assert (await api.post(at, token, json={"languages": wrong})).status == 422


async def test_relationships_with_suspended(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.site.db.write(lambda tx: actors.change(tx, ben.id, state="suspended"))
    assert (await api.get(f"/api/v1/accounts/relationships?id[]={ben.id}", token)).json == []
    found = (await api.get(f"/api/v1/accounts/relationships?id[]={ben.id}&with_suspended=true", token)).json
    assert [one["id"] for one in found] == [str(ben.id)]


async def suggested(api: Api, token: str) -> dict[str, list[str]]:
    """The sources of each suggestion, by the account's name."""
    found = (await api.get("/api/v2/suggestions", token)).json
    assert all(one["source"] in ("staff", "past_interactions", "global") for one in found)
    plain = [one["acct"] for one in (await api.get("/api/v1/suggestions", token)).json]
    assert plain == [one["account"]["acct"] for one in found]
    return {one["account"]["acct"]: one["sources"] for one in found}


async def test_suggestions(api: Api, ada: Actor, ben: Actor) -> None:
    chi, dan, eve = await api.person("chi"), await api.person("dan"), await api.person("eve")
    maths, secret = await api.group("maths", ben), await api.group("secret", ben, see="members")
    await api.group("partners", ben, see="peers")
    shared = await api.group("shared", chi)
    for one in (ada, ben):
        await api.follow(one, shared)
    await api.follow(ada, chi)
    await api.follow(chi, dan)
    token = await api.token(ada)
    found = await suggested(api, token)
    assert "friends_of_friends" in found["maths"], "who is in a group of ada's is in it"
    assert "similar_to_recently_followed" in found["ben"], "they share a group"
    assert "friends_of_friends" in found["dan"], "followed by whom ada follows"
    assert found["eve"] == ["most_followed"]
    assert found["partners"] == ["featured"], "who is in it is not for everyone to know"
    assert found.keys().isdisjoint({"ada", "chi", "shared", "secret"}), "oneself, who is followed, what is hidden"

    # Who hides whom they follow gives nobody away; who does not want to be found is not.
    await api.ask("PATCH", "/api/v1/profile", await api.token(chi), form={"hide_collections": "true"})
    assert "friends_of_friends" not in (await suggested(api, token)).get("dan", [])
    await api.ask("PATCH", "/api/v1/profile", await api.token(dan), form={"discoverable": "false"})
    assert "dan" not in await suggested(api, token)
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token)
    await api.post(f"/api/v1/accounts/{ada.id}/block", await api.token(eve))
    assert (await api.ask("DELETE", f"/api/v1/suggestions/{maths.id}", token)).json == {}
    assert (await suggested(api, token)).keys().isdisjoint({"ben", "eve", "maths"})
    assert (await api.ask("DELETE", "/api/v1/suggestions/12345", token)).status == 404
    assert "maths" in await suggested(api, await api.token(chi)), "others see what they saw"
    assert secret.id != maths.id


async def test_suggestions_take_a_fixed_number_of_queries(api: Api, ada: Actor, ben: Actor) -> None:
    def asked(tx: Tx) -> int:
        statements: list[str] = []
        connection: Any = tx.connection.driver_connection
        connection.set_trace_callback(statements.append)
        try:
            assert suggestions.found(tx, api.site, ada, suggestions.Suggested())
        finally:
            connection.set_trace_callback(None)
        return len(statements)

    if not api.site.db.url.startswith("sqlite"):
        pytest.skip("statements are counted on SQLite")
    group = await api.group("maths", ben)
    await api.follow(ada, group)
    few = await api.site.db.read(asked)
    for number in range(10):
        one = await api.person(f"p{number}")
        await api.follow(one, group)
        await api.group(f"g{number}", one)
    assert 0 < await api.site.db.read(asked) <= few


async def test_the_directory(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("maths", ada)
    await api.group("secret", ada, see="members")
    await api.publish(ben, "last word")

    def others(tx: Tx) -> None:
        rows.actor(tx, "far", "beta.example")
        rows.actor(tx, "quiet", "beta.example", discoverable=False)
        rows.actor(tx, "limited", "gamma.example")
        rows.actor(tx, "left", "beta.example", moved_to="https://beta.example/people/far")
        peers.meet(tx, "gamma.example", 0)
        peers.change(tx, "gamma.example", stance="limited")

    await api.site.db.write(others)

    async def names(query: str = "", token: str | None = None) -> list[str]:
        return [one["acct"] for one in (await api.get(f"/api/v1/directory{query}", token)).json]

    assert (await names())[0] == "ben"
    assert set(await names()) == {"ada", "ben", "maths", "far@beta.example"}
    assert set(await names("?local=true")) == {"ada", "ben", "maths"}
    assert (await names("?local=1&order=new"))[0] == "maths"
    assert len(await names("?limit=2")) == 2
    assert await names("?limit=2&offset=2") == (await names())[2:4]
    token = await api.token(ada)
    await api.post(f"/api/v1/accounts/{ben.id}/block", token)
    await api.post(f"/api/v1/accounts/{group.id}/mute", token)
    await api.post("/api/v1/domain_blocks?domain=beta.example", token)
    assert await names("", token) == ["ada"]
