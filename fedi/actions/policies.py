"""Versions of the federation policy: check a document, save it as a draft, approve, apply, go back; what differs, and which
version brought a rule.

Every save is a version of its own, with its author, a message, the version it was made from, and approvals; nothing is changed
in its place, and each act stands in the audit log. What can't be read, or fails its own tests, is never saved, so it never
replaces what is in force.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fedi.actions import showing
from fedi.actions.checking import Checked, check
from fedi.context import Site
from fedi.errors import Conflict, Forbidden, Invalid, NotFound
from storage import audit, policies, simulations
from storage.metadata import Tx
from storage.policies import PolicyRow

MESSAGE = 2_000
"""Characters of a message at most."""
_SIMULATED = 24 * 3600 * 1000
_FORECAST = ("envelopes", "first_at", "last_at", "verdicts", "newly", "rules")
FIRST = PolicyRow(0, hashlib.sha256(b"").hexdigest(), None, "fedi", "no rules", "", "applied", [], None, 0, 0)
"""What is in force before anything was applied: a policy without rules."""


def in_force(tx: Tx) -> PolicyRow:
    """The version that counts now; `FIRST` when none was ever applied."""
    return policies.in_force(tx) or FIRST


def version(tx: Tx, number: int) -> PolicyRow:
    """The version with this number. Raises NotFound."""
    row = FIRST if number == 0 else policies.by_version(tx, number)
    if row is None:
        raise NotFound(f"there is no version {number} of the policy")
    return row


def save_draft(tx: Tx, site: Site, who: str, text: str, message: str, *, parent: int | None = None) -> PolicyRow:
    """Save a document as a version that does not count yet. `parent` is the version it was made from; else the one in force.

    Raises Invalid when it can't be read or fails its tests; Conflict when somebody saves in the same moment.
    """
    checked = _sound(text)
    row = _add(tx, site, who, text, checked, message, parent=in_force(tx).version if parent is None else parent)
    _note(tx, site, who, "policy.draft", row)
    return row


def approve(tx: Tx, site: Site, who: str, number: int) -> PolicyRow:
    """Approve a draft. Raises Forbidden for its author, Invalid when it is no draft or approved by them already."""
    row = version(tx, number)
    if row.state != "draft":
        raise Invalid(f"version {number} is no draft: it was applied", code="not-a-draft")
    if row.author == who:
        raise Forbidden("who wrote a draft can't approve it: that is for another admin", code="own-draft")
    if any(one["who"] == who for one in row.approvals):
        raise Invalid(f"{who} approved version {number} already", code="approved")
    row = replace(row, approvals=[*row.approvals, {"who": who, "at": site.clock()}])
    policies.change(tx, number, approvals=row.approvals)
    _note(tx, site, who, "policy.approve", row)
    return row


def apply(tx: Tx, site: Site, who: str, text: str, comment: str, *, parent: int | None = None) -> PolicyRow:
    """Save a document and let it count from now on, all at once.

    `parent` is the version that its writer began from: Conflict when another is in force by now. Raises Invalid when it can't be
    read or fails its tests, Forbidden where the settings want approvals, or a simulation, first.
    """
    if site.config.policy.approvals:
        raise Forbidden(
            f"a policy needs the approval of {site.config.policy.approvals} more here (policy.approvals): save it as a draft, "
            "let it be approved, then apply the draft",
            code="approvals",
        )
    checked = _sound(text)
    _begun_from(tx, parent)
    forecast = _forecast(tx, site, checked.digest)
    row = _add(tx, site, who, text, checked, comment, parent=in_force(tx).version)
    return _applied(tx, site, who, "policy.apply", row, forecast)


def apply_version(tx: Tx, site: Site, who: str, number: int, comment: str = "") -> PolicyRow:
    """Let a draft count from now on. Raises NotFound, Invalid when it was applied before (`rollback` is for that), Conflict when
    another version came into force since it was made, and what `apply` raises."""
    row = version(tx, number)
    if row.state != "draft":
        raise Invalid(f"version {number} was applied before; go back to it by a rollback", code="not-a-draft")
    _begun_from(tx, row.parent)
    wanted, given = site.config.policy.approvals, len(row.approvals)
    if given < wanted:
        raise Forbidden(f"version {number} has {given} of the {wanted} approvals that it needs", code="approvals")
    checked = _sound(row.document)
    forecast = _forecast(tx, site, checked.digest)
    if comment:
        policies.change(tx, number, message=_said(f"{row.message}\n{comment}" if row.message else comment))
    return _applied(tx, site, who, "policy.apply", version(tx, number), forecast)


def rollback(tx: Tx, site: Site, who: str, number: int, comment: str) -> PolicyRow:
    """Let the document of an earlier version count again, as a new version; 0 is the policy without rules. It needs no new
    approvals, as it was in force before. Raises NotFound, Invalid when it was never applied."""
    row = version(tx, number)
    if row.state != "applied":
        raise Invalid(f"version {number} is a draft that was never in force; apply it instead", code="a-draft")
    now = in_force(tx)
    if now.digest == row.digest:
        raise Invalid(f"version {now.version}, which is in force, says the same as version {number}", code="same")
    checked = _sound(row.document)
    message = f"back to version {number}" + (f": {comment}" if comment else "")
    made = _add(tx, site, who, row.document, checked, message, parent=now.version)
    return _applied(tx, site, who, "policy.rollback", made, None, back_to=number)


def _sound(text: str) -> Checked:
    checked = check(text)
    if not checked.fine:
        first = [str(one) for one in checked.errors]
        rest = f" (and {len(first) - 3} more)" if len(first) > 3 else ""
        raise Invalid("; ".join(first[:3]) + rest, code="bad-policy")
    return checked


def _begun_from(tx: Tx, parent: int | None) -> None:
    now = in_force(tx).version
    if parent is not None and parent != now:
        raise Conflict(
            f"this was made from version {parent}, and version {now} is in force by now: look at what differs, and begin from it",
            code="changed-meanwhile",
        )


def _add(tx: Tx, site: Site, who: str, text: str, checked: Checked, message: str, *, parent: int) -> PolicyRow:
    number = policies.next_version(tx)
    row = PolicyRow(number, checked.digest, parent, who, _said(message), text, "draft", [], None, site.clock(), None)
    if not policies.insert(tx, row):
        raise Conflict(
            "somebody else saved a version in this moment; look at it and try again", code="changed-meanwhile"
        )
    return row


def _applied(
    tx: Tx, site: Site, who: str, action: str, row: PolicyRow, forecast: dict[str, Any] | None, **more: int
) -> PolicyRow:
    before = in_force(tx)
    # After what is in force, also when a clock was set back: what was applied last counts.
    at = max(site.clock(), (before.applied_at or 0) + 1)
    policies.change(tx, row.version, state="applied", applied_at=at, forecast=forecast)
    row = replace(row, state="applied", applied_at=at, forecast=forecast)
    _note(tx, site, who, action, row, before=before.version, **more)
    showing.settle(tx, site)
    return row


def _forecast(tx: Tx, site: Site, digest: str) -> dict[str, Any] | None:
    """What the newest simulation of this document said. Raises Forbidden without one of today where the settings want that."""
    found = simulations.newest(tx, 1, digest=digest)
    if site.config.policy.simulate_first and (not found or found[0].at < site.clock() - _SIMULATED):
        raise Forbidden(
            "a policy must be simulated before it is applied here (policy.simulate_first), and within the last day: "
            "«fedi policy simulate FILE»",
            code="not-simulated",
        )
    if not found:
        return None
    # Numbers alone: nobody is named in what stays for good.
    numbers = {name: found[0].result[name] for name in _FORECAST if name in found[0].result}
    return {"simulation": str(found[0].id), "at": found[0].at, **numbers}


def _note(tx: Tx, site: Site, who: str, action: str, row: PolicyRow, **more: int) -> None:
    said = {"digest": row.digest, "parent": row.parent, "message": row.message, "approvals": len(row.approvals), **more}
    audit.add(tx, site.new_id(), site.clock(), who, action, str(row.version), said)


def _said(message: str) -> str:
    """A message as it is kept, without what a database takes for no text. Raises Invalid when it is too long."""
    if len(message) > MESSAGE:
        raise Invalid(f"the message has {len(message)} characters; {MESSAGE} at most", code="too-long")
    return message.replace("\0", "").encode("utf-8", "replace").decode().strip()


def approvers(row: PolicyRow) -> Sequence[str]:
    """Who approved a version."""
    return [str(one["who"]) for one in row.approvals]
