"""Actors: every person, group and instance that is known here, local and remote, in one namespace.

One table for all kinds, as clients see one kind of account and names are unique across people and groups. What only a
local person has (password, role, affiliation) is in `storage.people`; what only a group has, in `storage.groups`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    false,
    func,
    select,
    text,
)

from storage import held, names
from storage.events import note
from storage.interned import Interned
from storage.metadata import (
    Json,
    Time,
    Tx,
    add_to,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
    set_columns,
    set_later,
)
from storage.prepared import parts
from storage.row_class import row_class
from storage.row_marks import mark_column, marked


class NameTaken(Exception):
    """Another actor has this name at this domain."""


actors = Table(
    "actors",
    metadata,
    id_column(),
    Column("iri", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # Person Group Application Service Organization
    Column("username", Text, nullable=False),
    Column("domain", Text, nullable=False),  # of the handle; of a local actor the instance's handle domain
    Column("host", Text, nullable=False),  # authority of the IRI: who serves it, keeps its key and is a peer
    Column("local", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("summary", Text, nullable=False),  # sanitised HTML
    Column("source", Text),  # what the person typed, of local actors
    Column("url", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("shared_inbox", Text),
    Column("outbox", Text),
    Column("followers", Text),
    Column("following", Text),
    Column("featured", Text),
    Column("moderators", Text),  # attributedTo of a group
    Column("icon", Text),
    Column("image", Text),
    Column("approves_followers", Boolean, nullable=False),
    Column("discoverable", Boolean, nullable=False),
    Column("indexable", Boolean, nullable=False),
    Column("fields", Json, nullable=False),  # [{"name", "value" (HTML), "verified_at" (ms or null)}]
    Column("also_known_as", Json, nullable=False),  # [IRI]
    Column("moved_to", Text),
    Column("state", Text, nullable=False),  # active suspended gone; pending: nobody let them in yet
    Column("followers_count", Integer, nullable=False),
    Column("following_count", Integer, nullable=False),
    Column("posts_count", Integer, nullable=False),
    Column("last_post_at", Time),
    Column("created_at", Time, nullable=False),
    Column("fetched_at", Time),  # when a remote actor was last read from its host
    Column(
        "emoji", Json, nullable=False, server_default="[]"
    ),  # [{"shortcode", "url"}] of custom emoji in name and summary
    Column("moved_at", Time),  # when it last moved, for the cool-down
    Column("icon_description", Text),  # alt texts of the pictures
    Column("image_description", Text),
    Column("hide_collections", Boolean, nullable=False, server_default=false()),  # whom it follows, and who it
    Column("hides", Json, nullable=False, server_default="[]"),  # tabs that its profile leaves out: media, …
    mark_column(),
    UniqueConstraint("username", "domain"),
    Index("ix_actors_host", "host"),
)
# A name is found whatever the case of its letters.
Index("ix_actors_name", func.lower(actors.c.username), actors.c.domain)
# Of all that are known few are here, and few are groups.
Index(
    "ix_actors_local",
    actors.c.kind,
    actors.c.id,
    sqlite_where=text("local = 1"),  # as SQLAlchemy asks for it
    postgresql_where=actors.c.local,
)
Index(
    "ix_actors_followed",
    actors.c.kind,
    actors.c.followers_count,
    actors.c.id,
    sqlite_where=text("local = 1"),
    postgresql_where=actors.c.local,
)
Index("ix_actors_groups", actors.c.id, sqlite_where=actors.c.kind == "Group", postgresql_where=actors.c.kind == "Group")
marked(actors)


@row_class(frozen=True, slots=True)
class Actor:
    """A row of `actors`; times in ms, `fields` and `also_known_as` as the columns say."""

    id: int
    iri: str
    kind: str
    username: str
    domain: str
    host: str
    local: bool
    name: str
    summary: str
    source: str | None
    url: str
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers: str | None
    following: str | None
    featured: str | None
    moderators: str | None
    icon: str | None
    image: str | None
    approves_followers: bool
    discoverable: bool
    indexable: bool
    fields: list[dict[str, Any]]
    also_known_as: list[str]
    moved_to: str | None
    state: str
    followers_count: int
    following_count: int
    posts_count: int
    last_post_at: int | None
    created_at: int
    fetched_at: int | None
    emoji: list[dict[str, Any]] = field(default_factory=list)
    moved_at: int | None = None
    icon_description: str | None = None
    image_description: str | None = None
    hide_collections: bool = False
    hides: list[str] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether this is a group."""
        return self.kind == "Group"

    @property
    def handle(self) -> str:
        """`name@domain`, without a leading @."""
        return f"{self.username}@{self.domain}"


