"""How long it takes to try a policy: `python -m tests.bench.simulation [--envelopes N] [--rules N] [--processes N]`.

A million envelopes (which look like a month of a large instance: hosts, groups and people as Zipf has them, half of them with
words) are put into an SQLite as the job `envelopes` leaves them; then a policy of a thousand rules, of all kinds, a fifth of them
about words, is simulated by the same function that `fedi policy simulate` and the console call. The bound is a minute.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from federation.policy.decide import Decision, Verdict
from federation.policy.envelopes import Envelope, envelope, squeezed
from federation.policy.facts import Facts
from fedi.actions.envelopes import TOGETHER
from fedi.config import Config
from fedi.context import Site, close_site, open_site
from fedi.simulating import simulate
from storage import envelopes, migrations
from storage.envelopes import Chunk
from tests.bench.figures import Figures

HOSTS, ACTORS, GROUPS = 400, 20_000, 300
WORDS = (
    "lecture seminar exam thesis lab library deadline group project paper review talk slides room campus credit grade tutor "
    "course module reading notes question answer solution proof lemma theorem dataset figure model result method"
).split()
SPAN = 14 * 24 * 3600 * 1000
_START = 1_790_000_000_000
_DECIDED = (
    Decision(Verdict.ACCEPT, "accepted", "", 0),
    Decision(Verdict.REJECT, "host-blocked", "", 0, "stance", because=("stance",)),
)


def several(number: int, at: int, chance: random.Random) -> list[Envelope]:
    """So many envelopes, from `at` ms on, close together."""
    made = []
    for place in range(number):
        host = min(int(chance.paretovariate(0.9)), HOSTS) - 1
        who = min(int(chance.paretovariate(0.6)), ACTORS) - 1
        group = min(int(chance.paretovariate(0.8)), GROUPS) - 1
        kind = chance.random()
        name = f"host{host}.example"
        wordy = kind < 0.5
        text = " ".join(chance.choices(WORDS, k=chance.randint(8, 60))) if wordy else ""
        actor = f"https://{name}/users/u{who}"
        facts = Facts(
            at + place,
            "in" if chance.random() < 0.7 else "out",
            name,
            "Create" if wordy else "Like" if kind < 0.8 else "Announce" if kind < 0.95 else "Follow",
            "Note" if wordy else None,
            f"https://{name}/activities/{at + place}",
            f"https://{name}/posts/{at + place}",
            actor,
            actor,
            software=("mastodon", "lemmy", "fedi")[host % 3],
            version=f"4.{host % 7}.0",
            tier=("public", "agreed", "members")[host % 3],
            group=f"https://alpha.example/groups/g{group}" if chance.random() < 0.4 else None,
            followers=who * 7 % 9000,
            followed=who % 3 == 0,
            mentions=chance.randint(0, 4) if wordy else 0,
            hashtags=tuple(chance.choices(WORDS, k=2)) if wordy else (),
            media=1 if chance.random() < 0.15 else 0,
            media_types=("image/jpeg",),
            media_bytes=chance.randint(10_000, 9_000_000),
            language="en",
            visibility="public",
            size=chance.randint(400, 6000),
            text=text,
        )
        made.append(envelope(facts, _DECIDED[chance.random() < 0.02]))
    return made


def document(rules: int) -> str:
    """A policy with so many rules, of every kind."""
    kinds = (
        lambda n: f'when = {{ direction = "in", peer = "bad{n}.example" }}\nthen = "reject"',
        lambda n: f'when = {{ keyword = ["rare{n}", "buy pills {n}"] }}\nthen = "hold"',
        lambda n: (
            f'when = {{ group = "https://alpha.example/groups/g{n % GROUPS}", media = ">2" }}\nthen = "strip-media"'
        ),
        lambda n: (
            f'when = {{ peer = "host{n % HOSTS}.example", activity = "Announce", followers = "<{n % 50}" }}\nthen = "delist"'
        ),
        lambda n: f'when = {{ actor = "https://host{n % HOSTS}.example/users/u{n}" }}\nthen = "sensitive"',
        lambda n: (
            f'when = {{ software = "lemmy", version = "<4.{n % 5}", mentions = ">{3 + n % 9}" }}\nthen = "reject"'
        ),
        lambda n: f'when = {{ hashtag = "{WORDS[n % len(WORDS)]}{n}" }}\nthen = "limit"',
        lambda n: f'when = {{ peer = "host{100 + n % 300}.example", media_bytes = ">8MB" }}\nthen = "reject"',
        lambda n: f'when = {{ links = "spam{n}.example" }}\nthen = "reject"\nobserve = true',
        lambda n: f'when = {{ direction = "out", peer = "*.host{n % HOSTS}.example", size = ">5kB" }}\nthen = "reject"',
    )
    written = [f'[[rule]]\nid = "r-{number}"\n{kinds[number % len(kinds)](number)}\n' for number in range(rules)]
    return "\n".join(written).replace("*.host", "host")


def fill(site: Site, number: int) -> None:
    """Put envelopes into the database, as the job leaves them."""
    chance = random.Random(6)
    step = SPAN // max(number // TOGETHER, 1)
    for at in range(0, number, TOGETHER):
        begun = _START + at // TOGETHER * step
        made = several(min(TOGETHER, number - at), begun, chance)
        chunk = Chunk(site.new_id(), begun, begun + len(made), len(made), squeezed(made), joined=True)
        site.db.write_now(lambda tx, chunk=chunk: envelopes.insert(tx, chunk))  # type: ignore[misc]  # a lambda with a default


def measured(number: int, rules: int, processes: int | None = None) -> tuple[float, dict[str, Any]]:
    """Seconds that simulating a policy of so many rules over so many envelopes takes, and what it found."""
    with tempfile.TemporaryDirectory(prefix="fedi-simulation-") as folder:
        file = Path(folder) / "fedi.db"
        site = open_site(Config(url="https://alpha.example", database=f"sqlite:///{file}", data=Path(folder)))
        migrations.upgrade(site.db.engine)
        fill(site, number)
        begun = time.perf_counter()
        found = asyncio.run(simulate(site, "bench", document(rules), processes=processes)).result
        took = time.perf_counter() - begun
        asyncio.run(close_site(site))
    return took, found


def lines(figures: Figures, number: int = 200_000) -> None:
    """Add what a million envelopes under 1,000 rules take, reckoned from `number`."""
    took, _ = measured(number, 1_000)
    figures.add("a million envelopes simulated under 1,000 rules", "s", [took * 1_000_000 / number], 60, most=True)


def main() -> None:
    """Fill, simulate, print what it took and what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.simulation", description="How long a simulation takes."
    )
    parser.add_argument("--envelopes", type=int, default=1_000_000)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=None)
    options = parser.parse_args()
    took, found = measured(options.envelopes, options.rules, options.processes)
    print(
        json.dumps(
            {
                "envelopes": found["envelopes"],
                "rules": options.rules,
                "seconds": round(took, 1),
                "microseconds to decide each": found["nanoseconds_each"] / 1000,
                "newly": found["newly"],
                "rules that fitted": sum(1 for rule in found["rules"] if rule["hits"]),
                "reached": took < 60,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
