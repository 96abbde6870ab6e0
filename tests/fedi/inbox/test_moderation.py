"""What moderators elsewhere do: as guest of a group of another server, and as host, with the JSON that Lemmy and Mbin send."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedi import fetching
from fedi.actions import follows, moderation, posts
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, Invalid
from storage import memberships, moderations, notifications, pins, received, reports, timelines
from storage.actors import Actor
from storage.memberships import Membership
from storage.posts import Post
from tests.world import Instance, Peer, World, settle

pytestmark = pytest.mark.anyio

PEERS = Path(__file__).parents[2] / "peers"


def real(name: str, changed: dict[str, str], **more: Any) -> dict[str, Any]:
    """A recorded activity, with other IRIs for those in it (longest first)."""
    text = (PEERS / name).read_text()
    for old in sorted(changed, key=len, reverse=True):
        text = text.replace(f'"{old}"', f'"{changed[old]}"')
    document: dict[str, Any] = msgspec.json.decode(text)
    return document | more


def scrubbed(name: str, ids: list[str], changed: dict[str, str]) -> dict[str, Any]:
    """A recorded activity of Mbin's own tests, whose ids were taken out: these are put in, in order."""
    text = (PEERS / name).read_text().replace('"SCRUBBED_DATE"', '"2026-11-01T12:00:00Z"')
    for one in ids:
        text = text.replace("SCRUBBED_ID", one, 1)
    for old, new in changed.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    assert "SCRUBBED" not in text
    document: dict[str, Any] = msgspec.json.decode(text)
    return document


@dataclass(slots=True)
class Scene:
    """!mlops at a forum, which moe (of a third server) moderates, and which ada, here, is in; bob, of a third server, too."""

    alpha: Instance
    forum: Peer
    peer: Peer
    group: str
    moe: str
    bob: str
    ada: Actor
    iri: str
    count: int = 0

    def here(self) -> Actor:
        """The group as it is known here."""
        return self.alpha.actor(self.group)

    @property
    def post(self) -> Post:
        """bob's post in it, as it is now."""
        return self.alpha.post(self.iri)

    async def announce(self, inner: Any, group: str | None = None) -> str | None:
        """The group, or another of its server, passes it on; what became of that comes back."""
        self.count += 1
        announcer = group or self.group
        wrapped = self.forum.activity("Announce", announcer, inner, id=self.forum.iri(f"/announces/{self.count}"))
        assert (await self.forum.send(self.alpha, wrapped)).status == 202
        await settle(self.alpha)
        return code(self.alpha)

    def act(self, type: str, object: Any, by: str | None = None, **more: Any) -> dict[str, Any]:
        """An activity of the moderator, served by their server."""
        more = {"cc": [self.group], "audience": self.group} | more
        return self.peer.activity(type, by or self.moe, object, **more)


def code(instance: Instance) -> str | None:
    """What became of what came last: None when it was done, else why not."""
    return instance.read(lambda tx: received.newest(tx, 1))[0].code


@pytest.fixture
async def scene(world: World, alpha: Instance, peer: Peer) -> Scene:
    forum = Peer(world, "forum.example", "lemmy")
    path = forum.iri("/users/mlops")
    group = forum.actor("mlops", "Group", attributedTo=f"{path}/moderators", featured=f"{path}/featured")
    moe, bob = peer.actor("moe"), peer.actor("bob")
    forum.documents[f"{path}/moderators"] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": f"{path}/moderators", "type": "OrderedCollection",
        "orderedItems": [moe],
    }  # fmt: skip
    ada = alpha.person("ada")
    target = await fetching.actor(alpha.site, group)
    follow = alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, target))
    inner = {"id": follow.iri, "type": "Follow", "actor": ada.iri, "object": group}
    await forum.send(alpha, forum.activity("Accept", group, inner))
    await settle(alpha)
    note = peer.note(bob, "1", cc=[group], audience=group)
    scene = Scene(alpha, forum, peer, group, moe, bob, ada, note["id"])
    assert await scene.announce(peer.activity("Create", bob, note, cc=[group])) is None
    assert scene.post.group_id == scene.here().id
    return scene


