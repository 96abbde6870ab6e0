"""From a signed request to Authentic, and every way in which it must not get there."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import BadSignature, FederationError, Malformed, MissingSignature, WrongOrigin
from federation.parse import parse
from federation.signatures import cavage, rfc9421
from federation.signatures.integrity import add_proof
from federation.signatures.keys import load_private, load_public
from federation.signatures.sign import http_date, sign_get, sign_get_rfc9421, sign_post, sign_post_rfc9421
from federation.signatures.verify import (
    SKEW,
    authentic_fetched,
    authentic_proof,
    authentic_stored,
    signature_of,
    verify,
    verify_get,
)
from tests.federation.samples import ALICE, ALICE_KEY, NOW, ed25519, private, public

INBOX = "https://beta.example/inbox"
LIKE = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "https://alpha.example/likes/1",
    "type": "Like",
    "actor": ALICE,
    "object": "https://beta.example/posts/1",
}
BODY = json.dumps(LIKE).encode()
SIGNERS: list[Callable[..., dict[str, str]]] = [sign_post, sign_post_rfc9421]


@pytest.mark.parametrize("sign", SIGNERS)
def test_a_signed_post_makes_an_authentic_activity(sign: Callable[..., dict[str, str]]) -> None:
    headers = sign(private(), f"{INBOX}?x=1", BODY, NOW)
    claim = signature_of("POST", "/inbox?x=1", headers)
    assert claim.key_id == ALICE_KEY
    assert claim.host == "beta.example"
    assert claim.signed_at == NOW
    authentic = verify(claim, public(), BODY, NOW, parse(BODY))
    assert authentic.signer == ALICE
    assert authentic.key_id == ALICE_KEY
    assert authentic.via == claim.scheme
    assert authentic.activity.raw == BODY


def test_a_signature_of_a_get_proves_no_body() -> None:
    claim = signature_of("GET", "/inbox", sign_get(private(), INBOX, NOW))
    with pytest.raises(BadSignature, match="body"):
        verify(claim, public(), BODY, NOW, parse(BODY))


def test_what_we_send_is_what_peers_ask_for() -> None:
    """Lemmy and Mastodon want these covered, PieFed the algorithm, Discourse quoted parameters, NodeBB no charset."""
    headers = sign_post(private(), INBOX, BODY, NOW)
    assert list(headers) == ["host", "date", "digest", "content-type", "signature"]
    assert headers["host"] == "beta.example"
    assert headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert headers["content-type"] == "application/activity+json"
    assert headers["signature"].startswith(
        f'keyId="{ALICE_KEY}",algorithm="rsa-sha256",headers="(request-target) host date digest content-type",signature="'
    )


def test_a_digest_that_is_at_hand_is_used() -> None:
    assert sign_post(private(), INBOX, BODY, NOW, "SHA-256=abc")["digest"] == "SHA-256=abc"


@pytest.mark.parametrize("sign", [sign_get, sign_get_rfc9421])
def test_a_signed_get_tells_who_asks(sign: Callable[..., dict[str, str]]) -> None:
    headers = sign(private(), "https://beta.example", NOW)
    assert verify_get(signature_of("GET", "/", headers), public(), NOW) == ALICE


def test_headers_as_asgi_gives_them_and_signature_in_authorization() -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    headers["Authorization"] = "Signature " + headers.pop("signature")
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert verify(signature_of("POST", "/inbox", pairs), public(), BODY, NOW, parse(BODY)).signer


def test_the_signature_of_the_bare_path_is_taken_for_a_target_with_query() -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    assert verify(signature_of("POST", "/inbox?x=1", headers), public(), BODY, NOW, parse(BODY)).signer


def _refused(
    error: type[FederationError], *, code: str | None = None, target: str = "/inbox", method: str = "POST", now: int = NOW,
    body: bytes = BODY, key: Any = None, sign: Callable[..., dict[str, str]] = sign_post, **changed: str | None,
) -> None:  # fmt: skip
    headers = sign(private(), INBOX, BODY, NOW)
    for name, value in changed.items():
        headers[name.replace("_", "-")] = value or ""
        if value is None:
            del headers[name.replace("_", "-")]
    with pytest.raises(error) as caught:
        verify(signature_of(method, target, headers), key or public(), body, now, parse(body))
    if code is not None:
        assert caught.value.code == code


@pytest.mark.parametrize("sign", SIGNERS)
def test_what_was_changed_on_the_way_is_refused(sign: Callable[..., dict[str, str]]) -> None:
    _refused(BadSignature, sign=sign, target="/other")
    _refused(BadSignature, sign=sign, method="PUT")
    _refused(BadSignature, sign=sign, host="gamma.example")
    _refused(BadSignature, sign=sign, code="bad-digest", body=BODY.replace(b"Like", b"Lick"))
    _refused(BadSignature, sign=sign, now=NOW + SKEW + 1000, code="bad-date")
    _refused(BadSignature, sign=sign, now=NOW - SKEW - 1000, code="bad-date")
    _refused(MissingSignature, sign=sign, signature=None)
    _refused(Malformed, sign=sign, host=None)
    _refused(Malformed, sign=sign, signature="nonsense")
    _refused(Malformed, sign=sign, signature="x" * 9000)
    other = load_public(ed25519().public, ALICE_KEY, ALICE)
    _refused(BadSignature, sign=sign, key=other)
    _refused(BadSignature, sign=sign, key=public(ALICE + "#other"))


def test_the_clock_may_be_off_by_an_hour() -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    claim = signature_of("POST", "/inbox", headers)
    assert verify(claim, public(), BODY, NOW + SKEW, parse(BODY)).signer
    assert verify(claim, public(), BODY, NOW - SKEW, parse(BODY)).signer


def test_other_headers_of_the_draft_must_fit() -> None:
    _refused(BadSignature, date="Tue, 14 Nov 2023 22:13:21 GMT")
    _refused(BadSignature, date="not a date")
    _refused(BadSignature, date="Tue, 99 Foo 2023 22:13:21 GMT")
    _refused(BadSignature, date=None)
    _refused(BadSignature, digest=None)
    _refused(BadSignature, content_type="text/html")


def test_another_actor_can_not_use_the_key() -> None:
    mallory = "https://alpha.example/people/mallory"
    _refused(WrongOrigin, key=public(ALICE_KEY, mallory))


def test_the_key_must_be_of_its_owners_origin() -> None:
    elsewhere = "https://mallory.example/keys/1"
    body = BODY
    headers = sign_post(private(elsewhere), INBOX, body, NOW)
    with pytest.raises(WrongOrigin):
        verify(signature_of("POST", "/inbox", headers), public(elsewhere, ALICE), body, NOW, parse(body))


def test_the_id_must_be_of_the_actors_origin() -> None:
    body = json.dumps({**LIKE, "id": "https://mallory.example/likes/1"}).encode()
    headers = sign_post(private(), INBOX, body, NOW)
    with pytest.raises(WrongOrigin):
        verify(signature_of("POST", "/inbox", headers), public(), body, NOW, parse(body))


def _cavage(covered: tuple[str, ...], *, extra: str = "", created: int | None = None, **headers: str) -> dict[str, str]:
    """A request signed in the draft's way over what the test says."""
    sent = {**sign_post(private(), INBOX, BODY, NOW), **headers}
    expires = created + 60 if created else None
    message = cavage.signing_string(covered, "post", "/inbox", sent, created, expires)
    sent["signature"] = cavage.signature_header(private(), covered, message) + extra
    return sent


