"""Facts: what the policy is told of an activity, whatever its sender makes of it."""

from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import FederationError
from federation.parse import parse
from federation.policy.decide import Policy, decide
from federation.policy.facts import Facts
from federation.signatures.verify import authentic_stored
from fedi.actions import posts
from fedi.actions.posts import Draft
from fedi.facts import Known
from storage import peers
from storage.metadata import Tx
from tests.policies import IMAGE, PUBLIC, Scene, made
from tests.world import Instance, Peer, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(world: World, alpha: Instance, peer: Peer) -> Scene:
    """Ada follows Bob, of whose server the rules are, and Eve."""
    return await made(world, alpha, peer)


def facts_of(scene: Scene, document: dict[str, Any], host: str = "peer.example") -> Facts:
    """The facts of an activity of Bob's."""
    activity = parse(msgspec.json.encode({"@context": "https://www.w3.org/ns/activitystreams", **document}))
    authentic = authentic_stored(activity, f"{scene.bob}#main-key", "cavage")
    return scene.alpha.read(lambda tx: Known(tx, scene.alpha.site).received(authentic, host))


async def test_what_a_post_says_is_told(scene: Scene) -> None:
    club = scene.alpha.group("club", scene.ada)
    tag = [
        {"type": "Mention", "href": scene.ada.iri},
        {"type": "Hashtag", "name": "#CaTs"},
        {"type": "Emoji", "name": ":x:"},
    ]
    html = '<p>One <b>t</b>wo</p><p>&lt;three&gt; <a href="https://Links.Example:8443/x">y</a></p>'
    note = scene.peer.note(
        scene.bob, "n", content=html, contentMap={"de": html}, tag=tag, attachment=[IMAGE], sensitive=True,
        inReplyTo="https://peer.example/notes/0", audience=club.iri, summary="Careful",
    )  # fmt: skip
    found = facts_of(scene, scene.peer.activity("Create", scene.bob, note))
    assert (found.activity, found.object, found.actor, found.author) == ("Create", "Note", scene.bob, scene.bob)
    assert (found.host, found.author_host, found.announcer) == ("peer.example", "peer.example", None)
    assert (found.mentions, found.hashtags, found.links) == (1, ("cats",), ("links.example",))
    assert (found.media, found.media_types, found.media_bytes) == (1, ("image/png",), None)
    assert (found.language, found.sensitive, found.reply, found.visibility) == ("de", True, True, "public")
    assert found.text.split() == ["Careful", "One", "two", "<three>", "y"]
    assert (found.group, found.group_scope, found.followed, found.account_days) == (club.iri, "public", True, 0)


@pytest.mark.parametrize(("see", "visibility"), [("public", "direct"), ("peers", "peers"), ("members", "members")])
async def test_in_a_group_it_is_for_whom_the_group_is(scene: Scene, see: str, visibility: str) -> None:
    club = scene.alpha.group("club", scene.ada, see=see)
    note = scene.peer.note(scene.bob, "n", to=[club.iri], cc=[], audience=club.iri, content="canary")
    found = facts_of(scene, scene.peer.activity("Create", scene.bob, note, to=[club.iri], cc=[]))
    assert (found.visibility, found.text, found.group) == (visibility, "", club.iri)


@pytest.mark.parametrize("type", ["Follow", "Join", "Leave", "Like", "Flag", "Undo"])
async def test_what_carries_no_post_is_for_nobody_in_particular(scene: Scene, type: str) -> None:
    club = scene.alpha.group("club", scene.ada, see="members")
    found = facts_of(scene, scene.peer.activity(type, scene.bob, club.iri, to=[club.iri], cc=[]))
    assert (found.visibility, found.group) == (None, club.iri)


async def test_how_we_stand_is_the_strictest_of_all_who_have_a_part_in_it(scene: Scene) -> None:
    scene.alpha.write(lambda tx: peers.change(tx, "other.example", stance="limited"))
    announce = scene.peer.activity("Announce", scene.bob, f"{scene.other.iri('/notes/1')}")
    found = facts_of(scene, announce)
    assert (found.stance, found.announcer_host, found.author_host) == ("limited", "peer.example", "other.example")
    scene.alpha.write(lambda tx: peers.change(tx, "other.example", stance="blocked"))
    assert decide(Policy(), facts_of(scene, announce)).code == "host-blocked"
    assert facts_of(scene, scene.peer.activity("Like", scene.bob, "https://other.example/notes/1")).stance == "none"


