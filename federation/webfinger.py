"""WebFinger (RFC 7033) and host-meta (RFC 6415): from `user@host` to an actor, and the way back.

An answer is a claim: another host may name any subject. `federation.discovery` asks the subject's own host whether it agrees.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from federation.errors import Malformed, UnsupportedHost
from federation.fields import Json, as_objects, string
from federation.hosts import normal_host, split_iri, web_url
from federation.vocabulary.context import AS2

JRD = "application/jrd+json"
ACTIVITY_JSON = "application/activity+json"
AS_PROFILE = f'application/ld+json; profile="{AS2}"'
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"
INTENT = "https://w3id.org/fep/3b86/"
"""What relations of FEP-3b86 begin with; an activity's type follows, or `Object`."""
PROFILE_PAGE = "http://webfinger.net/rel/profile-page"

_PLACE = re.compile(r"\{[^{}]*\}")
_USERNAME = re.compile(r"[^\s@/:?#\\<>\"\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class WebfingerAnswer:
    """`subject` is a handle `user@host` with the host in normal form, `actor_iri` the actor that it names.

    `subscribe` is the template with `{uri}` that leads people of that host to follow somebody, None when there is none;
    `intents` are those of FEP-3b86 by the type of activity they lead to, with `{object}` in them.
    """

    subject: str
    actor_iri: str
    subscribe: str | None = None
    intents: Mapping[str, str] = field(default_factory=dict)

    def address_for(self, iri: str, kinds: Iterable[str]) -> str | None:
        """Where people of that host do something with the object `iri`: follow or answer it, by the first of `kinds`
        (types of FEP-3b86) that there is, else by the older subscribe template. None when the host offers none.

        Only an address of the handle's own host or of its actor's comes back: any other could be anybody's.
        """
        templates = [
            self.intents[kind].replace("{object}", quote(iri, safe="")) for kind in kinds if kind in self.intents
        ]
        if self.subscribe is not None:
            templates.append(self.subscribe.replace("{uri}", quote(iri, safe="")))
        own = {self.subject.rpartition("@")[2], split_iri(self.actor_iri)[1]}
        for filled in templates:
            # Other places (`{name}`, `{on-success}`) are optional and stay empty.
            address = web_url(_PLACE.sub("", filled))
            if address is not None and split_iri(address)[1] in own:
                return address
        return None


def split_handle(text: str) -> tuple[str, str]:
    """(username, host) of `acct:user@host`, `@user@host`, `!group@host` or `user@host`; the host in normal form.

    Raises Malformed or UnsupportedHost.
    """
    text = text.strip().removeprefix("acct:")
    if text[:1] in ("@", "!"):
        text = text[1:]
    username, at, host = text.rpartition("@")
    if not at or not _USERNAME.fullmatch(username) or len(host) > 300 or not host or "/" in host:
        raise Malformed(f"not a handle: {text[:200]!r}", code="bad-handle")
    return username, normal_host(host)


def build_answer(
    *,
    username: str,
    domain: str,
    actor_iri: str,
    page: str,
    subscribe: str | None = None,
    intents: Mapping[str, str] | None = None,
    icon: tuple[str, str] | None = None,
) -> Json:
    """The answer about one of our actors: `page` its HTML address, `subscribe` a template with `{uri}`, `intents` templates
    with `{object}` by what they lead to (FEP-3b86: a type of activity, or `Object`), `icon` (URL, media type)."""
    links: list[Json] = [
        {"rel": PROFILE_PAGE, "type": "text/html", "href": page},
        {"rel": "self", "type": ACTIVITY_JSON, "href": actor_iri},
    ]
    if subscribe is not None:
        links.append({"rel": SUBSCRIBE, "template": subscribe})
    links += [{"rel": INTENT + kind, "template": template} for kind, template in (intents or {}).items()]
    if icon is not None:
        links.append({"rel": "http://webfinger.net/rel/avatar", "href": icon[0], "type": icon[1]})
    return {"subject": f"acct:{username}@{domain}", "aliases": list(dict.fromkeys((page, actor_iri))), "links": links}


def read_answer(document: Json) -> WebfingerAnswer:
    """The subject and its actor. Raises Malformed when there is no handle or no link `self` of an ActivityPub type."""
    subject = document.get("subject")
    if not isinstance(subject, str):
        raise Malformed("a WebFinger answer without a subject", code="bad-webfinger")
    try:
        username, host = split_handle(subject)
    except (Malformed, UnsupportedHost) as error:
        raise Malformed(f"the subject of a WebFinger answer: {error.text}", code="bad-webfinger") from error
    actor_iri: str | None = None
    subscribe: str | None = None
    intents: dict[str, str] = {}
    for link in as_objects(document.get("links")):
        rel, template = string(link.get("rel")) or "", string(link.get("template")) or ""
        if link.get("rel") == "self" and actor_iri is None and is_activity_type(string(link.get("type")) or ""):
            actor_iri = web_url(link.get("href"))
        elif rel == SUBSCRIBE and subscribe is None and _leads(template, "{uri}"):
            subscribe = template
        elif rel.startswith(INTENT) and len(intents) < 50 and _leads(template, "{object}"):
            intents.setdefault(rel.removeprefix(INTENT), template)
    if actor_iri is None:
        raise Malformed("a WebFinger answer that names no actor", code="bad-webfinger")
    return WebfingerAnswer(f"{username}@{host}", actor_iri, subscribe, intents)


def _leads(template: str, place: str) -> bool:
    """Whether a template is an address with this place to fill in."""
    return place in template and web_url(_PLACE.sub("", template)) is not None


def is_activity_type(content_type: str) -> bool:
    """Whether a media type is ActivityPub's: `application/activity+json`, or `application/ld+json` with its profile.

    Bare `application/ld+json` is not, nor is any type that user uploads are served under (GHSA-jhrq-qvrm-qr36).
    """
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == ACTIVITY_JSON:
        return True
    if kind != "application/ld+json":
        return False
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "profile" and AS2 in value.strip().strip('"').split():
            return True
    return False


def build_host_meta(origin: str) -> str:
    """host-meta as XRD, which old peers ask before WebFinger."""
    template = escape(f"{origin}/.well-known/webfinger?resource={{uri}}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" type="{JRD}" template="{template}"/></XRD>\n'
    )