def lemmy(scene: Scene, name: str) -> dict[str, Any]:
    """What Lemmy sends, in our scene, and served by its moderator's server under its id."""
    act = scene.peer.iri(f"/activities/{name}")
    changed = {
        **dict.fromkeys(("http://enterprise.lemmy.ml/u/lemmy_beta", "https://ds9.lemmy.ml/u/lemmy_alpha"), scene.moe),
        **dict.fromkeys(("http://lemmy-alpha:8541/u/lemmy_alpha", "https://lemmy-alpha/u/lemmy_aplha"), scene.moe),
        "http://ds9.lemmy.ml/u/lemmy_alpha": scene.bob,
        **dict.fromkeys(("http://ds9.lemmy.ml/comment/1", "https://ds9.lemmy.ml/post/2"), scene.post.iri),
        **dict.fromkeys(("http://lemmy-alpha:8541/post/2", "https://lemmy-alpha/comment/1"), scene.post.iri),
        **dict.fromkeys(("http://enterprise.lemmy.ml/c/main", "https://enterprise.lemmy.ml/c/main"), scene.group),
        **dict.fromkeys(("http://lemmy-alpha:8541/c/main", "https://lemmy-alpha/c/test"), scene.group),
        "https://ds9.lemmy.ml/c/main": scene.group,
        "http://enterprise.lemmy.ml/c/main/moderators": f"{scene.group}/moderators",
        "https://ds9.lemmy.ml/c/main/featured": f"{scene.group}/featured",
        # The recorded ban ended in 2021.
        "2021-11-01T12:23:50.151874Z": "2099-11-01T12:23:50.151874Z",
    }
    made = real(f"lemmy/activity-{name}.json", changed, id=act)
    scene.peer.documents[act] = {"@context": "https://www.w3.org/ns/activitystreams"} | made
    return made


def membership(scene: Scene, iri: str) -> Membership | None:
    """How somebody stands to the group, as known here."""
    actor, group = scene.alpha.actor(iri), scene.here()
    return scene.alpha.read(lambda tx: memberships.find(tx, group.id, actor.id))


async def test_what_lemmy_announces_of_its_moderators(scene: Scene) -> None:
    alpha = scene.alpha
    assert await scene.announce(lemmy(scene, "lock_page")) is None
    assert scene.post.locked
    log = alpha.read(lambda tx: moderations.of_group(tx, scene.here().id, 10))
    assert [(one.action, one.reason) for one in log] == [("lock", "A reason for the lock")]
    with pytest.raises(Forbidden, match="locked"):
        alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("But", reply_to_id=scene.post.id)))
    assert await scene.announce(lemmy(scene, "undo_lock_note")) is None
    assert not scene.post.locked

    assert await scene.announce(lemmy(scene, "add_featured_post")) is None
    assert [one.post_id for one in alpha.read(lambda tx: pins.of(tx, scene.here().id))] == [scene.post.id]

    assert await scene.announce(lemmy(scene, "remove_note")) is None
    removed = scene.post
    assert (removed.removed_at is not None, removed.deleted_at) == (True, None)
    assert alpha.read(lambda tx: pins.of(tx, scene.here().id)) == []
    assert await scene.announce(lemmy(scene, "undo_remove_note")) is None
    assert scene.post.removed_at is None
    assert scene.post.content == removed.content

    assert await scene.announce(lemmy(scene, "block_user")) is None
    banned = membership(scene, scene.bob)
    assert banned is not None
    assert (banned.state, banned.reason) == ("banned", "spam post")
    assert banned.until is not None
    assert scene.post.removed_at is not None, "removeData"
    assert await scene.announce(lemmy(scene, "undo_block_user")) is None
    assert membership(scene, scene.bob) is None

    bob, group = alpha.actor(scene.bob), scene.here()
    alpha.write(lambda tx: memberships.save(tx, Membership(group.id, bob.id, "moderator", "accepted", 1)))
    assert await scene.announce(lemmy(scene, "remove_mod")) is None
    assert membership(scene, scene.bob) is None
    # Who moderates was asked of the group when ada joined, and not again.
    assert scene.forum.asked.count(f"{scene.group}/moderators") == 1


