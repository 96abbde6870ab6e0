"""What our groups send each kind of server, against the acceptance matrix of PROTOCOL 3.2 and its rules 0, 2.5 and 7.

One group with a follower on each kind of server; a table says what each gets of what happens in the group. The other half,
what we make of what each kind of server sends, is `test_matrix_guest`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from fedi.actions import follows, groups, moderation, posts, reactions
from fedi.actions.posts import Draft
from storage.actors import Actor
from storage.posts import Post
from tests.stories.conftest import Three
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

FULL = ("lemmy", "mbin", "piefed", "hubzilla", "streams", "lotide")
PICKY = ("nodebb", "discourse", "friendica", "mitra")
SHOWS_BOOSTS = (
    "mastodon",
    "gotosocial",
    "misskey",
    "pleroma",
    "akkoma",
    "mobilizon",
    "peertube",
    "wordpress",
    "gancio",
    "bookwyrm",
)
UNKNOWN = ("somethingnew", "")
ALL = (*FULL, *PICKY, *SHOWS_BOOSTS, *UNKNOWN)


def shape(activity: dict[str, Any]) -> str:
    """An activity in the words of the matrix: `A{Create{Note}}`, `A{id}`, `Undo{A}`."""
    kind = "A" if activity["type"] == "Announce" else activity["type"]
    inner = activity.get("object")
    if isinstance(inner, dict):
        held = shape(inner)
        return f"{kind}{{{held.removesuffix('{id}') if kind in ('Undo', 'Accept', 'Reject') else held}}}"
    return f"{kind}{{id}}" if kind == "A" else kind


@dataclass(slots=True)
class Scene:
    """A group at alpha with a follower on each kind of server."""

    three: Three
    group: Actor
    olga: Actor
    ada: Actor
    peers: dict[str, Peer]
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def alpha(self) -> Instance:
        return self.three.alpha

    async def news(self) -> dict[str, list[dict[str, Any]]]:
        """What each server got since last time."""
        await settle(self.three.alpha)
        found = {}
        for name, peer in self.peers.items():
            found[name] = peer.inbox[self.seen.get(name, 0) :]
            self.seen[name] = len(peer.inbox)
        return found


@pytest.fixture
async def scene(three: Three) -> Scene:
    alpha = three.alpha
    olga, ada = alpha.person("olga"), alpha.person("ada")
    group = alpha.group("mlops", olga)
    alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, group))
    peers = {}
    for name in ALL:
        peer = peers[name] = Peer(three.world, f"{name or 'silent'}.example", name or None)
        await peer.send(alpha, peer.activity("Follow", peer.actor("lena"), group.iri))
    made = Scene(three, group, olga, ada, peers)
    for name, got in (await made.news()).items():
        assert [shape(one) for one in got] == ["Accept{Follow}"], name
        assert got[0]["object"]["id"].startswith(f"https://{made.peers[name].host}/")
    return made


VOTING = (*FULL, "discourse", "friendica")
"""Who acts on A{Undo{Like}}; Mitra's list has no Undo."""
SELF_TOLD = ("nodebb", "friendica", "mitra", "hubzilla", "streams", *SHOWS_BOOSTS, *UNKNOWN)
"""Who takes a group's profile from the group alone."""
FORUMS = (*FULL, *PICKY)

