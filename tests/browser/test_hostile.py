"""Whatever strangers and members write, no page breaks: nothing of it runs, nothing is asked for elsewhere, nothing sticks out
of a phone, nothing turns the direction of what stands beside it, and what has a name can be read and pressed.

Every page that a member, a moderator and an admin come to is opened in Chromium, under the policy of the pages themselves.
Remote things are written into the tables as they are, which is worse than what the inbox lets through.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import compile_path

from federation.fields import is_visible
from federation.vocabulary.actor import read_actor
from fedi.actions import follows, groups, posts, profiles, reports, unsent
from fedi.actions.drafts import PollDraft
from fedi.config import load
from fedi.context import Site, close_site, open_site
from fedi.text import sanitise
from fedi.web import ROUTES
from storage import actors, notifications
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.notifications import Notification
from tests.listening import listening
from tests.servers import Server, apart

PHONE = {"width": 390, "height": 844}
EACH = 1
"""Pages of one kind that are opened."""

POSTS: list[str] = []
ELSEWHERE: set[str] = set()
"""Paths that were asked for at the other server."""

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40" onload="fetch('{home}/ran')">
<script>fetch('{home}/ran')</script><style>@import url("{home}/style");</style>
<image xlink:href="{home}/image" width="40" height="40"/><foreignObject><iframe src="{home}/frame"></iframe></foreignObject></svg>"""


