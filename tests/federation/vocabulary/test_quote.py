"""Quotes in every spelling, policies, and the leave to quote (FEP-044f, FEP-e232)."""

from typing import Any

import pytest

from federation.audience import PUBLIC
from federation.errors import FederationError, Malformed, WrongOrigin
from federation.vocabulary.note import read_post
from federation.vocabulary.quote import (
    build_authorization,
    build_quote_policy,
    check_authorization,
    quote_policy,
    quote_properties,
    read_quote,
    read_quote_allowed,
)
from tests.federation.samples import peer

QUOTED = "https://example.com/users/alice/statuses/1"
ID = "https://example.com/users/alice/stamps/1"
ALICE = "https://example.com/users/alice"
QUOTING = "https://example.org/users/bob/statuses/1"


def test_fep_044f_and_the_older_words() -> None:
    document = peer("fep/object-044f-01.json")
    for left in ("quote", "quoteUri", "quoteUrl", "_misskey_quote"):
        found = read_quote(document)
        assert found is not None
        assert (found.iri, found.authorization) == (QUOTED, None)
        del document[left]
    found = read_quote(document)  # the Link tag is left
    assert found is not None
    assert found.iri == QUOTED
    del document["tag"]
    assert read_quote(document) is None


def test_misskeys_quote_and_fedibirds() -> None:
    found = read_post(peer("misskey/object-misskey_quote_post.json")).quote
    assert found is not None
    assert found.iri == "https://misskey.io/notes/8vs6wxufd0"
    assert read_post(peer("misskey/object-recursive_quote.json")).quote is None  # of itself
    # The link in its text leads to a page, its property to the object.
    found = read_post(peer("attacks/object-fedibird_quote_mismatched.json")).quote
    assert found is not None
    assert found.iri == "https://unnerv.jp/users/UN_NERV/statuses/107712176849067434"


def test_fep_e232_a_link_is_a_quote_only_when_it_says_so() -> None:
    assert read_quote(peer("fep/object-e232-00.json")) is None  # the ticket #1374
    found = read_quote(peer("fep/object-e232-01.json"))
    assert found is not None
    assert found.iri == "https://server.example/objects/123"


@pytest.mark.parametrize("quote", [None, "", 5, {"type": "Tombstone"}, "javascript:alert(1)", []])
def test_quotes_of_nothing(quote: Any) -> None:
    assert read_quote({"id": "https://a.example/1", "quote": quote}) is None


@pytest.mark.parametrize(
    ("allowed", "policy"),
    [
        (PUBLIC, "public"),
        ("as:Public", "public"),
        ([f"{ALICE}/followers"], "followers"),
        ([ALICE], "nobody"),
        ([], "nobody"),
        (["https://example.com/users/carol"], "nobody"),
    ],
)
def test_who_may_quote(allowed: Any, policy: str) -> None:
    document = {"interactionPolicy": {"canQuote": {"automaticApproval": allowed}}}
    assert quote_policy(read_quote_allowed(document), f"{ALICE}/followers") == policy
    before = {"interactionPolicy": {"canQuote": {"always": allowed}}}
    assert quote_policy(read_quote_allowed(before), f"{ALICE}/followers") == policy


def test_no_policy_is_no_policy() -> None:
    unsaid: list[dict[str, Any]] = [{}, {"interactionPolicy": None}, {"interactionPolicy": {"canLike": {}}}]
    for document in unsaid:
        assert quote_policy(read_quote_allowed(document), None) is None
    said = peer("fep/object-044f-02.json")
    assert quote_policy(read_quote_allowed(said), f"{ALICE}/followers") == "followers"


def test_our_policies_are_read_back() -> None:
    for policy in ("public", "followers", "nobody"):
        built = {"interactionPolicy": build_quote_policy(policy, ALICE, f"{ALICE}/followers")}
        assert quote_policy(read_quote_allowed(built), f"{ALICE}/followers") == policy
    read = read_quote({"id": QUOTING, **quote_properties(QUOTED, ID)})
    assert read is not None
    assert (read.iri, read.authorization) == (QUOTED, ID)


def test_the_authorization_of_the_fep_holds() -> None:
    check_authorization(peer("fep/object-044f-03.json"), ID, QUOTING, QUOTED, ALICE)
    check_authorization(build_authorization(ID, ALICE, QUOTING, QUOTED), ID, QUOTING, QUOTED, ALICE)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"type": "Note"}, Malformed),
        ({"id": f"{ID}2"}, Malformed),
        ({"attributedTo": "https://example.com/users/mallory"}, WrongOrigin),
        ({"attributedTo": None}, WrongOrigin),
        ({"interactingObject": "https://example.org/users/bob/statuses/2"}, WrongOrigin),
        ({"interactionTarget": f"{QUOTED}2"}, WrongOrigin),
    ],
)
def test_authorizations_that_do_not_hold(changes: dict[str, Any], error: type[FederationError]) -> None:
    with pytest.raises(error):
        check_authorization({**build_authorization(ID, ALICE, QUOTING, QUOTED), **changes}, ID, QUOTING, QUOTED, ALICE)


def test_nobody_gives_leave_for_another_server() -> None:
    theirs = "https://evil.example/stamps/1"
    with pytest.raises(WrongOrigin):
        check_authorization(build_authorization(theirs, ALICE, QUOTING, QUOTED), theirs, QUOTING, QUOTED, ALICE)
