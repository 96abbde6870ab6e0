"""THE ONE FILE WITH SOCKETS."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from federation.fields import Json
from federation.hosts import Networks
from federation.nodeinfo import NodeInfo
from federation.signatures.keys import PrivateKey
from federation.webfinger import WebfingerAnswer

@dataclass(frozen=True, slots=True)
class Response:
    """`headers` with names in lower case."""
    status: int
    headers: Mapping[str, str]
    body: bytes

@dataclass(frozen=True, slots=True)
class Document:
    document: Json
    raw: bytes
    url: str

class Transport(Protocol):
    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int) -> Response: ...
    async def close(self) -> None: ...

class AiohttpTransport:
    def __init__(self, networks: Networks, ca_file: str | None = None) -> None:
        raise NotImplementedError
    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int) -> Response:
        raise NotImplementedError
    async def close(self) -> None:
        raise NotImplementedError

class Client:
    def __init__(self, transport: Transport, networks: Networks, user_agent: str, clock: Callable[[], int]) -> None:
        raise NotImplementedError
    async def get_document(self, iri: str, key: PrivateKey | None = None) -> Document:
        raise NotImplementedError
    async def post(self, inbox: str, body: bytes, key: PrivateKey, digest: str | None = None) -> None:
        raise NotImplementedError
    async def get_json(self, url: str, accept: str = "application/json") -> Json:
        raise NotImplementedError
    async def webfinger(self, handle: str) -> WebfingerAnswer:
        raise NotImplementedError
    async def nodeinfo(self, host: str) -> NodeInfo:
        raise NotImplementedError
    async def close(self) -> None:
        raise NotImplementedError
