"""Everything that an instance is asked often, once: what clients, peers and pages read, what they write, what workers do."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from federation.client import Client
from federation.hosts import Networks
from federation.signatures.keys import KeyPair, generate_rsa, load_private
from federation.signatures.sign import sign_post
from fedi import mastodon
from fedi.actions import digests, volumes
from fedi.actions.people import ensure_instance_actor
from fedi.app import Fedi, build
from fedi.callers import SCOPES
from fedi.config import Config
from fedi.context import Site
from fedi.worker import loop, schedule
from storage import actors, apps, keys, mails, people
from storage.apps import App, Token, hashed
from storage.database import Database
from storage.metadata import Tx
from tests.bench.crowd import Crowd
from tests.conftest import Clock, Offline
from tests.world import call

ORIGIN = "https://alpha.example"
NOW = 1_790_000_000_000
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_PAIR: list[KeyPair] = []


def pair() -> KeyPair:
    """One key pair for everybody."""
    if not _PAIR:
        _PAIR.append(generate_rsa())
    return _PAIR[0]


@dataclass(slots=True)
class Paths:
    """The instance that `crowd` fills, and how it is asked. What answers with an error of ours is in `failed`."""

    crowd: Crowd
    site: Site
    app: Fedi
    clock: Clock
    pem: str
    failed: list[str]
    asked: int = 0

    async def send(self, path: str, who: int, body: Any) -> bytes:
        """What a POST of JSON is answered, of an account."""
        headers = {"accept": "*/*", "authorization": f"Bearer token{who}", "content-type": "application/json"}
        answer = await call(self.app, "POST", ORIGIN + path, headers, msgspec.json.encode(body))
        if answer.status >= 400:
            self.failed.append(f"{answer.status} POST {path} {answer.body[:200]!r}")
        return answer.body

    async def ask(self, method: str, path: str, who: int | None = None, accept: str = "*/*", **form: str) -> bytes:
        """What this request is answered, of an account or of nobody."""
        headers = {"accept": accept}
        if who is not None:
            headers["authorization"] = f"Bearer token{who}"
        body = urlencode(form).encode()
        if form:
            headers["content-type"] = "application/x-www-form-urlencoded"
        answer = await call(self.app, method, ORIGIN + path, headers, body, f"192.0.2.{self.asked % 250}")
        self.asked += 1
        if answer.status >= 400 and answer.status not in (401, 403, 404, 410, 422):
            self.failed.append(f"{answer.status} {method} {path} {answer.body[:200]!r}")
        return answer.body

    async def tell(self, actor: int, type: str, object: Any, **more: Any) -> None:
        """An activity of a remote account comes to the shared inbox, signed."""
        self.asked += 1
        iri = self.crowd.iri(actor)
        made = {"@context": "https://www.w3.org/ns/activitystreams", "id": f"{iri}#new{self.asked}", "type": type}
        made |= {"actor": iri, "object": object, "to": [PUBLIC], "cc": [f"{iri}/followers"]} | more
        body = msgspec.json.encode(made)
        signer = load_private(self.pem, f"{iri}#main-key")
        headers = {
            name.lower(): value for name, value in sign_post(signer, f"{ORIGIN}/inbox", body, self.clock()).items()
        }
        headers.setdefault("content-type", "application/activity+json")
        answer = await call(self.app, "POST", f"{ORIGIN}/inbox", headers, body)
        if answer.status >= 300:
            self.failed.append(f"{answer.status} {type} {answer.body[:200]!r}")

    def note(self, actor: int, **more: Any) -> dict[str, Any]:
        """A new Note of a remote account."""
        iri = self.crowd.iri(actor)
        made = {
            "id": f"{iri}/posts/new{self.asked}",
            "type": "Note",
            "attributedTo": iri,
            "content": "<p>it is new</p>",
        }
        return made | {"to": [PUBLIC], "cc": [f"{iri}/followers"], "published": "2026-09-21T12:00:00Z"} | more


def opened(url: str, crowd: Crowd, folder: Path) -> Paths:
    """The instance on a database that `crowd` filled; close `site.db` at the end."""
    clock = Clock(crowd.now)
    config = Config(url=ORIGIN, name="Alpha University", database=url, data=folder / "data")
    site = Site(config=config, db=Database(url), client=Client(Offline(), Networks(), "tests", clock), clock=clock)
    site.db.write_now(lambda tx: _prepare(tx, site, crowd))
    key = site.db.read_now(lambda tx: keys.by_id(tx, f"{crowd.iri(crowd.star)}#main-key"))
    assert key is not None
    assert key.private is not None
    return Paths(crowd, site, build(config, site=site, worker=False), clock, key.private, [])


def _prepare(tx: Tx, site: Site, crowd: Crowd) -> None:
    ensure_instance_actor(tx, site)
    scopes = " ".join(SCOPES)
    tx.execute(apps.apps.delete().where(apps.apps.c.client_id == "client"))  # it was opened before
    app = App(site.new_id(), "client", hashed("secret"), "Tests", None, ["urn:ietf:wg:oauth:2.0:oob"], scopes, NOW)
    apps.insert_app(tx, app)
    for who in (crowd.star, crowd.reader, 5):
        made = Token(site.new_id(), hashed(f"token{who}"), app.id, crowd.actor_id(who), scopes, NOW, None, None)
        apps.insert_token(tx, made)


Path_ = tuple[str, Callable[[Paths], Awaitable[Any]]]


def everything(crowd: Crowd) -> Iterator[Path_]:
    """(name, what to do) of every path; reading first, so that it reads what was filled in."""
    yield from reading(crowd)
    yield from pages(crowd)
    yield from receiving(crowd)
    yield from writing(crowd)
    yield from working()


def _get(path: str, who: int | None = None, accept: str = "*/*") -> Path_:
    return f"GET {path}", lambda paths: paths.ask("GET", path, who, accept)


def _post(name: str, path: str, who: int, form: Mapping[str, str] | None = None) -> Path_:
    return name, lambda paths: paths.ask("POST", path, who, **(form or {}))


def reading(crowd: Crowd) -> Iterator[Path_]:
    """Every GET of the client API, the lists of them also from the middle on."""
    middle, old = crowd.posts // 2, crowd.post_id(crowd.posts // 3)
    thread = next(number for number in range(middle, 0, -1) if crowd.root[number] != number)
    remote = 1
    group = crowd.accounts
    ids = {
        "accounts": crowd.actor_id(crowd.star), "statuses": crowd.post_id(thread), "groups": crowd.actor_id(group),
        "lists": crowd.actor_id(crowd.reader) + 1, "list": crowd.actor_id(crowd.reader) + 1, "tag": "tag0",
        "tags": "tag0", "group": crowd.actor_id(group), "polls": crowd.post_id(middle),
        "notifications": crowd.id_of(0, crowd.notified, 9),
    }  # fmt: skip
    for route in mastodon.ROUTES:
        if "GET" in (route.methods or ()) and not route.path.startswith(("/api/v1/streaming", "/oauth", "/api/oembed")):
            parts = route.path.split("/")
            kind = next((part for part in reversed(parts) if part in ids), "statuses")
            path = re.sub(r"\{\w+\}", str(ids[kind]), route.path)
            yield _get(path, 5 if "/admin/" in path else crowd.reader)
    for more in ("", f"&max_id={old}", f"&min_id={old}", f"&since_id={old}"):
        for timeline in (
            "home", f"list/{ids['list']}", "public", "public?local=true", "public?remote=true", "public?only_media=true",
            "tag/tag0", "tag/tag1999", f"group/{ids['group']}", "link?url=https://news.example/10",
        ):  # fmt: skip
            mark = "&" if "?" in timeline else "?"
            yield _get(f"/api/v1/timelines/{timeline}{mark}limit=20{more}", crowd.reader)
        for who in (crowd.star, remote, group):
            account = crowd.actor_id(who)
            for of in ("", "&exclude_replies=true", "&exclude_reblogs=true", "&only_media=true", "&pinned=true"):
                yield _get(f"/api/v1/accounts/{account}/statuses?limit=20{of}{more}", crowd.reader)
            for lists in ("followers", "following"):
                yield _get(f"/api/v1/accounts/{account}/{lists}?limit=40{more}", crowd.reader)
        for lists in (
            "notifications",
            "conversations",
            "favourites",
            "bookmarks",
            "mutes",
            "blocks",
            "follow_requests",
        ):
            yield _get(f"/api/v1/{lists}?limit=20{more}", crowd.star)
        yield _get(f"/api/v2/notifications?limit=20{more}", crowd.star)
        yield _get(f"/api/v1/notifications?types[]=mention&limit=20{more}", crowd.star)
        yield _get(f"/api/v1/notifications?types[]=poll&limit=20{more}", crowd.star)
    yield _get("/api/v1/timelines/public?limit=20")
    yield _get("/api/v1/timelines/home?limit=20", crowd.star)
    word = crowd.said(middle)
    for asked in (
        word[0], f"{word[0]} {word[1]}", word[-1], f"{word[0]} from:user1", f"{word[0]} has:image", f"{word[0]} -{word[1]}",
        f"{word[0]} before:2026-01-01", f"{word[0]} in:library", "from:me", "is:reply nothinglikeit",
        "from:h1", f"{word[0]} from:h1", "is:open", f"{word[0]} is:solved", f"{word[0]} by:user1", f"{word[0]} has:pdf",
    ):  # fmt: skip
        yield _get(f"/api/v2/search?type=statuses&{urlencode({'q': asked})}", crowd.reader)
    for asked in ("user1", "@user1@h1.example", "us", f"{word[0]}", "!group", "tag1"):
        yield _get(f"/api/v2/search?{urlencode({'q': asked})}", crowd.reader)
        yield _get(f"/api/v1/accounts/search?{urlencode({'q': asked})}", crowd.reader)
        yield _get(f"/api/v1/accounts/search?following=true&{urlencode({'q': asked})}", crowd.reader)
    yield _get(f"/api/fedi/v1/search/spelling?q={word[0]}x", crowd.reader)
    yield _get(f"/api/fedi/v1/groups/{crowd.actor_id(group)}/threads?sort=open", crowd.reader)
    yield _get(f"/api/fedi/v1/threads/{crowd.post_id(thread)}/question", crowd.reader)
    yield _get(f"/api/fedi/v1/groups/{crowd.actor_id(group)}/threads?sort=unanswered", crowd.reader)
    yield _get(f"/api/fedi/v1/posts/{crowd.post_id(thread)}/read", crowd.reader)
    library = f"/api/fedi/v1/groups/{crowd.actor_id(group)}/library"
    bib = "@article{a, title={A study}, author={Doe, Jane}, doi={10.1000/182}}"
    yield "POST library", lambda paths: paths.send(library, crowd.reader, {"text": bib, "note": "Read it"})
    yield _get(library, crowd.reader)
    yield _get(f"{library}?q={word[0]}", crowd.reader)
    yield _get("/api/fedi/v1/catch-up", crowd.reader)
    yield _get("/api/fedi/v1/drafts", crowd.reader)
    yield _get("/api/fedi/v1/suggestions", crowd.reader)
    yield _get("/api/fedi/v1/settings/forecast", crowd.reader)
    yield _get("/api/fedi/v1/feeds", crowd.reader)
    several = "&".join(f"id[]={crowd.actor_id(one)}" for one in range(20))
    yield _get(f"/api/v1/accounts/relationships?{several}", crowd.reader)
    yield _get(f"/api/v1/accounts/familiar_followers?{several}", crowd.reader)
    yield _get("/api/v1/markers?timeline[]=home&timeline[]=notifications", crowd.reader)
    yield _get("/api/v1/accounts/lookup?acct=user1@h0.example", crowd.reader)
    for what in (
        "origin=remote",
        "username=user1",
        "email=user",
        "status=suspended",
        "by_domain=h1.example",
        "display_name=ba",
    ):
        yield _get(f"/api/v2/admin/accounts?{what}", 5)
    yield _get("/api/v1/admin/reports?resolved=true", 5)


def pages(crowd: Crowd) -> Iterator[Path_]:
    """What browsers, peers and programs read."""
    post = next(number for number in range(crowd.posts) if crowd.is_local(crowd.author[number]))
    author, group = crowd.name(crowd.author[post]), crowd.name(crowd.accounts)
    document = "application/activity+json"
    for path in (
        "/", "/about", "/groups", f"/groups/{group}", f"/groups/{group}?sort=top", f"/groups/{group}?sort=new",
        f"/people/{author}", f"/people/{author}/posts/{crowd.post_id(post)}", "/tags/tag0", "/search?q=user1", "/metrics",
        f"/groups/{group}/feed.atom", f"/threads/{crowd.post_id(post)}/feed.atom", "/nodeinfo/2.1", f"/.well-known/webfinger?resource=acct:{author}@{crowd.domain}", "/robots.txt",
    ):  # fmt: skip
        yield _get(path)
    for path in (
        f"/people/{author}", f"/groups/{group}", f"/people/{author}/posts/{crowd.post_id(post)}", "/actor",
        *(f"/people/{author}/{name}" for name in ("outbox", "outbox?page=1", "followers", "followers?page=1", "following",
        "following?page=1", "featured")), *(f"/groups/{group}/{name}" for name in ("outbox", "outbox?page=1", "followers",
        "followers?page=1", "moderators")), f"/people/{author}/posts/{crowd.post_id(post)}/context",
        *(f"/people/{author}/posts/{crowd.post_id(post)}/{name}" for name in ("replies", "likes", "shares")),
        f"/groups/{group}/threads/{crowd.post_id(post)}", f"/groups/{group}/threads/{crowd.post_id(post)}/history",
    ):  # fmt: skip
        yield _get(path, accept=document)


def receiving(crowd: Crowd) -> Iterator[Path_]:
    """What peers send, to the door and then worked out. The sender is popular and of another host."""
    sender = 1
    here = next(number for number in range(crowd.posts - 1, 0, -1) if crowd.is_local(crowd.author[number]))
    theirs = next(number for number in range(crowd.posts - 1, 0, -1) if not crowd.is_local(crowd.author[number]))
    star, group = crowd.iri(crowd.star), crowd.iri(crowd.accounts)
    answer = {"inReplyTo": crowd.post_iri(here), "tag": [{"type": "Mention", "href": star, "name": "@user0"}]}

    async def create(paths: Paths) -> None:
        await paths.tell(sender, "Create", paths.note(sender))
        await paths.tell(sender, "Create", paths.note(sender, **answer))
        await paths.tell(sender, "Create", paths.note(sender, audience=group, cc=[group, f"{group}/followers"]))

    yield "inbox Create", create
    yield "inbox Like", lambda paths: paths.tell(sender, "Like", crowd.post_iri(here))
    yield "inbox Announce", lambda paths: paths.tell(sender, "Announce", crowd.post_iri(theirs))
    yield "inbox Follow", lambda paths: paths.tell(sender, "Follow", crowd.iri(crowd.reader))
    yield "inbox Join", lambda paths: paths.tell(sender, "Follow", crowd.iri(crowd.accounts + 4))
    yield "inbox Block", lambda paths: paths.tell(sender, "Block", crowd.iri(10))
    yield "process what came", work
    own = next(number for number in range(crowd.posts) if crowd.author[number] == sender)

    async def change(paths: Paths) -> None:
        note = paths.note(sender) | {"id": crowd.post_iri(own), "content": "<p>changed</p>"}
        await paths.tell(sender, "Update", note)
        undone = {
            "id": f"{crowd.iri(sender)}#u",
            "type": "Follow",
            "actor": crowd.iri(sender),
            "object": crowd.iri(crowd.reader),
        }
        await paths.tell(sender, "Undo", undone)
        await paths.tell(sender, "Delete", crowd.post_iri(own))

    yield "inbox Update, Undo, Delete", change
    yield "process what changed", work


def writing(crowd: Crowd) -> Iterator[Path_]:
    """What people do in their clients."""
    who = crowd.star
    there = crowd.post_id(next(number for number in range(crowd.posts - 1, 0, -1) if crowd.shown[number] == "public"))
    group = f"{crowd.name(crowd.accounts)}"
    for name, form in (
        ("post", {"status": "hello #tag1"}), ("answer", {"status": "yes", "in_reply_to_id": str(there)}),
        ("direct", {"status": "@user5 hello", "visibility": "direct"}), ("to a group", {"status": f"@{group} hello"}),
        ("private", {"status": "hush", "visibility": "private"}), ("with a page", {"status": "https://news.example/10"}),
        ("poll", {"status": "which?", "poll[options][]": "one", "poll[expires_in]": "3600"}),
    ):  # fmt: skip
        yield _post(f"POST {name}", "/api/v1/statuses", who, form)
    for deed in ("favourite", "unfavourite", "reblog", "unreblog", "bookmark", "unbookmark", "mute", "unmute"):
        yield _post(f"POST {deed}", f"/api/v1/statuses/{there}/{deed}", who)
    for deed in ("follow", "unfollow", "mute", "unmute", "block", "unblock", "remove_from_followers"):
        path = f"/api/v1/accounts/{crowd.actor_id(crowd.accounts // 2)}/{deed}"
        yield _post(f"POST {deed}", path, crowd.reader)
    yield "POST markers", lambda paths: paths.ask("POST", "/api/v1/markers", who, **{"home[last_read_id]": str(there)})
    yield "POST clear", lambda paths: paths.ask("POST", "/api/v1/notifications/clear", 10)
    mine = crowd.post_id(next(number for number in range(crowd.posts) if crowd.author[number] == who))
    yield "DELETE", lambda paths: paths.ask("DELETE", f"/api/v1/statuses/{mine}", who)


async def work(paths: Paths) -> None:
    """What workers do, until there is nothing more."""
    for _ in range(40):
        if not await loop.step(paths.site):
            return


async def digest(paths: Paths) -> None:
    """What a digest takes of somebody who is in groups."""

    def unit(tx: Tx) -> None:
        reader = paths.crowd.actor_id(paths.crowd.reader)
        me = actors.by_id(tx, reader)
        digests.choose(tx, paths.site, reader, digest={"every": "week", "hour": 1, "weekday": 0}, mail_mentions=True)
        digests.pass_on(tx, paths.site, paths.clock())
        person = people.by_id(tx, reader)
        assert me is not None
        assert person is not None
        assert volumes.of(tx, reader)
        digests.collect(tx, paths.site, me, person)
        mails.totals(tx, 0)
        mails.in_state(tx, "failed", 0, 1)
        mails.last_of(tx, reader, 5)

    await paths.site.db.write(unit)


def working() -> Iterator[Path_]:
    """What workers do by themselves."""
    yield "work", work
    yield "a digest", digest
    yield "timed work", lambda paths: schedule.run_due(paths.site)
