"""Whatever stands in a header, an address, a key, a date or a document: what is read says no in our own words, and what it
takes it takes the same in every spelling. Nothing else may come out, as it would be an error of the server's."""

import contextlib
import json
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation import hosts, nodeinfo, webfinger
from federation.answers import retry_after
from federation.errors import BadSignature, FederationError, Malformed
from federation.fields import milliseconds, timestamp
from federation.hosts import Networks, host_of, is_public_address, normal_host, same_origin, split_iri, web_url
from federation.meaning import describe, describe_safely
from federation.parse import parse, parse_document
from federation.signatures import cavage, digest, keys, rfc9421
from federation.signatures.integrity import check_proof, proof_key_id
from federation.signatures.verify import _read_date, signature_of, verify
from federation.vocabulary import moderation, requests
from federation.vocabulary.actor import owner_of_key
from federation.vocabulary.reaction import is_one_emoji, read_reaction
from tests.federation.samples import ALICE, ALICE_KEY, NOW, private, public

NETWORKS = (Networks(), Networks(["10.0.0.0/8", "127.0.0.0/8"]))

# Pieces that mean something to what reads them, and anything else.
PIECES = st.sampled_from(
    'https:// http:// HTTP:// // / : :: @ # ? % %2f %00 \\ . .. , ; = " \' ( ) [ ] { } < > [::1] 127.0.0.1 0x7f 2130706433 '
    "localhost alpha.example ALPHA.example. bücher xn-- xn--bcher-kva ｅ １２７ ① ß ﬁ \u202e \u200d \u0301 \x00 \x7f \r\n keyId "
    "signature headers algorithm created expires sig1 ;created=1 ;keyid= ;alg= rsa-sha256 hs2019 (request-target) "
    "(created) @method @path SHA-256= sha-512=: := Tue, 2021 GMT +0000 -----BEGIN z6Mk acct: mailto: 9 99999999999999999999".split(" ")
)  # fmt: skip
TEXT = st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join)
ADDRESSES = st.builds(lambda scheme, rest: scheme + rest, st.sampled_from(["https://", "http://", ""]), TEXT)


@given(ADDRESSES)
@settings(max_examples=400)
def test_addresses(iri: str) -> None:
    with contextlib.suppress(FederationError):
        scheme, authority, rest = split_iri(iri)
        assert authority.isascii()
        assert authority == authority.lower()
        normal = f"{scheme}://{authority}{rest}"
        assert split_iri(normal) == (scheme, authority, rest)  # the normal form is one
        assert host_of(normal) == host_of(iri)
        assert same_origin(normal, iri)
        assert "@" not in authority
        assert "%" not in authority
    assert web_url(iri) in (iri, None)
    for networks in NETWORKS:
        for key in (True, False):
            with contextlib.suppress(FederationError):
                assert networks.check_iri(iri, key=key).startswith(("https://", "http://"))
    with contextlib.suppress(FederationError):
        assert normal_host(normal_host(iri)) == normal_host(iri)
    with contextlib.suppress(FederationError):
        webfinger.split_handle(iri)


@given(ADDRESSES)
def test_where_redirects_lead(location: str) -> None:
    """Whatever a Location says, it is an address that may be asked, or nothing."""
    try:
        joined = urljoin("https://alpha.example/users/a", location.strip()).partition("#")[0]
    except ValueError:
        return
    with contextlib.suppress(FederationError):
        checked = Networks().check_iri(joined)
        name = hosts.hostname_of(host_of(checked))
        assert checked.startswith("https://")
        assert "." in name
        assert not name.replace(".", "").isdigit()


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**32 - 1))
def test_addresses_inside_are_never_public(number: int) -> None:
    from ipaddress import IPv4Address, IPv6Address

    address = IPv6Address(number)
    assert is_public_address(address) == is_public_address(str(address))
    if is_public_address(address):
        assert address.is_global
        assert not address.is_multicast
    if number < 2**32:
        four = IPv4Address(number)
        costumes = [
            IPv6Address(0xFFFF_0000_0000 | number),  # v4-mapped
            IPv6Address(0x64_FF9B << 96 | number),  # NAT64
        ]
        for costume in costumes:
            assert is_public_address(costume) == is_public_address(four)
        for hidden in (
            IPv6Address(number),
            IPv6Address(0x2002 << 112 | number << 80),
            IPv6Address(0x20010000 << 96 | number),
        ):
            assert not is_public_address(hidden)  # compatible, 6to4, Teredo


@given(TEXT, TEXT, TEXT)
@settings(max_examples=400)
def test_signature_headers(one: str, other: str, third: str) -> None:
    with contextlib.suppress(FederationError):
        cavage.parse_signature(one)
    with contextlib.suppress(FederationError):
        rfc9421.parse_signature(one, other)
    with contextlib.suppress(FederationError):
        rfc9421.parse_signature(f'sig1=("@method"){one};keyid="{other}"', f"sig1=:{third}:")
    headers = {"host": "uni.example", "date": third, "signature": one, "digest": other, "content-digest": other}
    for more in ({}, {"signature-input": other}, {"authorization": f"Signature {third}"}):
        with contextlib.suppress(FederationError):
            signature_of("POST", "/inbox" + third, headers | more)
    for check in (digest.check_digest, digest.check_content_digest):
        with contextlib.suppress(BadSignature):
            check(one, b"body")


