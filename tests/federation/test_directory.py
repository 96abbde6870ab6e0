"""Signed directories: what is believed, and every way in which one is not."""

import contextlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as jose
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode

from federation.errors import BadSignature, FederationError, Malformed
from federation.peering import directory, entity_statements, probing
from federation.peering.directory import Entity
from federation.peering.entity_statements import Statement, apply_policy, resolved
from federation.ror import read_ror
from federation.signatures import jws
from federation.signatures.keys import PrivateKey, generate_ed25519, load_private

NOW = 1_790_000_000_000
DAY = 24 * 3600 * 1000


def key() -> PrivateKey:
    """A new key that signs."""
    return load_private(generate_ed25519().private, "https://alpha.example/actor#k")


def public(private: PrivateKey) -> dict[str, Any]:
    """Its public half as JWK."""
    raw: Any = private.key
    return jws.jwk_of(raw.public_key())


KEY, OTHER = key(), key()
BETA = Entity(
    "beta.example",
    "https://beta.example/actor",
    (jws.multikey_of(public(OTHER)) or "",),
    name="Beta",
    ror="https://ror.org/05dxps055",
    authority="https://national.example",
    contacts=("mailto:csirt@beta.example",),
)


def signed(sequence: int = 7, *, by: PrivateKey = KEY, days: int = 14, entities: tuple[Entity, ...] = (BETA,)) -> bytes:
    """A directory of now."""
    made = directory.sign(
        by,
        issuer="https://alpha.example/actor",
        now=NOW,
        expires=NOW + days * DAY,
        sequence=sequence,
        entities=entities,
    )
    return made.encode()


def raw(payload: dict[str, Any], kind: str = directory.KIND, by: PrivateKey = KEY) -> bytes:
    """Whatever, signed."""
    return jws.sign(payload, by, kind).encode()


def test_what_was_signed_is_read_again() -> None:
    found = directory.read(signed(), [public(KEY)], now=NOW + DAY, known=6)
    assert found.entities == (BETA,)
    assert (found.sequence, found.issuer, found.left_out) == (7, "https://alpha.example/actor", ())
    assert found.expires_at == NOW + 14 * DAY
    assert directory.of_body(msgspec.json.decode(msgspec.json.encode(directory.as_body(BETA)))) == BETA


