"""Explain: what was decided upon an activity, or is decided upon a host, by which rules, and whether deciding it again under the
version of then gives the same answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from federation.errors import FederationError
from federation.hosts import normal_host
from federation.policy.decide import Decision, Policy, Step, Verdict, decide, explain
from federation.policy.envelopes import BadEnvelopes, Envelope, plain, unpacked_facts
from federation.policy.facts import Facts
from fedi import policy as policies_in_force
from fedi.actions import policies as versions
from fedi.actions.envelopes import readable
from fedi.context import Site
from fedi.errors import Invalid
from fedi.facts import Known
from storage import decisions, envelopes
from storage.decisions import DecisionRow
from storage.envelopes import Chunk
from storage.metadata import Tx

MOST = 50
"""Decisions that are explained at once."""
_PAGE = 40
_DIFFERING = 20


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given."""

    verdict: str
    code: str
    rule: str | None
    effects: tuple[str, ...]
    policy: int
    text: str | None = None
    """In words, where they were kept."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision: by which facts, the answer that was given (None: nobody asked yet), the answer now that the same version
    is asked again with its trace, and who is answerable for that version."""

    facts: Facts
    given: Given | None
    again: Decision
    steps: tuple[Step, ...]
    author: str
    approvers: tuple[str, ...]
    decision_id: int | None = None
    known: bool = True
    """Whether the facts were kept. If not, the answer can't be given again: it was the peer's (which told us why it does not take
    what we sent), or what it was given by was erased."""

    @property
    def same(self) -> bool:
        """Whether asking again gives the answer that was given."""
        return self.given is None or matches(self.given, self.again)


@dataclass(slots=True)
class Verified:
    """How many decisions were made again, and how many gave the same answer. `lost`: their version or their facts are gone."""

    checked: int = 0
    same: int = 0
    lost: int = 0
    differing: list[tuple[Given, Decision, Facts]] = field(default_factory=list)

    def put(self, other: "Verified") -> None:
        """Count what another counted too."""
        self.checked += other.checked
        self.same += other.same
        self.lost += other.lost
        self.differing = [*self.differing, *other.differing][:_DIFFERING]


def matches(given: Given, again: Decision) -> bool:
    """Whether an answer is the one that was given."""
    return (
        given.verdict == again.verdict.value
        and given.code == again.code
        and given.rule == again.rule
        and given.effects == again.effects
    )


def explained(tx: Tx, site: Site, wanted: str) -> list[Explained]:
    """What was decided upon an activity (by its id, or the id of its object), newest first; of a host what was decided last,
    and before that what a public post from there would meet now. Empty when nothing is known (any more).

    Raises Invalid for what is neither an id nor a host."""
    if "://" not in wanted:
        try:
            host = normal_host(wanted)
        except FederationError as problem:
            raise Invalid(f"{wanted!r} is neither the id of something nor a host: {problem.text}") from problem
        return [expected(tx, site, host), *of_host(tx, site, host)]
    found = [_of_row(tx, site, row) for row in decisions.about(tx, wanted, MOST)]
    known = {(one.facts.direction, one.facts.host, one.facts.at) for one in found}
    for one in _kept(tx, wanted):
        if (one.facts.direction, one.facts.host, one.facts.at) not in known and len(found) < MOST:
            found.append(_made(tx, site, one.facts, _given(one)))
    return sorted(found, key=lambda one: -one.facts.at)


def of_host(tx: Tx, site: Site, host: str, limit: int = 10) -> list[Explained]:
    """The newest decisions about a host, of those that are not simply acceptance."""
    return [_of_row(tx, site, row) for row in decisions.newest(tx, limit, host)]


def expected(tx: Tx, site: Site, host: str) -> Explained:
    """What a public post from a host would meet now, if nothing else were known of it."""
    bare = Known(tx, site).host("in", host, activity="Create")
    facts = structs.replace(bare, object="Note", visibility="public", author_host=host)
    return _made(tx, site, facts, None)


def verify_rows(tx: Tx, site: Site, limit: int, before: int | None = None) -> tuple[Verified, int | None]:
    """Make the newest decisions again that are kept as rows, older than the id `before` if given; and the id to go on from."""
    rows = decisions.with_facts(tx, limit, before=before)
    found = Verified()
    for row, facts in _rows(rows):
        _verify(tx, site, found, _given_by(row), facts)
    found.lost += len(rows) - found.checked - found.lost
    return found, rows[-1].id if len(rows) == limit else None


