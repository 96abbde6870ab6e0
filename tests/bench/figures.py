"""What the benchmarks say: one figure a line, with the spread of its runs and what it must reach."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, as `bench.json` has it; `spread` is (highest - lowest) / median of the runs.

    `target` is what it must reach, `most` whether that is an upper bound (cost, memory) or a lower one (rates).
    """

    name: str
    database: str
    value: float
    unit: str
    median_of: int
    spread: float
    target: float | None = None
    most: bool = False

    @property
    def verdict(self) -> str:
        """How it stands to its target, in words: `reached`, `0.62 of 3,000`; empty without a target."""
        if self.target is None:
            return ""
        reached = self.value <= self.target if self.most else self.value >= self.target
        if reached:
            return f"reached ({'at most ' if self.most else ''}{self.target:,g})"
        share = self.value / self.target
        return f"{share:.2f} of {'at most ' if self.most else ''}{self.target:,g}"


@dataclass(slots=True)
class Figures:
    """The figures so far, printed as they come unless they are `silent`."""

    database: str = ""
    silent: bool = False
    all: list[Figure] = field(default_factory=list)

    def add(
        self, name: str, unit: str, values: Sequence[float], target: float | None = None, *, most: bool = False
    ) -> None:
        """Keep the median of some runs and print it. `values` must not be empty. Targets are for SQLite."""
        if self.database != "sqlite":
            target = None
        middle = statistics.median(values)
        spread = (max(values) - min(values)) / middle if middle else 0.0
        figure = Figure(name, self.database, round(middle, 3), unit, len(values), round(spread, 3), target, most)
        self.all.append(figure)
        if self.silent:
            return
        print(
            f"{self.database:<11}{name:<66}{middle:>11,.2f} {unit:<11} ±{100 * spread:>3.0f} %  {figure.verdict}",
            flush=True,
        )