@pytest.mark.parametrize(
    ("token", "now", "known", "code"),
    [
        (signed(7), NOW, 8, "rolled-back"),
        (signed(7), NOW + 14 * DAY, 1, "expired"),
        (signed(7), NOW - DAY, 1, "not-yet"),
        (signed(7, by=OTHER), NOW, 1, "wrong-key"),
        (raw({"iss": "https://a.example", "iat": NOW // 1000, "exp": NOW // 1000 + 29 * 86400, "seq": 1}), NOW, 0,
         "holds-too-long"),
    ],
)  # fmt: skip
def test_what_is_old_rolled_back_or_another_s_is_refused_with_the_reason(
    token: bytes, now: int, known: int, code: str
) -> None:
    with pytest.raises(BadSignature) as refused:
        directory.read(token, [public(KEY)], now=now, known=known)
    assert refused.value.code == code


def test_one_changed_letter_is_another_signature() -> None:
    head, body, tail = signed().split(b".")
    for token in (b".".join((head, body[:40] + bytes([body[40] ^ 1]) + body[41:], tail)), b".".join((head, body, b""))):
        with pytest.raises(FederationError):
            directory.read(token, [public(KEY)], now=NOW, known=None)


@pytest.mark.parametrize("token", [b"", b"a.b", b"\xff.\xff.\xff", b"..", b"{}", b"x" * 3_000_000, b"bnVsbA.e30.e30"])
def test_what_is_no_jws_is_refused(token: bytes) -> None:
    with pytest.raises(FederationError):
        directory.read(token, [public(KEY)], now=NOW, known=None)


def test_headers_change_nothing_about_which_key_and_algorithm_count() -> None:
    """No `none`, no HMAC with the public key as the secret, no key that the header brings, nothing critical."""
    pinned = [public(KEY)]
    payload = {"iss": "https://a.example", "iat": NOW // 1000, "exp": NOW // 1000 + 60, "seq": 1, "entities": []}
    body = msgspec.json.encode(payload)
    none = b".".join((urlsafe_b64encode(msgspec.json.encode({"alg": "none", "typ": directory.KIND})),
                      urlsafe_b64encode(body), b""))  # fmt: skip
    secret = OctKey.import_key(msgspec.json.encode(pinned[0]))
    hmac = jose.serialize_compact({"alg": "HS256", "typ": directory.KIND}, body, secret).encode()
    thief = OKPKey.generate_key("Ed25519")
    brought = jose.serialize_compact(
        {"alg": "Ed25519", "typ": directory.KIND, "jwk": thief.as_dict(private=False)},
        body,
        thief,
        algorithms=["Ed25519"],
    ).encode()
    for token in (none, hmac, brought, raw(payload, "JWT")):
        with pytest.raises(FederationError):
            directory.read(token, pinned, now=NOW, known=None)
    assert directory.read(raw(payload), pinned, now=NOW, known=None).entities == ()


@pytest.mark.parametrize("made", ["EC", "RSA"])
def test_keys_of_federations_are_read_too(made: str) -> None:
    private = ECKey.generate_key("P-256") if made == "EC" else RSAKey.generate_key(2048)
    algorithm = "ES256" if made == "EC" else "RS256"
    token = jose.serialize_compact(
        {"alg": algorithm, "typ": "x", "kid": "1"}, b'{"a":1}', private, algorithms=[algorithm]
    )
    [pinned] = jws.read_keys({"keys": [private.as_dict(private=False) | {"kid": "1", "use": "sig"}]})
    assert jws.verify(token.encode(), [pinned], "x", limit=9999) == {"a": 1}
    assert len(jws.fingerprint(pinned).split()) == 16


def test_keys_that_are_weak_or_private_are_not_pinned() -> None:
    private = OKPKey.generate_key("Ed25519").as_dict(private=True)
    with pytest.raises(Malformed, match="private"):
        jws.read_keys(private)
    with pytest.raises(Malformed, match="no public key"):
        jws.read_keys({"keys": [{"kty": "oct", "x": "a"}, {"kty": "OKP", "crv": "X25519", "x": "a"}, 7]})


def test_an_entry_that_can_not_be_read_is_left_out_and_named() -> None:
    entities = [
        {"host": "b.example", "instance_actor": "https://b.example/actor"},
        {"host": "c.example", "instance_actor": "https://evil.example/actor"},
        {"host": "d.example", "instance_actor": "https://d.example/actor", "ror": "https://ror.org/05dxps056"},
        {"host": "e.example", "instance_actor": "javascript:alert(1)"},
        {"host": "f.example", "instance_actor": "https://f.example/actor", "keys": ["nokey"]},
        {"host": "B.example", "instance_actor": "https://b.example/other"},
        7,
    ]
    payload = {"iss": "https://a.example", "iat": NOW // 1000, "exp": NOW // 1000 + 60, "seq": 1, "entities": entities}
    found = directory.read(raw(payload), [public(KEY)], now=NOW, known=None)
    assert [one.host for one in found.entities] == ["b.example"]
    assert [line.split(":")[0] for line in found.left_out] == [
        "entry 2 (c.example)", "entry 3 (d.example)", "entry 4 (e.example)", "entry 5 (f.example)", "entry 6 (b.example)",
    ]  # fmt: skip
    assert "no ROR id" in found.left_out[1]


def test_ror_ids_carry_a_checksum() -> None:
    assert read_ror("ror.org/05DXPS055") == "https://ror.org/05dxps055"
    assert read_ror("https://ror.org/04xfq0f34") == "https://ror.org/04xfq0f34"
    assert [read_ror(text) for text in ("https://ror.org/05dxps056", "05dxps", "", "https://ror.org/15dxps055")] == [
        None
    ] * 4


def statement(issuer: str, subject: str, **more: Any) -> Statement:
    """A statement as it was read."""
    values: dict[str, Any] = {
        "keys": [], "expires": NOW // 1000 + 60, "metadata": {}, "policy": {}, "constraints": {}, "marks": [],
    }  # fmt: skip
    return Statement(issuer, subject, **(values | more))


ANCHOR, NATION, LEAF = "https://anchor.example", "https://nation.example", "https://b.example"
METADATA = {"activitypub_instance": {"instance_actor": f"{LEAF}/actor", "scopes": ["b.example", "c.example"]}}


def test_metadata_passes_the_policies_above_it() -> None:
    chain = [
        statement(NATION, LEAF, policy={"activitypub_instance": {"scopes": {"subset_of": ["b.example"]}}}),
        statement(ANCHOR, NATION, policy={"activitypub_instance": {"registrationAuthority": {"value": ANCHOR}}}),
    ]
    found = resolved(chain, statement(LEAF, LEAF, metadata=METADATA))
    assert (found.host, found.scopes, found.authority) == ("b.example", ("b.example",), ANCHOR)


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ({"a": {"value": 1}}, {"a": 1}),
        ({"a": {"default": 1}}, {"a": 0}),
        ({"b": {"default": 1}}, {"a": 0, "b": 1}),
        ({"a": {"add": [1]}}, {"a": [0, 1]}),
        ({"a": {"one_of": [0, 1]}}, {"a": 0}),
        ({"a": {"one_of": [1]}}, None),
        ({"b": {"essential": True}}, None),
        ({"a": {"superset_of": [0]}}, {"a": 0}),
        ({"a": {"superset_of": [1]}}, None),
        ({"a": {"value": None}}, {}),
        ({"a": {"unheard_of": 1}}, {"a": 0}),
    ],
)
def test_operators_of_metadata_policies(policy: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    if wanted is None:
        with pytest.raises(Malformed):
            apply_policy({"a": 0}, policy)
    else:
        assert apply_policy({"a": 0}, policy) == wanted


def test_an_institution_speaks_for_its_own_host_and_chains_have_an_end() -> None:
    false = {"activitypub_instance": {"instance_actor": "https://victim.example/actor"}}
    with pytest.raises(BadSignature, match="own host"):
        resolved([statement(ANCHOR, LEAF)], statement(LEAF, LEAF, metadata=false))
    short = [statement(NATION, LEAF), statement(ANCHOR, NATION, constraints={"max_path_length": 0})]
    with pytest.raises(BadSignature, match="no chain of this length"):
        resolved(short, statement(LEAF, LEAF, metadata=METADATA))


def test_statements_are_of_who_should_have_made_them() -> None:
    payload = {"iss": ANCHOR, "sub": LEAF, "iat": NOW // 1000, "exp": NOW // 1000 + 400 * 86400,
               "jwks": {"keys": [public(OTHER)]}}  # fmt: skip
    token = raw(payload, entity_statements.KIND)
    pinned = [public(KEY)]
    found = entity_statements.read_statement(token, pinned, issuer=ANCHOR, subject=LEAF, now=NOW)
    assert found.keys == [public(OTHER)]
    for issuer, subject, now, keys in (
        (NATION, LEAF, NOW, pinned),
        (ANCHOR, NATION, NOW, pinned),
        (ANCHOR, LEAF, NOW + 500 * DAY, pinned),
        (ANCHOR, LEAF, NOW - DAY, pinned),
        (ANCHOR, LEAF, NOW, [public(OTHER)]),
    ):
        with pytest.raises(FederationError):
            entity_statements.read_statement(token, keys, issuer=issuer, subject=subject, now=now)
    critical = raw(payload | {"metadata_policy_crit": ["unheard_of"]}, entity_statements.KIND)
    with pytest.raises(Malformed, match="policy"):
        entity_statements.read_statement(critical, pinned, issuer=ANCHOR, subject=LEAF, now=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["iss", "sub", "iat", "exp", "seq", "entities", "jwks", "metadata", "metadata_policy", "metadata_policy_crit", "crit",
     "constraints", "trust_marks", "host", "instance_actor", "keys", "ror", "activitypub_instance", "federation_entity"]
)  # fmt: skip
PAYLOADS = st.dictionaries(
    NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=4) | st.lists(JSON, max_size=3), max_size=8
)


@given(PAYLOADS, st.booleans())
def test_whatever_a_pinned_key_signed_is_read_or_refused(payload: dict[str, Any], valid: bool) -> None:
    if valid:  # so that what is behind the first checks is reached, too
        payload |= {"iss": ANCHOR, "sub": LEAF, "iat": NOW // 1000, "exp": NOW // 1000 + 60, "seq": 1}
        payload.setdefault("jwks", {"keys": [public(OTHER)]})
    with contextlib.suppress(FederationError):
        directory.read(raw(payload), [public(KEY)], now=NOW, known=None)
    with contextlib.suppress(FederationError):
        token = raw(payload, entity_statements.KIND)
        leaf = entity_statements.read_statement(token, [public(KEY)], issuer=ANCHOR, subject=LEAF, now=NOW)
        entity_statements.marks(leaf, [public(KEY)], ANCHOR, NOW)
        resolved([leaf], leaf)


@given(JSON)
def test_whatever_is_given_as_keys_is_read_or_refused(given_keys: Any) -> None:
    with contextlib.suppress(FederationError):
        jws.read_keys(given_keys)
    with contextlib.suppress(FederationError):
        jws.read_keys(
            {"keys": [{"kty": "RSA", "n": given_keys, "e": "AQAB"}, {"kty": "EC", "crv": given_keys, "x": "a"}]}
        )


@given(st.dictionaries(st.sampled_from(["canaries", "note", "object", "follows"]), JSON | st.dictionaries(
    st.sampled_from(["guest", "stranger", "says", "seenBy", "kept"]), JSON, max_size=5), max_size=4))  # fmt: skip
def test_whatever_a_peer_answers_when_it_is_tried_is_read(document: dict[str, Any]) -> None:
    found = probing.read_answer(document, "https://b.example/peering/probing")
    assert found is None or found.guest.startswith("https://b.example/")


def test_what_is_judged() -> None:
    answer = probing.Answer("g", "s", "n", kept=True, says="x", seen_by=("g",), follows=(("g", "accepted"),))
    assert probing.waits_for_accept(answer)[0] == "passed"
    assert probing.waits_for_accept(replace(answer, seen_by=("g", "s")))[0] == "failed"
    assert probing.waits_for_accept(replace(answer, follows=(("s", "accepted"),)))[0] == "failed"
    assert probing.waits_for_accept(replace(answer, seen_by=()))[0] == "unknown"
    assert probing.unsigned_fetch(signed=True, shown=[], leaked=False)[0] == "passed"
    assert probing.unsigned_fetch(signed=False, shown=[], leaked=False)[0] == "unknown"
    assert probing.unsigned_fetch(signed=True, shown=["u"], leaked=False)[0] == "failed"
    assert probing.unsigned_fetch(signed=False, shown=[], leaked=True)[0] == "failed"
    assert probing.forged_update("true", "true", "false", "own", "own")[0] == "passed"
    assert probing.forged_update("false", "true", "false", "own", "own")[0] == "failed"
    assert probing.forged_update("true", "true", "false", "false", "own")[0] == "failed"
    assert probing.forged_update("first", "true", "false", "own", "own")[0] == "unknown"
    assert probing.forged_update("true", "true", "false", None, "own")[0] == "unknown"
    assert probing.forgets_deleted(["u"], 10)[0] == "failed"
    assert probing.forgets_deleted([], 10)[0] == "passed"
    verdicts = [["passed"] * 4, ["passed", "unknown"], ["unknown", "failed"], []]
    assert [probing.verdict_of(one) for one in verdicts] == ["passed", "unknown", "failed", "none"]
