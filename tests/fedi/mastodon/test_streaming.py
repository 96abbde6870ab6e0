"""The WebSocket of the client API, without a network: who may listen to what, and what they are told."""

import asyncio

import pytest

from fedi.actions import follows, people, posts
from fedi.actions.posts import Draft
from storage import apps
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.sockets import Socket, hub, socket


async def listen(api: Api, who: Actor, stream: str = "user", **more: str) -> Socket:
    """A connection of this person that listens to a stream."""
    opened = await socket(api.app, await api.token(who), stream=stream, **more).open()
    assert opened.status == 101
    return opened


async def test_a_post_reaches_who_follows_and_nobody_else(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ben, ada)
    followed, own, other = await listen(api, ben), await listen(api, ada), await listen(api, chi)
    post = await api.publish(ada, "hello")
    for one in (followed, own):
        stream, event, status = await one.event()
        assert (stream, event, status["id"], status["content"]) == (["user"], "update", str(post.id), "<p>hello</p>")
    assert await other.silence()