async def test_what_mbin_announces_of_its_moderators(scene: Scene) -> None:
    """Of another server than the group's, without reasons, with a Tombstone for the id, and `expires` null."""
    changed = {
        "https://kbin.test/m/test": scene.group, "https://kbin.test/u/owner": scene.moe,
        "https://kbin.test/m/test/moderators": f"{scene.group}/moderators",
        "https://kbin.test/m/test/pinned": f"{scene.group}/featured",
    }  # fmt: skip

    async def passed_on(name: str, *rest: str) -> str | None:
        scene.count += 1
        inner = scene.peer.iri(f"/activities/{name}")
        found = scrubbed(f"mbin/activity-{name}.json", [scene.forum.iri(f"/a/{scene.count}"), inner, *rest], changed)
        scene.peer.documents[inner] = {"@context": found["@context"]} | found["object"]
        assert (await scene.forum.send(scene.alpha, found)).status == 202
        await settle(scene.alpha)
        return code(scene.alpha)

    assert await passed_on("Announce-AnnounceAddModerator", scene.bob) is None
    known = membership(scene, scene.bob)
    assert known is not None
    assert known.moderates
    assert await passed_on("Announce-AnnounceDeleteEntryByModerator", scene.post.iri) is None
    assert (scene.post.removed_at is not None, scene.post.deleted_at) == (True, None)
    eve = scene.peer.actor("eve")
    assert await passed_on("Announce-AnnounceBlockUser", eve) is None
    banned = membership(scene, eve)
    assert banned is not None
    assert (banned.state, banned.until, banned.reason) == ("banned", None, "some test")
    # The inner Block has an id of its own; here another than when it was made, as in Lemmy.
    assert await passed_on("Announce-AnnounceUndoBlockUser", scene.peer.iri("/activities/new"), eve) is None
    assert membership(scene, eve) is None
    assert await passed_on("Announce-AnnounceRemovePinnedPost", scene.post.iri) == "known"


async def test_an_act_is_refused_for_the_right_reason(scene: Scene) -> None:
    forum, eve = scene.forum, scene.peer.actor("eve")
    other = forum.actor("chess", "Group", attributedTo=forum.iri("/users/chess/moderators"))
    alpha = scene.alpha
    chess = await fetching.actor(alpha.site, other)
    follow = alpha.write(lambda tx: follows.follow(tx, alpha.site, scene.ada, chess))
    accept = {"id": follow.iri, "type": "Follow", "actor": scene.ada.iri, "object": other}
    await forum.send(alpha, forum.activity("Accept", other, accept))
    await settle(alpha)

    # No moderator: of neither the group's host nor its list, which is asked for.
    assert await scene.announce(scene.act("Lock", scene.post.iri, by=eve)) == "not-a-moderator"
    assert forum.asked.count(f"{scene.group}/moderators") == 2
    assert await scene.announce(scene.act("Delete", scene.post.iri, by=eve, summary="x")) == "not-a-moderator"
    assert await scene.announce(scene.act("Block", scene.ada.iri, by=eve, target=scene.group)) == "not-a-moderator"
    # A moderator, but another group of the same server tells it.
    for act in (
        scene.act("Lock", scene.post.iri),
        scene.act("Delete", scene.post.iri, summary="x"),
        scene.act("Block", scene.ada.iri, target=scene.group),
        scene.act("Add", eve, target=f"{scene.group}/moderators"),
        scene.act("Add", scene.post.iri, target=f"{scene.group}/featured"),
    ):
        assert await scene.announce(act, other) == "wrong-group", act["type"]
    # Nobody but the announcer says so: no proof, and the moderator's server does not have it.
    forged = scene.act("Lock", scene.post.iri)
    del scene.peer.documents[forged["id"]]
    assert await scene.announce(forged) == "unproven"
    removal = scene.act("Delete", scene.post.iri, summary="x")
    del scene.peer.documents[removal["id"]]
    assert await scene.announce(removal) is None  # the post's origin was asked instead, which has it still
    assert scene.post.removed_at is None
    # Their server has another activity there: that is what counts.
    true = scene.act("Lock", scene.peer.iri("/notes/other"), id=scene.peer.iri("/activities/true"))
    assert await scene.announce(true | {"object": scene.post.iri}) == "unknown-object"
    # A moderator tells it, but the group does not.
    assert (await scene.peer.send(alpha, scene.act("Lock", scene.post.iri))).status == 202
    await settle(alpha)
    assert code(alpha) == "not-announced"
    # A post outside of the group is none of its business.
    elsewhere = alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("Mine")))
    assert await scene.announce(scene.act("Delete", elsewhere.iri, summary="x")) == "wrong-origin"
    assert await scene.announce(scene.act("Lock", elsewhere.iri)) == "not-in-group"
    assert await scene.announce(scene.act("Add", elsewhere.iri, target=f"{scene.group}/featured")) == "not-in-group"
    # What people or whole instances block binds nobody here.
    assert await scene.announce(scene.act("Block", scene.ada.iri)) == "not-of-a-group"
    assert await scene.announce(scene.act("Block", scene.ada.iri, target=scene.peer.iri("/"))) == "not-of-a-group"

    post, mine = scene.post, alpha.post(elsewhere.iri)
    assert (post.locked, post.removed_at, post.deleted_at) == (False, None, None)
    assert (mine.locked, mine.removed_at, mine.deleted_at) == (False, None, None)
    assert alpha.read(lambda tx: moderations.of_group(tx, scene.here().id, 10)) == []
    assert alpha.read(lambda tx: notifications.of_person(tx, scene.ada.id, timelines.Page())) == []


