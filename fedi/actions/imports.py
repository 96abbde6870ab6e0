"""Lists of other servers as rules of a policy: Mastodon's and GoToSocial's domain lists, Akkoma's SimplePolicy, FIRES data sets.

What is imported is a draft with its source on each rule, never more; a list that is imported again takes the place of what came
from the same source before, and leaves all other rules as they are.
"""

import re
from typing import Literal

from federation.policy import domain_lists, fires, simple_policy
from federation.policy.document import Document, Invalid, read
from federation.policy.drafts import Imported
from fedi import errors

Kind = Literal["csv", "allow", "akkoma", "fires"]
"""A list of domains (Mastodon's or GoToSocial's, as CSV, JSON or one a line), the same of those that are allowed alone, a
SimplePolicy (NodeInfo, settings), a FIRES data set."""
_HEADER = re.compile(r"[ \t]*\[")


def kind_of(text: str) -> Kind:
    """What a list looks like."""
    start = text.lstrip("\ufeff \t\r\n")[:2_000]
    if start.startswith(("{", "[")) and "fires" in start.casefold():
        return "fires"
    if "mrf_simple" in text or "SimplePolicy" in text:
        return "akkoma"
    return "csv"


def draft(text: str, source: str, kind: Kind | None = None) -> Imported:
    """The rules that a list comes to. Raises Invalid when it can't be read, or none comes of it."""
    wanted = kind or kind_of(text)
    try:
        if wanted == "fires":
            found = fires.read(text, source=source or None)
        elif wanted == "akkoma":
            found = simple_policy.read(text, source=source)
        else:
            found = domain_lists.read(text, source=source, allow=wanted == "allow")
    except Invalid as problem:
        raise errors.Invalid(str(problem.problems[0]), code="bad-list") from problem
    if not found.rules:
        first = f": {found.problems[0]}" if found.problems else ""
        raise errors.Invalid(f"no rule comes of this list{first}", code="empty-list")
    return found


def merged(document: str, imported: str) -> str:
    """A policy with imported rules in the place of those that came from the same sources before. Raises Invalid when the policy
    can't be read."""
    sources = {rule.source for rule in _read(imported).rules if rule.source is not None}
    left = _without(document, sources)
    return (left.rstrip() + "\n\n" if left.strip() else "") + imported.strip() + "\n"


def _without(document: str, sources: set[str]) -> str:
    """A policy without the rules of these sources; all else stays as it is written."""
    lines = document.replace("\r\n", "\n").split("\n")
    begins = [number for number, line in enumerate(lines) if _HEADER.match(line) and not _within(line)]
    gone: set[int] = set()
    for rule in _read(document).rules:
        if rule.source in sources:
            begin = rule.line - 1
            gone |= set(range(begin, next((number for number in begins if number > begin), len(lines))))
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def _within(line: str) -> bool:
    """Whether a header is of a table within a rule, as [rule.when]."""
    return line.lstrip().startswith(("[rule.", "[[rule."))


def _read(document: str) -> Document:
    try:
        return read(document)
    except Invalid as problem:
        raise errors.Invalid(f"the policy can't be read: {problem.problems[0]}", code="bad-policy") from problem
