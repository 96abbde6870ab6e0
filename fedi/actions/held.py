"""What the policy wants a person to decide: activities that came, and wait until somebody lets them in or turns them down."""

from federation.policy.decide import Decision, Verdict
from federation.policy.envelopes import BadEnvelopes, unpacked_facts
from fedi import policy
from fedi.actions import refusing
from fedi.context import Site
from fedi.errors import NotFound
from fedi.policy import Judged
from storage import audit, decisions, received
from storage.metadata import Tx
from storage.received import Received

CODE = "turned-down"
MAX_REASON = 500
_ROWS = 20


def waiting(tx: Tx, limit: int, *, before: int | None = None) -> list[Received]:
    """What waits for a decision, newest first; older than the row `before` if given."""
    return received.newest(tx, limit, state="held", max_id=before)


def release(tx: Tx, site: Site, who: str, row_id: int) -> Received:
    """Let an activity in: it is worked out soon, as if no rule wanted it held. What a rule refuses by now is still refused.

    The row as it was comes back. Raises NotFound when it is not held (any more).
    """
    row = _held(tx, row_id)
    if not received.let_in(tx, row_id, site.clock()):
        raise NotFound(_GONE.format(row_id))
    audit.add(tx, site.new_id(), site.clock(), who, "held.release", row.host, _about(row))
    return row


def refuse(tx: Tx, site: Site, who: str, row_id: int, reason: str = "") -> Received:
    """Turn an activity down for good; an agreed peer is told, with the reason. Raises NotFound when it is not held (any more)."""
    row = _held(tx, row_id)
    text = reason.strip()[:MAX_REASON] or "somebody looked at it here and did not take it"
    if not received.turn_down(tx, row_id, site.clock(), CODE, text):
        raise NotFound(_GONE.format(row_id))
    audit.add(tx, site.new_id(), site.clock(), who, "held.refuse", row.host, _about(row) | {"reason": text})
    decision = Decision(Verdict.REJECT, CODE, text, rule=_rule(tx, row))
    policy.keep(tx, site, decision, "in", row.host, actor=row.actor, activity_id=row.activity_id, type=row.type)
    judged = _judged(tx, row, decision)
    if judged is not None:
        refusing.tell(tx, site, judged)
    return row


_GONE = "row {} is not held (any more); «fedi received list --state held» shows what is"


def _held(tx: Tx, row_id: int) -> Received:
    row = received.by_id(tx, row_id)
    if row is None or row.state != "held":
        raise NotFound(_GONE.format(row_id))
    return row


def _about(row: Received) -> dict[str, str]:
    return {"activity": row.activity_id, "type": row.type, "actor": row.actor, "row": str(row.id)}


def _rule(tx: Tx, row: Received) -> str | None:
    """The rule that wanted it held."""
    found = (one.rule for one in decisions.about(tx, row.activity_id, _ROWS) if one.verdict == Verdict.HOLD.value)
    return next(found, None)


def _judged(tx: Tx, row: Received, decision: Decision) -> Judged | None:
    """What was decided about it, with the facts of then."""
    for one in decisions.about(tx, row.activity_id, _ROWS):
        if one.verdict == Verdict.HOLD.value and one.facts is not None:
            try:
                return Judged(unpacked_facts(one.facts), decision)
            except BadEnvelopes:
                return None
    return None