# What happens -> who gets what. Rows of PROTOCOL 3.2; who is in no row of an act gets nothing of it.
TABLE: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "thread": [((*FORUMS, *UNKNOWN), "A{Create{Note}}"), ((*SHOWS_BOOSTS, *UNKNOWN), "A{id}")],
    "article": [((*FORUMS, *UNKNOWN), "A{Create{Article}}"), ((*SHOWS_BOOSTS, *UNKNOWN), "A{id}")],
    "reply": [((*FORUMS, *UNKNOWN), "A{Create{Note}}")],
    "edit": [((*FORUMS, *UNKNOWN), "A{Update{Note}}"), ((*SHOWS_BOOSTS, *UNKNOWN), "Update{Note}")],
    "like": [((*FORUMS, *UNKNOWN), "A{Like}")],
    "unlike": [((*VOTING, *UNKNOWN), "A{Undo{Like}}")],
    "dislike": [((*FULL, "friendica", "mitra", *UNKNOWN), "A{Dislike}")],
    "react": [((*(one for one in FULL if one != "lemmy"), "friendica", *UNKNOWN), "A{EmojiReact}")],
    "pin": [((*FULL, *UNKNOWN), "A{Add}")],
    "unpin": [((*FULL, *UNKNOWN), "A{Remove}")],
    "lock": [((*FULL, *UNKNOWN), "A{Lock}")],
    "unlock": [((*FULL, *UNKNOWN), "A{Undo{Lock}}")],
    "remove": [((*FORUMS, *UNKNOWN), "A{Delete}"), ((*SHOWS_BOOSTS, *UNKNOWN), "Undo{A}")],
    "restore": [((*FULL, *UNKNOWN), "A{Undo{Delete}}"), ((*SHOWS_BOOSTS, *UNKNOWN), "A{id}")],
    "delete reply": [((*FORUMS, *UNKNOWN), "A{Delete{Tombstone}}"), ((*SHOWS_BOOSTS, *UNKNOWN), "Delete{Tombstone}")],
    "delete": [
        ((*FORUMS, *UNKNOWN), "A{Delete{Tombstone}}"),
        ((*SHOWS_BOOSTS, *UNKNOWN), "Delete{Tombstone}"),
        ((*SHOWS_BOOSTS, *UNKNOWN), "Undo{A}"),
    ],
    "page": [
        ((*(one for one in FORUMS if one != "discourse"), *UNKNOWN), "A{Create{Page}}"),
        ((*SHOWS_BOOSTS, *UNKNOWN), "A{id}"),
    ],
    "appoint": [((*FULL, *UNKNOWN), "A{Add}")],
    "dismiss": [((*FULL, *UNKNOWN), "A{Remove}")],
    "group edit": [((*FULL, *UNKNOWN), "A{Update{Group}}"), (SELF_TOLD, "Update{Group}")],
    "ban": [((*FULL, *UNKNOWN), "A{Block}"), (ALL, "Reject{Follow}")],
}


