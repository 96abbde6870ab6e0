"""The instance and the browser of the tests of pages."""

import pytest

from fedi.signin import entering
from tests.fedi.web.conftest import ada, as_ada, browser, bruno, campus, database_url, filled, hashed, with_settings
from tests.keys import key_pair

__all__ = ["ada", "as_ada", "browser", "bruno", "campus", "database_url", "filled", "hashed", "with_settings"]


@pytest.fixture(autouse=True)
def _keys_made_before(keys_made_before: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For who signs up as well."""
    monkeypatch.setattr(entering, "generate_rsa", key_pair)
