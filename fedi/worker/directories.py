"""The jobs `directory`, which reads one directory of institutions, and `directories`, which asks for those that are due and
signs anew what this instance publishes."""

import logging
from typing import Any

from federation.errors import FederationError
from fedi.actions import directories, own_directory
from fedi.context import Site
from fedi.fetching import directories as fetching
from storage import directories as rows
from storage.metadata import Tx

log = logging.getLogger(__name__)


async def read_directory(site: Site, payload: dict[str, Any]) -> None:
    """Read a directory; a refusal is kept with its reason, and it is asked again in an hour."""
    directory_id = int(payload["id"])
    row = await site.db.read(lambda tx: rows.by_id(tx, directory_id))
    if row is None:
        return
    try:
        found = await fetching.directory(site, row)
    except FederationError as problem:
        log.warning("the directory %s is not believed: %s", row.url, problem.text)
        refused = problem
        await site.db.write(lambda tx: directories.failed(tx, site, directory_id, refused))
        return
    await site.db.write(
        lambda tx: directories.believed(tx, site, directory_id, found.directory, found.etag, found.digest)
    )


async def look_after(site: Site, payload: dict[str, Any]) -> None:
    """Ask for the readings that are due, and sign what is published here anew when it is a day old."""

    def unit(tx: Tx) -> None:
        for row in directories.due(tx, site.clock()):
            directories.ask(tx, site, row)
        own_directory.sign_again(tx, site)

    await site.db.write(unit)
