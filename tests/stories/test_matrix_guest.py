"""What our people see of groups elsewhere: each kind of forum's own way to say the same things (PROTOCOL 2 and 3).

A person of ours follows a group there. Whatever the dialect, a thread, answers, votes, edits and what moderators do must
mean the same here. The dialects are those of the recorded documents in tests/peers, put at one host.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from storage import memberships, pins, received
from storage.actors import Actor
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AS2 = "https://www.w3.org/ns/activitystreams"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one software's groups say things. `sends` are the acts that it passes on (row «sends» of PROTOCOL 3.2)."""

    software: str
    sends: frozenset[str]
    opener: Callable[["Guest", Json], Json]
    announce: Callable[["Guest", Json | str], Json] = lambda guest, inner: guest.plain_announce(inner)
    twice: bool = False
    """It announces the post as such beside its Create: embedded (Lemmy, NodeBB), or by its id (Mbin)."""
    served: bool = True
    """What it passes on is to be had by its id."""


VOTES = frozenset({"up", "unvote"})
MODERATED = frozenset({"pin", "lock", "unlock", "remove", "restore", "ban", "group edit"})


def _lemmy(guest: "Guest", post: Json) -> Json:
    return {
        **post, "type": "Page", "mediaType": "text/html", "to": [guest.group, PUBLIC], "cc": [], "audience": guest.group,
        "source": {"content": "Hello there", "mediaType": "text/markdown"}, "attachment": [], "sensitive": False,
        "language": {"identifier": "en", "name": "English"}, "tag": [],
    }  # fmt: skip


def _mbin(guest: "Guest", post: Json) -> Json:
    return {
        **post, "type": "Page", "content": None, "summary": post["content"], "contentMap": {"en": None}, "inReplyTo": None,
        "to": [guest.group, PUBLIC], "cc": [f"{guest.author}/followers"], "audience": guest.group,
        "source": "https://mbin.example/source", "mediaType": "text/html", "commentsEnabled": True, "stickied": False,
    }  # fmt: skip


def _piefed(guest: "Guest", post: Json) -> Json:
    made = _lemmy(guest, post)
    del made["@context"]
    return {**made, "replies": [], "commentsEnabled": True, "published": "2024-11-24T22:18:50.230305+00:00"}


def _nodebb(guest: "Guest", post: Json) -> Json:
    return {
        **post, "type": "Article", "to": [PUBLIC], "cc": [f"{guest.author}/followers"], "audience": guest.group,
        "inReplyTo": None, "updated": None, "summary": None, "context": f"{guest.peer.iri('/topic/1')}",
        "preview": {"type": "Note", "content": post["content"]}, "replies": f"{post['id']}/replies",
    }  # fmt: skip


def _discourse(guest: "Guest", post: Json) -> Json:
    made = {**post, "type": "Note", "audience": guest.group, "context": guest.peer.iri("/ap/collection/1")}
    del made["to"], made["cc"]
    return made


def _friendica(guest: "Guest", post: Json) -> Json:
    return {
        **post, "type": "Page", "to": [PUBLIC, guest.group], "cc": [f"{guest.group}/followers"], "audience": guest.group,
        "diaspora:guid": "1", "signature": {"type": "RsaSignature2017", "signatureValue": "x"},
    }  # fmt: skip


def _nodebb_announce(guest: "Guest", inner: Json | str) -> Json:
    """Unlisted in Mastodon's words: the followers in `to`, Public in `cc`; ids with a fragment."""
    made = guest.plain_announce(inner)
    number = len(guest.said)
    return {
        **made, "id": f"{guest.peer.iri('/post/1')}#activity/announce/{number}", "to": [f"{guest.group}/followers"],
        "cc": [guest.author, PUBLIC],
    }  # fmt: skip


def _discourse_announce(guest: "Guest", inner: Json | str) -> Json:
    """Discourse embeds its actors."""
    made = guest.plain_announce(inner)
    if isinstance(inner, dict) and isinstance(inner.get("actor"), str) and inner["actor"] in guest.peer.documents:
        made["object"] = {**inner, "actor": guest.peer.documents[inner["actor"]]}
    return {**made, "actor": guest.peer.documents[guest.group]}


DIALECTS = {
    "lemmy": Dialect("lemmy", VOTES | MODERATED | {"down", "undelete"}, _lemmy, twice=True),
    "mbin": Dialect("mbin", VOTES | MODERATED - {"restore"}, _mbin, twice=True),
    "piefed": Dialect("piefed", VOTES | MODERATED | {"down"}, _piefed),
    "nodebb": Dialect("nodebb", frozenset({"up", "remove"}), _nodebb, _nodebb_announce, twice=True, served=False),
    "discourse": Dialect("discourse", VOTES, _discourse, _discourse_announce),
    "friendica": Dialect("friendica", VOTES | {"down"}, _friendica),
}


