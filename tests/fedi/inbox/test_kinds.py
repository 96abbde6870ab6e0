"""Posts of other kinds than Note: what is kept of them, and so shown by every door."""

from typing import Any

import pytest

from storage import mentions
from storage.posts import Post
from tests.federation.samples import peer as recorded
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


async def sent(alpha: Instance, peer: Peer, **document: Any) -> Post:
    """A post of `peer` that mentions somebody of alpha, with these properties, as alpha keeps it."""
    ada = alpha.person(f"ada{len(peer.documents)}")
    author = peer.actor(f"mia{len(peer.documents)}")
    for name in (
        "id",
        "attributedTo",
        "actor",
        "to",
        "cc",
        "published",
        "updated",
        "inReplyTo",
        "audience",
        "@context",
    ):
        document.pop(name, None)
    tags = document.pop("tag", [])
    mention = {"type": "Mention", "href": ada.iri}
    note = peer.note(author, str(len(peer.documents)))
    note.update(document, tag=[*tags, mention])
    assert (await peer.send(alpha, peer.activity("Create", author, note))).status == 202
    await settle(alpha)
    return alpha.post(note["id"])


async def test_an_event_says_when_and_where(alpha: Instance, peer: Peer) -> None:
    post = await sent(alpha, peer, **recorded("mobilizon/object-event.json"))
    assert (post.kind, post.title) == ("Event", "Caledonian scottish dance class")
    assert post.content.startswith("<p>📅 2022-12-11 19:00–21:00 (Europe/London, UTC)<br>📍 The Kenn Centre, Devon")
    assert "£6 each." in post.content
    assert post.event is not None
    assert post.event["join_mode"] == "free"
    assert [one["description"] for one in post.attachments] == ["Banner"]


async def test_an_event_that_is_moved_is_an_edit(alpha: Instance, peer: Peer) -> None:
    post = await sent(alpha, peer, type="Event", name="Exam", content="<p>x</p>", startTime="2026-12-01T09:00:00+01:00")
    author = next(
        iri for iri in peer.keys if post.iri in peer.documents and peer.documents[post.iri]["attributedTo"] == iri
    )
    moved = {**peer.documents[post.iri], "startTime": "2026-12-02T09:00:00+01:00", "eventStatus": "CANCELLED"}
    await peer.send(alpha, peer.activity("Update", author, moved))
    await settle(alpha)
    assert (
        alpha.post(post.iri).content == "<p><strong>CANCELLED</strong><br>📅 2026-12-02 09:00 (UTC+01:00)</p><p>x</p>"
    )
    assert alpha.post(post.iri).edited_at is not None


async def test_a_video_shows_its_picture_and_where_it_is_played(alpha: Instance, peer: Peer) -> None:
    post = await sent(alpha, peer, **recorded("peertube/object-peertube-video.json"))
    assert post.kind == "Video"
    assert post.link == "https://framatube.org/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d"
    assert [one["kind"] for one in post.attachments] == ["image"]


async def test_an_article_is_kept_whole(alpha: Instance, peer: Peer) -> None:
    article = recorded("wordpress/object-page.json")
    post = await sent(alpha, peer, **article)
    assert (post.kind, post.title, post.summary) == ("Article", article["name"], None)
    assert len(post.content) > 500
    assert post.attachments[0]["description"] == "A fleet of varied spacships"


async def test_every_language_is_kept_and_one_is_shown(alpha: Instance, peer: Peer) -> None:
    languages = {
        "de": "<p>Hallo<script>x</script></p>",
        "en": "<p>Hello</p>",
        "und": "<p>?</p>",
        "nonsense!": "<p>!</p>",
    }
    post = await sent(alpha, peer, content="<p>Hello</p>", contentMap=languages)
    assert (post.language, post.content) == ("en", "<p>Hello</p>")
    assert post.content_map == {"de": "<p>Hallo</p>", "en": "<p>Hello</p>"}
    alone = await sent(alpha, peer, content=None, contentMap={"de": "<p>Hallo</p>"})
    assert (alone.language, alone.content, alone.content_map) == ("de", "<p>Hallo</p>", None)


async def test_custom_emoji_of_posts_and_people(alpha: Instance, peer: Peer) -> None:
    emoji = {"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": peer.iri("/blob.png")}}
    post = await sent(
        alpha, peer, content="<p>:blob:</p>", tag=[emoji, {**emoji, "icon": {"url": "data:x"}, "name": ":x:"}]
    )
    assert post.emoji == [{"shortcode": "blob", "url": peer.iri("/blob.png")}]
    author = peer.actor("fancy", tag=[emoji])
    note = peer.note(author, "n", tag=[{"type": "Mention", "href": alpha.person("zoe").iri}])
    await peer.send(alpha, peer.activity("Create", author, note))
    await settle(alpha)
    assert alpha.actor(author).emoji == [{"shortcode": "blob", "url": peer.iri("/blob.png")}]


async def test_context_and_replies_are_kept(alpha: Instance, peer: Peer) -> None:
    post = await sent(
        alpha, peer, context=peer.iri("/contexts/1"), replies={"id": peer.iri("/1/replies"), "type": "Collection"}
    )
    assert (post.context, post.replies) == (peer.iri("/contexts/1"), peer.iri("/1/replies"))


async def test_what_came_before_the_post_it_answers_and_was_deleted_does_not_count(alpha: Instance, peer: Peer) -> None:
    ada, bob = alpha.person("ada"), peer.actor("bob")
    parent = peer.note(bob, "parent", tag=[{"type": "Mention", "href": ada.iri}])
    del peer.documents[parent["id"]]  # nobody can have it yet
    for name in ("stays", "goes"):
        answer = peer.note(bob, name, inReplyTo=parent["id"], tag=[{"type": "Mention", "href": ada.iri}])
        await peer.send(alpha, peer.activity("Create", bob, answer))
    await settle(alpha)
    await peer.send(alpha, peer.activity("Delete", bob, peer.iri("/notes/goes")))
    await settle(alpha)
    await peer.send(alpha, peer.activity("Create", bob, parent))
    await settle(alpha)
    assert alpha.post(parent["id"]).replies_count == 1


async def test_who_is_mentioned_here_hears_of_it_however_many_others_are_named_before(
    alpha: Instance, peer: Peer
) -> None:
    zoe, author = alpha.person("zoe"), peer.actor("mia")
    others = [peer.iri(f"/users/u{n}") for n in range(300)]
    tags = [{"type": "Mention", "href": iri} for iri in [*others[:150], zoe.iri]]
    note = peer.note(author, "n", tag=tags) | {"cc": others}
    assert (await peer.send(alpha, peer.activity("Create", author, note))).status == 202
    await settle(alpha)
    post = alpha.post(note["id"])
    assert alpha.read(lambda tx: mentions.mentioned_in(tx, [post.id])) == {post.id: [zoe.id]}
