"""Followers synchronised between two servers (FEP-8fcf): who follows whom is what both know, also after one forgot."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from federation.errors import Refused
from federation.signatures.sign import sign_post
from federation.synchronisation import HEADER, Synchronisation, build_header, digest_of
from federation.transport import Response
from fedi import fetching
from fedi.actions import followers
from fedi.outbox import synchronising
from storage import follows, jobs
from storage.actors import Actor
from storage.metadata import Tx
from storage.savepoints import savepoint
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish, state
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio


async def befriended(three: Three) -> tuple[Actor, Actor, Actor]:
    """Olga of alpha, whom Ada and Bob of beta follow; as their own servers know them."""
    alpha, beta, _ = three.all
    olga, ada, bob = alpha.person("olga"), beta.person("ada"), beta.person("bob")
    for person in (ada, bob):
        await join(beta, person, "olga@alpha.example")
    await settle(*three.all)
    return olga, ada, bob


def forget(instance: Instance, follower: str, target: str) -> None:
    """A follow vanishes from one server's database, as by a restored backup."""

    def unit(tx: Tx) -> None:
        found = follows.find(tx, instance.actor(follower).id, instance.actor(target).id)
        assert found is not None
        follows.remove(tx, found.id)

    instance.write(unit)


async def test_who_is_not_listed_any_more_does_not_follow(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada, bob = await befriended(three)
    forget(alpha, ada.iri, olga.iri)
    publish(alpha, olga, "good morning")
    await settle(*three.all)
    there = beta.actor(olga.iri)
    assert state(beta, ada, there) == "none"
    assert state(beta, bob, there) == "accepted"


async def test_who_is_listed_and_does_not_follow_takes_it_back(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada, bob = await befriended(three)
    forget(beta, ada.iri, olga.iri)
    publish(alpha, olga, "good morning")
    await settle(*three.all)
    assert state(alpha, alpha.actor(ada.iri), olga) == "none"
    assert state(alpha, alpha.actor(bob.iri), olga) == "accepted"


async def test_who_is_listed_and_waits_is_accepted(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada, _ = await befriended(three)

    def wait(tx: Tx) -> None:
        found = follows.find(tx, ada.id, beta.actor(olga.iri).id)
        assert found is not None
        follows.change(tx, found.id, state="pending")

    beta.write(wait)
    publish(alpha, olga, "good morning")
    await settle(*three.all)
    assert state(beta, ada, beta.actor(olga.iri)) == "accepted"


async def test_where_both_agree_nothing_is_asked(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, _, _ = await befriended(three)
    publish(alpha, olga, "good morning")
    await settle(*three.all)
    assert [url for _, url in three.world.asked if "domain=" in url] == []
    assert beta.read(jobs.totals) == {}


async def test_a_host_reads_its_own_people_only(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga, ada, bob = await befriended(three)
    url = f"{olga.iri}/followers?domain=beta.example"
    found = await fetching.document(beta.site, url)
    assert sorted(found.document["orderedItems"]) == [ada.iri, bob.iri]
    assert found.document["followersOf"] == olga.iri
    with pytest.raises(Refused) as refused:
        await fetching.document(gamma.site, url)
    assert refused.value.answered == 404
    path = url.removeprefix("https://alpha.example")
    assert (await alpha.get(path, accept="application/activity+json")).status == 404


def sync_peer(three: Three, listed: list[str]) -> tuple[Peer, str]:
    """A server whose Zoe says that these follow her."""
    peer = Peer(three.world, "blog.example", "mastodon")
    zoe = peer.actor("zoe")
    url = f"{zoe}/followers_synchronization"
    peer.documents[url] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": url, "type": "OrderedCollection",
        "orderedItems": listed,
    }  # fmt: skip
    return peer, zoe


async def deliver(
    peer: Peer, to: Instance, zoe: str, told: Synchronisation | str, name: str, *, signed: bool = True
) -> Response:
    """A post of Zoe with the header, which the signature covers or does not."""
    body = msgspec.json.encode(peer.activity("Create", zoe, peer.note(zoe, name)))
    url = "https://alpha.example/inbox"
    more = {HEADER: told if isinstance(told, str) else build_header(told)}
    headers: dict[str, Any] = sign_post(peer.keys[zoe], url, body, to.site.clock(), None, more if signed else None)
    return await call(to.app, "POST", url, headers | more, body)


async def test_a_header_counts_only_when_it_is_the_sender_s_own(three: Three) -> None:
    alpha = three.alpha
    olga = alpha.person("olga")
    peer, zoe = sync_peer(three, [])
    other = Peer(three.world, "other.example")
    await join(alpha, olga, "zoe@blog.example")
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", zoe, peer.got("Follow")[0]))
    await settle(alpha)
    url = f"{zoe}/followers_synchronization"
    nobody = digest_of([])
    true = Synchronisation(f"{zoe}/followers", url, nobody)
    wrong: list[tuple[Synchronisation | str, bool]] = [
        (Synchronisation(f"{zoe}/followers", other.iri("/victim"), nobody), True),
        (Synchronisation(peer.iri("/users/else/followers"), url, nobody), True),
        (Synchronisation(f"{zoe}/followers", url, digest_of([olga.iri])), True),  # as we know it
        ("collectionId=unquoted", True),
        ("", True),
        (f'collectionId="{zoe}/followers", url="{url}", digest="0"', True),
        (true, False),  # not covered by the signature: anybody may have put it there
    ]
    for at, (told, signed) in enumerate(wrong):
        assert (await deliver(peer, alpha, zoe, told, f"n{at}", signed=signed)).status == 202
    await settle(alpha)
    assert (peer.asked.count(url), other.asked) == (0, [])
    there = alpha.actor(zoe)
    assert state(alpha, olga, there) == "accepted"

    assert (await deliver(peer, alpha, zoe, true, "last")).status == 202
    await settle(alpha)
    assert peer.asked.count(url) == 1
    assert state(alpha, olga, there) == "none"


async def test_a_list_that_goes_on_elsewhere_drops_nobody(three: Three) -> None:
    alpha = three.alpha
    olga = alpha.person("olga")
    peer, zoe = sync_peer(three, [])
    await join(alpha, olga, "zoe@blog.example")
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", zoe, peer.got("Follow")[0]))
    await settle(alpha)
    url = f"{zoe}/followers_synchronization"
    other = Peer(three.world, "other.example")
    peer.documents[url]["next"] = other.iri("/page")
    other.documents[other.iri("/page")] = {
        "id": other.iri("/page"),
        "type": "OrderedCollectionPage",
        "orderedItems": [],
    }
    assert (await deliver(peer, alpha, zoe, Synchronisation(f"{zoe}/followers", url, digest_of([])), "n")).status == 202
    await settle(alpha)
    assert (peer.asked.count(url), other.asked) == (1, [])
    assert state(alpha, olga, alpha.actor(zoe)) == "accepted"


async def test_a_member_is_confirmed_to_hosts_that_see_the_group(three: Three) -> None:
    """What Lemmy 1.0 asks about private communities: whether an actor is in."""
    alpha, beta, gamma = three.all
    group = alpha.group("exams", alpha.person("olga"), see="members", join_mode="open")
    ada = beta.person("ada")
    await join(beta, ada, "exams@alpha.example")
    await settle(*three.all)
    address = f"{group.iri}/followers?is_follower="
    beta_key, gamma_key = await fetching.instance_key(beta.site), await fetching.instance_key(gamma.site)
    assert (await beta.site.client.get_document(address + ada.iri, beta_key)).id == f"{group.iri}/followers"
    with pytest.raises(Refused) as refused:
        await beta.site.client.get_document(address + "https://beta.example/people/bob", beta_key)
    assert refused.value.answered == 404
    with pytest.raises(Refused) as refused:
        await gamma.site.client.get_document(address + ada.iri, gamma_key)
    assert refused.value.answered == 404


async def test_units_of_work_that_run_again_say_and_hear_it_all_the_same(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta, _ = three.all
    olga, ada, bob = await befriended(three)
    forget(alpha, ada.iri, olga.iri)
    for one in (alpha, beta):
        monkeypatch.setattr(one.site.db, "write", _again(one.site.db.write))
        monkeypatch.setattr(one.site.db, "read", _again(one.site.db.read))
    monkeypatch.setattr(synchronising, "OFTEN", (0.0, 1))
    monkeypatch.setattr(followers, "OFTEN", (0.0, 1))
    publish(alpha, olga, "good morning")
    await settle(*three.all)
    there = beta.actor(olga.iri)
    assert state(beta, ada, there) == "none"
    assert state(beta, bob, there) == "accepted"


def _again(run: Callable[[Callable[[Tx], Any]], Awaitable[Any]]) -> Callable[[Callable[[Tx], Any]], Awaitable[Any]]:
    """Each unit is run, undone and run again, as after a failure of the group that it was to be committed with."""

    def twice(tx: Tx, unit: Callable[[Tx], Any]) -> Any:
        with suppress(_UndoneError), savepoint(tx):
            unit(tx)
            raise _UndoneError
        return unit(tx)

    return lambda unit: run(lambda tx: twice(tx, unit))


class _UndoneError(Exception):
    pass
