"""Prepared statements with two lists: which list has how many values is part of what is kept."""

from sqlalchemy import bindparam, select

from storage.actors import actors
from storage.database import Database
from storage.metadata import Id, Tx
from storage.prepared import _kept, _prepare, rows

_QUERY = select(actors.c.id).where(
    actors.c.id.in_(bindparam("ones", type_=Id(), expanding=True)),
    actors.c.id.not_in(bindparam("others", type_=Id(), expanding=True)),
)


def test_lists_in_another_order_are_not_cut_short(db: Database) -> None:
    def unit(tx: Tx) -> None:
        rows(tx, _QUERY, {"ones": [1], "others": [2, 3, 4, 5]})
        rows(tx, _QUERY, {"others": [2], "ones": [3, 4, 5, 6]})
        kept = [one for key, one in _kept.items() if key[0] is _QUERY]
        assert sorted(sorted((name, len(places)) for name, places in one.lists.items()) for one in kept) == [
            [("ones", 1), ("others", 4)],
            [("ones", 4), ("others", 1)],
        ]
        assert len(_prepare(tx, _QUERY, {"ones": [1, 2], "others": [3]}).lists["ones"]) == 2

    db.read_now(unit)
    for key in [key for key in _kept if key[0] is _QUERY]:
        del _kept[key]