def verify_chunks(tx: Tx, site: Site, ids: Sequence[int], most: int) -> Verified:
    """Make the newest decisions again whose envelopes are in these rows."""
    found = Verified()
    for chunk in reversed(envelopes.these(tx, list(ids))):
        for one in reversed(readable(chunk)):
            if found.checked + found.lost >= most:
                return found
            _verify(tx, site, found, _given(one), one.facts)
    return found


def newest_chunks(tx: Tx, most: int) -> list[list[int]]:
    """Pages of rows that hold the newest `most` envelopes, newest first."""
    fresh = envelopes.fresh_ids(tx)
    ids = [*reversed(fresh)]
    held = len(fresh)  # each holds one at least
    for chunk_id, count in reversed(envelopes.listed(tx, 0)):
        if held >= most:
            break
        ids.append(chunk_id)
        held += count
    return [ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)]


def _verify(tx: Tx, site: Site, found: Verified, given: Given, facts: Facts) -> None:
    policy = _version(tx, site, given.policy, facts)
    if policy is None:
        found.lost += 1
        return
    found.checked += 1
    again = decide(policy, facts)
    if matches(given, again):
        found.same += 1
    elif len(found.differing) < _DIFFERING:
        found.differing.append((given, again, facts))


def _version(tx: Tx, site: Site, number: int, facts: Facts) -> Policy | None:
    """The policy of then, with what the agreement of then opens."""
    try:
        policy = policies_in_force.of_version(tx, site, number)
    except LookupError:
        return None
    if facts.agreement is not None:
        policies_in_force.scopes(tx, site, {facts.agreement})
    return policy


def _made(tx: Tx, site: Site, facts: Facts, given: Given | None, decision_id: int | None = None) -> Explained:
    number = policies_in_force.current(tx, site).version if given is None else given.policy
    policy = _version(tx, site, number, facts)
    if policy is None:
        number, policy = 0, Policy()
    row = versions.version(tx, number)
    return Explained(
        facts,
        given,
        decide(policy, facts),
        explain(policy, facts),
        row.author,
        tuple(versions.approvers(row)),
        decision_id,
    )


def _of_row(tx: Tx, site: Site, row: DecisionRow) -> Explained:
    given = _given_by(row)
    for _, facts in _rows([row]):
        return _made(tx, site, facts, given, row.id)
    facts = Facts(row.created_at, row.direction, row.host, row.type or "", None, row.activity_id, None, row.actor)  # type: ignore[arg-type]  # one of the directions
    said = Decision(Verdict(row.verdict), row.code, row.reason, row.policy, row.rule, given.effects)
    return Explained(facts, given, said, (), "", (), row.id, known=False)


def _rows(rows: Sequence[DecisionRow]) -> Iterator[tuple[DecisionRow, Facts]]:
    for row in rows:
        if row.facts is not None:
            try:
                yield row, unpacked_facts(row.facts)
            except BadEnvelopes:
                continue


def _given_by(row: DecisionRow) -> Given:
    return Given(row.verdict, row.code, row.rule, tuple(row.effects or ()), row.policy, row.reason)


def _given(one: Envelope) -> Given:
    return Given(one.verdict, one.code, one.rule, one.effects, one.policy)


def _kept(tx: Tx, wanted: str) -> Iterator[Envelope]:
    """Envelopes of an activity, newest first: pages are searched as bytes before anything is read."""
    sought = wanted.encode()
    ids = [*reversed(envelopes.fresh_ids(tx)), *(chunk for chunk, _ in reversed(envelopes.listed(tx, 0)))]
    for at in range(0, len(ids), _PAGE):
        for chunk in reversed(envelopes.these(tx, ids[at : at + _PAGE])):
            if _holds(chunk, sought):
                for one in reversed(readable(chunk)):
                    if wanted in (one.facts.activity_id, one.facts.object_id):
                        yield one


def _holds(chunk: Chunk, sought: bytes) -> bool:
    try:
        return sought in plain(chunk.body)
    except BadEnvelopes:
        return False