ALL = ("(request-target)", "host", "date", "digest")


@pytest.mark.parametrize("missing", ALL)
def test_the_draft_must_cover_target_host_time_and_body(missing: str) -> None:
    covered = tuple(name for name in ALL if name != missing)
    with pytest.raises(BadSignature, match="not signed"):
        signature_of("POST", "/inbox", _cavage(covered))


def test_created_may_stand_for_the_date() -> None:
    covered = ("(request-target)", "(created)", "(expires)", "host", "digest")
    seconds = NOW // 1000
    headers = _cavage(covered, created=seconds, extra=f",created={seconds},expires={seconds + 60}")
    headers["signature"] = headers["signature"].replace("rsa-sha256", "hs2019")
    claim = signature_of("POST", "/inbox", headers)
    assert claim.signed_at == NOW
    assert verify(claim, public(), BODY, NOW, parse(BODY)).signer
    assert claim.expires == NOW + 60_000
    with pytest.raises(BadSignature):
        verify(claim, public(), BODY, NOW + SKEW + 61_000, parse(BODY))


def test_covered_twice_or_not_there_is_refused() -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    for covered in ("(request-target) host date digest date", "(request-target) host date digest x-absent",
                    "(request-target) host date digest (created)", "(request-target) host date digest (expires)"):  # fmt: skip
        changed = headers["signature"].replace("(request-target) host date digest content-type", covered)
        with pytest.raises(BadSignature):
            signature_of("POST", "/inbox", {**headers, "signature": changed})


