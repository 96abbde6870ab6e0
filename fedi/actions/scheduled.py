"""Scheduled posts: keep what a person wants published later, change when, and publish it when it is time, exactly once.

The post and the end of its row are one transaction, so a worker that dies in between publishes it neither twice nor never.
What can't be published then (banned from the group, what it answers is gone) stays in the list, with its files, and its
author gets a direct message from themselves that says why: every client shows that.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from fedi.actions import media, posts
from fedi.actions.drafts import Draft, PollDraft
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, Problem
from storage import actors, conversations, idempotency, jobs, people, scheduled
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.scheduled import Scheduled

KIND = "scheduled"
"""The kind of job that publishes one."""
SOONEST = 5 * 60_000
"""Ms from now: what is to be published before that can be published now."""
MOST, MOST_A_DAY = 300, 25
_NAMED = re.compile(r"[@!](?=\w)")
_UNNAMED = "\\g<0>\u200b"
"""What is quoted to its author goes to nobody else: a character without width makes its mentions plain text."""
_LATEST = 100 * 366 * 24 * 3600 * 1000


def schedule(
    tx: Tx,
    site: Site,
    author: Actor,
    draft: Draft,
    params: dict[str, Any],
    due_at: int,
    *,
    idempotency_key: str | None = None,
) -> Scheduled | Post:
    """Keep a post for later, if it could be published now; `params` are what it is made of (`draft_of`).

    The same key of the same person gives what it gave before: the scheduled post, or the post that became of it. Raises
    what `posts.publish` raises, and Invalid for a time that is too near and for too many.
    """
    if idempotency_key is not None:
        known = _known(tx, author, idempotency_key)
        if known is not None:
            return known
    check_time(tx, site, author.id, due_at)
    _try(tx, site, author, draft)
    now, new = site.clock(), site.new_id()
    if idempotency_key is not None and not idempotency.claim(tx, author.id, idempotency_key, new, now):
        known = _known(tx, author, idempotency_key)
        if known is None:
            raise Invalid("This Idempotency-Key was used for a post that does not exist any more; use a new one.")
        return known
    media.hold(tx, author, draft.media_ids, new)
    made = Scheduled(new, author.id, due_at, params, list(draft.media_ids), draft.app_id, idempotency_key, None, now)
    scheduled.insert_scheduled(tx, made)
    _plan(tx, site, made.id, due_at)
    return made


def move(tx: Tx, site: Site, known: Scheduled, due_at: int) -> Scheduled:
    """Another time; one that could not be published is tried again then. Raises Invalid."""
    check_time(tx, site, known.person_id, due_at, but=known)
    scheduled.change(tx, known.id, due_at=due_at, problem=None)
    _plan(tx, site, known.id, due_at)
    return scheduled.by_id(tx, known.id) or known


def cancel(tx: Tx, site: Site, known: Scheduled) -> None:
    """It will not be published."""
    media.let_go(tx, site, known.id)
    scheduled.remove(tx, known.id)


def check_time(tx: Tx, site: Site, person_id: int, due_at: int, but: Scheduled | None = None) -> None:
    """Raises Invalid, in Mastodon's words, for a time that can't be scheduled for."""
    now = site.clock()
    if due_at <= now + SOONEST:
        raise Invalid("Validation failed: Scheduled at date must be in the future")
    if due_at > now + _LATEST:
        raise Invalid("Validation failed: Scheduled at is too far into the future")
    begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=due_at // 86_400_000)
    first = int(begin.timestamp() * 1000)
    total, then = scheduled.totals(tx, person_id, first, first + 86_400_000)
    if but is None and total >= MOST:
        raise Invalid(f"Validation failed: You have exceeded the limit of {MOST} scheduled posts")
    if but is not None and first <= but.due_at < first + 86_400_000:
        then -= 1
    if then >= MOST_A_DAY:
        raise Invalid(f"Validation failed: You have exceeded the limit of {MOST_A_DAY} scheduled posts for today")


def due(tx: Tx, site: Site, scheduled_id: int) -> None:
    """What the job does: publish it now, with everything checked again. Nothing when that is done, or it is not time. Two
    workers that think a job is theirs do this one after the other."""
    known = scheduled.by_id(tx, scheduled_id, to_change=True)
    if known is None or known.problem is not None or known.due_at > site.clock():
        return
    author = actors.by_id(tx, known.person_id)
    if author is None:
        return
    try:
        _may(tx, author)
        post = _published(tx, site, author, known)
    except Problem as problem:
        failed(tx, site, known.id, problem.text)
        return
    scheduled.remove(tx, known.id)
    if known.idempotency_key is not None:
        idempotency.point(tx, author.id, known.idempotency_key, post.id)


def failed(tx: Tx, site: Site, scheduled_id: int, why: str) -> None:
    """It can't be published: it stays in the list with its files, and its author is told."""
    known = scheduled.by_id(tx, scheduled_id)
    author = actors.by_id(tx, known.person_id) if known is not None else None
    if known is None or author is None or known.problem is not None:
        return
    scheduled.change(tx, known.id, problem=why[:500])
    if author.state != "active":
        return
    said = str(known.params.get("text") or "")
    text = f"This was to be published by now, and could not be: {why}\n\n{_NAMED.sub(_UNNAMED, said)}"
    note = posts.publish(tx, site, author, Draft(text[:4000], visibility="direct"))
    for one in conversations.with_last(tx, note.id):
        conversations.change(tx, one.id, unread=True)


