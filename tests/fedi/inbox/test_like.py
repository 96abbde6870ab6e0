"""Votes and emoji reactions: one per actor and post, kept with the emoji and its picture (FEP-c0e0)."""

from typing import Any

import pytest

from fedi.actions import posts
from fedi.actions.posts import Draft
from storage import reactions, received
from storage.posts import Post
from storage.reactions import Like
from tests.federation.samples import peer as recorded
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


def publish(alpha: Instance) -> Post:
    """A post of alpha."""
    ada = alpha.person("ada")
    return alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft("Hello")))


def kept(alpha: Instance, post: Post) -> list[Like]:
    """The likes of a post."""
    return alpha.read(lambda tx: reactions.likes_of(tx, post.id, 10))


async def react(alpha: Instance, peer: Peer, activity: dict[str, Any]) -> str | None:
    """Why it was not kept; None when it was."""
    assert (await peer.send(alpha, activity)).status == 202
    await settle(alpha)
    rows = alpha.read(lambda tx: tx.execute(received.received.select()).all())
    found: dict[str, str | None] = {row.activity_id: row.code for row in rows}
    return found[activity["id"]]


async def test_misskeys_like_with_its_own_emoji(alpha: Instance, peer: Peer) -> None:
    post, mia = publish(alpha), peer.actor("mia")
    document = recorded("misskey/activity-custom-emoji-reaction-2.json")
    more = {name: document[name] for name in ("content", "_misskey_reaction", "tag")}
    assert await react(alpha, peer, peer.activity("Like", mia, post.iri, **more)) is None
    (like,) = kept(alpha, post)
    assert (like.kind, like.emoji) == ("like", ":hanapog:")
    assert like.emoji_url == document["tag"][0]["icon"]["url"]
    assert alpha.post(post.iri).likes_count == 1


async def test_the_last_reaction_of_an_actor_counts_once(alpha: Instance, peer: Peer) -> None:
    post, mia = publish(alpha), peer.actor("mia")
    first = peer.activity("EmojiReact", mia, post.iri, content="🔥")
    assert await react(alpha, peer, first) is None
    second = peer.activity("EmojiReact", mia, post.iri, content="👩🏽‍🔬")
    assert await react(alpha, peer, second) is None
    assert await react(alpha, peer, peer.activity("EmojiReact", mia, post.iri, content="👩🏽‍🔬")) == "known"
    assert [like.emoji for like in kept(alpha, post)] == ["👩🏽‍🔬"]
    assert alpha.post(post.iri).likes_count == 1
    # To undo the first, which is gone, is not to undo the second.
    assert await react(alpha, peer, peer.activity("Undo", mia, first)) == "unknown-object"
    assert await react(alpha, peer, peer.activity("Undo", mia, second)) is None
    assert kept(alpha, post) == []
    assert alpha.post(post.iri).likes_count == 0


@pytest.mark.parametrize("name", ["emoji-reaction-too-long", "emoji-reaction-no-emoji"])
async def test_reactions_with_what_is_no_emoji_are_refused(alpha: Instance, peer: Peer, name: str) -> None:
    post, mia = publish(alpha), peer.actor("mia")
    content = recorded(f"attacks/activity-{name}.json")["content"]
    assert await react(alpha, peer, peer.activity("EmojiReact", mia, post.iri, content=content)) == "bad-emoji"
    assert kept(alpha, post) == []
    # A Like is a like whatever is written on it.
    assert await react(alpha, peer, peer.activity("Like", mia, post.iri, content=content)) is None
    assert [like.emoji for like in kept(alpha, post)] == [None]


async def test_an_emoji_without_its_picture_is_a_like(alpha: Instance, peer: Peer) -> None:
    post, mia = publish(alpha), peer.actor("mia")
    tag = {"type": "Emoji", "name": ":blob:", "icon": {"url": "javascript:alert(1)"}}
    assert await react(alpha, peer, peer.activity("Like", mia, post.iri, content=":blob:", tag=[tag])) is None
    assert [like.emoji for like in kept(alpha, post)] == [None]