def test_two_digest_headers_are_one_list_that_must_fit_as_a_whole() -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"digest", b"SHA-256=AAAA"))
    with pytest.raises(BadSignature):
        verify(signature_of("POST", "/inbox", pairs), public(), BODY, NOW, parse(BODY))


@pytest.mark.parametrize(
    "header",
    [
        'keyId="x",signature="AAAA"',
        'keyId="ftp://alpha.example/k",signature="AAAA"',
        'signature="AAAA"',
        'keyId="https://alpha.example/k"',
        'keyId="https://alpha.example/k",keyId="https://alpha.example/l",signature="AAAA"',
        'keyId="https://alpha.example/k",signature="not base64"',
        'keyId="https://alpha.example/k",signature="AAAA",created=soon',
        'keyId="https://alpha.example/k",signature="AAAA",created=1e999',
        'keyId="https://alpha.example/k',
        "=",
    ],
)
def test_signature_headers_that_can_not_be_read(header: str) -> None:
    with pytest.raises(Malformed):
        signature_of("POST", "/inbox", {"host": "beta.example", "signature": header})


@pytest.mark.parametrize("algorithm", ["rsa-sha1", "hmac-sha256", "none", "ed25519"])
def test_algorithms_that_nobody_may_use(algorithm: str) -> None:
    with pytest.raises(BadSignature):
        cavage.parse_signature(f'keyId="https://alpha.example/k",algorithm="{algorithm}",signature="AAAA"')


def test_unquoted_parameters_and_blanks_are_read() -> None:
    parsed = cavage.parse_signature('keyId="https://alpha.example/k" , algorithm=hs2019, created=5,signature="AAAA"')
    assert (parsed.algorithm, parsed.created, parsed.covered) == ("hs2019", 5, ("date",))


def test_the_draft_is_rsa_only() -> None:
    key = load_private(ed25519().private, ALICE_KEY)
    headers = sign_post(key, INBOX, BODY, NOW)
    with pytest.raises(BadSignature, match="RSA"):
        verify(
            signature_of("POST", "/inbox", headers),
            load_public(ed25519().public, ALICE_KEY, ALICE),
            BODY,
            NOW,
            parse(BODY),
        )


def test_rfc9421_with_ed25519() -> None:
    key = load_private(ed25519().private, ALICE_KEY)
    headers = sign_post_rfc9421(key, INBOX, BODY, NOW)
    assert 'alg="ed25519"' in headers["signature-input"]
    pair = load_public(ed25519().public, ALICE_KEY, ALICE)
    assert verify(signature_of("POST", "/inbox", headers), pair, BODY, NOW, parse(BODY)).via == "rfc9421"


def _rfc9421(covered: tuple[str, ...], parameters: str, method: str = "POST") -> dict[str, str]:
    sent = sign_post_rfc9421(private(), INBOX, BODY, NOW)
    names = " ".join(f'"{name}"' for name in covered)
    declared = f"({names}){parameters}"
    base = rfc9421.signature_base(covered, declared, method, "http", "beta.example", "/inbox", sent)
    return {**sent, **rfc9421.signature_headers(private(), declared, base)}


KEYID = f';keyid="{ALICE_KEY}"'


def test_rfc9421_in_parts_and_over_http() -> None:
    """Fedify signs these; behind a proxy we can't tell http from https."""
    parameters = f";created={NOW // 1000};expires={NOW // 1000 + 60}{KEYID}"
    for covered in (
        ("@method", "@target-uri", "@authority", "host", "date", "content-digest"),
        ("@method", "@authority", "@path", "content-digest"),
        ("@method", "host", "@request-target", "@scheme", "@query", "content-digest"),
    ):
        claim = signature_of("POST", "/inbox", _rfc9421(covered, parameters))
        assert verify(claim, public(), BODY, NOW, parse(BODY)).signer