async def test_what_each_gets(scene: Scene) -> None:
    alpha, group, olga, ada = scene.alpha, scene.group, scene.olga, scene.ada
    site = alpha.site
    made: dict[str, Post] = {}
    lemmy = scene.peers["lemmy"]
    lena = lemmy.iri("/users/lena")

    def write(name: str, by: Actor, text: str, **more: Any) -> None:
        made[name] = alpha.write(lambda tx: posts.publish(tx, site, by, Draft(text, **more)))

    def at(name: str) -> Post:
        return alpha.post(made[name].iri)

    def ban() -> None:
        for peer in scene.peers.values():
            who = alpha.actor(peer.iri("/users/lena"))
            alpha.write(lambda tx, who=who: moderation.ban(tx, site, olga, group, who, "", None, False))  # type: ignore[misc]

    def vote(kind: str, **more: Any) -> dict[str, Any]:
        return lemmy.activity(kind, lena, made["thread"].iri, audience=group.iri, **more)

    page = lemmy.note(lena, "page", type="Page", to=[group.iri, PUBLIC], cc=[], audience=group.iri)
    page["name"] = "A page"
    acts: dict[str, Callable[[], object]] = {
        "thread": lambda: write("thread", ada, "@mlops Hello there"),
        "article": lambda: write("article", ada, "@mlops " + "Long text. " * 200, title="A title"),
        "reply": lambda: write("reply", olga, "An answer", reply_to_id=made["thread"].id),
        "edit": lambda: alpha.write(lambda tx: posts.edit(tx, site, at("thread"), Draft("@mlops Hello again"))),
        "like": lambda: alpha.write(lambda tx: reactions.like(tx, site, olga, at("thread"))),
        "unlike": lambda: alpha.write(lambda tx: reactions.unlike(tx, site, olga, at("thread"))),
        "dislike": lambda: vote("Dislike"),
        "react": lambda: vote("EmojiReact", content="🎉"),
        "pin": lambda: alpha.write(lambda tx: moderation.pin(tx, site, olga, group, at("thread"))),
        "unpin": lambda: alpha.write(lambda tx: moderation.unpin(tx, site, olga, group, at("thread"))),
        "lock": lambda: alpha.write(lambda tx: moderation.lock(tx, site, olga, at("thread"))),
        "unlock": lambda: alpha.write(lambda tx: moderation.unlock(tx, site, olga, at("thread"))),
        "remove": lambda: alpha.write(lambda tx: moderation.remove(tx, site, olga, at("thread"), "why")),
        "restore": lambda: alpha.write(lambda tx: moderation.restore(tx, site, olga, at("thread"))),
        "delete reply": lambda: alpha.write(lambda tx: posts.delete(tx, site, at("reply"), olga)),
        "delete": lambda: alpha.write(lambda tx: posts.delete(tx, site, at("thread"), ada)),
        "page": lambda: lemmy.activity("Create", lena, page, to=[group.iri, PUBLIC], cc=[], audience=group.iri),
        "appoint": lambda: alpha.write(lambda tx: moderation.appoint(tx, site, olga, group, ada)),
        "dismiss": lambda: alpha.write(lambda tx: moderation.dismiss(tx, site, olga, group, ada)),
        "group edit": lambda: alpha.write(lambda tx: groups.edit(tx, site, olga, group, title="Other")),
        "ban": ban,
    }
    wrong = []
    for action, act in acts.items():
        sent = act()
        if isinstance(sent, dict):
            await lemmy.send(alpha, sent)
        for name, got in (await scene.news()).items():
            expected = sorted(form for who, form in TABLE[action] if name in who)
            if sorted(map(shape, got)) != expected:
                wrong.append((action, name, sorted(map(shape, got)), expected))
            for one in got:
                check_strictly(one, group)
    assert not wrong, "\n".join(map(str, wrong))
    boosts = [one for one in scene.peers["mastodon"].inbox if shape(one) in ("A{id}", "Undo{A}")]
    by_post: dict[str, list[str]] = {}
    for one in boosts:
        boost = one if one["type"] == "Announce" else one["object"]
        by_post.setdefault(boost["object"], []).append(boost["id"])
    first, undone, again, gone = by_post[made["thread"].iri]
    assert (first, again) == (undone, gone)
    assert first != again, "Mastodon passes by a boost that it knows"


def check_strictly(activity: dict[str, Any], group: Actor) -> None:
    """What every activity must be for the strictest of them (PROTOCOL 0.12, 0.13, 2.3, 2.5)."""
    assert isinstance(activity["actor"], str)
    assert isinstance(activity["id"], str)
    assert urlsplit(activity["id"]).netloc == urlsplit(activity["actor"]).netloc, "Lemmy: the id is of the actor's host"
    assert urlsplit(activity["id"]).port is None
    context = activity["@context"]
    assert "https://www.w3.org/ns/activitystreams" in (context if isinstance(context, list) else [context])
    if activity["type"] not in ("Like", "Dislike", "EmojiReact", "Accept", "Reject"):
        assert isinstance(activity["to"], list), shape(activity)
        assert isinstance(activity["cc"], list), shape(activity)
        if "Like" not in shape(activity):  # a vote, and its undoing, are for the author and the group
            assert PUBLIC in activity["to"], shape(activity)
    if activity["type"] in ("Accept", "Reject", "Undo"):
        assert {"id", "type", "actor", "object"} <= activity["object"].keys(), "Mbin passes by an id alone"
    if activity["type"] == "Announce":
        assert activity["actor"] == group.iri
        assert activity["cc"] == [group.followers]
        if isinstance(activity["object"], dict):
            inner = activity["object"]
            if "@context" in inner and urlsplit(inner["id"]).netloc == "alpha.example":
                check_strictly(inner, group)
            assert inner["audience"] == group.iri, shape(activity)
            assert (inner["actor"] if isinstance(inner["actor"], str) else None) is not None
    held = activity["object"]
    if activity["type"] in ("Create", "Update") and held["type"] in ("Note", "Article"):
        assert isinstance(held["attributedTo"], str), "NodeBB refuses a list"
        assert PUBLIC in held["to"]
        assert group.iri in (*held["to"], *held["cc"])
        assert held["audience"] == group.iri
        assert held["inReplyTo"] is not None or held["name"]
