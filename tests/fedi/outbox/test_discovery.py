"""What WebFinger and actors say to those who look for ways: home for people, proofs for peers, requests for owners."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from federation.signatures.sign import sign_get
from federation.webfinger import INTENT, SUBSCRIBE, read_answer
from fedi.actions import follows, profiles
from storage.actors import Actor
from tests.conftest import Databases
from tests.world import Instance, World, call, close, instance

pytestmark = pytest.mark.anyio

CORPUS = Path(__file__).parents[4] / "shared/corpus"


@pytest.fixture
async def alpha(databases: Databases, tmp_path: Path) -> AsyncIterator[Instance]:
    url = databases.new("sqlite")
    made = await instance(World(), "alpha.example", url, tmp_path)
    yield made
    await close(made)
    databases.drop(url)


async def found(alpha: Instance, resource: str) -> Any:
    answer = await alpha.get(f"/.well-known/webfinger?resource={resource}")
    assert answer.status == 200, answer.body
    assert answer.headers["access-control-allow-origin"] == "*"
    return msgspec.json.decode(answer.body)


async def test_people_are_led_home_to_follow(alpha: Instance) -> None:
    ada = alpha.person("ada")
    alpha.group("mlops", ada)
    answer = read_answer(await found(alpha, "acct:ada@alpha.example"))
    post = "https://beta.example/notes/1?x=1&y=2"
    wanted = "https://alpha.example/authorize_interaction?uri=https%3A%2F%2Fbeta.example%2Fnotes%2F1%3Fx%3D1%26y%3D2"
    assert answer.address_for(post, ["Object"]) == wanted
    assert answer.address_for(post, ["Like"]) == wanted, "the older template, for what has no intent of its own"
    links = {link["rel"]: link for link in (await found(alpha, "acct:ada@alpha.example"))["links"]}
    assert links[SUBSCRIBE]["template"] == "https://alpha.example/authorize_interaction?uri={uri}"
    assert links[INTENT + "Follow"]["template"] == "https://alpha.example/authorize_interaction?uri={object}"
    # Nobody is at home in a group, nor in an instance.
    for resource in ("acct:mlops@alpha.example", "https://alpha.example", "acct:alpha.example@alpha.example"):
        rels = {link["rel"] for link in (await found(alpha, resource))["links"]}
        assert SUBSCRIBE not in rels, resource


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of other servers' documents is not beside the checkout")
def test_intents_are_written_as_the_fep_has_them() -> None:
    document = msgspec.json.decode((CORPUS / "fep/webfinger-3b86-00.json").read_bytes())
    read = read_answer(document)
    assert read.intents["Follow"] == "https://mastodon.social/authorize_interaction?uri={object}"
    assert read.subscribe == "https://mastodon.social/authorize_interaction?uri={uri}"


async def test_the_application_is_found(alpha: Instance) -> None:
    """FEP-d556 by the origin's address, FEP-2677 by NodeInfo; what it reads by FEP-844e."""
    for resource in ("https://alpha.example", "https://alpha.example/"):
        links = {link["rel"]: link.get("href") for link in (await found(alpha, resource))["links"]}
        assert links["self"] == "https://alpha.example/actor"
    index = msgspec.json.decode((await alpha.get("/.well-known/nodeinfo")).body)
    rels = {link["rel"]: link["href"] for link in index["links"]}
    assert rels["https://www.w3.org/ns/activitystreams#Application"] == "https://alpha.example/actor"
    implemented = (await alpha.document("/actor"))["generator"]["implements"]
    rfc9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
    peering = "https://w3id.org/fedi/peering/v1"
    assert [one["href"] for one in implemented] == [rfc9421, f"{rfc9421}#name-eddsa-using-curve-edwards25", peering]


async def test_collections_say_whose_they_are(alpha: Instance) -> None:
    ada = alpha.person("ada")
    group = alpha.group("mlops", ada)
    for actor, path in ((ada, "/people/ada"), (group, "/groups/mlops")):
        for name in ("outbox", "followers", "following"):
            collection = await alpha.document(f"{path}/{name}")
            assert collection[f"{name}Of"] == actor.iri
            assert collection["id"] == (await alpha.document(path))[name]


async def test_requests_are_for_the_owner_s_eyes(alpha: Instance) -> None:
    """FEP-4ccd: Follow activities, to the actor's own signature alone."""
    ada, bob = alpha.person("ada"), alpha.person("bob")

    def lock(tx: Any) -> None:
        profiles.update_profile(tx, alpha.site, ada, locked=True)

    alpha.write(lock)
    locked = alpha.actor(ada.iri)
    follow = alpha.write(lambda tx: follows.follow(tx, alpha.site, bob, locked))
    document = await alpha.document("/people/ada")

    async def asked(by: Actor, url: str) -> tuple[int, Any]:
        key = alpha.read(lambda tx: alpha.site.private_key(tx, by.iri))
        headers = sign_get(key, url, alpha.site.clock())
        answer = await call(alpha.app, "GET", url, headers | {"accept": "application/activity+json"})
        assert answer.headers["cache-control"] in ("private, no-store", "no-store")
        assert answer.headers["vary"] == "Accept, Signature"
        return answer.status, msgspec.json.decode(answer.body)

    status, waiting = await asked(ada, document["pendingFollowers"])
    wanted = {"type": "Follow", "id": follow.iri, "actor": bob.iri, "object": ada.iri}
    assert (status, waiting["orderedItems"], waiting["pendingFollowersOf"]) == (200, [wanted], ada.iri)
    status, waiting = await asked(bob, f"{bob.iri}/pendingFollowing")
    assert (status, waiting["orderedItems"], waiting["pendingFollowingOf"]) == (200, [wanted], bob.iri)
    assert (await asked(bob, document["pendingFollowers"]))[0] == 404
    path = document["pendingFollowers"].removeprefix("https://alpha.example")
    assert (await alpha.get(path, accept="application/activity+json")).status == 404
