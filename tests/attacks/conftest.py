"""The fedi processes that are attacked, one for all tests of a file, and a hostile server beside each."""

from collections.abc import Iterator

import pytest

from tests.attacks.hostile import Hostile, Target, attacked


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A fedi process that takes all of loopback for the world."""
    with attacked(tmp_path_factory.mktemp("target") / "fedi") as made:
        yield made


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    """The hostile server, with as many hosts as one names."""
    made = Hostile()
    yield made
    made.close()
