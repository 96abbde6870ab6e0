"""What a person was told of moderation: notifications name a group and a post, here is what was done there, or reported."""

from collections.abc import Iterable

from fedi.actions.cases import may_decide
from fedi.actions.moderated import WARNING
from fedi.actions.reports import NEWS, may_resolve
from fedi.actions.suspensions import SEVERED
from fedi.languages import _, day
from storage import appeals, cases, moderations
from storage import reports as report_rows
from storage import severed as severed_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.notifications import Notification
from storage.reports import Report
from storage.severed import Loss

_TOLD = ("remove", "lock", "warn", "ban")


def warnings(tx: Tx, me: Actor, found: Iterable[Notification]) -> dict[int, Moderation]:
    """What moderators did to `me`, by the id of the notification that tells of it: the newest in that group about that
    post (or about no post)."""
    about = [one for one in found if one.kind == WARNING]
    done = [
        each
        for each in moderations.about(tx, me.id, list({one.actor_id for one in about}))
        if each.action in _TOLD and each.undone_at is None
    ]
    known: dict[tuple[int | None, int | None], Moderation] = {}
    for each in done:
        known.setdefault((each.group_id, each.post_id), each)
    return {one.id: known[one.actor_id, one.post_id] for one in about if (one.actor_id, one.post_id) in known}


def reports(tx: Tx, me: Actor, found: Iterable[Notification]) -> dict[int, Report]:
    """The newest report that each of these notifications tells of, if `me` (still) decides about it."""
    about = [one for one in found if one.kind == NEWS]
    known: dict[tuple[int, int | None], Report] = {}
    for made in report_rows.about(tx, list({one.actor_id for one in about})):
        known.setdefault((made.actor_id, next(iter(made.post_ids), None)), made)
    matches = {one.id: known[one.actor_id, one.post_id] for one in about if (one.actor_id, one.post_id) in known}
    return {number: made for number, made in matches.items() if may_resolve(tx, me, made)}


def paths(tx: Tx, me: Actor, found: Iterable[Notification]) -> dict[int, str]:
    """Where `me` looks at what each of these notifications of moderation tells of: a case, an appeal, or what was done."""
    several = list(found)
    made = {number: f"/appeals/{one.id}" for number, one in warnings(tx, me, several).items()}
    made |= {
        number: f"/cases/{one.case_id}" if one.case_id is not None else "/reports"
        for number, one in reports(tx, me, several).items()
    }
    for one in several:
        if one.kind != NEWS or one.id in made:
            continue
        waiting = next((case for case in cases.open_about(tx, one.actor_id) if may_decide(tx, me, case)), None)
        if waiting is not None:
            made[one.id] = f"/cases/{waiting.id}"
        elif (appeal := appeals.newest_of(tx, one.actor_id)) is not None and appeal.state == "open":
            made[one.id] = f"/appeals/{appeal.moderation_id}"
    return made


def severed(tx: Tx, me: Actor, found: Iterable[Notification]) -> dict[int, Loss]:
    """What `me` lost with a peering that ended, by the id of the notification that tells of it."""
    about = [one for one in found if one.kind == SEVERED]
    loss = severed_rows.newest_loss(tx, me.id) if about else None
    return {about[0].id: loss} if loss is not None else {}


def lost(loss: Loss) -> str:
    """What was lost, in a sentence for whom it concerns."""
    said = _(
        "The peering with %(host)s is over: you followed %(following)s there, and %(followers)s followed you. They are listed "
        "in your settings, and come back when it is agreed anew."
    )
    return said % {"host": loss.host, "following": loss.following, "followers": loss.followers}


def words(done: Moderation, group: Actor) -> str:
    """What was done, and why, in a sentence for whom it was done to; which moderator is not in it."""
    name, why = group.name or group.username, done.reason or ""
    if done.action == "warn":
        return _("A moderator of %(group)s: %(why)s") % {"group": name, "why": why}
    if done.action == "ban" and done.until is not None:
        said = _("You are banned from %(group)s until %(day)s.") % {"group": name, "day": day(done.until)}
    elif done.action == "ban":
        said = _("You are banned from %(group)s.") % {"group": name}
    elif done.action == "lock":
        said = _("Your thread in %(group)s was locked.") % {"group": name}
    else:
        said = _("Your post was taken out of %(group)s.") % {"group": name}
    return f"{said} {why}".strip()
