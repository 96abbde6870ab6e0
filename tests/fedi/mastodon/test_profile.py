"""The profile: every field of it, both ways to edit it, what the institution says of a person, and what is hidden."""

from typing import Any

import pytest

from fedi.actions import affiliations, moves, profiles
from fedi.errors import Invalid
from fedi.rendering import actors as rendering
from storage import actors, jobs
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api
from tests.storage import rows

pytestmark = pytest.mark.anyio

PROFILE = {
    *("id", "display_name", "note", "fields", "avatar", "avatar_static", "avatar_description", "header"),
    *("header_static", "header_description", "locked", "bot", "hide_collections", "discoverable", "indexable"),
    *("show_media", "show_media_replies", "show_featured", "attribution_domains"),
}


async def test_the_profile_is_read_and_changed(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    before = (await api.get("/api/v1/profile", token)).json
    assert before.keys() >= PROFILE
    assert (before["avatar"], before["header_static"], before["avatar_description"]) == (None, None, "")
    changes: dict[str, Any] = {
        "display_name": "Ada L.",
        "note": "I like #maths & <b>",
        "locked": True,
        "bot": True,
        "discoverable": False,
        "indexable": True,
        "hide_collections": True,
        "show_media": False,
        "show_featured": False,
        "attribution_domains": ["Blog.Example", "*.news.example"],
        "avatar_description": "a woman at a desk",
        "header_description": "hills",
        "fields_attributes": [
            {"name": "Pronouns", "value": "she/her"},
            {"name": "Web", "value": "https://ada.example/"},
        ],
    }
    after = (await api.ask("PATCH", "/api/v1/profile", token, json=changes)).json
    assert after.keys() == before.keys()
    assert (await api.ask("PUT", "/api/v1/profile", token, json=changes)).json == after
    for name, value in changes.items():
        if name not in ("fields_attributes", "attribution_domains"):
            assert after[name] == value, name
    assert after["attribution_domains"] == ["blog.example", "news.example"]
    assert [(one["name"], one["value"]) for one in after["fields"]] == [
        ("Pronouns", "she/her"),
        ("Web", "https://ada.example/"),
    ]
    assert (await api.get("/api/v1/profile", token)).json == after
    shown = (await api.get(f"/api/v1/accounts/{ada.id}")).json
    wanted = {
        "locked": True,
        "bot": True,
        "discoverable": False,
        "noindex": False,
        "hide_collections": True,
        "show_media": False,
        "show_media_replies": True,
        "show_featured": False,
        "avatar_description": "a woman at a desk",
        "header_description": "hills",
    }
    assert {name: shown[name] for name in wanted} == wanted
    assert 'rel="me nofollow' in shown["fields"][1]["value"]
    me = (await api.get("/api/v1/accounts/verify_credentials", token)).json
    assert me["source"]["note"] == "I like #maths & <b>"
    assert (me["source"]["hide_collections"], me["source"]["indexable"]) == (True, True)
    # What is left out stays.
    again = (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, json={"show_media": True})).json
    assert (again["show_media"], again["show_featured"], again["display_name"]) == (True, False, "Ada L.")


@pytest.mark.parametrize(
    "changes",
    [
        {"display_name": "x" * 101},
        {"note": "x" * 2001},
        {"fields_attributes": [{"name": "x", "value": "y" * 256}]},
        {"fields_attributes": [{"name": "x", "value": "y"}] * 9},
        {"avatar_description": "x" * 1501},
        {"attribution_domains": ["not a domain"]},
        {"attribution_domains": ["a.example"] * 101},
        {"source": {"privacy": "everyone"}},
    ],
)
async def test_what_cant_be_taken_changes_nothing(api: Api, ada: Actor, changes: dict[str, Any]) -> None:
    token = await api.token(ada)
    before = (await api.get("/api/v1/profile", token)).json
    changes = {**changes, "locked": True}
    for path in ("/api/v1/profile", "/api/v1/accounts/update_credentials"):
        assert (await api.ask("PATCH", path, token, json=changes)).status == 422
    assert (await api.get("/api/v1/profile", token)).json == before


