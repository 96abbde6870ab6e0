"""What a host serves within a collection: its own word, and nobody else's (FEP-fe34)."""

from typing import Any

import pytest

from federation.errors import Malformed, WrongOrigin
from federation.signatures.verify import authentic_within

URL = "https://alpha.example/groups/mlops/threads/1/history"


def create(host: str, **more: Any) -> dict[str, Any]:
    actor = f"https://{host}/people/ada"
    return {"id": f"https://{host}/activities/1", "type": "Create", "actor": actor, "object": f"{actor}/posts/1"} | more


def test_a_host_vouches_for_its_own() -> None:
    found = authentic_within(create("alpha.example"), URL)
    assert (found.signer, found.via) == ("https://alpha.example/people/ada", "fetched")


@pytest.mark.parametrize(
    "document",
    [
        create("beta.example"),
        create("alpha.example") | {"actor": "https://beta.example/people/ada"},
        create("beta.example") | {"id": "https://alpha.example/activities/1"},
        create("alpha.example") | {"id": "http://alpha.example/activities/1"},
        create("alpha.example:8443"),
    ],
)
def test_a_host_does_not_vouch_for_others(document: dict[str, Any]) -> None:
    with pytest.raises(WrongOrigin):
        authentic_within(document, URL)


def test_what_is_no_activity_is_malformed() -> None:
    with pytest.raises(Malformed):
        authentic_within({"id": "https://alpha.example/1"}, URL)
