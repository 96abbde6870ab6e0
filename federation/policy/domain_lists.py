"""Domain lists of Mastodon and GoToSocial, in and out.

In: Mastodon's export of domain blocks and allows (CSV: `#domain,#severity,#reject_media,#reject_reports,#public_comment,
#obfuscate`), the JSON of its `GET /api/v1/instance/domain_blocks` and of GoToSocial's peers and domain permissions, and plain
lists with a domain on each line. Out: Mastodon's CSV, and GoToSocial's JSON.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from federation.policy.conditions import Terms
from federation.policy.document import Document, Invalid, Problem
from federation.policy.drafts import Draft, Entries, Imported, bounded, finish, named
from federation.policy.rules import Rule, Verdict

HEADERS = ("#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate")
_TEXT = "on a list of domains that this instance follows"
_ALLOW_TEXT = "not on the list of institutions that this instance speaks with"
_SEVERITIES = {
    "suspend": ("reject",),
    "silence": ("limit",),
    "limit": ("limit",),
    "noop": (),
    "none": (),
    "": ("reject",),
}
_FLAGS = {"reject_media": "strip-media", "reject_reports": "reject-reports"}
_YES = frozenset({"true", "1", "yes", "t"})


def read(text: str | bytes, *, source: str = "list", allow: bool = False) -> Imported:
    """A list as rules. Of a list of allowed domains (`allow`), one rule comes: who is not on it is refused.

    `source` is where it came from. Raises Invalid for what is no list.
    """
    whole = bounded(text)
    found = Entries(source)
    rows = _of_json(whole) if whole.lstrip()[:1] in ("[", "{") else _of_csv(whole)
    for line, row in rows:
        then = ("reject",) if allow else _then(line, row, found)
        if then is None:
            continue
        comment = "" if allow else _text(row.get("public_comment") or row.get("comment"))
        found.add(line, _text(row.get("domain")), then, comment)
    entries = sum(map(len, found.groups.values()))
    title = f"{entries} domains of {source}"
    if not allow:
        return finish(found.drafts("list", "domain-list", _TEXT), found.problems, entries, title)
    hosts = sorted({host for group in found.groups.values() for host in group})
    if not hosts:
        raise Invalid((Problem(1, "a list of allowed domains without a domain", "it would shut everybody out"),))
    only = Draft(named("allow", source), {"outside": hosts}, "reject", "not-allowed", _ALLOW_TEXT, source)
    return finish([only], found.problems, entries, title)


def _then(line: int, row: dict[str, Any], found: Entries) -> tuple[str, ...] | None:
    severity = _text(row.get("severity")).lower()
    if "suspended_at" in row or "silenced_at" in row:  # GoToSocial
        severity = "suspend" if row.get("suspended_at") else "silence" if row.get("silenced_at") else "noop"
    if row.get("permission_type") == "allow":
        found.skip(
            line, f"{row.get('domain')!r:.100} is allowed, in a list of blocks", "import allowed domains by themselves"
        )
        return None
    if severity not in _SEVERITIES:
        found.skip(line, f"severity is {severity!r:.60}", "suspend, silence and noop are known; it is left out")
        return None
    then = _SEVERITIES[severity]
    if then == ("reject",):
        return then
    flags = tuple(word for key, word in _FLAGS.items() if row.get(key) is True or _text(row.get(key)).lower() in _YES)
    if not then and not flags:
        found.skip(line, f"nothing is to be done about {row.get('domain')!r:.100}", "noop without more is left out")
        return None
    return (*then, *flags)


def _of_csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a CSV file, or of a plain list: the first line names the columns when one of them is `domain`."""
    names: Sequence[str] | None = None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if not row or not row[0].strip():
                continue
            if names is None:
                first = [cell.strip().lstrip("#").lower() for cell in row]
                names = first if "domain" in first else ("domain", "severity", "public_comment")
                if "domain" in first:
                    continue
            if row[0].lstrip().startswith("#"):  # a remark in a plain list
                continue
            yield reader.line_num, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise Invalid((Problem(reader.line_num, f"this is no CSV: {error}", "one domain on each line"),)) from None


def _of_json(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise Invalid((Problem(line, f"this is no JSON: {error!s:.200}", "a list of objects with `domain`"),)) from None
    except RecursionError:
        raise Invalid((Problem(1, "lists within lists, too deep", "a list of objects with `domain`"),)) from None
    if not isinstance(data, list):
        raise Invalid((Problem(1, "this is no list", 'write [{"domain": "uni.example", "severity": "suspend"}]'),))
    for place, one in enumerate(data, 1):
        if isinstance(one, dict):
            yield place, one
        elif isinstance(one, str):
            yield place, {"domain": one}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def mastodon(document: Document) -> str:
    """The rules about whole domains as Mastodon's CSV of domain blocks. What it has no word for is left out."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADERS)
    for domain, then, text in _domains(document):
        severity = "suspend" if "reject" in then else "silence" if "limit" in then else "noop"
        flags = [str(severity != "suspend" and word in then).lower() for word in _FLAGS.values()]
        writer.writerow([_cell(domain), severity, *flags, _cell(text), "false"])
    return out.getvalue()


def gotosocial(document: Document) -> str:
    """The rules that refuse whole domains as GoToSocial's JSON of domain blocks, which knows no other severity."""
    several = [
        {"domain": domain, "public_comment": text} for domain, then, text in _domains(document) if "reject" in then
    ]
    return json.dumps(several, indent=2, ensure_ascii=False) + "\n"


def _domains(document: Document) -> Iterable[tuple[str, set[str], str]]:
    """(domain, what is done, why) of each domain that a rule is about and nothing else."""
    found: dict[str, tuple[set[str], str]] = {}
    for rule in document.rules:
        then = _exported(rule)
        peer = rule.when[0] if len(rule.when) == 1 else None
        if not then or not isinstance(peer, Terms) or peer.name != "peer" or peer.unwanted:
            continue
        for domain in peer.wanted:
            done, text = found.get(domain, (set(), rule.text))
            found[domain] = (done | then, text)
    return [(domain, *found[domain]) for domain in sorted(found)]


def _exported(rule: Rule) -> set[str]:
    if rule.observe or rule.rate is not None or rule.not_after is not None:
        return set()
    then = (
        {rule.verdict.value} if rule.verdict in (Verdict.REJECT, Verdict.LIMIT) and rule.verdict is not None else set()
    )
    return then | ({*rule.effects} & {*_FLAGS.values()})


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
