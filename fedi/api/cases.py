"""Cases of moderation: what waits for a decision, how it is decided, appeals, and the rules of a group that one accepts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fedi.actions import appeals as appeal_actions
from fedi.actions import cases as case_actions
from fedi.actions import deciding, jurisdiction, rules
from fedi.actions.appealed import MAX_TEXT
from fedi.actions.deciding import MAX_RULE, MAX_WORDS, Verdict
from fedi.api.groups import find
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Account, Id, Moment, Page
from fedi.errors import Invalid, NotFound
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from fedi.text import to_text
from storage import actors, appeals, cases, moderations, reports
from storage.appeals import Appeal
from storage.cases import Case
from storage.metadata import Tx

Done = Literal["hide", "remove", "lock", "warn", "ban"]
Thing = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
_FIRST, _LAST = 946_684_800_000, 4_102_444_800_000


class Open(msgspec.Struct, kw_only=True):
    """Which cases: of one group, or all that the person who asks decides."""

    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    group_id: Thing | None = None


class Said(msgspec.Struct, kw_only=True):
    """A report of a case; from which institution, never by whom."""

    rule: str | None
    category: str
    text: str
    host: str
    at: Moment


class CaseShown(msgspec.Struct, kw_only=True):
    """What moderators are asked to decide. `text`: what the post said when it was reported; `can`: what has effect when the person
    who asks does it; `ask`: which servers can be asked to act."""

    id: Id
    kind: Literal["report", "held"]
    state: Literal["open", "decided"]
    account: Account | None
    group_id: Id | None
    post_ids: list[Id]
    text: str
    severity: int
    due_at: Moment
    overdue: bool
    reports: list[Said]
    can: list[Done]
    ask: list[str]
    outcome: list[str]
    rule: str | None
    words: str | None
    created_at: Moment


class Decision(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is done, by which rule, in which words to the author; `acts` is empty where nothing is wrong. `until` (ms since 1970) ends
    a ban, `with_posts` takes out all that the author wrote in the group."""

    acts: Annotated[list[Done], Meta(max_length=5)] = []
    rule: Annotated[str, Meta(min_length=1, max_length=MAX_RULE)] | None = None
    words: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    until: Annotated[int, Meta(ge=_FIRST, le=_LAST)] | None = None
    with_posts: bool = False


