"""Check a policy document: whether it can be read, what in it can never count, and whether it passes its own tests."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend: an error that makes the document unreadable, a test that fails, a warning; with the line where it
    stands, what is wrong, and what to do."""

    kind: Literal["error", "test", "warning"]
    line: int
    text: str
    mend: str = ""

    def __str__(self) -> str:
        """As one line."""
        return f"line {self.line}: {self.text}" + (f"; {self.mend}" if self.mend else "")


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check: the document's SHA-256, what is to be mended, the ids of its rules, and how many tests it has."""

    digest: str
    findings: tuple[Finding, ...] = ()
    rules: tuple[str, ...] = ()
    tests: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What keeps it from being saved."""
        return tuple(one for one in self.findings if one.kind != "warning")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What may be meant so, and may not."""
        return tuple(one for one in self.findings if one.kind == "warning")

    @property
    def unreadable(self) -> bool:
        """Whether it can't be read, so that there is nothing to be tried."""
        return any(one.kind == "error" for one in self.findings)

    @property
    def fine(self) -> bool:
        """Whether it can be saved."""
        return not self.errors


@lru_cache(maxsize=8)
def check(text: str) -> Checked:
    """Check a document. It is kept for a few: who checks before a transaction has it at hand within."""
    raise NotImplementedError
