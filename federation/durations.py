"""Durations as agreements write them: ISO 8601, in units that have one length.

Years and months have none, and a period that two institutions sign must mean the same to both.
"""

import re

_DURATION = re.compile(
    r"P(?:(?P<w>\d{1,5})W|(?:(?P<d>\d{1,5})D)?(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,7})M)?(?:(?P<s>\d{1,9})S)?)?)",
    re.ASCII,
)
_UNITS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}
LONGEST = 100 * 366 * 86_400_000
"""A hundred years, in ms."""


def read_duration(text: str) -> int:
    """A duration (`P7D`, `PT36H`, `P2W`) in ms. Raises ValueError, whose text says what to write instead."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()) or text.endswith("T"):
        if re.fullmatch(r"P\d+[YM].*", text, re.ASCII):
            raise ValueError(
                f"{text[:40]!r} has years or months, which have no fixed length; write days, as P30D or P365D"
            )
        raise ValueError(f"{text[:40]!r} is no duration; write days or hours, as P7D or PT36H")
    length = sum(int(value) * _UNITS[unit] for unit, value in found.groupdict().items() if value is not None)
    if length > LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than a hundred years")
    return length


def write_duration(ms: int) -> str:
    """Ms as a duration; parts of a second are left out."""
    days, rest = divmod(max(ms, 0), _UNITS["d"])
    written = f"P{days}D" if days else "P"
    if rest >= _UNITS["s"]:
        written += "T"
        for unit in "hms":
            number, rest = divmod(rest, _UNITS[unit])
            written += f"{number}{unit.upper()}" if number else ""
    return written if written != "P" else "PT0S"
