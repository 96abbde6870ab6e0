"""The other side of the tests with faults: a server with as many hosts as one names, which signs what it sends."""

from collections.abc import Iterator

import pytest

from tests.attacks.hostile import Hostile


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    """The other side."""
    made = Hostile()
    yield made
    made.close()
