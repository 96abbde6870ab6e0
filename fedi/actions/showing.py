"""What the policy says of showing (`direction = "show"`), brought to where the gate looks: hosts of which nothing is shown here.

It is asked about hosts, not about each post on each page: what is shown is decided by one condition of the database
(`fedi.visibility`). So it is settled when a version of the policy comes into force, when a host is met, and now and then, as
rules run out and peers change.
"""

from federation.policy.decide import Policy
from fedi import policy
from fedi.context import Site
from fedi.facts import Known
from storage import peers
from storage.metadata import Tx


def settle(tx: Tx, site: Site) -> int:
    """Say of every host whether anything of it is shown; of how many that changed comes back."""
    rules, known = policy.current(tx, site), Known(tx, site)
    hidden = peers.hidden_hosts(tx)
    if not policy.has_rules(rules):
        peers.hide(tx, hidden, hidden=False)
        return len(hidden)
    hosts = peers.all_hosts(tx)
    known.meet(hosts)
    refused = {host for host in hosts if _refused(tx, site, rules, known, host)}
    peers.hide(tx, refused - hidden, hidden=True)
    peers.hide(tx, hidden - refused, hidden=False)
    return len(refused ^ hidden)


def met(tx: Tx, site: Site, host: str) -> None:
    """The same of one host, which was met just now."""
    rules = policy.current(tx, site)
    if policy.has_rules(rules) and _refused(tx, site, rules, Known(tx, site), host):
        peers.hide(tx, {host}, hidden=True)


def _refused(tx: Tx, site: Site, rules: Policy, known: Known, host: str) -> bool:
    judged = policy.judge(tx, site, rules, known.host("show", host), counts=False)
    # What is closed by its stance the gate sees by itself, at once.
    return policy.refuses(judged.decision) and judged.decision.rule not in ("stance", "mode")