@dataclass(slots=True)
class Guest:
    """ada, at alpha, in a group of the peer; its author and moderator are there, who votes is elsewhere."""

    three: Three
    dialect: Dialect
    peer: Peer
    elsewhere: Peer
    ada: Actor
    group: str
    author: str
    moderator: str
    voter: str
    said: list[Json] = field(default_factory=list)

    @property
    def alpha(self) -> Instance:
        return self.three.alpha

    def plain_announce(self, inner: Json | str) -> Json:
        """FEP-1b12 as Lemmy, Mbin and PieFed have it."""
        made = self.peer.activity("Announce", self.group, inner, cc=[f"{self.group}/followers"])
        return {**made, "published": "2026-11-02T12:00:00Z", "audience": self.group}

    def act(self, by: str, type: str, object: Any, **more: Any) -> Json:
        """What somebody does in the group, served at its id as the dialect does."""
        peer = self.elsewhere if by == self.voter else self.peer
        more = {"audience": self.group, "cc": [self.group], **more}
        if not self.dialect.served and peer is self.peer:
            more["id"] = f"{self.peer.iri('/post/1')}#activity/{type.lower()}/{len(self.said)}"
        made = peer.activity(type, by, object, **more)
        if self.dialect.software == "piefed":
            made = {name: value for name, value in made.items() if name != "@context"}
        return made

    async def pass_on(self, inner: Json | str) -> None:
        """The group announces it, in its dialect."""
        announce = self.dialect.announce(self, inner)
        self.said.append(announce)
        answer = await self.peer.send(self.alpha, announce, key=self.group)
        assert answer.status == 202, answer.body
        await settle(self.alpha)

    def reasons(self) -> list[str | None]:
        """What became of the latest that came."""
        return [row.code for row in self.alpha.read(lambda tx: received.newest(tx, 3))]


@pytest.fixture(params=DIALECTS)
async def guest(request: pytest.FixtureRequest, three: Three) -> Guest:
    dialect = DIALECTS[request.param]
    peer = Peer(three.world, f"{dialect.software}.example", dialect.software)
    elsewhere = Peer(three.world, "voters.example", "lemmy")
    moderators = peer.iri("/users/mlops/moderators")
    more: Json = {"attributedTo": moderators, "featured": peer.iri("/users/mlops/featured")}
    group = peer.actor("mlops", "Group", **(more if dialect.sends & MODERATED else {}))
    author, moderator = peer.actor("lena"), peer.actor("mo")
    peer.documents[moderators] = {
        "@context": AS2, "id": moderators, "type": "OrderedCollection", "totalItems": 1, "orderedItems": [moderator],
    }  # fmt: skip
    voter = elsewhere.actor("vera")
    ada = three.alpha.person("ada")
    await join(three.alpha, ada, f"mlops@{peer.host}")
    await settle(three.alpha)
    [follow] = peer.got("Follow")
    await peer.send(three.alpha, peer.activity("Accept", group, follow, to=[ada.iri]))
    await settle(three.alpha)
    return Guest(three, dialect, peer, elsewhere, ada, group, author, moderator, voter)


def opener(guest: Guest) -> Json:
    """A thread in the dialect, served at its id."""
    note = guest.peer.note(guest.author, "hello", content="<p>Hello there</p>")
    note["name"] = "A title"
    made = guest.dialect.opener(guest, note)
    guest.peer.documents[note["id"]] = {"@context": AS2, **made}
    return made


async def test_a_thread_in_a_group_there(guest: Guest) -> None:
    alpha, sends = guest.alpha, guest.dialect.sends
    post = opener(guest)
    iri = post["id"]
    outer = {"to": [guest.group, PUBLIC], "cc": [f"{guest.author}/followers"]}
    await guest.pass_on(guest.act(guest.author, "Create", post, **outer))
    if guest.dialect.twice:
        await guest.pass_on(iri if guest.dialect.software == "mbin" else post)
        await guest.pass_on(post)  # NodeBB does so again at each vote
    known = alpha.post(iri)
    group = alpha.actor(guest.group)
    assert (known.title, known.content, known.visibility) == ("A title", "<p>Hello there</p>", "public")
    assert (known.group_id, known.boosts_count) == (group.id, 1)
    assert [one.iri for one in home(alpha, guest.ada)] == [iri], "once, however often it is announced"

    answer = guest.elsewhere.note(guest.voter, "answer", inReplyTo=iri, audience=guest.group, cc=[guest.group])
    await guest.pass_on(guest.act(guest.voter, "Create", answer))
    reply = alpha.post(answer["id"])
    assert (reply.reply_to_id, reply.group_id, reply.visibility) == (known.id, group.id, "public")
    assert len(home(alpha, guest.ada)) == 1, "comments are not shown at home"

    up = guest.act(guest.voter, "Like", post if guest.dialect.software == "nodebb" else iri)
    for act, vote, likes in (
        ("up", up, 1),
        ("unvote", guest.act(guest.voter, "Undo", up), 0),
        ("down", guest.act(guest.voter, "Dislike", iri), 0),
    ):
        if act in sends:
            await guest.pass_on(vote)
            assert alpha.post(iri).likes_count == likes, (act, guest.reasons())
            assert guest.reasons()[0] is None, act

    edited = guest.peer.documents[iri]
    edited["name"], edited["updated"] = "Another title", "2026-11-03T12:00:00Z"
    inner = {name: value for name, value in edited.items() if name != "@context"}
    await guest.pass_on(guest.act(guest.author, "Update", inner, **outer))
    assert alpha.post(iri).title == "Another title"

    await moderate(guest, iri)

    guest.peer.status[iri] = 410
    guest.peer.documents[iri] = {"@context": AS2, "id": iri, "type": "Tombstone"}
    held = guest.peer.documents[iri] if guest.dialect.software in ("mbin", "discourse") else iri
    await guest.pass_on(guest.act(guest.author, "Delete", held))
    assert alpha.post(iri).deleted_at is not None
    assert home(alpha, guest.ada) == []


