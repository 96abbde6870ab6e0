"""What Lemmy (1.0) takes as a post or a comment, or why it refuses an object.

From PROTOCOL sections 2.3 and 2.5: what its strict types let in, and what it checks then. Nothing is fetched: which actors
are groups and which posts are known is told.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import msgspec

POSTS = ("Page", "Article", "Note", "Video", "Event")
PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "http://www.w3.org/ns/activitystreams#Public")
TITLE = 200
BODY = 1024 * 1024


class Refused(Exception):
    """Lemmy answers with an error, and why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A post (`parent` None) or a comment. `url` is the one link or picture that a post has, of its first attachment."""

    author: str
    community: str
    title: str | None
    body: str
    url: str | None
    alt: str | None
    parent: str | None
    sensitive: bool
    language: str
    published: datetime | None
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class Lemmy:
    """One instance of it: the groups it knows (IRI -> whether not everyone may read it) and the posts that it has.

    `loopback` lets plain HTTP, ports and loopback addresses through, for tests that run real servers.
    """

    groups: dict[str, bool]
    known: frozenset[str] = frozenset()
    loopback: bool = False

    def activity(self, document: dict[str, Any]) -> Taken:
        """What becomes of a Create or Update that it is sent, or that a group announces. Raises Refused."""
        if len(msgspec.json.encode(document)) > BODY:
            raise Refused("more than 1 MiB")
        if document.get("type") not in ("Create", "Update"):
            raise Refused(f"a {document.get('type')} is no Create or Update")
        actor = self._iri(document.get("actor"), "actor")
        if self._host(self._iri(document.get("id"), "id")) != self._host(actor):
            raise Refused("the activity is at another host than its actor")
        for name in ("to", "cc"):
            if not isinstance(document.get(name, [] if name == "cc" else None), str | list):
                raise Refused(f"no {name}")
        if not isinstance(document.get("object"), dict):
            raise Refused("the object is not embedded")
        taken = self.object(document["object"])
        if taken.author != actor:
            raise Refused("the actor is not the author")
        audience = document.get("audience")
        if audience is not None and audience != taken.community:
            raise Refused("the activity is for another community than its object")
        return taken

    def object(self, document: dict[str, Any]) -> Taken:
        """What becomes of an object. Raises Refused."""
        id_ = self._iri(document.get("id"), "id")
        author, channel = self._author(document.get("attributedTo"))
        if self._host(id_) != self._host(author):
            raise Refused("the id is at another host than the author")
        if "content" in document and not isinstance(document["content"], str | None):
            raise Refused("content is no text")
        reply = document.get("inReplyTo")
        if reply is not None:
            return self._comment(document, author, self._iri(reply, "inReplyTo"))
        return self._post(document, author, channel)

    def _post(self, document: dict[str, Any], author: str, channel: str | None) -> Taken:
        if document.get("type") not in POSTS:
            raise Refused(f"type {document.get('type')!r} is no post")
        community = self._community(document, channel)
        self._visible(document, community)
        name = document.get("name")
        if name is not None and not isinstance(name, str):
            raise Refused("name is no text")
        if name is None:
            if not document.get("content"):
                raise Refused("neither name nor content")
            name = _first_line(document["content"]).replace(f"@{community.rstrip('/').rpartition('/')[2]}", "").strip()
        if not name.strip():
            raise Refused("an empty title")
        first = next(iter(self._attachments(document)), None)
        url, alt = first if first is not None else (None, None)
        if url is None and document.get("type") == "Video":
            url = document["id"]
        return self._taken(document, author, community, title=name[:TITLE], url=url, alt=alt, parent=None)

    def _comment(self, document: dict[str, Any], author: str, parent: str) -> Taken:
        if document.get("type") != "Note":
            raise Refused(f"type {document.get('type')!r} is no comment")
        if not isinstance(document.get("content"), str):
            raise Refused("a comment without content")
        if parent not in self.known:
            raise Refused("the parent can't be had")
        if "to" not in document:
            raise Refused("no to")
        audience = document.get("audience")
        community = audience if audience is not None else self._community(document, None)
        if community not in self.groups:
            raise Refused("the audience is not the community of the parent")
        self._visible(document, community)
        self._attachments(document)
        return self._taken(document, author, community, title=None, url=None, alt=None, parent=parent)

    def _taken(self, document: dict[str, Any], author: str, community: str, **more: Any) -> Taken:
        language = document.get("language")
        if language is not None and not (
            isinstance(language, dict) and all(isinstance(language.get(one), str) for one in ("identifier", "name"))
        ):
            raise Refused("language is no {identifier, name}")
        if document.get("mediaType") not in (None, "text/html", "text/markdown"):
            raise Refused("mediaType is neither HTML nor Markdown")
        for name, kinds in (("sensitive", bool), ("context", str), ("audience", str)):
            if document.get(name) is not None and not isinstance(document[name], kinds):
                raise Refused(f"{name} is no {kinds.__name__}")
        image = document.get("image")
        if image is not None and not (isinstance(image, dict) and image.get("type") == "Image" and image.get("url")):
            raise Refused("image is no Image")
        return Taken(
            author=author,
            community=community,
            body=document.get("content") or "",
            sensitive=bool(document.get("sensitive")),
            language=language["identifier"] if language else "und",
            published=_time(document, "published"),
            updated=_time(document, "updated"),
            **more,
        )

    def _author(self, value: Any) -> tuple[str, str | None]:
        """(person, group): one IRI, or PeerTube's list of both."""
        if isinstance(value, list):
            people = [one.get("id") for one in value if isinstance(one, dict) and one.get("type") == "Person"]
            channels = [one.get("id") for one in value if isinstance(one, dict) and one.get("type") == "Group"]
            if len(people) != 1:
                raise Refused("a list of authors without one Person")
            return self._iri(people[0], "attributedTo"), next(iter(channels), None)
        return self._iri(value, "attributedTo"), None

    def _community(self, document: dict[str, Any], channel: str | None) -> str:
        if document.get("audience") is not None:
            if not isinstance(document["audience"], str) or document["audience"] not in self.groups:
                raise Refused("the audience is no community")
            return str(document["audience"])
        found = [one for name in ("to", "cc") for one in _list(document.get(name)) if one in self.groups]
        if channel in self.groups:
            found.append(str(channel))
        if not found:
            raise Refused("no community in audience, to or cc")
        return str(found[0])

    def _visible(self, document: dict[str, Any], community: str) -> None:
        public = any(one in PUBLIC for name in ("to", "cc") for one in _list(document.get(name)))
        if public and self.groups[community]:
            raise Refused("Public in a private community")
        if not public and not self.groups[community]:
            raise Refused("not Public in a public community")

    def _attachments(self, document: dict[str, Any]) -> list[tuple[str, str | None]]:
        """(URL, alt text) of each; one that is no Link, Image or Document is no attachment, and then all of it fails."""
        value = document.get("attachment", [])
        if not isinstance(value, list):
            raise Refused("attachment is no list")
        found: list[tuple[str, str | None]] = []
        for one in value:
            kind = one.get("type") if isinstance(one, dict) else None
            url = one.get("href" if kind == "Link" else "url") if kind in ("Link", "Image", "Document") else None
            if not isinstance(url, str) or not urlsplit(url).netloc:
                raise Refused(f"an attachment of type {kind!r}, or without an address")
            found.append((url, None if kind == "Link" else one.get("name")))
        return found

    def _iri(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise Refused(f"{name} is no IRI")
        parts = urlsplit(value)
        if self.loopback and parts.hostname in ("127.0.0.1", "localhost"):
            return value
        if parts.scheme != "https":
            raise Refused(f"{name} is not https")
        if ":" in parts.netloc or "@" in parts.netloc:
            raise Refused(f"{name} has a port")
        if not re.fullmatch(r"[a-zA-Z0-9.-]+", parts.netloc):
            raise Refused(f"{name} has a host that is not ASCII")
        return value

    @staticmethod
    def _host(iri: str) -> str:
        return urlsplit(iri).netloc.lower()


def _first_line(html: str) -> str:
    text = unescape(re.sub(r"<[^>]*>", "", re.sub(r"</p>|<br\s*/?>", "\n", html)))
    return next((line.strip() for line in text.split("\n") if line.strip()), "")


def _time(document: dict[str, Any], name: str) -> datetime | None:
    value = document.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as problem:
        raise Refused(f"{name} is no time") from problem
    if found.tzinfo is None:
        raise Refused(f"{name} has no zone")
    return found


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
