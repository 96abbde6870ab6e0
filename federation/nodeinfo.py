"""NodeInfo 2.0 and 2.1."""
from dataclasses import dataclass

from federation.fields import Json

@dataclass(frozen=True, slots=True)
class NodeInfo:
    software: str
    version: str
    protocols: tuple[str, ...]
    open_registrations: bool
    users: int | None
    posts: int | None

def build_index(origin: str, instance_actor: str) -> Json:
    raise NotImplementedError

def build_nodeinfo(*, version: str, open_registrations: bool, users: int, active_month: int, active_half_year: int, posts: int, comments: int = 0, metadata: Json | None = None, repository: str | None = None) -> Json:
    raise NotImplementedError

def read_index(document: Json, host: str) -> str:
    raise NotImplementedError

def read_nodeinfo(document: Json) -> NodeInfo:
    raise NotImplementedError
