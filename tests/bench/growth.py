"""How cost grows with size: `python -m tests.bench.growth [--scale 0.01 --scale 0.1] [--database sqlite|postgresql|URL]`.

An instance is filled (`tests.bench.crowd`) at each scale, 1 being a million posts, and asked in this process what clients and
peers ask most. Each figure is of requests that no cache can answer: by different people, or of different pages. CPU is that
of this process: all of the work on SQLite, without the database's part on PostgreSQL, where the time counts. Filling takes
a minute for each hundred thousand posts; what is there already is used with `--filled`.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from fedi.context import now
from fedi.worker import loop
from storage import apps
from storage.apps import Token, hashed
from storage.database import Database
from storage.metadata import Tx
from storage.schema import metadata
from tests.bench.bulk import fill
from tests.bench.crowd import Crowd
from tests.bench.databases import database
from tests.bench.figures import Figures
from tests.growth.paths import ORIGIN, Paths, opened, pair

PEOPLE = 60
"""Different people who ask."""
Ask = Callable[[int], Awaitable[object]]


async def measure(paths: Paths, figures: Figures, size: str) -> dict[str, float]:
    """Ask everything, add the figures, and give the median time of each kind in ms."""
    crowd = paths.crowd
    here = list(crowd.local_accounts())
    people = [here[1 + (at * 37) % (len(here) - 1)] for at in range(PEOPLE)]
    paths.site.db.write_now(lambda tx: _tokens(tx, paths, people))
    words, posts = crowd.said(crowd.posts // 2), crowd.posts
    common = [crowd.said(posts - 1 - at)[0] for at in range(PEOPLE)]

    def back(at: int) -> int:
        return crowd.post_id(posts - 1 - (at * 41) % (posts // 50))

    async def create(at: int) -> None:
        await paths.tell(1, "Create", paths.note(1))

    async def process(at: int) -> None:
        for _ in range(20):
            await paths.tell(1, "Create", paths.note(1))
        work = loop.Work(paths.site)
        while await work.receive():
            await work.finish()

    def get(path: Callable[[int], str], who: Callable[[int], int]) -> Ask:
        return lambda at: paths.ask("GET", path(at), who(at))

    reader, star = crowd.reader, crowd.star
    search = "/api/v2/search?type=statuses&q="
    asked: dict[str, Ask] = {
        "home of different people": get(lambda at: "/api/v1/timelines/home?limit=20", lambda at: people[at % PEOPLE]),
        "home, follows 500, different pages": get(
            lambda at: f"/api/v1/timelines/home?limit=20&max_id={back(at)}", lambda at: reader
        ),
        "list, different pages": get(
            lambda at: f"/api/v1/timelines/list/{crowd.actor_id(reader) + 1}?limit=20&max_id={back(at)}",
            lambda at: reader,
        ),
        "group, different groups": get(
            lambda at: f"/api/v1/timelines/group/{crowd.actor_id(crowd.accounts + at % crowd.groups)}?limit=20",
            lambda at: reader,
        ),
        "local timeline, different pages": get(
            lambda at: f"/api/v1/timelines/public?local=true&max_id={back(at)}", lambda at: reader
        ),
        "profile, different accounts": get(
            lambda at: f"/api/v1/accounts/{crowd.actor_id(at * 3)}/statuses?limit=20", lambda at: reader
        ),
        "thread, different threads": get(
            lambda at: f"/api/v1/statuses/{crowd.post_id(posts - 200 - at * 7)}/context", lambda at: reader
        ),
        "notifications of the most notified, different pages": get(
            lambda at: f"/api/v2/notifications?limit=20&max_id={back(at)}", lambda at: star
        ),
        "unread count of different people": get(
            lambda at: "/api/v1/notifications/unread_count", lambda at: people[at % PEOPLE]
        ),
        "search, one common word": get(lambda at: search + common[at], lambda at: reader),
        "search, a rare word": get(lambda at: search + crowd.said(at * 31 % posts)[-1], lambda at: reader),
        "search, no such word": get(lambda at: f"{search}nothing{at}", lambda at: reader),
        "search, common word of one author": get(
            lambda at: search + quote(f"{common[at]} from:user{at * 5}"), lambda at: reader
        ),
        "search, common without another": get(
            lambda at: search + quote(f"{common[at]} -{words[1]}"), lambda at: reader
        ),
        "search, an account by its beginning": get(
            lambda at: f"/api/v1/accounts/search?q=user{at * 17}", lambda at: people[at % PEOPLE]
        ),
        "post a status": lambda at: paths.ask("POST", "/api/v1/statuses", people[at % PEOPLE], status=f"hello {at}"),
        "inbox: a Create accepted": create,
        "inbox: 20 Creates accepted and worked out": process,
    }
    middles = {}
    for name, ask in asked.items():
        count = 6 if name.startswith("inbox: 20") else 40
        wall, cpu = [], []
        for at in range(count, count + 5):  # statements are compiled, connections are opened
            await ask(at)
        for at in range(count):
            used, begun = time.process_time(), time.perf_counter()
            await ask(at)
            wall.append(1000 * (time.perf_counter() - begun))
            cpu.append(1000 * (time.process_time() - used))
        figures.add(f"{size}: {name}", "ms", wall)
        figures.add(f"{size}: {name}: CPU", "ms", cpu)
        figures.add(f"{size}: {name}: slowest", "ms", [max(wall)])
        middles[name] = statistics.median(wall)
    if paths.failed:
        raise RuntimeError(f"{len(paths.failed)} failed, as {paths.failed[0]}")
    return middles


def _tokens(tx: Tx, paths: Paths, people: list[int]) -> None:
    tx.execute(
        text("UPDATE received SET state = 'done', settled_at = due_at WHERE state = 'new'")
    )  # what waits is not measured
    app, scopes = tx.execute(text("SELECT id, scopes FROM apps WHERE client_id = 'client'")).one()
    for who in dict.fromkeys(people):
        if who not in (paths.crowd.star, paths.crowd.reader, 5):
            made = Token(
                paths.site.new_id(), hashed(f"token{who}"), app, paths.crowd.actor_id(who), scopes, 0, None, None
            )
            apps.insert_token(tx, made)


def crowd_of(scale: float, at: int) -> Crowd:
    """The instance of that size, which goes on at `at` ms."""
    return Crowd(scale, ORIGIN, at, key=pair().public, private=pair().private)


def create(url: str, crowd: Crowd) -> None:
    """All tables, and `crowd` in them; as a server has it that has run for a while: PostgreSQL with statistics, SQLite without."""
    db = Database(url)
    try:
        with db.engine.begin() as tx:
            metadata.create_all(tx)
        fill(url, crowd)
        if db.kind == "postgresql":
            with db.engine.connect() as connection:
                driver = connection.connection.dbapi_connection
                assert driver is not None
                driver.autocommit = True
                driver.cursor().execute("VACUUM ANALYZE")
                driver.autocommit = False
    finally:
        db.close()


def grow(url: str, scale: float, figures: Figures, *, filled: int = 0) -> dict[str, float]:
    """Fill the empty database at `url` (or use it as filled at `filled` ms) and measure; the median times in ms, by name."""
    crowd = crowd_of(scale, filled or now())
    if not filled:
        begun = time.perf_counter()
        create(url, crowd)
        figures.add(f"{crowd.posts:,} posts: filled in", "s", [time.perf_counter() - begun])
    with tempfile.TemporaryDirectory() as folder:
        paths = opened(url, crowd, Path(folder))
        try:
            return asyncio.run(measure(paths, figures, f"{crowd.posts:,} posts"))
        finally:
            paths.site.db.close()


def lines(kind: str, scales: Sequence[float], figures: Figures, *, filled: int = 0, brief: bool = False) -> None:
    """Measure at each of these scales, then add by how much the last costs more than the first; with `brief` only that.

    `kind` is sqlite, postgresql or the URL of an empty PostgreSQL database.
    """
    found, each = [], Figures(figures.database, silent=brief)
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as url:
            found.append(grow(url, scale, each, filled=filled))
    figures.all += [] if brief else each.all
    if len(found) < 2:
        return
    times = {name: found[-1][name] / took for name, took in found[0].items()}
    sizes = f"{crowd_of(scales[0], 0).posts:,} to {crowd_of(scales[-1], 0).posts:,} posts"
    for name, more in times.items():
        figures.add(f"growth, {sizes}: {name}", "times", [more])
    figures.add(f"growth, {sizes}: all of them, median", "times", [statistics.median(times.values())])


def main() -> None:
    """Measure at each scale, then say by how much the last costs more than the first."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, action="append")
    options.add_argument("--database", default="sqlite")
    options.add_argument("--filled", type=int, default=0, metavar="MS", help="the database is filled, as of this time")
    given = options.parse_args()
    figures = Figures(database=given.database.partition(":")[0])
    lines(given.database, given.scale or [0.01, 0.1], figures, filled=given.filled)


if __name__ == "__main__":
    main()
