"""Cases: what was reported, once for each post or person however many reported it, with a clock; and what waits for moderators.

How one is decided is in `fedi.actions.deciding`, what each side can do about it in `fedi.actions.jurisdiction`.
"""

from typing import Any

from federation.vocabulary.context import REPORT
from fedi.actions import memberships, opened, sending
from fedi.context import Site
from storage import actors, cases, moderations, outbox, people, posts, reports
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.cases import Case
from storage.metadata import Tx
from storage.posts import Post
from storage.reports import Report

WITHIN = 72 * 3600 * 1000
"""By when (ms) a case is decided where no agreement says it."""
KEPT = 90 * 24 * 3600 * 1000
"""How long (ms) after the decision it is kept what was said."""
_SEVERITY = {"legal": 3, "violation": 2, "spam": 2}
_MOST = 5
_LONG = 20_000


def of_report(tx: Tx, site: Site, made: Report, target: Actor, group: Actor | None) -> Case:
    """The case that a new report belongs to: the open one about the same post or, of an account, the same account, in the
    same group; else one of its own, which moderators of the group elsewhere hear of."""
    severity = _SEVERITY.get(made.category, 1)
    for one in cases.open_about(tx, target.id):
        same = bool(set(one.post_ids) & set(made.post_ids)) or one.post_ids == made.post_ids
        if one.group_id == made.group_id and one.kind == "report" and same:
            before = reports.of_cases(tx, [one.id])
            hosts = {host_of(tx, site, each) for each in before}
            more = [post_id for post_id in made.post_ids if post_id not in one.post_ids]
            # The same said at another institution weighs more.
            raised = max(one.severity, severity) + (host_of(tx, site, made) not in hosts)
            cases.change(
                tx,
                one.id,
                post_ids=one.post_ids + more,
                snapshot=(one.snapshot + snapshot(tx, more))[:_MOST],
                severity=min(raised, 3),
            )
            reports.change(tx, made.id, case_id=one.id)
            return one
    case = open_(tx, site, "report", target, group, made.post_ids, snapshot(tx, made.post_ids), severity, made)
    reports.change(tx, made.id, case_id=case.id)
    return case


def open_(
    tx: Tx,
    site: Site,
    kind: str,
    target: Actor,
    group: Actor | None,
    post_ids: list[int],
    said: list[dict[str, Any]],
    severity: int,
    made: Report | None = None,
    received_id: int | None = None,
) -> Case:
    """A new case."""
    involved = {target.host, *([group.host] if group is not None else [])}
    if made is not None:
        involved.add(host_of(tx, site, made))
    now = site.clock()
    case = Case(
        id=site.new_id(),
        iri=site.iri(f"/activities/{site.new_id()}"),
        group_id=group.id if group is not None else None,
        actor_id=target.id,
        kind=kind,
        post_ids=list(post_ids),
        received_id=received_id,
        snapshot=said,
        severity=severity,
        state="open",
        due_at=now + within(tx, site, involved),
        created_at=now,
    )
    cases.insert(tx, case)
    if group is not None and group.local and made is not None:
        _share(tx, site, case, target, group, made)
    return case


def within(tx: Tx, site: Site, hosts: set[str]) -> int:
    """In what time (ms) a case that concerns these hosts is decided: the shortest that an agreement with one of them says."""
    said = [
        terms.moderation_within
        for host in sorted(hosts)
        if host != site.config.host and (terms := opened.terms_of(tx, host)) is not None
    ]
    return min((one for one in said if one), default=WITHIN)


def host_of(tx: Tx, site: Site, made: Report) -> str:
    """The institution that a report comes from."""
    reporter = actors.by_id(tx, made.reporter_id) if made.reporter_id is not None else None
    return reporter.host if reporter is not None else site.config.host


def snapshot(tx: Tx, post_ids: list[int]) -> list[dict[str, Any]]:
    """What these posts say now, as members see it."""
    found = posts.by_ids(tx, post_ids[:_MOST])
    return [_said(found[one]) for one in post_ids[:_MOST] if one in found and found[one].deleted_at is None]


def _said(post: Post) -> dict[str, Any]:
    pictures = [str(one.get("description") or "") for one in post.attachments[:8]]
    return {
        "id": post.id,
        "title": post.title,
        "content": post.content[:_LONG],
        "summary": post.summary,
        "language": post.language,
        "at": post.edited_at or post.published_at,
        "pictures": pictures,
    }


