"""What acts on peers begin with: the rows that they are about, held against what may be, and new versions written."""

from dataclasses import replace
from typing import Any

from federation.peering.agreement import Terms, build, read
from federation.peering.institution import Found
from federation.peering.machine import Refusal
from federation.peering.terms import check
from fedi.actions import peer_states
from fedi.actions.peer_states import Act
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from storage import agreements, audit, peers
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer

MAX_REASON = 2_000
_YEAR = 365 * 86_400_000


def written(tx: Tx, site: Site, found: Found, terms: Terms, *, replaces: str | None) -> AgreementRow:
    """A row for terms of ours, not signed yet, its version the next with this peer."""
    if found.instance_actor is None:
        raise Invalid(f"No actor speaks for {found.host}.", code="not-looked-up")
    now = site.clock() // 1000 * 1000
    starts = terms.starts if terms.starts is not None else now
    terms = check(replace(terms, starts=starts, ends=terms.ends if terms.ends is not None else starts + _YEAR))
    if terms.ends is not None and terms.ends <= site.clock():
        raise Invalid("ends: these terms are over already.", code="over")
    number = max((row.version for row in agreements.of_host(tx, found.host)), default=0) + 1
    made = site.new_id()
    document = build(
        iri=site.iri(f"/peering/agreements/{made}/v{number}"),
        version=number,
        parties=(site.instance_iri, found.instance_actor),
        terms=terms,
        replaces=replaces,
    )
    row = peer_states.row_of(
        site, found.host, site.iri(f"/peering/offers/{made}"), read(document), ours=True, pause=None
    )
    return replace(row, id=made)


def make(tx: Tx, site: Site, host: str, act: Act) -> None:
    """Make a move. Raises Invalid where the machine refuses it."""
    refusal = peer_states.make(tx, site, host, act)
    if refusal is not None:
        raise _problem(refusal)


def _problem(refusal: Refusal) -> Invalid:
    return Invalid(f"{refusal.text[:1].upper()}{refusal.text[1:]}.", code=refusal.code)


def agreement_row(tx: Tx, agreement_id: int) -> AgreementRow:
    """The agreement with this id. Raises NotFound."""
    row = agreements.by_id(tx, agreement_id) if 0 < agreement_id < 2**63 else None
    if row is None:
        raise NotFound("There is no such agreement.")
    return row


def peer_row(tx: Tx, site: Site, host: str) -> Peer:
    """The peer at this host, noted now if it was never met."""
    peers.meet(tx, host, site.clock())
    found = peers.by_host(tx, host)
    if found is None:
        raise NotFound(f"There is no peer {host}.")
    return found


def not_blocked(peer: Peer) -> None:
    """Raises Forbidden for a blocked host, with which nothing is agreed before that is taken back."""
    if peer.stance == "blocked":
        raise Forbidden(
            f"{peer.host} is blocked here; «fedi peer unblock {peer.host}» takes that back.", code="blocked"
        )


def not_held(tx: Tx, peer: Peer) -> None:
    """Raises Invalid for a host that is suspended and with which nothing is in force: what is agreed then would be neither."""
    if peer.stance == "suspended" and agreements.in_force(tx, peer.host) is None:
        raise Invalid(f"{peer.host} is suspended; «fedi peer resume {peer.host}» first.", code="suspended")


def reason_given(text: str) -> str:
    """A reason, without blanks around it. Raises Invalid for none."""
    text = text.strip()
    if not text:
        raise Invalid("Give a reason: the other side, and whoever looks later, will want to know.", code="reason")
    return text[:MAX_REASON]


def noted(tx: Tx, site: Site, who: str, action: str, host: str, body: dict[str, Any]) -> None:
    """Note in the audit log who did what to a peer."""
    audit.add(tx, site.new_id(), site.clock(), who, action, host, body)
