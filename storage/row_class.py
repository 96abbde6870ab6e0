"""`row_class`: `dataclass` for rows of many columns that are read all the time.

Frozen for the type checker, which sees every line of ours, but not when it runs: a frozen one of 40 fields takes 7 to 14 us
to make instead of 0.7, as each field goes through `object.__setattr__`.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["row_class"]

if TYPE_CHECKING:
    from dataclasses import dataclass as row_class
else:
    from dataclasses import dataclass

    def row_class(*, frozen: bool, slots: bool) -> Any:
        """As `dataclass`, with the hash of a frozen one and without what forbids to set its fields."""
        return dataclass(slots=slots, unsafe_hash=frozen)