async def test_who_is_of_the_groups_host_moderates_it(scene: Scene) -> None:
    """Lemmy's admins act in every community of their instance, and are in no list."""
    admin = scene.forum.actor("admin")
    act = scene.forum.activity("Lock", admin, scene.post.iri, cc=[scene.group], audience=scene.group)
    assert await scene.announce(act) is None
    assert scene.post.locked


async def test_a_person_here_is_banned_and_told(scene: Scene) -> None:
    alpha = scene.alpha
    act = scene.act("Block", scene.ada.iri, target=scene.group, summary="off topic", expires="2099-01-01T00:00:00Z")
    assert await scene.announce(act) is None
    [news] = alpha.read(lambda tx: notifications.of_person(tx, scene.ada.id, timelines.Page()))
    assert (news.kind, news.actor_id) == ("moderation_warning", scene.here().id)
    with pytest.raises(Forbidden, match="banned"):
        alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("@mlops@forum.example Hello")))
    assert (
        await scene.announce(scene.act("Block", scene.bob, target=scene.group, endTime="2020-01-01T00:00:00Z"))
        == "outdated"
    )


async def test_a_group_writes_to_nobody_by_banning_them(scene: Scene) -> None:
    alpha = scene.alpha
    zoe = alpha.person("zoe")
    assert await scene.announce(scene.act("Block", zoe.iri, target=scene.group, summary="Buy!")) == "not-relevant"
    spam = scene.forum.actor("spam", "Group")
    boss = scene.forum.actor("boss")
    ban = scene.forum.activity("Block", boss, scene.ada.iri, target=spam, summary="Buy!")
    assert await scene.announce(ban, spam) == "not-relevant"
    for person in (zoe, scene.ada):
        assert alpha.read(lambda tx, p=person: notifications.of_person(tx, p.id, timelines.Page())) == []  # type: ignore[misc]


async def test_a_local_person_who_moderates_asks_the_group(scene: Scene) -> None:
    """The activity goes to the group alone, and holds when it comes back from there."""
    alpha = scene.alpha
    assert await scene.announce(scene.act("Add", scene.ada.iri, target=f"{scene.group}/moderators")) is None
    made = alpha.write(lambda tx: moderation.remove(tx, alpha.site, scene.ada, scene.post, "spam"))
    await settle(alpha)
    assert scene.post.removed_at is None
    [delete] = scene.forum.got("Delete")
    assert (delete["id"], delete["object"], delete["summary"]) == (made.iri, scene.post.iri, "spam")
    assert scene.peer.got("Delete") == []
    assert await scene.announce(delete) is None
    assert scene.post.removed_at is not None


async def test_a_deleted_group_is_asked_itself(scene: Scene) -> None:
    alpha = scene.alpha
    act = scene.act("Delete", scene.group, summary="closed")
    assert await scene.announce(act) is None
    assert scene.here().state == "active", "its server has it still"
    scene.forum.documents[scene.group] |= {"name": "MLOps, renewed"}
    assert await scene.announce(scene.act("Update", {"id": scene.group, "type": "Group", "name": "Forged"})) is None
    assert scene.here().name == "MLOps, renewed"
    scene.forum.status[scene.group] = 410
    await scene.announce(scene.act("Delete", scene.group, summary="closed"))
    assert alpha.actor(scene.group).state == "gone"
    assert scene.post.deleted_at is None


