"""What moderation says to clients: the Report entity and the AccountWarning entity. Pure."""

from typing import Any

from fedi.actions.told import words
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from storage.actors import Actor
from storage.moderations import Moderation
from storage.reports import Report

# moderations.action -> AccountWarning's. Out of one group is not suspended: clients would say that the account is.
_ACTIONS = {"remove": "delete_statuses", "warn": "none", "ban": "none"}


def report(origin: str, made: Report, target: Actor) -> dict[str, Any]:
    """A report about `target`; who made it is not in it."""
    return {
        "id": str(made.id),
        "action_taken": made.state != "open",
        "action_taken_at": None if made.resolved_at is None else moment(made.resolved_at),
        "category": made.category,
        "comment": made.text,
        "forwarded": made.forward,
        "created_at": moment(made.created_at),
        "status_ids": [str(one) for one in made.post_ids],
        "rule_ids": [str(one) for one in made.rule_ids] or None,
        "collection_ids": None,
        "target_account": account(origin, target),
    }


def warning(origin: str, done: Moderation, target: Actor, group: Actor) -> dict[str, Any]:
    """An AccountWarning: what moderators of `group` did to `target`, and why; which moderator is not in it."""
    return {
        "id": str(done.id),
        "action": _ACTIONS.get(done.action, "none"),
        "text": words(done, group),
        "status_ids": None if done.post_id is None else [str(done.post_id)],
        "target_account": account(origin, target),
        "appeal": None,
        "created_at": moment(done.created_at),
    }
