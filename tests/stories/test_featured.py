"""What people and groups put first, as others read it, and how others read what ours put first."""

from pathlib import Path

import msgspec
import pytest

from fedi import fetching
from fedi.actions import follows as follow_actions
from fedi.actions import moderation
from fedi.actions import pins as pin_actions
from storage import follows, pins, posts
from storage.actors import Actor
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

CORPUS = Path(__file__).parents[3] / "shared/corpus"


def pinned(instance: Instance, actor: Actor) -> list[str]:
    """The IRIs of what an actor put first, as this instance knows it."""
    known = instance.actor(actor.iri)
    found = instance.read(lambda tx: pins.of(tx, known.id))
    known_posts = instance.read(lambda tx: posts.by_ids(tx, [pin.post_id for pin in found]))
    return [known_posts[pin.post_id].iri for pin in found]


async def test_pins_travel_with_whom_they_belong_to(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("mlops", olga)
    first = publish(alpha, olga, "@mlops the rules")
    mine = publish(alpha, olga, "who I am")
    publish(alpha, olga, "something else")
    alpha.write(lambda tx: moderation.pin(tx, alpha.site, olga, group, first))
    alpha.write(lambda tx: pin_actions.pin(tx, alpha.site, olga, mine))
    ada = beta.person("ada")
    for name in ("mlops@alpha.example", "olga@alpha.example"):
        await join(beta, ada, name)
    await settle(*three.all)
    assert pinned(beta, group) == [first.iri]
    assert pinned(beta, olga) == [mine.iri]
    featured = await alpha.document("/groups/mlops/featured")
    assert [(one["type"], one["id"]) for one in featured["orderedItems"]] == [("Note", first.iri)], "embedded, as Lemmy"

    # Seen for the first time, without following it: a group's pins are read all the same.
    await fetching.actor(gamma.site, group.iri)
    await settle(*three.all)
    assert pinned(gamma, group) == [first.iri]

    alpha.write(lambda tx: moderation.unpin(tx, alpha.site, olga, group, first))
    alpha.write(lambda tx: pin_actions.unpin(tx, alpha.site, olga, mine))
    await settle(*three.all)
    assert pinned(beta, group) == []
    assert pinned(beta, olga) == []


async def test_pins_of_members_are_not_told_to_others(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("exams", olga, see="members")
    secret = publish(alpha, olga, "@exams the questions")
    alpha.write(lambda tx: moderation.pin(tx, alpha.site, olga, group, secret))
    await fetching.actor(gamma.site, group.iri)
    await settle(*three.all)
    assert not gamma.has(secret.iri)
    ada = beta.person("ada")
    await join(beta, ada, "exams@alpha.example")
    await settle(*three.all)
    waiting = alpha.read(lambda tx: follows.followers(tx, group.id, 10, state="pending"))
    for follow in waiting:
        alpha.write(lambda tx: follow_actions.accept(tx, alpha.site, follow))
    await settle(*three.all)
    assert pinned(beta, group) == [secret.iri]


async def test_people_pin_only_what_is_theirs(three: Three) -> None:
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    featured = peer.iri("/users/zoe/collections/featured")
    zoe, bob = peer.actor("zoe", featured=featured), peer.actor("bob")
    own, embedded, other = peer.note(zoe, "own"), peer.note(zoe, "embedded"), peer.note(bob, "bobs")
    peer.documents[featured] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": featured, "type": "OrderedCollection",
        "totalItems": 3, "orderedItems": [own["id"], embedded, other["id"], peer.iri("/notes/gone")],
    }  # fmt: skip
    olga = alpha.person("olga")
    await join(alpha, olga, "zoe@blog.example")
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", zoe, peer.got("Follow")[0]))
    await settle(alpha)
    assert pinned(alpha, alpha.actor(zoe)) == [own["id"], embedded["id"]]
    added = peer.note(zoe, "added")
    await peer.send(alpha, peer.activity("Create", zoe, added))
    await peer.send(alpha, peer.activity("Add", zoe, added["id"], target=featured))
    await peer.send(alpha, peer.activity("Remove", zoe, own["id"], target=featured))
    await settle(alpha)
    assert pinned(alpha, alpha.actor(zoe)) == [added["id"], embedded["id"]]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of other servers' documents is not beside the checkout")
@pytest.mark.parametrize("name", ["collection-featured", "collection-featured_collection"])
async def test_collections_of_real_mastodons(three: Three, name: str) -> None:
    """The documents as they were recorded, served by a host of the same name."""
    alpha = three.alpha
    document = msgspec.json.decode((CORPUS / f"mastodon/{name}.json").read_bytes())
    items = document.get("orderedItems") or []
    notes = [one for one in items if isinstance(one, dict)]
    host = document["id"].split("/")[2]
    peer = Peer(three.world, host, "mastodon")
    zoe = peer.actor("zoe", featured=document["id"])
    peer.documents[document["id"]] = document
    for note in notes:
        note["attributedTo"] = zoe
    await fetching.actor(alpha.site, zoe)
    there = alpha.actor(zoe)
    olga = alpha.person("olga")
    alpha.write(lambda tx: follow_actions.follow(tx, alpha.site, olga, there))
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", zoe, peer.got("Follow")[0]))
    await settle(alpha)
    assert pinned(alpha, there) == [one["id"] for one in notes if one["id"].split("/")[2] == host]
