"""Links in mails that work without a log-in: what they are for and for whom is signed, so that nobody can make one.

The key is derived (HKDF) from the private key of Web Push, which lives as long as the database. A link does one small thing and
can be used again; what it does is asked for by POST alone, since whatever checks mails for viruses follows links.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedi.context import Site
from fedi.push import keys
from storage.metadata import Tx


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link does (`purpose`), for which person, `about` what (an id or a time), and until when (ms; 0: for ever)."""

    purpose: str
    person_id: int
    about: int = 0
    until: int = 0


def sign(tx: Tx, site: Site, link: Link) -> str:
    """The token of a link: letters, digits, `-`, `_` and a dot. Raises LookupError where there is no key."""
    body = msgspec.json.encode(link)
    return f"{_encoded(body)}.{_encoded(_mac(tx, site, body))}"


def read(tx: Tx, site: Site, token: str, purpose: str) -> Link | None:
    """What a token says, if it was made here for this purpose and its time is not over; else None."""
    said, _, mac = token.partition(".")
    try:
        body, given = _decoded(said), _decoded(mac)
        if len(token) > 500 or not hmac.compare_digest(given, _mac(tx, site, body)):
            return None
        link = msgspec.json.decode(body, type=Link)
    except (ValueError, LookupError, binascii.Error, msgspec.MsgspecError):
        return None
    return link if link.purpose == purpose and (not link.until or link.until > site.clock()) else None


def _mac(tx: Tx, site: Site, body: bytes) -> bytes:
    private = keys.private(tx, site).private_numbers().private_value.to_bytes(32, "big")
    key = HKDF(SHA256(), 32, None, b"fedi: links in mails").derive(private)
    return hmac.digest(key, body, hashlib.sha256)[:20]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
