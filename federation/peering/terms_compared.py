"""Two sets of terms beside each other, field by field, in words: what an admin looks at before they sign."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from federation.durations import write_duration
from federation.fields import timestamp
from federation.peering.terms import PERSONAL_DATA, VISIBILITY, Terms


@dataclass(frozen=True, slots=True)
class Row:
    """One field: what we would agree to, what they would, and what theirs is beside ours.

    `relation`: `equal`; `narrower` (it lets less flow, for less time, or has to be done sooner); `wider`; or `different`,
    where neither is more.
    """

    field: str
    ours: str
    theirs: str
    relation: str


def compare(ours: Terms, theirs: Terms) -> tuple[Row, ...]:
    """Theirs beside ours, in the order in which an admin reads them."""
    return tuple(
        Row(name, words(ours, name), words(theirs, name), relate(getattr(ours, name), getattr(theirs, name)))
        for name, relate in _FIELDS
    )


def words(terms: Terms, name: str) -> str:
    """A field as people read it: times as dates, durations as agreements write them, `-` for what is not agreed."""
    value = getattr(terms, name)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    if isinstance(value, int):
        return timestamp(value) if name in ("starts", "ends") else write_duration(value)
    return str(value)


def widens(before: Terms, after: Terms) -> tuple[str, ...]:
    """The fields in which `after` lets more flow than `before`."""
    return tuple(row.field for row in compare(before, after) if row.relation == "wider")


def _of_numbers(nothing: float) -> Callable[[int | None, int | None], str]:
    """Compare by size; `nothing` is what None counts as."""

    def relate(ours: int | None, theirs: int | None) -> str:
        mine, other = (nothing if one is None else one for one in (ours, theirs))
        return "equal" if mine == other else "wider" if other > mine else "narrower"

    return relate


def _earlier_is_wider(ours: int | None, theirs: int | None) -> str:
    mine, other = (float("-inf") if one is None else one for one in (ours, theirs))
    return "equal" if mine == other else "wider" if other < mine else "narrower"


def _of_sets(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    mine, other = set(ours), set(theirs)
    if mine == other:
        return "equal"
    if "*" in other or mine < other:
        return "equal" if "*" in mine else "wider"
    return "narrower" if "*" in mine or other < mine else "different"


def _of_visibility(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    mine, other = (max(map(VISIBILITY.index, one), default=0) for one in (ours, theirs))
    return "equal" if mine == other else "wider" if other > mine else "narrower"


def _of_rank(ours: str, theirs: str) -> str:
    mine, other = PERSONAL_DATA.index(ours), PERSONAL_DATA.index(theirs)
    return "equal" if mine == other else "wider" if other > mine else "narrower"


def _of_texts(ours: Any, theirs: Any) -> str:
    return "equal" if ours == theirs else "different"


_LESS, _MORE = _of_numbers(0), _of_numbers(float("inf"))
_FIELDS: tuple[tuple[str, Callable[[Any, Any], str]], ...] = (
    ("visibility", _of_visibility),
    ("groups", _of_sets),
    ("personal_data", _of_rank),
    ("media", _MORE),  # what is not agreed has no end
    ("backfill", _LESS),
    ("erasure_within", _MORE),
    ("moderation", _of_sets),
    ("moderation_within", _MORE),
    ("horizon", _LESS),
    ("probes", _of_texts),
    ("terms_href", _of_texts),
    ("terms_digest", _of_texts),
    ("security_contact", _of_texts),
    ("dpo", _of_texts),
    ("starts", _earlier_is_wider),
    ("ends", _MORE),
)
