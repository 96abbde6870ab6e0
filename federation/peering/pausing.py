"""What waits while a peering is suspended, or while new terms are not signed by both, and what goes on all the same."""

from typing import Literal

Pause = Literal["private", "all"]
"""`private`: what is not public waits. `all`: everything does, but messages about the peering itself."""

GRACE = 30 * 24 * 3600 * 1000
"""A suspension ends the peering after so long (ms): as long as deliveries to an agreed peer are kept."""


def waits(pause: Pause | None, *, message: bool, private: bool) -> bool:
    """Whether something that is to be sent must wait. `message`: it is about the peering; `private`: it is not public."""
    if pause is None or message:
        return False
    return pause == "all" or private
