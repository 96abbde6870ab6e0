"""Three universities in one process, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedi.worker import auditing
from tests.conftest import KINDS, Databases
from tests.world import Instance, World, close, instance


@dataclass(slots=True)
class Three:
    """The network and the three universities in it."""

    world: World
    alpha: Instance
    beta: Instance
    gamma: Instance

    @property
    def all(self) -> tuple[Instance, Instance, Instance]:
        """The three."""
        return self.alpha, self.beta, self.gamma


@pytest.fixture(params=KINDS)
async def three(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[Three]:
    """Three fresh instances that know nothing of each other."""
    world = World()
    urls = [databases.new(request.param) for _ in range(3)]
    names = ("alpha.example", "beta.example", "gamma.example")
    made = [await instance(world, name, url, tmp_path) for name, url in zip(names, urls, strict=True)]
    yield Three(world, *made)
    for one in made:
        # Whatever the story was: each decision of it, made again by somebody who remembers nothing, is the one that was made.
        one.site.policies.compiled.clear()
        one.site.policies.scopes.clear()
        for found in await auditing.verify(one.site, 10_000):
            assert (found.same, found.lost, found.differing) == (found.checked, 0, [])
    await close(*made)
    for url in urls:
        databases.drop(url)
