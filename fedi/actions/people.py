"""People of this instance: register, let in, suspend; and the instance's own actor.

Their profiles are `profiles`, their end is `erasing`, how they log in is `credentials`.
"""

import re
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.exc import IntegrityError

from federation.fields import is_visible
from federation.signatures.keys import KeyPair, generate_ed25519, generate_rsa
from fedi.actions import account_mail, affiliations, notifying, profiles
from fedi.context import MAIN_KEY, PROOF_KEY, Site
from fedi.errors import Invalid, Problem, Taken
from fedi.languages import _
from fedi.push import keys as push_keys
from storage import actors, apps, keys, people, sessions
from storage.actors import Actor
from storage.events import note
from storage.keys import Key
from storage.metadata import Tx
from storage.people import ROLES, Person

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_]{0,28}[a-z0-9])?\Z", re.IGNORECASE)
"""What Mastodon, Lemmy and PieFed all take as a name: letters, digits and underscores, 30 at most."""

RESERVED = frozenset(
    {"actor", "admin", "administrator", "instance", "root", "webmaster", "postmaster", "everyone", "new"}
)

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash of a password. Takes about 0.2 s of a core: call it in a thread, outside of a transaction.

    Raises Invalid when the password is shorter than 8 characters or longer than 1,000.
    """
    if not 8 <= len(password) <= 1000:
        raise Invalid(_("A password has at least 8 characters (and at most 1,000)."), code="password")
    return _hasher.hash(password)


def check_password(hashed: str | None, password: str) -> bool:
    """Whether `password` is the one that was hashed; as slow for None, so that timing tells no one who exists."""
    try:
        _hasher.verify(hashed or _nobody(), password[:1000])
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


_NOBODY: list[str] = []


def _nobody() -> str:
    if not _NOBODY:
        _NOBODY.append(_hasher.hash("nobody has this password"))
    return _NOBODY[0]


def check_name(tx: Tx, site: Site, username: str) -> str:
    """The name as it will be kept. Raises Invalid for one that peers would not take, Taken for one in use."""
    if not NAME.match(username):
        raise Invalid(
            _(
                "The name %(name)s can't be used: take 1 to 30 letters, digits and underscores "
                "(no underscore first or last)."
            )
            % {"name": repr(username[:40])},
            code="name",
        )
    if username.lower() in RESERVED:
        raise Taken(_("The name %(name)s is reserved; choose another.") % {"name": repr(username)})
    if actors.by_name(tx, username, site.config.handle_domain) is not None:
        raise Taken(_("The name %(name)s is taken; choose another.") % {"name": repr(username)})
    return username


def add_actor(
    tx: Tx, site: Site, kind: str, path: str, username: str, key_pair: KeyPair | None = None, **values: Any
) -> Actor:
    """Add a local actor of this kind at this path, with `key_pair` or a fresh one."""
    now = site.clock()
    iri = site.iri(path)
    actor = Actor(
        id=site.new_id(),
        iri=iri,
        kind=kind,
        username=username,
        domain=site.config.handle_domain,
        host=site.config.host,
        local=True,
        name="",
        summary="",
        source=None,
        url=iri,
        inbox=iri + "/inbox",
        shared_inbox=site.iri("/inbox"),
        outbox=iri + "/outbox",
        followers=iri + "/followers",
        following=iri + "/following",
        featured=iri + "/featured",
        moderators=None,
        icon=None,
        image=None,
        approves_followers=False,
        discoverable=True,
        indexable=False,
        fields=[],
        also_known_as=[],
        moved_to=None,
        state="active",
        followers_count=0,
        following_count=0,
        posts_count=0,
        last_post_at=None,
        created_at=now,
        fetched_at=None,
    )
    actor = replace(actor, **values)
    try:
        actors.insert(tx, actor)
    except IntegrityError as problem:
        raise Taken(_("The name %(name)s is taken; choose another.") % {"name": repr(username)}) from problem
    pair = key_pair or generate_rsa()
    keys.save(tx, Key(iri + MAIN_KEY, iri, site.config.host, pair.public, pair.private, now, None))
    _add_proof_key(tx, site, iri)
    return actor


def _add_proof_key(tx: Tx, site: Site, iri: str) -> None:
    proofs = generate_ed25519()
    keys.save(tx, Key(iri + PROOF_KEY, iri, site.config.host, proofs.public, proofs.private, site.clock(), None))


def check_address(tx: Tx, email: str) -> str:
    """The address as it will be kept. Raises Invalid for what is none, Taken for one that has an account."""
    address = email.strip().lower()
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", address):
        raise Invalid(_("%(address)s is not an e-mail address.") % {"address": repr(email[:60])}, code="email")
    if people.by_login(tx, address) is not None:
        raise Taken(
            _("The address %(address)s has an account already; log in instead.") % {"address": address},
            code="address-taken",
        )
    return address


def register(
    tx: Tx,
    site: Site,
    *,
    username: str,
    email: str,
    password_hash: str | None = None,
    name: str = "",
    role: str = "member",
    affiliation: str | None = None,
    state: str = "active",
    key_pair: KeyPair | None = None,
) -> Actor:
    """Add a person. Raises Taken for a name or address in use, Invalid for what can't be taken, saying why.

    A server gives the `key_pair` it made before (`generate_rsa`, 0.1 s of a core), so that the transaction is short.
    """
    username = check_name(tx, site, username)
    if role not in ROLES:
        raise Invalid(f"The role {role!r} does not exist; there are {', '.join(ROLES)}.", code="role")
    affiliations.check(affiliation)
    address = check_address(tx, email)
    actor = add_actor(
        tx,
        site,
        "Person",
        f"/people/{username}",
        username,
        key_pair,
        name=(name if is_visible(name[:100]) else username)[:100],
        state=state,
    )
    people.insert(tx, Person(actor.id, address, password_hash, role, affiliation, state, {}, actor.created_at))
    if affiliation is not None and affiliations.settle(tx, site, actor):
        actor = actors.by_id(tx, actor.id) or actor
    return actor


def signed_up(tx: Tx, site: Site, actor: Actor) -> None:
    """Somebody registered by themselves: tell the staff."""
    staff = [*people.by_role(tx, "moderator"), *people.by_role(tx, "admin")]
    for person in actors.by_ids(tx, staff).values():
        notifying.tell(tx, site, person, "admin.sign_up", actor)


def rotate_keys(tx: Tx, site: Site, actor: Actor, key_pair: KeyPair, proofs: KeyPair) -> None:
    """Give a local actor new keys, at once and for good, and tell the servers of its followers.

    `key_pair` (`generate_rsa`) signs its requests, `proofs` (`generate_ed25519`) what it says in groups. Peers that know the
    old key ask for the new one when a signature does not fit. Proofs by the old key hold no more, so what it signed is
    fetched anew where somebody needs it.
    """
    now = site.clock()
    keys.save(tx, Key(actor.iri + MAIN_KEY, actor.iri, actor.host, key_pair.public, key_pair.private, now, None))
    site.forget_public_key(actor.iri + MAIN_KEY)
    keys.save(tx, Key(actor.iri + PROOF_KEY, actor.iri, actor.host, proofs.public, proofs.private, now, None))
    site.forget_public_key(actor.iri + PROOF_KEY)
    note(tx, "actor")  # its document shows them
    profiles.announce_profile(tx, site, actor)


def approve(tx: Tx, site: Site, actor: Actor, *, told: bool = True) -> None:
    """Let in a person who signed up and waits; they are told by mail, where there is mail, unless not `told`. Raises Invalid
    when they do not wait."""
    person = people.by_id(tx, actor.id)
    if person is None or person.state != "pending":
        raise Invalid(f"{actor.username} does not wait for approval.")
    people.change(tx, actor.id, state="active")
    actors.change(tx, actor.id, state="active")
    if told:
        account_mail.let_in(tx, site, actor, person)


def suspend(tx: Tx, site: Site, actor: Actor) -> None:
    """Nobody sees the person's posts, and they can't log in or use a token any more; `unsuspend` undoes it."""
    actors.change(tx, actor.id, state="suspended")
    people.change(tx, actor.id, state="suspended")
    note(tx, "stream", f"suspended {actor.id}")
    apps.revoke(tx, site.clock(), person_id=actor.id)
    sessions.remove(tx, person_id=actor.id)


def unsuspend(tx: Tx, site: Site, actor: Actor) -> None:
    """Undo `suspend`; tokens stay revoked, so the person logs in again."""
    actors.change(tx, actor.id, state="active")
    people.change(tx, actor.id, state="active")


def check_url(tx: Tx, site: Site) -> None:
    """Raises Problem when the database was made for another `url` than the settings have now."""
    for other in actors.local(tx, "Application"):
        if not other.iri.startswith(site.config.origin + "/"):
            raise Problem(
                f"the database belongs to {other.iri.removesuffix('/actor')}, and the setting url says "
                f"{site.config.origin}: every id begins with the url, so it can never change; set it back, "
                "or use another database",
                code="wrong-url",
            )


def ensure_instance_actor(tx: Tx, site: Site) -> Actor:
    """The instance's own actor (an Application at /actor, which signs fetches); made when it is not there yet, and so is
    the key pair of Web Push.

    Raises Problem when the database was made for another `url`.
    """
    known = actors.by_iri(tx, site.instance_iri)
    if known is None:
        check_url(tx, site)
    push_keys.ensure(tx, site)
    if known is not None:
        if keys.by_id(tx, known.iri + PROOF_KEY) is None:  # made before institutions signed agreements
            _add_proof_key(tx, site, known.iri)
            note(tx, "actor")
        return known
    return add_actor(
        tx,
        site,
        "Application",
        "/actor",
        site.config.host.replace(":", "_"),
        name=site.config.name,
        discoverable=False,
        approves_followers=True,
        featured=None,
    )