async def test_an_affiliation_comes_first_with_a_tick(api: Api, clock: Clock) -> None:
    eve = await api.person("eve", affiliation="student")
    token = await api.token(eve)
    shown = (await api.get(f"/api/v1/accounts/{eve.id}")).json
    (tick,) = shown["fields"]
    assert (tick["name"], tick["verified_at"] is not None) == ("Student", True)
    assert tick["value"].startswith('<a href="https://alpha.example/people/eve/affiliation" rel="me ')
    assert "Alpha University" in tick["value"]
    # It is not one of the fields that are edited, and stays first whatever is.
    assert (await api.get("/api/v1/profile", token)).json["fields"] == []
    typed = {"fields_attributes": [{"name": "Room", "value": "12"}]}
    me = (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, json=typed)).json
    assert [one["name"] for one in me["fields"]] == ["Student", "Room"]
    assert me["fields"][0]["verified_at"] == tick["verified_at"]
    assert [one["name"] for one in me["source"]["fields"]] == ["Room"]
    page = await api.get("/people/eve/affiliation", accept="text/html")
    assert page.status == 200
    assert b'<link rel="me" href="https://alpha.example/people/eve">' in page.body

    me = (await api.ask("PATCH", "/api/v1/profile", token, json={"show_affiliation": False})).json
    assert (await api.get(f"/api/v1/accounts/{eve.id}")).json["fields"][0]["name"] == "Room"
    assert (await api.get("/people/eve/affiliation")).status == 404
    await api.ask("PATCH", "/api/v1/profile", token, json={"show_affiliation": True})
    clock.pass_(days=1)
    await api.site.db.write(lambda tx: profiles.affiliate(tx, api.site, eve, "alum"))
    (first, _) = (await api.get(f"/api/v1/accounts/{eve.id}")).json["fields"]
    assert (first["name"], first["verified_at"] > tick["verified_at"]) == ("Alum", True)
    await api.site.db.write(lambda tx: profiles.affiliate(tx, api.site, eve, end=True))
    assert [one["name"] for one in (await api.get(f"/api/v1/accounts/{eve.id}")).json["fields"]] == ["Room"]
    assert (await api.get("/people/eve/affiliation")).status == 404


async def test_a_tick_on_the_wire_is_one_that_mastodon_verifies(api: Api) -> None:
    eve = await api.person("eve", affiliation="faculty")
    made = await api.site.db.read(lambda tx: rendering.document(tx, api.site, eve))
    (field,) = [one for one in made["attachment"] if one["type"] == "PropertyValue"]
    assert field["name"] == "Faculty"
    assert affiliations.lone_link(field["value"]) == "https://alpha.example/people/eve/affiliation"


@pytest.mark.parametrize(
    "value",
    [
        "https://alpha.example/people/eve/affiliation",
        "https://ALPHA.example/people/eve/affiliation",
        "https://alpha.example/people/ada/affiliation?x=1",
        "https://alpha.example/people/eve/%61ffiliation",
        "https://alpha.example/people/eve/%2561ffiliation",
        "https://x@alpha.example/people/eve/affiliation",
        "https://alpha.example:443/people/eve/affiliation#x",
    ],
)
async def test_nobody_types_a_tick(api: Api, ada: Actor, value: str) -> None:
    await api.person("eve", affiliation="student")
    token = await api.token(ada)
    typed = {"fields_attributes": [{"name": "Faculty", "value": value}]}
    answer = await api.ask("PATCH", "/api/v1/profile", token, json=typed)
    assert answer.status == 422 or "<a " not in (await api.get(f"/api/v1/accounts/{ada.id}")).json["fields"][0]["value"]
    shown = (await api.get(f"/api/v1/accounts/{ada.id}")).json["fields"]
    assert all(one["verified_at"] is None for one in shown)


