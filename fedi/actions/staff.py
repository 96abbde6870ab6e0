"""What moderators and admins of this instance do about accounts, reports and hosts. Each act leaves a row in the log.

Moderators act on plain members and on accounts elsewhere, admins on everyone but themselves; hosts are for admins. The log
is `storage.moderations`, where the instance's own actor stands as the place, as a group does for what is done in it.
"""

from typing import Any

from fedi.actions import account_mail, erasing, peer_alone, scopes
from fedi.actions import people as people_actions
from fedi.actions import reports as report_actions
from fedi.actions.moderated import MAX_REASON, WARNING
from fedi.actions.notifying import tell
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from storage import actors, agreements, apps, cases, moderations, peers, people, reports, sessions
from storage.actors import Actor
from storage.events import note
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.peers import Peer
from storage.people import Person
from storage.reports import Report

STAFF = ("moderator", "admin")
NOT_ALLOWED = "This action is not allowed"
"""Mastodon's words for who may use the endpoint and not on this account."""


def role_of(tx: Tx, by: Actor) -> str:
    """`moderator` or `admin`. Raises Forbidden for anyone else."""
    person = people.by_id(tx, by.id) if by.local else None
    if person is None or person.state != "active" or person.role not in STAFF:
        raise Forbidden(NOT_ALLOWED, code="not-staff")
    return person.role


def log(
    tx: Tx,
    site: Site,
    by: Actor,
    action: str,
    *,
    actor: Actor | None = None,
    post_id: int | None = None,
    reason: str = "",
) -> Moderation:
    """Note what was done."""
    instance = actors.by_iri(tx, site.instance_iri)
    made = Moderation(
        id=site.new_id(),
        iri=site.iri(f"/activities/{site.new_id()}"),
        action=action,
        group_id=instance.id if instance is not None else None,
        moderator_id=by.id,
        actor_id=actor.id if actor is not None else None,
        post_id=post_id,
        reason=reason.strip()[:MAX_REASON] or None,
        until=None,
        undone_at=None,
        created_at=site.clock(),
    )
    moderations.insert(tx, made)
    return made


def _may(tx: Tx, by: Actor, target: Actor) -> Person | None:
    """The person that `target` is here. Raises Forbidden where `by` may not act on them."""
    role = role_of(tx, by)
    person = people.by_id(tx, target.id) if target.local else None
    if target.id == by.id or target.kind == "Application":
        raise Forbidden(NOT_ALLOWED, code="not-allowed")
    if person is not None and person.role in STAFF and role != "admin":
        raise Forbidden(NOT_ALLOWED, code="not-allowed")
    return person


def _known(person: Person | None) -> Person:
    if person is None:
        raise Forbidden(NOT_ALLOWED, code="not-local")
    return person


