"""RSA keys and password hashes for the people of tests: making one takes longer than most tests do."""

from threading import Lock

import pytest
from argon2 import PasswordHasher

from federation.signatures.keys import KeyPair, generate_rsa
from fedi.actions import canaries, people


class _Ring:
    """Keys that a test takes one after the other, and the next test again from the first."""

    def __init__(self) -> None:
        self.made: list[KeyPair] = []
        self.taken = 0
        self.lock = Lock()

    def __call__(self) -> KeyPair:
        with self.lock:
            if self.taken == len(self.made):
                self.made.append(generate_rsa())
            self.taken += 1
            return self.made[self.taken - 1]


QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes passwords in no time, for who guesses as well."""
key_pair = _Ring()
"""An RSA key that no other actor of this test has; actors of other tests have the same ones."""


@pytest.fixture(autouse=True)
def keys_made_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Actors get keys of the tests before. Fixtures that serve several tests come before this one and make their own."""
    key_pair.taken = 0
    monkeypatch.setattr(people, "generate_rsa", key_pair)
    monkeypatch.setattr(canaries, "generate_rsa", key_pair)


@pytest.fixture(autouse=True)
def passwords_hashed_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes of the same kind that take no 0.2 s of a core."""
    monkeypatch.setattr(people, "_hasher", QUICK)
