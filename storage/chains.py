"""Rows that are chained: each has the SHA-256 of what it says together with that of the row before it, so that none can be
changed, left out or put in between without all later ones showing it.
"""

import hashlib
from typing import Any

import rfc8785

START = "0" * 64
"""What stands for the row before the first."""


def link(before: str, body: dict[str, Any]) -> str:
    """The hash (hexadecimal) of a row that says `body` (JSON) and follows the row with the hash `before`."""
    return hashlib.sha256(before.encode() + rfc8785.dumps(body)).hexdigest()
