"""The Notification entity, and groups of them (Mastodon 4.3). Pure."""

from collections import defaultdict
from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account, account_dict
from fedi.mastodon.entities.report import report, warning
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Bundle, Shown
from storage.notifications import Notification

GROUPED = ("favourite", "reblog", "follow")
"""Kinds that Mastodon puts together; clients that don't know one ask for fewer."""
OF_MODERATION = ("moderation_warning", "admin.report")
"""Kinds that have no status, but say what moderators did, or are asked to look at."""
_SAMPLE = 8
_BUCKET = 12 * 3600 * 1000


def group_key(one: Notification, grouped: list[str] | None = None) -> str:
    """The group a notification is in: of its kind, about its post, within half a day; or alone."""
    if one.kind not in GROUPED or (grouped is not None and one.kind not in grouped):
        return f"ungrouped-{one.id}"
    about = "" if one.post_id is None else f"{one.post_id}-"
    return f"{one.kind}-{about}{one.created_at // _BUCKET}"


def notification(bundle: Bundle, one: Notification) -> dict[str, Any] | None:
    """One notification; None when its actor is gone or the caller may not see its post any more."""
    actor = bundle.actors.get(one.actor_id)
    if actor is None or actor.state != "active":
        return None
    of_moderation = _of_moderation(bundle, one)
    if of_moderation is None:
        return None
    shown: dict[str, Any] = {
        "id": str(one.id),
        "type": one.kind,
        "created_at": moment(one.created_at),
        "group_key": group_key(one),
        "account": account(bundle.origin, actor),
        **of_moderation,
    }
    if one.post_id is not None and not of_moderation:
        about = status(bundle, Shown(one.post_id, one.post_id))
        if about is None:
            return None
        shown["status"] = about
    return shown


def _of_moderation(bundle: Bundle, one: Notification) -> dict[str, Any] | None:
    """What a notification of moderation says instead of a status; empty for any other, None when nothing is left to say."""
    if one.kind not in OF_MODERATION:
        return {}
    actor, me = bundle.actors.get(one.actor_id), bundle.actors.get(bundle.person_id or 0)
    done, made = bundle.warnings.get(one.id), bundle.reports.get(one.id)
    if actor is not None and me is not None and done is not None:
        return {"moderation_warning": warning(bundle.origin, done, me, actor)}
    return {"report": report(bundle.origin, made, actor)} if actor is not None and made is not None else None


def groups(bundle: Bundle, found: list[Notification], grouped: list[str] | None, expand: str) -> dict[str, Any]:
    """GroupedNotificationsResults of a page, newest first.

    `expand` "partial_avatars" gives whole accounts only for the first of each group, as the reference says.
    """
    found = [one for one in found if one.actor_id in bundle.actors and bundle.actors[one.actor_id].state == "active"]
    members: dict[str, list[Notification]] = defaultdict(list)
    for one in found:
        if one.kind in OF_MODERATION:
            if _of_moderation(bundle, one) is not None:
                members[group_key(one, grouped)].append(one)
        elif one.post_id is None or one.post_id in bundle.posts:
            members[group_key(one, grouped)].append(one)
    whole: dict[int, None] = {}
    partial: dict[int, None] = {}
    shown = []
    for key, ones in members.items():
        newest = ones[0]
        sample = list(dict.fromkeys(one.actor_id for one in ones))[:_SAMPLE]
        whole[sample[0]] = None
        (partial if expand == "partial_avatars" else whole).update(dict.fromkeys(sample[1:]))
        group: dict[str, Any] = {
            "group_key": key,
            "notifications_count": len(ones),
            "type": newest.kind,
            # An integer in Mastodon's own JSON, unlike every other id.
            "most_recent_notification_id": newest.id,
            "page_min_id": str(ones[-1].id),
            "page_max_id": str(newest.id),
            "latest_page_notification_at": moment(newest.created_at),
            "sample_account_ids": [str(one) for one in sample],
        }
        if newest.kind in OF_MODERATION:
            group |= _of_moderation(bundle, newest) or {}
        elif newest.post_id is not None:
            group["status_id"] = str(newest.post_id)
        shown.append(group)
    about_posts = [ones[0] for ones in members.values() if ones[0].kind not in OF_MODERATION]
    posts = dict.fromkeys(one.post_id for one in about_posts if one.post_id is not None)
    results: dict[str, Any] = {
        "accounts": [account(bundle.origin, bundle.actors[one]) for one in whole],
        "statuses": [about for one in posts if (about := status(bundle, Shown(one, one))) is not None],
        "notification_groups": shown,
    }
    if expand == "partial_avatars":
        results["partial_accounts"] = [_partial(bundle, one) for one in partial if one not in whole]
    return results


def _partial(bundle: Bundle, actor_id: int) -> dict[str, Any]:
    shown = account_dict(bundle.origin, bundle.actors[actor_id])
    return {name: shown[name] for name in ("id", "acct", "url", "avatar", "avatar_static", "locked", "bot")}
