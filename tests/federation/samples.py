"""Recorded JSON of peers (tests/peers) and keys for the tests of the protocol."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from federation.signatures.keys import (
    KeyPair,
    PrivateKey,
    PublicKey,
    generate_ed25519,
    generate_rsa,
    load_private,
    load_public,
)

PEERS = Path(__file__).parents[1] / "peers"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
"""The whole collection of peers' JSON beside the checkout, where it is there; see tests/peers/SOURCES.md."""

NOW = 1_700_000_000_000
"""2023-11-14T22:13:20Z in ms."""
ALICE = "https://alpha.example/people/alice"
ALICE_KEY = f"{ALICE}#main-key"


def raw(name: str) -> bytes:
    """The bytes of a file in tests/peers."""
    return (PEERS / name).read_bytes()


def peer(name: str) -> Any:
    """A file in tests/peers, decoded."""
    return json.loads(raw(name))


@cache
def rsa() -> KeyPair:
    """An RSA key for all tests, as making one takes long."""
    return generate_rsa()


@cache
def ed25519() -> KeyPair:
    """An Ed25519 key for all tests."""
    return generate_ed25519()


def private(key_id: str = ALICE_KEY) -> PrivateKey:
    """The RSA key, to sign with."""
    return load_private(rsa().private, key_id)


def public(key_id: str = ALICE_KEY, owner: str = ALICE) -> PublicKey:
    """The RSA key, to verify with."""
    return load_public(rsa().public, key_id, owner)
