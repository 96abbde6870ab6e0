"""ID tokens of OpenID providers (OpenID Connect Core 1.0, section 3.1.3.7): whether what one says is meant for us, now. Pure."""

from federation.errors import BadSignature
from federation.fields import Json
from federation.signatures import jws

LARGEST = 64 * 1024
SKEW = 120
"""Seconds by which clocks may differ."""


def verify(token: str, keys: list[Json], *, issuer: str, client_id: str, nonce: str, now: int) -> Json:
    """The claims of an ID token; `now` in seconds since 1970.

    Raises TooLarge, Malformed, or BadSignature: code `wrong-key` when none of `keys` made it (they may have changed),
    `claims` when it is not for us or not for now.
    """
    claims = jws.verify(token.encode("ascii", "replace"), keys, None, limit=LARGEST)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, made = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    subject = claims.get("sub")
    wrong = (
        "its issuer is another one"
        if claims.get("iss") != issuer
        else "it is meant for another client"
        if client_id not in audiences or (len(audiences) > 1 and claims.get("azp") != client_id)
        else "it is meant for another client"
        if claims.get("azp") not in (None, client_id)
        else "it is over"
        if expires is None or expires <= now - SKEW
        else "it comes from the future"
        if made is None or made > now + SKEW
        else "it answers another question"
        if claims.get("nonce") != nonce
        else "it says nobody"
        if not isinstance(subject, str) or not 0 < len(subject) <= 255
        else None
    )
    if wrong is not None:
        raise BadSignature(wrong, code="claims")
    return claims


def _seconds(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
