"""`/reports` and the queue of a group: what moderators are asked to decide, with its clock; `/cases/ID`: one of them, all that
is to be known of it, who can do what, and the form by which it is decided, with a look at what will be sent before.
"""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import cases as actions
from fedi.actions import deciding, jurisdiction, moderated, rules
from fedi.actions.deciding import MAX_RULE, MAX_WORDS, Verdict
from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.forms import local_path, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _, ngettext
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.days import end_of
from fedi.web.paths import actor_path
from storage import actors, cases, memberships, posts, replies, reports
from storage.actors import Actor
from storage.cases import Case
from storage.metadata import Tx
from storage.reports import Report

_NOTHING = N_("This case is not there, or others decide about it.")
CATEGORIES = {
    "spam": N_("Advertising or spam"),
    "violation": N_("Against the rules"),
    "legal": N_("Against the law"),
    "other": N_("Something else"),
}
SEVERITY = {1: N_("minor"), 2: N_("serious"), 3: N_("urgent")}
DID = {
    "remove": N_("Taken out of the group"),
    "hide": N_("Hidden here"),
    "lock": N_("Locked"),
    "warn": N_("Author warned"),
    "ban": N_("Author banned"),
    "nothing": N_("Left as it is"),
    "let-in": N_("Let in"),
    "turned-down": N_("Turned down"),
    "suspend": N_("Account suspended"),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line of the queue. `name`: what was said, in few words; `said`: rules or kinds that reports name; `hosts`: from which
    institutions they come; `spent`: how much of its time is over, in hundredths."""

    case: Case
    whom: Actor
    whom_path: str
    group: Actor | None
    group_path: str | None
    name: str
    said: list[str]
    hosts: list[str]
    count: int
    overdue: bool
    spent: int
    severity: str


def listed(tx: Tx, site: Site, me: Actor, group_id: int | None) -> list[Waiting]:
    """The open cases that `me` decides, of a group or (None) all, the one that is due first at the top."""
    found = actions.queue(tx, me, group_id)
    made = reports.of_cases(tx, [one.id for one in found])
    known = actors.by_ids(tx, [one for each in found for one in (each.actor_id, each.group_id) if one is not None])
    return [
        _waiting(tx, site, each, whom, known.get(each.group_id or 0), [one for one in made if one.case_id == each.id])
        for each in found
        if (whom := known.get(each.actor_id)) is not None
    ]


def _waiting(tx: Tx, site: Site, case: Case, whom: Actor, group: Actor | None, made: list[Report]) -> Waiting:
    now, whole = site.clock(), max(1, case.due_at - case.created_at)
    return Waiting(
        case,
        whom,
        actor_path(whom),
        group,
        actor_path(group) if group is not None else None,
        _name(case),
        _said(case, made),
        list(dict.fromkeys(actions.host_of(tx, site, one) for one in made)),
        len(made),
        case.state == "open" and case.due_at <= now,
        max(0, min(100, 100 * (now - case.created_at) // whole)),
        _(SEVERITY.get(case.severity, SEVERITY[1])),
    )


def _name(case: Case) -> str:
    said = case.snapshot[0] if case.snapshot else {}
    return shortened(said.get("title") or to_text(str(said.get("content") or "")[:4000]), 90)


def _said(case: Case, made: list[Report]) -> list[str]:
    if case.kind == "held":
        return [_(case.rule)] if case.rule else []
    return list(dict.fromkeys(one.rule or _(CATEGORIES.get(one.category, CATEGORIES["other"])) for one in made))


@dataclass(frozen=True, slots=True)
class Made:
    """A report of a case: who made it is shown to the moderators of the same institution alone."""

    row: Report
    said: str
    host: str
    by: Actor | None
    by_path: str | None


async def show(request: Request) -> Response:
    """`/cases/ID`."""
    site: Site = request.app.state.site
    me = await person(request)
    case_id: int = request.path_params["case_id"]
    found = await site.db.read(lambda tx: _read(tx, site, me, case_id))
    return page(request, "case.html", **found, **_typed(None))


def _typed(form: FormData | None, problem: str | None = None) -> dict[str, Any]:
    """What stands in the form of a case: what was typed, or nothing."""
    if form is None:
        return {"acts": [], "rule": "", "words": "", "until": "", "with_posts": False, "problem": None, "preview": None}
    return {
        "acts": [one for one in form.getlist("act") if isinstance(one, str)][:8],
        "rule": text(form, "rule", MAX_RULE),
        "words": text(form, "words", MAX_WORDS * 4),
        "until": text(form, "until", 20),
        "with_posts": text(form, "with_posts", 1) == "1",
        "problem": problem,
        "preview": None,
    }


async def act(request: Request) -> Response:
    """Decide a case, look at what deciding it will send, or ask the other side. What can't be done comes back with the reason
    and all that was typed."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    case_id: int = request.path_params["case_id"]
    verb = text(form, "do", 20)
    typed = _typed(form)

    def write(tx: Tx) -> None:
        case = _case(tx, me, case_id)
        if verb == "decide":
            deciding.decide(tx, site, me, case, _verdict(typed))
        elif verb == "nothing":
            deciding.decide(tx, site, me, case, Verdict(words=typed["words"]))
        elif verb == "ask":
            deciding.ask(tx, site, me, case, text(form, "host", 300), text(form, "asked", MAX_WORDS + 1))
        elif verb in ("let-in", "turn-down"):
            deciding.let_in(tx, site, me, case, yes=verb == "let-in", words=typed["words"])
        elif verb == "show":
            for post in posts.by_ids(tx, case.post_ids).values():
                moderated.shown_here(tx, site, post)
        else:
            raise Problem(_("This button says nothing that can be done; go back and try again."))

    try:
        if verb == "change":
            found = await site.db.read(lambda tx: _read(tx, site, me, case_id))
            return page(request, "case.html", **found, **typed)
        if verb == "preview":
            found = await site.db.read(lambda tx: _read(tx, site, me, case_id) | _previewed(tx, me, case_id, typed))
            return page(request, "case.html", **(typed | found))
        await site.db.write(write)
    except Invalid as problem:
        found = await site.db.read(lambda tx: _read(tx, site, me, case_id))
        return page(request, "case.html", problem.status, **found, **(typed | {"problem": problem.text}))
    return see_other(local_path(text(form, "next"), f"/cases/{case_id}"))


def _verdict(typed: dict[str, Any]) -> Verdict:
    acts = tuple(one for one in jurisdiction.NAMES if one in typed["acts"])
    if not acts:
        raise Invalid(_("Choose what is done, or say that it is left as it is."), code="act")
    until = end_of(typed["until"].strip())
    return Verdict(acts, typed["rule"].strip() or None, typed["words"], until, typed["with_posts"])


def _case(tx: Tx, me: Actor, case_id: int) -> Case:
    case = cases.by_id(tx, case_id) if case_id < 2**63 else None
    if case is None or not actions.may_decide(tx, me, case):
        raise NotFound(_(_NOTHING))
    return case


def _read(tx: Tx, site: Site, me: Actor, case_id: int) -> dict[str, Any]:
    case = _case(tx, me, case_id)
    author = actors.by_id(tx, case.actor_id)
    if author is None:
        raise NotFound(_(_NOTHING))
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    made = reports.of_cases(tx, [case.id], 100)
    known = actors.by_ids(tx, [one.reporter_id for one in made if one.reporter_id is not None])
    able = jurisdiction.powers(tx, site, me, case)
    about = {card.post.id: card for card in cards.of_posts(tx, me, list(posts.by_ids(tx, case.post_ids).values()))}
    before, after = _around(tx, me, case)
    member = memberships.find(tx, group.id, author.id) if group is not None else None
    return {
        "case": case,
        "line": _waiting(tx, site, case, author, group, made),
        "author": author,
        "author_path": actor_path(author),
        "group": group,
        "group_path": actor_path(group) if group is not None else None,
        "group_rules": rules.of(tx, group) if group is not None else list(site.config.rules),
        "reports": [_made(tx, site, one, known.get(one.reporter_id or 0)) for one in made],
        "snapshot": [(said, about.get(int(said.get("id") or 0))) for said in case.snapshot],
        "changed": {card.post.id for card in about.values() if _changed(case, card)},
        "before": before,
        "after": after,
        "member": member,
        "upheld": cases.upheld(tx, author.id, case.group_id),
        "powers": able,
        "names": {name: _(said) for name, said in jurisdiction.NAMES.items()},
        "short": {name: _(said) for name, said in jurisdiction.SHORT.items()},
        "done": [_(DID.get(one, one)) for one in case.acts],
        "hidden_here": case.state == "decided"
        and "hide" in case.acts
        and any(c.post.removed_at for c in about.values()),
        "queue": f"{actor_path(group)}/moderation" if group is not None and _moderates(tx, me, group) else "/reports",
    }


def _moderates(tx: Tx, me: Actor, group: Actor) -> bool:
    known = memberships.find(tx, group.id, me.id)
    return known is not None and known.moderates


def _made(tx: Tx, site: Site, row: Report, by: Actor | None) -> Made:
    host = by.host if by is not None else site.config.host
    ours = by is not None and by.local and not by.is_group and by.kind != "Application"
    said = row.rule or _(CATEGORIES.get(row.category, CATEGORIES["other"]))
    return Made(row, said, host, by if ours else None, actor_path(by) if ours and by is not None else None)


def _changed(case: Case, card: Card) -> bool:
    said = next((one for one in case.snapshot if one.get("id") == card.post.id), None)
    return said is not None and card.post.deleted_at is None and said.get("content") != card.post.content[:20_000]


def _around(tx: Tx, me: Actor, case: Case) -> tuple[list[Card], list[Card]]:
    """What stands before and after the post in its thread, as far as `me` sees it."""
    post = posts.by_id(tx, case.post_ids[0]) if case.post_ids else None
    if post is None:
        return [], []
    before, after = replies.around(tx, post.root_id or post.id, post.id, 3, 3)
    seen = visibility.seen(tx, cards.viewer_of(me), before + after)
    made = {card.post.id: card for card in cards.of_posts(tx, me, list(seen.values()))}
    return [made[one] for one in before if one in made], [made[one] for one in after if one in made]


def _previewed(tx: Tx, me: Actor, case_id: int, typed: dict[str, Any]) -> dict[str, Any]:
    """What deciding so would send, to whom: [(to whom, what they read)]. Raises Invalid as deciding would."""
    case = _case(tx, me, case_id)
    verdict = _verdict(typed)
    author = actors.by_id(tx, case.actor_id)
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    why = deciding.reason(tx, verdict, author)
    if "warn" in verdict.acts and not why:
        raise Invalid(_("Choose a rule, or say in your own words what the author is to know."), code="reason")
    lines = []
    if author is not None:
        own = [_(DID[one]) for one in verdict.acts]
        appeal = _("They may appeal once.") if group is not None else ""
        lines.append((author.name or author.username, " ".join([f"{', '.join(own)}.", why, appeal]).strip()))
    loud = [one for one in verdict.acts if one in ("remove", "lock", "ban")]
    if group is not None and loud:
        number = len(memberships.hosts(tx, group.id))
        whom = ngettext("The group, at %(count)s university", "The group, at %(count)s universities", number)
        lines.append((whom % {"count": number}, ", ".join(_(DID[one]) for one in loud)))
    lines.append((_("Who reported it"), deciding.outcome(" ".join(verdict.acts), verdict.rule)))
    lines.append((_("The log of the group, without names"), ", ".join(_(DID[one]) for one in verdict.acts)))
    return {"preview": lines, "problem": None}
