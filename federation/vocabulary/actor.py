"""Actors."""
from dataclasses import dataclass
from typing import Any

from federation.fields import Json

@dataclass(frozen=True, slots=True)
class ActorDocument:
    id: str
    kind: str
    username: str
    name: str
    summary: str
    url: str
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers: str | None
    following: str | None
    featured: str | None
    moderators: str | None
    icon: str | None
    image: str | None
    approves_followers: bool
    discoverable: bool
    indexable: bool
    fields: list[dict[str, Any]]
    also_known_as: list[str]
    moved_to: str | None
    published: int | None
    keys: list[tuple[str, str]]
    webfinger: str | None

def read_actor(document: Json) -> ActorDocument:
    raise NotImplementedError

def build_actor(
    *,
    kind: str,
    id: str,
    username: str,
    name: str,
    url: str,
    inbox: str,
    outbox: str,
    key_id: str,
    public_pem: str,
    summary: str = "",
    source: str | None = None,
    shared_inbox: str | None = None,
    followers: str | None = None,
    following: str | None = None,
    featured: str | None = None,
    moderators: str | None = None,
    icon: str | None = None,
    image: str | None = None,
    approves_followers: bool = False,
    discoverable: bool = True,
    indexable: bool = False,
    fields: list[dict[str, Any]] | None = None,
    also_known_as: list[str] | None = None,
    moved_to: str | None = None,
    published: int | None = None,
    updated: int | None = None,
    webfinger: str | None = None,
    multikeys: list[tuple[str, str]] | None = None,
) -> Json:
    raise NotImplementedError