_ROW = columns(actors, Actor)
_SAME: Interned[Actor] = Interned(actors, Actor, 4_000, 3 << 20)
_BY_ID = select(*_ROW).where(actors.c.id == bindparam("id"))
_BY_IDS = _SAME.asked(actors.c.id.in_(bindparam("ids", expanding=True)))
_BY_IRI = select(*_ROW).where(actors.c.iri == bindparam("iri"))
_BY_IRIS = select(*_ROW).where(actors.c.iri.in_(bindparam("iris", expanding=True)))
_BY_NAME = select(*_ROW).where(
    func.lower(actors.c.username) == bindparam("username"), actors.c.domain == bindparam("domain")
)
_FIGURES = frozenset({"followers_count", "following_count", "posts_count", "last_post_at", "fetched_at"})
"""Columns that an actor's document does not show."""
GROUP = "Group"
_NOTHING: Mapping[Any, Any] = {}


def insert(tx: Tx, actor: Actor) -> None:
    """Add an actor. Raises IntegrityError when its IRI or its name at its domain is taken."""
    tx.execute(actors.insert().values(_values(actor)))
    names.put(tx, actor.id, actor.username, actor.name, new=True)


def by_id(tx: Tx, actor_id: int) -> Actor | None:
    """The actor with this id."""
    known = _known(tx)
    if actor_id in known:
        found: Actor | None = known[actor_id]
        return found
    return one_of(tx, _BY_ID, Actor, id=actor_id)


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Actor]:
    """The actors of these ids, by id; those that do not exist are left out."""
    if not ids:
        return {}
    known = _known(tx)
    found = {one: known[one] for one in ids if known.get(one) is not None}
    lacking = [one for one in ids if one not in known]
    return found | {actor.id: actor for actor in _SAME.all_of(tx, _BY_IDS, {"ids": lacking})} if lacking else found


def by_iri(tx: Tx, iri: str) -> Actor | None:
    """The actor with this IRI."""
    known = _known(tx)
    if iri in known:
        found: Actor | None = known[iri]
        return found
    return one_of(tx, _BY_IRI, Actor, iri=iri)


def by_iris(tx: Tx, iris: list[str]) -> dict[str, Actor]:
    """The actors of these IRIs that are known, by IRI."""
    if not iris:
        return {}
    known = _known(tx)
    found = {one: known[one] for one in iris if known.get(one) is not None}
    lacking = [one for one in iris if one not in known]
    return found | {actor.iri: actor for actor in all_of(tx, _BY_IRIS, Actor, iris=lacking)} if lacking else found


def remember(tx: Tx, iris: Collection[str]) -> list[Actor]:
    """Read the actors of these IRIs at once, so that none is asked for again in this transaction; those that are known."""
    holds = held.of(tx)
    if holds is None:
        return []
    lacking = holds.lacks("actors", iris)
    found: dict[Any, Any] = dict.fromkeys(lacking)
    for some in parts(lacking):
        for one in all_of(tx, _BY_IRIS, Actor, iris=some):
            found[one.iri] = found[one.id] = one
    holds.fill("actors", found)
    known = holds.known["actors"]
    return [known[iri] for iri in dict.fromkeys(iris) if known[iri] is not None]


def _known(tx: Tx) -> Mapping[Any, Any]:
    holds = held.of(tx)
    return holds.known.get("actors", _NOTHING) if holds is not None else _NOTHING


def by_name(tx: Tx, username: str, domain: str) -> Actor | None:
    """The actor `username@domain`, whatever the case of the letters."""
    return one_of(tx, _BY_NAME, Actor, username=username.lower(), domain=domain.lower())


