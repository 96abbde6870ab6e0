"""Moderation of groups: remove, restore, lock, pin and warn, and the log of what was done."""

from fedi import visibility
from fedi.actions import moderation as actions
from fedi.api.groups import find
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Deed, Page, Paged, Why
from fedi.errors import Forbidden, NotFound
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from storage import actors, memberships, moderations, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def log(tx: Tx, call: Call, query: Paged) -> Page[Deed]:
    """What moderators did in a group, newest first, for its members; warnings for moderators alone."""
    group = find(tx, call)
    moderates = actions.may_moderate(tx, call.me, group)
    membership = memberships.find(tx, group.id, call.me.id)
    if not moderates and (membership is None or membership.state != "accepted"):
        raise Forbidden("What moderators did is shown to members of the group: join it first.", code="members-only")
    found = moderations.of_group(tx, group.id, query.limit + 1, query.at)
    page = found[: query.limit]
    kept = [one for one in page if moderates or one.action != "warn"]
    ids = [one for each in kept for one in (each.moderator_id, each.actor_id) if one is not None]
    known = actors.by_ids(tx, list(dict.fromkeys(ids)))
    about = [one.post_id for one in kept if one.post_id is not None]
    seen = visibility.seen(tx, call.viewer, about)

    def named(number: int | None) -> Actor | None:
        return known.get(number) if number is not None else None

    items = []
    for one in kept:
        by, whom = named(one.moderator_id), named(one.actor_id)
        items.append(
            Deed(
                id=str(one.id),
                action=one.action,
                at=moment(one.created_at),
                reason=one.reason,
                until=moment(one.until) if one.until is not None else None,
                undone_at=moment(one.undone_at) if one.undone_at is not None else None,
                moderator=account(call.site.config.origin, by) if by is not None else None,
                account=account(call.site.config.origin, whom) if whom is not None else None,
                post_id=str(one.post_id) if one.post_id is not None and (moderates or one.post_id in seen) else None,
            )
        )
    return Page(items=items, next=str(page[-1].id) if len(found) > query.limit else None)


def _moderated(tx: Tx, call: Call) -> tuple[Post, Actor]:
    """(the post that the path names, its group), for who moderates that, or sees the post. Raises NotFound."""
    post = posts.by_id(tx, call.ids["id"])
    group = actors.by_id(tx, post.group_id) if post is not None and post.group_id is not None else None
    if (
        post is None
        or group is None
        or post.deleted_at is not None
        or not (actions.may_moderate(tx, call.me, group) or visibility.may_see(tx, call.viewer, post))
    ):
        raise NotFound("There is no such post in a group, or it is not shown to you.")
    return post, group


def remove(tx: Tx, call: Call, body: Why) -> None:
    """Take a post out of its group; it can be restored."""
    actions.remove(tx, call.site, call.me, _moderated(tx, call)[0], body.reason)


def restore(tx: Tx, call: Call) -> None:
    """Put a removed post back."""
    actions.restore(tx, call.site, call.me, _moderated(tx, call)[0])


def lock(tx: Tx, call: Call, body: Why) -> None:
    """Let only moderators answer below a post."""
    actions.lock(tx, call.site, call.me, _moderated(tx, call)[0], body.reason)


def unlock(tx: Tx, call: Call) -> None:
    """Let everyone answer again."""
    actions.unlock(tx, call.site, call.me, _moderated(tx, call)[0])


def pin(tx: Tx, call: Call) -> None:
    """Show a post before the others of its group."""
    post, group = _moderated(tx, call)
    actions.pin(tx, call.site, call.me, group, post)


def unpin(tx: Tx, call: Call) -> None:
    """Show it at its place again."""
    post, group = _moderated(tx, call)
    actions.unpin(tx, call.site, call.me, group, post)


def warn(tx: Tx, call: Call, body: Why) -> None:
    """Tell the author of a post what is wrong with it; nobody else hears."""
    actions.warn(tx, call.site, call.me, _moderated(tx, call)[0], body.reason)


_WRITE = ("write:groups",)
OPERATIONS = [
    Operation(method="GET", path="/groups/{id}/moderation", unit=log, tag="moderation", scopes=("read:groups",)),
    Operation(method="PUT", path="/posts/{id}/removal", unit=remove, tag="moderation", scopes=_WRITE),
    Operation(method="DELETE", path="/posts/{id}/removal", unit=restore, tag="moderation", scopes=_WRITE),
    Operation(method="PUT", path="/posts/{id}/lock", unit=lock, tag="moderation", scopes=_WRITE),
    Operation(method="DELETE", path="/posts/{id}/lock", unit=unlock, tag="moderation", scopes=_WRITE),
    Operation(method="PUT", path="/posts/{id}/pin", unit=pin, tag="moderation", scopes=_WRITE),
    Operation(method="DELETE", path="/posts/{id}/pin", unit=unpin, tag="moderation", scopes=_WRITE),
    Operation(method="POST", path="/posts/{id}/warnings", unit=warn, tag="moderation", scopes=_WRITE),
]
