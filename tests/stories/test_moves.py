"""Actors that move, that change their keys, and whose names go to others."""

from typing import Any

import pytest

from federation.errors import WrongOrigin
from federation.signatures.keys import generate_ed25519, generate_rsa
from fedi import fetching
from fedi.actions import erasing, follows, groups, moves, people
from fedi.actions import posts as post_actions
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, Invalid, Taken
from storage import actors, memberships, received
from storage import follows as follow_rows
from storage.actors import Actor
from storage.follows import Follow
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish, state
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


async def moved(three: Three) -> tuple[Actor, Actor, Actor]:
    """Ada of beta, who moves to alpha, where she is Lovelace; Chi of gamma and Bob of beta follow her."""
    alpha, beta, gamma = three.all
    ada, lovelace = beta.person("ada"), alpha.person("lovelace")
    chi, bob = gamma.person("chi"), beta.person("bob")
    await join(gamma, chi, "ada@beta.example")
    await join(beta, bob, "ada@beta.example")
    await settle(*three.all)
    return ada, lovelace, chi


async def test_followers_go_along(three: Three) -> None:
    alpha, beta, gamma = three.all
    ada, lovelace, chi = await moved(three)
    there = await fetching.actor(beta.site, lovelace.iri)
    with pytest.raises(Invalid, match="does not say"):
        beta.write(lambda tx: moves.move(tx, beta.site, ada, there))
    old = await fetching.actor(alpha.site, ada.iri)
    alpha.write(lambda tx: moves.alias(tx, alpha.site, lovelace, old))
    there = await fetching.actor(beta.site, lovelace.iri, fresh=True)
    beta.write(lambda tx: moves.move(tx, beta.site, ada, there))
    await settle(*three.all)

    assert (await beta.document("/people/ada"))["movedTo"] == lovelace.iri
    assert (await alpha.document("/people/lovelace"))["alsoKnownAs"] == [ada.iri]
    assert gamma.actor(ada.iri).moved_to == lovelace.iri
    assert state(gamma, chi, gamma.actor(ada.iri)) == "none"
    assert state(gamma, chi, gamma.actor(lovelace.iri)) == "accepted"
    bob = beta.actor("https://beta.example/people/bob")
    assert state(beta, bob, beta.actor(lovelace.iri)) == "accepted", "followers on the old server go too"
    assert state(beta, beta.actor(chi.iri), ada) == "none"
    assert alpha.actor(lovelace.iri).followers_count == 2

    hello = publish(alpha, lovelace, "I live here now.")
    await settle(*three.all)
    assert [post.iri for post in home(gamma, chi)] == [hello.iri]

    back = aliased(beta, beta.person("ada2"), ada)
    once = beta.actor(ada.iri)
    with pytest.raises(Invalid, match="week"):
        beta.write(lambda tx: moves.move(tx, beta.site, once, back))


def aliased(instance: Instance, actor: Actor, other: Actor) -> Actor:
    """`actor` once it says that it is `other` as well."""
    return instance.write(lambda tx: moves.alias(tx, instance.site, actor, other))


