"""Groups of notifications: likes and boosts of one post, and follows, within half a day; and how many are unread.

No column says which group a notification is in: it follows from its kind, its post and its time, so that the plain list
and the grouped one can't differ, and what waited in a request is in its group once it is let through.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select

from storage.actors import actors
from storage.ids import first_at
from storage.metadata import Tx, all_of, one_among
from storage.notifications import DOERS, ROW, Notification, notifications, wanted
from storage.posts import posts
from storage.timelines import Page, bounded

GROUPED = ("favourite", "reblog", "follow", "admin.sign_up")
"""Kinds that Mastodon puts together; clients that don't know one ask for fewer."""
SPAN = 12 * 3600 * 1000
"""Milliseconds that a group spans."""
SAMPLE = 8
"""Accounts shown of a group."""
_WALKS = (200, 3000, None)
"""Notifications looked at, from the newest on, until there are groups enough for a page; in the end all of a person's."""
_LEEWAY = 3600 * 1000
"""How far the time in an id may be from the time beside it, in ms; far more than it ever is."""


@dataclass(frozen=True, slots=True)
class Key:
    """A group: its kind, its post (0: none) and the number of its half day; or one notification alone (`alone`)."""

    kind: str
    post_id: int
    span: int
    alone: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A group on a page: `cursor` is the id at which the page takes it up, its newest there (its oldest on a page that is
    read upwards)."""

    key: Key
    cursor: int


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a group: how many, who newest, and its bounds within a page (ids, and ms of the newest there)."""

    count: int
    newest_id: int
    actor_ids: tuple[int, ...]
    page_min_id: int
    page_max_id: int
    page_at: int


_N = notifications.c
_SPAN = _N.created_at // SPAN
_POST = func.coalesce(_N.post_id, 0)


