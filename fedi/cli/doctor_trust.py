"""What `fedi doctor` says of trials of peers and of directories of institutions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_DAY = 24 * 3600 * 1000


def of_trust(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Peers that failed when they were tried, or were never tried through; directories that are not believed any more."""
    from fedi.actions import directories, probes
    from storage import peers, publications

    tried = [peer for peer in peers.with_stance(tx, ("agreed",)) if not peer.one_sided]
    verdicts = {peer.host: probes.state(tx, peer.host) for peer in tried}
    for host, state in verdicts.items():
        if state.verdict == "failed":
            failed = [row for row in state.rows if row.verdict == "failed"]
            told = "; ".join(f"{row.check}: {row.text}" for row in failed)
            yield Finding("look", "probes", f"{host} failed when it was tried, and gets only what is public: {told}")
    passed = sum(state.verdict == "passed" for state in verdicts.values())
    if tried and passed == len(tried):
        yield Finding("fine", "probes", f"{passed} agreed peers keep what they signed, as far as it can be tried")
    now = site.clock()
    for one in directories.listed(tx, site):
        if one.problem is not None:
            holds = "what was read before holds" if one.holds else "it confirms no key any more"
            yield Finding("look", "directories", f"{one.row.url}: {one.problem} ({holds}); see deploy/directory.md")
        elif one.row.expires_at is not None and one.row.expires_at - now < _DAY:
            yield Finding("look", "directories", f"{one.row.url} ends within a day, and no newer one came")
    published = publications.find(tx)
    if published is not None and published.expires_at - now < 3 * _DAY:
        yield Finding("look", "directories", "what this instance publishes ends soon: does «fedi worker» run?")