def approve(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Let in who signed up and waits. Raises Forbidden for who may not, and where nobody waits (as Mastodon does)."""
    if _known(_may(tx, by, target)).state != "pending":
        raise Forbidden(NOT_ALLOWED, code="not-pending")
    people_actions.approve(tx, site, target)
    log(tx, site, by, "approve", actor=target)


def reject(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Turn down who signed up and waits: the account is erased. Raises as `approve`."""
    person = _known(_may(tx, by, target))
    if person.state != "pending":
        raise Forbidden(NOT_ALLOWED, code="not-pending")
    log(tx, site, by, "reject", actor=target)
    account_mail.turned_down(tx, site, target, person)
    erasing.erase(tx, site, target)


def warn(tx: Tx, site: Site, by: Actor, target: Actor, text: str) -> None:
    """Tell a person what staff thinks of what they do; without words nothing is told, and the log says that staff looked."""
    person = _may(tx, by, target)
    instance = actors.by_iri(tx, site.instance_iri)
    log(tx, site, by, "warn" if text.strip() else "look", actor=target, reason=text)
    if person is not None and text.strip() and instance is not None:
        tell(tx, site, target, WARNING, instance)


def disable(tx: Tx, site: Site, by: Actor, target: Actor, reason: str = "") -> None:
    """End a person's sessions and tokens, and let them log in no more; what they wrote stays. Raises Invalid for others'."""
    if _may(tx, by, target) is None:
        raise Invalid("Validation failed: Type disable is for accounts of this server", code="type")
    people.change(tx, target.id, state="suspended")
    note(tx, "stream", f"suspended {target.id}")
    apps.revoke(tx, site.clock(), person_id=target.id)
    sessions.remove(tx, person_id=target.id)
    log(tx, site, by, "disable", actor=target, reason=reason)


def enable(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Let a disabled person log in again; nothing for one who may."""
    if _known(_may(tx, by, target)).state == "suspended" and target.state == "active":
        people.change(tx, target.id, state="active")
        log(tx, site, by, "enable", actor=target)


def suspend(tx: Tx, site: Site, by: Actor, target: Actor, reason: str = "") -> None:
    """Hide an account and all it wrote from everyone until `unsuspend`; a person of this instance can't log in."""
    person = _may(tx, by, target)
    if target.state != "active":
        return
    if person is None:
        actors.change(tx, target.id, state="suspended")
    else:
        people_actions.suspend(tx, site, target)
    log(tx, site, by, "suspend", actor=target, reason=reason)


def unsuspend(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Undo `suspend`; nothing for one who is not."""
    person = _may(tx, by, target)
    if target.state != "suspended":
        return
    if person is None:
        actors.change(tx, target.id, state="active")
    else:
        people_actions.unsuspend(tx, site, target)
    log(tx, site, by, "unsuspend", actor=target)


def erase(tx: Tx, site: Site, by: Actor, target: Actor) -> None:
    """Remove a suspended person's account for good. For admins; Forbidden for others, and while it is not suspended."""
    _known(_may(tx, by, target))
    if role_of(tx, by) != "admin" or target.state != "suspended":
        raise Forbidden(NOT_ALLOWED, code="not-suspended")
    log(tx, site, by, "erase", actor=target, reason=target.handle)
    erasing.erase(tx, site, target)


def assign(tx: Tx, site: Site, by: Actor, report: Report, to: Actor | None) -> None:
    """Say who looks into a report; None: nobody any more."""
    role_of(tx, by)
    reports.change(tx, report.id, assigned_to_id=to.id if to is not None else None)
    log(tx, site, by, "assign" if to is not None else "unassign", reason=f"report {report.id}")


def reclassify(tx: Tx, site: Site, by: Actor, report: Report, category: str, rule_ids: list[int]) -> None:
    """Say what a report is about. Raises Invalid for a category or rule that there isn't."""
    role_of(tx, by)
    if category not in report_actions.CATEGORIES:
        raise Invalid(f"Validation failed: Category is one of {', '.join(report_actions.CATEGORIES)}", code="category")
    named = report_actions.rules(site, rule_ids, category)
    reports.change(tx, report.id, category=category, rule_ids=named)
    log(tx, site, by, "reclassify", reason=f"report {report.id}: {category}")


def resolve(tx: Tx, site: Site, by: Actor, report: Report) -> None:
    """Settle a report. Raises Forbidden where it is about `by`."""
    role_of(tx, by)
    report_actions.resolve(tx, site, by, report)
    if report.state == "open":
        log(tx, site, by, "resolve", reason=f"report {report.id}")


def reopen(tx: Tx, site: Site, by: Actor, report: Report) -> None:
    """Take up a settled report again. Raises Forbidden where it is about `by`."""
    role_of(tx, by)
    if not report_actions.may_resolve(tx, by, report):
        raise Forbidden(NOT_ALLOWED, code="not-allowed")
    if report.state != "open":
        reports.change(tx, report.id, state="open", resolved_by_id=None, resolved_at=None)
        if report.case_id is not None:
            cases.change(tx, report.case_id, state="open", outcome=None, decided_by_id=None, decided_at=None)
        log(tx, site, by, "reopen", reason=f"report {report.id}")


def stance(tx: Tx, site: Site, by: Actor, host: str, wanted: str, reason: str | None) -> Peer:
    """How this instance stands to a host: one of `storage.peers.STANCES`. For admins; raises Forbidden for others, Invalid for
    what only agreements say."""
    if role_of(tx, by) != "admin":
        raise Forbidden(NOT_ALLOWED, code="not-admin")
    if host in (site.config.host, site.config.handle_domain):
        raise Invalid("Validation failed: Domain is this server's own", code="domain")
    known, agreement = peers.by_host(tx, host), agreements.in_force(tx, host)
    if known is not None and (agreement is not None or known.stance == "suspended"):
        return _peered(tx, site, by, known, wanted, reason)
    peers.meet(tx, host, site.clock())
    values: dict[str, Any] = {"stance": wanted, "reason": reason}
    # An allow list knows no terms: what it lets in has signed nothing, and reads what its members may.
    agreed = wanted == "agreed"
    values |= {"one_sided": agreed, "tier": "members" if agreed else "public"}
    peers.change(tx, host, **values)
    scopes.agreement_changed(tx, site, host)
    log(tx, site, by, f"host {wanted}", reason=f"{host}: {reason}" if reason else host)
    found = peers.by_host(tx, host)
    if found is None:
        raise NotFound
    return found


def _peered(tx: Tx, site: Site, by: Actor, known: Peer, wanted: str, reason: str | None) -> Peer:
    """`stance` of a host with an agreement, or that is suspended: it can be blocked at once and let in again, but no list of domains
    ends an agreement, which takes a second admin, or a suspension. Raises Invalid."""
    if wanted != "blocked" and (wanted, known.stance) != ("none", "blocked"):
        why = "it is suspended" if known.stance == "suspended" else "there is an agreement with it"
        raise Invalid(
            f"Validation failed: Domain can't be set so, as {why}; see «fedi peer», or /admin/peers", code="domain"
        )
    peer_alone.set_stance(tx, site, by.username, known.host, wanted, reason or "on the list of blocked domains")
    log(tx, site, by, f"host {wanted}", reason=f"{known.host}: {reason}" if reason else known.host)
    return peers.by_host(tx, known.host) or known


def set_role(tx: Tx, site: Site, by: Actor, target: Actor, role: str) -> None:
    """Make a person of this instance a member, a moderator or an admin of it. For admins; raises Forbidden for others and for
    one's own role (so that there is always an admin), Invalid for a role that there isn't."""
    person = _known(_may(tx, by, target))
    if role_of(tx, by) != "admin":
        raise Forbidden(NOT_ALLOWED, code="not-admin")
    if role not in people.ROLES:
        raise Invalid(f"A role is one of {', '.join(people.ROLES)}.", code="role")
    if person.role != role:
        people.change(tx, target.id, role=role)
        log(tx, site, by, "role", actor=target, reason=f"{person.role} -> {role}")
