"""One spelling of a host."""
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

def host_of(iri: str) -> str:
    raise NotImplementedError

def same_origin(one: str, other: str) -> bool:
    raise NotImplementedError

def is_public_address(ip: str | IPv4Address | IPv6Address) -> bool:
    raise NotImplementedError

class Networks:
    def __init__(self, private: Iterable[str] = ()) -> None:
        raise NotImplementedError
    def permits(self, ip: str | IPv4Address | IPv6Address) -> bool:
        raise NotImplementedError
    def is_private(self, ip: str | IPv4Address | IPv6Address) -> bool:
        raise NotImplementedError
    def check_iri(self, iri: str, *, key: bool = False) -> str:
        raise NotImplementedError
