"""Settings of a person beyond Mastodon's preferences: how groups come into their home and lists, what a profile shows."""

import msgspec

from fedi.actions import lists as list_actions
from fedi.actions import people as actions
from fedi.api.operations import Call, Operation
from storage import people
from storage.metadata import Tx


class Settings(msgspec.Struct, kw_only=True):
    """`groups_in_home`: threads of groups come into the home timeline. `group_lists`: each group has a list of its own.
    `show_affiliation`: the profile shows what one is at the institution, with its verified link."""

    groups_in_home: bool
    group_lists: bool
    show_affiliation: bool


class SettingsChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays."""

    groups_in_home: bool | None = None
    group_lists: bool | None = None
    show_affiliation: bool | None = None


def show(tx: Tx, call: Call) -> Settings:
    """One's settings."""
    person = people.by_id(tx, call.me.id)
    return Settings(
        groups_in_home=list_actions.wants_groups_in_home(tx, call.me.id),
        group_lists=list_actions.wants_group_lists(tx, call.me.id),
        show_affiliation=person is None or person.settings.get("show_affiliation") is not False,
    )


def change(tx: Tx, call: Call, body: SettingsChange) -> Settings:
    """Change one's settings."""
    if body.groups_in_home is not None:
        list_actions.set_groups_in_home(tx, call.site, call.me, body.groups_in_home)
    if body.group_lists is not None:
        list_actions.set_group_lists(tx, call.site, call.me, body.group_lists)
    if body.show_affiliation is not None:
        actions.affiliate(tx, call.site, call.me, show=body.show_affiliation)
    return show(tx, call)


OPERATIONS = [
    Operation(method="GET", path="/settings", unit=show, tag="settings", scopes=("read:accounts",)),
    Operation(method="PATCH", path="/settings", unit=change, tag="settings", scopes=("write:accounts",)),
]