async def test_whoever_did_it_has_a_part_in_what_a_group_passes_on(scene: Scene) -> None:
    for type in ("Like", "Undo", "Flag", "Delete", "Create"):
        inner = scene.other.activity(type, scene.eve, "https://third.example/notes/1")
        group = scene.alpha.actor(scene.bob)
        activity = parse(msgspec.json.encode(inner))
        found = scene.alpha.read(
            partial(lambda tx, one, by: Known(tx, scene.alpha.site).passed_on(one, by), one=activity, by=group)
        )
        assert (found.host, found.actor, found.author_host) == ("peer.example", scene.eve, "other.example"), type
        assert found.hosts == ("peer.example", "other.example")


async def test_a_boost_of_ours_is_no_matter_of_our_own_host(scene: Scene) -> None:
    post = scene.alpha.write(lambda tx: posts.publish(tx, scene.alpha.site, scene.ada, Draft("Hello")))
    found = facts_of(scene, scene.peer.activity("Announce", scene.bob, post.iri))
    assert (found.author, found.author_host, found.hosts) == (scene.ada.iri, None, ("peer.example",))


async def test_a_post_is_for_whom_it_says_itself(scene: Scene) -> None:
    note = scene.peer.note(scene.bob, "n", to=[f"{scene.bob}/followers"], cc=[], content="canary")
    found = facts_of(scene, scene.peer.activity("Create", scene.bob, note))
    assert (found.visibility, found.text) == ("followers", "")


async def test_no_word_is_told_of_what_is_no_post_of_theirs(scene: Scene) -> None:
    """An Add, say, that carries somebody's post: for whom it is, nobody says."""
    note = scene.peer.note(scene.bob, "n", content="canary")
    found = facts_of(scene, scene.peer.activity("Add", scene.bob, note))
    assert (found.visibility, found.text) == (None, "")


async def test_an_answer_in_a_group_is_in_it_though_it_does_not_say_so(scene: Scene) -> None:
    club = scene.alpha.group("club", scene.ada)
    thread = scene.alpha.write(lambda tx: posts.publish(tx, scene.alpha.site, scene.ada, Draft("Hello @club")))
    note = scene.peer.note(scene.bob, "n", inReplyTo=thread.iri, audience="https://peer.example/groups/other")
    assert facts_of(scene, scene.peer.activity("Create", scene.bob, note)).group == club.iri
    assert facts_of(scene, scene.peer.activity("Like", scene.bob, thread.iri)).group == club.iri


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", PUBLIC, "https://alpha.example/groups/x", "https://peer.example/users/bob", "Note", "<<<&#x;"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "type", "name", "href", "tag", "actor", "object", "content", "size", "mediaType", "@id"]),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip
_NAMES = [
    "type", "object", "to", "cc", "audience", "content", "contentMap", "tag", "attachment", "name", "summary", "language",
    "sensitive", "inReplyTo", "attributedTo", "actor", "result",
]  # fmt: skip


async def test_nothing_that_a_stranger_writes_breaks_it(scene: Scene) -> None:
    site = scene.alpha.site
    seen = 0

    def unit(tx: Tx) -> None:
        @settings(max_examples=150)
        @given(
            st.sampled_from(["Create", "Update", "Announce", "Offer", "Like", "Follow"]),
            st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=6),
            st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8),
        )
        def hostile(type: str, outer: dict[str, Any], inner: dict[str, Any]) -> None:
            nonlocal seen
            document = {"object": inner, **outer, "id": "https://peer.example/a", "type": type, "actor": scene.bob}
            try:
                activity = parse(msgspec.json.encode(document))
            except FederationError:
                return
            seen += 1
            found = Known(tx, site).received(authentic_stored(activity, scene.bob, "cavage"), "peer.example")
            assert decide(Policy(), found) == decide(Policy(), found)
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Facts) == found

        hostile()

    scene.alpha.read(unit)
    assert seen > 50
