"""Sequence numbers of what agreed peers sent, noted where it is stored (`federation.sequence`)."""

import contextlib
from collections.abc import Sequence

from federation.errors import FederationError
from federation.sequence import Arrived, read_header
from federation.sequence import heard as after
from fedi.context import Site
from storage import peers, sequences
from storage.metadata import Tx
from storage.sequences import Heard


def heard(tx: Tx, site: Site, several: Sequence[tuple[str, str]]) -> None:
    """Note what agreed peers said of the numbers of what came: (host, value of the header), in the order of arrival. What others
    say, and what can't be read, is passed over."""
    hosts = sorted({host for host, _ in several})
    stances = peers.stances(tx, hosts)
    counting = [host for host in hosts if stances.get(host) in ("agreed", "suspended")]
    if not counting:
        return
    now = site.clock()
    known = sequences.locked(tx, counting)
    for host in counting:
        before = known.get(host)
        found: Arrived | None = (
            Arrived(before.epoch, before.last, tuple((gap[0], gap[1], gap[2]) for gap in before.gaps))
            if before is not None
            else None
        )
        for other, value in several:
            if other == host:
                with contextlib.suppress(FederationError):
                    number, epoch = read_header(value)
                    found = after(found, number, epoch, now)
        if found is not None:
            gaps = [list(gap) for gap in found.gaps]
            sequences.save_heard(tx, Heard(host, found.epoch, found.last, now, gaps))
