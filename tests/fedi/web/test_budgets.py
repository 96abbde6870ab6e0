"""What a first visit costs: twelve routes within one round trip of a new connection, and text on the screen in two seconds.

A new connection brings ten segments before the first answer of the other side (RFC 6928): 14,336 bytes. At 400 ms there and
back and 50 kbit/s, two seconds are 800 ms for the connection and the question, and 1.2 s for 7,500 bytes.
"""

import gzip
import random
import zlib

import pytest

from fedi.html import STYLE, WIRE
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus, Outline, Page

FIRST_TEXT = 7_500
SERVER = len(
    "HTTP/1.1 200 OK\r\ndate: Fri, 27 Nov 2026 18:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: 12345\r\n\r\n"
)
"""Bytes that the server itself adds."""
STYLE_MOST = 5_000
AUTHORS = ("carl", "dora", "emil", "fatou", "gina", "hugo", "ines")
_ROOTS = (
    "model train wind read paper thesis night queue data drift week group plot hall tram grid exam paint letter river"
)
_ENDS = "s ing ed er ly ful able ness ment ion al ive ish less ward most like wise ship hood"


def _words(seed: int, count: int) -> str:
    """Text that compresses about as prose does."""
    chosen = random.Random(seed)
    roots, ends = _ROOTS.split(), _ENDS.split()
    return " ".join(chosen.choice(roots) + chosen.choice(ends) for _ in range(count)).capitalize() + "."


@pytest.fixture
def filled_campus(campus: Campus, ada: Actor, bruno: Actor) -> tuple[Campus, str]:
    """Ada's home, group, thread, profile and notifications with 20 posts each, by nine people; the path of the thread."""
    group = campus.group("mlops", bruno, title="Machine learning operations", description=_words(1, 60))
    everybody = [ada, bruno, *(campus.person(name, name=f"{name.title()} Okonkwo") for name in AUTHORS)]
    for person in everybody:
        if person.id != bruno.id:
            campus.follow(person, group)
        if person.id != ada.id:
            campus.follow(ada, person)
    thread = None
    for n in range(20):
        author = everybody[n % len(everybody)]
        thread = campus.post(author, f"@mlops {_words(100 + n, 7)}\n\n{_words(200 + n, 55)}")
        campus.post(ada, _words(300 + n, 55))
    assert thread is not None
    for n in range(20):
        author = everybody[1 + n % (len(everybody) - 1)]
        campus.post(author, f"@ada {_words(400 + n, 40)}", reply_to_id=thread.id)
    for n in range(11):
        campus.group(f"circle{n}", ada, title=_words(500 + n, 3), description=_words(600 + n, 20))
    author = everybody[19 % len(everybody)]
    return campus, f"/people/{author.username}/posts/{thread.id}"


def _first_text(page: Page, body: bytes) -> str:
    """The words of the page that are there when `FIRST_TEXT` bytes have come."""
    headers = page.wire - len(body) + SERVER
    come = body[: FIRST_TEXT - headers]
    text = zlib.decompressobj(wbits=31).decompress(come).decode("utf-8", "ignore")
    return Page(page.path, page.status, page.headers, text, page.wire).words


async def _visited(browser: Browser, path: str) -> tuple[Page, bytes]:
    browser.cookies.pop("style", None)
    page = await browser.get(path)
    # The body as it came; the tests' browser keeps the words alone.
    body = gzip.compress(page.text.encode(), 6, mtime=0)
    return page, body


async def test_twelve_routes_come_with_the_first_round_trip(filled_campus: tuple[Campus, str], as_ada: Browser) -> None:
    campus, thread = filled_campus
    nobody = campus.browser()
    too_large, late = {}, {}
    for browser, path, posts in (
        (nobody, "/", 3),
        (nobody, "/join", 0),
        (nobody, "/login", 0),
        (as_ada, "/home", 20),
        (as_ada, "/groups", 0),
        (as_ada, "/groups/mlops", 20),
        (as_ada, thread, 21),
        (as_ada, "/compose", 0),
        (as_ada, "/search?q=models", 0),
        (as_ada, "/notifications", 0),
        (as_ada, "/settings", 0),
        (as_ada, "/people/ada", 20),
    ):
        page, body = await _visited(browser, path)
        assert page.status == 200, path
        assert "<style>" in page.text, "a first visit brings the style sheet"
        assert len(Outline(page.text).of("article")) >= posts, path
        if page.wire + SERVER > WIRE:
            too_large[path] = page.wire + SERVER
        heading = page.words.partition("Search You Write ")[2] or page.words.partition("Log in ")[2]
        if heading[:60].rstrip(" .")[:40] not in _first_text(page, body):
            late[path] = heading[:60]
    assert not too_large
    assert not late


async def test_later_pages_come_without_it(filled_campus: tuple[Campus, str], as_ada: Browser) -> None:
    first = await as_ada.get("/home")
    path = first.text.rpartition('<link rel="stylesheet" href="')[2].partition('"')[0]
    await as_ada.get(path)
    later = await as_ada.get("/home")
    assert "<style>" not in later.text
    assert later.wire < first.wire - 3_000


def test_the_style_sheet_is_small() -> None:
    assert len(gzip.compress(STYLE, 9)) <= STYLE_MOST
    assert b"/*" not in STYLE


def test_nothing_of_the_style_sheet_is_lost_by_making_it_small() -> None:
    from fedi.html import slim

    given = '/* said\n */ a:hover,\n  b > c { color: var(--x, #fff) ; width: calc(1px + 2px); }\n@media (min-width: 3rem) and (print) { d ::before { content: "a b"; } }'
    assert slim(given) == (
        'a:hover,b > c{color:var(--x,#fff);width:calc(1px + 2px)}@media (min-width:3rem) and (print){d ::before{content:"a b"}}'
    )
