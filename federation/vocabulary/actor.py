"""Actors: people, groups and instances as peers describe them, and our own as we describe them."""

import re
from dataclasses import dataclass
from typing import Any

from federation.errors import Malformed, WrongOrigin
from federation.fields import (
    Json,
    as_list,
    as_objects,
    first_id,
    ids,
    is_visible,
    milliseconds,
    string,
    text_of,
    timestamp,
    types,
)
from federation.hosts import host_of, hostname_of, same_origin, split_iri, web_url
from federation.vocabulary.context import ACTOR
from federation.vocabulary.link import description_of, media_type_of, url_of

KINDS = ("Person", "Group", "Application", "Service", "Organization")

_USERNAME = re.compile(r"[^\s@/:?#\\<>\"\x00-\x1f\x7f]{1,128}")
_MAX_NAME = 500
_MAX_FIELDS = 16
_MAX_KEYS = 16
_MAX_ALIASES = 32


@dataclass(frozen=True, slots=True)
class ActorDocument:
    """An actor as its document says. Nothing is sanitised: `summary` and the values of `fields` are a stranger's HTML.

    `kind` is one of KINDS; `fields` are dicts with name and value; `keys` pairs of key id and PEM or Multikey;
    `moderators` the collection that a Group names in `attributedTo` (FEP-1b12); `published` in ms; `webfinger` the handle
    that FEP-2c59 lets it claim, `user@host`. Inboxes are of the actor's own origin.
    """

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
    icon_description: str | None = None
    image_description: str | None = None


def read_actor(document: Json) -> ActorDocument:
    """An actor from its JSON.

    Raises Malformed when it is none or lacks id, inbox or a usable name; UnsupportedHost for its host; WrongOrigin when
    its inbox is at another origin, as we would be made to post there.
    """
    kind = next((one for one in types(document) if one in KINDS), None)
    if kind is None:
        raise Malformed("not an actor", code="not-an-actor")
    id_ = document.get("id")
    if not isinstance(id_, str):
        raise Malformed("an actor without an id", code="not-an-actor")
    host = host_of(id_)
    inbox = first_id(document.get("inbox"))
    if inbox is None:
        raise Malformed("an actor without an inbox", code="not-an-actor")
    if not same_origin(id_, inbox):
        raise WrongOrigin("the inbox is of another origin than the actor")
    # Lemmy's instance actor has no preferredUsername: its host stands for it.
    username = string(document.get("preferredUsername")) or hostname_of(host)
    if not _USERNAME.fullmatch(username):
        raise Malformed("an actor with an unusable name", code="not-an-actor")
    name = text_of(document, "name") or ""
    name = name if is_visible(name[:_MAX_NAME]) else username
    return ActorDocument(
        id=id_,
        kind=kind,
        username=username,
        name=name[:_MAX_NAME],
        summary=text_of(document, "summary") or "",
        url=url_of(document.get("url"), "text/html") or id_,
        inbox=inbox,
        shared_inbox=_own(id_, _shared_inbox(document)),
        outbox=_own(id_, first_id(document.get("outbox"))),
        followers=_own(id_, first_id(document.get("followers"))),
        following=_own(id_, first_id(document.get("following"))),
        featured=_own(id_, first_id(document.get("featured"))),
        moderators=_own(id_, _moderators(document)) if kind == "Group" else None,
        icon=url_of(document.get("icon")),
        image=url_of(document.get("image")),
        approves_followers=document.get("manuallyApprovesFollowers") is True,
        # Lemmy's groups are listed unless they say otherwise; people are listed when they say so (Mastodon).
        discoverable=document.get("discoverable", kind == "Group") is True,
        indexable=document.get("indexable") is True,  # FEP-5feb: missing means no
        fields=_read_fields(document.get("attachment")),
        also_known_as=[one for one in ids(document.get("alsoKnownAs")) if web_url(one)][:_MAX_ALIASES],
        moved_to=web_url(first_id(document.get("movedTo"))),
        published=milliseconds(document.get("published")),
        keys=_read_keys(document, id_),
        webfinger=_read_webfinger(document.get("webfinger")),
        icon_description=description_of(document.get("icon")),
        image_description=description_of(document.get("image")),
    )


def _own(actor: str, iri: str | None) -> str | None:
    """An IRI of the actor's own origin; others are dropped, as another host can't speak for the actor's collections."""
    return iri if iri is not None and same_origin(actor, iri) else None


def _moderators(document: Json) -> str | None:
    """FEP-1b12's collection of moderators: an IRI in `attributedTo` (PeerTube's channels have their owner there, embedded)."""
    owner = document.get("attributedTo")
    return owner if isinstance(owner, str) else first_id(document.get("moderators"))


def _shared_inbox(document: Json) -> str | None:
    endpoints = document.get("endpoints")
    found = endpoints.get("sharedInbox") if isinstance(endpoints, dict) else None
    return string(found) or string(document.get("sharedInbox"))


