"""Which module handles which activity type. Every type of ActivityStreams, and those that peers invented, is in one of
the two tables; a type in neither is kept as «unsupported» in `received`, for the operator to see."""

from collections.abc import Mapping

from fedi.inbox import accept, announce, create, delete, follow, like, reject, undo, update
from fedi.inbox.handling import Handler

HANDLERS: Mapping[str, Handler] = {
    "Accept": accept,
    "Announce": announce,
    "Create": create,
    "Delete": delete,
    "Dislike": like,
    "EmojiReact": like,
    "Follow": follow,
    "Like": like,
    "Reject": reject,
    "Undo": undo,
    "Update": update,
}

IGNORED: Mapping[str, str] = {
    "Add": "pins and moderators of remote groups are not read yet",
    "Arrive": "nothing here shows where people are",
    "Block": "bans of remote groups are not read yet",
    "Flag": "reports are not read yet",
    "Ignore": "it asks for nothing",
    "Invite": "invitations are not read yet",
    "Join": "following is joining here",
    "Leave": "unfollowing is leaving here",
    "Listen": "it asks for nothing",
    "Lock": "locks of remote threads are not read yet",
    "Move": "moved accounts are not followed yet",
    "Offer": "agreements between institutions are not read yet",
    "Question": "a poll comes as a Create",
    "Read": "it asks for nothing",
    "Remove": "pins and moderators of remote groups are not read yet",
    "TentativeAccept": "nothing here is accepted tentatively",
    "TentativeReject": "nothing here is rejected tentatively",
    "Travel": "nothing here shows where people are",
    "View": "it asks for nothing",
}
"""Why a type is not acted on."""
