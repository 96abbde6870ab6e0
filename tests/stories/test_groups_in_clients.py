"""A group of another university in a plain client: its list, its page, hashtags in it, and its new name."""

import secrets
from typing import Any

import msgspec
import pytest

from fedi import fetching
from fedi.actions import follows, groups, lists, posts
from fedi.actions.posts import Draft
from storage import apps
from storage import lists as list_rows
from storage.actors import Actor
from storage.apps import App, Token, hashed
from storage.posts import Post
from tests.stories.conftest import Three
from tests.world import Instance, settle

pytestmark = pytest.mark.anyio


def token(instance: Instance, person: Actor) -> str:
    """An access token of this person."""
    site, text = instance.site, secrets.token_urlsafe(32)
    client = App(site.new_id(), secrets.token_hex(8), hashed("x"), "Tests", None, ["https://app.example"], "read", 0)
    made = Token(site.new_id(), hashed(text), client.id, person.id, "read write", site.clock(), None, None)
    instance.write(lambda tx: apps.insert_app(tx, client))
    instance.write(lambda tx: apps.insert_token(tx, made))
    return text


async def ask(instance: Instance, path: str, bearer: str) -> Any:
    """What a client gets."""
    answer = await instance.get(path, authorization=f"Bearer {bearer}")
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body)


def publish(instance: Instance, author: Actor, text: str, reply_to: Post | None = None) -> Post:
    """`author` writes a post."""
    draft = Draft(text, reply_to_id=reply_to.id if reply_to else None)
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, draft))


async def test_a_group_of_another_university(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada = alpha.person("olga"), beta.person("ada")
    group = alpha.group("mlops", olga, title="ML in operation")
    beta.write(lambda tx: lists.set_group_lists(tx, beta.site, ada, on=True))
    there = await fetching.actor(beta.site, "mlops@alpha.example")
    beta.write(lambda tx: follows.follow(tx, beta.site, ada, there))
    # Until the other side agrees, there is no list.
    assert beta.read(lambda tx: list_rows.of_person(tx, ada.id)) == []
    await settle(*three.all)
    bearer = token(beta, ada)
    [one] = await ask(beta, "/api/v1/lists", bearer)
    assert (one["title"], one["exclusive"]) == ("ML in operation", True)

    first = publish(alpha, olga, "@mlops first")
    second = publish(alpha, olga, "@mlops second #endgame")
    await settle(*three.all)
    publish(alpha, olga, "an answer", first)
    await settle(*three.all)
    wrappers = await ask(beta, f"/api/v1/timelines/list/{one['id']}", bearer)
    assert [each["reblog"]["uri"] for each in wrappers] == [second.iri, first.iri]
    assert await ask(beta, "/api/v1/timelines/home", bearer) == []
    # Its page here has the thread first in which somebody answered last, as its page there.
    path = f"/api/v1/accounts/{there.id}/statuses"
    page = await ask(beta, path, bearer)
    assert [each["reblog"]["uri"] for each in page] == [first.iri, second.iri]
    assert [each["account"]["acct"] for each in page] == ["mlops@alpha.example"] * 2
    assert [each["reblog"]["group"]["id"] for each in page] == [str(there.id)] * 2
    for each in page:
        assert (await ask(beta, f"/api/v1/statuses/{each['id']}", bearer))["reblog"]["uri"] == each["reblog"]["uri"]
    older = await ask(beta, f"{path}?limit=1&max_id={page[0]['id']}", bearer)
    assert [each["id"] for each in older] == [page[1]["id"]]
    assert await ask(beta, f"{path}?exclude_reblogs=true", bearer) == []
    # A hashtag that somebody follows brings in a post from elsewhere, too.
    beta.write(lambda tx: lists.set_group_lists(tx, beta.site, ada, on=False))
    answer = await ask(beta, "/api/v1/timelines/home", bearer)
    assert [each["reblog"]["uri"] for each in answer] == [second.iri, first.iri]
    tagged = await ask(beta, "/api/v1/timelines/tag/EndGame", bearer)
    assert [each["uri"] for each in tagged] == [second.iri]

    # The group has another name; a moderator there lets nobody of here down.
    beta.write(lambda tx: lists.set_group_lists(tx, beta.site, ada, on=True))
    alpha.write(lambda tx: groups.edit(tx, alpha.site, olga, group, title="MLOps"))
    await settle(*three.all)
    assert [each["title"] for each in await ask(beta, "/api/v1/lists", bearer)] == ["MLOps"]
    # It ends, and with it the list.
    alpha.write(lambda tx: groups.delete(tx, alpha.site, olga, group))
    await settle(*three.all)
    assert await ask(beta, "/api/v1/lists", bearer) == []


async def test_the_bell_of_a_group_of_another_university(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada, eve = alpha.person("olga"), beta.person("ada"), beta.person("eve")
    alpha.group("mlops", olga)
    there = await fetching.actor(beta.site, "mlops@alpha.example")
    beta.write(lambda tx: follows.follow(tx, beta.site, ada, there, notify=True))
    beta.write(lambda tx: follows.follow(tx, beta.site, eve, there))
    await settle(*three.all)
    first = publish(alpha, olga, "@mlops a thread")
    await settle(*three.all)
    publish(alpha, olga, "an answer", first)
    await settle(*three.all)
    [rung] = await ask(beta, "/api/v1/notifications", token(beta, ada))
    # Of whom the thread is, as with somebody's own bell; once, and not of answers.
    assert (rung["type"], rung["account"]["acct"], rung["status"]["uri"]) == ("status", "olga@alpha.example", first.iri)
    assert await ask(beta, "/api/v1/notifications", token(beta, eve)) == []
