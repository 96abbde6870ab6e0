"""Documents kept ready: the same answer with and without a route, over with the commit that changes them, and compressed for
who takes it and may have it so."""

import asyncio
import gzip
import sys
from typing import Any

import msgspec
import pytest

from federation.transport import Response
from fedi.actions import erasing, people, profiles
from fedi.app import Fedi, build
from fedi.config import Config
from fedi.context import Site
from fedi.outbox.answers import ACTIVITY_JSON, Ready, Terms
from fedi.outbox.ready import KEPT, Kept
from storage import events
from storage.actors import Actor
from storage.database import Database
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, site_on
from tests.fedi.outbox.test_documents import ORIGIN, path_of, publish
from tests.world import call

ADA = "/people/ada"
FINGER = "/.well-known/webfinger?resource=acct:ada@alpha.example"


@pytest.fixture
def site(config: Config, db: Database, clock: Clock) -> Site:
    made = site_on(Network(), config, db, clock)
    db.write_now(lambda tx: people.ensure_instance_actor(tx, made))
    return made


@pytest.fixture
def app(site: Site) -> Fedi:
    return build(site.config, site=site, worker=False)


@pytest.fixture
def ada(site: Site) -> Actor:
    made = site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
    site.db.write_now(lambda tx: profiles.update_profile(tx, site, made, summary="a long story " * 100))
    return made


async def get(app: Fedi, path: str, method: str = "GET", **headers: str) -> Response:
    sent = {"accept": ACTIVITY_JSON} | {k.replace("_", "-"): v for k, v in headers.items()}
    return await call(app, method, ORIGIN + path, sent)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is read of the database in tests with this, one entry each."""
    asked: list[Any] = []
    read = Database.read

    async def counted(self: Database, unit: Any) -> Any:
        asked.append(unit)
        return await read(self, unit)

    monkeypatch.setattr(Database, "read", counted)
    return asked


@pytest.mark.parametrize("path", [ADA, FINGER, "/actor"])
async def test_what_is_kept_is_the_same_answer(path: str, app: Fedi, ada: Actor, reads: list[Any]) -> None:
    first = await get(app, path)
    assert first.status == 200
    once = len(reads)
    for _ in range(3):
        again = await get(app, path)
        assert (again.status, again.body, dict(again.headers)) == (first.status, first.body, dict(first.headers))
    assert len(reads) == once
    unchanged = await get(app, path, if_none_match=first.headers["etag"])
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert unchanged.headers["etag"] == first.headers["etag"]
    assert unchanged.headers["cache-control"] == first.headers["cache-control"]
    assert "content-length" not in unchanged.headers
    assert (await get(app, path, if_none_match='"else"')).status == 200


async def test_a_change_is_in_the_very_next_answer(app: Fedi, site: Site, ada: Actor) -> None:
    before = [(await get(app, path)).body for path in (ADA, ADA, FINGER, FINGER)]
    await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, name="Countess"))
    after = await get(app, ADA)
    assert after.body != before[0]
    assert msgspec.json.decode(after.body)["name"] == "Countess"
    await site.db.write(lambda tx: people.suspend(tx, site, ada))
    assert [(await get(app, path)).status for path in (ADA, FINGER)] == [404, 404]
    await site.db.write(lambda tx: people.unsuspend(tx, site, ada))
    assert [(await get(app, path)).status for path in (ADA, FINGER)] == [200, 200]
    await site.db.write(lambda tx: erasing.erase(tx, site, ada))
    assert [(await get(app, path)).status for path in (ADA, FINGER)] == [410, 410]


async def test_what_another_process_changed_is_too(
    app: Fedi, site: Site, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite with the commit, whenever the listening thread next looks; on PostgreSQL as soon as its word comes."""
    monkeypatch.setattr(events, "_POLL", 60)
    assert [(await get(app, path)).status for path in (ADA, ADA, FINGER)] == [200] * 3
    program = (
        "import sys; from storage.database import Database; from storage import actors\n"
        "db = Database(sys.argv[1]); db.write_now(lambda tx: actors.change(tx, int(sys.argv[2]), state='suspended'))\n"
        "db.close()"
    )
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, site.db.url, str(ada.id))
    assert await done.wait() == 0
    if site.db.kind != "sqlite":
        for _ in range(100):
            if (await get(app, ADA)).status == 404:
                break
            await asyncio.sleep(0.05)
    assert [(await get(app, path)).status for path in (ADA, FINGER)] == [404, 404]