class Asking(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which server is asked to act, and to do what."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    words: Annotated[str, Meta(min_length=1, max_length=MAX_WORDS)]


class NewAppeal(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An appeal against an act of moderators (`id` of the log of a group), and why it was wrong."""

    moderation_id: Thing
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Answer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whether what was done stands or is taken back, and what the one who appealed reads."""

    state: Literal["upheld", "overturned"]
    words: Annotated[str, Meta(max_length=MAX_TEXT)] = ""


class AppealShown(msgspec.Struct, kw_only=True):
    """An appeal; `account` made it."""

    id: Id
    moderation_id: Id
    group_id: Id | None
    account: Account | None
    text: str
    state: Literal["open", "upheld", "overturned"]
    words: str | None
    due_at: Moment
    created_at: Moment


class RulesShown(msgspec.Struct, kw_only=True):
    """The rules of a group. `version` tells them from others; `accepted`: whether the person who asks accepted these."""

    rules: list[str]
    version: str
    accepted: bool


class Acceptance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The version of the rules that was read."""

    version: Annotated[str, Meta(min_length=1, max_length=80)]


def _shown(tx: Tx, call: Call, case: Case) -> CaseShown:
    site = call.site
    author = actors.by_id(tx, case.actor_id)
    able = jurisdiction.powers(tx, site, call.me, case) if case.state == "open" and case.kind == "report" else None
    said = case.snapshot[0] if case.snapshot else {}
    return CaseShown(
        id=str(case.id),
        kind="held" if case.kind == "held" else "report",
        state="open" if case.state == "open" else "decided",
        account=account(site.config.origin, author) if author is not None else None,
        group_id=str(case.group_id) if case.group_id is not None else None,
        post_ids=[str(one) for one in case.post_ids],
        text=to_text(str(said.get("content") or ""))[:5000],
        severity=case.severity,
        due_at=moment(case.due_at),
        overdue=case.state == "open" and case.due_at <= site.clock(),
        reports=[
            Said(
                rule=one.rule,
                category=one.category,
                text=one.text,
                host=case_actions.host_of(tx, site, one),
                at=moment(one.created_at),
            )
            for one in reports.of_cases(tx, [case.id], 50)
        ],
        can=[one for one in _ACTS if able is not None and one in able.mine],
        ask=list(able.ask) if able is not None else [],
        outcome=case.acts,
        rule=case.rule,
        words=case.words,
        created_at=moment(case.created_at),
    )


_ACTS: tuple[Done, ...] = ("hide", "remove", "lock", "warn", "ban")


def listed(tx: Tx, call: Call, query: Open) -> Page[CaseShown]:
    """The open cases that the person who asks decides, the one that is due first at the top."""
    group_id = int(query.group_id) if query.group_id is not None else None
    found = case_actions.queue(tx, call.me, group_id, query.limit)
    return Page(items=[_shown(tx, call, one) for one in found])


def _case(tx: Tx, call: Call) -> Case:
    case = cases.by_id(tx, call.ids["id"])
    if case is None or not case_actions.may_decide(tx, call.me, case):
        raise NotFound("This case is not there, or others decide about it.")
    return case


def shown(tx: Tx, call: Call) -> CaseShown:
    """A case, for who decides it."""
    return _shown(tx, call, _case(tx, call))


def decide(tx: Tx, call: Call, body: Decision) -> CaseShown:
    """Decide a case; its author, who reported, and moderators elsewhere are told."""
    verdict = Verdict(tuple(dict.fromkeys(body.acts)), body.rule, body.words, body.until, body.with_posts)
    deciding.decide(tx, call.site, call.me, _case(tx, call), verdict)
    return _shown(tx, call, _case(tx, call))


def ask(tx: Tx, call: Call, body: Asking) -> CaseShown:
    """Ask the server of the author to act, without saying who reported."""
    deciding.ask(tx, call.site, call.me, _case(tx, call), body.host, body.words)
    return _shown(tx, call, _case(tx, call))


def _appeal(tx: Tx, call: Call, made: Appeal) -> AppealShown:
    by = actors.by_id(tx, made.actor_id)
    return AppealShown(
        id=str(made.id),
        moderation_id=str(made.moderation_id),
        group_id=str(made.group_id) if made.group_id is not None else None,
        account=account(call.site.config.origin, by) if by is not None else None,
        text=made.text,
        state="open" if made.state == "open" else "upheld" if made.state == "upheld" else "overturned",
        words=made.words,
        due_at=moment(made.due_at),
        created_at=moment(made.created_at),
    )


def appealing(tx: Tx, call: Call) -> Page[AppealShown]:
    """The open appeals that the person who asks decides."""
    found = []
    for one in appeals.waiting(tx, 50):
        done = moderations.by_id(tx, one.moderation_id)
        if done is not None and appeal_actions.may_decide(tx, call.site, call.me, one, done):
            found.append(_appeal(tx, call, one))
    return Page(items=found)


def appeal(tx: Tx, call: Call, body: NewAppeal) -> AppealShown:
    """Appeal, once, against what moderators did to oneself; another moderator decides."""
    done = moderations.by_id(tx, int(body.moderation_id))
    if done is None:
        raise NotFound("There is nothing here that you could appeal against.")
    return _appeal(tx, call, appeal_actions.appeal(tx, call.site, call.me, done, body.text))


def answer(tx: Tx, call: Call, body: Answer) -> AppealShown:
    """Decide about an appeal: what was done stands, or is taken back."""
    made = appeals.by_id(tx, call.ids["id"])
    done = moderations.by_id(tx, made.moderation_id) if made is not None else None
    if made is None or done is None or not appeal_actions.may_decide(tx, call.site, call.me, made, done):
        raise NotFound("This appeal is not there, or others decide about it.")
    if body.state == "upheld":
        appeal_actions.uphold(tx, call.site, call.me, made, body.words)
    else:
        appeal_actions.overturn(tx, call.site, call.me, made, body.words)
    return _appeal(tx, call, appeals.by_id(tx, made.id) or made)


def rules_of(tx: Tx, call: Call) -> RulesShown:
    """The rules of a group, and whether one accepted them."""
    group = find(tx, call)
    found = rules.of(tx, group)
    return RulesShown(rules=found, version=rules.version(found), accepted=not rules.pending(tx, call.me, group))


def accept(tx: Tx, call: Call, body: Acceptance) -> RulesShown:
    """Accept the rules of a group as they are now."""
    group = find(tx, call)
    if not rules.accept(tx, call.site, call.me, group, body.version):
        raise Invalid("The rules are others by now: read them once more.", code="rules")
    return rules_of(tx, call)


_READ, _WRITE = ("read:groups",), ("write:groups",)
OPERATIONS = [
    Operation(method="GET", path="/cases", unit=listed, tag="moderation", scopes=_READ),
    Operation(method="GET", path="/cases/{id}", unit=shown, tag="moderation", scopes=_READ),
    Operation(method="POST", path="/cases/{id}/decision", unit=decide, tag="moderation", scopes=_WRITE),
    Operation(method="POST", path="/cases/{id}/asking", unit=ask, tag="moderation", scopes=_WRITE),
    Operation(method="GET", path="/appeals", unit=appealing, tag="moderation", scopes=_READ),
    Operation(method="POST", path="/appeals", unit=appeal, tag="moderation", scopes=_WRITE, refuses=(404,)),
    Operation(method="POST", path="/appeals/{id}/decision", unit=answer, tag="moderation", scopes=_WRITE),
    Operation(method="GET", path="/groups/{id}/rules", unit=rules_of, tag="groups", scopes=_READ),
    Operation(method="PUT", path="/groups/{id}/rules", unit=accept, tag="groups", scopes=_WRITE),
]
