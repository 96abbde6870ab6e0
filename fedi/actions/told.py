"""What a person was told of moderation: notifications name a group and a post, here is what was done there, or reported."""

from collections.abc import Iterable

from fedi.actions.moderated import WARNING
from fedi.actions.reports import NEWS, may_resolve
from fedi.actions.suspensions import SEVERED
from fedi.text.dates import day
from storage import moderations
from storage import reports as report_rows
from storage import severed as severed_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.notifications import Notification
from storage.reports import Report
from storage.severed import Loss

_TOLD = ("remove", "warn", "ban")


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


def severed(tx: Tx, me: Actor, found: Iterable[Notification]) -> dict[int, Loss]:
    """What `me` lost with a peering that ended, by the id of the notification that tells of it."""
    about = [one for one in found if one.kind == SEVERED]
    loss = severed_rows.newest_loss(tx, me.id) if about else None
    return {about[0].id: loss} if loss is not None else {}


def lost(loss: Loss) -> str:
    """What was lost, in a sentence for whom it concerns."""
    return (
        f"The peering with {loss.host} is over: you followed {loss.following} there, and {loss.followers} followed you. "
        "They are listed in your settings, and come back when it is agreed anew."
    )


def words(done: Moderation, group: Actor) -> str:
    """What was done, and why, in a sentence for whom it was done to; which moderator is not in it."""
    name, why = group.name or group.username, done.reason or ""
    if done.action == "warn":
        return f"A moderator of {name}: {why}"
    if done.action == "ban":
        end = "" if done.until is None else f" until {day(done.until)}"
        said = f"You are banned from {name}{end}."
    else:
        said = f"Your post was taken out of {name}."
    return f"{said} {why}".strip()
