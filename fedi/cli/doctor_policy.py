"""What `fedi doctor` says of the policy in force, of decisions made again, and of the audit log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_AGAIN = 500
"""Decisions that are made again."""
_DAY = 24 * 3600 * 1000


def of_policy(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Whether the policy can be read and passes its tests, decisions come out the same, and the audit log is whole."""
    from fedi.actions import auditing, explaining, policies
    from fedi.actions.checking import check
    from storage import audit

    now = policies.in_force(tx)
    checked = check(now.document)
    if checked.fine:
        yield Finding("fine", "policy", f"version {now.version} is in force, with {len(checked.rules)} rules")
    for one in checked.errors[:3]:
        text = (
            f"version {now.version}, {one}; mend it, or «fedi policy rollback VERSION»{_instead(tx, site, now.version)}"
        )
        yield Finding("broken" if one.kind == "error" else "look", "policy", text)
    if checked.unreadable:
        return
    found, _ = explaining.verify_rows(tx, site, _AGAIN)
    if found.same < found.checked:
        text = f"{found.checked - found.same} of {found.checked} decisions, made again, are others; «fedi policy verify» names them"
        yield Finding("broken", "decisions", text)
    else:
        differed = next(iter(audit.newest(tx, 1, about="decisions")), None)
        if differed is not None and differed.at > site.clock() - 7 * _DAY:
            text = f"{differed.body.get('differ')} decisions, made again one night, were others; «fedi policy verify» names them"
            yield Finding("look", "decisions", text)
    troubles = auditing.troubles(tx, site)
    for trouble in troubles:
        yield Finding(
            "broken", "audit log", f"{trouble}; somebody wrote into the database by hand: compare it with a backup"
        )
    if not troubles:
        yield Finding("fine", "audit log", f"its {audit.count(tx)} rows are whole")


def _instead(tx: "Tx", site: "Site", version: int) -> str:
    """What counts where the version in force can't be read."""
    from fedi import policy

    try:
        counts = policy.current(tx, site).version
    except policy.Unreadable:
        return "; nothing comes in or goes out until then"
    return f"; until then version {counts} counts" if counts != version else ""
