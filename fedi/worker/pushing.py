"""The job `push`: send one notification to one app of a person (Web Push), or find that it is wanted no more.

Everything is looked at again when it is sent: the subscription and its token, the notification, whether the person may
still see what it is about and wants to hear of who did it. A service that says that a subscription is gone (404, 410), or
refuses it in another way that lasts, ends it, as Mastodon does; one that is busy or out of order is asked again, as long
as the message is worth anything. A service that gives no answer rests, so that its messages keep no worker from others.
"""

import logging
import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from federation.errors import Busy, FederationError, Refused, Unreachable
from federation.hosts import host_of
from fedi.actions import notifying, told
from fedi.callers import Caller
from fedi.context import Site
from fedi.mastodon.entities.account import account_dict
from fedi.mastodon.entities.notification import stands, title
from fedi.mastodon.load import Bundle
from fedi.mastodon.notifications import rows_of
from fedi.push import keys, vapid
from fedi.push.encrypting import MOST, BadKey, Sealed, receiver, seal, seal_legacy
from fedi.text.plain import to_text
from fedi.worker.later import Later
from storage import actors, follows, notifications, people
from storage import push as subscriptions
from storage.metadata import Tx
from storage.notifications import Notification
from storage.push import Subscription

log = logging.getLogger(__name__)

TTL = 48 * 3600
"""Seconds that a message is worth something, here and at the push service (Mastodon's)."""
BODY = 140
"""Characters of the text that is shown (Mastodon's)."""
AT_ONCE = 6
"""Messages under way to one push service; the worker does 16 jobs at once."""
SOONEST = 30_000
LATEST = 3 * 3600_000
"""Between tries, in ms: twice as long after each failure in a row."""
REST = 60_000
"""A service that gave no answer is left alone so long (ms)."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A message that is ready to be sent."""

    subscription: Subscription
    sealed: Sealed
    headers: dict[str, str]


async def push(site: Site, payload: dict[str, Any]) -> None:
    """Send the notification `notification` to the subscription `subscription`; `created_at` is when it was told (ms).

    Raises Later when the service has to be asked again.
    """
    subscription_id, created_at = int(payload["subscription"]), int(payload["created_at"])
    parcel = await site.db.read(lambda tx: _parcel(tx, site, subscription_id, int(payload["notification"]), created_at))
    if parcel is None:
        return
    endpoint = parcel.subscription.endpoint
    host = host_of(endpoint)
    pushes, now = site.pushes, site.clock()
    resting = pushes.resting.get(host, 0)
    if resting > now:
        raise Later(resting + secrets.randbelow(5000), f"{host} gave no answer a moment ago")
    if pushes.running.get(host, 0) >= AT_ONCE:
        raise Later(now + 500 + secrets.randbelow(1500), f"{host} has {AT_ONCE} messages under way")
    pushes.running[host] = pushes.running.get(host, 0) + 1
    try:
        await site.client.push(endpoint, {**parcel.headers, **parcel.sealed.headers}, parcel.sealed.body)
    except FederationError as problem:
        await _failed(site, parcel.subscription, created_at, host, problem)
        return
    finally:
        pushes.running[host] -= 1
        if not pushes.running[host]:
            del pushes.running[host]
    pushes.resting.pop(host, None)
    if parcel.subscription.failures:
        await site.db.write(lambda tx: subscriptions.change(tx, subscription_id, failures=0))


async def _failed(site: Site, subscription: Subscription, created_at: int, host: str, problem: FederationError) -> None:
    """What follows from a failure: the subscription ends, the message does, or it is tried again (Later)."""
    redirected = isinstance(problem, Refused) and problem.answered < 400
    if not problem.retry and not redirected:
        log.info("the push subscription %d at %s ends: %s", subscription.id, host, problem)
        await site.db.write(lambda tx: subscriptions.remove(tx, subscription.id))
        return
    now = site.clock()
    if isinstance(problem, Unreachable) and problem.code != "server-error":
        site.pushes.resting[host] = now + REST
    failures = min(subscription.failures + 1, 1000)
    await site.db.write(lambda tx: subscriptions.change(tx, subscription.id, failures=failures))
    wait = min(SOONEST << min(failures - 1, 12), LATEST)
    if isinstance(problem, Busy) and problem.retry_after is not None:
        wait = max(problem.retry_after * 1000, 1000)
    if now + wait >= created_at + TTL * 1000:
        log.info("a message for %s was not taken in time: %s", host, problem)
        return
    raise Later(now + wait, f"{problem.code}: {problem.text}") from problem