async def test_a_delete_of_anothers_post_is_what_its_origin_makes_of_it(scene: Scene) -> None:
    """FEP-4f05: the state that is retrieved supersedes the activity."""
    eve = scene.peer.actor("eve")
    assert (await scene.peer.send(scene.alpha, scene.peer.activity("Delete", eve, scene.post.iri))).status == 202
    await settle(scene.alpha)
    assert code(scene.alpha) == "wrong-origin"
    assert scene.post.deleted_at is None
    tombstone = {"@context": "https://www.w3.org/ns/activitystreams", "id": scene.iri, "type": "Tombstone"}
    there, scene.peer.documents[scene.iri] = scene.peer.documents[scene.iri], tombstone
    for served, removed in ((tombstone, True), (there, False), (tombstone, True)):
        # Served with 200 it may be there again, and then it is here as well.
        scene.peer.documents[scene.iri] = served
        again = scene.peer.activity("Delete", eve, scene.iri, id=scene.peer.iri(f"/again/{scene.alpha.site.clock()}"))
        assert (await scene.peer.send(scene.alpha, again)).status == 202
        await settle(scene.alpha)
        assert (scene.post.removed_at is not None, scene.post.deleted_at) == (removed, None)
        assert scene.post.content
    scene.peer.status[scene.iri] = 410
    assert (await scene.peer.send(scene.alpha, scene.peer.activity("Delete", eve, scene.post.iri))).status == 202
    await settle(scene.alpha)
    assert scene.post.deleted_at is not None


@pytest.mark.parametrize("shape", ["array", "collection"])
async def test_several_activities_at_once(scene: Scene, shape: str) -> None:
    """FEP-1a11: PieFed passes votes on in batches. One that is wrong does not hold up the others; nothing in it nests."""
    voters = [scene.peer.actor(f"voter{number}") for number in range(3)]
    likes = [scene.peer.activity("Like", voter, scene.post.iri) for voter in voters]
    forged = scene.peer.activity("Like", scene.bob, scene.post.iri)
    del scene.peer.documents[forged["id"]]
    nested = scene.forum.activity("Announce", scene.group, likes)
    inner = [{k: v for k, v in one.items() if k != "@context"} for one in [forged, nested, *likes]]
    batch: Any = inner if shape == "array" else {"type": "OrderedCollection", "orderedItems": inner, "totalItems": 5}
    assert await scene.announce(batch) is None
    assert scene.post.likes_count == 3
    assert await scene.announce(batch) in ("unproven", "known", "nested-announce")
    assert scene.post.likes_count == 3


async def test_a_batch_has_an_end(scene: Scene) -> None:
    voter = scene.peer.actor("voter")
    many = [
        {"id": scene.peer.iri(f"/none/{n}"), "type": "Like", "actor": voter, "object": scene.iri} for n in range(100)
    ]
    like = scene.peer.activity("Like", voter, scene.post.iri)
    assert await scene.announce([*many, like]) == "unproven"
    assert scene.post.likes_count == 0


@dataclass(slots=True)
class Hosted:
    """!campus of this instance: olga owns it, moe (elsewhere) moderates it, and bob (elsewhere) wrote in it."""

    alpha: Instance
    peer: Peer
    group: Actor
    olga: Actor
    moe: str
    bob: str
    iri: str

    async def send(self, activity: dict[str, Any]) -> str | None:
        """POST it to the inbox; what became of it comes back."""
        assert (await self.peer.send(self.alpha, activity)).status == 202
        await settle(self.alpha)
        return code(self.alpha)


@pytest.fixture
async def hosted(alpha: Instance, peer: Peer) -> Hosted:
    olga = alpha.person("olga")
    group = alpha.group("campus", olga)
    moe, bob = peer.actor("moe"), peer.actor("bob")
    note = peer.note(bob, "1", cc=[group.iri], audience=group.iri)
    hosted = Hosted(alpha, peer, group, olga, moe, bob, note["id"])
    for one in (moe, bob):
        assert await hosted.send(peer.activity("Follow", one, group.iri)) is None
    actor = alpha.actor(moe)
    alpha.write(lambda tx: moderation.appoint(tx, alpha.site, olga, group, actor))
    assert await hosted.send(peer.activity("Create", bob, note, cc=[group.iri])) is None
    assert alpha.post(note["id"]).group_id == group.id
    return hosted


