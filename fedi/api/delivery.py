"""What became of one's own post at other servers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fedi import deliveries
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Moment
from fedi.errors import NotFound
from fedi.mastodon.answers import moment
from storage import posts
from storage.metadata import Tx


class PostDelivery(msgspec.Struct, kw_only=True):
    """What became of the post at one server: it was taken, is on its way, was not taken, or was given up. `why` is in words,
    where it is not there; `at` is when that was found."""

    host: str
    state: Literal["delivered", "pending", "refused", "expired"]
    why: str | None = None
    at: Moment | None = None


class PostDeliveries(msgspec.Struct, kw_only=True):
    """How many servers have the post, await it, and did not take it; and each of the first 2,000."""

    delivered: Annotated[int, Meta(ge=0)]
    pending: Annotated[int, Meta(ge=0)]
    refused: Annotated[int, Meta(ge=0)]
    expired: Annotated[int, Meta(ge=0)]
    servers: list[PostDelivery]


def delivery(tx: Tx, call: Call) -> PostDeliveries:
    """What became of a post at each other server; for its author alone."""
    post = posts.by_id(tx, call.ids["id"])
    if post is None or post.deleted_at is not None or not post.local or post.author_id != call.me.id:
        raise NotFound
    found = deliveries.of_post(tx, call.site, post)
    states = [one.state for one in found]
    return PostDeliveries(
        delivered=states.count("delivered"),
        pending=states.count("pending"),
        refused=states.count("refused"),
        expired=states.count("expired"),
        servers=[
            PostDelivery(host=one.host, state=one.state, why=one.why, at=moment(one.at) if one.at is not None else None)
            for one in found
        ],
    )


OPERATIONS = [
    Operation(method="GET", path="/posts/{id}/delivery", unit=delivery, tag="threads", scopes=("read:statuses",)),
]
"""These are in the chapter of threads."""