def key_of(one: Notification, grouped: tuple[str, ...] | list[str] = GROUPED) -> Key:
    """The group of a notification where only `grouped` kinds are put together."""
    if one.kind not in grouped or one.kind not in GROUPED:
        return Key(one.kind, one.post_id or 0, 0, one.id)
    return Key(one.kind, one.post_id or 0, one.created_at // SPAN)


def page_of(
    tx: Tx,
    person_id: int,
    page: Page,
    grouped: list[str],
    *,
    kinds: list[str] | None = None,
    without: list[str] | None = None,
    actor_id: int | None = None,
    filtered: bool = False,
) -> list[Place]:
    """The groups with notifications within the bounds of a page, `page.limit` of them, newest first.

    The other arguments are those of `notifications.of_person`.
    """
    conditions = [*wanted(person_id, kinds, without, actor_id, filtered=filtered), _by_active()]
    upwards = page.min_id is not None
    found: list[Place] = []
    for walk in _WALKS:
        # What a walk leaves out is beyond all that it saw, so a page that it fills is the right one.
        found = _places(tx, conditions, page, grouped, walk)
        if len(found) >= page.limit:
            break
    return found[::-1] if upwards else found


def _places(
    tx: Tx, conditions: list[ColumnElement[bool]], page: Page, grouped: list[str], walk: int | None
) -> list[Place]:
    together = _N.kind.in_(grouped)
    columns = select(
        _N.id.label("id"),
        _N.kind.label("kind"),
        _POST.label("post"),
        case((together, _SPAN), else_=0).label("span"),
        case((together, 0), else_=_N.id).label("alone"),
    ).where(*conditions)
    if walk is None:
        inner = bounded(columns, _N.id, page).limit(None).order_by(None).subquery()
    else:
        inner = bounded(columns, _N.id, page).limit(walk).subquery()
    cursor = func.min(inner.c.id) if page.min_id is not None else func.max(inner.c.id)
    keys = (inner.c.kind, inner.c.post, inner.c.span, inner.c.alone)
    order = cursor if page.min_id is not None else cursor.desc()
    query = select(*keys, cursor).group_by(*keys).order_by(order).limit(page.limit)
    return [Place(Key(*row[:4]), row[4]) for row in tx.execute(query)]


def wholes(
    tx: Tx,
    person_id: int,
    keys: list[Key],
    oldest: int = 0,
    newest: int = (1 << 63) - 1,
    *,
    actor_id: int | None = None,
    filtered: bool = False,
) -> dict[Key, Whole]:
    """All of each of these groups (what is alone is left out), where the page goes from the id `oldest` to `newest`."""
    keys = [key for key in keys if not key.alone]
    if not keys:
        return {}
    conditions = wanted(person_id, None, None, actor_id, filtered=filtered)
    one = (_N.kind, _POST, _SPAN)
    inner = (
        select(
            _N.kind.label("kind"),
            _POST.label("post"),
            _SPAN.label("span"),
            _N.actor_id.label("actor"),
            func.row_number().over(order_by=_N.id.desc(), partition_by=one).label("place"),
            func.count().over(partition_by=one).label("count"),
            func.max(_N.id).over(partition_by=one).label("newest"),
            func.min(case((_N.id >= oldest, _N.id))).over(partition_by=one).label("page_min"),
            func.max(case((_N.id <= newest, _N.id))).over(partition_by=one).label("page_max"),
            func.max(case((_N.id <= newest, _N.created_at))).over(partition_by=one).label("page_at"),
        )
        .where(*conditions, _by_active(), _in_groups(keys))
        .subquery()
    )
    query = select(inner).where(inner.c.place <= SAMPLE).order_by(inner.c.kind, inner.c.place)
    found: dict[Key, Whole] = {}
    asked = set(keys)
    for kind, post, span, actor, _, count, top, low, high, at in tx.execute(query):
        key = Key(kind, post, span)
        if key not in asked:
            continue
        known = found.get(key)
        actors_so_far = known.actor_ids if known is not None else ()
        found[key] = Whole(count, top, (*actors_so_far, actor), low or top, high or top, at or 0)
    return found


def members(tx: Tx, person_id: int, key: Key, page: Page) -> list[Notification]:
    """The notifications of one group by those who are here still, newest first; what waits in requests left out."""
    query = select(*ROW).where(_N.person_id == person_id, ~_N.filtered, _by_active(), _exactly(key))
    found = all_of(tx, bounded(query, _N.id, page), Notification)
    return found[::-1] if page.min_id is not None else found


def remove(tx: Tx, person_id: int, key: Key) -> None:
    """Take a group away; what waits in requests stays."""
    tx.execute(notifications.delete().where(_N.person_id == person_id, ~_N.filtered, _exactly(key)))


def unread(
    tx: Tx,
    conditions: list[ColumnElement[bool]],
    visible: ColumnElement[bool],
    most: int,
    grouped: list[str] | None = None,
) -> int:
    """How many notifications under these conditions there are, at most `most`, whose posts the person may see (`visible`
    is the gate's condition); with `grouped` kinds, how many groups of them."""
    query: Select[Any] = (
        select(_N.id)
        .outerjoin(posts, posts.c.id == _N.post_id)
        .where(*conditions, _by_active(), or_(_N.post_id.is_(None), and_(posts.c.id.isnot(None), visible)))
    )
    if grouped:
        together = _N.kind.in_(grouped)
        keys = (_N.kind, _POST, case((together, _SPAN), else_=0), case((together, 0), else_=_N.id))
        query = query.with_only_columns(func.max(_N.id)).group_by(*keys)
    return tx.scalar(select(func.count()).select_from(query.limit(most).subquery())) or 0


def _by_active() -> ColumnElement[bool]:
    # One look for each: IN would gather all actors there are first.
    return exists(select(actors.c.id).where(actors.c.id == _N.actor_id, one_among(actors.c.state, *DOERS)))


def _exactly(key: Key) -> ColumnElement[bool]:
    if key.alone:
        return _N.id == key.alone
    return _in_groups([key])


def _in_groups(keys: list[Key]) -> ColumnElement[bool]:
    """A condition that all of these groups meet, and others of the same kinds, posts and half days."""
    spans = sorted({key.span for key in keys})
    early, late = spans[0] * SPAN, (spans[-1] + 1) * SPAN
    about: ColumnElement[bool] = _N.post_id.in_(
        {key.post_id for key in keys if key.post_id}
    )  # not _POST, for the index
    if any(key.post_id == 0 for key in keys):
        about = or_(about, _N.post_id.is_(None))
    return and_(
        _N.kind.in_({key.kind for key in keys}),
        about,
        _SPAN.in_(spans),
        _N.id.between(first_at(max(early - _LEEWAY, 0)), first_at(late + _LEEWAY)),
    )
