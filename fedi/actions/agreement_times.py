"""What time does to agreements: they begin, are reminded of, end by notice and expire. Nobody has to be told of these."""

from federation.peering.machine import Move
from fedi.actions import admin_mail, peer_states
from fedi.actions.peer_messages import HORIZON
from fedi.actions.peer_states import Act
from fedi.context import Site
from storage import agreement_events, agreements, audit
from storage.agreements import IN_FORCE, AgreementRow
from storage.metadata import Tx

__all__ = ["HORIZON", "REMINDED", "due", "pass_over"]

REMINDED = (30, 7, 1)
"""Days before the end at which the admins are reminded of it."""

_DAY = 86_400_000
_OPEN = ("offered", "review")


def due(tx: Tx, site: Site) -> list[str]:
    """The hosts with an agreement whose time has come for something."""
    now = site.surely()
    found = [row for row in agreements.in_state(tx, *IN_FORCE, *_OPEN) if _over(row, now) or _begins(row, now)]
    found += [row for row in agreements.in_state(tx, *IN_FORCE) if _reminder(tx, row, now) is not None]
    return list(dict.fromkeys(row.host for row in found))


def pass_over(tx: Tx, site: Site, host: str) -> None:
    """Do with a host's agreements what is due."""
    now = site.surely()
    rows = agreements.of_host(tx, host)
    if any(_over(row, now) or _begins(row, now) for row in rows if row.state in (*IN_FORCE, *_OPEN)):
        act = Act("fedi", Move(kind="tick", by="ours"), "its time has come", audited="peer.time")
        peer_states.make(tx, site, host, act)
    for row in agreements.of_host(tx, host):
        days = _reminder(tx, row, now) if row.state in IN_FORCE else None
        if days is not None:
            text = f"ends within {days} day{'s' if days > 1 else ''}"
            peer_states.event(tx, site, row, "fedi", "remind", text)
            admin_mail.agreement_ends(tx, site, host, days)
            audit.add(
                tx, site.new_id(), site.clock(), "fedi", "peer.remind", host, {"text": text, "version": row.version}
            )


def _end_of(row: AgreementRow) -> int | None:
    return min((one for one in (row.ends_at, row.notice_at) if one is not None), default=None)


def _over(row: AgreementRow, now: int) -> bool:
    end = row.ends_at if row.state in _OPEN else _end_of(row)
    return end is not None and end <= now


def _begins(row: AgreementRow, now: int) -> bool:
    return row.state in _OPEN and row.trusted and len(row.proofs) > 1 and (row.starts_at or 0) <= now


def _reminder(tx: Tx, row: AgreementRow, now: int) -> int | None:
    """The number of days of which to remind now; None when there is nothing to remind of, or it was done."""
    end = _end_of(row)
    if end is None or end <= now:
        return None
    days = min((one for one in REMINDED if end - now <= one * _DAY), default=None)
    if days is None:
        return None
    said = [event.text for event in agreement_events.of_agreement(tx, row.id) if event.kind == "remind"]
    return None if any(text.startswith(f"ends within {days} day") for text in said) else days
