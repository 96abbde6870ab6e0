"""Published vectors: Mastodon's and Lemmy's requests, RFC 9421's appendix, FEP-8b32 proofs."""

from datetime import datetime
from typing import Any

import pytest

from federation.errors import BadSignature, FederationError, MissingSignature
from federation.signatures import rfc9421
from federation.signatures.digest import check_content_digest
from federation.signatures.integrity import check_proof, proof_key_id
from federation.signatures.keys import load_public
from federation.signatures.verify import _check, signature_of
from tests.federation.samples import NOW, peer

FILES = ("httpsig-cavage-mastodon", "httpsig-rfc9421-mastodon", "httpsig-cavage-lemmy")
REQUESTS = [
    (vectors, one) for vectors in (peer(f"vectors/{name}.json") for name in FILES) for one in vectors["vectors"]
]


def _accepted(vectors: dict[str, Any], one: dict[str, Any]) -> bool:
    pem = vectors["publicKeyPem"]
    pem = pem if isinstance(pem, str) else pem[one.get("key") or "rsa"]
    key_id = vectors.get("keyId", "https://example.com/u/alice#main-key")
    now = int(datetime.fromisoformat(one.get("now", "2023-03-28T21:03:44Z")).timestamp() * 1000)
    body = None if one.get("body") is None else one["body"].encode()
    try:
        claim = signature_of(one["method"], one["target"], one["headers"])
        _check(claim, load_public(pem, key_id, key_id.partition("#")[0]), body, now)
    except (BadSignature, MissingSignature):
        return False
    return True


@pytest.mark.parametrize(("vectors", "one"), REQUESTS, ids=lambda value: str(value.get("name"))[-70:])
def test_requests_of_mastodon_and_lemmy(vectors: dict[str, Any], one: dict[str, Any]) -> None:
    assert _accepted(vectors, one) is (one["expect"] == "accept")


def test_rfc9421_appendix_b_2_6() -> None:
    """Signing a request with Ed25519; the key and the values are the RFC's."""
    parsed = rfc9421.parse_signature(
        'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473'
        ';keyid="test-key-ed25519"',
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    )
    assert (parsed.key_id, parsed.created, parsed.algorithm) == ("test-key-ed25519", 1618884473, None)
    headers = {"date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json", "content-length": "18"}
    base = rfc9421.signature_base(
        parsed.covered, parsed.parameters, "POST", "https", "example.com", "/foo?param=Value&Pet=dog", headers
    )
    assert base.decode() == (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@method": POST\n"@path": /foo\n"@authority": example.com\n'
        '"content-type": application/json\n"content-length": 18\n'
        '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----"
    assert load_public(pem, "k", "o").verify(parsed.signature, base)


def test_rfc9421_section_4_3() -> None:
    """The one signature of the RFC that is RSA as servers use it (`rsa-v1_5-sha256`); the key and the values are the RFC's."""
    pem = """-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAhAKYdtoeoy8zcAcR874L8cnZxKzAGwd7v36APp7Pv6Q2jdsPBRrw
WEBnez6d0UDKDwGbc6nxfEXAy5mbhgajzrw3MOEt8uA5txSKobBpKDeBLOsdJKFq
MGmXCQvEG7YemcxDTRPxAleIAgYYRjTSd/QBwVW9OwNFhekro3RtlinV0a75jfZg
kne/YiktSvLG34lw2zqXBDTC5NHROUqGTlML4PlNZS5Ri2U4aCNx2rUPRcKIlE0P
uKxI4T+HIaFpv8+rdV6eUgOrB2xeI1dSFFn/nnv5OoZJEIB+VmuKn3DCUcCZSFlQ
PSXSfBDiUGhwOw76WuSSsf1D4b/vLoJ10wIDAQAB
-----END RSA PUBLIC KEY-----"""
    parsed = rfc9421.parse_signature(
        'proxy_sig=("@method" "@authority" "@path" "content-digest" "content-type" "content-length" "forwarded")'
        ';created=1618884480;keyid="test-key-rsa";alg="rsa-v1_5-sha256";expires=1618884540',
        "proxy_sig=:S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cCpXJl"
        "eXsOckpURl49GwiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sFnIm9y+7X5kXQfi8NMaZa"
        "A8i2ZHwpBdg7a6CMfwnnrtflzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHowtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5"
        "o0LV/g==:",
    )
    assert (parsed.algorithm, parsed.created, parsed.expires) == ("rsa-v1_5-sha256", 1618884480, 1618884540)
    headers = {
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        "content-type": "application/json",
        "content-length": "18",
        "forwarded": "for=192.0.2.123;host=example.com;proto=https",
    }
    host = "origin.host.internal.example"
    base = rfc9421.signature_base(parsed.covered, parsed.parameters, "POST", "https", host, "/foo", headers)
    key = load_public(pem, "test-key-rsa", "o")
    assert key.verify(parsed.signature, base)
    assert not key.verify(parsed.signature, base.replace(b"/foo", b"/fop"))
    check_content_digest(headers["content-digest"], b'{"hello": "world"}')


PROOFS = peer("vectors/object-integrity-proof-mastodon.json")


@pytest.mark.parametrize("document", PROOFS["documents"], ids=lambda one: str(one["proof"].get("expires")))
def test_proofs_of_mastodon(document: dict[str, Any]) -> None:
    """Of its four kinds: one plain, one that ends far off, one that ended; ML-DSA proofs are none that we understand."""
    if document["proof"]["cryptosuite"] != "eddsa-jcs-2022":
        assert proof_key_id(document) is None
        with pytest.raises(MissingSignature):
            check_proof(document, load_public(PROOFS["keys_in_order"][0], "k", "o"), NOW)
        return
    key = load_public(PROOFS["keys_in_order"][0], proof_key_id(document) or "", "https://server.example/users/alice")
    ended = document["proof"].get("expires", "9") < "2023-11"
    if ended:
        with pytest.raises(FederationError) as caught:
            check_proof(document, key, NOW)
        assert caught.value.code == "bad-proof"
    else:
        check_proof(document, key, NOW)
        changed = {**document, "extra": 1}
        with pytest.raises(FederationError):
            check_proof(changed, key, NOW)


def test_nanoseconds_in_a_proof_of_mitra_are_a_time() -> None:
    """Mitra writes `created` with nine digits; a key that isn't the right one is then what it fails on."""
    document = peer("mitra/activity-create_post.json")
    key = load_public(PROOFS["keys_in_order"][0], proof_key_id(document) or "", document["actor"])
    with pytest.raises(FederationError, match="does not fit"):
        check_proof(document, key, 1_790_000_000_000)
