"""The answer to who has just written a post: the status, rendered from what was written.

Reading a post back takes as long as writing it. Its author sees it by the gate's own rule (`fedi.visibility`: what one
wrote oneself), was let in by the same transaction, and nothing can have been done to it yet. What has more to it (a poll, a
quote, a card, a group here that has passed it on) is read as any other status.
"""

from dataclasses import replace

import msgspec

from fedi.actions.posts import Written
from fedi.actions.threads import COUNTED
from fedi.callers import Caller
from fedi.context import Site
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import NO_FLAGS, NONE, Bundle, Shown
from fedi.mastodon.ready import plain
from storage import mutes
from storage.actors import Figures
from storage.metadata import Tx


def answer(tx: Tx, site: Site, caller: Caller, before: Figures, written: Written) -> msgspec.Raw | None:
    """The status that `caller`, with settings and app, wrote in this transaction; None where it must be read. `before` are
    the author's figures without it."""
    post, around, me = written.post, written.around, caller.me
    if around is None or not plain(post) or post.card_url is not None or caller.app is None:
        return None
    group = around.actors.get(post.group_id) if post.group_id is not None else None
    if group is not None and group.local:
        return None
    counted = post.visibility in COUNTED
    now = replace(before, posts=before.posts + 1, last_post_at=post.published_at) if counted else before
    # In a thread that one began there is nothing yet to be muted.
    muted = post.reply_to_id is not None and post.root_id in mutes.muted_threads(tx, me.id, [post.root_id or post.id])
    rows = Bundle(
        origin=site.config.origin,
        person_id=me.id,
        posts={post.id: post},
        actors=around.actors,
        mentions={post.id: around.mentions},
        tags={post.id: around.tags},
        flags=NO_FLAGS,
        apps={caller.app.id: caller.app},
        now=site.clock(),
        muted=frozenset({post.id}) if muted else NONE,
        figures={me.id: now},
    )
    return status(rows, Shown(post.id, post.id))
