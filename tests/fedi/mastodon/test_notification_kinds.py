"""Which act becomes which kind of notification, and for whom: groups, bells, quotes, edits, sign-ups, appointed moderators."""

from typing import Any

from fedi.actions import moderation, people
from fedi.actions.posts import Draft, edit
from fedi.actions.reactions import boost
from storage import posts
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Api


async def told(api: Api, actor: Actor) -> list[tuple[str, str]]:
    """(kind, who did it) of everything that a person was told, newest first."""
    found = (await api.get("/api/v1/notifications", await api.token(actor))).json
    return [(one["type"], one["account"]["username"]) for one in found]


async def test_a_group_makes_no_noise(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("compsci", ada)
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, group)
    await api.post("/api/v1/notifications/clear", await api.token(ada))
    await api.post(f"/api/v1/accounts/{group.id}/follow", await api.token(chi), json={"notify": True})
    post = await api.publish(ben, "@compsci hello")
    kept = await api.site.db.read(lambda tx: posts.by_id(tx, post.id))
    assert kept is not None
    assert kept.boosts_count == 1, "the group boosted it"
    assert await told(api, ben) == [], "no reblog of a group's boost"
    assert await told(api, ada) == [], "a mention of the group is none of its members"
    assert await told(api, chi) == [("status", "ben")], "the bell of a group: once for a thread"
    await api.publish(ada, "@ben an answer", reply_to_id=post.id)
    assert await told(api, chi) == [("status", "ben")], "and not for an answer"
    assert await told(api, ben) == [("mention", "ada")]


async def test_the_bell_of_both_rings_once(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("compsci", ada)
    chi = await api.person("chi")
    await api.follow(ben, group)
    for target in (group, ben):
        await api.post(f"/api/v1/accounts/{target.id}/follow", await api.token(chi), json={"notify": True})
    await api.publish(ben, "@compsci hello")
    assert await told(api, chi) == [("status", "ben")]


async def test_who_is_appointed_hears_of_it(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("compsci", ada)
    await api.follow(ben, group)
    await api.site.db.write(lambda tx: moderation.appoint(tx, api.site, ada, group, ben))
    assert await told(api, ben) == [("mention", "compsci")]
    [one] = (await api.get("/api/v1/notifications", await api.token(ben))).json
    assert one["status"]["visibility"] == "direct"
    assert "You moderate Compsci from now on" in one["status"]["content"]
    assert one["status"]["url"].endswith("/groups/compsci/moderation")
    chi = await api.person("chi")
    assert (await api.get(f"/api/v1/statuses/{one['status']['id']}", await api.token(chi))).status == 404
    shown = (await api.get(f"/api/v1/accounts/{group.id}", await api.token(chi))).json
    assert shown["statuses_count"] == 0
    assert (await api.get(f"/api/v1/accounts/{group.id}/statuses", await api.token(chi))).json == []
    # An answer reaches the moderators of the group.
    await api.publish(ben, "@compsci thank you", visibility="direct", reply_to_id=int(one["status"]["id"]))
    assert ("mention", "ben") in await told(api, ada)


async def test_edits_reach_who_boosted_and_who_quoted(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    post = await api.publish(ada, "first words", quote_policy="public")
    await api.site.db.write(lambda tx: boost(tx, api.site, chi, post))
    quote = await api.publish(ben, "look", quote_id=post.id)
    assert await told(api, ada) == [("quote", "ben"), ("reblog", "chi")]

    def change(text: str) -> Any:
        def unit(tx: Tx) -> None:
            found = posts.by_id(tx, post.id)
            assert found is not None
            edit(tx, api.site, found, Draft(text))

        return api.site.db.write(unit)

    await change("second words")
    assert await told(api, chi) == [("update", "ada")]
    [news] = (await api.get("/api/v1/notifications", await api.token(ben))).json
    assert (news["type"], news["account"]["username"]) == ("quoted_update", "ada")
    assert news["status"]["id"] == str(quote.id), "their own quote is what is shown"
    await change("third words")
    [newer] = (await api.get("/api/v1/notifications", await api.token(ben))).json
    assert int(newer["id"]) > int(news["id"]), "the newest edit stands in place of the one before"


async def test_staff_hears_of_sign_ups_in_one_group(api: Api, ada: Actor, ben: Actor) -> None:
    await api.site.db.write(lambda tx: people.signed_up(tx, api.site, ben))
    assert await told(api, ada) == [], "who is no staff hears nothing of sign-ups"
    mod = await api.person("mod", role="moderator")
    await api.site.db.write(lambda tx: people.signed_up(tx, api.site, ben))
    await api.site.db.write(lambda tx: people.signed_up(tx, api.site, ada))
    assert await told(api, mod) == [("admin.sign_up", "ada"), ("admin.sign_up", "ben")]
    [group] = (await api.get("/api/v2/notifications", await api.token(mod))).json["notification_groups"]
    assert (group["notifications_count"], group["sample_account_ids"]) == (2, [str(ada.id), str(ben.id)])