class _Elsewhere(BaseHTTPRequestHandler):
    """A server that has a picture which calls home, and notes who calls."""

    def do_GET(self) -> None:
        if "Mozilla" in self.headers.get("User-Agent", ""):  # not the instance, which looks at what posts link to
            ELSEWHERE.add(urlsplit(self.path).path)
        home = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]  # it is an HTTPServer
        body = SVG.replace("{home}", home).encode()
        self.send_response(200)
        self.send_header("Content-Type", "image/svg+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The other server's address."""
    with listening(_Elsewhere) as port:
        yield f"http://127.0.0.1:{port}"


def scripts(home: str) -> str:
    """Markup that would run where it is not escaped, in an element, an attribute, a script or a style."""
    return (
        f'\'"><img src=\'{home}/img\' onerror="window.ran=1"><svg onload="window.ran=1"><script>window.ran=1</script>'
        f"<style>@import '{home}/css'</style><a href=\"javascript:window.ran=1\">x</a>{{{{ 7*7 }}}}{{% x %}}"
    )


MARKUP = """<p style='position:fixed;inset:0' onclick='window.ran=1' class='card' id='main'>x</p>
<a href='{home}/link' ping='{home}/ping' target=x>x</a><img src='{home}/pixel'><iframe src='{home}/frame'></iframe>
<form action='{home}/form'><input name=password><button>Log in</button></form><base href='{home}/'>
<meta http-equiv=refresh content='0;url={home}/refresh'><link rel=stylesheet href='{home}/css'>"""
SHORT = "<script>ran=1</script>\"'><img src=x onerror=ran=1>"
TURNED = "\u202egnp.tnemyap\u202c \u2067\u2066abc\u2069"
UNSEEN = "\u200b\u200d\u2060\ufeff\u3164"
LONG = "W" * 10_000
ZALGO = "Z" + "\u0301\u0323" * 300
MATHS = [
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.ran=1&gt;">',
    "<math><mi xlink:href='javascript:window.ran=1' href='javascript:window.ran=1' onclick='window.ran=1'>press</mi></math>",
    "<math><annotation-xml encoding='text/html'><script>window.ran=1</script></annotation-xml></math>",
    "<math><maction actiontype='statusline#x'><mi>a</mi></maction><mspace width='99999px'/><mi>x",
    "<math><mpadded width='0' voffset='-500px' lspace='-500px'>over</mpadded></math>",
    "<math display='block'><mrow>" + "<msup><mi>x</mi>" * 30 + "</mrow></math>",
    "<math><mtable>" + "<mtr>" + "<mtd>wide</mtd>" * 200 + "</mtr></mtable></math>",
]


@dataclass
class Told:
    """What the browser noted."""

    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def hear(self, kind: str, text: str) -> None:
        """A line of the console; an answer that there is no such page is none to complain of."""
        if kind == "error" and "404" not in text:
            self.complaints.append(text)


def _fill(site: Site, home: str) -> list[str]:
    """Write everything; the paths of the posts come back."""
    bad = scripts(home)
    paths: list[str] = []

    def write(tx: Tx) -> None:
        ada, ben = (actors.by_name(tx, name, site.config.handle_domain) for name in ("ada", "ben"))
        assert ada is not None
        assert ben is not None
        fields = [{"name": SHORT, "value": bad[:255]}, {"name": LONG[:255], "value": LONG[:255]}]
        profiles.update_profile(tx, site, ada, name=f"{TURNED}{SHORT}"[:100], summary=bad, fields=fields)
        profiles.update_profile(tx, site, ben, name=UNSEEN, summary="> " * 100 + "deep\n\n" + LONG[:1500])
        ben = actors.by_id(tx, ben.id) or ben
        rules = [bad, LONG[:1000]]
        group = groups.create(
            tx, site, name="bad", title=f"{TURNED}{SHORT}"[:100], owner=ada, description=bad, rules=rules
        )
        groups.create(tx, site, name="long", title=LONG[:100], owner=ben, description=LONG[:2000])
        follows.follow(tx, site, ben, group)
        zoe = _stranger(tx, site, home, "zoe", bad)
        eve = _stranger(tx, site, home, "e\u202evil", UNSEEN)
        club = replace(
            zoe,
            id=site.new_id(),
            iri="https://south.example/c",
            url="https://south.example/c",
            kind="Group",
            username="club",
        )
        actors.insert(tx, club)
        follows.follow(tx, site, zoe, ada)
        for person in (zoe, eve):
            follows.follow(tx, site, ada, person)
        # Written here, by a member.
        typed = [
            posts.Draft(f"@bad {bad}", title=f"{TURNED}{SHORT}", summary=SHORT, question=True),
            posts.Draft(f"@bad {LONG[:4900]}", title=LONG[:200]),
            posts.Draft("@bad " + "> " * 100 + "deep"),
            posts.Draft(
                "@bad $\\text{<script>window.ran=1</script>}$ $\\href{javascript:ran=1}{x}$ $$" + "x+" * 400 + "x$$"
            ),
            posts.Draft(f"@bad ```\n{LONG[:4000]}\n```", title=UNSEEN),
            posts.Draft(f"{ZALGO} @ada {TURNED}"),
            posts.Draft("Which?", poll=PollDraft((SHORT, LONG[:100]))),
        ]
        made = [posts.publish(tx, site, ben, draft) for draft in typed]
        posts.publish(tx, site, ada, posts.Draft(f"@ben {bad}", reply_to_id=made[0].id))
        # Come from afar.
        content = [
            bad + MARKUP.replace("{home}", home),
            f"<p>{LONG}</p><pre>{LONG}</pre><code>{LONG}</code>",
            "<blockquote>" * 100 + "deep" + "</blockquote>" * 100,
            "<ul><li>" * 45 + "deep",
            "".join(f"<p>{one}</p>" for one in MATHS[:3]),
            MATHS[3],
            "".join(f"<p>{one}</p>" for one in MATHS[4:]),
        ]
        attachments = [
            {"url": f"{home}/evil.svg", "media_type": "image/svg+xml", "description": SHORT, "kind": "image"},
            {"url": "javascript:window.ran=1", "media_type": "image/png", "description": "x"},
            {"url": "data:text/html,<script>ran=1</script>", "media_type": "text/html", "description": LONG},
        ]
        first = made[0]
        for at, html in enumerate(content):
            post_id = site.new_id()
            values: dict[str, Any] = {"title": None, "summary": None}
            if at % 3 == 0:
                values = {"title": f"{TURNED}{SHORT}{LONG[:150]}", "summary": bad if at % 2 else None}
            author = zoe if at % 2 else eve
            answers = at % 4 == 1
            row = replace(
                first,
                id=post_id,
                iri=f"https://south.example/p/{post_id}",
                url="javascript:window.ran=1" if at % 2 else f"https://south.example/p/{post_id}",
                author_id=author.id,
                local=False,
                content=html,
                source=None,
                asks=None,
                link="javascript:window.ran=1" if at % 2 else f"https://south.example/{LONG[:500]}",
                attachments=attachments,
                reply_to_id=first.id if answers else None,
                reply_to_iri=first.iri if answers else None,
                reply_to_actor_id=first.author_id if answers else None,
                root_id=first.id if answers else post_id,
                **values,
            )
            post_rows.insert_post(tx, row, [ada.id], [])
            seen = Notification(site.new_id(), ada.id, "mention", author.id, post_id, site.clock())
            notifications.insert(tx, seen)
            paths.append(f"/@{quote(author.username)}@south.example/{post_id}")
        paths.extend(f"/people/ben/posts/{one.id}" for one in made)
        unsent.keep(
            tx, site, ada, unsent.Words(text=bad, title=f"{TURNED}{SHORT}", warning=bad, group_id=group.id), problem=bad
        )
        unsent.keep(tx, site, ada, unsent.Words(text=LONG))
        reports.report(tx, site, ben, zoe, [], bad[:900])
        reports.report(tx, site, ada, ben, [made[0]], LONG[:900])

    site.db.write_now(write)
    return paths


def _stranger(tx: Tx, site: Site, home: str, username: str, name: str) -> Actor:
    """A remote person, of a document with everything that can be bad in one."""
    iri = f"https://south.example/people/{quote(username)}"
    document = {
        "id": iri,
        "type": "Person",
        "preferredUsername": username,
        "inbox": f"{iri}/inbox",
        "name": name,
        "summary": f"{scripts(home)}<p>{LONG}</p>",
        "url": "javascript:window.ran=1",
        "icon": {"type": "Image", "url": f"{home}/evil.svg"},
        "attachment": [
            {"type": "PropertyValue", "name": SHORT, "value": scripts(home)},
            {"type": "PropertyValue", "name": LONG, "value": LONG},
        ],
    }
    read = read_actor(document)
    like = actors.by_iri(tx, site.instance_iri)
    assert like is not None
    made = replace(
        like,
        id=site.new_id(),
        iri=iri,
        url=iri,
        kind="Person",
        username=read.username,
        domain="south.example",
        host="south.example",
        local=False,
        name=read.name,
        summary=sanitise(read.summary),
        icon=read.icon,
        fields=read.fields,
        inbox=read.inbox,
        followers=f"{iri}/f",
    )
    actors.insert(tx, made)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, elsewhere: str) -> Iterator[Server]:
    """A university in which everything that is written is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    made = Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    made.init()
    made.person("ada", role="admin")
    made.person("ben")

    def fill() -> None:
        import asyncio

        async def run() -> None:
            site = open_site(load(made.config, {}))
            try:
                POSTS.extend(_fill(site, elsewhere))
            finally:
                await close_site(site)

        asyncio.run(run())

    apart(fill)
    made.start()
    yield made
    made.stop()


_PATTERNS = [
    (path, compile_path(path)[0])
    for path in [
        *("/people/{name}", "/groups/{name}", "/people/{name}/posts/{post_id:int}"),  # of `fedi.app`
        *(route.path for route in ROUTES if "GET" in (route.methods or ()) and "." not in route.path),
    ]
]


def _kind(path: str) -> str:
    """Which of our pages is at a path; empty where it is none of these."""
    return next((name for name, pattern in _PATTERNS if pattern.match(path)), "")


def _check(page: Page, server: Server, told: Told, address: str, allowed: set[str]) -> None:
    found: dict[str, Any] = page.evaluate(
        """() => ({
            ran: window.ran === undefined ? null : String(window.ran),
            over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            turned: /[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.title),
            names: [...document.querySelectorAll("main a[href], main button, nav a[href]")].map((one) => [
                (one.getAttribute("aria-label") || one.textContent) + [...one.querySelectorAll("img")].map((i) => i.alt).join(""),
                one.outerHTML.slice(0, 200), !!one.querySelector("img")]),
            forms: [...document.forms].map((one) => new URL(one.getAttribute('action') || '', location.href).href),
            odd: [...document.querySelectorAll("main iframe, main object, main embed, main base, main style, main svg script")].length,
            ids: document.querySelectorAll("#main").length,
        })"""
    )
    at = f"{address}: "
    assert found["ran"] is None, at + "something ran"
    assert found["over"] <= 0, f"{at}{found['over']} px stick out"
    assert not found["turned"], at + "the title turns its direction"
    unnamed = [html for name, html, pictured in found["names"] if not is_visible(name) and not pictured]
    assert unnamed == [], at + "a link or button that nobody sees"
    # A visitor's form leads to our own /interact, which leads them home; no form that somebody wrote is there.
    assert {urlsplit(one)[:2] for one in found["forms"]} <= {urlsplit(server.url)[:2]}, at + str(found["forms"])
    assert found["odd"] == 0, at + "markup of a stranger's"
    assert found["ids"] == 1, at + "an id of ours was taken"
    strange = [one for one in told.requests if not one.startswith(server.url + "/") and one not in allowed]
    assert strange == [], at + f"asked for {strange}"
    assert told.dialogs == []
    assert told.complaints == [], at + f"{told.complaints}"


def _browser(chromium: Browser, server: Server, name: str | None) -> tuple[Page, Told]:
    context = chromium.new_context(viewport=PHONE, service_workers="block")  # type: ignore[arg-type]  # a size
    context.set_default_timeout(15_000)
    page, told = context.new_page(), Told()
    if name is not None:
        page.goto(f"{server.url}/login?next=/home")
        page.fill("input[name=name]", name)
        page.fill("input[name=password]", f"{name}-password")
        page.click("main form button:not([type=button])")
        page.wait_for_url("**/home")
    page.on("request", lambda request: told.requests.append(request.url))
    page.on("dialog", lambda dialog: told.dialogs.append(dialog.message))
    page.on("console", lambda said: told.hear(said.type, said.text))
    page.on("pageerror", lambda problem: told.complaints.append(str(problem)))
    return page, told


@pytest.mark.parametrize("name", ["ada", None])
def test_no_page_breaks(chromium: Browser, server: Server, elsewhere: str, name: str | None) -> None:
    page, told = _browser(chromium, server, name)
    bad = quote(scripts(elsewhere)[:300])
    waiting = [
        "/",
        "/groups",
        "/groups/bad",
        "/groups/long",
        "/people/ben",
        "/people/ada",
        "/about",
        f"/tags/{bad[:90]}",
    ]
    if name is not None:
        waiting += [
            "/home",
            "/notifications",
            "/catch-up",
            "/drafts",
            "/compose",
            "/reports",
            "/settings",
            "/admin",
            "/offline",
        ]
        waiting += POSTS
        waiting += [f"/search?q={bad}", "/search?q=window", f"/search?q={LONG[:300]}"]
        waiting += [
            f"/compose?title={bad}&text={bad}&group={bad}",
            f"/compose?text={LONG[:3000]}",
            "/@zoe@south.example",
        ]
    seen: set[str] = set()
    kinds: dict[str, int] = defaultdict(int)
    allowed = {f"{elsewhere}/evil.svg"}
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        kinds[_kind(urlsplit(path).path)] += 1
        told.requests.clear()
        page.goto(server.url + path, wait_until="load")
        _check(page, server, told, path, allowed)
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map((one) => one.href)")
        assert not [one for one in links if one.lower().startswith(("javascript:", "data:", "vbscript:"))], path
        for link in links:
            parts = urlsplit(link)
            following = parts.path + (f"?{parts.query}" if parts.query else "")
            kind = _kind(parts.path)
            known = kinds[kind] + sum(_kind(urlsplit(one).path) == kind for one in waiting)
            if name and kind and link.startswith(server.url + "/") and following not in seen and known < EACH:
                waiting.append(following)
    page.context.close()
    assert {"/evil.svg"} >= ELSEWHERE
    assert len(seen) > (50 if name is not None else 6)
    if name is not None:
        wanted = {
            "/home",
            "/groups/{name}/members",
            "/groups/{name}/about",
            "/@{handle}",
            "/@{handle}/{post_id:int}",
            "/drafts",
        }
        assert wanted <= set(kinds)


def test_what_is_written_is_shown_as_written(chromium: Browser, server: Server, elsewhere: str) -> None:
    """By a preview, and then as a post: the text is there, all of it, as text."""
    page, told = _browser(chromium, server, "ada")
    bad = scripts(elsewhere)
    page.goto(f"{server.url}/compose")
    page.fill("#title", bad[:150])
    page.fill("#text", f"{bad}\n\n> {bad}\n\n- {bad}\n- `{bad}`\n\n$\\text{{{bad}}}$")
    page.locator("button[value=preview]:not(.hidden)").click()
    page.wait_for_selector("#look")
    _check(page, server, told, "preview", set())
    assert page.locator("section.card .text").inner_text().count("<script>window.ran=1</script>") >= 4
    page.locator("button[value=publish]").click()
    page.wait_for_url(re.compile("/people/ada/posts/"))
    _check(page, server, told, "post", set())
    assert page.locator("article.whole .text").inner_text().count("<script>window.ran=1</script>") >= 4
    page.context.close()
