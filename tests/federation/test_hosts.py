"""Spelling of hosts, origins, and the addresses that must never be asked."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import AddressForbidden, FederationError, Malformed, UnsupportedHost
from federation.hosts import (
    Networks,
    host_of,
    hostname_of,
    is_public_address,
    normal_host,
    same_origin,
    split_iri,
    web_url,
)


@pytest.mark.parametrize(
    ("iri", "host"),
    [
        ("https://uni.example/people/ada", "uni.example"),
        ("HTTPS://Uni.Example/people/ada", "uni.example"),
        ("https://uni.example./x", "uni.example"),
        ("https://uni.example:443/x", "uni.example"),
        ("http://uni.example:80/x", "uni.example"),
        ("https://uni.example:8443/x", "uni.example:8443"),
        ("https://münchen.example/x", "xn--mnchen-3ya.example"),
        ("https://xn--mnchen-3ya.example/x", "xn--mnchen-3ya.example"),
        ("https://faß.example", "xn--fa-hia.example"),  # IDNA 2008 keeps the sharp s apart from ss
        ("https://uni。example/x", "uni.example"),
        ("http://127.0.0.1:8001/people/ada", "127.0.0.1:8001"),
        ("https://[2001:DB8::1]/x", "[2001:db8::1]"),
        ("https://[2001:db8::1]:444/x", "[2001:db8::1]:444"),
        ("https://under_score.example/x", "under_score.example"),
        ("https://uni.example?x=1", "uni.example"),
        ("https://uni.example#x", "uni.example"),
    ],
)
def test_hosts_have_one_spelling(iri: str, host: str) -> None:
    assert host_of(iri) == host


@pytest.mark.parametrize(
    "iri",
    [
        "",
        "uni.example/x",
        "ftp://uni.example/x",
        "javascript:alert(1)",
        "https:///x",
        "https://user@uni.example/x",
        "https://user:word@uni.example/x",
        "https://uni.example:0/",
        "https://uni.example:65536/",
        "https://uni.example:80x/",
        "https://uni.example\\@evil.example/",
        "https://uni.example/a b",
        "https://uni.example/a\nb",
        "https://uni.example/\x00",
        "https://uni.example/<script>",
        "https://[::1/x",
        "https://uni%2eexample/x",
        "https://uni.example/" + "x" * 2048,
        "https://uni.example/\ud800",
    ],
)
def test_what_is_no_iri(iri: str) -> None:
    with pytest.raises(Malformed):
        host_of(iri)
    assert web_url(iri) is None


@pytest.mark.parametrize(
    "iri",
    [
        "https://uni..example/",
        "https://.example/",
        "https://-uni.example/",
        "https://uni-.example/",
        "https://" + "x" * 64 + ".example/",
        "https://" + ".".join(["x" * 60] * 5) + "/",
        "https://2130706433/",  # 127.0.0.1 to C libraries, as are the next ones
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://0x7f.0.0.0x1/",
        "https://uni.example.1/",
        "https://[:::1]/",
        "https://[12345::]/",
        "https://uni!.example/",
        "https://\u2488.example/",  # a number with a dot of its own
        "https://ex\u0338.example\u00ad\u2260/",
    ],
)
def test_what_is_no_host(iri: str) -> None:
    with pytest.raises(UnsupportedHost):
        host_of(iri)


def test_fullwidth_digits_do_not_make_an_address_that_is_not_seen() -> None:
    assert host_of("https://127.0.0.1/") == "127.0.0.1"


def test_a_host_as_people_type_it() -> None:
    assert normal_host(" Uni.Example ") == "uni.example"
    assert hostname_of("uni.example:8001") == "uni.example"
    assert hostname_of("[::1]:8001") == "::1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://uni.example/a", "https://UNI.example:443/b", True),
        ("https://uni.example/a", "http://uni.example/a", False),
        ("https://uni.example/a", "https://uni.example:444/a", False),
        ("https://uni.example/a", "https://sub.uni.example/a", False),
        ("https://uni.example/a", "https://uni.example.evil.example/a", False),
        ("https://uni.example/a", "https://uni.example@evil.example/a", False),
        ("acct:a@uni.example", "acct:a@uni.example", False),
    ],
)
def test_same_origin(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


# Every row of IANA's special-purpose registries that matters, and the costumes from the advisories that PROTOCOL lists.
FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0.0.0.0",
    "::127.0.0.1",
    "::10.1.2.3",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2001:0:7f00:1:0:0:80ff:fffe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:c0a8:101::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "localhost",
    "127.1",
    "1.2.3",
    "nonsense",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.9.9.9",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("ip", FORBIDDEN)
def test_addresses_inside_are_not_public(ip: str) -> None:
    assert not is_public_address(ip)
    assert not Networks().permits(ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_public(ip: str) -> None:
    assert is_public_address(ip)
    assert Networks().permits(ip)
    assert not Networks(["127.0.0.0/8"]).is_private(ip)


def test_private_networks_are_permitted_when_the_operator_says_so() -> None:
    networks = Networks(["127.0.0.0/8", "fd00::/8"])
    assert networks.permits("127.0.0.1")
    assert networks.permits("::ffff:127.0.0.1")
    assert networks.permits("fd00::1")
    assert not networks.permits("10.0.0.1")
    assert not networks.permits("::1")
    assert not networks.is_private("nonsense")
    with pytest.raises(ValueError, match="does not appear"):
        Networks(["loopback"])


@pytest.mark.parametrize(
    ("iri", "error"),
    [
        ("http://uni.example/x", Malformed),
        ("https://uni.example:8443/x", UnsupportedHost),
        ("https://uni/x", UnsupportedHost),
        ("https://localhost/x", UnsupportedHost),
        ("https://uni.example/x#y", Malformed),
        ("https://127.0.0.1/x", AddressForbidden),
        ("https://8.8.8.8/x", AddressForbidden),
        ("https://[2606:4700::1]/x", AddressForbidden),
    ],
)
def test_iris_that_may_not_be_asked(iri: str, error: type[FederationError]) -> None:
    with pytest.raises(error):
        Networks().check_iri(iri)


def test_iris_that_may_be_asked_come_back_in_normal_form() -> None:
    assert Networks().check_iri("HTTPS://Uni.Example.:443/x?y=Z") == "https://uni.example/x?y=Z"
    assert Networks().check_iri("https://uni.example/x#main-key", key=True) == "https://uni.example/x#main-key"
    private = Networks(["127.0.0.0/8"])
    assert private.check_iri("http://127.0.0.1:8001/x") == "http://127.0.0.1:8001/x"
    assert private.check_iri("http://north.localhost:8001/x") == "http://north.localhost:8001/x"
    with pytest.raises(AddressForbidden):
        private.check_iri("http://10.0.0.1:8001/x")


def _only_ours(call: Callable[[], object]) -> None:
    with contextlib.suppress(FederationError):
        call()


@given(st.text(max_size=60))
@example("https://[")
@example("https://٣.example")
@example("https://xn--a.example")
def test_no_text_raises_anything_else(text: str) -> None:
    for iri in (text, f"https://{text}", f"https://{text}/x", f"https://uni.example/{text}"):
        _only_ours(lambda iri=iri: split_iri(iri))  # type: ignore[misc]
        _only_ours(lambda iri=iri: Networks().check_iri(iri))  # type: ignore[misc]
        web_url(iri)


@given(st.ip_addresses())
def test_what_wears_a_costume_is_judged_by_what_is_under_it(ip: object) -> None:
    text = str(ip)
    if ":" not in text:
        assert is_public_address(f"::ffff:{text}") == is_public_address(text)
