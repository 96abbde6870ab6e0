"""`fedi group remove-post`, `lock`, `ban` and their kin: moderation from the command line, in the name of a moderator here.

In a group of this instance it holds at once; one elsewhere is asked, and decides.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, local_actor, moment, opened, print_json, print_rows, timestamp
from fedi.cli.group import By, app, moderator
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from pathlib import Path

    from fedi.context import Site
    from storage.actors import Actor
    from storage.metadata import Tx
    from storage.moderations import Moderation
    from storage.posts import Post

__all__ = ["app", "group_of"]

GroupName = Annotated[str, typer.Argument(metavar="NAME", help="The group's name here, or name@host of one elsewhere.")]
PostName = Annotated[str, typer.Argument(metavar="POST", help="A post of the group: its id or its address.")]
Whom = Annotated[str, typer.Argument(metavar="WHOM", help="A person: the name here, or name@host.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in plain text.")]

_DAYS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


@app.command("remove-post")
def remove_post(name: GroupName, post: PostName, reason: Reason = "", by: By = None, config: ConfigPath = None) -> None:
    """Take a post out of its group, for everyone; `restore-post` brings it back."""
    _on_post(config, name, post, by, lambda act, tx, site, me, _, it: act.remove(tx, site, me, it, reason), "removed")


@app.command("restore-post")
def restore_post(name: GroupName, post: PostName, by: By = None, config: ConfigPath = None) -> None:
    """Bring a removed post back."""
    _on_post(config, name, post, by, lambda act, tx, site, me, _, it: act.restore(tx, site, me, it), "back")


@app.command()
def lock(name: GroupName, post: PostName, reason: Reason = "", by: By = None, config: ConfigPath = None) -> None:
    """Let only moderators answer a post and what is below it."""
    _on_post(config, name, post, by, lambda act, tx, site, me, _, it: act.lock(tx, site, me, it, reason), "locked")


@app.command()
def unlock(name: GroupName, post: PostName, by: By = None, config: ConfigPath = None) -> None:
    """Let everyone in the group answer again."""
    _on_post(config, name, post, by, lambda act, tx, site, me, _, it: act.unlock(tx, site, me, it), "open again")


@app.command()
def pin(name: GroupName, post: PostName, by: By = None, config: ConfigPath = None) -> None:
    """Put a post first in its group."""
    _on_post(config, name, post, by, lambda act, tx, site, me, group, it: act.pin(tx, site, me, group, it), "pinned")


@app.command()
def unpin(name: GroupName, post: PostName, by: By = None, config: ConfigPath = None) -> None:
    """Put it where its time puts it."""
    _on_post(
        config,
        name,
        post,
        by,
        lambda act, tx, site, me, group, it: act.unpin(tx, site, me, group, it),
        "not pinned any more",
    )


@app.command()
def ban(
    name: GroupName,
    whom: Whom,
    reason: Reason = "",
    until: Annotated[
        str | None,
        typer.Option("--until", help="When it ends: with 2026-12-31 (UTC), or 12h, 7d, 2w from now; else never."),
    ] = None,
    remove_posts: Annotated[bool, typer.Option("--remove-posts", help="With all they wrote in the group.")] = False,
    by: By = None,
    config: ConfigPath = None,
) -> None:
    """Put somebody out of a group."""
    with opened(config) as site:
        ends = None if until is None else _end(until, site.clock())
        _on_actor(
            site,
            name,
            whom,
            by,
            lambda act, tx, me, group, who: act.ban(tx, site, me, group, who, reason, ends, remove_posts),
            "banned" if ends is None else f"banned until {moment(ends)} UTC",
        )


@app.command()
def unban(name: GroupName, whom: Whom, by: By = None, config: ConfigPath = None) -> None:
    """Let somebody join a group again."""
    with opened(config) as site:
        _on_actor(
            site, name, whom, by, lambda act, tx, me, group, who: act.unban(tx, site, me, group, who), "may join again"
        )


@app.command()
def appoint(name: GroupName, whom: Whom, by: By = None, config: ConfigPath = None) -> None:
    """Make a member a moderator."""
    with opened(config) as site:
        _on_actor(
            site, name, whom, by, lambda act, tx, me, group, who: act.appoint(tx, site, me, group, who), "a moderator"
        )


@app.command()
def dismiss(name: GroupName, whom: Whom, by: By = None, config: ConfigPath = None) -> None:
    """Make a moderator a plain member again."""
    with opened(config) as site:
        _on_actor(
            site,
            name,
            whom,
            by,
            lambda act, tx, me, group, who: act.dismiss(tx, site, me, group, who),
            "no moderator any more",
        )


@app.command()
def log(name: GroupName, limit: Limit = 50, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """What moderators did in a group, newest first."""
    with opened(config) as site:
        from storage import actors, moderations, posts

        def unit(tx: "Tx") -> list[dict[str, Any]]:
            done = moderations.of_group(tx, group_of(tx, site, name).id, limit)
            ids = {one for each in done for one in (each.moderator_id, each.actor_id) if one is not None}
            known = actors.by_ids(tx, list(ids))
            about = {each.post_id: posts.by_id(tx, each.post_id) for each in done if each.post_id is not None}
            return [_done(each, known, about.get(each.post_id or 0)) for each in done]

        rows = site.db.read_now(unit)
    if as_json:
        print_json(rows)
    else:
        print_rows(
            rows, ("at", "action", "by", "whom", "post", "until", "reason", "undone"), none="nothing was done yet"
        )


def _done(each: "Moderation", known: dict[int, "Actor"], post: "Post | None") -> dict[str, Any]:
    by, whom = known.get(each.moderator_id or 0), known.get(each.actor_id or 0)
    return {
        "id": str(each.id),
        "at": timestamp(each.created_at),
        "action": each.action,
        "by": None if by is None else f"@{by.handle}",
        "whom": None if whom is None else f"@{whom.handle}",
        "post": None if post is None else post.url or post.iri,
        "until": timestamp(each.until),
        "reason": each.reason,
        "undone": timestamp(each.undone_at),
    }


def _on_post(config: "Path | None", name: str, post: str, by: str | None, act: Callable[..., Any], became: str) -> None:
    with opened(config) as site:
        from fedi.actions import moderation
        from storage import posts

        def unit(tx: "Tx") -> "Actor":
            group = group_of(tx, site, name)
            found = posts.by_id(tx, int(post)) if post.isascii() and post.isdigit() and len(post) < 19 else None
            found = found or posts.by_iri(tx, post) or posts.by_url(tx, post)
            if found is None or found.group_id != group.id:
                raise CommandError(
                    f"there is no post {post!r} in {group.username}; write its id, or the address of its page"
                )
            act(moderation, tx, site, moderator(tx, site, group, by), group, found)
            return group

        _say(site.db.write_now(unit), f"{post} is {became}")


def _on_actor(site: "Site", name: str, whom: str, by: str | None, act: Callable[..., Any], became: str) -> None:
    from fedi.actions import moderation

    def unit(tx: "Tx") -> "Actor":
        group = group_of(tx, site, name)
        act(moderation, tx, moderator(tx, site, group, by), group, _known(tx, site, whom))
        return group

    _say(site.db.write_now(unit), f"{whom} {became}" if became.startswith("may") else f"{whom} is {became}")


def _say(group: "Actor", done: str) -> None:
    print(done if group.local else f"{group.domain} is asked; what it decides shows in «fedi group log»")


def _known(tx: "Tx", site: "Site", name: str) -> "Actor":
    from storage import actors

    username, _, domain = name.lstrip("@!").partition("@")
    found = actors.by_name(tx, username, domain or site.config.handle_domain)
    if found is None or found.state != "active":
        raise CommandError(f"{name!r} is not known here; write the name of somebody here, or name@host")
    return found


def group_of(tx: "Tx", site: "Site", name: str) -> "Actor":
    """The group of this name here, or of this handle elsewhere. Raises CommandError."""
    bare = name.lstrip("@!")
    if "@" not in bare.removesuffix("@" + site.config.handle_domain):
        found = local_actor(tx, site, name, ("Group",))
    else:
        found = _known(tx, site, bare)
    if not found.is_group or found.state != "active":
        raise CommandError(f"there is no group {bare!r} (any more)")
    return found


def _end(text: str, now: int) -> int:
    """The end of a date's day in UTC, or how long from now, as ms since 1970. Raises CommandError."""
    span = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if span:
        return now + int(span[1]) * _DAYS[span[2]]
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000) + _DAYS["d"] - 1
    except ValueError as problem:
        raise CommandError(
            f"--until: {text!r} is no date like {time.strftime('%Y-%m-%d')}, and no span like 12h, 7d or 2w"
        ) from problem
