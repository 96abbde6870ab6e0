"""How a case is decided: what is done to the post and its author, what they read, and who is told how it ended."""

from collections.abc import Callable
from dataclasses import dataclass

from federation.vocabulary.context import MODERATION
from fedi.actions import cases as case_actions
from fedi.actions import held, jurisdiction, mailing, memberships, moderated, moderation, notices, sending
from fedi.actions import reports as report_actions
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.languages import _, using
from storage import actors, cases, moderations, outbox, people, posts, reports
from storage.actors import Actor
from storage.cases import Case
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.posts import Post

MAX_WORDS = 800
"""Characters of what the author is told, beside the rule."""
MAX_RULE = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a moderator wants: `acts` (some of remove lock warn ban hide; none: nothing is wrong), the rule that it is by, words
    for the author, when a ban ends (ms), and whether with all the author wrote in the group."""

    acts: tuple[str, ...] = ()
    rule: str | None = None
    words: str = ""
    until: int | None = None
    with_posts: bool = False


def reason(tx: Tx, verdict: Verdict, author: Actor | None) -> str:
    """What the author reads, in their language where they are of this instance."""
    words = verdict.words.strip()
    if verdict.rule is None or author is None:
        return words
    with notices.speaking(tx, author):
        said = _("It is against the rule “%(rule)s”.") % {"rule": verdict.rule.rstrip(".")}
    return f"{said} {words}".strip()


def decide(tx: Tx, site: Site, by: Actor, case: Case, verdict: Verdict) -> None:
    """Decide a case. In a group elsewhere its institution is asked for what is done there.

    Raises Forbidden for who may not, Invalid when it is decided, and for what can't be done (any more).
    """
    if not case_actions.may_decide(tx, by, case):
        raise Forbidden(_("Only moderators decide, and nobody about themselves."), code="not-a-moderator")
    if case.state != "open":
        raise Invalid(_("This case is decided already."), code="known")
    if len(verdict.words) > MAX_WORDS:
        raise Invalid(_("Say it in at most %(most)s characters.") % {"most": MAX_WORDS}, code="words")
    able = jurisdiction.powers(tx, site, by, case).mine
    for act in verdict.acts:
        if act not in able:
            raise Invalid(_("“%(act)s” has no effect here (any more).") % {"act": act}, code="act")
    if case.kind == "held":
        raise Invalid(_("Let it in, or turn it down."), code="act")
    author = actors.by_id(tx, case.actor_id)
    why = reason(tx, verdict, author)
    if "warn" in verdict.acts and not why:
        raise Invalid(_("Choose a rule, or say in your own words what the author is to know."), code="reason")
    for act in verdict.acts:
        _do(tx, site, by, case, author, act, why, verdict)
    acts = " ".join(dict.fromkeys([*verdict.acts, *case_actions.done(tx, case)])) or "nothing"
    case_actions.settle(tx, site, case, by, acts, verdict.rule, why)
    _tell(tx, site, by, case, acts, verdict.rule)


def _do(tx: Tx, site: Site, by: Actor, case: Case, author: Actor | None, act: str, why: str, verdict: Verdict) -> None:
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    found = posts.by_ids(tx, case.post_ids)
    about = [found[one] for one in case.post_ids if one in found and found[one].deleted_at is None]
    made: list[Moderation] = []
    if act == "ban" and group is not None and author is not None:
        made.append(moderation.ban(tx, site, by, group, author, why, verdict.until, verdict.with_posts))
    for post in [posts.by_id(tx, one.id) or one for one in about]:
        if act == "remove" and post.removed_at is None:
            made.append(moderation.remove(tx, site, by, post, why))
        elif act == "lock" and not post.locked and post.removed_at is None:
            made.append(moderation.lock(tx, site, by, post, why))
        elif act == "hide" and post.removed_at is None:
            made.append(moderated.hidden_here(tx, site, by, post, why))
    if act == "warn" and about:
        made.append(moderation.warn(tx, site, by, about[0], why))
    if act == "hide" and made and author is not None and author.local:
        with notices.speaking(tx, author):
            said = _("Your post is not shown at %(name)s any more.") % {"name": site.config.name}
        notices.letter(tx, site, None, author, f"{said} {why}".strip())
    for one in made:
        moderations.mark(tx, one.id, verdict.rule, case.id)


def closed(tx: Tx, site: Site, by: Actor, case: Case, words: str) -> None:
    """A moderator elsewhere says that a case is settled (`Resolve`): by what they did, if anything. Raises Forbidden for who
    does not moderate there."""
    if not case_actions.may_decide(tx, by, case):
        raise Forbidden(f"{by.iri} does not moderate here", code="not-a-moderator")
    if case.state != "open":
        return
    acts = " ".join(case_actions.done(tx, case)) or "nothing"
    case_actions.settle(tx, site, case, by, acts, None, words[:MAX_WORDS])
    _tell(tx, site, by, case, acts, None)


def outcome(acts: str, rule: str | None) -> str:
    """What became of a report, in a sentence for who made it; no name is in it."""
    known: dict[str, Callable[[], str]] = {
        "remove": lambda: _("The post was taken out of the group."),
        "hide": lambda: _("The post is not shown here any more."),
        "lock": lambda: _("The thread was locked."),
        "warn": lambda: _("Its author was warned."),
        "ban": lambda: _("Its author was banned from the group."),
        "let-in": lambda: _("It was let in."),
        "turned-down": lambda: _("It was turned down."),
    }
    said = [known[act]() for act in acts.split() if act in known]
    if not said:
        return _("Moderators looked at it and left it as it is.")
    if rule is not None:
        said.append(_("The rule: %(rule)s") % {"rule": rule})
    return " ".join(said)


def _tell(tx: Tx, site: Site, by: Actor, case: Case, acts: str, rule: str | None) -> None:
    """Whoever reported, here and elsewhere, and the moderators elsewhere learn how it ended."""
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    told: set[int] = set()
    for made in reports.of_cases(tx, [case.id]):
        if made.state == "open":
            # A moderator elsewhere settles by their own server's word for it.
            with using():
                said = outcome(acts, rule)
            report_actions.resolve(tx, site, by, made, said)
        reporter = actors.by_id(tx, made.reporter_id) if made.reporter_id is not None else None
        if reporter is not None and reporter.local and reporter.id not in told and reporter.id != by.id:
            told.add(reporter.id)
            tell_reporter(tx, site, group, reporter, acts, rule)
    if group is not None and group.local:
        with using():
            said = outcome(acts, rule)
        _tell_moderators(tx, site, by, case, group, said)


def tell_reporter(
    tx: Tx, site: Site, group: Actor | None, reporter: Actor, acts: str, rule: str | None, said: str | None = None
) -> None:
    """Tell a person here what became of their report: a letter, and a mail where they are sent."""
    with notices.speaking(tx, reporter):
        words = said or outcome(acts, rule)
        subject = _("Your report was looked at")
        text = _("Thank you for your report. %(outcome)s") % {"outcome": words}
    notices.outcome(tx, site, group, reporter, words)
    row = people.by_id(tx, reporter.id)
    if mailing.enabled(site) and row is not None and row.state == "active" and mailing.is_address(row.email):
        mailing.post(tx, site, to=row.email, person_id=reporter.id, kind="outcome", subject=subject, text=f"{text}\n")


def _tell_moderators(tx: Tx, site: Site, by: Actor, case: Case, group: Actor, said: str) -> None:
    to = [one for one in case_actions.elsewhere(tx, group) if one.host != by.host]
    flag = case_actions.flag(tx, site, case)
    speaker = by if by.local and memberships.moderates(tx, by, group) else actors.by_iri(tx, site.instance_iri)
    if not to or flag is None or speaker is None:
        return
    sending.send(
        tx,
        site,
        speaker,
        "Resolve",
        flag,
        to=[group.iri],
        cc=[],
        audience=outbox.Audience(actors=tuple(one.id for one in to)),
        group=group,
        context=MODERATION,
        summary=said,
    )


def ask(tx: Tx, site: Site, by: Actor, case: Case, host: str, words: str) -> None:
    """Ask the server of the author to act: what a moderator here wants, as a report of this instance.

    Raises Forbidden for who may not, Invalid without words, for a host that has no part in it, and a second time.
    """
    if not case_actions.may_decide(tx, by, case):
        raise Forbidden(_("Only moderators decide, and nobody about themselves."), code="not-a-moderator")
    text = words.strip()
    if not text or len(text) > MAX_WORDS:
        raise Invalid(_("Say what they are asked to do."), code="words")
    author = actors.by_id(tx, case.actor_id)
    first = next(iter(reports.of_cases(tx, [case.id])), None)
    if author is None or first is None or host not in jurisdiction.powers(tx, site, by, case).ask:
        raise Invalid(_("They were asked already, or have no part in this."), code="host")
    found = posts.by_ids(tx, case.post_ids)
    about: list[Post] = [found[one] for one in case.post_ids if one in found]
    report_actions.ask(tx, site, first, author, about, text)
    cases.change(tx, case.id, asked=[*case.asked, {"host": host, "text": text, "at": site.clock()}])


def let_in(tx: Tx, site: Site, by: Actor, case: Case, *, yes: bool, words: str = "") -> None:
    """Let in what waits for a moderator, or turn it down. Raises Forbidden, Invalid, and NotFound when it does not wait."""
    if not case_actions.may_decide(tx, by, case):
        raise Forbidden(_("Only moderators decide, and nobody about themselves."), code="not-a-moderator")
    if case.state != "open" or case.kind != "held" or case.received_id is None:
        raise Invalid(_("This case is decided already."), code="known")
    if yes:
        held.release(tx, site, by.iri, case.received_id)
    else:
        held.refuse(tx, site, by.iri, case.received_id, words)
    case_actions.settle(tx, site, case, by, "let-in" if yes else "turned-down", case.rule, words[:MAX_WORDS])
