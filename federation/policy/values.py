"""Values of a policy document that stand in several places: rates, moments; and what is said of one that is not what it should be."""

import datetime as dt
import re
from difflib import get_close_matches
from typing import Any

from federation.policy.rules import Rate

_RATE = re.compile(r">? *([0-9]{1,9}) */ *([0-9]{0,4}) *(s|min|m|h|d)[a-z]*(?: +by +(host|actor))?")
_PERIODS = {"s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


class Unfit(Exception):
    """A value that is not what its key wants: what is wrong, what to write instead, and where within the value it is."""

    def __init__(self, text: str, mend: str, *within: str | int) -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend
        self.within = within


def nearest(word: str, known: Any) -> str:
    """A mend for a word that is not known: the nearest ones that are, or all."""
    close = get_close_matches(word.lower(), [str(one) for one in known], n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"it is one of {', '.join(sorted(str(one) for one in known))}"


def read_rate(text: Any) -> Rate:
    """A rate as `30/min`, `100/h`, `5/10min`, with `by actor` for each actor by itself. Raises Unfit."""
    found = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise Unfit(
            f"{text!r} is no rate", "write a number and a period as 30/min, 100/h, 5/10min or 500/d, and `by actor`"
        )
    window = int(found[2] or 1) * _PERIODS[found[3]]
    if not 1_000 <= window <= 86_400_000:
        raise Unfit(f"{text!r}: a period is from a second to a day", "write it as 500/d at most")
    if int(found[1]) == 0:
        raise Unfit(f"{text!r} lets nothing through", 'write 1 at least, or then = "reject"')
    return Rate(int(found[1]), window, "actor" if found[4] == "actor" else "host")


def moment(value: Any, *, end: bool = False) -> int:
    """A day or a moment of TOML, or as text (ISO 8601), in ms; of a day its first ms, or its last. Raises ValueError."""
    if isinstance(value, str):
        day = len(value) == len("2027-09-30")
        value = dt.date.fromisoformat(value) if day else dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        exact = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return (exact - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    if isinstance(value, dt.date):
        return ((value - dt.date(1970, 1, 1)).days + end) * 86_400_000 - end
    raise ValueError(value)
