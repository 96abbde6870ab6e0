"""`plain_class`: `dataclass` for what is read from each activity.

Frozen for the type checker, which sees every line of ours, but not when it runs: a frozen one of 30 fields takes 5 to 7 us to
make instead of one or two, as each field goes through `object.__setattr__`.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["plain_class"]

if TYPE_CHECKING:
    from dataclasses import dataclass as plain_class
else:
    from dataclasses import dataclass

    def plain_class(*, frozen: bool, slots: bool) -> Any:
        """As `dataclass`, with the hash of a frozen one and without what forbids to set its fields."""
        return dataclass(slots=slots, unsafe_hash=frozen)
