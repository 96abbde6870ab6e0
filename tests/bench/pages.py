"""What pages cost: `python -m tests.bench.pages`: how long the server takes for each, and when their first words are there on a
bad line (400 ms there and back, 50 kbit/s), in Chromium on a first visit with nothing in its cache.

The browser's emulation counts the 400 ms for each request and none for the connection, so they are added once.
"""

import random
import statistics
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from fedi.actions import follows, groups, posts
from fedi.context import Site
from storage import actors
from storage.metadata import Tx
from tests.bench.figures import Figures
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.servers import Server

PEOPLE = ("ada", "bruno", "carl", "dora", "emil", "fatou", "gina", "hugo")
LATENCY, SPEED = 0.4, 50_000 / 8
"""Seconds there and back, and bytes a second."""
RUNS = 3
_ASKED = 30
_WORDS = "model train wind read paper thesis night queue data drift week plot hall tram grid exam letter river".split()


def _text(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(_WORDS) + chance.choice(("s", "ing", "ed", "er", "")) for _ in range(count))


def fill(tx: Tx, site: Site) -> str:
    """A group with twenty threads, one of them with twenty answers, and twenty posts of ada's; the path of that thread."""
    chance = random.Random(11)
    people = [actors.by_name(tx, name, site.config.handle_domain) for name in PEOPLE]
    everybody = [one for one in people if one is not None]
    ada = everybody[0]
    group = groups.create(tx, site, name="mlops", title="ML Operations", owner=ada, description=_text(chance, 40))
    for person in everybody[1:]:
        follows.follow(tx, site, person, group)
        follows.follow(tx, site, ada, person)
    thread = None
    for place in range(20):
        words = f"@mlops {_text(chance, 7)}\n\n{_text(chance, 60)}"
        thread = posts.publish(tx, site, everybody[place % len(everybody)], posts.Draft(words))
        posts.publish(tx, site, ada, posts.Draft(_text(chance, 60)))
    assert thread is not None
    for place in range(20):
        draft = posts.Draft(f"@ada {_text(chance, 45)}", reply_to_id=thread.id)
        posts.publish(tx, site, everybody[1 + place % (len(everybody) - 1)], draft)
    author = everybody[19 % len(everybody)]
    return f"/people/{author.username}/posts/{thread.id}"


def _first_text(browser: Browser, server: Server, cookie: dict[str, object], path: str) -> float:
    """Seconds until the first words of a page are on the screen, in a browser that was never here."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    if path != "/":
        context.add_cookies([cookie])  # type: ignore[list-item]  # as the browser gave it
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    conditions = {"offline": False, "latency": 1000 * LATENCY, "downloadThroughput": SPEED, "uploadThroughput": SPEED}
    line.send("Network.emulateNetworkConditions", conditions)
    page.goto(server.url + path, wait_until="load", timeout=60_000)
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return float(painted) / 1000 + LATENCY


def _answered(server: Server, cookie: dict[str, object], path: str) -> float:
    """Ms of waiting for a page, whole, the median of some."""
    headers = {"accept": "text/html", "accept-encoding": "gzip"}
    if path != "/":  # the front is for who is logged out
        headers["cookie"] = f"{cookie['name']}={cookie['value']}"
    request = urllib.request.Request(server.url + path, headers=headers)
    taken = []
    for _ in range(_ASKED):
        begun = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def lines(figures: Figures) -> None:
    """All pages, on SQLite; nothing where there is no Chromium."""
    if not Path(CHROMIUM).exists():
        print(f"pages are left out: there is no {CHROMIUM}")
        return
    with TemporaryDirectory(prefix="fedi-bench-") as folder:
        server = Server(Path(folder), f"sqlite:///{folder}/fedi.db", "Bench University")
        server.init()
        for name in PEOPLE:
            server.person(name)
        thread = server.write(fill)
        server.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
                page = browser.new_page()
                page.goto(f"{server.url}/login")
                page.fill("input[name=name]", "ada")
                page.fill("input[name=password]", "ada-password")
                page.click("main form button")
                page.wait_for_url("**/home")
                cookie = next(dict(one) for one in page.context.cookies() if one["name"] == f"fedi-{server.port}")
                page.close()
                for path in ("/", "/home", "/groups", "/groups/mlops", thread, "/compose", "/catch-up", "/people/ada"):
                    name = "a thread" if path == thread else path
                    figures.add(f"page {name}: answered in", "ms", [_answered(server, cookie, path)])
                    seen = [_first_text(browser, server, cookie, path) for _ in range(RUNS)]
                    figures.add(f"page {name}: first words at 400 ms and 50 kbit/s", "s", seen, 2.0, most=True)
                browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    lines(Figures("sqlite"))
