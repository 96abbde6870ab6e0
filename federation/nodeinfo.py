"""NodeInfo 2.0 and 2.1 (FEP-f1d5): what software a host runs, and how many people use it."""

import re
from dataclasses import dataclass

from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, as_list, as_objects, integer, string
from federation.hosts import same_origin, web_url
from federation.vocabulary.context import AS2

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/"
APPLICATION = f"{AS2}#Application"
CONTENT_TYPE = f'application/json; profile="{SCHEMA}2.1#"'

_NAME = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What a host says it runs: `software` in lower case with `[a-z0-9.-]` only; counts None when it doesn't tell."""

    software: str
    version: str
    protocols: tuple[str, ...]
    open_registrations: bool
    users: int | None
    posts: int | None


def build_index(origin: str, instance_actor: str) -> Json:
    """The document at `/.well-known/nodeinfo`, which also names the instance's own actor (FEP-2677)."""
    return {
        "links": [
            {"rel": f"{SCHEMA}2.1", "href": f"{origin}/nodeinfo/2.1"},
            {"rel": APPLICATION, "href": instance_actor},
        ]
    }


def build_nodeinfo(
    *,
    version: str,
    open_registrations: bool,
    users: int,
    active_month: int,
    active_half_year: int,
    posts: int,
    comments: int = 0,
    metadata: Json | None = None,
    repository: str | None = None,
) -> Json:
    """The document at `/nodeinfo/2.1`; `posts` are first posts, `comments` replies, both local."""
    software: Json = {"name": "fedi", "version": version}
    if repository is not None:
        software["repository"] = repository
    return {
        "version": "2.1",
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": open_registrations,
        "usage": {
            "users": {"total": users, "activeMonth": active_month, "activeHalfyear": active_half_year},
            "localPosts": posts,
            "localComments": comments,
        },
        "metadata": metadata or {},
    }


def read_index(document: Json, origin: str) -> str:
    """The address of the newest NodeInfo that we read, from the index of `origin` (`https://host`).

    Raises Malformed when there is none; WrongOrigin when it is elsewhere, which would let a host borrow another's name or
    send us to places that it can't ask itself (CVE-2026-62857).
    """
    links = {string(link.get("rel")): link.get("href") for link in as_objects(document.get("links"))}
    for version in ("2.1", "2.0"):
        href = web_url(links.get(SCHEMA + version))
        if href is not None:
            if not same_origin(href, origin):
                raise WrongOrigin("the NodeInfo link leads to another host")
            return href
    raise Malformed("no NodeInfo 2.0 or 2.1", code="bad-nodeinfo")


def read_nodeinfo(document: Json) -> NodeInfo:
    """Software and counts from a NodeInfo document. Raises Malformed when it names no software."""
    software = document.get("software")
    name = string(software.get("name")) if isinstance(software, dict) else None
    if not isinstance(software, dict) or name is None:
        raise Malformed("NodeInfo without a software name", code="bad-nodeinfo")
    usage = document.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    users = usage.get("users")
    return NodeInfo(
        software=_NAME.sub("", name.lower())[:50],
        version=(string(software.get("version")) or "")[:100],
        protocols=tuple(one for one in as_list(document.get("protocols")) if isinstance(one, str))[:20],
        open_registrations=document.get("openRegistrations") is True,
        users=integer(users.get("total")) if isinstance(users, dict) else None,
        posts=integer(usage.get("localPosts")),
    )
