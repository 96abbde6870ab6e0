"""The keys of Web Push: the instance's own pair, made once, and the seal on access tokens that apps get pushed.

The pair is a row of `storage.keys`, so it lives as long as the database and goes with its backups: browsers bind a
subscription to it, and would have to subscribe anew after a change. The message that apps get holds the access token
that they subscribed with (Mastodon's apps find the account by it), but tokens are kept as hashes only. So the
subscription keeps it encrypted with AES-256-GCM, under a key that is derived (HKDF) from the private half of the pair,
which is in another table, and bound to the row of its token: neither a dump of the subscriptions alone nor a sealed text
put into another row gives a token that works.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedi.context import Site
from fedi.push.encrypting import BadKey, decode, encode, point_of
from storage import keys
from storage.keys import Key
from storage.metadata import Tx

PATH = "/push#vapid"
"""What is behind the instance's origin in the id of the pair."""


def ensure(tx: Tx, site: Site) -> None:
    """Make the pair if there is none yet."""
    if keys.by_id(tx, site.iri(PATH)) is not None:
        return
    made = ec.generate_private_key(ec.SECP256R1())
    private = encode(made.private_numbers().private_value.to_bytes(32, "big"))
    owner = site.iri("/push")  # not the instance's actor, which federates with keys of its own
    keys.save(tx, Key(site.iri(PATH), owner, site.config.host, encode(point_of(made)), private, site.clock(), None))


def public(tx: Tx, site: Site) -> str:
    """The public key as browsers take it for `applicationServerKey`: base64url of 65 bytes; empty when there is none."""
    found = keys.by_id(tx, site.iri(PATH))
    return "" if found is None else found.public


def private(tx: Tx, site: Site) -> ec.EllipticCurvePrivateKey:
    """The private key. Raises LookupError when there is none."""
    return _load(_private(tx, site))


def _private(tx: Tx, site: Site) -> str:
    found = keys.by_id(tx, site.iri(PATH))
    if found is None or found.private is None:
        raise LookupError("this instance has no key for Web Push; the server makes one when it starts")
    return found.private


@lru_cache(8)
def _load(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())


@lru_cache(8)
def _cipher(text: str) -> AESGCM:
    derived = HKDF(SHA256(), 32, None, b"fedi: access tokens of push subscriptions").derive(decode(text))
    return AESGCM(derived)


def seal(tx: Tx, site: Site, token: str, token_id: int) -> str:
    """An access token as a subscription keeps it, for the row of this token only. Raises LookupError."""
    nonce = os.urandom(12)
    return encode(nonce + _cipher(_private(tx, site)).encrypt(nonce, token.encode(), str(token_id).encode()))


def unseal(tx: Tx, site: Site, sealed: str, token_id: int) -> str | None:
    """The access token of a subscription; None when it was sealed with another pair, or for another row."""
    try:
        raw = decode(sealed)
        return _cipher(_private(tx, site)).decrypt(raw[:12], raw[12:], str(token_id).encode()).decode()
    except (InvalidTag, BadKey, LookupError, ValueError):
        return None
