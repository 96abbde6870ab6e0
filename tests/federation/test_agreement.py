"""The document of an agreement: what is written is read again, bounds hold, each side's proof is over the same bytes, and terms are
compared field by field."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.durations import LONGEST, read_duration, write_duration
from federation.errors import BadSignature, FederationError, Malformed, MissingSignature
from federation.peering import terms_compared
from federation.peering.agreement import build, canonical, fingerprint, read, same_fingerprint
from federation.peering.terms import Terms, read_terms
from federation.peering.terms_file import write_terms
from federation.signatures.integrity import add_to_set, check_in_set
from federation.signatures.keys import (
    PrivateKey,
    PublicKey,
    encode_multikey,
    generate_ed25519,
    load_private,
    load_public,
)

A, B = "https://a.example/actor", "https://b.example/actor"
DAY = 86_400_000


def key(owner: str) -> tuple[PrivateKey, PublicKey]:
    """A key of an institution."""
    pair, key_id = generate_ed25519(), f"{owner}#key"
    return load_private(pair.private, key_id), load_public(encode_multikey(pair.public), key_id, owner)


def document(terms: Terms | None = None, **more: Any) -> dict[str, Any]:
    """A document that A offers."""
    iri = "https://a.example/peering/agreements/7/v3"
    return build(iri=iri, version=3, parties=(A, B), terms=terms or Terms(), **more)


_TERMS = st.builds(
    Terms,
    visibility=st.sampled_from(
        [("public",), ("public", "peers"), ("public", "members"), ("public", "peers", "members")]
    ),
    groups=st.lists(st.sampled_from(["*", A, B, "https://a.example/groups/x"]), unique=True).map(tuple),
    media=st.none() | st.integers(0, 1000).map(lambda days: days * DAY),
    personal_data=st.sampled_from(["none", "pseudonymous", "named"]),
    moderation=st.sampled_from([(), ("report",), ("report", "remove-request")]),
    moderation_within=st.none() | st.integers(1, 10**6).map(lambda seconds: seconds * 1000),
    backfill=st.none() | st.integers(1, 1000).map(lambda days: days * DAY),
    erasure_within=st.none() | st.integers(1, 1000).map(lambda days: days * DAY),
    horizon=st.none() | st.integers(1, 1000).map(lambda days: days * DAY),
    probes=st.booleans(),
    security_contact=st.none() | st.sampled_from(["mailto:csirt@a.example", "https://a.example/security"]),
    ends=st.none() | st.integers(1_790_000_000, 1_990_000_000).map(lambda seconds: seconds * 1000),
)


@given(_TERMS)
def test_what_is_written_is_read(terms: Terms) -> None:
    """As a document and as a file."""
    made = document(terms)
    found = read(made)
    assert found.terms == terms
    assert found.bytes == canonical(made)
    assert read(canonical(made)).digest == found.digest
    assert read_terms(write_terms(terms)) == terms


@given(_TERMS, _TERMS)
def test_comparing_is_the_other_way_round_from_the_other_side(ours: Terms, theirs: Terms) -> None:
    """What is narrower for one is wider for the other, and what is the same is so for both."""
    turned = {"narrower": "wider", "wider": "narrower", "equal": "equal", "different": "different"}
    there = {row.field: row.relation for row in terms_compared.compare(theirs, ours)}
    for row in terms_compared.compare(ours, theirs):
        assert there[row.field] == turned[row.relation], row
    assert all(row.relation == "equal" for row in terms_compared.compare(ours, ours))


def test_what_lets_more_flow_is_wider() -> None:
    """In each field."""
    ours = Terms(
        visibility=("public", "peers"), groups=("https://a.example/groups/x",), media=7 * DAY, personal_data="none"
    )
    theirs = Terms(
        visibility=("public", "members"), groups=("*",), media=None, personal_data="named", erasure_within=60 * DAY
    )
    wider = set(terms_compared.widens(ours, theirs))
    assert {"visibility", "groups", "media", "personal_data", "erasure_within"} <= wider
    assert set(terms_compared.widens(theirs, ours)).isdisjoint(wider)


def test_both_sign_the_same_bytes_in_either_order() -> None:
    """A proof of a set is over the document without any; each holds whoever signed before."""
    (ours, our_key), (theirs, their_key) = key(A), key(B)
    one = add_to_set(add_to_set(document(), ours, 0), theirs, 0)
    other = add_to_set(add_to_set(document(), theirs, 0), ours, 0)
    for signed in (one, other):
        assert check_in_set(signed, our_key, 0)["verificationMethod"] == f"{A}#key"
        assert check_in_set(signed, their_key, 0)["verificationMethod"] == f"{B}#key"
    assert read(one).bytes == read(other).bytes == canonical(document())


def test_a_proof_of_a_set_falls_with_any_change_and_another_key() -> None:
    """Also when the other proof is sound."""
    (ours, our_key), (theirs, their_key) = key(A), key(B)
    signed = add_to_set(add_to_set(document(), ours, 0), theirs, 0)
    with pytest.raises(BadSignature):
        check_in_set(signed | {"peer:version": 4}, our_key, 0)
    with pytest.raises(BadSignature):
        check_in_set(signed, key(A)[1], 0)
    with pytest.raises(MissingSignature):
        check_in_set(add_to_set(document(), ours, 0), their_key, 0)
    with pytest.raises(BadSignature, match="future"):
        check_in_set(add_to_set(document(), ours, 10 * DAY), our_key, 0)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"type": "Document"}, "type"),
        ({"id": "https://b.example/1"}, "id"),
        ({"id": 5}, "id"),
        ({"peer:version": 0}, "peer:version"),
        ({"peer:version": True}, "peer:version"),
        ({"peer:parties": [A]}, "peer:parties"),
        ({"peer:parties": [A, "https://a.example/other"]}, "peer:parties"),
        ({"peer:parties": [A, "javascript:1"]}, "peer:parties"),
        ({"peer:scopes": None}, "peer:scopes"),
        ({"peer:scopes": {"visibility": ["all"]}}, "visibility"),
        ({"peer:scopes": {"visibility": []}}, "visibility"),
        ({"peer:scopes": {"visibility": ["public"], "groups": ["*"] * 501}}, "peer:scopes.groups"),
        ({"peer:scopes": {"visibility": ["public"], "groups": ["not an address"]}}, "groups"),
        ({"peer:scopes": {"visibility": ["public"], "everything": True}}, "peer:scopes.everything"),
        ({"peer:horizon": "P1M"}, "peer:horizon"),
        ({"peer:erasureWithin": 7}, "peer:erasureWithin"),
        ({"peer:probes": "yes"}, "peer:probes"),
        ({"peer:dpo": "ftp://a.example"}, "dpo"),
        ({"endTime": "tomorrow"}, "endTime"),
        ({"startTime": "2027-01-02T00:00:00Z", "endTime": "2027-01-01T00:00:00Z"}, "ends"),
        ({"peer:terms": {"href": "https://c.example/terms"}}, "terms_digest"),
        ({"peer:unheard": 1}, "peer:unheard"),
        ({"peer:securityContact": "mailto:" + "a" * 600}, "peer:securityContact"),
        ({"peer:version": 1e400}, ""),
    ],
)
def test_what_can_not_be_is_refused_by_the_name_of_its_field(changed: dict[str, Any], named: str) -> None:
    """Nothing in a document is passed by."""
    with pytest.raises(FederationError) as refusal:
        read(document() | changed)
    assert refusal.value.text.startswith(named)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda deeper: st.lists(deeper) | st.dictionaries(st.text(), deeper), max_leaves=8),
       st.sampled_from(sorted(document(Terms(ends=2_000_000_000_000, security_contact="mailto:a@b.example")))))  # fmt: skip
def test_nothing_in_a_field_makes_reading_fail_otherwise(value: Any, field: str) -> None:
    """Any value anywhere is read or refused."""
    with contextlib.suppress(FederationError):
        read(document() | {field: value})


@given(st.integers(0, LONGEST // 1000))
def test_durations_are_read_as_they_are_written(seconds: int) -> None:
    """To the second."""
    assert read_duration(write_duration(seconds * 1000)) == seconds * 1000


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1Y", "P2M", "7", "P7", "P1DT", "PT1D", "P-1D", "P٣D", "P99999D", "p7d"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Months and years have no length."""
    with pytest.raises(ValueError, match=r"write|longer"):
        read_duration(text)


