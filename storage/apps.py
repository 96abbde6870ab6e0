"""Client apps, authorisation codes and access tokens (OAuth 2). Secrets, codes and tokens are kept as SHA-256 only."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, func, select, update

from storage import held
from storage.actors import Actor, actors
from storage.events import note
from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, metadata, one_of
from storage.people import people
from storage.prepared import rows

apps = Table(
    "apps",
    metadata,
    id_column(),
    Column("client_id", Text, nullable=False, unique=True),
    Column("secret_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("website", Text),
    Column("redirect_uris", Json, nullable=False),  # [exact strings]
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("created_at", Time, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("challenge", Text),  # PKCE S256
    Column("expires_at", Time, nullable=False),
    Column("used_at", Time),
)

tokens = Table(
    "tokens",
    metadata,
    id_column(),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("app_id", Id, ForeignKey("apps.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE")),  # null: the app itself
    Column("scopes", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("revoked_at", Time),
    Column("grant_hash", Text),  # the code it came from: a code used twice revokes its tokens (RFC 6749 4.1.2)
    Index("ix_tokens_person_id", "person_id"),
)


@dataclass(frozen=True, slots=True)
class App:
    """A row of `apps`."""

    id: int
    client_id: str
    secret_hash: str
    name: str
    website: str | None
    redirect_uris: list[str]
    scopes: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A row of `grants`: a code that a client may turn into a token once."""

    code_hash: str
    app_id: int
    person_id: int
    redirect_uri: str
    scopes: str
    challenge: str | None
    expires_at: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Token:
    """A row of `tokens`."""

    id: int
    token_hash: str
    app_id: int
    person_id: int | None
    scopes: str
    created_at: int
    revoked_at: int | None
    grant_hash: str | None


_APP = columns(apps, App)
_APPS = select(*_APP).where(apps.c.id.in_(bindparam("ids", expanding=True)))
_GRANT = columns(grants, Grant)
_TOKEN = columns(tokens, Token)
_ACTOR = columns(actors, Actor)
_BEARER = (
    select(*_TOKEN, *_ACTOR, people.c.state.label("person_state"), people.c.role.label("person_role"))
    .outerjoin(actors, actors.c.id == tokens.c.person_id)
    .outerjoin(people, people.c.actor_id == tokens.c.person_id)
    .where(tokens.c.token_hash == bindparam("token_hash"))
)
_WRITER = (
    select(
        *_TOKEN,
        *_ACTOR,
        people.c.state.label("person_state"),
        people.c.role.label("person_role"),
        people.c.settings,
        *(column.label(f"app_{column.name}") for column in _APP),
    )
    .join(apps, apps.c.id == tokens.c.app_id)
    .outerjoin(actors, actors.c.id == tokens.c.person_id)
    .outerjoin(people, people.c.actor_id == tokens.c.person_id)
    .where(tokens.c.token_hash == bindparam("token_hash"))
)
_LIVE = (
    select(tokens.c.id)
    .join(actors, actors.c.id == tokens.c.person_id)
    .join(people, people.c.actor_id == tokens.c.person_id)
    .where(
        tokens.c.id.in_(bindparam("ids", expanding=True)),
        tokens.c.revoked_at.is_(None),
        actors.c.state == "active",
        people.c.state == "active",
    )
)


@dataclass(frozen=True, slots=True)
class LetIn:
    """An app that can use somebody's account: since when (ms), and what it may do."""

    app: App
    since: int
    scopes: list[str]


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who stands behind an access token: the person (None for the app itself) with state and role in `people`; for who
    writes (`writer`) also the person's settings and the app."""

    token: Token
    actor: Actor | None
    state: str | None
    role: str | None
    settings: dict[str, Any] | None = None
    app: App | None = None


