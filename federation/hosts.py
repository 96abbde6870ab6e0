"""Hosts: one spelling, one origin test, and the test that keeps us from asking addresses inside (SSRF).

Every comparison of hosts and every address that is connected to goes through here. The tables of special addresses are
IANA's (RFC 6890); the ways around filters that are closed here are those of Fedify's, Lemmy's and Mastodon's advisories:
IPv4 in IPv6 in five costumes, `0.0.0.0` and `::`, numbers that C libraries take for addresses.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import idna

from federation.errors import AddressForbidden, Malformed, UnsupportedHost

MAX_IRI = 2048
"""Longest IRI that we take, in characters: Mastodon's and most proxies' limit."""
_KEPT_IRI = 256

_IRI = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0\\<>\"\ud800-\udfff]")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@%]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_DEFAULT_PORTS = {"https": 443, "http": 80}

Address = IPv4Address | IPv6Address

# IANA's special-purpose registries, written out: `is_global` of older Pythons 3.11 misses some rows, and calls multicast
# global. What is neither here nor outside of 2000::/3 is public.
_SPECIAL = tuple(
    ip_network(text)
    for text in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ]
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def split_iri(iri: str) -> tuple[str, str, str]:
    """(scheme, authority, rest) of an http(s) IRI: scheme in lower case, authority as `host_of` gives it.

    Raises Malformed when it is not such an IRI (other scheme, userinfo, blanks, too long), UnsupportedHost for its host.
    """
    return _split_kept(iri) if len(iri) <= _KEPT_IRI else _split(iri)


def _split(iri: str) -> tuple[str, str, str]:
    if len(iri) > MAX_IRI:
        raise Malformed("an IRI longer than 2048 characters")
    found = _IRI.fullmatch(iri)
    if found is None or _UNFIT.search(iri) is not None:
        raise Malformed(f"not an http(s) IRI: {iri[:200]!r}")
    scheme = found[1].lower()
    return scheme, _normal_authority(scheme, found[2]), found[3]


# Each activity names the same few a dozen times. Not those that are long, so that what is kept stays below a megabyte.
_split_kept = lru_cache(maxsize=1024)(_split)


@lru_cache(maxsize=4096)
def _normal_authority(scheme: str, text: str) -> str:
    authority = _AUTHORITY.fullmatch(text)
    if authority is None:
        raise Malformed(f"no plain host in {text[:200]!r}")
    name = _spell(authority[1])
    if authority[2] is not None:
        port = int(authority[2])
        if not 0 < port < 65536:
            raise Malformed(f"no such port: {port}")
        if port != _DEFAULT_PORTS[scheme]:
            name = f"{name}:{port}"
    return name


def host_of(iri: str) -> str:
    """The authority of an http(s) IRI: A-labels in lower case, no trailing dot, the port only when it is not the default.

    Raises Malformed or UnsupportedHost.
    """
    return split_iri(iri)[1]


def web_url(value: object) -> str | None:
    """The value when it is an http(s) URL that a page may link to (never `javascript:`); None for all else."""
    if not isinstance(value, str):
        return None
    try:
        split_iri(value)
    except (Malformed, UnsupportedHost):
        return None
    return value


def normal_host(text: str) -> str:
    """A host as people type it (`Uni.Example`, `münchen.example`, with a port or not) as `host_of` gives it.

    Raises Malformed or UnsupportedHost.
    """
    return split_iri(f"https://{text.strip()}")[1]


def same_origin(one: str, other: str) -> bool:
    """Whether two IRIs have the same scheme, host and port (RFC 6454); False when one is no http(s) IRI."""
    try:
        return split_iri(one)[:2] == split_iri(other)[:2]
    except (Malformed, UnsupportedHost):
        return False


def _spell(name: str) -> str:
    if name.startswith("["):
        try:
            return f"[{IPv6Address(name[1:-1])}]"
        except ValueError as error:
            raise UnsupportedHost(f"not an IPv6 address: {name}") from error
    name = name.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise UnsupportedHost(f"no IDNA form: {name[:100]!r}") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnsupportedHost(f"not a host name: {name[:100]!r}")
    if _NUMBER.fullmatch(labels[-1]):
        # `127.1`, `0x7f000001` and `2130706433` are addresses to C libraries: only the usual spelling is one to us.
        try:
            IPv4Address(name)
        except ValueError as error:
            raise UnsupportedHost(f"not an IPv4 address: {name[:100]}") from error
    return name


def hostname_of(authority: str) -> str:
    """An authority without its port and brackets: what a resolver takes."""
    if authority.startswith("["):
        return authority[1 : authority.index("]")]
    return authority.partition(":")[0]


def _address(ip: str | Address) -> Address | None:
    if not isinstance(ip, str):
        return ip
    try:
        return ip_address(ip)
    except ValueError:
        return None


def _unwrap(ip: Address) -> Address:
    """The IPv4 address that a socket or a network with NAT64 reaches by an IPv6 address; otherwise the address itself."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def is_public_address(ip: str | Address) -> bool:
    """Whether an address is one of the public Internet.

    False for everything else: private, loopback, link-local, shared, documentation, multicast, reserved, unspecified,
    with a scope, for text that is no address, and for IPv4 in the costumes of 6to4, Teredo and IPv4-compatible IPv6. IPv4
    mapped into IPv6 and behind NAT64 is judged by the IPv4 address.
    """
    address = _address(ip)
    if address is None or (isinstance(address, IPv6Address) and address.scope_id is not None):
        return False
    address = _unwrap(address)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address.version == network.version and address in network for network in _SPECIAL)


class Networks:
    """Which addresses outgoing requests may reach: the public ones and, where an operator says so, private networks.

    `private`: networks in CIDR notation, of `federation.private_networks`. Raises ValueError for what is none.
    """

    def __init__(self, private: Iterable[str] = ()) -> None:
        self.private: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(text, strict=False) for text in private)

    def is_private(self, ip: str | Address) -> bool:
        """Whether an address is in one of the private networks that are allowed."""
        address = _address(ip)
        if address is None:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # how a socket spells it that speaks both
        return any(address.version == network.version and address in network for network in self.private)

    def permits(self, ip: str | Address) -> bool:
        """Whether outgoing requests may connect to an address."""
        return is_public_address(ip) or self.is_private(ip)

    def check_iri(self, iri: str, *, key: bool = False) -> str:
        """An IRI that may be asked, in normal form: https, a name with a dot, no port, no userinfo, no fragment.

        A key's id (`key`) may have a fragment. Where private networks are allowed, http, ports, names without a dot and
        addresses in those networks are taken too; whether such a name really leads into one is asked when connecting.
        Raises Malformed, UnsupportedHost or AddressForbidden.
        """
        scheme, authority, rest = split_iri(iri)
        if "#" in rest and not key:
            raise Malformed(f"an id with a fragment: {iri[:200]}")
        name = hostname_of(authority)
        address = _address(name)
        if address is not None and not self.is_private(address):
            raise AddressForbidden(f"an address instead of a name: {name}")
        if not self.private:
            if scheme != "https":
                raise Malformed(f"not https: {iri[:200]}")
            if ":" in authority:
                raise UnsupportedHost(f"a port in {iri[:200]}")
            if "." not in name:
                raise UnsupportedHost(f"not a full host name: {name}")
        return f"{scheme}://{authority}{rest}"
