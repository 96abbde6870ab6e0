"""Envelopes: keep what was decided upon for some days, so that another policy can be tried on it; and forget it again.

Who decides hands over a batch at once, which is one row. The job `envelopes` joins small rows into large ones, counts what
each rule did, and forgets what is old, too much, or of an actor whose traces are to go.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from federation.policy.decide import Decision
from federation.policy.envelopes import (
    BadEnvelopes,
    Envelope,
    concerns,
    envelope,
    packed,
    squeezed,
    unpacked,
    unpacked_facts,
)
from federation.policy.facts import Facts
from federation.policy.replay import DEFAULT
from fedi.context import Site
from storage import decisions, envelopes, held, rule_counts
from storage.envelopes import Chunk
from storage.metadata import Tx

log = logging.getLogger(__name__)

DAY = 24 * 3600 * 1000
MOST = 2_000_000
"""Envelopes that are kept, however long ago they were."""
TOGETHER = 2_000
"""Envelopes in a row that was joined."""
_BYTES = 8 << 20
_ENOUGH = 1_000
"""Envelopes in small rows from which on these are joined."""
_WAITS = 3600 * 1000
"""Ms after which they are joined even if they are fewer."""
_ROWS = 400
_ERASED = 10_000
"""Actors that are erased in one turn."""


def keep(tx: Tx, site: Site, several: Sequence[tuple[Facts, Decision]]) -> None:
    """Keep what was decided upon these facts, as one row; nothing where the setting `policy.keep_days` is 0."""
    if not several or site.config.policy.keep_days == 0:
        return
    made = [envelope(facts, decision) for facts, decision in several]
    times = [facts.at for facts, _ in several]
    envelopes.insert(tx, Chunk(site.new_id(), min(times), max(times), len(made), packed(made)))


def keep_with_others(tx: Tx, site: Site, facts: Facts, decision: Decision) -> None:
    """`keep` of one, with others of this transaction, when all else of it is written: for what is decided far below whoever has
    the batch."""
    holds = held.behind(tx)
    if holds is None:
        keep(tx, site, [(facts, decision)])
    else:
        holds.last(_keep_all, (site, facts, decision), "envelopes")


def _keep_all(tx: Tx, several: list[tuple[Site, Facts, Decision]]) -> None:
    keep(tx, several[0][0], [(facts, decision) for _, facts, decision in several])


def erase(tx: Tx, site: Site, iri: str) -> None:
    """Forget what was kept of an actor, or of what is at this id, with the job's next turn: within the hour."""
    envelopes.ask_to_erase(tx, iri, site.clock())


def join(tx: Tx, site: Site) -> bool:
    """Join small rows, and count what rules did; whether there is more to join."""
    envelopes.lock(tx)
    small = envelopes.fresh(tx, _ROWS)
    if not small or (
        sum(row.count for row in small) < _ENOUGH and len(small) < _ROWS and small[0].last_at > site.surely() - _WAITS
    ):
        return False
    found = [one for row in small for one in readable(row)]
    found.sort(key=lambda one: one.facts.at)
    rule_counts.add(tx, counts(found))
    oldest = _oldest(site)
    found = [one for one in found if one.facts.at >= oldest]
    for part in _parts(found):
        first, last = part[0].facts.at, part[-1].facts.at
        envelopes.insert(tx, Chunk(site.new_id(), first, last, len(part), squeezed(part), joined=True))
    envelopes.drop(tx, [row.id for row in small])
    return len(small) == _ROWS


def _parts(several: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """As many together as are a row, and no more bytes than are easily unpacked."""
    part: list[Envelope] = []
    size = 0
    for one in several:
        part.append(one)
        size += 2_000 + 4 * len(one.facts.text)
        if len(part) == TOGETHER or size > _BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def readable(row: Chunk) -> list[Envelope]:
    """The envelopes in a row; none, and a line in the log, when it can't be read: nothing else is to wait for it."""
    try:
        return unpacked(row.body)
    except BadEnvelopes as problem:
        log.error("the envelopes in the row %d can't be read: %s", row.id, problem)
        return []


def counts(several: Iterable[Envelope]) -> Counter[tuple[int, int, str, str]]:
    """How often each rule did what, by (day since 1970, version, rule, what it did)."""
    found: Counter[tuple[int, int, str, str]] = Counter()
    for one in several:
        day = one.facts.at // DAY
        for rule, did in done(one):
            found[day, one.policy, rule, did] += 1
    return found


def done(one: Envelope) -> Iterator[tuple[str, str]]:
    """(rule, what it did) for each rule that had a part in a decision: the one that decided gave the verdict, others changed
    something, and those that are only tried would have done something. Where no rule decided, `default` did."""
    yield (one.rule or DEFAULT, one.verdict)
    for rule in one.because:
        if rule != one.rule:
            yield rule, "changed"
    for rule, would in one.observed:
        yield rule, f"would {would}"


def forget(tx: Tx, site: Site) -> int:
    """Forget what is older than the setting `policy.keep_days` says, and what is too much; how many rows that were."""
    gone = envelopes.forget(tx, _oldest(site))
    over = envelopes.total(tx) - MOST
    while over > 0:
        oldest = envelopes.oldest(tx, 100)
        ids = []
        for chunk_id, count in oldest:
            if over <= 0:
                break
            ids.append(chunk_id)
            over -= count
        if not ids:
            break
        gone += envelopes.drop(tx, ids)
    return gone


def _oldest(site: Site) -> int:
    return site.surely() - site.config.policy.keep_days * DAY


def to_erase(tx: Tx, at: int) -> list[str]:
    """Actors (and ids) of whom what was kept is to go: none before the first of them was noted until `at` ms, so that one
    walk does for several."""
    noted = envelopes.to_erase(tx, _ERASED)
    return [iri for iri, _ in noted] if noted and noted[0][1] <= at else []


def erase_in_chunks(tx: Tx, ids: list[int], iris: frozenset[str]) -> int:
    """Forget envelopes of these actors in these rows; how many that were."""
    envelopes.lock(tx)
    gone = 0
    for row in envelopes.these(tx, ids):
        whole = readable(row)
        left = [one for one in whole if not concerns(one.facts, iris)]
        if len(left) < row.count:  # also where nothing can be read: who knows whom it is about
            envelopes.replace(tx, row.id, len(left), squeezed(left) if row.joined else packed(left))
            gone += len(whole) - len(left)
    return gone


def chunks_with(tx: Tx, ids: list[int], iris: frozenset[str]) -> list[int]:
    """Those of these rows that hold an envelope of one of these actors."""
    rows = envelopes.these(tx, ids)
    return [
        row.id for row in rows if not (several := readable(row)) or any(concerns(one.facts, iris) for one in several)
    ]


def decisions_with(tx: Tx, before: int | None, iris: frozenset[str]) -> tuple[list[int], int | None]:
    """Of the next thousand decisions, older than the id `before`: (those with facts about one of these actors, the id to go on
    from; None: these were the last)."""
    rows = decisions.with_facts(tx, 1000, before=before)
    found = [row.id for row in rows if row.facts is not None and concerns(unpacked_facts(row.facts), iris)]
    return found, rows[-1].id if len(rows) == 1000 else None
