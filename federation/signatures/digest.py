"""Digests."""

def digest(body: bytes) -> str:
    """Value of the Digest header."""
    raise NotImplementedError

def content_digest(body: bytes) -> str:
    raise NotImplementedError
