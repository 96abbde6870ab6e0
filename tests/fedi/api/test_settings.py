"""Settings over our own API, and that they do what they say."""

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

PATH = "/api/fedi/v1/settings"


async def test_settings_stay_and_work(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    his = await api.token(ben)
    await api.follow(ben, group)
    await api.publish(ada, "a thread @mlops")
    before = {
        "groups_in_home": True,
        "group_lists": False,
        "show_affiliation": True,
        "locale": "",
        "time_zone": "",
        "digest": {"every": "never", "hour": 18, "weekday": 0},
        "mail_mentions": False,
        "quiet_until": None,
    }
    assert (await api.get(PATH, his)).json == before
    assert len((await api.get("/api/v1/timelines/home", his)).json) == 1
    changed = await api.ask("PATCH", PATH, his, json={"groups_in_home": False, "group_lists": True})
    assert changed.json == before | {"groups_in_home": False, "group_lists": True}
    assert (await api.get("/api/v1/timelines/home", his)).json == []
    made = (await api.get("/api/v1/lists", his)).json
    assert [one["title"] for one in made] == ["Mlops"]
    assert len((await api.get(f"/api/v1/timelines/list/{made[0]['id']}", his)).json) == 1
    assert (await api.ask("PATCH", PATH, his, json={"group_lists": False})).json["group_lists"] is False
    assert (await api.get("/api/v1/lists", his)).json == []
    # Nobody else's are touched, and a token that only reads changes nothing.
    assert (await api.get(PATH, await api.token(ada))).json == before
    assert (await api.ask("PATCH", PATH, await api.token(ben, "read"), json={})).status == 403


async def test_the_affiliation_can_be_kept_to_oneself(api: Api) -> None:
    cem = await api.person("cem", affiliation="student")
    token = await api.token(cem)
    path = f"/api/v1/accounts/{cem.id}"
    assert [one["value"] for one in (await api.get(path)).json["fields"]]
    assert (await api.ask("PATCH", PATH, token, json={"show_affiliation": False})).json["show_affiliation"] is False
    assert (await api.get(path)).json["fields"] == []


async def test_mails_are_set_by_apps_as_well(api: Api, ben: Actor, group: Actor, ada: Actor) -> None:
    his = await api.token(ben)
    await api.follow(ben, group)
    for number in range(3):
        await api.publish(ada, f"thread {number} @mlops")
    wanted = {
        "locale": "de",
        "time_zone": "Pacific/Auckland",
        "digest": {"every": "day", "hour": 7, "weekday": 6},
        "mail_mentions": True,
        "quiet_until": "2099-02-01T00:00:00.000Z",
    }
    changed = (await api.ask("PATCH", PATH, his, json=wanted)).json
    assert {name: changed[name] for name in wanted} == wanted
    assert (await api.ask("PATCH", PATH, his, json={"quiet_until": ""})).json["quiet_until"] is None
    for wrong in (
        {"time_zone": "Mars/Olympus"},
        {"locale": "tlh"},
        {"digest": {"every": "day", "hour": 24}},
        {"digest": {"every": "hour"}},
        {"quiet_until": "soon"},
    ):
        assert (await api.ask("PATCH", PATH, his, json=wrong)).status == 422, wrong
    assert (await api.get(PATH, his)).json["time_zone"] == "Pacific/Auckland"
    told = (await api.get(f"{PATH}/forecast", his)).json
    assert [one["group"] for one in told["groups"]] == [str(group.id)]
    assert told["groups"][0]["all"] == round(3 * 7 / 30, 2)
    assert told["groups"][0]["joined"] == 0


async def test_feeds_are_made_listed_and_removed(api: Api, ben: Actor, group: Actor) -> None:
    his, path = await api.token(ben), "/api/fedi/v1/feeds"
    await api.follow(ben, group)
    address = (await api.ask("POST", path, his, json={"kind": "group", "target": str(group.id)})).json["address"]
    where = "/" + address.partition("://")[2].partition("/")[2]
    assert (await api.get(where)).status == 200
    (one,) = (await api.get(path, his)).json["items"]
    assert (one["kind"], one["target"]) == ("group", str(group.id))
    assert one["used_at"] is not None
    assert address not in str(one)
    assert (await api.ask("POST", path, his, json={"kind": "group", "target": str(ben.id)})).status == 404
    assert (await api.ask("POST", path, his, json={"kind": "all", "target": "1"})).status == 422
    assert (await api.ask("DELETE", f"{path}/{one['id']}", his)).status == 204
    assert (await api.ask("DELETE", f"{path}/{one['id']}", his)).status == 404
    assert (await api.get(where)).status == 410