def _read_fields(value: object) -> list[dict[str, Any]]:
    found = []
    for one in as_objects(value):
        name, text = string(one.get("name")), string(one.get("value"))
        if "PropertyValue" in types(one) and name and text:
            found.append({"name": name[:255], "value": text[:2047]})
    return found[:_MAX_FIELDS]


def _read_keys(document: Json, actor: str) -> list[tuple[str, str]]:
    """The keys that the document lists as the actor's own, each of the actor's origin."""
    found: list[tuple[str, str]] = []
    for name, owner, material in (
        ("publicKey", "owner", "publicKeyPem"),
        ("assertionMethod", "controller", "publicKeyMultibase"),
        ("authentication", "controller", "publicKeyMultibase"),
    ):
        for one in as_objects(document.get(name)):
            key_id, text = string(one.get("id")), string(one.get(material))
            if key_id and text and one.get(owner, actor) == actor and same_origin(actor, key_id):
                found.append((key_id, text))
    return list(dict.fromkeys(found))[:_MAX_KEYS]


def _read_webfinger(value: object) -> str | None:
    text = string(value)
    if text is None:
        return None
    text = text.removeprefix("acct:").removeprefix("@")
    return text if text.count("@") == 1 and len(text) < 400 else None


def owner_of_key(document: Json, key_id: str) -> str | None:
    """The actor that a fetched document names as owner of a key, be it the actor's own document or one of the key alone.

    The actor's document must list the key in turn, so fetch it when it is another one. None: no owner of this origin.
    """
    if types(document) and types(document)[0] in KINDS:
        owner = string(document.get("id"))
    else:
        keys = [one for one in as_objects(document.get("publicKey")) if one.get("id") == key_id]
        holder = keys[0] if keys else document
        owner = first_id(holder.get("owner")) or first_id(holder.get("controller"))
    return owner if owner is not None and same_origin(owner, key_id) else None


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
    icon_description: str | None = None,
    image_description: str | None = None,
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
    moderators_only: bool = False,
) -> Json:
    """The document of one of our actors.

    `kind` is Person, Group or Application; `summary` HTML, `source` the markdown it was made from; times in ms;
    `multikeys` pairs of key id and Multikey (FEP-521a); `webfinger` the handle `user@host` (FEP-2c59); `moderators_only`
    (Groups) says that only moderators may post. A Group carries what Lemmy wants of one (FEP-1b12).
    """
    document: Json = {
        "@context": ACTOR,
        "id": id,
        "type": kind,
        "preferredUsername": username,
        "name": name,
        "summary": summary,
        "url": url,
        "inbox": inbox,
        "outbox": outbox,
        "manuallyApprovesFollowers": approves_followers,
        "discoverable": discoverable,
        "indexable": indexable,
        "publicKey": {"id": key_id, "owner": id, "publicKeyPem": public_pem},
    }
    optional: Json = {
        "followers": followers,
        "following": following,
        "featured": featured,
        "source": None if source is None else {"content": source, "mediaType": "text/markdown"},
        "endpoints": None if shared_inbox is None else {"sharedInbox": shared_inbox},
        "icon": None if icon is None else _picture(icon, icon_description),
        "image": None if image is None else _picture(image, image_description),
        "attachment": [
            {"type": "PropertyValue", "name": one["name"], "value": one["value"]} for one in as_list(fields)
        ] or None,
        "alsoKnownAs": also_known_as or None,
        "movedTo": moved_to,
        "published": None if published is None else timestamp(published),
        "updated": None if updated is None else timestamp(updated),
        "webfinger": webfinger,
        "assertionMethod": [
            {"id": key, "type": "Multikey", "controller": id, "publicKeyMultibase": text} for key, text in multikeys or ()
        ] or None,
    }  # fmt: skip
    document.update({name: value for name, value in optional.items() if value is not None})
    if kind == "Group":
        document["mediaType"] = "text/html"
        document["sensitive"] = False
        document["postingRestrictedToMods"] = moderators_only
        if moderators is not None:
            document["attributedTo"] = moderators
            document["moderators"] = moderators
    return document


def _picture(url: str, description: str | None) -> Json:
    """An Image: Pleroma and Misskey pass one without a type by; `name` is the alt text, as Mastodon 4.6 has it."""
    media_type = media_type_of(url)
    return {
        "type": "Image",
        **({"mediaType": media_type} if media_type is not None else {}),
        "url": url,
        **({"name": description} if description else {}),
    }


def handle_host(actor: ActorDocument) -> str:
    """The host to ask for the actor's handle first: what it claims by FEP-2c59, else the host of its id."""
    return actor.webfinger.partition("@")[2] if actor.webfinger is not None else split_iri(actor.id)[1]