def _parcel(tx: Tx, site: Site, subscription_id: int, notification_id: int, created_at: int) -> _Parcel | None:
    """The message as it is to be sent now; None when nobody wants it any more."""
    left = TTL - (site.clock() - created_at) // 1000
    subscription = subscriptions.live(tx, subscription_id)
    if subscription is None or left <= 0:
        return None
    one = notifications.by_id(tx, subscription.person_id, notification_id)
    if one is None or one.filtered or not subscription.alerts.get(one.kind):
        return None
    me, person = actors.by_id(tx, subscription.person_id), people.by_id(tx, subscription.person_id)
    if me is None or person is None or me.state != "active" or person.state != "active":
        return None
    caller = Caller(me, person.role, 0, subscription.token_id, frozenset())
    rows = rows_of(tx, site, caller, [one])
    if not stands(rows, one) or not _wanted(tx, subscription, one):
        return None
    if not notifying.hears(tx, site, me, one.kind, rows.actors[one.actor_id]):
        return None
    access_token = keys.unseal(tx, site, subscription.access_token, subscription.token_id)
    if access_token is None:
        log.warning("the push subscription %d was made with another key of this instance", subscription_id)
        return None
    language = person.settings.get("language")
    text = _text(site, rows, one, access_token, language if isinstance(language, str) else "en")
    try:
        to = receiver(subscription.p256dh, subscription.auth)
    except BadKey:
        return None
    sealed = seal(text, to) if subscription.standard else seal_legacy(text, to)
    return _Parcel(subscription, sealed, _headers(tx, site, subscription, sealed, left, urgent=_is_direct(rows, one)))


def _wanted(tx: Tx, subscription: Subscription, one: Notification) -> bool:
    """Whether the subscription's policy lets this actor through."""
    if subscription.policy == "followed":
        edge = follows.find(tx, subscription.person_id, one.actor_id)
    elif subscription.policy == "follower":
        edge = follows.find(tx, one.actor_id, subscription.person_id)
    else:
        return subscription.policy != "none"
    return edge is not None and edge.state == "accepted"


def _is_direct(rows: Bundle, one: Notification) -> bool:
    post = rows.posts.get(one.post_id or 0)
    return one.kind == "mention" and post is not None and post.visibility == "direct"


def _headers(
    tx: Tx, site: Site, subscription: Subscription, sealed: Sealed, left: int, *, urgent: bool
) -> dict[str, str]:
    contact = f"mailto:{site.config.contact}" if site.config.contact else site.config.origin
    legacy = not subscription.standard
    said = vapid.headers(keys.private(tx, site), subscription.endpoint, contact, site.clock() // 1000, legacy=legacy)
    if legacy:
        # Both parties' keys in one header, in the order that Mastodon writes them and its apps read them.
        sealed.headers["crypto-key"] += f";{said.pop('crypto-key')}"
    return {**said, "ttl": str(left), "urgency": "high" if urgent else "normal"}


def _text(site: Site, rows: Bundle, one: Notification, access_token: str, language: str) -> bytes:
    """The JSON that apps of Mastodon get, within `MOST` bytes."""
    actor = rows.actors[one.actor_id]
    message = {
        "access_token": access_token,
        "preferred_locale": language,
        "notification_id": str(one.id),
        "notification_type": one.kind,
        "icon": account_dict(site.config.origin, actor)["avatar_static"],
        "title": title(one.kind, actor),
        "body": _shortened(_words(rows, one)),
    }
    text = msgspec.json.encode(message)
    return text if len(text) <= MOST else msgspec.json.encode({**message, "icon": "", "body": ""})


def _words(rows: Bundle, one: Notification) -> str:
    """What the notification is about: what a moderator said, the post (its warning before its words), or who did it."""
    actor = rows.actors[one.actor_id]
    if one.id in rows.warnings:
        return told.words(rows.warnings[one.id], actor)
    if one.id in rows.reports:
        return rows.reports[one.id].text
    post = rows.posts.get(one.post_id or 0)
    if post is None:
        return to_text(actor.summary)
    return post.summary or post.title or to_text(post.content)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= BODY else text[: BODY - 1] + "…"
