"""Reports: somebody asks moderators to look at a person and their posts (`Flag`), and moderators settle it (`Resolve`).

A report about posts in a group goes to that group's moderators, and every report to the staff of this instance. Who reported is
told to those who decide here, never to whom it is about, nor to other servers: what goes there is the instance's own word, unless
the reporter lets the group's moderators know their name. Reports of the same are one case (`fedi.actions.cases`).
"""

from dataclasses import replace
from typing import Any

from federation.vocabulary.context import MODERATION, REPORT
from fedi.actions import cases, memberships, notifying, sending
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from storage import actors, outbox, peers, people, posts, reports
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reports import Report

CATEGORIES = ("spam", "legal", "violation", "other")
MAX_TEXT = 1000
"""Characters; Mastodon's limit."""
MAX_POSTS = 100
NEWS = "admin.report"
"""The kind of notification that tells moderators of a report; its actor is whom the report is about."""


def wants_names(tx: Tx, group: Actor | None) -> bool:
    """Whether the server of a group takes no report but from a person: Lemmy reads the sender of a `Flag` as one
    (`ObjectId<ApubPerson>`), so that it drops what an instance's own actor, an `Application`, sends."""
    peer = peers.by_host(tx, group.host) if group is not None and not group.local else None
    return peer is not None and (peer.software or "").lower() == "lemmy"


def report(
    tx: Tx,
    site: Site,
    reporter: Actor,
    target: Actor,
    posts: list[Post],
    text: str,
    category: str = "other",
    forward: bool = False,
    rule_ids: list[int] | None = None,
    rule: str | None = None,
    named: bool | None = None,
) -> Report:
    """A person here reports `target` and some of their posts. `text` is plain text; `forward`: tell their server, too; `rule`:
    the rule of the group that it names; `named`: moderators of a group elsewhere may know who reported; None: only where
    `wants_names` says so.

    Of posts in a group elsewhere that group hears of it in any case, since its moderators decide. Raises Invalid for
    posts of another, an unknown category, or an overlong text.
    """
    if category not in CATEGORIES:
        raise Invalid(f"Validation failed: Category is one of {', '.join(CATEGORIES)}", code="category")
    if len(text) > MAX_TEXT:
        raise Invalid(f"Validation failed: Comment is longer than {MAX_TEXT} characters", code="comment")
    if any(post.author_id != target.id for post in posts) or len(posts) > MAX_POSTS:
        raise Invalid("Validation failed: Status ids are of another account", code="status_ids")
    group = group_of(tx, posts)
    made = Report(
        id=site.new_id(),
        iri=site.iri(f"/activities/{site.new_id()}"),
        reporter_id=reporter.id,
        group_id=group.id if group is not None else None,
        actor_id=target.id,
        post_ids=[post.id for post in posts],
        text=text.strip(),
        category=category,
        forward=forward,
        state="open",
        resolved_by_id=None,
        resolved_at=None,
        created_at=site.clock(),
        rule_ids=rules(site, rule_ids or [], category),
        rule=rule,
    )
    keep(tx, site, made, target, group)
    if group is not None and not group.local:
        named = wants_names(tx, group) if named is None else named
        _to_group(tx, site, made, reporter if named else None, target, group, posts)
    if forward and not target.local:
        _to_home(tx, site, made, target, posts)
    return made


def rules(site: Site, wanted: list[int], category: str) -> list[int]:
    """The rules of this instance that a report names, by number. Raises Invalid where it names one that there isn't."""
    found = [one for one in dict.fromkeys(wanted) if 1 <= one <= len(site.config.rules)]
    if category != "violation":
        return []
    if len(found) != len(set(wanted)):
        raise Invalid("Validation failed: Rules does not reference valid rules", code="rule_ids")
    return found


def keep(tx: Tx, site: Site, made: Report, target: Actor, group: Actor | None) -> bool:
    """Keep a report of anyone and tell those of this instance who decide; False when it is known. The one it is about is
    not told, also when they moderate."""
    if not reports.insert(tx, made):
        return False
    cases.of_report(tx, site, made, target, group)
    tell_deciders(tx, site, target, group, made.post_ids[0] if made.post_ids else None, but=made.reporter_id)
    return True


def tell_deciders(
    tx: Tx, site: Site, target: Actor, group: Actor | None, post_id: int | None = None, *, but: int | None = None
) -> None:
    """Tell those of this instance who decide, without `but` and whom it is about."""
    for person in deciders(tx, group).values():
        if person.id not in (target.id, but):
            notifying.tell(tx, site, person, NEWS, target, post_id)


def deciders(tx: Tx, group: Actor | None) -> dict[int, Actor]:
    """Who of this instance decides: the moderators of the group that it is in, first, and the staff of the instance, who
    answer for what is said here wherever it is; by id."""
    here = moderators_here(tx, group) if group is not None else {}
    return here | actors.by_ids(tx, [*people.by_role(tx, "moderator"), *people.by_role(tx, "admin")])


def moderators_here(tx: Tx, group: Actor) -> dict[int, Actor]:
    """Who of this instance moderates this group, by id."""
    found = actors.by_ids(tx, membership_rows.moderators(tx, group.id))
    return {number: actor for number, actor in found.items() if actor.local and actor.state == "active"}


