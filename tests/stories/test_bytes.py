"""What a group hosted here passes on leaves as it came, byte for byte, through the whole pipeline and the database."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import Databases
from tests.world import Instance, Peer, World, close, instance, settle

pytestmark = pytest.mark.anyio


@pytest.fixture
async def alpha(databases: Databases, tmp_path: Path) -> AsyncIterator[Instance]:
    url = databases.new("sqlite")
    made = await instance(World(), "alpha.example", url, tmp_path)
    yield made
    await close(made)
    databases.drop(url)


def spelled(activity: dict[str, Any]) -> bytes:
    """The activity as nobody but its sender would write it: blanks, escapes, odd numbers, names that nobody knows, no order."""
    odd = {
        "x:unheard": [1.0, 1e2, -0.0, {"@language": "und", "deep": [None, True]}],
        "z": "\u2028 </script>",
        **activity,
    }
    text = json.dumps(odd, ensure_ascii=True, indent=1, separators=(" ,", " : "))
    return text.replace("/", "\\/", 3).replace("100.0", "1E+2").encode()


def passed_on(alpha: Instance, host: str) -> list[bytes]:
    """The bytes of what was in the Announces that a host got."""

    class Outer(msgspec.Struct):
        type: str
        object: msgspec.Raw

    found = [body for to, _, body in alpha.world.sent if to == host]
    outer = [msgspec.json.decode(body, type=Outer) for body in found if b'"Announce"' in body]
    return [bytes(one.object) for one in outer if one.type == "Announce"]


async def test_every_kind_that_a_group_passes_on(alpha: Instance) -> None:
    group = alpha.group("ml", alpha.person("ada"))
    forum, author_host = Peer(alpha.world, "forum.example", "lemmy"), Peer(alpha.world, "author.example", "mastodon")
    member, author = forum.actor("member"), author_host.actor("author")
    for host, one in ((forum, member), (author_host, author)):
        assert (await host.send(alpha, host.activity("Follow", one, group.iri, to=[group.iri]))).status == 202
    await settle(alpha)
    note = author_host.note(author, "1", to=[PUBLIC, group.iri], audience=group.iri)
    like = author_host.activity("Like", author, note["id"])
    edited = {**note, "content": "<p>edited</p>", "updated": "2026-11-02T12:00:00Z"}
    for activity in (
        author_host.activity("Create", author, note, audience=group.iri),
        author_host.activity("Update", author, edited, audience=group.iri),
        like,
        author_host.activity("Undo", author, {k: v for k, v in like.items() if k != "@context"}),
        author_host.activity("Dislike", author, note["id"]),
        author_host.activity("Delete", author, note["id"]),
    ):
        raw = spelled(activity)
        assert (await author_host.send(alpha, raw, key=author)).status == 202
        await settle(alpha)
        assert raw in passed_on(alpha, "forum.example"), activity["type"]


PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
