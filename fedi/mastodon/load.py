"""From ids to everything that their statuses show, in a fixed number of queries however many there are.

Every post comes through the gate (`fedi.visibility.seen`); what it leaves out is not in the bundle and is not shown.
"""

from dataclasses import dataclass, field

from fedi import visibility
from fedi.mastodon.ready import Pieces, ready
from fedi.visibility import Viewer
from storage import actors, apps, posts, reactions
from storage.actors import Actor
from storage.apps import App
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost, Flags
from storage.timelines import Entry

NO_FLAGS = Flags(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Shown:
    """One status to show: a post, or the boost of one (`id` is then the boost's, `booster_id` who boosted)."""

    id: int
    post_id: int
    booster_id: int | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """All rows that some statuses need. `person_id` is the caller, whose `flags` are in it.

    What of a post is rendered already is in `pieces`; its mentions, hashtags and app are then not loaded.
    """

    origin: str
    person_id: int | None
    posts: dict[int, Post]
    actors: dict[int, Actor]
    mentions: dict[int, list[int]]
    tags: dict[int, list[str]]
    flags: Flags
    apps: dict[int, App] = field(default_factory=dict)
    boosts: dict[int, Boost] = field(default_factory=dict)
    pieces: dict[int, Pieces] = field(default_factory=dict)


def of_entry(entry: Entry) -> Shown:
    """What a timeline's entry shows."""
    return Shown(entry.id, entry.post_id, entry.actor_id if entry.boost else None)


def bundle(
    tx: Tx,
    origin: str,
    viewer: Viewer,
    shown: list[Shown],
    *,
    seen: dict[int, Post] | None = None,
    others: list[int] | None = None,
) -> Bundle:
    """The rows for these statuses as `viewer` may see them, at the instance `origin`.

    `seen` are posts that came through the gate already; `others` are further actors wanted in `actors`.
    """
    if seen is None:
        seen = visibility.seen(tx, viewer, list({one.post_id for one in shown}))
    ids = [one.post_id for one in shown if one.post_id in seen]
    pieces = {one: known for one in ids if (known := ready(origin, seen[one])) is not None}
    fresh = [one for one in ids if one not in pieces]
    mentions = posts.mentioned_in(tx, fresh)
    wanted = set(others or ())
    wanted.update(one.booster_id for one in shown if one.booster_id is not None)
    for post_id in ids:
        wanted.add(seen[post_id].author_id)
    for post_id in fresh:
        wanted.update(mentions.get(post_id, ()))
        group_id = seen[post_id].group_id
        if group_id is not None:
            wanted.add(group_id)
    used = {app_id for one in fresh if (app_id := seen[one].app_id) is not None}
    boosted = [one.id for one in shown if one.booster_id is not None and one.post_id in seen]
    return Bundle(
        origin,
        viewer.person_id,
        seen,
        actors.by_ids(tx, list(wanted)),
        mentions,
        posts.tags_of(tx, fresh),
        NO_FLAGS if viewer.person_id is None else reactions.flags(tx, viewer.person_id, ids),
        apps.apps_by_ids(tx, list(used)),
        reactions.boosts_by_ids(tx, boosted),
        pieces,
    )


def find(tx: Tx, viewer: Viewer, status_id: int) -> tuple[Shown, Post] | None:
    """The status with this id, and its post: a post, or a boost of one. None when there is none that `viewer` may see."""
    found = visibility.seen(tx, viewer, [status_id]).get(status_id)
    if found is not None:
        return Shown(status_id, status_id), found
    boost = reactions.boost_by_id(tx, status_id)
    if boost is None:
        return None
    found = visibility.seen(tx, viewer, [boost.post_id]).get(boost.post_id)
    booster = actors.by_id(tx, boost.actor_id)
    if found is None or booster is None or booster.state != "active":
        return None
    return Shown(boost.id, boost.post_id, boost.actor_id), found