def draft_of(params: dict[str, Any], now: int, media_ids: tuple[int, ...] = (), app_id: int | None = None) -> Draft:
    """The draft that is made of stored params at `now` ms: those of `posts.Draft` that a client gives, and a poll's
    `expires_in` in seconds."""
    poll = params.get("poll")
    return Draft(
        text=params["text"],
        visibility=params["visibility"],
        reply_to_id=params.get("in_reply_to_id"),
        summary=params.get("spoiler_text") or "",
        sensitive=bool(params.get("sensitive")),
        language=params.get("language"),
        app_id=app_id,
        poll=None
        if poll is None
        else PollDraft(tuple(poll["options"]), poll["multiple"], now + 1000 * poll["expires_in"], poll["hide_totals"]),
        quote_id=params.get("quoted_status_id"),
        quote_policy=params.get("quote_approval_policy"),
        media_ids=media_ids,
    )


def _may(tx: Tx, author: Actor) -> None:
    person = people.by_id(tx, author.id)
    if author.state != "active" or person is None or person.state != "active":
        raise Forbidden("Your login is currently disabled")


def _published(tx: Tx, site: Site, author: Actor, known: Scheduled) -> Post:
    """Publish within a savepoint, so that nothing of it stays when it can't be."""
    said = len(tx.info["after"])
    savepoint = tx.begin_nested()
    try:
        media.let_go(tx, site, known.id)
        draft = draft_of(known.params, site.clock(), tuple(known.media_ids), known.app_id)
        post = posts.publish(tx, site, author, draft)
    except Problem:
        savepoint.rollback()
        del tx.info["after"][said:]
        raise
    savepoint.commit()
    return post


def _try(tx: Tx, site: Site, author: Actor, draft: Draft) -> None:
    """Raises what publishing the draft now would raise; nothing stays of it."""
    said = len(tx.info["after"])
    savepoint = tx.begin_nested()
    try:
        posts.publish(tx, site, author, draft)
    finally:
        savepoint.rollback()
        del tx.info["after"][said:]


def _known(tx: Tx, author: Actor, key: str) -> Scheduled | Post | None:
    known = idempotency.find(tx, author.id, key)
    if known is None:
        return None
    return scheduled.by_id(tx, known, author.id) or post_rows.by_id(tx, known)


def _plan(tx: Tx, site: Site, scheduled_id: int, due_at: int) -> None:
    if not jobs.hasten(tx, KIND, str(scheduled_id), due_at):
        jobs.add(tx, site.new_id(), KIND, str(scheduled_id), {"id": scheduled_id}, site.clock(), due_at)
