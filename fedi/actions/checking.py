"""Check a policy document: whether it can be read, what in it can never count, and whether it passes its own tests."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from federation.policy.cases import run
from federation.policy.compile import compile_rules
from federation.policy.decide import Policy
from federation.policy.document import Invalid, read
from federation.policy.warnings import warnings


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


@lru_cache(maxsize=4)
def check(text: str) -> Checked:
    """Check a document. The answer is kept for a few: who checks before a transaction has it at hand within."""
    return checked(text)


def checked(text: str, load: Callable[[str], bytes] | None = None) -> Checked:
    """Check a document; `load` reads the files that its tests name (raises OSError)."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    try:
        document = read(text, load)
    except Invalid as problem:
        return Checked(digest, tuple(Finding("error", one.line, one.text, one.mend) for one in problem.problems))
    policy, now = Policy(0, compile_rules(document.rules, document.default)), time.time_ns() // 1_000_000
    findings = [
        Finding("test", one.line, f"the test {one.name!r} expects {one.expected} and gets {one.got}")
        for one in run(document.cases, policy, now)
    ]
    findings += [Finding("warning", one.line, one.text, one.mend) for one in warnings(document, now)]
    return Checked(digest, tuple(findings), tuple(rule.id for rule in document.rules), len(document.cases))