async def test_flags_in_the_shapes_of_lemmy_mbin_and_mastodon(hosted: Hosted) -> None:
    alpha, peer = hosted.alpha, hosted.peer
    eve = peer.actor("eve")
    lemmy_flag = real(
        "lemmy/activity-report_page.json",
        {"http://ds9.lemmy.ml/u/lemmy_alpha": eve, "http://enterprise.lemmy.ml/c/main": hosted.group.iri,
         "http://enterprise.lemmy.ml/post/7": hosted.iri},
        id=peer.iri("/flags/1"),
    )  # fmt: skip
    assert await hosted.send(lemmy_flag) is None
    mbin_flag = real(
        "mbin/activity-flag.json",
        {"https://mbin-test1/u/BentiGorlich": eve, "https://lemmy-test/post/4": hosted.iri,
         "https://lemmy-test/u/BentiGorlich": hosted.bob, "https://lemmy-test/c/test_mag": hosted.group.iri},
        id=peer.iri("/flags/2"),
    )  # fmt: skip
    assert await hosted.send(mbin_flag) is None
    assert await hosted.send(mbin_flag | {"id": peer.iri("/flags/2")}) is None  # the same again is not taken twice
    scrub = scrubbed(
        "mbin/activity-Flag-FlagPost.json", [peer.iri("/flags/3"), hosted.iri],
        {"https://kbin.test/u/reportingUser": eve, "https://kbin.test/m/test": hosted.group.iri},
    )  # fmt: skip
    assert await hosted.send(scrub) is None
    mine = alpha.write(lambda tx: posts.publish(tx, alpha.site, hosted.olga, Draft("@campus Welcome")))
    mastodon_flag = real(
        "mastodon/activity-flag.json",
        {"https://mastodon.example/actor": peer.actor("actor", "Application"),
         "https://example.com/users/1": hosted.olga.iri, "https://example.com/posts/380590": mine.iri},
        id=peer.iri("/flags/4"),
    )  # fmt: skip
    assert await hosted.send(mastodon_flag) is None

    kept = alpha.read(lambda tx: reports.listed(tx, 10))
    bob = alpha.actor(hosted.bob)
    assert [(one.iri, one.text, one.actor_id == bob.id) for one in kept] == [
        (peer.iri("/flags/4"), "Please take a look at this user and their posts", False),
        (peer.iri("/flags/3"), "", True),
        (peer.iri("/flags/2"), "dikjhgasdpas dsaü", True),
        (peer.iri("/flags/1"), "report this post", True),
    ]
    assert {one.group_id for one in kept} == {hosted.group.id}
    # olga, who moderates, is told of what is about bob; not of what is about herself.
    news = alpha.read(lambda tx: notifications.of_person(tx, hosted.olga.id, timelines.Page(), kinds=["admin.report"]))
    assert {one.actor_id for one in news} == {bob.id}

    # Whoever reported may think better of it; nobody else.
    assert await hosted.send(peer.activity("Undo", hosted.moe, lemmy_flag | {"actor": hosted.moe})) == "wrong-origin"
    assert await hosted.send(peer.activity("Undo", eve, lemmy_flag)) is None
    # A moderator elsewhere settles it.
    flag = {key: mbin_flag[key] for key in ("id", "type", "actor", "object")}
    assert await hosted.send(peer.activity("Resolve", eve, flag)) == "not-a-moderator"
    assert await hosted.send(peer.activity("Resolve", hosted.moe, flag)) is None
    states = {one.iri: one.state for one in alpha.read(lambda tx: reports.listed(tx, 10))}
    assert states == {
        peer.iri("/flags/1"): "resolved", peer.iri("/flags/2"): "resolved",
        peer.iri("/flags/3"): "open", peer.iri("/flags/4"): "open",
    }  # fmt: skip


async def test_a_flag_about_nobody_here_is_passed_by(hosted: Hosted) -> None:
    other = hosted.peer.note(hosted.peer.actor("eve"), "2")
    flag = hosted.peer.activity("Flag", hosted.moe, [hosted.bob, other["id"]], content="hm")
    assert await hosted.send(flag) == "not-relevant"
    assert await hosted.send(hosted.peer.activity("Flag", hosted.moe, hosted.peer.iri("/x"))) == "unknown-object"
    assert hosted.alpha.read(lambda tx: reports.listed(tx, 10)) == []


