"""The keys that others sign with, as their owners' own documents list them."""

from typing import Any

from federation import fields as wire
from federation.errors import (
    BadSignature,
    FederationError,
    KeyUnavailable,
    WrongOrigin,
)
from federation.hosts import host_of
from federation.signatures.keys import PublicKey, load_public
from federation.vocabulary.actor import owner_of_key
from fedi.context import Site
from fedi.fetching.actors import keep_actor
from fedi.fetching.asking import ROTATIONS, check_question, instance_key, once, permitted, remember
from storage import keys
from storage.keys import Key

_ROTATED = (1, 1)
"""How often one key is read again because a signature did not fit: once a minute."""


async def key(site: Site, key_id: str, *, fresh: bool = False, about: str | None = None) -> PublicKey:
    """The public key with this id, whose owner's own document lists it; fetched when not known, or `fresh`. `about`: what it is
    wanted for, where policy makes a difference of that (`fedi.facts.AGREEMENT`).

    Raises KeyUnavailable when it can't be had now, BadSignature and its like when its owner does not stand by it.
    """
    if not fresh:
        known = site.cached_public_key(key_id) or await site.db.read(lambda tx: site.public_key(tx, key_id))
        if known is not None:
            return known
    host = host_of(key_id)
    _check_host(site, host)
    return await once(site, f"key {key_id}", lambda: _ask(site, host, key_id, about), host)


def check_failed(site: Site, key_id: str) -> None:
    """Raises what the key was asked for in vain with, it or its host, within the last minute."""
    _check_host(site, host_of(key_id))
    check_question(site, f"key {key_id}")


def _check_host(site: Site, host: str) -> None:
    """Raises KeyUnavailable for a host that was asked for keys in vain lately, whichever key is wanted now: everybody may
    name any number of keys there, and each would cost it, and us, a request (CVE-2026-34148)."""
    check_question(site, f"host {host}")


async def _ask(site: Site, host: str, key_id: str, about: str | None) -> PublicKey:
    _check_host(site, host)  # whoever was before us in its queue may have found that it does not answer
    try:
        return await _fetch_key(site, key_id, about)
    except FederationError as problem:
        _note_failure(site, host, problem)
        raise


def _note_failure(site: Site, host: str, problem: FederationError) -> None:
    """Leave a host alone for a minute once it does not answer, or had none of a dozen keys that it was asked for."""
    now = site.clock()
    if problem.retry or not site.rotations.allow(f"keys in vain {host}", *ROTATIONS, now):
        left = KeyUnavailable(f"{host} was asked for keys in vain a moment ago; it is asked again in a minute")
        remember(site, f"host {host}", left)


async def rotated_key(site: Site, key_id: str) -> PublicKey | None:
    """The key as its owner gives it now, for a signature that did not fit: it may have been changed since we read it.

    None when it can't be had, or was read again within the last minute, or its host was asked too often: each forgery
    would make us ask. Who comes while it is being read shares the answer.
    """
    now, question = site.clock(), f"key {key_id}"
    if question not in site.questions.running and not (
        # By its hash: an id may be two thousand characters long.
        site.rotations.allow(f"key {hash(key_id)}", *_ROTATED, now)
        and site.rotations.allow(host_of(key_id), *ROTATIONS, now)
    ):
        return None
    try:
        return await key(site, key_id, fresh=True)
    except FederationError:
        return None


async def _fetch_key(site: Site, key_id: str, about: str | None) -> PublicKey:
    address = key_id.partition("#")[0]
    if site.is_local(address):
        raise WrongOrigin(f"{key_id} is a key of this instance, which does not write to itself")
    await permitted(site, host_of(address), about)
    try:
        document = first = (await site.client.get_document(address, await instance_key(site))).document
        owner = owner_of_key(document, key_id)
        if owner is None:
            raise WrongOrigin(f"{key_id} does not say whose key it is")
        if owner != wire.id_of(document):
            # GoToSocial serves a key at an address of its own, with a stub of its owner.
            document = (await site.client.get_document(owner, await instance_key(site))).document
        await keep_actor(site, document, about)
        site.forget_public_key(key_id)  # also when it is the actor's IRI, under which no key is kept
    except (WrongOrigin, BadSignature):
        raise
    except FederationError as problem:
        text = f"{key_id} can't be had: {problem.text}"
        # What its server answered us is no answer to whoever writes to us: a 410 would say that we are gone.
        raise (KeyUnavailable(text) if problem.retry else BadSignature(text, code="no-key")) from problem
    found = await site.db.read(lambda tx: site.public_key(tx, key_id))
    if found is None and key_id in wire.ids(document.get("publicKey")) and first is not document:
        # The owner names its key by id only; the document of the key has it.
        found = await _keep_key(site, key_id, owner, first)
    if found is None:
        raise WrongOrigin(f"the owner of {key_id} does not list it")
    return found


async def _keep_key(site: Site, key_id: str, owner: str, document: dict[str, Any]) -> PublicKey | None:
    public = wire.string(document.get("publicKeyPem")) or wire.string(document.get("publicKeyMultibase"))
    if public is None:
        return None
    now = site.clock()
    load_public(public, key_id, owner)  # raises when it is none
    await site.db.write(lambda tx: keys.save(tx, Key(key_id, owner, host_of(key_id), public, None, now, now)))
    return await site.db.read(lambda tx: site.public_key(tx, key_id))
