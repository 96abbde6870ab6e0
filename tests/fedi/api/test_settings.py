"""Settings over our own API, and that they do what they say."""

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

PATH = "/api/fedi/v1/settings"


async def test_settings_stay_and_work(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    his = await api.token(ben)
    await api.follow(ben, group)
    await api.publish(ada, "a thread @mlops")
    before = {"groups_in_home": True, "group_lists": False, "show_affiliation": True}
    assert (await api.get(PATH, his)).json == before
    assert len((await api.get("/api/v1/timelines/home", his)).json) == 1
    changed = await api.ask("PATCH", PATH, his, json={"groups_in_home": False, "group_lists": True})
    assert changed.json == {"groups_in_home": False, "group_lists": True, "show_affiliation": True}
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