async def test_a_moderator_elsewhere_bans_whom_we_do_not_know(hosted: Hosted) -> None:
    """Their actor is fetched; for who is no moderator nothing is."""
    stranger, other = hosted.peer.actor("stranger"), hosted.peer.actor("other")
    block = {"target": hosted.group.iri, "cc": [hosted.group.iri], "removeData": False}
    assert await hosted.send(hosted.peer.activity("Block", hosted.bob, other, **block)) == "not-a-moderator"
    assert other not in hosted.peer.asked
    assert await hosted.send(hosted.peer.activity("Block", hosted.moe, stranger, **block)) is None
    assert await hosted.send(hosted.peer.activity("Follow", stranger, hosted.group.iri)) is None
    assert [one["object"]["actor"] for one in hosted.peer.got("Reject")] == [stranger]
    # The owner stands above moderators.
    assert await hosted.send(hosted.peer.activity("Block", hosted.moe, hosted.olga.iri, **block)) == "owner"
    dismiss = hosted.peer.activity("Remove", hosted.moe, hosted.olga.iri, target=f"{hosted.group.iri}/moderators")
    assert await hosted.send(dismiss) == "owner"


async def test_a_moderators_own_post_is_removed_not_deleted(hosted: Hosted) -> None:
    """With a reason it can come back; without one it is the author's Delete."""
    note = hosted.peer.note(hosted.moe, "2", cc=[hosted.group.iri], audience=hosted.group.iri)
    assert await hosted.send(hosted.peer.activity("Create", hosted.moe, note, cc=[hosted.group.iri])) is None
    assert await hosted.send(hosted.peer.activity("Delete", hosted.moe, note["id"], summary="wrong place")) is None
    kept = hosted.alpha.post(note["id"])
    assert (kept.removed_at is not None, kept.deleted_at) == (True, None)
    assert await hosted.send(hosted.peer.activity("Delete", hosted.moe, note["id"])) is None
    assert hosted.alpha.post(note["id"]).deleted_at is not None


@pytest.mark.parametrize("by", ["author", "other"])
async def test_who_deleted_their_own_post_gets_it_back(scene: Scene, by: str) -> None:
    """Lemmy lets authors take a Delete back: the words are asked of the post's origin. Nobody else can."""
    there = scene.peer.documents[scene.iri]
    words = scene.post.content
    delete = scene.peer.activity("Delete", scene.bob, scene.iri, cc=[scene.group])
    assert (await scene.peer.send(scene.alpha, delete)).status == 202
    await settle(scene.alpha)
    assert (scene.post.deleted_at is not None, scene.post.content) == (True, "")
    scene.peer.documents[scene.iri] = there
    who = scene.bob if by == "author" else scene.peer.actor("eve")
    undo = scene.peer.activity("Undo", who, delete | {"actor": who}, cc=[scene.group])
    answer = await scene.announce(undo)
    if by == "other":
        assert answer == "unknown-object"
        assert scene.post.deleted_at is not None
        return
    assert answer is None
    assert (scene.post.deleted_at, scene.post.content) == (None, words)


async def test_a_group_here_passes_an_authors_change_of_mind_on(hosted: Hosted) -> None:
    reader = hosted.peer.actor("reader")
    assert await hosted.send(hosted.peer.activity("Follow", reader, hosted.group.iri)) is None
    delete = hosted.peer.activity("Delete", hosted.bob, hosted.iri, cc=[hosted.group.iri])
    assert await hosted.send(delete) is None
    assert hosted.alpha.post(hosted.iri).deleted_at is not None
    boosts = len(hosted.peer.got("Announce"))
    assert await hosted.send(hosted.peer.activity("Undo", hosted.bob, delete, cc=[hosted.group.iri])) is None
    back = hosted.alpha.post(hosted.iri)
    assert (back.deleted_at, back.group_id) == (None, hosted.group.id)
    assert back.content
    # The peer is a microblog: it gets a new boost.
    assert [one["object"] for one in hosted.peer.got("Announce")[boosts:]] == [hosted.iri]
    # A moderator can't bring back what its author deleted.
    assert await hosted.send(hosted.peer.activity("Delete", hosted.bob, hosted.iri)) is None
    mod = hosted.peer.activity(
        "Undo", hosted.moe, {"type": "Delete", "id": hosted.peer.iri("/d"), "object": hosted.iri}
    )
    assert await hosted.send(mod) == "unknown-object"


