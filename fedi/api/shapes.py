"""What our own API says: groups, people in them, threads, moderation. Ids are strings, times as `2026-11-23T22:10:05.123Z`.

Not here: Account and Status, which are Mastodon's and come from `fedi.mastodon.entities` as every client knows them.
"""

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Id = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]  # none that is too large for a database
MediumId = Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="As POST /api/v2/media gave it")]
Moment = Annotated[str, Meta(description="In UTC, with milliseconds, as 2026-11-23T22:10:05.123Z")]
Html = Annotated[str, Meta(description="Sanitised HTML")]
Account = Annotated[
    msgspec.Raw,
    Meta(extra_json_schema={"type": "object", "description": "An Account as in Mastodon's API", "required": ["id"]}),
]
Status = Annotated[
    msgspec.Raw,
    Meta(extra_json_schema={"type": "object", "description": "A Status as in Mastodon's API", "required": ["id"]}),
]
Join = Literal["open", "approval", "invite"]
See = Literal["public", "peers", "members"]
Posting = Literal["members", "moderators"]
Asks = Annotated[
    Literal["open", "solved"], Meta(description="Of a thread that asks something: whether an answer is accepted")
]
Role = Literal["member", "moderator", "owner"]
State = Literal["accepted", "pending", "invited", "banned"]
Purpose = Literal["open", "cohort", "course", "project", "mentoring"]
Languages = Annotated[list[Annotated[str, Meta(min_length=2, max_length=35)]], Meta(max_length=10)]
Title = Annotated[str, Meta(min_length=1, max_length=100)]
Rules = Annotated[list[Annotated[str, Meta(min_length=1, max_length=1000)]], Meta(max_length=50)]
Reason = Annotated[str, Meta(max_length=2000, description="What those concerned, and the log, are told")]
Cursor = Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="`next` of the page before")]


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """Some of a list; `next` is the `cursor` of the following page, null on the last."""

    items: list[T]
    next: str | None = None


class Paged(msgspec.Struct, kw_only=True):
    """The query of every list."""

    limit: Annotated[int, Meta(ge=1, le=80)] = 20
    cursor: Cursor | None = None

    @property
    def at(self) -> int | None:
        """The cursor as a number."""
        return None if self.cursor is None else int(self.cursor)


class Standing(msgspec.Struct, kw_only=True):
    """How the person who asks stands to a group. `until` is the end of a ban, null where it has none."""

    member: bool = False
    requested: bool = False
    invited: bool = False
    banned: bool = False
    reason: str | None = None
    until: Moment | None = None
    role: Role | None = None
    moderates: bool = False
    may_post: bool = False
    notifying: bool = False


class Group(msgspec.Struct, kw_only=True):
    """A group. Its `id` is that of its Account in Mastodon's API.

    Of a group elsewhere `join`, `see` and `post` are what its server tells, null where it tells nothing, and
    `members_count` counts those that are known here.
    """

    id: Id
    name: str
    handle: str
    title: str
    description: Html
    source: str | None = None
    url: str
    uri: str
    avatar: str
    header: str
    local: bool
    join: Join | None = None
    see: See | None = None
    post: Posting | None = None
    rules: list[str]
    members_count: int
    last_active_at: Moment | None = None
    created_at: Moment
    twins: list[str] = msgspec.field(default_factory=list)
    kind: Purpose = "open"
    languages: list[str] = msgspec.field(default_factory=list)
    ends_at: Annotated[Moment | None, Meta(description="From then on nobody writes in it")] = None
    you: Standing | None = None


Scoped = Literal["local", "named", "agreed", "public"]
Act = Literal["read", "reply", "post", "react", "announce", "moderate"]
PeerHost = Annotated[str, Meta(min_length=1, max_length=253, description="The host of an institution, as peer.example")]


class Readers(msgspec.Struct, kw_only=True):
    """Who can read a group: how many institutions, this one included, and how many people of those that are known."""

    institutions: int
    people: int
    words: Annotated[str, Meta(description="The same for people, as «3 universities, 412 people»")]


class GroupScope(msgspec.Struct, kw_only=True):
    """With which institutions a group federates, what their people may do in it, and who can read it by that."""

    mode: Scoped
    peers: Annotated[list[PeerHost], Meta(description="The institutions that are named")]
    may: list[Act]
    readers: Readers


class GroupScopeChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A scope: `peers` where the mode is `named`; `may` is everything if left out. Who loses the group by it is put out."""

    mode: Scoped
    peers: Annotated[list[PeerHost], Meta(max_length=500)] = msgspec.field(default_factory=list)
    may: Annotated[list[Act], Meta(max_length=6)] | None = None


class NewGroup(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A group to found. `name` is unique among people and groups here, and made from the title where it is left out; who may
    `see` it can't be changed later."""

    name: Annotated[str, Meta(min_length=1, max_length=30)] | None = None
    title: Title
    description: Annotated[str, Meta(max_length=10_000)] = ""
    join: Join = "open"
    see: See = "public"
    rules: Rules = msgspec.field(default_factory=list)
    kind: Purpose = "open"
    languages: Languages = msgspec.field(default_factory=list)
    ends_at: Moment | None = None


class GroupChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change of a group; what is left out stays."""

    title: Title | None = None
    description: Annotated[str, Meta(max_length=10_000)] | None = None
    join: Join | None = None
    post: Posting | None = None
    rules: Rules | None = None
    kind: Purpose | None = None
    languages: Languages | None = None
    ends_at: Annotated[Moment | Literal[""] | None, Meta(description="empty: it goes on")] = None


class Member(msgspec.Struct, kw_only=True):
    """Somebody in a group, waiting for it, or banned from it."""

    account: Account
    role: Role
    state: State
    since: Moment
    until: Moment | None = None
    reason: str | None = None


class Votes(msgspec.Struct, kw_only=True):
    """How a post is voted: `score` is `up` less `down`, `yours` what the person who asks voted."""

    up: int = 0
    down: int = 0
    score: int = 0
    yours: Literal["up", "down"] | None = None


class Thread(msgspec.Struct, kw_only=True):
    """A thread of a group, by its first post, whose id it has."""

    id: Id
    group_id: Id | None
    title: str | None
    replies_count: int
    last_active_at: Moment
    votes: Votes
    pinned: bool
    locked: bool
    question: Asks | None = None
    status: Status


class Answer(msgspec.Struct, kw_only=True):
    """A post of a thread; `depth` counts from the thread's first post, which is 0."""

    id: Id
    parent_id: Id | None
    depth: int
    votes: Votes
    status: Status


class NewThread(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A thread to begin in a group."""

    text: Annotated[str, Meta(max_length=5000)] = ""
    title: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    spoiler_text: Annotated[str, Meta(max_length=500)] = ""
    sensitive: bool = False
    language: Annotated[str, Meta(max_length=35)] | None = None
    media_ids: Annotated[list[MediumId], Meta(max_length=4)] = msgspec.field(default_factory=list)
    question: Annotated[bool, Meta(description="It asks something, and one answer can be accepted")] = False


class Question(msgspec.Struct, kw_only=True):
    """A thread as a question: whether it is solved, by which answer, whose word made it so, and what the person who asks
    may do. `how`: `asker`, `members` of two institutions, or `stated` by the home of the question."""

    state: Asks | None
    accepted: Status | None = None
    how: Literal["asker", "members", "stated"] | None = None
    yours: Annotated[Id | None, Meta(description="The answer that the person who asks chose")] = None
    may_choose: bool = False
    may_reopen: bool = False


class Chosen(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer that somebody chooses."""

    answer_id: Id


class Vote(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A vote; `none` takes it back."""

    vote: Literal["up", "down", "none"]


class Why(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why a moderator does something."""

    reason: Reason = ""


class Ban(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A ban: without `until` it has no end."""

    reason: Reason = ""
    until: Moment | None = None
    remove_posts: bool = False


class Deed(msgspec.Struct, kw_only=True):
    """A line of a group's moderation log. `undone_at` says that it was taken back."""

    id: Id
    action: str
    at: Moment
    reason: str | None
    until: Moment | None
    undone_at: Moment | None
    moderator: Account | None
    account: Account | None
    post_id: Id | None


class Handle(msgspec.Struct, kw_only=True):
    """The query of a look-up; `resolve` asks the group's server when it is not known here."""

    handle: Annotated[str, Meta(min_length=1, max_length=500, description="`name@host`, `!name@host` or its address")]
    resolve: bool = False