@pytest.mark.parametrize("guest", ["lemmy"], indirect=True)
async def test_a_subtree_goes_and_comes_back(guest: Guest) -> None:
    """Lemmy 1.0: a removal with `withReplies` takes all that is below, and its Undo brings back what went with it alone."""
    alpha = guest.alpha
    post = opener(guest)
    await guest.pass_on(guest.act(guest.author, "Create", post, to=[guest.group, PUBLIC]))
    iris = [post["id"]]
    for name, parent in (("one", 0), ("two", 1), ("three", 2), ("beside", 0)):
        note = guest.elsewhere.note(guest.voter, name, inReplyTo=iris[parent], audience=guest.group, cc=[guest.group])
        await guest.pass_on(guest.act(guest.voter, "Create", note))
        iris.append(note["id"])

    def shown() -> list[bool]:
        return [alpha.post(iri).removed_at is None for iri in iris]

    await guest.pass_on(guest.act(guest.moderator, "Delete", iris[3], summary="before"))
    deep = guest.act(guest.moderator, "Delete", iris[1], summary="enough", withReplies=True)
    await guest.pass_on(deep)
    assert shown() == [True, False, False, False, True]
    await guest.pass_on(guest.act(guest.moderator, "Undo", deep))
    assert shown() == [True, True, True, False, True]
    assert alpha.post(iris[0]).replies_count == 2


async def moderate(guest: Guest, iri: str) -> None:
    """What its moderators do, as far as the software tells."""
    alpha, by, sends = guest.alpha, guest.moderator, guest.dialect.sends
    group = alpha.actor(guest.group)

    async def told(act: str, activity: Json) -> bool:
        if act not in sends:
            return False
        await guest.pass_on(activity)
        assert guest.reasons()[0] is None, act
        return True

    if await told("pin", guest.act(by, "Add", iri, target=f"{guest.group}/featured")):
        assert [one.post_id for one in alpha.read(lambda tx: pins.of(tx, group.id))] == [alpha.post(iri).id]
    lock = guest.act(by, "Lock", iri, summary="enough")
    if await told("lock", lock):
        assert alpha.post(iri).locked
    if await told("unlock", guest.act(by, "Undo", lock)):
        assert not alpha.post(iri).locked
    held: Any = {"id": iri, "type": "Tombstone"} if guest.dialect.software == "mbin" else iri
    removal = guest.act(by, "Delete", held, summary=" " if guest.dialect.software == "mbin" else "advertising")
    if guest.dialect.software == "nodebb":
        guest.peer.documents[iri] = {**guest.peer.documents[iri], "type": "Tombstone"}  # purged or restorable: 200
    if await told("remove", removal):
        assert (alpha.post(iri).removed_at, alpha.post(iri).deleted_at) != (None, None)
        assert home(alpha, guest.ada) == []
    if await told("restore", guest.act(by, "Undo", removal)):
        assert alpha.post(iri).removed_at is None
        assert [one.iri for one in home(alpha, guest.ada)] == [iri]
    until = {"expires": None} if guest.dialect.software == "mbin" else {"endTime": None, "removeData": False}
    block = guest.act(by, "Block", guest.author, target=guest.group, summary="why", **until)
    if await told("ban", block):
        banned = alpha.read(lambda tx: memberships.find(tx, group.id, alpha.actor(guest.author).id))
        assert banned is not None
        assert banned.state == "banned"
        await told("ban", guest.act(by, "Undo", block))
    changed = guest.peer.documents[guest.group] | {"name": "Renamed"}
    if "group edit" in sends:
        guest.peer.documents[guest.group] = changed
        assert await told("group edit", guest.act(by, "Update", changed))
        assert alpha.actor(guest.group).name == "Renamed"
