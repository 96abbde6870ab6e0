"""Invitations over our own API: what the page does an app can do as well."""

from dataclasses import replace

import msgspec

from fedi.app import build
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

PATH = "/api/fedi/v1/invitations"


async def test_an_app_invites(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    config = msgspec.structs.replace(api.site.config, registrations="invite", invitations="members")
    site = replace(api.site, config=config)
    api = Api(build(config, site=site, worker=False), site, api.client)
    hers, his = await api.token(ada), await api.token(ben)
    refused = await api.post(PATH, his, json={"days": 31})
    assert (refused.status, refused.json["code"]) == (422, "days")
    made = (await api.post(PATH, his, json={"note": "for Eve", "uses": 2})).json
    assert made["link"].startswith("https://alpha.example/join/")
    assert (made["uses"], made["came"], made["state"], made["note"]) == (2, [], "open", "for Eve")
    listed = (await api.get(PATH, his)).json
    assert (listed["items"], listed["allowed"]) == ([made], True)
    assert (await api.get(PATH, hers)).json["items"] == []
    assert (await api.ask("DELETE", f"{PATH}/{made['id']}", hers)).status == 404
    assert (await api.ask("DELETE", f"{PATH}/{made['id']}", his)).status in (200, 204)
    assert (await api.get(PATH, his)).json["items"][0]["state"] == "over"


async def test_where_nobody_invites(api: Api, ben: Actor) -> None:
    token = await api.token(ben)
    assert (await api.get(PATH, token)).json == {"items": [], "allowed": False}
    assert (await api.post(PATH, token, json={})).status == 403
