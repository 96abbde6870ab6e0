"""The Notification entity, and groups of them (Mastodon 4.3). Pure."""

from dataclasses import dataclass
from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account, account_dict
from fedi.mastodon.entities.report import report, warning
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Bundle, Shown
from storage.actors import Actor
from storage.notification_groups import Key, Whole, key_of
from storage.notifications import DOERS, KINDS, Notification
from storage.severed import Loss

OF_MODERATION = ("moderation_warning", "admin.report", "severed_relationships")
"""Kinds that have no status, but say what moderators or admins did, or are asked to look at."""
_SAID = {
    "mention": "{} mentioned you",
    "status": "{} posted",
    "reblog": "{} boosted your post",
    "follow": "{} followed you",
    "follow_request": "{} asks to follow you",
    "favourite": "{} favourited your post",
    "poll": "A poll by {} has ended",
    "update": "{} edited a post",
    "quote": "{} quoted your post",
    "quoted_update": "{} edited a post that you quoted",
    "admin.sign_up": "{} signed up",
    "admin.report": "{} was reported",
    "moderation_warning": "Moderators of {} took action",
    "severed_relationships": "{} ended a peering, and follows with it",
}
"""What titles say of each kind, with the name of who did it."""


def title(kind: str, actor: Actor) -> str:
    """A line that says what a notification is about, for apps that show nothing else of it."""
    return _SAID.get(kind, "{}").format(actor.name or actor.username)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A group to show: its key, its newest notification, and all of it (None: that one alone)."""

    key: Key
    newest: Notification
    whole: Whole | None = None


def key_text(key: Key) -> str:
    """A group's key as clients get it: of its kind, its post and its half day, or of the one notification."""
    if key.alone:
        return f"ungrouped-{key.alone}"
    return f"{key.kind}-{key.post_id}-{key.span}" if key.post_id else f"{key.kind}-{key.span}"


