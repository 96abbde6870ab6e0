"""What `fedi doctor` says of agreements: who waits for an answer, which signature waits for its key to be confirmed, and whether the
evidence is whole."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_LOOKED_AT = 500


def of_agreements(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """A finding for each institution that waits for us, for what waits for a key, and for each agreement whose events are not as
    they were written."""
    from fedi.actions import peers as acts
    from storage import agreement_events, agreements

    rows = agreements.in_state(tx, "offered", "review", *agreements.IN_FORCE)[:_LOOKED_AT]
    for row in rows:
        if row.state in ("offered", "review") and not row.ours:
            text = f"{row.host} waits for an answer: «fedi peer compare {row.host}», then sign or refuse"
            yield Finding("look", "agreements", text)
        elif row.state == "review" and len(row.proofs) > 1 and not row.trusted:
            text = f"{row.host} has signed; compare its fingerprint: «fedi peer sign {row.host} --fingerprint …»"
            yield Finding("look", "agreements", text)
    for actor in acts.requests(tx, site):
        text = f"{actor.host} asks to follow this instance: «fedi peer agree-alone {actor.host}», or refuse"
        yield Finding("look", "agreements", text)
    for row in rows:
        broken = agreement_events.broken(agreement_events.of_agreement(tx, row.id))
        if broken is not None:
            text = (
                f"the events of version {row.version} with {row.host} are not as they were written, from {broken.id} on"
            )
            yield Finding(
                "broken", "agreements", f"{text}; somebody wrote into the database by hand: compare it with a backup"
            )
