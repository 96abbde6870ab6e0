"""Messages of Web Push: the vectors of the RFCs, what a browser reads, and keys that are none."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from fedi.push import vapid
from fedi.push.encrypting import MOST, RECORD, BadKey, decode, encode, point_of, receiver, record, seal, seal_legacy
from tests.fedi.push.browser import Browser

# RFC 8291 section 5 and appendix A.
_PLAIN = b"When I grow up, I want to be a watermelon"
_UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
_UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
_AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
_SALT = "DGv6ra1nlYgDCS1FRnbzlw"
_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def _key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())


def test_rfc_8291_appendix_a() -> None:
    to = receiver(_UA_PUBLIC, _AUTH)
    sealed = seal(_PLAIN, to, sender=_key(_AS_PRIVATE), salt=decode(_SALT), padding=0)
    assert encode(sealed.body) == _BODY
    assert sealed.headers == {"content-encoding": "aes128gcm"}
    assert Browser(_key(_UA_PRIVATE), decode(_AUTH)).read(sealed.body) == _PLAIN


def test_rfc_8188_section_3_1() -> None:
    made = record(b"I am the walrus", decode("yqdlZ-tYemfogSmv7Ws5PQ"), decode("I1BsxtFttlv3u_Oo94xnmw"))
    assert encode(made) == ("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")


def test_the_draft_that_older_clients_read() -> None:
    # draft-ietf-webpush-encryption-04, section 5.
    browser = Browser(_key("9FWl15_QUQAWDaD3k3l50ZBZQJ4au27F1V4F0uLSD_M"), decode("R29vIGdvbyBnJyBqb29iIQ"))
    assert browser.p256dh == "BCEkBjzL8Z3C-oi2Q7oE5t2Np-p7osjGLg93qUP0wvqRT21EEWyf0cQDQcakQMqz4hQKYOQ3il2nNZct4HgAUQU"
    to = receiver(browser.p256dh, browser.auth_text)
    sender = _key("nCScek-QpEjmOOlT-rQ38nZzvdPlqa00Zy0i6m2OJvY")
    sealed = seal_legacy(b"I am the walrus", to, sender=sender, salt=decode("lngarbyKfMoi9Z75xYXmkg"), padding=0)
    assert encode(sealed.body) == "6nqAQUME8hNqw5J3kl8cpVVJylXKYqZOeseZG8UueKpA"
    assert sealed.headers["encryption"] == "salt=lngarbyKfMoi9Z75xYXmkg"
    assert sealed.headers["crypto-key"] == (
        "dh=BNoRDbb84JGm8g5Z5CFxurSqsXWJ11ItfXEWYVLE85Y7CYkDjXsIEc4aqxYaQ1G8BqkXCJ6DPpDrWtdWj_mugHU"
    )
    assert browser.read_legacy(sealed.body, sealed.headers) == b"I am the walrus"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 300, MOST - 1, MOST])
def test_a_browser_reads_what_was_sealed(size: int) -> None:
    browser = Browser.new()
    to, text = receiver(browser.p256dh, browser.auth_text), b"x" * size
    one, other = seal(text, to), seal(text, to)
    assert browser.read(one.body) == text
    assert one.body != other.body, "a salt or a key was used twice"
    assert len(one.body) <= RECORD
    legacy = seal_legacy(text, to)
    assert browser.read_legacy(legacy.body, legacy.headers) == text
    assert len(legacy.body) <= RECORD


def test_lengths_tell_little() -> None:
    browser = Browser.new()
    to = receiver(browser.p256dh, browser.auth_text)
    assert len({len(seal(b"x" * size, to).body) for size in range(1, 256)}) == 1
    assert len({len(seal_legacy(b"x" * size, to).body) for size in range(1, 256)}) == 1


def test_what_is_too_long_is_not_sealed() -> None:
    browser = Browser.new()
    to = receiver(browser.p256dh, browser.auth_text)
    for sealing in (seal, seal_legacy):
        with pytest.raises(ValueError):
            sealing(b"x" * (MOST + 1), to)


def test_keys_that_are_none() -> None:
    good = Browser.new()
    point = bytearray(decode(good.p256dh))
    off_the_curve = encode(bytes([*point[:-1], point[-1] ^ 1]))
    compressed = encode(b"\x02" + bytes(point[1:33]))
    bad = [
        "",
        "x",
        "€",
        off_the_curve,
        compressed,
        encode(bytes(65)),
        encode(bytes([4]) + bytes(64)),
        encode(bytes(point[:64])),
    ]
    for p256dh in bad:
        with pytest.raises(BadKey):
            receiver(p256dh, good.auth_text)
    for auth in ("", "!", encode(bytes(15)), encode(bytes(17))):
        with pytest.raises(BadKey):
            receiver(good.p256dh, auth)
    receiver(good.p256dh + "=", good.auth_text + "==")  # with padding, as some write it


def test_who_sends_is_signed() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    endpoint = "https://push.example/send/abc"
    said = vapid.headers(key, endpoint, "mailto:ops@uni.example", 1_800_000_000)["authorization"]
    scheme, _, rest = said.partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(","))
    assert (scheme, decode(parts["k"])) == ("vapid", point_of(key))
    head, claims, signature = parts["t"].split(".")
    assert decode(head) == b'{"typ":"JWT","alg":"ES256"}'
    assert decode(claims) == b'{"aud":"https://push.example","exp":1800043200,"sub":"mailto:ops@uni.example"}'
    raw = decode(signature)
    dss = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public_key().verify(dss, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))  # raises unless it fits
    legacy = vapid.headers(key, endpoint, "mailto:ops@uni.example", 1_800_000_000, legacy=True)
    assert legacy["authorization"].startswith("WebPush ")
    assert legacy["crypto-key"] == f"p256ecdsa={encode(point_of(key))}"


def test_the_browser_of_these_tests_reads_no_forgery() -> None:
    browser = Browser.new()
    sealed = seal(b"hello", receiver(browser.p256dh, browser.auth_text))
    broken = sealed.body[:-1] + bytes([sealed.body[-1] ^ 1])
    with pytest.raises(InvalidTag):
        browser.read(broken)
