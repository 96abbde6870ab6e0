"""Resolve: moderators settled a report (Lemmy 1.0), a case that was shared with them, or an appeal."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import appeals as appeal_actions
from fedi.actions import cases as case_actions
from fedi.actions import deciding
from fedi.actions import reports as report_actions
from fedi.actions.appealed import heard
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from fedi.text import to_text
from storage import actors, cases, moderations, reports
from storage.actors import Actor
from storage.appeals import Appeal
from storage.metadata import Tx

_WORDS = 800


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Who moderates the group of a report that somebody here made."""
    iri = object_id(received.activity)
    known = reports.by_iri(tx, iri) or appeal_actions.by_iri(tx, site, iri)
    group = actors.by_id(tx, known.group_id) if known is not None and known.group_id is not None else None
    return moderators.needed(tx, site, received.signer, None, group) if group is not None else NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """The report is settled."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on. A moderator's own word is enough: a report is nobody else's matter."""
    by = signer(tx, received)
    iri = object_id(received.activity)
    words = to_text(wire.text_of(received.activity.document, "summary") or "").strip()[:_WORDS]
    known = reports.by_iri(tx, iri)
    if known is None:
        _case_or_appeal(tx, site, by, iri, words)
        return
    group = actors.by_id(tx, known.group_id) if known.group_id is not None else None
    if group is not None and not group.local:
        moderators.check_listed(tx, by, group)
    elif not report_actions.may_resolve(tx, by, known):
        raise Forbidden(f"{by.iri} does not moderate here", code="not-a-moderator")
    if known.state != "open":
        raise Ignored("known", "this report is settled already")
    reports.resolve(tx, known.id, by.id, site.clock())
    case_actions.report_settled(tx, site, known, by)
    reporter = actors.by_id(tx, known.reporter_id) if known.reporter_id is not None else None
    if reporter is not None and reporter.local:
        deciding.tell_reporter(tx, site, group, reporter, "", None, words or None)


def _case_or_appeal(tx: Tx, site: Site, by: Actor, iri: str, words: str) -> None:
    case = cases.by_iri(tx, iri)
    if case is not None:
        if case.state != "open":
            raise Ignored("known", "this case is decided already")
        deciding.closed(tx, site, by, case, words)
        return
    made = appeal_actions.by_iri(tx, site, iri)
    if made is None:
        raise Ignored("unknown-object", "this report is not known here")
    if made.state != "open":
        raise Ignored("known", "this appeal is decided already")
    if not _may_answer(tx, site, by, made):
        raise Forbidden(f"{by.iri} does not decide about this appeal", code="not-a-moderator")
    group = actors.by_id(tx, made.group_id) if made.group_id is not None else None
    if group is not None and group.local:
        appeal_actions.upheld(tx, site, by, made, words)
    else:
        heard(tx, site, made, by, "upheld", words)


def _may_answer(tx: Tx, site: Site, by: Actor, made: Appeal) -> bool:
    group = actors.by_id(tx, made.group_id) if made.group_id is not None else None
    done = moderations.by_id(tx, made.moderation_id)
    if group is None or done is None:
        return False
    if group.local:
        return appeal_actions.may_decide(tx, site, by, made, done)
    moderators.check_listed(tx, by, group)
    return True
