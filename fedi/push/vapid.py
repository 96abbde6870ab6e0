"""How a push service knows that it is this server that sends (RFC 8292), and its first draft beside the legacy encryption.

Pure: a key, an endpoint and a time in; headers out.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from federation.hosts import split_iri
from fedi.push.encrypting import encode, point_of

LIFE = 12 * 3600
"""Seconds that a token is good for; 24 hours are the most (RFC 8292 section 2)."""


def token(key: ec.EllipticCurvePrivateKey, endpoint: str, subject: str, now: int) -> str:
    """The signed JWT for the origin of `endpoint`; `subject` is a mailto: or https: address, `now` in seconds."""
    scheme, authority, _ = split_iri(endpoint)
    head = encode(msgspec.json.encode({"typ": "JWT", "alg": "ES256"}))
    claims = encode(msgspec.json.encode({"aud": f"{scheme}://{authority}", "exp": now + LIFE, "sub": subject}))
    signed = f"{head}.{claims}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def headers(
    key: ec.EllipticCurvePrivateKey, endpoint: str, subject: str, now: int, *, legacy: bool = False
) -> dict[str, str]:
    """The headers that say who sends; with `legacy`, `crypto-key` is to be joined to that of the message."""
    jwt, public = token(key, endpoint, subject, now), encode(point_of(key))
    if legacy:
        return {"authorization": f"WebPush {jwt}", "crypto-key": f"p256ecdsa={public}"}
    return {"authorization": f"vapid t={jwt},k={public}"}