def test_fingerprints_are_the_same_however_they_are_typed() -> None:
    """But for what matters."""
    print_ = fingerprint(encode_multikey(generate_ed25519().public))
    assert len(print_.replace(" ", "")) == 64
    assert same_fingerprint(print_, print_.lower().replace(" ", ":"))
    assert not same_fingerprint(print_, print_[:-1])
    assert not same_fingerprint("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('visibilty = ["public"]', "did you mean «visibility»"),
        ('visibility = ["everyone"]', "none of public, peers, members"),
        ('media = "a week"', "write days or hours"),
        ("probes = 1", "true or false"),
        ("groups = [1]", "list of texts"),
        ('security_contact = "csirt@a.example"', "mailto:"),
        ("ends = soon", "no TOML"),
        ('ends = "soon"', "no time"),
    ],
)
def test_a_mistake_in_a_file_of_terms_is_named_with_its_mend(text: str, said: str) -> None:
    """So that an admin finds it."""
    with pytest.raises(Malformed, match=said):
        read_terms(text)


def test_terms_say_what_they_open() -> None:
    """What opens members' content opens that of agreed institutions."""
    members = Terms(visibility=("public", "members"), groups=(A,))
    assert [members.opens(one) for one in ("public", "peers", "members")] == [True, True, True]
    assert members.covers("https://a.example/groups/x", A)
    assert not members.covers("https://b.example/groups/x", B)
    peers = Terms(visibility=("public", "peers"), groups=("https://b.example/groups/x",))
    assert [peers.opens(one) for one in ("public", "peers", "members")] == [True, True, False]
    assert peers.covers("https://b.example/groups/x", B)
