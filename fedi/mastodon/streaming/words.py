"""What is noted under the topic `stream` (`storage.events`), in words with spaces between: read into one type. Pure.

| words | what happened |
|---|---|
| `entry ACTOR ENTRY POST` | an actor put a post before its followers, as its own or as a boost |
| `deleted-entry ACTOR ENTRY` | a boost was taken back |
| `edited POST` | a post says something else, or is shown again |
| `deleted POST MENTIONED…` | a post is shown no more; whom it mentioned |
| `notification PERSON NOTIFICATION` | a person was told something |
| `merged PERSON` | notifications that waited in requests are in the list now |
| `filters PERSON` | a person's filters changed |
| `conversation PERSON CONVERSATION` | a person's conversation has a new last post |
| `announcement ID`, `announcement.reaction ID NAME`, `announcement.delete ID` | of announcements |
| `token TOKEN` | an access token was revoked |
| `suspended PERSON` | a person may not act any more |
"""

from dataclasses import dataclass

_NUMBERS = {
    "entry": 3,
    "deleted-entry": 2,
    "edited": 1,
    "deleted": 1,
    "notification": 2,
    "merged": 1,
    "filters": 1,
    "conversation": 2,
    "announcement": 1,
    "announcement.reaction": 1,
    "announcement.delete": 1,
    "token": 1,
    "suspended": 1,
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened: its first word, the ids after it, and what is left as text."""

    kind: str
    ids: tuple[int, ...]
    rest: str = ""


def read(payload: str) -> Happened | None:
    """What a payload says; None for what this version does not know (another process may run a newer one)."""
    kind, *words = payload.split(" ")
    least = _NUMBERS.get(kind)
    if least is None or len(words) < least:
        return None
    try:
        if kind == "announcement.reaction":
            return Happened(kind, (int(words[0]),), " ".join(words[1:]))
        return Happened(kind, tuple(map(int, words)))
    except ValueError:
        return None
