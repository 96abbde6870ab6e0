"""The job `part`: end what is left between a person and a domain that they block, some at a time."""

from typing import Any

from fedi.actions import domain_blocks
from fedi.context import Site
from storage import actors
from storage.metadata import Tx


async def part(site: Site, payload: dict[str, Any]) -> None:
    """End the follows between the person `person` (IRI) and the host `domain`, as long as it is blocked."""
    iri, domain = str(payload["person"]), str(payload["domain"])

    def unit(tx: Tx) -> bool:
        person = actors.by_iri(tx, iri)
        return person is not None and domain_blocks.part(tx, site, person, domain)

    while await site.db.write(unit):
        pass
