import asyncio

import pytest
from sqlalchemy import delete, update

from federation.signatures.keys import generate_ed25519
from fedi.actions import auditing, people
from fedi.context import PROOF_KEY, Site
from fedi.worker.auditing import audit_job
from storage import audit, keys
from storage.audit import audit as table
from storage.keys import Key
from storage.metadata import Tx
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


def fill(tx: Tx, site: Site, number: int) -> None:
    for at in range(number):
        audit.add(tx, site.new_id(), site.clock(), "kim", "policy.apply", str(at), {"digest": "é", "parent": at - 1})


def test_what_is_changed_left_out_or_put_in_between_shows(site: Site) -> None:
    site.db.write_now(lambda tx: fill(tx, site, 6))
    rows = site.db.read_now(lambda tx: audit.after(tx, 0, 10))
    assert site.db.read_now(audit.broken) is None

    def tried(change: object, row_id: int) -> None:
        def unit(tx: Tx) -> None:
            tx.execute(change)  # type: ignore[call-overload]
            broken = audit.broken(tx)
            assert broken is not None
            assert broken.id == row_id
            raise Undone

        with pytest.raises(Undone):
            site.db.write_now(unit)

    third = table.c.id == rows[2].id
    tried(update(table).where(third).values(who="eve"), rows[2].id)
    tried(update(table).where(third).values(body={"digest": "e", "parent": 1}), rows[2].id)
    tried(update(table).where(third).values(at=rows[2].at + 1), rows[2].id)
    tried(update(table).where(third).values(id=rows[5].id + 1), rows[3].id)
    tried(delete(table).where(third), rows[3].id)
    assert site.db.read_now(audit.broken) is None


class Undone(Exception):
    pass


def test_a_row_whose_id_was_made_before_another_was_written_follows_it(site: Site) -> None:
    early = site.new_id()
    site.db.write_now(lambda tx: fill(tx, site, 2))
    row = site.db.write_now(lambda tx: audit.add(tx, early, site.clock(), "ana", "peer.sign", "b.example", {}))
    assert row.id > early
    assert site.db.read_now(lambda tx: audit.newest(tx, 1)) == [row]
    assert site.db.read_now(audit.broken) is None


async def test_rows_that_are_written_at_once_are_one_chain(site: Site) -> None:
    async def act(number: int) -> None:
        row_id = site.new_id()
        await site.db.write(lambda tx: audit.add(tx, row_id, site.clock(), "kim", "peer.sign", str(number), {}))

    await asyncio.gather(*map(act, range(60)))
    rows = site.db.read_now(lambda tx: audit.after(tx, 0, 100))
    assert {row.about for row in rows} == {str(number) for number in range(60)}
    assert site.db.read_now(audit.broken) is None


async def test_a_head_that_was_kept_tells_that_the_log_was_written_anew(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: people.ensure_instance_actor(tx, site))
    if site.db.read_now(lambda tx: keys.by_id(tx, site.instance_iri + PROOF_KEY)) is None:
        pair = generate_ed25519()
        key = Key(site.instance_iri + PROOF_KEY, site.instance_iri, "alpha.example", pair.public, pair.private, 1, None)
        site.db.write_now(lambda tx: keys.save(tx, key))
    site.db.write_now(lambda tx: fill(tx, site, 3))
    await audit_job(site, {})
    head = site.db.read_now(lambda tx: audit.newest(tx, 1))[0]
    assert (head.action, head.body["rows"]) == ("audit.head", 3)
    await audit_job(site, {})
    assert site.db.read_now(lambda tx: audit.newest(tx, 1))[0] == head  # nothing came since
    site.db.write_now(lambda tx: fill(tx, site, 2))
    assert site.db.read_now(lambda tx: auditing.troubles(tx, site)) == []
    assert site.db.read_now(lambda tx: auditing.check_head(tx, site, head.body)) is None
    forged = head.body | {"rows": 2}
    assert "not signed" in str(site.db.read_now(lambda tx: auditing.check_head(tx, site, forged)))

    # The last rows cut off: what is left is sound in itself, and the head knows better.
    rows = site.db.read_now(lambda tx: audit.after(tx, 0, 10))
    site.db.write_now(lambda tx: tx.execute(delete(table).where(table.c.id >= rows[2].id)))
    assert site.db.read_now(lambda tx: auditing.troubles(tx, site)) == []
    assert "rewritten, or cut off" in str(site.db.read_now(lambda tx: auditing.check_head(tx, site, head.body)))
    site.db.write_now(lambda tx: tx.execute(update(table).where(table.c.id == rows[0].id).values(who="eve")))
    assert "was changed" in site.db.read_now(lambda tx: auditing.troubles(tx, site))[0]
