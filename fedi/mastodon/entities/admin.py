"""What moderators' tools get: Admin::Account, Admin::Report, Admin::DomainBlock, Admin::DomainAllow. Pure."""

import hashlib
from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account, role
from storage.accounts import Account
from storage.peers import Peer
from storage.reports import Report

SEVERITIES = {"limited": "silence", "blocked": "suspend"}
"""`peers.stance` -> what Mastodon calls it."""


def host_id(host: str) -> str:
    """A number for a host, which has none here: decimal digits and always the same, as clients expect."""
    return str(int.from_bytes(hashlib.sha256(host.encode()).digest()[:7], "big"))


def admin_account(origin: str, one: Account) -> dict[str, Any]:
    """An account with what only its server knows. Addresses of people's machines are not kept, so there are none; nobody is
    limited, or marked as sensitive, alone."""
    actor, person = one.actor, one.person
    language = person.settings.get("language") if person is not None else None
    return {
        "id": str(actor.id),
        "username": actor.username,
        "domain": None if actor.local else actor.domain,
        "created_at": moment(actor.created_at),
        "email": person.email if person is not None else "",
        "ip": None,
        "ips": [],
        "locale": language if isinstance(language, str) else "en",
        "invite_request": one.how.reason or None if one.how is not None else None,
        "role": role(person.role if person is not None else "member"),
        "confirmed": one.how is None or one.how.confirmed_at is not None or person is None or person.state != "pending",
        "approved": person is None or person.state != "pending",
        "disabled": one.disabled,
        "silenced": False,
        "sensitized": False,
        "suspended": actor.state == "suspended",
        "account": account(origin, actor),
        "created_by_application_id": None,
        "invited_by_account_id": str(one.how.invited_by_id) if one.how is not None and one.how.invited_by_id else None,
    }


def admin_report(
    origin: str,
    made: Report,
    known: dict[int, Account],
    statuses: list[Any],
    rules: list[dict[str, Any]],
    nobody: Account,
) -> dict[str, Any]:
    """A report; `nobody` (the instance) stands for a reporter whom nobody knows any more."""

    def shown(number: int | None) -> dict[str, Any] | None:
        return admin_account(origin, known[number]) if number is not None and number in known else None

    return {
        "id": str(made.id),
        "action_taken": made.state != "open",
        "action_taken_at": None if made.resolved_at is None else moment(made.resolved_at),
        "category": made.category,
        "comment": made.text,
        "forwarded": made.forward,
        "created_at": moment(made.created_at),
        "updated_at": moment(made.resolved_at or made.created_at),
        "account": shown(made.reporter_id) or admin_account(origin, nobody),
        "target_account": shown(made.actor_id) or admin_account(origin, nobody),
        "assigned_account": shown(made.assigned_to_id),
        "action_taken_by_account": shown(made.resolved_by_id),
        "statuses": statuses,
        "rules": [one for one in rules if int(one["id"]) in made.rule_ids],
        "collections": [],
    }


def domain_block(peer: Peer) -> dict[str, Any]:
    """A host that is blocked or limited here. Its reason is public (`/api/v1/instance/domain_blocks`)."""
    return {
        "id": host_id(peer.host),
        "domain": peer.host,
        "digest": hashlib.sha256(peer.host.encode()).hexdigest(),
        "created_at": moment(peer.first_seen_at),
        "severity": SEVERITIES[peer.stance],
        "reject_media": peer.stance == "blocked",
        "reject_reports": peer.stance == "blocked",
        "private_comment": None,
        "public_comment": peer.reason,
        "obfuscate": False,
    }


def domain_allow(peer: Peer) -> dict[str, Any]:
    """A host with an agreement."""
    return {"id": host_id(peer.host), "domain": peer.host, "created_at": moment(peer.first_seen_at)}