async def test_a_link_to_ones_own_host_is_never_asked_for(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    typed = {"fields_attributes": [{"name": "Faculty", "value": "https://alpha.example/people/ada"}]}
    me = (await api.ask("PATCH", "/api/v1/profile", token, json=typed)).json
    assert 'rel="me' not in me["formatted_fields"][0]["value"]
    assert await api.site.db.write(lambda tx: jobs.claim(tx, api.site.clock(), api.site.clock(), 10)) == []


async def test_the_name_of_the_institution_is_kept_up_to_date(api: Api) -> None:
    eve = await api.person("eve", affiliation="staff")
    assert await api.site.db.write(lambda tx: affiliations.settle_all(tx, api.site)) == 0
    await api.site.db.write(lambda tx: actors.change(tx, eve.id, fields=[]))
    assert await api.site.db.write(lambda tx: affiliations.settle_all(tx, api.site)) == 1
    assert (await api.get(f"/api/v1/accounts/{eve.id}")).json["fields"][0]["name"] == "Staff"
    with pytest.raises(Invalid):
        await api.site.db.write(lambda tx: profiles.affiliate(tx, api.site, eve, "king"))


async def test_hidden_collections(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ada, ben)
    await api.follow(ben, ada)
    await api.follow(chi, ada)
    mine, theirs = await api.token(ada), await api.token(chi)
    await api.ask("PATCH", "/api/v1/profile", mine, form={"hide_collections": "true"})
    for name, count in (("followers", 2), ("following", 1)):
        assert (await api.get(f"/api/v1/accounts/{ada.id}/{name}", theirs)).json == []
        assert (await api.get(f"/api/v1/accounts/{ada.id}/{name}")).json == []
        assert len((await api.get(f"/api/v1/accounts/{ada.id}/{name}", mine)).json) == count
        assert (await api.get(f"/api/v1/accounts/{ada.id}", theirs)).json[f"{name}_count"] == count
    # Nor do others' lists of familiar followers tell: whom ada follows, or who follows her.
    familiar = (await api.get(f"/api/v1/accounts/familiar_followers?id[]={ben.id}&id[]={ada.id}", theirs)).json
    assert [(one["id"], one["accounts"]) for one in familiar] == [(str(ben.id), []), (str(ada.id), [])]
    await api.ask("PATCH", "/api/v1/profile", mine, form={"hide_collections": "false"})
    familiar = (await api.get(f"/api/v1/accounts/familiar_followers?id[]={ben.id}", theirs)).json
    assert [one["acct"] for one in familiar[0]["accounts"]] == ["ada"]


async def test_roles_and_limits_and_where_one_moved(api: Api, ben: Actor) -> None:
    boss = await api.person("boss", role="admin")
    assert [one["name"] for one in (await api.get(f"/api/v1/accounts/{boss.id}")).json["roles"]] == ["Admin"]
    assert (await api.get(f"/api/v1/accounts/{ben.id}")).json["roles"] == []
    mine = (await api.get("/api/v1/accounts/verify_credentials", await api.token(boss))).json
    assert (mine["role"]["name"], mine["roles"][0]["name"]) == ("Admin", "Admin")
    far = await api.site.db.write(lambda tx: rows.actor(tx, "ben", "beta.example", also_known_as=[ben.iri]))
    theirs = await api.token(ben)
    await api.follow(boss, ben)
    assert "moved" not in (await api.get(f"/api/v1/accounts/{ben.id}")).json
    await api.site.db.write(lambda tx: moves.move(tx, api.site, ben, far))
    for path in (f"accounts/{ben.id}", "accounts/lookup?acct=ben", "accounts/verify_credentials"):
        shown = (await api.get(f"/api/v1/{path}", theirs)).json
        assert shown["moved"]["acct"] == "ben@beta.example", path
    refused = await api.post(f"/api/v1/accounts/{ben.id}/follow", await api.token(await api.person("chi")))
    assert (refused.status, refused.error) == (403, "This action is not allowed")


async def test_preferences_have_each_key(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    source = {"privacy": "private", "sensitive": True, "language": "de", "quote_policy": "followers"}
    await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, json={"source": source})
    assert (await api.get("/api/v1/preferences", token)).json == {
        "posting:default:visibility": "private",
        "posting:default:sensitive": True,
        "posting:default:language": "de",
        "posting:default:quote_policy": "followers",
        "reading:expand:media": "default",
        "reading:expand:spoilers": False,
        "reading:autoplay:gifs": False,
    }


async def test_a_group_says_who_reads_it(api: Api, ada: Actor) -> None:
    for see, words in (("public", "everyone"), ("peers", "partner institutions"), ("members", "members only")):
        group = await api.group(f"g{see}", ada, see=see)
        (field,) = (await api.get(f"/api/v1/accounts/{group.id}")).json["fields"]
        assert field["name"] == "Who can read it"
        assert words in field["value"]
        assert field["verified_at"] is None
