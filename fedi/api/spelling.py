"""What somebody may have meant by words that nothing was found for. Searching itself is Mastodon's (`/api/v2/search`)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from fedi import searching
from fedi.api.operations import Call, Operation
from storage.metadata import Tx


class Typed(msgspec.Struct, kw_only=True):
    """What was typed into a field for searching."""

    q: Annotated[str, Meta(min_length=1, max_length=500)]


class Meant(msgspec.Struct, kw_only=True):
    """The same with the words that were likely meant; null where nothing better is known that finds something."""

    q: str | None


def meant(tx: Tx, call: Call, query: Typed) -> Meant:
    """Ask what was likely meant by words that nothing was found for.

    It knows the words of posts that the person who asks may find, and no others.
    """
    typed = " ".join(query.q.replace("\x00", " ").split())
    return Meant(q=searching.corrected(tx, call.site, call.me.id, typed))


OPERATIONS = [
    Operation(
        method="GET", path="/search/spelling", unit=meant, tag="threads", scopes=("read:search",), refuses=(422,)
    ),
]
