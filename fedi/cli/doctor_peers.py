"""What `fedi doctor` says of peerings: those that are not as they should be, the worst first, each with what to look at."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_TOLD = 10
_LOOKED_AT = 300


def of_peerings(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """A finding for each peering that is red or yellow, and one for how many there are."""
    from fedi import health
    from storage import peers

    everyone = peers.with_stance(tx, ["agreed", "suspended"])[:_LOOKED_AT]
    found = [one for one in (health.of_peer(tx, site, peer.host) for peer in everyone) if one is not None]
    bad = sorted((one for one in found if one.colour in ("red", "yellow")), key=lambda one: (one.colour, one.host))
    for one in bad[:_TOLD]:
        yield Finding("look", "peering", f"{one.host}: {'; '.join(one.words)}; «fedi peer health {one.host}»")
    if found and len(bad) > _TOLD:
        yield Finding("look", "peering", f"{len(bad) - _TOLD} more peerings want a look; «fedi peer list»")
    if found and not bad:
        yield Finding("fine", "peering", f"{len(found)} peerings are well")
