"""Keys in the forms that peers publish them, and digests."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import BadSignature, Malformed
from federation.signatures.digest import check_content_digest, check_digest, content_digest, digest
from federation.signatures.keys import (
    decode_base58,
    encode_base58,
    encode_multikey,
    load_private,
    load_public,
)
from tests.federation.samples import ed25519, peer
from tests.federation.samples import rsa as rsa_pair

ED25519_HEX = "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6"
RSA_PKCS1_HEX = (
    "3082010a0282010100b1b5fcd8d4d5e88ca5c4287b31f578865caf6a78826a3b8ff7b1b23aa4af4e6a0474139f945bd9d3a911ffd0fa72db78e4593a"
    "86c91f9da836186ebd3402d51f6a3844247ab5088b46929c311b43604fed84499f06f0f39bf55590e2187f1bbe229ba8f49fd2e570cd0e3733c76bfe"
    "de80e1e7e0881e4538ea1bc5782be9512f8bf132526e05f4923564fe6e1e21bf7087adebb660fa533fca06d0a8e66991e1312d70b64a61da8ca77c02"
    "8cdf939601e2cffe2855759b1d479f0847bcac59d7d62427a431d4e3dfd2697428b9dd6309a7b1167db99fe01af1ff1b739566fb949e47089d1dae84"
    "aef1214ef7f5773e86a0d3e9da246f9bec09d60c705891183d0203010001"
)


def test_fep_521a_ed25519() -> None:
    """The FEP's own key: multicodec 0xed01 before the raw key, in base58btc."""
    text = "z" + encode_base58(b"\xed\x01" + bytes.fromhex(ED25519_HEX))
    assert text.startswith("z6Mk")
    key = load_public(text, "k", "o").key
    assert key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex() == ED25519_HEX


def test_fep_521a_rsa() -> None:
    """Multicodec 0x1205 (as varint 85 24) before PKCS #1."""
    text = "z" + encode_base58(b"\x85\x24" + bytes.fromhex(RSA_PKCS1_HEX))
    assert text.startswith("z4MX")
    key = load_public(text, "k", "o").key
    assert key.public_bytes(Encoding.DER, PublicFormat.PKCS1).hex() == RSA_PKCS1_HEX


@pytest.mark.parametrize("pair", [rsa_pair(), ed25519()])
def test_ours_there_and_back(pair: tuple[str, str]) -> None:
    signature = load_private(pair[0], "k").sign(b"message")
    for text in (pair[1], pair[1].replace("\n", "\r\n"), f"\n {pair[1]} ", encode_multikey(pair[1])):
        key = load_public(text, "k", "o")
        assert key.verify(signature, b"message")
        assert not key.verify(signature, b"massage")
        assert not key.verify(b"", b"message")
        assert key.algorithm == load_private(pair[0], "k").algorithm


def test_pkcs1_pem() -> None:
    key = load_public(rsa_pair().public, "k", "o").key
    pem = key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert "BEGIN RSA PUBLIC KEY" in pem
    assert load_public(pem, "k", "o").key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode() == pem


@pytest.mark.parametrize("name", ["lemmy/actor-group.json", "mastodon/actor-person.json", "peertube/actor-group.json"])
def test_keys_of_peers(name: str) -> None:
    actor = peer(name)
    assert load_public(actor["publicKey"]["publicKeyPem"], "k", "o").algorithm == "rsa-v1_5-sha256"


def _small(bits: int, exponent: int = 65537) -> str:
    key = rsa.generate_private_key(public_exponent=exponent, key_size=bits).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _curve() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "z0",
        "zé",
        "z6Mk",
        "z" + encode_base58(b"\xed\x01" + b"x" * 31),
        "z" + encode_base58(b"\x85\x24nonsense"),
        "z" + encode_base58(b"\x00\x01nonsense"),
        "z" + "2" * 3000,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "é" * 20,
        "x" * 10_000,
        _small(1024),
        _curve(),
    ],
)
def test_keys_that_are_not_taken(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        load_public(text, "k", "o")
    assert caught.value.code == "bad-key"


def test_private_keys_of_other_kinds() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="neither"):
        load_private(pem, "k")
    with pytest.raises(ValueError, match="neither"):
        encode_multikey(_curve())


@given(st.binary(max_size=60))
def test_base58_there_and_back(data: bytes) -> None:
    assert decode_base58(encode_base58(data)) == data


@given(st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    for one in (text, "z" + text, f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"):
        with pytest.raises(Malformed):
            load_public(one, "k", "o")


def test_digests() -> None:
    """`Hello world` as Mastodon's vectors have it."""
    value = digest(b"Hello world")
    assert value == "SHA-256=ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw="
    for one in (value, value.replace("SHA", "sha"), f"unixsum=30637, {value}", f"{value},{value}"):
        check_digest(one, b"Hello world")
    check_content_digest(content_digest(b"Hello world"), b"Hello world")
    check_content_digest(f"md5=:AAAA:, {content_digest(b'Hello world')}", b"Hello world")


@pytest.mark.parametrize(
    "value", ["", "SHA-256", "SHA-256=", "SHA-256=AAAA", "SHA-1=AAAA", "MD5=x", "SHA-256=é", "SHA-512=AAAA"]
)
def test_digests_that_do_not_fit(value: str) -> None:
    with pytest.raises(BadSignature) as caught:
        check_digest(value, b"Hello world")
    assert caught.value.code == "bad-digest"


def test_one_wrong_digest_of_two_is_wrong() -> None:
    with pytest.raises(BadSignature):
        check_digest(f"{digest(b'Hello world')},SHA-512=AAAA", b"Hello world")
    for value in ("", "sha-256=ZOyI", "SHA-256=:ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=:", "sha-256=:A:"):
        with pytest.raises(BadSignature):
            check_content_digest(value, b"Hello world")
