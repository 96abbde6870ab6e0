"""Cases and appeals whose time is over: who decides is told once more. The other side has a case of its own with the same clock,
as both read it from their agreement, so both sides hear of it."""

from fedi.actions import mailing, notices, notifying
from fedi.actions.reports import NEWS, deciders
from fedi.context import Site
from fedi.languages import _
from storage import actors, cases, notifications, people
from storage.actors import Actor
from storage.cases import Case
from storage.metadata import Tx

_AT_ONCE = 50


def alert(tx: Tx, site: Site) -> int:
    """Tell who decides about each case that is overdue, each case once: a notification, and a mail where they are sent. How
    many there were comes back."""
    found = cases.overdue(tx, site.surely(), _AT_ONCE)
    for case in found:
        cases.change(tx, case.id, alerted_at=site.clock())
        group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
        target = actors.by_id(tx, case.actor_id)
        if target is None:
            continue
        post_id = next(iter(case.post_ids), None)
        for person in deciders(tx, group).values():
            if person.id == target.id:
                continue
            # It is the same news once more, and stands at the top again.
            notifications.forget(tx, person_id=person.id, post_id=post_id, actor_id=target.id, kind=NEWS)
            notifying.tell(tx, site, person, NEWS, target, post_id)
            _mail(tx, site, person, case, group)
    return len(found)


def _mail(tx: Tx, site: Site, person: Actor, case: Case, group: Actor | None) -> None:
    row = people.by_id(tx, person.id)
    if not mailing.enabled(site) or row is None or row.state != "active" or not mailing.is_address(row.email):
        return
    with notices.speaking(tx, person):
        name = (group.name or group.username) if group is not None else site.config.name
        subject = _("A report in %(group)s is overdue") % {"group": name}
        text = _("It was to be decided by now. Whoever agreed on the time with you is told as well, on their side.")
    link = site.iri(f"/cases/{case.id}")
    mailing.post(tx, site, to=row.email, person_id=person.id, kind="case", subject=subject, text=f"{text}\n\n{link}\n")
