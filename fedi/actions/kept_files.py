"""A file that came and waits in a form until somebody says what it is: a token says whose it is, so that nobody adds bytes by
a digest that they merely heard of.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedi.actions.shelving import FileOf
from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import _
from fedi.push import keys
from storage import library
from storage.metadata import Tx


def token(tx: Tx, site: Site, person_id: int, digest: str) -> str:
    """What a form has instead of a file that this person sent."""
    return f"{digest}.{_mac(tx, site, person_id, digest)}"


def redeem(tx: Tx, site: Site, person_id: int, said: str, name: str) -> FileOf:
    """The file of a token. Raises Invalid for another's, and for a file that was waited for too long."""
    digest, _dot, mac = said.partition(".")
    known = library.file(tx, digest) if len(digest) == 64 else None
    right = hmac.compare_digest(mac.encode(), _mac(tx, site, person_id, digest).encode())
    if known is None or not right:
        raise Invalid(_("The file is not here any more; choose it once more."), code="file")
    return FileOf(known.digest, known.media_type, name, known.size)


def _mac(tx: Tx, site: Site, person_id: int, digest: str) -> str:
    private = keys.private(tx, site).private_numbers().private_value.to_bytes(32, "big")
    key = HKDF(SHA256(), 32, None, b"fedi: files that wait").derive(private)
    return hmac.digest(key, f"{person_id} {digest}".encode(), hashlib.sha256).hex()[:40]
