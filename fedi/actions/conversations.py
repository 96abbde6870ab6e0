"""Threads that we have in part: what their group calls them, and asking for the rest, later, by a job (`backfill`).

Nothing is fetched here: `fedi.worker.backfill` does, within its budgets. The same collection is asked for at most once in
a quarter of an hour, whoever wants it.
"""

from federation.hosts import same_origin
from fedi.context import Site
from storage import actors, backfills, jobs, posts
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post

INTERVAL = 15 * 60_000
"""The same collection is asked for again after so long, in ms, also when it gave nothing."""
JOINED = 24 * 3600_000
"""The same of a group's outbox."""


def named(tx: Tx, site: Site, group: Actor, post: Post, context: str | None) -> None:
    """A remote group passed a post on and said which thread it is in: note that, and ask for what is missing of it."""
    if context is None or group.local or not same_origin(context, group.iri):
        return
    now = posts.by_id(tx, post.id)
    if now is None or now.group_id != group.id:
        return
    if now.context != context:
        posts.change(tx, now.id, context=context)
    root = posts.by_id(tx, now.root_id) if now.root_id not in (None, now.id) else now
    if root is not None and root.id != now.id and root.context is None:
        posts.change(tx, root.id, context=context)
    if root is None or root.reply_to_iri is not None:
        ask(tx, site, context)  # what it answers is not known here


def met_late(tx: Tx, site: Site, post: Post) -> None:
    """A post was fetched, not sent to us: there may be more of its thread. Asks where its first post says the rest is."""
    root = (posts.by_id(tx, post.root_id) if post.root_id is not None else None) or post
    group = actors.by_id(tx, root.group_id) if root.group_id is not None else None
    if root.local or (group is not None and group.local):
        return  # we are who knows
    involved = actors.by_ids(tx, mentioned_in(tx, [root.id]).get(root.id, []))
    groups = [one.iri for one in involved.values() if one.is_group]  # it names them; whose it is they say themselves
    for one in (root, post) if root.id != post.id else (root,):
        owners = [one.iri, *groups, *([group.iri] if group is not None else [])]
        if one.context is not None and not site.is_local(one.context) and _of_one(one.context, owners):
            ask(tx, site, one.context)
            return
    if root.replies is not None and same_origin(root.replies, root.iri):
        ask(tx, site, root.replies, form="replies")


def joined(tx: Tx, site: Site, group: Actor) -> None:
    """Somebody here joined a remote group: ask what was said there lately."""
    if not group.local and group.is_group and group.outbox is not None:
        ask(tx, site, group.outbox, form="outbox", of=group.iri, interval=JOINED)


def pins_of(tx: Tx, site: Site, actor: Actor, *, interval: int = INTERVAL) -> None:
    """Ask what a remote person or group put first (`featured`), as on first sight of it."""
    if not actor.local and actor.featured is not None:
        ask(tx, site, actor.featured, form="featured", of=actor.iri, interval=interval)


def ask(
    tx: Tx,
    site: Site,
    iri: str,
    *,
    form: str = "context",
    of: str = "",
    interval: int = INTERVAL,
    since: int | None = None,
    due_at: int | None = None,
) -> bool:
    """Ask for a collection (`form`: a thread's `context`, a post's `replies`, a group's `outbox`, a person's `posts`,
    `featured`) in the background, at `due_at` ms if not now. `of` is the IRI of the actor whose outbox or pins it is; `since`
    (ms) that all of an outbox that is newer is wanted, and not only what is newest.

    False when that was done within the last `interval` ms.
    """
    now = site.clock()
    if not backfills.claim(tx, iri, now, interval):
        return False
    payload: dict[str, object] = {"iri": iri, "form": form, "of": of}
    if since is not None:
        payload["since"] = since
    return jobs.add(tx, site.new_id(), "backfill", iri, payload, now, due_at)


def _of_one(iri: str, owners: list[str]) -> bool:
    """Whether an address is of the origin of one of these."""
    return any(same_origin(iri, owner) for owner in owners)