async def test_no_author_gets_round_a_removal_by_deleting_and_thinking_better_of_it(hosted: Hosted) -> None:
    alpha, peer = hosted.alpha, hosted.peer
    post = alpha.post(hosted.iri)
    count = alpha.actor(hosted.bob).posts_count
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, hosted.olga, post, "off topic"))
    await settle(alpha)
    boosts = len(peer.got("Announce"))
    delete = peer.activity("Delete", hosted.bob, hosted.iri, cc=[hosted.group.iri])
    assert await hosted.send(delete) is None
    assert await hosted.send(peer.activity("Undo", hosted.bob, delete, cc=[hosted.group.iri])) == "not-a-moderator"
    back = alpha.post(hosted.iri)
    assert (back.removed_at is not None, back.deleted_at) == (True, None)
    assert len(peer.got("Announce")) == boosts
    assert alpha.actor(hosted.bob).posts_count == count - 1
    # Restored by a moderator it is there as before, and counted once.
    alpha.write(lambda tx: moderation.restore(tx, alpha.site, hosted.olga, alpha.post(hosted.iri)))
    assert alpha.post(hosted.iri).removed_at is None
    assert alpha.actor(hosted.bob).posts_count == count


async def test_who_is_banned_changes_nothing_in_the_group_any_more(hosted: Hosted) -> None:
    """Neither by an edit, which the group would pass on, nor by bringing back what they had deleted."""
    alpha, peer = hosted.alpha, hosted.peer
    lemmy = Peer(alpha.world, "lemmy.example", "lemmy")
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.actor("reader"), hosted.group.iri))
    other = peer.note(hosted.bob, "2", cc=[hosted.group.iri], audience=hosted.group.iri)
    assert await hosted.send(peer.activity("Create", hosted.bob, other, cc=[hosted.group.iri])) is None
    delete = peer.activity("Delete", hosted.bob, other["id"], cc=[hosted.group.iri])
    assert await hosted.send(delete) is None
    bob = alpha.actor(hosted.bob)
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, hosted.olga, hosted.group, bob, "spam", None, False))
    await settle(alpha)
    before, said = len(lemmy.got("Announce")), alpha.post(hosted.iri).content
    changed = peer.documents[hosted.iri] | {"content": "<p>Buy</p>", "updated": "2026-11-02T12:00:00Z"}
    assert await hosted.send(peer.activity("Update", hosted.bob, changed, cc=[hosted.group.iri])) == "banned"
    assert await hosted.send(peer.activity("Undo", hosted.bob, delete, cc=[hosted.group.iri])) == "banned"
    create = peer.activity("Create", hosted.bob, peer.documents[hosted.iri], cc=[hosted.group.iri])
    assert await hosted.send(create) == "known"
    assert alpha.post(hosted.iri).content == said
    assert len(lemmy.got("Announce")) == before
    # What is theirs they may always take away.
    assert await hosted.send(peer.activity("Delete", hosted.bob, hosted.iri, cc=[hosted.group.iri])) is None
    assert alpha.post(hosted.iri).deleted_at is not None


async def test_a_group_passes_a_post_on_once_however_often_its_author_publishes_it(hosted: Hosted) -> None:
    alpha, peer = hosted.alpha, hosted.peer
    lemmy = Peer(alpha.world, "lemmy.example", "lemmy")
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.actor("reader"), hosted.group.iri))
    note = peer.note(hosted.bob, "2", cc=[hosted.group.iri], audience=hosted.group.iri)
    for answer in (None, "known", "known"):
        create = peer.activity("Create", hosted.bob, note, cc=[hosted.group.iri])
        assert await hosted.send(create) == answer
    assert [one["object"]["object"]["id"] for one in lemmy.got("Announce")] == [note["id"]]


async def test_a_moderator_does_not_bring_back_what_its_author_took_out(hosted: Hosted) -> None:
    """A tombstone that may be taken back (FEP-4f05) is its author's word, and no moderator's removal."""
    alpha, peer = hosted.alpha, hosted.peer
    eve = peer.actor("eve")
    peer.documents[hosted.iri] = {"id": hosted.iri, "type": "Tombstone"}
    await hosted.send(peer.activity("Delete", eve, hosted.iri))
    hidden = alpha.post(hosted.iri)
    assert hidden.removed_at is not None
    with pytest.raises(Invalid, match="not removed by a moderator"):
        alpha.write(lambda tx: moderation.restore(tx, alpha.site, hosted.olga, hidden))
    undo = peer.activity("Undo", hosted.moe, {"type": "Delete", "id": peer.iri("/d"), "object": hosted.iri})
    assert await hosted.send(undo) == "known"
    assert alpha.post(hosted.iri).removed_at is not None
