"""Signing requests. `now` in ms."""
from federation.signatures.keys import PrivateKey

def sign_post(key: PrivateKey, url: str, body: bytes, now: int, digest: str | None = None) -> dict[str, str]:
    raise NotImplementedError

def sign_get(key: PrivateKey, url: str, now: int, accept: str | None = None) -> dict[str, str]:
    raise NotImplementedError

def sign_post_rfc9421(key: PrivateKey, url: str, body: bytes, now: int) -> dict[str, str]:
    raise NotImplementedError

def sign_get_rfc9421(key: PrivateKey, url: str, now: int) -> dict[str, str]:
    raise NotImplementedError
