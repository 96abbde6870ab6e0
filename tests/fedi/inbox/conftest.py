"""One instance and a peer that it has never met."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.world import Instance, Peer, World, close, instance


@pytest.fixture
def world() -> World:
    """The network."""
    return World()


@pytest.fixture
async def alpha(world: World, databases: Databases, tmp_path: Path) -> AsyncIterator[Instance]:
    """An instance on SQLite."""
    url = databases.new("sqlite")
    made = await instance(world, "alpha.example", url, tmp_path)
    yield made
    await close(made)
    databases.drop(url)


@pytest.fixture
def peer(world: World) -> Peer:
    """A server that runs something else."""
    return Peer(world, "peer.example", "mastodon")