def group_of(tx: Tx, reported: list[Post]) -> Actor | None:
    """The group that reported posts are in; None when they are in several, or one is in none."""
    ids = {post.group_id for post in reported}
    only = ids.pop() if len(ids) == 1 else None
    return actors.by_id(tx, only) if only is not None else None


def may_resolve(tx: Tx, by: Actor, made: Report) -> bool:
    """Whether `by` settles this report: who decides the case that it is part of."""
    return cases.may_decide(tx, by, made)


def resolve(tx: Tx, site: Site, by: Actor, report: Report, outcome: str = "") -> None:
    """Settle a report; who reported it from elsewhere, or the group's host, is told (Lemmy 1.0), with the `outcome` in words.
    Again is nothing.

    Raises Forbidden for who does not moderate there.
    """
    if not may_resolve(tx, by, report):
        raise Forbidden("Only moderators settle reports, and none that is about themselves.", code="not-a-moderator")
    if report.state != "open":
        return
    reports.resolve(tx, report.id, by.id, site.clock())
    _tell_settled(tx, site, by, report, outcome)
    cases.report_settled(tx, site, report, by)


def _tell_settled(tx: Tx, site: Site, by: Actor, report: Report, outcome: str) -> None:
    """`Resolve` to the server that the report came from, or that it was sent to. No server learns from us who reported."""
    found = actors.by_ids(tx, [report.reporter_id or 0, report.group_id or 0, report.actor_id])
    reporter, group = found.get(report.reporter_id or 0), found.get(report.group_id or 0)
    instance = actors.by_iri(tx, site.instance_iri)
    told = reporter if reporter is not None and not reporter.local else group
    if reporter is None or instance is None or told is None or told.local:
        return
    flag = {
        "id": report.iri,
        "type": "Flag",
        "actor": instance.iri if reporter.local else reporter.iri,
        "to": [group.iri if group is not None else site.instance_iri],
        "object": _object(found[report.actor_id], _posts(tx, report)),
        "summary": report.text,
    }
    moderates = group is not None and memberships.moderates(tx, by, group)
    speaker = by if moderates and by.local else instance
    sending.send(
        tx,
        site,
        speaker,
        "Resolve",
        flag,
        to=[group.iri if group is not None and not group.local else reporter.iri],
        cc=[],
        audience=outbox.Audience(actors=(told.id,)),
        group=group if speaker is by else None,
        context=MODERATION,
        summary=outcome or None,
    )


def _posts(tx: Tx, report: Report) -> list[Post]:
    found = posts.by_ids(tx, report.post_ids)
    return [found[number] for number in report.post_ids if number in found]


def _object(target: Actor, reported: list[Post]) -> Any:
    """What a Flag to a group is about: the one post alone, as Lemmy wants it, else account and posts, as Mastodon has it."""
    if len(reported) == 1:
        return reported[0].iri
    return [target.iri, *(post.iri for post in reported)]


def _to_group(
    tx: Tx, site: Site, made: Report, reporter: Actor | None, target: Actor, group: Actor, reported: list[Post]
) -> None:
    """To the group's inbox, as Lemmy wants it: one post and exactly one `to`. It is the instance's own word, or the
    reporter's (if given), so that moderators can ask back; never that where the one it is about is one of them."""
    instance = actors.by_iri(tx, site.instance_iri)
    speaker = reporter if reporter is not None and not _biased(tx, group, target.id) else instance
    if speaker is None:
        return
    _flag(tx, site, speaker, group, _object(target, reported), made, iri=made.iri, group=group)


def ask(tx: Tx, site: Site, made: Report, target: Actor, reported: list[Post], text: str) -> None:
    """Ask the server of whom a report is about to act, in words of a moderator here: the instance's own word."""
    instance = actors.by_iri(tx, site.instance_iri)
    if instance is not None and not target.local:
        said = replace(made, text=text)
        _flag(tx, site, instance, target, [target.iri, *(post.iri for post in reported)], said)


def _biased(tx: Tx, group: Actor, target_id: int) -> bool:
    """Whether whom a report is about is one of those who decide in the group."""
    known = membership_rows.find(tx, group.id, target_id)
    return (known is not None and known.moderates) or target_id == group.id


def _to_home(tx: Tx, site: Site, made: Report, target: Actor, reported: list[Post]) -> None:
    """To the server of whom it is about: the instance's own word, so that nobody there learns who reported (Mastodon)."""
    instance = actors.by_iri(tx, site.instance_iri)
    if instance is not None:
        _flag(tx, site, instance, target, [target.iri, *(post.iri for post in reported)], made)


def _flag(
    tx: Tx,
    site: Site,
    by: Actor,
    to: Actor,
    object: Any,
    made: Report,
    *,
    iri: str | None = None,
    group: Actor | None = None,
) -> None:
    sending.send(
        tx,
        site,
        by,
        "Flag",
        object,
        to=[to.iri],
        cc=[],
        audience=outbox.Audience(actors=(to.id,)),
        activity_id=iri,
        group=group,
        content=said(made),
        summary=said(made),
        rule=made.rule,
        context=REPORT,
    )


def said(made: Report) -> str:
    """What a report says to who knows no rules: the rule that it names, then the words."""
    return f"{made.rule}: {made.text}".removesuffix(": ") if made.rule is not None else made.text