def hashed(secret: str) -> str:
    """How a secret, code or token of 128 random bits or more is kept: its SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def insert_app(tx: Tx, app: App) -> None:
    """Add a client app."""
    tx.execute(apps.insert().values({column.name: getattr(app, column.name) for column in _APP}))


def app_by_client(tx: Tx, client_id: str) -> App | None:
    """The app with this client id."""
    return one_of(tx, select(*_APP).where(apps.c.client_id == client_id), App)


def app_by_id(tx: Tx, app_id: int) -> App | None:
    """The app with this id."""
    return one_of(tx, select(*_APP).where(apps.c.id == app_id), App)


def apps_by_ids(tx: Tx, ids: list[int]) -> dict[int, App]:
    """The apps of these ids, by id."""
    return {app.id: app for app in all_of(tx, _APPS, App, ids=ids)} if ids else {}


def let_in(tx: Tx, person_id: int, most: int) -> list[LetIn]:
    """The apps that have a live token of this person, `most` of them, those let in last first."""
    newest = func.max(tokens.c.id)
    mine = (tokens.c.person_id == person_id, tokens.c.revoked_at.is_(None))
    ids = tx.scalars(
        select(tokens.c.app_id).where(*mine).group_by(tokens.c.app_id).order_by(newest.desc()).limit(most)
    ).all()
    known = apps_by_ids(tx, list(ids))
    since: dict[int, int] = {}
    scopes: dict[int, dict[str, None]] = {}
    query = select(tokens.c.app_id, tokens.c.created_at, tokens.c.scopes).where(*mine, tokens.c.app_id.in_(ids))
    for app_id, at, granted in tx.execute(query.order_by(tokens.c.id)):
        since.setdefault(app_id, at)
        scopes.setdefault(app_id, {}).update(dict.fromkeys(granted.split()))
    return [LetIn(known[one], since[one], list(scopes[one])) for one in ids]


def insert_grant(tx: Tx, grant: Grant) -> None:
    """Add an authorisation code."""
    tx.execute(grants.insert().values({column.name: getattr(grant, column.name) for column in _GRANT}))


def use_grant(tx: Tx, code: str, now: int) -> tuple[Grant | None, bool]:
    """(the grant of this code, whether this was its first use); a second use revokes what the first one gave."""
    found = one_of(tx, select(*_GRANT).where(grants.c.code_hash == hashed(code)).with_for_update(), Grant)
    if found is None:
        return None, False
    if found.used_at is not None:
        revoke(tx, now, grant_hash=found.code_hash)
        return found, False
    tx.execute(update(grants).where(grants.c.code_hash == found.code_hash).values(used_at=now))
    return found, True


def insert_token(tx: Tx, token: Token) -> None:
    """Add an access token."""
    tx.execute(tokens.insert().values({column.name: getattr(token, column.name) for column in _TOKEN}))


def token(tx: Tx, secret: str) -> Token | None:
    """The live token with this text; None when unknown or revoked."""
    query = select(*_TOKEN).where(tokens.c.token_hash == hashed(secret), tokens.c.revoked_at.is_(None))
    return one_of(tx, query, Token)


def bearer(tx: Tx, secret: str) -> Bearer | None:
    """The token with this text, revoked ones included (`revoked_at`), and its person: one query, as each request asks."""
    found = rows(tx, _BEARER, {"token_hash": hashed(secret)})
    if not found:
        return None
    values = found[0]
    split, end = len(_TOKEN), len(_TOKEN) + len(_ACTOR)
    actor = None if values[split] is None else Actor(*values[split:end])
    return Bearer(Token(*values[:split]), actor, values[end], values[end + 1])


def writer(tx: Tx, secret: str) -> Bearer | None:
    """As `bearer`, with what is asked of who writes a post: settings and app, in one query; once for all that the same
    person writes in one transaction, so that figures of theirs may be those from before it."""
    token_hash, holds = hashed(secret), held.behind(tx)
    known: Bearer | None = holds.answered("writers", token_hash) if holds is not None else None
    if known is not None:
        return known
    found = rows(tx, _WRITER, {"token_hash": token_hash}, behind=True)
    if not found:
        return None
    values = found[0]
    split, end = len(_TOKEN), len(_TOKEN) + len(_ACTOR)
    actor = None if values[split] is None else Actor(*values[split:end])
    state, role, settings, *app = values[end:]
    known = Bearer(Token(*values[:split]), actor, state, role, settings, App(*app))
    if holds is not None:
        holds.answer("writers", token_hash, known)
    return known


def revoke(tx: Tx, now: int, **which: Any) -> int:
    """Revoke the live tokens with these column values (`id`, `token_hash`, `person_id`, `app_id`, `grant_hash`); how many.

    Whoever streams with one of them is told, and closes; what was pushed to their apps is pushed no more.
    """
    from storage import push  # which knows tokens

    query = update(tokens).where(tokens.c.revoked_at.is_(None))
    for name, value in which.items():
        query = query.where(tokens.c[name] == value)
    ended = tx.scalars(query.values(revoked_at=now).returning(tokens.c.id)).all()
    for token_id in ended:
        note(tx, "stream", f"token {token_id}")
    push.remove_of_tokens(tx, ended)
    return len(ended)


def live(tx: Tx, ids: list[int]) -> set[int]:
    """Those of these tokens that are not revoked and whose person may act."""
    return {row[0] for row in rows(tx, _LIVE, {"ids": ids})} if ids else set()


def forget_grants(tx: Tx, before: int) -> None:
    """Drop the codes that expired before `before` ms; by then a second use can't be told from a guess."""
    tx.execute(delete(grants).where(grants.c.expires_at < before))
