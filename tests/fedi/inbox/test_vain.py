"""What is remembered of questions that were asked in vain is small."""

import gc
import weakref
from copy import copy
from typing import Any

import pytest

from federation.client import Document
from federation.errors import Busy, FederationError, Gone, Refused, TooLarge
from tests.world import Instance, Peer

pytestmark = pytest.mark.anyio


async def test_what_a_peer_answered_in_vain_is_not_held_in_memory(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte of document that lists no such key, ten thousand times over."""

    class Body(dict[str, Any]):
        pass

    bob = peer.actor("bob")
    read: list[weakref.ref[Body]] = []

    async def get_document(url: str, key: object = None) -> Document:
        document = Body({"id": bob, "publicKey": {"id": f"{bob}#other", "owner": "https://elsewhere.example/x"}})
        read.append(weakref.ref(document))
        return Document(document, b"", url)

    monkeypatch.setattr(alpha.site.client, "get_document", get_document)
    activity = peer.activity("Like", bob, "https://alpha.example/posts/1")
    assert (await peer.send(alpha, activity)).status in (401, 403)
    assert (await peer.send(alpha, activity)).status in (401, 403)
    gc.collect()
    assert len(read) == 1
    assert [one() for one in read] == [None]


@pytest.mark.parametrize(
    "problem", [Refused("no", answered=404), Busy("later", retry_after=7), TooLarge("much", answered=200), Gone("x")]
)
def test_a_problem_is_remembered_with_all_that_it_says(problem: FederationError) -> None:
    try:
        raise problem
    except FederationError:
        made = copy(problem)
    assert made.__traceback__ is None
    assert (type(made), made.args, vars(made)) == (type(problem), problem.args, vars(problem))