def read_key(text: str) -> Key | None:
    """The key that a client gave; None for what is none."""
    kind, *rest = text.split("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in rest):
        return None
    numbers = [int(part) for part in rest]
    if kind == "ungrouped" and len(numbers) == 1 and numbers[0]:
        return Key("", 0, 0, numbers[0])
    if kind in KINDS and 1 <= len(numbers) <= 2 and numbers[-1] < 1 << 31:
        return Key(kind, numbers[0] if len(numbers) == 2 else 0, numbers[-1])
    return None


def stands(bundle: Bundle, one: Notification) -> bool:
    """Whether there is still something to show: who did it is here, and the caller may see what it is about."""
    actor = bundle.actors.get(one.actor_id)
    if actor is None or actor.state not in DOERS:
        return False
    if one.kind in OF_MODERATION:
        # The post may be removed: that is what is told.
        return one.id in bundle.warnings or one.id in bundle.reports or one.id in bundle.severed
    return one.post_id is None or one.post_id in bundle.posts


def notification(bundle: Bundle, one: Notification, supported: list[str] | None = None) -> dict[str, Any] | None:
    """One notification; None when there is nothing left to show of it.

    `supported` are the kinds that the client says it knows (4.6): for another there is a `fallback` in words.
    """
    of_moderation = _of_moderation(bundle, one) if stands(bundle, one) else None
    if of_moderation is None:
        return None
    actor = bundle.actors[one.actor_id]
    shown: dict[str, Any] = {
        "id": str(one.id),
        "type": one.kind,
        "created_at": moment(one.created_at),
        "group_key": key_text(key_of(one)),
        "account": account(bundle.origin, actor),
        **of_moderation,
        **_fallback(one, actor, supported),
    }
    if one.post_id is not None and not of_moderation:
        shown["status"] = status(bundle, Shown(one.post_id, one.post_id))
    return shown


def _of_moderation(bundle: Bundle, one: Notification) -> dict[str, Any] | None:
    """What a notification of moderation says instead of a status; empty for any other, None when nothing is left to say."""
    if one.kind not in OF_MODERATION:
        return {}
    actor, me = bundle.actors.get(one.actor_id), bundle.actors.get(bundle.person_id or 0)
    done, made = bundle.warnings.get(one.id), bundle.reports.get(one.id)
    if actor is not None and me is not None and done is not None:
        return {"moderation_warning": warning(bundle.origin, done, me, actor)}
    if one.id in bundle.severed:
        return {"event": _event(one, bundle.severed[one.id])}
    return {"report": report(bundle.origin, made, actor)} if actor is not None and made is not None else None


def _event(one: Notification, loss: Loss) -> dict[str, Any]:
    """The RelationshipSeveranceEvent of Mastodon, which has no word for a peering: a domain is what it was about."""
    return {
        "id": str(one.id),
        "type": "domain_block",
        "purged": False,
        "target_name": loss.host,
        "followers_count": loss.followers,
        "following_count": loss.following,
        "created_at": moment(one.created_at),
    }


def _fallback(one: Notification, actor: Actor, supported: list[str] | None) -> dict[str, Any]:
    if not supported or one.kind in supported:
        return {}
    words = {"title": title(one.kind, actor), "summary": "Open the website of your server to see it.", "details": None}
    return {"fallback": words}


def group(bundle: Bundle, one: Gathered, supported: list[str] | None = None, *, paged: bool = True) -> dict[str, Any]:
    """One NotificationGroup; what it is about stands in the bundle. `paged`: it is shown on a page, so its bounds are
    told."""
    newest, whole = one.newest, one.whole
    shown: dict[str, Any] = {
        "group_key": key_text(one.key),
        "notifications_count": whole.count if whole is not None else 1,
        "type": newest.kind,
        # An integer in Mastodon's own JSON, unlike every other id.
        "most_recent_notification_id": whole.newest_id if whole is not None else newest.id,
        "sample_account_ids": [str(actor) for actor in sample(one)],
        **_fallback(newest, bundle.actors[newest.actor_id], supported),
    }
    if paged:
        shown["page_min_id"] = str(whole.page_min_id if whole is not None else newest.id)
        shown["page_max_id"] = str(whole.page_max_id if whole is not None else newest.id)
        shown["latest_page_notification_at"] = moment(whole.page_at if whole is not None else newest.created_at)
    of_moderation = _of_moderation(bundle, newest)
    if of_moderation:
        shown |= of_moderation
    elif newest.post_id is not None:
        shown["status_id"] = str(newest.post_id)
    return shown


def sample(one: Gathered) -> tuple[int, ...]:
    """The actors that are shown of a group, newest first."""
    return one.whole.actor_ids if one.whole is not None else (one.newest.actor_id,)


def results(
    bundle: Bundle, found: list[Gathered], expand: str, supported: list[str] | None = None, *, paged: bool = True
) -> dict[str, Any]:
    """GroupedNotificationsResults of these groups, all of which stand.

    `expand` "partial_avatars" gives whole accounts only for the first of each group, as the reference says.
    """
    whole: dict[int, None] = {}
    partial: dict[int, None] = {}
    for one in found:
        first, *others = sample(one)
        whole[first] = None
        (partial if expand == "partial_avatars" else whole).update(dict.fromkeys(others))
    posts = dict.fromkeys(
        one.newest.post_id for one in found if one.newest.post_id is not None and one.newest.kind not in OF_MODERATION
    )
    shown: dict[str, Any] = {
        "accounts": [account(bundle.origin, bundle.actors[one]) for one in whole if one in bundle.actors],
        "statuses": [about for one in posts if (about := status(bundle, Shown(one, one))) is not None],
        "notification_groups": [group(bundle, one, supported, paged=paged) for one in found],
    }
    if expand == "partial_avatars":
        shown["partial_accounts"] = [
            _partial(bundle, one) for one in partial if one not in whole and one in bundle.actors
        ]
    return shown


def _partial(bundle: Bundle, actor_id: int) -> dict[str, Any]:
    shown = account_dict(bundle.origin, bundle.actors[actor_id])
    return {name: shown[name] for name in ("id", "acct", "url", "avatar", "avatar_static", "locked", "bot")}