def called(tx: Tx, usernames: Collection[str], host: str) -> list[Actor]:
    """The actors of `host` that have these names (in lower case), whatever the domain of their handles."""
    query = select(*_ROW).where(func.lower(actors.c.username).in_(usernames), actors.c.host == host)
    return all_of(tx, query, Actor)


def with_inbox(tx: Tx, inbox: str, host: str) -> list[Actor]:
    """The remote actors of `host` that have this inbox of their own."""
    return all_of(tx, select(*_ROW).where(actors.c.host == host, actors.c.inbox == inbox, ~actors.c.local), Actor)


def local(tx: Tx, kind: str | None = None) -> list[Actor]:
    """The local actors, oldest first; only those of `kind` if given."""
    query = select(*_ROW).where(actors.c.local, actors.c.state == "active").order_by(actors.c.id)
    return all_of(tx, query if kind is None else query.where(actors.c.kind == kind), Actor)


def of_host(tx: Tx, host: str, limit: int) -> list[Actor]:
    """Actors of another host that are not gone, in no order."""
    query = select(*_ROW).where(actors.c.host == host, actors.c.state != "gone", actors.c.local.is_(False))
    return all_of(tx, query.limit(limit), Actor)


def change(tx: Tx, actor_id: int, **values: Any) -> None:
    """Set columns of an actor."""
    if "name" in values:
        known = by_id(tx, actor_id)
        if known is not None and known.name != values["name"]:
            names.put(tx, actor_id, known.username, values["name"])
    set_columns(tx, actors, actors.c.id, actor_id, values)
    if not _FIGURES.issuperset(values):
        note(tx, "actor")


def count(tx: Tx, actor_id: int, *, followers: int = 0, following: int = 0, posts: int = 0) -> None:
    """Add to the counts of an actor (negative to subtract); they never fall below zero."""
    added = {"followers_count": followers, "following_count": following, "posts_count": posts}
    add_to(tx, actors, actor_id, added)


FIGURES = frozenset({"followers_count", "following_count", "posts_count", "last_post_at"})


@dataclass(frozen=True, slots=True)
class Figures:
    """What of an actor changes all the time (the columns `FIGURES`)."""

    followers: int
    following: int
    posts: int
    last_post_at: int | None


def figures(tx: Tx, actor: Actor) -> Figures:
    """The figures of an actor as it was just read from the database, with what this transaction holds back of them."""
    holds = held.behind(tx)
    added, values = ({}, {}) if holds is None else holds.pending(actors, actor.id)
    return Figures(
        max(actor.followers_count + added.get("followers_count", 0), 0),
        max(actor.following_count + added.get("following_count", 0), 0),
        max(actor.posts_count + added.get("posts_count", 0), 0),
        values.get("last_post_at", actor.last_post_at),
    )


def posted(tx: Tx, actor_id: int, at: int) -> None:
    """Count one post more of an actor, written at `at` ms."""
    add_to(tx, actors, actor_id, {"posts_count": 1})
    set_later(tx, actors, actor_id, {"last_post_at": at})


def save_remote(tx: Tx, actor: Actor) -> Actor:
    """Add or refresh a remote actor by its IRI; its id, counts and state stay when it is known.

    The row as it is now comes back. Raises NameTaken when another IRI holds `username@domain`.
    """
    values = _values(actor)
    known = by_iri(tx, actor.iri)
    if known is None:
        if insert_new(tx, actors, values):
            names.put(tx, actor.id, actor.username, actor.name, new=True)
        else:
            known = by_iri(tx, actor.iri)  # PostgreSQL: another job met it in this moment
            if known is None:
                raise NameTaken(f"{actor.username}@{actor.domain}")
    if known is not None:
        for kept in (
            "id",
            "iri",
            "local",
            "state",
            "followers_count",
            "following_count",
            "posts_count",
            "last_post_at",
            "created_at",
            "moved_at",
        ):
            del values[kept]
        change(tx, known.id, **values)
    return next(iter(by_iris(tx, [actor.iri]).values()))


def _values(actor: Actor) -> dict[str, Any]:
    return {column.name: getattr(actor, column.name) for column in _ROW}