@pytest.mark.parametrize(
    ("covered", "parameters", "error"),
    [
        (("@target-uri", "content-digest"), f";created={NOW // 1000}{KEYID}", BadSignature),
        (("@method", "@path", "content-digest"), f";created={NOW // 1000}{KEYID}", BadSignature),
        (("@method", "@authority", "content-digest"), f";created={NOW // 1000}{KEYID}", BadSignature),
        (("@method", "@target-uri"), f";created={NOW // 1000}{KEYID}", BadSignature),
        (("@method", "@target-uri", "content-digest"), KEYID, BadSignature),
        (("@method", "@target-uri", "content-digest"), f";created={NOW // 1000}", Malformed),
        (("@method", "@target-uri", "content-digest"), f";created={NOW // 1000};created=5{KEYID}", Malformed),
        (("@method", "@target-uri", "content-digest"), f";created={NOW // 1000}{KEYID};alg=\"ed25519\"", BadSignature),
        (("@method", "@target-uri", "content-digest"), f";created={NOW // 1000};expires=5{KEYID}", BadSignature),
    ],
)  # fmt: skip
def test_rfc9421_that_says_too_little(covered: tuple[str, ...], parameters: str, error: type[FederationError]) -> None:
    with pytest.raises(error):
        verify(signature_of("POST", "/inbox", _rfc9421(covered, parameters)), public(), BODY, NOW, parse(BODY))


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ('sig1=("@method");created=1;keyid="k", sig2=("@method");created=1;keyid="k"', "sig1=:AAAA:, sig2=:AAAA:"),
        ('sig1=("@method");created=1;keyid="k"', "sig2=:AAAA:"),
        ('sig1=("@method";req);created=1;keyid="k"', "sig1=:AAAA:"),
        ('sig1=("@query-param";name="x");created=1;keyid="k"', "sig1=:AAAA:"),
        ('sig1=("@method");created=1;keyid="k"', "sig1=AAAA"),
        ('sig1=("@method");created=1;keyid="k"', "sig1=:A:"),
        ('sig1=("@method");created=1;keyid="k', "sig1=:AAAA:"),
        ('sig1=("@method");=;keyid="k"', "sig1=:AAAA:"),
        ("sig1=", "sig1=:AAAA:"),
    ],
)
def test_rfc9421_that_can_not_be_read(declared: str, given: str) -> None:
    with pytest.raises(Malformed):
        rfc9421.parse_signature(declared, given)


def test_rfc9421_base_refuses_what_it_does_not_know() -> None:
    for covered in (("@status",), ("x-absent",), ("@method", "@method")):
        with pytest.raises(BadSignature):
            rfc9421.signature_base(covered, "()", "GET", "https", "beta.example", "/", {})


def test_an_acct_key_id_is_read() -> None:
    """Mastodon took it; whoever looks keys up decides."""
    headers = sign_post(private("acct:alice@alpha.example"), INBOX, BODY, NOW)
    claim = signature_of("POST", "/inbox", headers)
    assert claim.key_id == "acct:alice@alpha.example"
    assert verify(claim, public(), BODY, NOW, parse(BODY)).key_id == ALICE_KEY


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("Tue Nov 14 22:13:20 2023", True),
        ("Tue, 14 Nov 2023 23:13:20 +0100", True),
        ("Tue, 14 Nov 2023 22:13:20 GMX", True),
        ("Tue, 14 Nov 0000 22:13:20 GMT", False),
        ("", False),
        ("x" * 300, False),
    ],
)
def test_dates_in_the_forms_of_http(value: str, fine: bool) -> None:
    headers = sign_post(private(), INBOX, BODY, NOW)
    headers["date"] = value
    message = cavage.signing_string(ALL, "post", "/inbox", headers)
    headers["signature"] = cavage.signature_header(private(), ALL, message)
    if fine:
        assert signature_of("POST", "/inbox", headers).signed_at == NOW
    else:
        with pytest.raises(BadSignature):
            signature_of("POST", "/inbox", headers)


def test_dates_of_ours_do_not_hang_on_the_locale() -> None:
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert http_date(951_782_399_999) == "Mon, 28 Feb 2000 23:59:59 GMT"