async def test_nothing_is_kept_longer_than_some_seconds(
    app: Fedi, site: Site, ada: Actor, clock: Clock, reads: list[Any]
) -> None:
    await get(app, ADA)
    once = len(reads)
    clock.pass_(seconds=KEPT / 1000)
    assert (await get(app, ADA)).status == 200
    assert len(reads) > once


async def test_a_browser_gets_the_page_of_the_same_address(app: Fedi, ada: Actor) -> None:
    for _ in range(2):
        assert (await get(app, ADA)).headers["content-type"] == ACTIVITY_JSON
        page = await get(app, ADA, accept="text/html,application/xhtml+xml,application/activity+json;q=0.1")
        assert page.headers["content-type"].startswith("text/html")
        assert page.status == 200
    assert (await get(app, "/people/nobody")).status == 404
    assert (await get(app, ADA, method="POST")).status == 405
    head = await get(app, ADA, method="HEAD")
    assert head.headers["content-type"] == ACTIVITY_JSON


async def test_where_signatures_are_wanted_nothing_is_told_at_once(site: Site, ada: Actor) -> None:
    strict = msgspec.structs.replace(
        site.config, federation=msgspec.structs.replace(site.config.federation, signed_fetch=True)
    )
    from dataclasses import replace

    app = build(strict, site=replace(site, config=strict), worker=False)
    for _ in range(2):
        told = msgspec.json.decode((await get(app, ADA)).body)
        assert "summary" not in told


@pytest.mark.parametrize("path", [ADA, FINGER])
async def test_compressed_for_who_takes_it(path: str, app: Fedi, ada: Actor) -> None:
    plain = await get(app, path)
    large = len(plain.body) >= 1024
    assert large == (path == ADA)
    assert "accept-encoding" in plain.headers["vary"].lower()
    for _ in range(2):
        small = await get(app, path, accept_encoding="gzip, br")
        assert ("content-encoding" in small.headers) == large
        assert int(small.headers["content-length"]) == len(small.body)
        if large:
            assert small.headers["content-encoding"] == "gzip"
            assert gzip.decompress(small.body) == plain.body
            # Other bytes, another strong tag; who has either has it.
            assert small.headers["etag"] != plain.headers["etag"]
            for tag in (small.headers["etag"], plain.headers["etag"]):
                assert (await get(app, path, accept_encoding="gzip", if_none_match=tag)).status == 304
        assert small.headers["vary"] == plain.headers["vary"]
    for refused in ("", "br", "gzip;q=0", "identity"):
        answer = await get(app, path, accept_encoding=refused)
        assert "content-encoding" not in answer.headers
        assert answer.body == plain.body


async def test_a_post_is_compressed_and_what_is_for_one_asker_alone_is_not(app: Fedi, site: Site, ada: Actor) -> None:
    post = publish(site, ada, "many words " * 200)
    answer = await get(app, path_of(post), accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert b"many words" in gzip.decompress(answer.body)
    scope = {"headers": [(b"accept-encoding", b"gzip")]}
    for private in (False, True):
        terms = Terms(ACTIVITY_JSON, seconds=0, private=private, vary="Accept, Signature", cors=False)
        _, headers, _ = Ready({"secret": "x" * 3000}).form(scope, terms)
        assert (b"content-encoding" in dict(headers)) != private


async def test_what_is_kept_is_bounded(site: Site) -> None:
    kept = Kept(site.db.events.subscribe("actor"), site.db.changes("actor"))
    for number in range(200):
        kept.keep(f"actor {number}", Ready({"x": "y" * 100_000}), 0)
    assert kept.documents.figures().bytes <= 4 << 20
    for number in range(30_000):
        kept.keep(f"actor {number}", Ready(b"{}"), 0)
    assert kept.documents.figures().entries <= 20_000
