"""What people get in by, on both databases: what counts once does, also for two at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from storage import identities, invitations, passkeys, people, second_factors, sign_ups, tickets
from storage.database import Database
from storage.identities import Identity
from storage.invitations import Invitation
from storage.metadata import Tx
from storage.passkeys import Passkey
from storage.people import Person
from storage.second_factors import SecondFactor
from storage.sign_ups import SignUp
from tests.storage import rows


def person(tx: Tx, name: str, state: str = "active") -> int:
    """A person of this instance."""
    made = rows.actor(tx, name, "here.example")
    people.insert(tx, Person(made.id, f"{name}@here.example", None, "member", None, state, {}, 1))
    return made.id


def test_a_ticket_counts_once(db: Database) -> None:
    ada = db.write_now(lambda tx: person(tx, "ada"))
    db.write_now(lambda tx: tickets.insert(tx, "s3cret", "reset", ada, {"a": [1]}, 1000, 500))
    assert db.read_now(lambda tx: tickets.find(tx, "s3cret", "second", 1100)) is None
    assert db.read_now(lambda tx: tickets.find(tx, "s3cret", "reset", 1500)) is None
    assert db.read_now(lambda tx: tickets.lately(tx, ada, "reset", 999))
    assert not db.read_now(lambda tx: tickets.lately(tx, ada, "reset", 1000))
    assert "s3cret" not in str(db.read_now(lambda tx: tx.execute(tickets.tickets.select()).all()))
    with ThreadPoolExecutor(4) as threads:
        taken = list(
            threads.map(lambda _: db.write_now(lambda tx: tickets.take(tx, "s3cret", "reset", 1100)), range(4))
        )
    [one] = [one for one in taken if one is not None]
    assert (one.person_id, one.data) == (ada, {"a": [1]})


def test_tickets_end(db: Database) -> None:
    ada = db.write_now(lambda tx: person(tx, "ada"))

    def fill(tx: Tx) -> None:
        tickets.insert(tx, "one", "address", ada, {}, 1000, 500)
        tickets.insert(tx, "two", "address", ada, {}, 1000, 500, alone=True)
        tickets.insert(tx, "three", "second", ada, {"tries": 0}, 1000, 900)
        tickets.insert(tx, "four", "passkey", None, {}, 1000, 100)

    def left(tx: Tx) -> list[str]:
        kinds = {"one": "address", "two": "address", "three": "second", "four": "passkey"}
        return [secret for secret, kind in kinds.items() if tickets.find(tx, secret, kind, 1000)]

    db.write_now(fill)
    assert db.read_now(left) == ["two", "three", "four"]
    db.write_now(lambda tx: tickets.forget(tx, 1200))
    assert db.read_now(left) == ["two", "three"]
    found = db.read_now(lambda tx: tickets.find(tx, "three", "second", 1000))
    assert found is not None
    db.write_now(lambda tx: tickets.change(tx, found.hash, {"tries": 1}))
    assert db.read_now(lambda tx: tickets.find(tx, "three", "second", 1000)) != found
    db.write_now(lambda tx: tickets.remove(tx, person_id=ada, kind="second"))
    assert db.read_now(left) == ["two"]
    db.write_now(lambda tx: tickets.remove(tx, person_id=ada))
    assert db.read_now(left) == []


def test_a_second_factor_and_its_codes(db: Database) -> None:
    ada, ben = db.write_now(lambda tx: (person(tx, "ada"), person(tx, "ben")))
    db.write_now(lambda tx: second_factors.save(tx, SecondFactor(ada, "A", 1, None, 0)))
    db.write_now(lambda tx: second_factors.save(tx, SecondFactor(ada, "B", 1, None, 0)))
    kept = db.read_now(lambda tx: second_factors.of_person(tx, ada))
    assert kept == SecondFactor(ada, "B", 1, None, 0)
    steps = db.write_now(lambda tx: [second_factors.use_step(tx, ada, step) for step in (5, 5, 4, 6)])
    assert steps == [True, False, False, True]
    db.write_now(lambda tx: second_factors.put_codes(tx, ada, ["aaaaabbbbb", "cccccddddd"]))
    db.write_now(lambda tx: second_factors.put_codes(tx, ben, ["aaaaabbbbb", "cccccddddd"]))
    used = [db.write_now(lambda tx: second_factors.use_code(tx, ada, "aaaaabbbbb")) for _ in range(2)]
    assert used == [True, False]
    assert db.read_now(lambda tx: (second_factors.codes_left(tx, ada), second_factors.codes_left(tx, ben))) == (1, 2)
    db.write_now(lambda tx: second_factors.remove(tx, ada))
    assert db.read_now(lambda tx: (second_factors.codes_left(tx, ada), second_factors.codes_left(tx, ben))) == (0, 2)


def test_passkeys_and_identities_are_somebodys(db: Database) -> None:
    ada, ben = db.write_now(lambda tx: (person(tx, "ada"), person(tx, "ben")))
    key = Passkey(1, ada, "cred", b"\x00\xff", 0, "Phone", 1, None)
    db.write_now(lambda tx: passkeys.insert(tx, key))
    with pytest.raises(IntegrityError):
        db.write_now(lambda tx: passkeys.insert(tx, Passkey(2, ben, "cred", b"", 0, "", 1, None)))
    db.write_now(lambda tx: passkeys.change(tx, 1, uses=7, used_at=9))
    found = db.read_now(lambda tx: passkeys.by_credential(tx, "cred"))
    assert found == Passkey(1, ada, "cred", b"\x00\xff", 7, "Phone", 1, 9)
    db.write_now(lambda tx: passkeys.remove(tx, ben, 1))
    assert len(db.read_now(lambda tx: passkeys.of_person(tx, ada))) == 1
    db.write_now(lambda tx: passkeys.remove(tx, ada, 1))
    assert db.read_now(lambda tx: passkeys.of_person(tx, ada)) == []
    who = Identity("https://uni", "u-1", ada, 1, 1)
    db.write_now(lambda tx: identities.insert(tx, who))
    with pytest.raises(IntegrityError):
        db.write_now(lambda tx: identities.insert(tx, Identity("https://uni", "u-1", ben, 1, 1)))
    db.write_now(lambda tx: identities.touch(tx, who, 5))
    assert db.read_now(lambda tx: identities.find(tx, "https://uni", "u-1")) == Identity(
        "https://uni", "u-1", ada, 1, 5
    )
    assert db.read_now(lambda tx: identities.find(tx, "https://other", "u-1")) is None


def test_invitations_know_who_came(db: Database) -> None:
    ada, ben, cem = db.write_now(lambda tx: (person(tx, "ada"), person(tx, "ben"), person(tx, "cem", "pending")))
    made = Invitation(1, "code", ada, "for Ben", [7, 8], 2, 1, 1000)
    db.write_now(lambda tx: invitations.insert(tx, made))
    db.write_now(lambda tx: sign_ups.insert(tx, SignUp(ben, "", 1, ada, None, 1)))
    db.write_now(lambda tx: sign_ups.insert(tx, SignUp(cem, "me too", None, None, None, 2)))
    assert db.read_now(lambda tx: invitations.by_code(tx, "code")) == made
    assert db.read_now(lambda tx: invitations.came(tx, [1, 2])) == {1: [ben]}
    assert db.read_now(lambda tx: (invitations.open_of(tx, ada, 999), invitations.open_of(tx, ada, 1000))) == (1, 0)
    assert [one.person_id for one in db.read_now(lambda tx: sign_ups.waiting(tx, 9))] == [cem]
    assert db.read_now(lambda tx: sign_ups.of_people(tx, [ben, cem]))[cem].reason == "me too"
    db.write_now(lambda tx: invitations.end(tx, 1, 500))
    assert db.read_now(lambda tx: invitations.of_person(tx, ada, 9))[0].expires_at == 500
    db.write_now(lambda tx: invitations.remove(tx, ada))
    how = db.read_now(lambda tx: sign_ups.of_person(tx, ben))
    assert how is not None
    assert how.invited_by_id == ada  # who invited may leave, and this stays
