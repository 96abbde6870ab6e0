"""What our own API says of the federation policy."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fedi.api.shapes import Id, Moment

Document = Annotated[str, Meta(max_length=1_000_000, description="The policy document, in TOML")]
Comment = Annotated[str, Meta(max_length=2_000, description="What changes, and why")]


class Approval(msgspec.Struct, kw_only=True):
    """Who approved a version, and when."""

    who: str
    at: Moment


class Version(msgspec.Struct, kw_only=True):
    """A version of the policy. `parent` is the one it was made from; `document` is left out of lists."""

    version: int
    state: Literal["draft", "applied"]
    in_force: bool
    digest: str
    parent: int | None
    author: str
    message: str
    approvals: list[Approval]
    created_at: Moment | None
    applied_at: Moment | None
    document: str | None = None


class Finding(msgspec.Struct, kw_only=True):
    """Something to mend, with its line: what is wrong, and what to write instead. A `warning` keeps nothing from being saved."""

    kind: Literal["error", "test", "warning"]
    line: int
    text: str
    mend: str


class Checked(msgspec.Struct, kw_only=True):
    """What came of a check: whether it can be saved, and what is to be mended."""

    fine: bool
    digest: str
    rules: list[str]
    tests: int
    findings: list[Finding]


class Text(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A policy document."""

    document: Document


class Draft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A document to be saved. `parent` is the version that its writer began from: 409 when another is in force by now."""

    document: Document
    comment: Comment = ""
    parent: int | None = None


class Said(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    comment: Comment = ""


class Trial(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be tried, upon the last so many days."""

    document: Document
    days: Annotated[int, Meta(ge=1, le=60)] = 7


class Simulation(msgspec.Struct, kw_only=True):
    """What a simulation found. `result` has per rule what would be newly refused or let in, who would be hit, and samples."""

    id: Id
    digest: str
    against: int
    since: Moment
    who: str
    at: Moment
    result: dict[str, Any]


class List(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A list of others to put into a document: of Mastodon or GoToSocial (CSV, JSON), Akkoma's SimplePolicy, or FIRES."""

    document: Document = ""
    list: Document
    source: Annotated[str, Meta(min_length=1, max_length=200, description="Where it came from")]


class Merged(msgspec.Struct, kw_only=True):
    """The document with the list's rules in it, how many these are, and what of it could not be taken. Nothing is saved."""

    document: str
    rules: int
    problems: list[Finding]


class Compared(msgspec.Struct, kw_only=True):
    """Which versions to compare."""

    a: int
    b: int


class Difference(msgspec.Struct, kw_only=True):
    """What differs: lines as `diff -u` shows them, and the ids of rules that are new, gone, or say something else."""

    before: int
    after: int
    text: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: bool


class Blame(msgspec.Struct, kw_only=True):
    """The version that brought a rule as it is now."""

    rule: str
    version: int
    author: str
    at: Moment
    message: str


class Asked(msgspec.Struct, kw_only=True):
    """What to explain: the id of an activity or a post, or a host."""

    of: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Step(msgspec.Struct, kw_only=True):
    """What one rule had to say."""

    rule: str
    matched: bool
    why: str
    effect: str | None


class Explained(msgspec.Struct, kw_only=True):
    """One decision, asked again under the version of then: the same facts give the same answer (`same`)."""

    at: Moment
    direction: str
    host: str
    activity: str
    activity_id: str | None
    verdict: str
    code: str
    text: str
    rule: str | None
    effects: list[str]
    policy: int
    author: str
    approved_by: list[str]
    given: bool
    same: bool
    steps: list[Step]
