"""Sequence numbers of what agreed peers sent, noted where it is stored (`federation.peering.sequence`)."""

import contextlib
from collections.abc import Sequence

from federation.errors import FederationError
from federation.peering.sequence import Arrived, all_heard, read_header
from fedi.context import Site
from storage import peers, sequences
from storage.metadata import Tx
from storage.sequences import Heard


def heard(tx: Tx, site: Site, several: Sequence[tuple[str, str]]) -> None:
    """Note what agreed peers said of the numbers of what came: (host, value of the header), in the order of arrival. What others
    say, and what can't be read, is passed over."""
    told: dict[str, list[tuple[int, int]]] = {}
    for host, value in several:
        with contextlib.suppress(FederationError):
            told.setdefault(host, []).append(read_header(value))
    stances = peers.stances(tx, sorted(told))
    counting = [host for host in sorted(told) if stances.get(host) in ("agreed", "suspended")]
    if not counting:
        return
    now = site.clock()
    known = sequences.locked(tx, counting)
    for host in counting:
        row = known.get(host)
        before = Arrived(row.epoch, row.last, tuple((one[0], one[1], one[2]) for one in row.gaps)) if row else None
        found = all_heard(before, told[host], now)
        if found is not None:
            gaps = [list(gap) for gap in found.gaps]
            sequences.save_heard(tx, Heard(host, found.epoch, found.last, now, gaps))
