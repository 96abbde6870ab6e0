"""By which letters accounts are found: kept in step with their names, and the same as looking at every account."""

from dataclasses import replace

import pytest

from storage import account_searches, actors
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.names import words_of
from storage.searches import Searcher
from tests.storage import rows


def found(db: Database, typed: str) -> list[str]:
    """The usernames of who is found."""
    return [one.username for one in db.read_now(lambda tx: account_searches.accounts(tx, typed, Searcher(), limit=20))]


def person(tx: Tx, username: str, name: str, host: str = "here.example") -> Actor:
    """An account with this name."""
    known = rows.actor(tx, username, host)
    actors.change(tx, known.id, name=name)
    return replace(known, name=name)


def test_words() -> None:
    assert words_of("Ada", "Ada  Lovelace (London)") == ["ada", "lovelace", "(london)"]
    assert words_of("chen", "陈大文") == ["chen", "陈大文", "大文", "文"]
    assert len(words_of("x" * 60, "ü" * 400)) <= 100
    assert max(map(len, words_of("x" * 60, "y" * 400))) == 40


@pytest.mark.parametrize("typed", ["ada", "AD", "love", "ada love", "@ada@here.ex", "ada@here.example", "大文", "文"])
def test_who_is_meant_is_found(db: Database, typed: str) -> None:
    name = "Ada Lovelace 陈大文"
    db.write_now(lambda tx: person(tx, "ada", name))
    db.write_now(lambda tx: person(tx, "bob", "Bob Glove"))
    assert found(db, typed) == ["ada"]


@pytest.mark.parametrize("typed", ["lace", "da", "ada lovelaces", "ada@far", "%", "_da"])
def test_who_is_not_meant_is_not_found(db: Database, typed: str) -> None:
    db.write_now(lambda tx: person(tx, "ada", "Ada Lovelace"))
    assert found(db, typed) == []


def test_a_new_name_takes_the_place_of_the_old(db: Database) -> None:
    ada = db.write_now(lambda tx: person(tx, "ada", "Ada Byron"))
    db.write_now(lambda tx: actors.change(tx, ada.id, name="Ada Lovelace"))
    assert (found(db, "byron"), found(db, "lovelace"), found(db, "ada")) == ([], ["ada"], ["ada"])
    db.write_now(lambda tx: actors.change(tx, ada.id, summary="<p>Byron</p>"))
    assert found(db, "lovelace") == ["ada"]


def test_who_is_met_again_under_another_name(db: Database) -> None:
    far = db.write_now(lambda tx: person(tx, "cy", "Cy One", host="far.example"))
    db.write_now(lambda tx: actors.save_remote(tx, replace(far, name="Cy Two")))
    assert (found(db, "one"), found(db, "two")) == ([], ["cy"])
    other = replace(far, id=7, iri=far.iri + "2", username="dee", name="Dee Three")
    db.write_now(lambda tx: actors.save_remote(tx, other))
    assert (found(db, "three"), found(db, "dee@far")) == (["dee"], ["dee"])
