"""What a decision costs: `python -m tests.bench.policy [--rules N] [--seconds S]`.

A document of a thousand rules (half about hosts, a fifth about words and patterns, the rest about all else) is read, compiled
and asked about posts, follows and likes as they come. The bound is 20 microseconds an activity, text patterns and all; each
figure is the best of several rounds, as other work on the machine only ever adds to it.
"""

import argparse
import random
import time
from collections.abc import Callable

from federation.policy.compile import compile_rules
from federation.policy.decide import Policy, counted, decide, explain
from federation.policy.document import read
from federation.policy.facts import Facts
from federation.policy.warnings import warnings
from tests.bench.figures import Figures

_CHANCE = random.Random(7)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VERDICTS = ('"reject"', '"limit"', '["strip-media", "sensitive"]', '"hold"', '"rate(30/min)"')


def word() -> str:
    """A word that is in no language."""
    return "".join(_CHANCE.choices(_LETTERS, k=_CHANCE.randint(4, 11)))


def when(place: int) -> str:
    """The conditions of one rule: of a thousand, half are about hosts."""
    kinds: tuple[Callable[[], str], ...] = (
        lambda: f'peer = ["{word()}.example", "{word()}.{word()}.example"]',
        lambda: f'peer = "{word()}.example", direction = "in"',
        lambda: f'peer = "{word()}.example", activity = ["Create", "Announce"]',
        lambda: f'peer = "{word()}.example", media_types = "video/*"',
        lambda: f'peer = "{word()}.example"',
        lambda: f'direction = "in", keyword = ["{word()}", "{word()} {word()}", "{word()}"]',
        lambda: f'visibility = "public", pattern = "(?i){word()}[0-9]+ *{word()}"',
        lambda: f'activity = "Create", mentions = ">{place % 30 + 8}", account_days = "<{place % 7 + 1}"',
        lambda: f'hashtag = ["{word()}", "{word()}"]' if place % 20 else f'links = "{word()}.example"',
        lambda: (
            f'group = "{word()}", affiliation = "!member"'
            if place % 20 > 9
            else 'software = "lemmy", version = "<0.18"'
        ),
    )
    return kinds[place % len(kinds)]()


def document(rules: int) -> str:
    """A policy of so many rules, as an admin would have it."""
    return "\n".join(
        f'[[rule]]\nid = "r-{place:04}"\nwhen = {{ {when(place)} }}\nthen = {_VERDICTS[place % 5]}\n'
        for place in range(rules)
    )


def post(place: int, text: str) -> Facts:
    """A public post of somebody on one of some hundred hosts."""
    host = f"host{place % 300}.example"
    actor = f"https://{host}/users/u{place % 1000}"
    return Facts(
        1_790_000_000_000 + place, "in", host, "Create", "Note", f"https://{host}/a/{place}", f"https://{host}/p/{place}", actor,
        actor, software="mastodon", version="4.5.1", account_days=place % 900, followers=place % 90, followed=place % 3 == 0,
        mentions=place % 4, hashtags=("exams", word())[: place % 3], links=("video.example",)[: place % 2], media=place % 3,
        media_types=("image/png",) * (place % 3), media_bytes=50_000 * (place % 3), language="en", visibility="public",
        reply=place % 2 == 0, size=2_400, text=text,
    )  # fmt: skip


def best(asked: list[Facts], ask: Callable[[Facts], object], seconds: float) -> float:
    """The microseconds that asking takes for each of these facts, in the best of the rounds that the time allows."""
    rounds: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rounds) < 3:
        begun = time.perf_counter()
        for facts in asked:
            ask(facts)
        rounds.append((time.perf_counter() - begun) / len(asked) * 1e6)
    return min(rounds)


def _asked() -> dict[str, list[Facts]]:
    words = [word() for _ in range(2_000)]
    plain = [post(place, " ".join(_CHANCE.choices(words, k=50))) for place in range(300)]
    accented = [post(place, " ".join(["größer", *_CHANCE.choices(words, k=50)])) for place in range(300)]
    long = [post(place, " ".join(_CHANCE.choices(words, k=600))[:5_000]) for place in range(60)]
    follows = [
        Facts(1, "in", f"host{place}.example", "Follow", None, "https://x/1", None, "https://x/2", "https://x/2")
        for place in range(300)
    ]
    return {
        f"a post of {sum(len(one.text) for one in plain) // 300} characters": plain,
        "the same, with letters that are not ASCII": accented,
        "a post of 5,000 characters": long,
        "a follow": follows,
    }


def lines(figures: Figures, seconds: float = 1.0) -> None:
    """Add what a decision under 1,000 rules costs."""
    made = read(document(1_000))
    policy = Policy(1, compile_rules(made.rules, made.default))
    for name, asked in _asked().items():
        took = best(asked, lambda facts: decide(policy, facts), seconds)
        figures.add(f"a policy of 1,000 rules: {name}", "µs", [took], 20, most=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policy", description="What a decision costs.")
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    options = parser.parse_args()
    text = document(options.rules)
    begun = time.perf_counter()
    made = read(text)
    parsed = time.perf_counter()
    compiled = compile_rules(made.rules, made.default)
    ready = time.perf_counter()
    warned = warnings(made)
    looked = time.perf_counter()
    kilobytes = len(text) / 1000
    print(f"{len(made.rules)} rules, {kilobytes:.0f} kB: read {1e3 * (parsed - begun):.0f} ms, compiled "
          f"{1e3 * (ready - parsed):.0f} ms, looked through {1e3 * (looked - ready):.0f} ms ({len(warned)} warnings)")  # fmt: skip
    policy = Policy(1, compiled)
    several = _asked()
    plain = next(iter(several.values()))
    for name, asked in several.items():
        print(f"{name:<44}{best(asked, lambda facts: decide(policy, facts), options.seconds):8.2f} µs each")
    rated = f"what it takes to count, of {len(compiled.rated.rules) if compiled.rated is not None else 0} rules"
    print(f"{rated:<44}{best(plain, lambda facts: counted(policy, facts), options.seconds):8.2f} µs each")
    nothing = Policy(1)
    print(
        f"{'posts, without any rule':<44}{best(plain, lambda facts: decide(nothing, facts), options.seconds):8.2f} µs each"
    )
    print(
        f"{'explaining a post':<44}{best(plain[:10], lambda facts: explain(policy, facts), options.seconds):8.2f} µs each"
    )


if __name__ == "__main__":
    main()