async def test_a_group_moves_with_its_members(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga, ada, chi = alpha.person("olga"), beta.person("ada"), gamma.person("chi")
    old = alpha.group("mlops", olga)
    new = beta.group("drift", ada)
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    old_there = await fetching.actor(beta.site, old.iri)
    aliased(beta, new, old_there)
    there = await fetching.actor(alpha.site, new.iri, fresh=True)
    alpha.write(lambda tx: moves.move(tx, alpha.site, old, there))
    await settle(*three.all)
    inside = beta.read(lambda tx: memberships.of_group(tx, new.id))
    names = {one.handle for one in beta.read(lambda tx: actors.by_ids(tx, [row.actor_id for row in inside])).values()}
    assert names == {"ada@beta.example", "chi@gamma.example", "olga@alpha.example"}
    left = alpha.read(lambda tx: memberships.moderators(tx, old.id))
    assert left == [olga.id], "who moderates what is left stays to close up"


def followed(instance: Instance, peer: Peer, actor: str) -> Actor:
    """Somebody here who follows an actor elsewhere."""
    person = instance.person("olga")
    there = instance.actor(actor)
    instance.write(lambda tx: follows.follow(tx, instance.site, person, there))
    return person


async def test_a_move_needs_both(three: Three) -> None:
    """Whoever names another, without that one's word, takes no followers away; nor does who moves again at once."""
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    other = Peer(three.world, "other.example", "mastodon")
    zoe = peer.actor("zoe")
    new = other.actor("zoe", alsoKnownAs=[zoe])
    stranger, later = other.actor("stranger"), other.actor("later", alsoKnownAs=[zoe])
    forum = other.actor("forum", "Group", alsoKnownAs=[zoe])
    await fetching.actor(alpha.site, zoe)
    olga = followed(alpha, peer, zoe)
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", zoe, peer.got("Follow")[0]))
    await settle(alpha)

    async def move(target: Any, by: str = zoe, what: str = zoe) -> str | None:
        sender = peer if by == zoe else other
        activity = sender.activity("Move", by, what, target=target)
        assert (await sender.send(alpha, activity)).status == 202
        await settle(alpha)
        [row] = [row for row in alpha.read(lambda tx: received.newest(tx, 20)) if row.activity_id == activity["id"]]
        return row.code

    for target in (stranger, forum, zoe):
        assert await move(target) == ("alias" if target == stranger else "move")
    assert await move(other.iri("/users/nobody")) is not None
    await move(stranger, by=stranger, what=zoe)  # another can't move her
    assert state(alpha, olga, alpha.actor(zoe)) == "accepted"

    assert await move(new) is None
    assert state(alpha, olga, alpha.actor(zoe)) == "none"
    assert state(alpha, olga, alpha.actor(new)) == "pending"
    assert [one["object"]["object"] for one in peer.got("Undo")] == [zoe]
    assert [one["object"] for one in other.got("Follow")] == [new]

    person, there = alpha.person("late"), alpha.actor(zoe)
    with pytest.raises(Forbidden):  # nobody follows who is gone
        alpha.write(lambda tx: follows.follow(tx, alpha.site, person, there))
    iri = alpha.site.iri("/activities/late")
    edge = Follow(alpha.site.new_id(), person.id, there.id, "accepted", iri, True, False, alpha.site.clock())
    alpha.write(lambda tx: follow_rows.insert(tx, edge))  # who asked before and was accepted after
    peer.documents[zoe]["name"] = "Zoe, who moves again"
    await fetching.actor(alpha.site, zoe, fresh=True)  # being read again is not forgetting
    assert await move(later) == "cool-down"


async def test_new_keys_are_found_by_who_knows_the_old(three: Three) -> None:
    alpha, beta, gamma = three.all
    group = alpha.group("mlops", alpha.person("olga"))
    ada, chi = beta.person("ada"), gamma.person("chi")
    for instance, person in ((beta, ada), (gamma, chi)):
        await join(instance, person, "mlops@alpha.example")
    await settle(*three.all)
    publish(beta, ada, "@mlops@alpha.example before")
    await settle(*three.all)
    before = await beta.document("/people/ada")

    for instance, actor in ((beta, ada), (alpha, group), (beta, beta.actor("https://beta.example/actor"))):
        pairs = generate_rsa(), generate_ed25519()
        instance.write(lambda tx: people.rotate_keys(tx, instance.site, actor, *pairs))
    await settle(*three.all)
    after = await beta.document("/people/ada")
    assert before["publicKey"]["id"] == after["publicKey"]["id"]
    assert before["publicKey"] != after["publicKey"]
    assert before["assertionMethod"] != after["assertionMethod"]
    last = publish(beta, ada, "@mlops@alpha.example after")
    await settle(*three.all)
    assert last.iri in [post.iri for post in home(gamma, chi)]
    refused = [
        row for one in three.all for row in one.read(lambda tx: received.newest(tx, 50)) if row.state == "refused"
    ]
    assert refused == []


async def test_a_name_goes_to_nobody_else(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    olga = alpha.person("olga")
    alpha.write(lambda tx: erasing.erase(tx, alpha.site, ada))
    for unit in (
        lambda tx: people.register(tx, alpha.site, username="Ada", email="x@alpha.example"),
        lambda tx: groups.create(tx, alpha.site, name="ada", title="Ada", owner=olga),
    ):
        with pytest.raises(Taken):
            alpha.write(unit)
    answer = await alpha.get("/people/ada", accept="application/activity+json")
    assert (answer.status, b"Tombstone" in answer.body) == (410, True)


async def test_a_name_changes_when_its_host_confirms_it(three: Three) -> None:
    """Else whoever may write their own document would take any name of their host, and readers for fools."""
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    zoe, bob = peer.actor("zoe"), peer.actor("bob")
    await fetching.actor(alpha.site, zoe)
    await fetching.actor(alpha.site, bob)
    peer.documents[zoe]["preferredUsername"] = "bob"  # WebFinger says that bob is another
    assert (await fetching.actor(alpha.site, zoe, fresh=True)).handle == "zoe@blog.example"
    assert alpha.actor(bob).handle == "bob@blog.example"
    with pytest.raises(WrongOrigin):
        await fetching.actor(alpha.site, peer.actor("eve", preferredUsername="bob"))
    assert alpha.actor(bob).state == "active"
    peer.documents[zoe]["preferredUsername"] = "admin"  # of whom WebFinger knows nothing
    assert (await fetching.actor(alpha.site, zoe, fresh=True)).handle == "zoe@blog.example"
    peer.documents[peer.iri("/users/zora")] = peer.documents[zoe]
    peer.documents[zoe]["preferredUsername"] = "zora"  # the loop has to end at the same actor
    assert (await fetching.actor(alpha.site, zoe, fresh=True)).handle == "zoe@blog.example"


async def test_a_removed_post_can_come_back_and_a_deleted_one_not(three: Three) -> None:
    from fedi.actions import moderation

    alpha = three.alpha
    olga = alpha.person("olga")
    alpha.group("mlops", olga)
    ada = alpha.person("ada")
    await join(alpha, ada, "mlops@alpha.example")
    post = alpha.write(lambda tx: post_actions.publish(tx, alpha.site, ada, Draft("@mlops spam")))
    path = post.iri.removeprefix("https://alpha.example")
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, olga, post, "spam"))
    tombstone = await alpha.document(path)
    assert (tombstone["type"], tombstone["id"], tombstone["formerType"]) == ("Tombstone", post.iri, "Note")
    removed = alpha.post(post.iri)
    alpha.write(lambda tx: moderation.restore(tx, alpha.site, olga, removed))
    assert (await alpha.document(path))["type"] == "Note"
    alpha.write(lambda tx: post_actions.delete(tx, alpha.site, post, ada))
    assert (await alpha.get(path, accept="application/activity+json")).status == 410