def may_decide(tx: Tx, by: Actor, case: Case | Report) -> bool:
    """Whether `by` decides about a case, or settles a report: a moderator of its group, or of this instance; nobody decides what is about them."""
    if by.id == case.actor_id:
        return False
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    if group is not None and memberships.moderates(tx, by, group):
        return True
    person = people.by_id(tx, by.id) if by.local else None
    return person is not None and person.state == "active" and person.role in ("moderator", "admin")


def queue(tx: Tx, me: Actor, group_id: int | None, limit: int = 50) -> list[Case]:
    """The open cases (of a group) that `me` decides, the one that is due first at the top."""
    return [one for one in cases.listed(tx, 200, group_id=group_id) if may_decide(tx, me, one)][:limit]


def done(tx: Tx, case: Case) -> list[str]:
    """What moderators did since about what a case is about, whoever did it and where."""
    found = []
    for post_id in case.post_ids:
        for act in ("remove", "lock", "warn"):
            made = moderations.standing(tx, act, post_id=post_id)
            if made is not None and made.created_at >= case.created_at:
                found.append(act if made.group_id is not None else "hide")
    ban = moderations.standing(tx, "ban", group_id=case.group_id, actor_id=case.actor_id) if case.group_id else None
    if ban is not None and ban.created_at >= case.created_at:
        found.append("ban")
    return list(dict.fromkeys(found))


def settle(
    tx: Tx, site: Site, case: Case, by: Actor, outcome: str | None = None, rule: str | None = None, words: str = ""
) -> None:
    """Note that a case is decided; without `outcome` by what was done since it came (`done`)."""
    cases.change(
        tx,
        case.id,
        state="decided",
        outcome=outcome or " ".join(done(tx, case)) or "nothing",
        rule=rule,
        words=words or None,
        decided_by_id=by.id,
        decided_host=by.host,
        decided_at=site.clock(),
    )


def report_settled(tx: Tx, site: Site, made: Report, by: Actor) -> None:
    """A report was settled by itself: so is its case, once none of its reports is open."""
    case = cases.by_id(tx, made.case_id) if made.case_id is not None else None
    if case is None or case.state != "open":
        return
    if all(one.state != "open" for one in reports.of_cases(tx, [case.id])):
        settle(tx, site, case, by)


def elsewhere(tx: Tx, group: Actor, but: int | None = None) -> list[Actor]:
    """The moderators of a group who are of other institutions, without `but`."""
    found = actors.by_ids(tx, membership_rows.moderators(tx, group.id))
    return [one for one in found.values() if not one.local and one.id != but and one.state == "active"]


def flag(tx: Tx, site: Site, case: Case) -> dict[str, Any] | None:
    """The Flag by which moderators elsewhere know a case, as `Resolve` embeds it."""
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    target = actors.by_id(tx, case.actor_id)
    if group is None or target is None:
        return None
    return {
        "id": case.iri,
        "type": "Flag",
        "actor": site.instance_iri,
        "to": [group.iri],
        "object": _object(tx, case, target),
    }


def _object(tx: Tx, case: Case, target: Actor) -> Any:
    found = posts.by_ids(tx, case.post_ids)
    iris = [found[one].iri for one in case.post_ids if one in found]
    return iris[0] if len(iris) == 1 else [target.iri, *iris]


def _share(tx: Tx, site: Site, case: Case, target: Actor, group: Actor, made: Report) -> None:
    """Tell the moderators of a group who are at other institutions: the instance's own word, which names no reporter. The
    institution that it came from has it already."""
    instance = actors.by_iri(tx, site.instance_iri)
    source = host_of(tx, site, made)
    told = [one for one in elsewhere(tx, group, target.id) if one.host != source]
    if instance is None or not told:
        return
    sending.send(
        tx,
        site,
        instance,
        "Flag",
        _object(tx, case, target),
        to=[group.iri],
        cc=[],
        audience=outbox.Audience(actors=tuple(one.id for one in told)),
        activity_id=case.iri,
        group=group,
        content=f"{made.rule}: {made.text}" if made.rule is not None else made.text,
        summary=made.text,
        rule=made.rule,
        context=REPORT,
    )
