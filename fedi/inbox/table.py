"""Which module handles which activity type. Every type of ActivityStreams, and those that peers invented, is in one of
the two tables; a type in neither is kept as «unsupported» in `received`, for the operator to see."""

from collections.abc import Mapping

from fedi.inbox import (
    accept,
    add,
    announce,
    block,
    choose_answer,
    create,
    delete,
    flag,
    follow,
    join,
    leave,
    like,
    lock,
    move,
    peering,
    quote_request,
    reject,
    remove,
    resolve,
    undo,
    update,
    warn,
)
from fedi.inbox.handling import Handler
from fedi.inbox.peering import OrPeering

HANDLERS: Mapping[str, Handler] = {
    "Accept": OrPeering(accept),
    "Add": add,
    "Announce": announce,
    "Block": block,
    "ChooseAnswer": choose_answer,
    "Create": create,
    "Delete": delete,
    "Dislike": like,
    "EmojiReact": like,
    "Flag": flag,
    "Follow": follow,
    "Join": join,
    "Leave": leave,
    "Like": like,
    "Lock": lock,
    "Move": move,
    "Offer": peering,
    "QuoteRequest": quote_request,
    "Reject": OrPeering(reject),
    "Remove": remove,
    "Resolve": resolve,
    "TentativeAccept": peering,
    "Undo": OrPeering(undo),
    "Update": OrPeering(update),
    "Warn": warn,
}

IGNORED: Mapping[str, str] = {
    "Arrive": "nothing here shows where people are",
    "Ignore": "it asks for nothing",
    "Invite": "an invitation asks for nothing: whoever wants to take it follows the group",
    "Listen": "it asks for nothing",
    "PollVote": "PieFed sends a vote as a Note as well, which is what is counted (FEP-9967)",
    "Question": "a poll comes as a Create",
    "Read": "it asks for nothing",
    "TentativeReject": "nothing here is rejected tentatively",
    "Travel": "nothing here shows where people are",
    "View": "it asks for nothing",
}
"""Why a type is not acted on."""
