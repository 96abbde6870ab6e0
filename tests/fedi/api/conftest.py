"""The same instance as for the client API, with a group."""

import pytest

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api, ada, api, ben

__all__ = ["ada", "api", "ben"]


@pytest.fixture
async def group(api: Api, ada: Actor) -> Actor:
    """A public group that ada founded."""
    return await api.group("mlops", ada)
