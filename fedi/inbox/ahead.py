"""What a batch of activities will ask the database for, asked at once: the actors and posts that they name.

Only a matter of speed: what is not foreseen here is asked for when it is needed (`storage.held`).
"""

from collections.abc import Iterable
from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.hosts import host_of
from storage import actors, follows, peers, posts
from storage.metadata import Tx

_MOST = 24
"""Names of one activity that are looked up ahead: a hostile one has thousands."""
_POSTS_IN = ("inReplyTo", "quote", "quoteUrl")
_ACTORS_IN = ("to", "cc", "audience", "attributedTo")


def remember(tx: Tx, batch: Iterable[Authentic]) -> None:
    """Read the actors and posts that these activities name, who follows their authors, and their hosts, each at once."""
    people: dict[str, None] = {}
    signers: dict[str, None] = {}
    things: dict[str, None] = {}
    for received in batch:
        signers[received.signer] = None
        named, about = _named(received)
        people.update(dict.fromkeys(named))
        things.update(dict.fromkeys(about))
    if not signers:
        return
    known = actors.remember(tx, [*signers, *people])
    follows.remember(tx, [one.id for one in known if one.iri in signers])
    posts.remember(tx, list(things))
    peers.remember(tx, {host_of(iri) for iri in signers})


def _named(received: Authentic) -> tuple[list[str], list[str]]:
    """The IRIs of actors, and of posts, that an activity names; found once, as a batch is read before it is handled."""
    found: tuple[list[str], list[str]] | None = received.activity.read.get("named")
    if found is not None:
        return found
    document = received.activity.document
    named, about = _actors(document), wire.ids(document.get("object"))[:2]
    for one in wire.as_objects(document.get("object"))[:2]:
        named += _actors(one)
        about += [iri for name in _POSTS_IN if name in one for iri in wire.ids(one[name])[:1]]
    found = received.activity.read["named"] = (list(dict.fromkeys(named))[:_MOST], about)
    return found


def _actors(document: dict[str, Any]) -> list[str]:
    found = [iri for name in _ACTORS_IN if name in document for iri in wire.ids(document[name])]
    for tag in wire.as_objects(document.get("tag"))[:_MOST]:
        iri = wire.id_of(tag)
        if iri is not None:
            found.append(iri)
    return found
