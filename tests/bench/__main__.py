"""The benchmarks: `python -m tests.bench [--quick | --full] [--database sqlite|postgresql|URL] [--only WORDS] [--out FILE]`.

A table, and `bench.json`: the rows (`tests.bench.rows`) on SQLite and on PostgreSQL, then how cost grows with size, and what
a policy and pages cost. Some ten minutes; with `--full` growth goes to a million posts, the same work is spread over more processes
(`tests.bench.processes`) and bad days are gone through (`tests.bench.faults`), which takes more than an hour.

Real `fedi serve` processes, their remote hosts in this process, everything on loopback and on the same machine: trust the
CPU time of the server per unit more than the rates. Each figure is the median of several runs, with their spread.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import uvloop

from tests.bench import growth, pages, policy, rows, simulation
from tests.bench.databases import database
from tests.bench.figures import Figures
from tests.bench.instance import Bench
from tests.bench.wire import remotes, serve
from tests.servers import Server, free_port

HOSTS = 200
SCALES, FULL = (0.005, 0.05), (0.01, 1.0)
"""Sizes between which growth is measured; 1 is a million posts, 100,000 accounts, 2,000 groups, 6 million followings."""


async def table(server: Server, figures: Figures, *, quick: bool, only: str) -> None:
    """All rows on one instance, first with one process, then with two."""
    actors = remotes(HOSTS, free_port())
    bench = Bench(server, actors, figures, runs=1 if quick else 3, scale=4 if quick else 1)
    bench.listening = await serve(actors)
    bench.tokens = {name: server.person(name) for name in ("ada", "bob")}
    server.fedi("group", "create", "maths", "--title", "Maths", "--owner", "ada")
    server.start()
    try:
        for row in rows.ON_ONE:
            if row is rows.prepare or _wanted(row.__name__, only):
                await row(bench)
        if _wanted(rows.HOME_ON_TWO.__name__, only):
            server.stop()
            server.start("--workers", "2")
            await rows.HOME_ON_TWO(bench)
    finally:
        server.stop()
        bench.db.close()
        for listening in bench.listening:
            listening.close()


def _wanted(name: str, only: str) -> bool:
    return any(word in name for word in only.split(","))


def main() -> None:
    """Run what was asked for and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The benchmarks.")
    parser.add_argument("--quick", action="store_true", help="one short run of each row, no growth")
    parser.add_argument("--full", action="store_true", help="growth to a million posts, more processes, bad days")
    parser.add_argument("--database", default="both", help="sqlite, postgresql, both (default), or a postgresql:// URL")
    parser.add_argument("--only", default="", help="parts of names of rows, as in: inbox,home")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args()
    figures = Figures()
    for kind in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        figures.database = kind.partition(":")[0]
        with tempfile.TemporaryDirectory(prefix="fedi-bench-") as folder, database(kind, Path(folder)) as url:
            instance = Server(Path(folder), url, "Bench")
            instance.init()
            uvloop.run(table(instance, figures, quick=options.quick, only=options.only))
    for kind in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        figures.database = kind.partition(":")[0]
        if not options.quick and _wanted("growth", options.only):
            growth.lines(kind, FULL if options.full else SCALES, figures, brief=not options.full)
    figures.database = "sqlite"
    for part in (policy, simulation, pages):
        if _wanted(part.__name__.rpartition(".")[2], options.only):
            part.lines(figures)
    options.out.write_text(json.dumps([asdict(figure) for figure in figures.all], indent=1) + "\n")
    print(f"written to {options.out}")
    if options.full:
        ended = [
            subprocess.run([sys.executable, "-m", more], check=False).returncode
            for more in ("tests.bench.processes", "tests.bench.faults")
        ]
        sys.exit(any(ended))


if __name__ == "__main__":
    main()
