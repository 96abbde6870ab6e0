"""What follows from the answer to an appeal, whoever gave it and wherever. Who may give it is asked in `fedi.actions.appeals`."""

from fedi.actions import notices
from fedi.context import Site
from storage import actors, appeals
from storage.actors import Actor
from storage.appeals import Appeal
from storage.metadata import Tx
from storage.moderations import Moderation

MAX_TEXT = 2000
"""Characters of an appeal, and of the answer."""


def heard(tx: Tx, site: Site, made: Appeal, by: Actor | None, state: str, words: str) -> None:
    """Note how an appeal ended (`upheld` or `overturned`), and tell who made it, when they are of this instance."""
    if made.state != "open":
        return
    appeals.change(
        tx,
        made.id,
        state=state,
        words=words[:MAX_TEXT] or None,
        decided_by_id=by.id if by is not None else None,
        decided_at=site.clock(),
    )
    appellant = actors.by_id(tx, made.actor_id)
    group = actors.by_id(tx, made.group_id) if made.group_id is not None else None
    if appellant is not None and group is not None:
        notices.heard(tx, site, group, appellant, state, words)


def taken_back(tx: Tx, site: Site, done: Moderation) -> None:
    """An act was taken back: that is the answer to an appeal that waits for one."""
    made = appeals.about(tx, done.id)
    if made is not None:
        heard(tx, site, made, None, "overturned", "")
