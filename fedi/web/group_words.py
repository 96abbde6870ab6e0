"""A group in words: who joins, who reads, what it is for, how loud it is, how many are in it; and the tabs of its pages."""

from typing import Any

from fedi.languages import N_, _, ngettext
from fedi.web.paths import actor_path
from storage.actors import Actor
from storage.groups import Group

JOINING = {
    "open": N_("everyone may join"),
    "approval": N_("moderators let members in"),
    "invite": N_("by invitation"),
}
READING = {
    "public": N_("everyone reads"),
    "peers": N_("partner universities read"),
    "members": N_("only members read"),
}
KINDS = {
    "open": N_("Open group"),
    "cohort": N_("Cohort"),
    "course": N_("Course"),
    "project": N_("Project"),
    "mentoring": N_("Mentoring"),
}
VOLUMES = {
    "all": (N_("Everything"), N_("You hear of each new thread.")),
    "joined": (N_("My threads"), N_("You hear of answers in threads you are in, and of what is meant for you.")),
    "weekly": (N_("Little"), N_("You hear only of what is meant for you; the rest comes once a week.")),
}


def people_in(group: Actor) -> str:
    """How many are in it; of a group elsewhere only those of this instance are known."""
    number = group.followers_count
    if group.local:
        return ngettext("%(num)s member", "%(num)s members", number) % {"num": number}
    return ngettext("%(num)s member from here", "%(num)s members from here", number) % {"num": number}


def words_of(group: Actor, row: Group | None) -> dict[str, Any]:
    """What a group is like, in words: `members`, `joining`, `reading`, `kind`, `ends`."""
    return {
        "members": people_in(group),
        "joining": _(JOINING[row.join_mode]) if row and row.join_mode in JOINING else _("joined by following it"),
        "feed": f"{actor_path(group)}/feed.atom" if group.local and (row is None or row.see == "public") else None,
        "reading": _(READING[row.see]) if row and row.see in READING else _("everyone reads"),
        "kind": _(KINDS[row.kind]) if row and row.kind in KINDS and row.kind != "open" else "",
        "ends": row.ends_at if row else None,
    }


def tabs_of(
    group: Actor, *, inside: bool, moderates: bool = False, waiting: int = 0
) -> list[tuple[str, str, int | None]]:
    """The pages of a group, for `parts.tabs`."""
    path = actor_path(group)
    if not group.local:
        pages: list[tuple[str, str, int | None]] = [(_("Threads"), path, None), (_("Library"), f"{path}/library", None)]
        return [*pages, (_("Moderation"), f"{path}/moderation", waiting)] if inside else pages
    found: list[tuple[str, str, int | None]] = [
        (_("Threads"), path, None),
        (_("Library"), f"{path}/library", None),
        (_("About"), f"{path}/about", None),
        (_("Members"), f"{path}/members", None),
    ]
    if inside:
        found.append((_("Moderation"), f"{path}/moderation", waiting))
    if moderates:
        found.append((_("Health"), f"{path}/health", None))
        found.append((_("Settings"), f"{path}/settings", None))
    return found
