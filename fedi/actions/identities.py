"""People who come by their institution's own log-in: who they are here, what they are there, and their account at the first time."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from federation.signatures.keys import KeyPair
from fedi.actions import people as person_actions
from fedi.actions import profiles, sign_ups
from fedi.context import Site
from fedi.errors import Conflict, Invalid
from fedi.languages import _
from storage import actors, identities, people
from storage import sign_ups as sign_up_rows
from storage.actors import Actor
from storage.identities import Identity
from storage.metadata import Tx
from storage.sign_ups import SignUp

KEPT = (
    "sub",
    "email",
    "email_verified",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "locale",
    "zoneinfo",
)
"""Claims that are kept between the two pages of a first log-in, beside what somebody is."""
_RANK = ("faculty", "staff", "employee", "student", "alum")
"""eduPersonAffiliation's words in the order in which one of several counts; others (member, affiliate) say nothing here."""


def kept(site: Site, claims: Mapping[str, Any]) -> dict[str, Any]:
    """What of some claims is of use here, within bounds."""
    found: dict[str, Any] = {
        name: claims[name][:320] if isinstance(claims[name], str) else claims[name]
        for name in KEPT
        if isinstance(claims.get(name), str | bool)
    }
    if found.get("email_verified") is False:  # somebody typed it there: it is asked for here, and confirmed by mail
        found.pop("email", None)
    found["affiliations"] = _affiliations(site, claims)
    found["stated"] = site.config.sso.affiliation_claim in claims
    return found


def _affiliations(site: Site, claims: Mapping[str, Any]) -> list[str]:
    """What somebody is here, of values as `student@uni.example`; those of other institutions are not ours to say."""
    given = claims.get(site.config.sso.affiliation_claim)
    values = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    scope = (site.config.sso.affiliation_scope or site.config.handle_domain).lower()
    found = []
    for value in values[:50]:
        role, _, where = value.strip().lower().partition("@") if isinstance(value, str) else ("", "", "")
        if where == scope and role in _RANK:
            found.append(role)
    return found


def affiliation_of(claims: Mapping[str, Any]) -> str | None:
    """One of our words for what somebody is, of claims that were `kept`."""
    best = next((one for one in _RANK if one in claims.get("affiliations", ())), None)
    return "staff" if best == "employee" else best


def proposed(tx: Tx, site: Site, claims: Mapping[str, Any]) -> str:
    """A name for somebody new, that is free: of their names or their login there, never of a number that they have there."""
    given, family = str(claims.get("given_name") or ""), str(claims.get("family_name") or "")
    login = str(claims.get("preferred_username") or "").partition("@")[0]
    mail = str(claims.get("email") or "").partition("@")[0]
    for text in (login, mail, f"{given}_{family}", str(claims.get("name") or ""), "student"):
        base = _plain(text)
        if len(base) < 2 or re.search(r"\d{4}", base):
            continue  # whoever knows the number of a student must not know who writes
        for number in range(1, 60):
            name = base if number == 1 else f"{base[:27]}{number}"
            if name not in person_actions.RESERVED and actors.by_name(tx, name, site.config.handle_domain) is None:
                return name
    return ""


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", letters)).strip("_")[:30].strip("_")


def come(tx: Tx, site: Site, issuer: str, claims: Mapping[str, Any]) -> int | None:
    """The id of the person whom the provider calls so, with what they are there brought up to date; None for nobody yet."""
    known = identities.find(tx, issuer, str(claims["sub"]))
    actor = actors.by_id(tx, known.person_id) if known is not None else None
    if known is None or actor is None:
        return None
    identities.touch(tx, known, site.clock())
    settle(tx, site, actor, claims)
    return actor.id


def settle(tx: Tx, site: Site, actor: Actor, claims: Mapping[str, Any]) -> None:
    """Let a person be here what they are there; a provider that says nothing of it changes nothing."""
    person = people.by_id(tx, actor.id)
    stated = affiliation_of(claims)
    if person is not None and person.state == "active" and claims.get("stated") and stated != person.affiliation:
        profiles.affiliate(tx, site, actor, stated, end=stated is None)


def link(tx: Tx, site: Site, issuer: str, claims: Mapping[str, Any], actor: Actor) -> bool:
    """From now on `actor` comes by this log-in as well; whether that is new. Raises Conflict when it is somebody else's."""
    known = identities.find(tx, issuer, str(claims["sub"]))
    if known is not None and known.person_id != actor.id:
        raise Conflict(_("This log-in belongs to another account here. Log out, then log in by it."), code="linked")
    if known is None:
        now = site.clock()
        identities.insert(tx, Identity(issuer, str(claims["sub"]), actor.id, now, now))
    settle(tx, site, actor, claims)
    return known is None


def create(
    tx: Tx,
    site: Site,
    issuer: str,
    claims: Mapping[str, Any],
    *,
    username: str,
    name: str,
    email: str,
    show: bool,
    key_pair: KeyPair,
    secret: str,
) -> Actor:
    """The account of somebody who comes for the first time, without a password. Where the provider vouches for no address,
    `email` is theirs, and a link with `secret` is mailed there. Raises Invalid and Taken."""
    if identities.find(tx, issuer, str(claims["sub"])) is not None:
        raise Invalid(_("You have an account here already. Log in again."), code="linked")
    address = str(claims.get("email") or "") or email
    actor = person_actions.register(
        tx,
        site,
        username=username,
        email=address,
        name=name,
        affiliation=affiliation_of(claims),
        key_pair=key_pair,
    )
    if not show:
        actor = profiles.affiliate(tx, site, actor, show=False)
    now = site.clock()
    identities.insert(tx, Identity(issuer, str(claims["sub"]), actor.id, now, now))
    sign_up_rows.insert(tx, SignUp(actor.id, "", None, None, now if claims.get("email") else None, now))
    if not claims.get("email"):
        sign_ups.ask(tx, site, actor, address.strip().lower(), secret)
    person_actions.signed_up(tx, site, actor)
    return actor