def test_fetched() -> None:
    found = authentic_fetched(LIKE, LIKE["id"], BODY)
    assert (found.signer, found.key_id, found.via) == (ALICE, LIKE["id"], "fetched")
    assert json.loads(authentic_fetched(LIKE, LIKE["id"]).activity.raw) == LIKE
    with pytest.raises(WrongOrigin):
        authentic_fetched(LIKE, "https://alpha.example/likes/2")
    with pytest.raises(WrongOrigin):
        authentic_fetched({**LIKE, "actor": "https://beta.example/people/bob"}, LIKE["id"])
    with pytest.raises(Malformed):
        authentic_fetched({**LIKE, "actor": None}, LIKE["id"])


def test_stored() -> None:
    assert authentic_stored(parse(BODY), ALICE_KEY, "cavage").via == "cavage"
    with pytest.raises(Malformed):
        authentic_stored(parse(BODY), ALICE_KEY, "hearsay")


def test_proof() -> None:
    key_id = f"{ALICE}#ed25519-key"
    signed = add_proof(LIKE, load_private(ed25519().private, key_id), NOW)
    body = json.dumps(signed, indent=1).encode()
    key = load_public(ed25519().public, key_id, ALICE)
    found = authentic_proof(parse(body), key, NOW)
    assert (found.signer, found.key_id, found.via) == (ALICE, key_id, "proof")
    passed_on = json.dumps({**signed, "signature": {"type": "RsaSignature2017"}}).encode()
    assert authentic_proof(parse(passed_on), key, NOW).signer
    for changed, error in (
        ({**signed, "object": "https://beta.example/posts/2"}, BadSignature),
        ({**signed, "proof": None}, MissingSignature),
        ({**signed, "proof": {**signed["proof"], "proofPurpose": "authentication"}}, BadSignature),
        ({**signed, "proof": {**signed["proof"], "proofValue": "zzz"}}, BadSignature),
        ({**signed, "proof": {**signed["proof"], "proofValue": "z0"}}, BadSignature),
        ({**signed, "proof": {**signed["proof"], "proofValue": None}}, BadSignature),
        ({**signed, "proof": {**signed["proof"], "created": "2033-01-01T00:00:00Z"}}, BadSignature),
        ({**signed, "proof": {**signed["proof"], "expires": "soon"}}, BadSignature),
        ({**signed, "big": 2**60}, BadSignature),  # JCS has no such number
    ):
        with pytest.raises(error):
            authentic_proof(parse(json.dumps(changed).encode()), key, NOW)
    with pytest.raises(BadSignature):
        authentic_proof(parse(body), load_public(ed25519().public, f"{ALICE}#other", ALICE), NOW)
    with pytest.raises(WrongOrigin):
        authentic_proof(parse(body), load_public(ed25519().public, key_id, "https://beta.example/people/bob"), NOW)


def test_a_proof_without_a_context() -> None:
    bare = {name: value for name, value in LIKE.items() if name != "@context"}
    key_id = f"{ALICE}#ed25519-key"
    signed = add_proof(bare, load_private(ed25519().private, key_id), NOW)
    assert authentic_proof(parse(json.dumps(signed).encode()), load_public(ed25519().public, key_id, ALICE), NOW).signer


HEADERS = st.text(alphabet='abkeyIdsig="(),;:@ =-/\\1\x00é', max_size=60)


@given(HEADERS, HEADERS, st.text(max_size=20))
@example('sig1=("@method");created=1;keyid="https://a.example/k"', "sig1=:AAAA:", "a.example")
def test_no_header_raises_anything_else(one: str, other: str, host: str) -> None:
    for headers in (
        {"host": host, "signature": one},
        {"host": "beta.example", "signature": f'keyId="https://a.example/k",signature="AAAA",{one}', "date": other},
        {"host": "beta.example", "signature": one, "signature-input": other},
        {"host": "beta.example", "signature": "sig1=:AAAA:", "signature-input": f"sig1=({one}){other}"},
        {"host": "beta.example", "authorization": f"Signature {one}", "digest": other},
    ):
        try:
            claim = signature_of("POST", "/inbox", headers)
            verify(claim, public(), BODY, NOW, parse(BODY))
        except FederationError:
            pass


def test_dates_without_an_end_are_not_held_in_memory() -> None:
    """What a Date means is kept for the next request; a thousand of sixty kilobytes each would be all that we may have."""
    body = b"{}"
    headers = sign_post(private(), INBOX, body, NOW)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100):
            long = f"{headers['date']} {number}{' ' * 50_000}x"
            signature_of("POST", "/inbox", {**headers, "date": long})
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000
