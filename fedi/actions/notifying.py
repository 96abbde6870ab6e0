"""Tell local people what concerns them: whether they want to hear of it, whether it waits in a request, what is pushed.

Everything that becomes a notification comes through `tell`. What a person may see of it is asked when it is shown.
"""

from fedi.actions import mailing
from fedi.context import Site
from fedi.hiding import hidden
from storage import follows, jobs, notification_policies, notifications, peers, people, posts, push
from storage.actors import Actor
from storage.ids import time_of
from storage.metadata import Tx
from storage.notification_policies import Policy
from storage.notifications import Notification

MAIL_AFTER = 5 * 60_000
"""Ms after which a mail tells of a mention that was not read until then."""
PUSH = "push"
"""The kind of job that sends a notification to an app."""

_DUTY = frozenset({"moderation_warning", "admin.sign_up", "admin.report", "severed_relationships"})
"""What no mute or block keeps away, as it is the instance or a group that speaks, or an office that one holds."""
_OWN = frozenset({"poll"})
"""What one is told of oneself: that one's own poll ended."""
_FILTERED = frozenset({"mention", "reblog", "follow", "follow_request", "favourite", "quote", "quoted_update"})
"""What a policy is about (Mastodon's `filterable`): acts of others that one did not ask to hear of."""
_EDITS = frozenset({"update", "quoted_update"})
"""Of these the newest stands in place of the one before; of all others the first stays."""
_NEW_ACCOUNT = 30 * 24 * 3600 * 1000
_NEW_FOLLOWER = 3 * 24 * 3600 * 1000
_ACCEPT, _FILTER, _DROP = range(3)
_WORDS = {"accept": _ACCEPT, "filter": _FILTER, "drop": _DROP}


def tell(tx: Tx, site: Site, person: Actor, kind: str, by: Actor, post_id: int | None = None) -> None:
    """Notify a local person (anyone else is passed by) of what `by` did; oneself is never told, but of one's poll's end.

    Nothing is kept of what the person blocks or mutes, or drops by their policy. What the policy holds back waits in a
    request. Everything else is told to their open streams after the commit, and apps that asked for this kind get it
    pushed by a job of this transaction. It costs five queries, and some more only for who has a policy or such an app.
    """
    if not person.local or person.is_group or person.kind == "Application":
        return
    if person.id == by.id and kind not in _OWN:
        return
    standing = notification_policies.standing(tx, person.id, by.id, post_id)
    if (standing.muted and kind not in _DUTY) or not hears(tx, site, person, kind, by):
        return
    verdict = _ACCEPT
    if kind in _FILTERED and not standing.permitted:
        verdict = _verdict(tx, site, standing.policy, person, kind, by, post_id)
    if verdict == _DROP:
        return
    if kind in _EDITS:
        notifications.forget(tx, person_id=person.id, post_id=post_id, actor_id=by.id, kind=kind)
    waits = verdict == _FILTER
    if waits:
        notification_policies.wait(tx, site.new_id(), person.id, by.id, site.clock())
    made = Notification(site.new_id(), person.id, kind, by.id, post_id, site.clock(), filtered=waits)
    if not notifications.insert(tx, made) or waits:
        return
    if standing.subscribed:
        _push(tx, site, made)
    if kind == "mention" and mailing.enabled(site):
        _mail(tx, site, made)


def hears(tx: Tx, site: Site, person: Actor, kind: str, by: Actor) -> bool:
    """Whether a person wants to hear of `by` at all, whom they may block or mute; of what is an office's business always."""
    return kind in _DUTY or hidden(tx, person.id, site.clock()).hears(by)


def forget(tx: Tx, kind: str, by: Actor, post_id: int | None = None) -> None:
    """What `by` did was undone."""
    notifications.forget(tx, post_id=post_id, actor_id=by.id, kind=kind)


def accept(tx: Tx, person: Actor, actor_ids: list[int]) -> None:
    """A person lets these actors through: what waits of them is shown, and nothing more is held back."""
    for actor_id in actor_ids:
        notification_policies.permit(tx, person.id, actor_id)
    released = notifications.release(tx, person.id, actor_ids)
    notification_policies.settle(tx, person.id, actor_ids)
    if released:
        notifications.merged(tx, person.id)


def dismiss(tx: Tx, person: Actor, actor_ids: list[int]) -> None:
    """A person takes no notice of what waits of these actors: it goes; what they do later waits again."""
    notifications.drop_waiting(tx, person.id, actor_ids)
    notification_policies.settle(tx, person.id, actor_ids)


def _push(tx: Tx, site: Site, made: Notification) -> None:
    """A job for each app of the person that wants this kind; whether it still does is asked again when it is done."""
    for subscription in push.of_person(tx, made.person_id):
        if subscription.alerts.get(made.kind) and subscription.policy != "none":
            payload = {"subscription": subscription.id, "notification": made.id, "created_at": made.created_at}
            jobs.add(tx, site.new_id(), PUSH, f"{subscription.id} {made.id}", payload, made.created_at)


def _mail(tx: Tx, site: Site, made: Notification) -> None:
    """A mail some minutes later, for who wants one, of what is not read by then; many mentions in that time are one mail."""
    row = people.by_id(tx, made.person_id)
    if row is not None and row.settings.get("mail_mentions"):
        payload = {"person": made.person_id, "since": time_of(made.id) - 1}
        jobs.add(
            tx, site.new_id(), "mentions", str(made.person_id), payload, made.created_at, made.created_at + MAIL_AFTER
        )


def _verdict(tx: Tx, site: Site, policy: Policy, person: Actor, kind: str, by: Actor, post_id: int | None) -> int:
    """What the policy says of this: the strictest word of all that apply (Mastodon's NotifyService).

    Whom the person follows is in no way a stranger; followers count after three days; an answer to a private mention is
    wanted. Staff of this instance always reaches its people by a mention.
    """
    words = [_WORDS.get(getattr(policy, name), _ACCEPT) for name in notification_policies.NAMES]
    not_following, not_followers, new, private, limited, bots = words
    if not any(words):
        return _ACCEPT
    follow = follows.find(tx, person.id, by.id)
    stranger = follow is None or follow.state != "accepted"
    now = site.clock()
    found = [_ACCEPT]
    if not_following and stranger:
        found.append(not_following)
    if not_followers:
        back = follows.find(tx, by.id, person.id)
        if back is None or back.state != "accepted" or back.created_at > now - _NEW_FOLLOWER:
            found.append(not_followers)
    if new and by.created_at > now - _NEW_ACCOUNT:
        found.append(new)
    if private and stranger and kind == "mention" and post_id is not None:
        post = posts.by_id(tx, post_id)
        direct = post is not None and post.visibility == "direct"
        if direct and not notification_policies.answers(tx, person.id, by.id, post_id):
            found.append(private)
    if limited and stranger:
        peer = peers.by_host(tx, by.host)
        if peer is not None and peer.stance == "limited":
            found.append(limited)
    if bots and stranger and by.kind in ("Service", "Application"):
        found.append(bots)
    verdict = max(found)
    if verdict != _ACCEPT and kind == "mention" and by.local:
        staff = people.by_id(tx, by.id)
        if staff is not None and staff.role in ("moderator", "admin"):
            return _ACCEPT
    return verdict
