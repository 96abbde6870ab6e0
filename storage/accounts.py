"""Accounts as moderators list them: people of this instance with what only it knows of them, and accounts elsewhere."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from storage import sign_ups
from storage.actors import Actor, actors
from storage.metadata import Tx, columns
from storage.people import Person, people
from storage.sign_ups import SignUp
from storage.timelines import Page, bounded

STATUSES = ("active", "pending", "disabled", "silenced", "suspended", "sensitized")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts: None leaves a thing open. Texts are the beginning of what is looked for, whatever its case."""

    origin: str | None = None  # local remote
    status: str | None = None  # one of STATUSES
    roles: tuple[str, ...] = ()
    username: str = ""
    display_name: str = ""
    email: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `person` of this instance's people."""

    actor: Actor
    person: Person | None
    how: SignUp | None = None
    """How a person of this instance came, who made their account themselves."""

    @property
    def disabled(self) -> bool:
        """Whether this person can't log in, while what they wrote stays."""
        return self.person is not None and self.person.state == "suspended" and self.actor.state == "active"


_ACTOR = columns(actors, Actor)
_PERSON = columns(people, Person)


def _everyone() -> Select[tuple[object, ...]]:
    query: Select[tuple[object, ...]] = select(*_ACTOR, *_PERSON).outerjoin(people, people.c.actor_id == actors.c.id)
    return query.where(actors.c.kind != "Application", actors.c.state != "gone")


def _account(row: tuple[object, ...]) -> Account:
    actor, person = row[: len(_ACTOR)], row[len(_ACTOR) :]
    return Account(Actor(*actor), None if person[0] is None else Person(*person))  # type: ignore[arg-type]  # columns in the order of fields


def _with_how(tx: Tx, found: list[Account]) -> list[Account]:
    how = sign_ups.of_people(tx, [one.actor.id for one in found if one.person is not None])
    return [replace(one, how=how.get(one.actor.id)) for one in found]


def by_ids(tx: Tx, ids: list[int]) -> dict[int, Account]:
    """These accounts, by id; those that are gone are left out."""
    if not ids:
        return {}
    found = [_account(tuple(row)) for row in tx.execute(_everyone().where(actors.c.id.in_(ids)))]
    return {one.actor.id: one for one in _with_how(tx, found)}


def listed(tx: Tx, wanted: Wanted, page: Page) -> list[Account]:
    """A page of accounts, newest first."""
    query = bounded(_everyone().where(*_conditions(wanted)), actors.c.id, page)
    found = _with_how(tx, [_account(tuple(row)) for row in tx.execute(query)])
    return found[::-1] if page.min_id is not None else found


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.origin is not None:
        found.append(actors.c.local if wanted.origin == "local" else ~actors.c.local)
    if wanted.status is not None:
        found.append(_of_status(wanted.status))
    if wanted.roles:
        found.append(people.c.role.in_(wanted.roles))
    if wanted.username:
        found.append(_begins(actors.c.username, wanted.username))
    if wanted.display_name:
        found.append(_begins(actors.c.name, wanted.display_name))
    if wanted.email:
        found.append(_begins(people.c.email, wanted.email))
    if wanted.domain:
        domain = wanted.domain.lower()
        found.append(or_(actors.c.domain == domain, actors.c.host == domain))
    return found


def _of_status(status: str) -> ColumnElement[bool]:
    if status == "active":
        return and_(actors.c.state == "active", or_(people.c.state.is_(None), people.c.state == "active"))
    if status == "pending":
        return people.c.state == "pending"
    if status == "disabled":
        return and_(actors.c.state == "active", people.c.state == "suspended")
    if status == "suspended":
        return actors.c.state == "suspended"
    return false()  # nobody is limited or marked alone here


def _begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    wanted = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return func.lower(column).like(f"{wanted}%", escape="\\")
