"""Federation policy, asked: may we take from, fetch from, show to, or send to this host? Every refusal is kept.

The rules are `federation.policy` (pure); here they meet the stance to a peer that the database holds.
"""

from collections.abc import Collection

from federation.facts import Direction, Facts
from federation.policy import Decision, Policy, Verdict, decide
from fedi.context import Site
from storage import decisions, peers
from storage.decisions import DecisionRow
from storage.metadata import Tx


def current(site: Site) -> Policy:
    """The policy in force."""
    return Policy()


def receiving(tx: Tx, site: Site, host: str, type: str) -> Decision:
    """Whether an activity of this type is taken from this host."""
    return decide(current(site), _facts(site, "in", host, _stance(tx, host), type))


def receiving_all(tx: Tx, site: Site, asked: Collection[tuple[str, str]]) -> dict[tuple[str, str], Decision]:
    """`receiving` for many pairs of host and type at once, by pair."""
    known, rules = peers.stances(tx, sorted({host for host, _ in asked})), current(site)
    return {
        (host, type): decide(rules, _facts(site, "in", host, known.get(host, "none"), type)) for host, type in asked
    }


def fetching(tx: Tx, site: Site, host: str) -> Decision:
    """Whether we ask this host for anything, and so take what it answers."""
    return decide(current(site), _facts(site, "fetch", host, _stance(tx, host)))


def delivering(site: Site, host: str, stance: str) -> Decision:
    """Whether anything may be sent to this host."""
    return decide(current(site), _facts(site, "out", host, stance))


def refuses(decision: Decision) -> bool:
    """Whether a decision means no."""
    return decision.verdict is Verdict.REJECT


def keep(
    tx: Tx,
    site: Site,
    decision: Decision,
    direction: str,
    host: str,
    *,
    actor: str | None = None,
    activity_id: str | None = None,
    type: str | None = None,
) -> None:
    """Keep a decision for admins; `direction` is `in`, `out` or `fetch`."""
    decisions.insert(
        tx,
        DecisionRow(
            site.new_id(),
            direction,
            host,
            actor,
            activity_id,
            type,
            decision.verdict.value,
            decision.code,
            decision.text,
            decision.policy,
            site.clock(),
        ),
    )


def _stance(tx: Tx, host: str) -> str:
    peer = peers.by_host(tx, host)
    return peer.stance if peer is not None else "none"


def _facts(site: Site, direction: Direction, host: str, stance: str, activity: str = "") -> Facts:
    mode = site.config.federation.mode
    return Facts(site.clock(), direction, host, activity, stance=stance, mode=mode)
