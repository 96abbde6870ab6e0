"""Charts as SVG, drawn by the server: geometry here, the elements in `admin/charts.html`. Each stands beside the table with
the same numbers, so that nobody needs to see it.

Nothing is styled inline, as the pages' policy forbids that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from fedi.text.mentions import shortened

WIDE, NARROW = 640, 360
"""Units across: each chart is drawn for a desk and for a phone, so that its words have their size on both."""
_ROW = 34
_HIGH = 180


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle with its class and what it says when one points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text at a place; `anchor` as in SVG."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn on `width` by `height`; `base` are lines (x1, y1, x2, y2)."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]
    base: tuple[tuple[float, float, float, float], ...] = ()


KINDS = (("newly_refused", "refused"), ("newly_held", "same"), ("newly_limited", "same"), ("newly_let_in", "accepted"))


def of_rules(rules: Sequence[Mapping[str, Any]], wide: int = WIDE) -> Chart | None:
    """What each rule would newly do, as bars beside its id; None when none does anything new."""
    doing = [one for one in rules if any(one.get(name) for name, _ in KINDS)][:20]
    if not doing:
        return None
    most = max(sum(one.get(name, 0) for name, _ in KINDS) for one in doing)
    beside = 190 if wide == WIDE else 128
    letters, room = beside // 8, wide - beside - 60
    bars, labels = [], []
    for at, one in enumerate(doing):
        y, x = at * _ROW + 6.0, float(beside)
        name = one["rule"] if len(one["rule"]) <= letters else one["rule"][: letters - 1] + "…"
        labels.append(Label(beside - 12, y + 15, name, "end", "name"))
        total = 0
        for key, kind in KINDS:
            number = one.get(key, 0)
            if number:
                width = max(2.0, number / most * room)
                bars.append(Bar(x, y, width, 20, kind, f"{one['rule']}: {number:,} {key.replace('_', ' ')}"))
                x, total = x + width, total + number
        labels.append(Label(x + 8, y + 15, f"{total:,}"))
    height = len(doing) * _ROW + 4
    return Chart(wide, height, tuple(bars), tuple(labels), ((beside, 0, beside, height),))


def of_days(days: Sequence[Mapping[str, Any]], wide: int = WIDE) -> Chart | None:
    """What was refused on each day, and beside it what would have been; None for less than two days."""
    if len(days) < 2:
        return None
    shown = days[-31:]
    most = max(max(one.get("refused_before", 0), one.get("refused_after", 0)) for one in shown) or 1
    step = wide / len(shown)
    width = min(22.0, step * 0.36)
    ground = _HIGH - 24
    bars, labels = [], []
    for at, one in enumerate(shown):
        middle = at * step + step / 2
        date = datetime.fromtimestamp(one["at"] / 1000, UTC)
        said = f"{date.day} {date:%b}"
        for key, kind, x in (("refused_before", "same", middle - width - 1), ("refused_after", "refused", middle + 1)):
            number = one.get(key, 0)
            height = number / most * (ground - 18)
            bars.append(Bar(x, ground - height, width, height, kind, f"{said}: {number:,} {key.replace('_', ' ')}"))
        if at % ceil(len(shown) * 64 / wide) == 0:
            labels.append(Label(middle, _HIGH - 6, said, "middle"))
    labels.append(Label(0, 12, f"{most:,}"))
    return Chart(wide, _HIGH, tuple(bars), tuple(labels), ((0, ground, wide, ground),))


@dataclass(frozen=True, slots=True)
class Series:
    """One thing over time: `key` in the points, what it is called, and the class it is drawn in (refused, accepted, same)."""

    key: str
    name: str
    kind: str


def columns(
    points: Sequence[tuple[int, Mapping[str, float]]],
    series: Sequence[Series],
    said: Callable[[float], str],
    when: Callable[[int], str],
    wide: int = WIDE,
    *,
    beside: bool = False,
) -> Chart | None:
    """Points in time (ms) as columns, the series on top of each other, or `beside` each other where their sum means nothing;
    `said` writes a number, `when` a time. None for fewer than two points, and where all is nothing."""
    several = [[max(0.0, figures.get(one.key, 0)) for one in series] for _, figures in points]
    most = max((max(one) if beside else sum(one) for one in several), default=0.0)
    if len(points) < 2 or not most:
        return None
    ground = _HIGH - 24
    step = wide / len(points)
    whole = max(2.0, min(22.0, step * 0.72))
    width = whole / len(series) if beside else whole
    bars, labels = [], []
    for at, (time, figures) in enumerate(points):
        middle, y = at * step + step / 2, float(ground)
        for place, one in enumerate(series):
            x = middle - whole / 2 + (place * width if beside else 0)
            number = figures.get(one.key, 0)
            if number > 0:
                height = max(1.0, number / most * (ground - 20))
                y = ground - height if beside else y - height
                bars.append(Bar(x, y, width, height, one.kind, f"{when(time)}: {said(number)} {one.name}"))
        if at % ceil(len(points) * 74 / wide) == 0 and middle + 30 < wide:
            labels.append(Label(max(middle, 20.0), _HIGH - 6, when(time), "middle"))
    labels.append(Label(0, 12, said(most)))
    return Chart(wide, _HIGH, tuple(bars), tuple(labels), ((0, ground, wide, ground),))


def rows(
    several: Sequence[tuple[str, float, str]], said: Callable[[float], str], wide: int = WIDE, most_rows: int = 20
) -> Chart | None:
    """(name, number, class) as bars below each other; None for none."""
    shown = [one for one in several if one[1] > 0][:most_rows]
    if not shown:
        return None
    most = max(number for _, number, _ in shown)
    beside = 210 if wide == WIDE else 136
    letters, room = beside // 8, wide - beside - 80
    bars, labels = [], []
    for at, (name, number, kind) in enumerate(shown):
        y = at * _ROW + 6.0
        labels.append(Label(beside - 12, y + 15, shortened(name, letters), "end", "name"))
        width = max(2.0, number / most * room)
        bars.append(Bar(beside, y, width, 20, kind, f"{name}: {said(number)}"))
        labels.append(Label(beside + width + 8, y + 15, said(number)))
    height = len(shown) * _ROW + 4
    return Chart(wide, height, tuple(bars), tuple(labels), ((beside, 0, beside, height),))


def both(draw: Callable[[int], Chart | None]) -> list[Chart]:
    """A chart as a desk and as a phone show it; empty where there is nothing to draw."""
    return [chart for chart in (draw(WIDE), draw(NARROW)) if chart is not None]
