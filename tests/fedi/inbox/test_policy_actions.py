"""The policy is asked wherever something comes in, goes out or is shown, and does what its rules say.

The tables: every action of Akkoma's SimplePolicy (`lib/pleroma/web/activity_pub/mrf/simple_policy.ex`) and every choice that
Mastodon gives for a domain, each as a rule, with what is seen here of a server that it is about and of one that it is not.
"""

from collections.abc import Awaitable, Callable

import pytest

from federation.policy.simple_policy import ACTIONS
from fedi import fetching
from storage import follows as follow_rows
from storage import peers, reports
from tests.policies import IMAGE, Scene, apply, made, pictured, rule
from tests.world import Instance, Peer, World, settle

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(world: World, alpha: Instance, peer: Peer) -> Scene:
    """Ada follows Bob, of whose server the rules are, and Eve."""
    return await made(world, alpha, peer)


# What is seen of a server: a function for each action gives what it made of a post, an actor or a report of that server.


async def taken(scene: Scene, by: Peer, author: str) -> object:
    return scene.alpha.has(await scene.publish(by, author, "taken"))


async def media(scene: Scene, by: Peer, author: str) -> object:
    post = scene.alpha.post(await scene.publish(by, author, "media", attachment=[IMAGE]))
    return len(post.attachments)


async def warned(scene: Scene, by: Peer, author: str) -> object:
    return scene.alpha.post(await scene.publish(by, author, "warned", attachment=[IMAGE])).sensitive


async def visibility(scene: Scene, by: Peer, author: str) -> object:
    return scene.alpha.post(await scene.publish(by, author, "seen")).visibility


async def reported(scene: Scene, by: Peer, author: str) -> object:
    await by.send(scene.alpha, by.activity("Flag", author, [scene.ada.iri], content="rude"))
    await settle(scene.alpha)
    return len(scene.alpha.read(lambda tx: reports.listed(tx, 10)))


async def avatar(scene: Scene, by: Peer, author: str) -> object:
    return (await fetching.actor(scene.alpha.site, by.actor("new", icon=pictured("i")))).icon is not None


async def header(scene: Scene, by: Peer, author: str) -> object:
    return (await fetching.actor(scene.alpha.site, by.actor("new", image=pictured("h")))).image is not None


async def background(scene: Scene, by: Peer, author: str) -> object:
    found = await fetching.actor(scene.alpha.site, by.actor("new", backgroundUrl=pictured("b")))
    return "b.png" in repr(found)


async def deleted(scene: Scene, by: Peer, author: str) -> object:
    iri = await scene.publish(by, author, "gone")
    await by.send(scene.alpha, by.activity("Delete", author, iri))
    await settle(scene.alpha)
    return scene.alpha.post(iri).deleted_at is not None


async def waits(scene: Scene, by: Peer, author: str) -> object:
    await by.send(scene.alpha, by.activity("Follow", author, scene.ada.iri))
    await settle(scene.alpha)
    follower = scene.alpha.actor(author)
    found = scene.alpha.read(lambda tx: follow_rows.find(tx, follower.id, scene.ada.id))
    assert found is not None
    return found.state


async def emoji(scene: Scene, by: Peer, author: str) -> object:
    tag = [{"type": "Emoji", "name": ":cat:", "icon": pictured("cat")}]
    return len(scene.alpha.post(await scene.publish(by, author, "emoji", tag=tag)).emoji)


Seen = Callable[[Scene, Peer, str], Awaitable[object]]
AKKOMA: dict[str, tuple[str, Seen, object, object]] = {
    "reject": (rule('"reject"'), taken, False, True),
    "accept": (rule('"reject"', 'peer = "!peer.example", direction = "in"'), taken, True, False),
    "media_removal": (rule('"strip-media"'), media, 0, 1),
    "media_nsfw": (rule('"sensitive"'), warned, True, False),
    "federated_timeline_removal": (rule('"delist"'), visibility, "unlisted", "public"),
    "followers_only": (rule('"followers-only"'), visibility, "followers", "public"),
    "report_removal": (rule('"reject-reports"'), reported, 0, 1),
    "avatar_removal": (rule('"strip-avatar"'), avatar, False, True),
    "banner_removal": (rule('"strip-header"'), header, False, True),
    "background_removal": ("", background, False, False),  # nothing of it is ever kept, so no rule is needed
    "reject_deletes": (rule('"reject-deletes"'), deleted, False, True),
}
"""Action -> (rule, what is looked at, what it is of whom the rule is about, and of others)."""
MASTODON: dict[str, tuple[str, Seen, object, object]] = {
    "suspend": (rule('"reject"'), taken, False, True),
    "silence: in no public timeline": (rule('"limit"'), visibility, "unlisted", "public"),
    "silence: follows wait": (rule('"limit"'), waits, "pending", "accepted"),
    "noop": (rule('"accept"'), visibility, "public", "public"),
    "reject_media: files": (rule('"strip-media"'), media, 0, 1),
    "reject_media: emoji": (rule('"strip-media"'), emoji, 0, 1),
    "reject_media: avatars": (rule('"strip-media"'), avatar, False, True),
    "reject_media: headers": (rule('"strip-media"'), header, False, True),
    "reject_reports": (rule('"reject-reports"'), reported, 0, 1),
}
OURS: dict[str, tuple[str, Seen, object, object]] = {
    "unlisted": (rule('"unlisted"'), visibility, "unlisted", "public"),
    "require-approval": (rule('"require-approval"'), waits, "pending", "accepted"),
    "hold": (rule('"hold"', 'peer = "peer.example", direction = "in", activity = "Create"'), taken, False, True),
}


@pytest.mark.parametrize("action", [*AKKOMA, *MASTODON, *OURS])
async def test_every_action_of_others_is_a_rule_here(scene: Scene, action: str) -> None:
    text, look, about, of_others = (AKKOMA | MASTODON | OURS)[action]
    if text:
        apply(scene.alpha, text)
    assert await look(scene, scene.peer, scene.bob) == about
    if look is reported:
        of_others = 1
    assert await look(scene, scene.other, scene.eve) == of_others


@pytest.mark.parametrize(
    ("stance", "look", "about"),
    [
        ("blocked", taken, False),
        ("limited", visibility, "unlisted"),
        ("limited", waits, "pending"),
        ("none", taken, True),
    ],
)
async def test_how_mastodon_s_moderation_tools_set_a_server_does_the_same(
    scene: Scene, stance: str, look: Seen, about: object
) -> None:
    """`suspend` and `silence` of its admin API are the stance to a host, without a rule (`fedi.mastodon.admin_domains`)."""
    scene.alpha.write(lambda tx: peers.change(tx, "peer.example", stance=stance))
    assert await look(scene, scene.peer, scene.bob) == about


def test_every_list_of_akkoma_is_in_the_table() -> None:
    assert set(ACTIONS) == set(AKKOMA)