@given(TEXT, TEXT, st.sampled_from(["cavage", "rfc9421"]))
def test_what_is_said_beside_a_true_signature(name: str, value: str, scheme: str) -> None:
    """Headers that nobody signed change nothing; those that were signed can't be changed."""
    from federation.signatures.sign import sign_post, sign_post_rfc9421

    body = json.dumps({
        "@context": "https://www.w3.org/ns/activitystreams", "id": "https://alpha.example/1", "type": "Like",
        "actor": ALICE, "object": "https://beta.example/1",
    }).encode()  # fmt: skip
    sign = sign_post if scheme == "cavage" else sign_post_rfc9421
    signed = sign(private(ALICE_KEY), "https://uni.example/inbox", body, NOW)
    claim = signature_of("POST", "/inbox", signed | {f"x-{name}": value})
    assert verify(claim, public(), body, NOW, parse(body)).signer == ALICE
    for changed in ("digest", "content-digest", "date", "host"):
        if changed in signed and (changed != "date" or scheme == "cavage") and value.strip() != signed[changed]:
            with pytest.raises(FederationError):
                verify(
                    signature_of("POST", "/inbox", signed | {changed: value or "x"}), public(), body, NOW, parse(body)
                )


@given(TEXT)
def test_keys(text: str) -> None:
    for written in (text, "z" + text, f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"):
        with contextlib.suppress(Malformed):
            keys.load_public(written, ALICE_KEY, ALICE)


@given(st.binary(max_size=80))
def test_multikeys(data: bytes) -> None:
    for prefix in (b"", b"\xed\x01", b"\x85\x24", b"\x80\x24"):
        with contextlib.suppress(Malformed):
            keys.load_public("z" + keys.encode_base58(prefix + data), ALICE_KEY, ALICE)


@given(TEXT | st.datetimes().map(lambda when: when.isoformat()))
def test_dates(text: str) -> None:
    with contextlib.suppress(BadSignature):
        assert isinstance(_read_date(text), int)
    assert isinstance(retry_after(text, lambda: NOW), int | None)
    read = milliseconds(text)
    if read is not None and 0 <= read < 253_402_300_800_000:
        assert milliseconds(timestamp(read)) == read


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["https://alpha.example/x", "https://beta.example/y", "as:Public", "Note", "Group", "Like", "Announce"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "type", "href", "name", "actor", "object", "target", "content", "tag", "icon", "url",
                         "orderedItems", "items", "owner", "rel", "@context"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
NAMES = (
    *("@context", "type", "id", "actor", "object", "target", "origin", "instrument", "result", "content", "summary"),
    *("endTime", "expires", "removeData", "withReplies", "to", "cc", "tag", "_misskey_reaction", "proof", "first"),
    *("items", "orderedItems", "links", "subject", "software", "version", "publicKey", "owner", "inbox", "name"),
)
KINDS = st.sampled_from(
    "Follow Join Leave Accept Reject TentativeAccept Undo Announce Like Dislike EmojiReact Block Add Remove Flag Lock Warn "
    "Resolve Delete Move QuoteRequest Create Update Question Note Person Group Collection Tombstone Offer Unheard".split()
)
READERS = (
    *(moderation.read_ban, moderation.read_listing, moderation.read_report, moderation.read_notice),
    *(moderation.read_deletion, requests.read_request, requests.read_answer, requests.read_withdrawal),
    *(requests.read_quote_request, requests.read_move, requests.read_announced, nodeinfo.read_nodeinfo),
    *(webfinger.read_answer, describe),
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=9), KINDS)
@settings(max_examples=400)
def test_documents(shape: dict[str, Any], kind: str) -> None:
    """Every reader of every kind, put to every shape."""
    whole = {"id": "https://alpha.example/1", "actor": "https://alpha.example/a", "type": kind, **shape}
    try:
        document = parse_document(json.dumps(whole).encode())
    except FederationError:
        return
    for read in READERS:
        with contextlib.suppress(FederationError):
            read(document)
    for vote in ("Like", "Dislike", "EmojiReact"):
        with contextlib.suppress(FederationError):
            read_reaction(document, vote)
    with contextlib.suppress(FederationError):
        nodeinfo.read_index(document, "https://alpha.example")
    assert owner_of_key(document, ALICE_KEY) is None or same_origin(str(owner_of_key(document, ALICE_KEY)), ALICE_KEY)
    assert isinstance(proof_key_id(document), str | None)
    with contextlib.suppress(FederationError):
        check_proof(document, public(), NOW)
    assert describe_safely(document).isprintable() or "\n" not in describe_safely(document)


@pytest.mark.parametrize("text", ["👍", "❤️", "🇩🇪", "👩‍🔬", "👍🏽", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☕", "🏳️‍🌈", "‼️", "©️"])
def test_one_emoji(text: str) -> None:
    assert is_one_emoji(text)


@pytest.mark.parametrize(
    "text", ["", "~", "👍👍", "a", "👍a", ":x:", "1", "\u200d", "👩\u200d", "\ufe0f", "🇩", "🇩🇪🇫🇷", "👍" * 100, "ä"]
)
def test_what_is_not_one_emoji(text: str) -> None:
    assert not is_one_emoji(text)
