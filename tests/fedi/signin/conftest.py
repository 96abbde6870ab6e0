"""The instance and the browser of the tests of pages."""

from tests.fedi.web.conftest import ada, as_ada, browser, bruno, campus, database_url, filled, hashed, with_settings

__all__ = ["ada", "as_ada", "browser", "bruno", "campus", "database_url", "filled", "hashed", "with_settings"]
