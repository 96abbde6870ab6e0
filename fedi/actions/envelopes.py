"""Envelopes: keep what was decided upon for some days, so that another policy can be tried on it; and forget it again.

Who decides hands over a batch at once, which is one row. A job joins small rows into large ones, counts what each rule did,
and forgets what is old, too much, or of an actor whose traces are to go.
"""

from collections.abc import Sequence

from federation.envelopes import envelope, packed
from federation.facts import Facts
from federation.policy import Decision
from fedi.context import Site
from storage import envelopes
from storage.envelopes import Chunk
from storage.metadata import Tx


def keep(tx: Tx, site: Site, several: Sequence[tuple[Facts, Decision]]) -> None:
    """Keep what was decided upon these facts, as one row; nothing where the setting `policy.keep_days` is 0."""
    if not several or site.config.policy.keep_days == 0:
        return
    made = [envelope(facts, decision) for facts, decision in several]
    times = [facts.at for facts, _ in several]
    envelopes.insert(tx, Chunk(site.new_id(), min(times), max(times), len(made), packed(made)))


def erase(tx: Tx, site: Site, iri: str) -> None:
    """Forget what was kept of an actor, with the job's next turn, within an hour."""
    if site.config.policy.keep_days != 0:
        envelopes.ask_to_erase(tx, iri, site.clock())
