"""Answers kept as bytes: everything that changes a timeline is in the very next answer, whoever changed it; nothing is kept
for others or for long; ETag and 304, gzip for who asks, and counting go on as without it."""

import asyncio
import gzip
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fedi.actions import people, reactions
from fedi.app import build
from fedi.compression import packed
from fedi.mastodon import kept, limits, sending
from fedi.mastodon.answers import Json
from fedi.mastodon.kept import Kept
from fedi.mastodon.sending import Whole
from storage import apps, peers, posts, timelines
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.posts import Post
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api
from tests.storage import rows

HOME = "/api/v1/timelines/home?limit=20"

Change = Callable[[Api, Actor, Actor, Post, str], Awaitable[Any]]


async def _write(api: Api, unit: Callable[[Tx], Any]) -> None:
    await api.site.db.write(unit)


async def _by_another_process(api: Api, ada: Actor, ben: Actor, post: Post, token: str) -> None:
    """The post is deleted by a program of its own, whose words nobody here hears."""
    program = (
        "import sys; from storage.database import Database; from storage import posts\n"
        "db = Database(sys.argv[1]); db.write_now(lambda tx: posts.change(tx, int(sys.argv[2]), deleted_at=1)); db.close()"
    )
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, api.site.db.url, str(post.id))
    assert await done.wait() == 0


CHANGES: dict[str, Change] = {
    "a post": lambda api, ada, ben, post, token: api.publish(ben, "another"),
    "a post of one's own": lambda api, ada, ben, post, token: api.publish(ada, "mine"),
    "a boost": lambda api, ada, ben, post, token: _write(api, lambda tx: reactions.boost(tx, api.site, ben, post)),
    "deleted": lambda api, ada, ben, post, token: _as(api, ben, "DELETE", f"statuses/{post.id}"),
    "edited": lambda api, ada, ben, post, token: _as(api, ben, "PUT", f"statuses/{post.id}", {"status": "otherwise"}),
    "favourite by me": lambda api, ada, ben, post, token: api.post(f"/api/v1/statuses/{post.id}/favourite", token),
    "favourite by another": lambda api, ada, ben, post, token: _as(api, ben, "POST", f"statuses/{post.id}/favourite"),
    "bookmarked": lambda api, ada, ben, post, token: api.post(f"/api/v1/statuses/{post.id}/bookmark", token),
    "boosted by me": lambda api, ada, ben, post, token: api.post(f"/api/v1/statuses/{post.id}/reblog", token),
    "thread muted": lambda api, ada, ben, post, token: api.post(f"/api/v1/statuses/{post.id}/mute", token),
    "blocked by me": lambda api, ada, ben, post, token: api.post(f"/api/v1/accounts/{ben.id}/block", token),
    "blocked by the author": lambda api, ada, ben, post, token: _as(api, ben, "POST", f"accounts/{ada.id}/block"),
    "muted": lambda api, ada, ben, post, token: api.post(f"/api/v1/accounts/{ben.id}/mute", token),
    "unfollowed": lambda api, ada, ben, post, token: api.post(f"/api/v1/accounts/{ben.id}/unfollow", token),
    "a filter": lambda api, ada, ben, post, token: api.post(
        "/api/v2/filters",
        token,
        json={"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "words"}]},
    ),
    "author suspended": lambda api, ada, ben, post, token: _write(api, lambda tx: people.suspend(tx, api.site, ben)),
    "name of the author": lambda api, ada, ben, post, token: _as(
        api, ben, "PATCH", "accounts/update_credentials", {"display_name": "Benedict"}
    ),
    "by another process": _by_another_process,
}


async def _as(api: Api, who: Actor, method: str, path: str, form: dict[str, Any] | None = None) -> None:
    answer = await api.ask(method, f"/api/v1/{path}", await api.token(who), form=form)
    assert answer.status == 200, answer.body


async def _fresh(api: Api, token: str, path: str = HOME) -> Answer:
    """What an application answers that keeps nothing yet."""
    return await replace(api, app=build(api.site.config, site=api.site, worker=False)).get(path, token)


async def _version(api: Api) -> object:
    """The version of the database, once there is a connection to ask it by (PostgreSQL)."""
    for _ in range(1_000):
        version = await api.site.db.version()
        if version is not None:
            return version
        await asyncio.sleep(0.02)
    raise AssertionError("the version is never known")


@pytest.fixture
async def post(api: Api, ada: Actor, ben: Actor) -> Post:
    """A post of ben's, whom ada follows, in a database whose version is known."""
    await _version(api)
    await api.follow(ada, ben)
    return await api.publish(ben, "some words")


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_in_the_very_next_answer(name: str, api: Api, ada: Actor, ben: Actor, post: Post) -> None:
    token = await api.token(ada)
    before = await api.get(HOME, token)
    assert (await api.get(HOME, token)).body == before.body
    await CHANGES[name](api, ada, ben, post, token)
    after = await api.get(HOME, token)
    assert after.status == 200
    assert after.body != before.body
    assert after.headers["etag"] != before.headers["etag"]
    assert after.body == (await _fresh(api, token)).body
    # Who had the old one is given the new one.
    assert (await api.get(HOME, token, if_none_match=before.headers["etag"])).status == 200


async def test_a_token_that_is_revoked_opens_nothing_from_then_on(api: Api, ada: Actor, post: Post) -> None:
    token = await api.token(ada)
    assert [(await api.get(HOME, token)).status for _ in range(2)] == [200, 200]
    await api.site.db.write(lambda tx: apps.revoke(tx, api.site.clock(), token_hash=apps.hashed(token)))
    assert (await api.get(HOME, token)).status == 401


async def test_who_is_suspended_reads_nothing_from_then_on(api: Api, ada: Actor, post: Post) -> None:
    token = await api.token(ada)
    assert [(await api.get(HOME, token)).status for _ in range(2)] == [200, 200]
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    assert (await api.get(HOME, token)).status in (401, 403)


async def test_each_token_path_and_query_is_answered_by_itself(api: Api, ada: Actor, ben: Actor, post: Post) -> None:
    await api.publish(ben, "two")
    mine, others = await api.token(ada), await api.token(await api.person("chi"))
    assert [len((await api.get(HOME, one)).json) for one in (mine, others, mine, others)] == [2, 0, 2, 0]
    assert (await api.get(HOME)).status == 401
    assert len((await api.get("/api/v1/timelines/home?limit=1", mine)).json) == 1
    assert len((await api.get(HOME, mine)).json) == 2
    scoped = await api.token(ada, "write")
    assert (await api.get(HOME, scoped)).status == 403


async def test_what_time_changes_is_not_kept_longer_than_a_second(
    api: Api, ada: Actor, ben: Actor, post: Post, clock: Clock
) -> None:
    token = await api.token(ada)
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token, form={"duration": "60"})
    assert (await api.get(HOME, token)).json == []
    clock.pass_(seconds=61)
    assert len((await api.get(HOME, token)).json) == 1


async def test_a_clock_set_back_ends_what_was_kept(api: Api, ada: Actor, post: Post, clock: Clock) -> None:
    keeps, scope = Kept(), _scope()
    moment = kept.Moment(await _version(api), clock.at + 5_000)
    keeps.keep(scope, moment, None, _whole(b"[]"))
    assert await keeps.find(scope, api.site) == (None, None)


def _scope(path: str = "/x", **headers: str) -> dict[str, Any]:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": given}


def _whole(body: bytes) -> Whole:
    return Whole(Json(msgspec.Raw(body)), tagged=True, compressed=True)


async def test_kept_answers_are_read_from_memory(
    api: Api, ada: Actor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless something was committed meanwhile: on PostgreSQL also in another database of the server."""
    token = await api.token(ada)
    asked = []
    read = Database.read_quickly

    async def counted(self: Database, unit: Any) -> Any:
        asked.append(unit)
        return await read(self, unit)

    monkeypatch.setattr(Database, "read_quickly", counted)
    first = again = await api.get(HOME, token)
    for _ in range(1 if api.site.db.kind == "sqlite" else 100):
        once = len(asked)
        again = await api.get(HOME, token)
        assert again.body == first.body
        if len(asked) == once:
            break
    else:
        raise AssertionError("nothing is kept")
    differing = {"x-request-id", "x-ratelimit-remaining"}
    assert {k: v for k, v in again.headers.items() if k not in differing} == {
        k: v for k, v in first.headers.items() if k not in differing
    }
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (await api.get(HOME, token, x_request_id="given-by-proxy")).headers["x-request-id"] == "given-by-proxy"


async def test_what_is_kept_is_bounded(api: Api) -> None:
    keeps, moment = Kept(), kept.Moment(object(), 0)
    for number in range(3_000):
        keeps.keep(_scope(f"/{number}"), moment, None, _whole(b"[1]"))
    assert keeps._entries.figures().entries <= 2_000
    for number in range(200):
        keeps.keep(_scope(f"/{number}"), moment, None, _whole(b"[" + b"1" * 100_000 + b"]"))
    assert keeps._entries.figures().bytes <= 4 << 20


async def test_every_request_counts_and_who_asked_too_often_is_refused(
    api: Api, ada: Actor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "READING", limits.Allowance(5, 300))
    token = await api.token(ada)
    answers = [await api.get(HOME, token) for _ in range(7)]
    assert [one.status for one in answers] == [200] * 5 + [429] * 2
    assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["4", "3", "2", "1", "0", "0", "0"]
    assert answers[6].headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", [HOME, "/api/v1/timelines/public?limit=20"])
async def test_who_has_it_already_gets_304(path: str, api: Api, ada: Actor, ben: Actor, post: Post) -> None:
    token = await api.token(ada)
    tag = (await api.get(path, token)).headers["etag"]
    for kept_already in (True, False):
        asks = api if kept_already else replace(api, app=build(api.site.config, site=api.site, worker=False))
        for said in (tag, f'"x", {tag}', "*"):
            again = await asks.get(path, token, if_none_match=said)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == "private, no-store"
            assert "content-length" not in again.headers
            assert again.headers["access-control-allow-origin"] == "*"
        assert (await asks.get(path, token, if_none_match='W/"else"')).status == 200
    assert (await api.get(path, token)).status == 200  # 304 is of one request


async def test_gzip_only_for_who_takes_it_from_the_same_entry(
    api: Api, ada: Actor, ben: Actor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[bytes] = []

    def counted(body: bytes) -> bytes:
        done.append(body)
        return packed(body)

    monkeypatch.setattr(sending, "packed", counted)
    await api.publish(ben, "long " * 300)
    token = await api.token(ada)
    plain = [await api.get(HOME, token) for _ in range(2)]
    small = [await api.get(HOME, token, accept_encoding="gzip") for _ in range(3)]
    plain.append(await api.get(HOME, token))
    for one in small:
        assert one.headers["content-encoding"] == "gzip"
        assert one.headers["content-length"] == str(len(one.body))
        assert gzip.decompress(one.body) == plain[0].body
    for one in plain:
        assert "content-encoding" not in one.headers
        assert one.body == plain[0].body
    for one in (*plain, *small):
        assert "accept-encoding" in one.headers["vary"].lower()
        assert "authorization" in one.headers["vary"].lower()
    if api.site.db.kind == "sqlite":
        assert len(done) == 1
    nobody = await api.token(await api.person("chi"))
    assert "content-encoding" not in (await api.get(HOME, nobody, accept_encoding="gzip")).headers  # `[]`


async def test_what_is_read_while_something_is_committed_is_not_taken_for_new(
    api: Api, ada: Actor, ben: Actor, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit between the reading and the answer: the version of the answer is the one before the reading."""
    token = await api.token(ada)
    read, held = Database.read_quickly, True

    async def late(self: Database, unit: Any) -> Any:
        nonlocal held
        found = await read(self, unit)
        if held:
            held = False
            await api.publish(ben, "in between")
        return found

    monkeypatch.setattr(Database, "read_quickly", late)
    old = await api.get(HOME, token)
    assert len(old.json) == 1
    assert len((await api.get(HOME, token)).json) == 2


async def test_other_methods_go_their_way(api: Api, ada: Actor, post: Post) -> None:
    token = await api.token(ada)
    first = await api.get(HOME, token)
    head = await api.ask("HEAD", HOME, token)
    assert (head.status, head.headers["etag"]) == (200, first.headers["etag"])
    assert (await api.post(HOME, token)).status == 405
    assert (await api.ask("OPTIONS", HOME, token)).headers["access-control-max-age"]


async def test_a_host_that_is_blocked_is_gone_at_once(api: Api, ada: Actor, post: Post) -> None:
    token = await api.token(ada)

    def far(tx: Tx) -> None:
        author = rows.actor(tx, "far", "far.example")
        written = replace(post, id=api.site.new_id(), iri="https://far.example/1", author_id=author.id, local=False)
        posts.insert_post(tx, written, [], [])
        timelines.insert(tx, timelines.Entry(author.id, written.id, written.id, boost=False, reply_to_actor_id=None))
        rows.follow(tx, ada, author)
        peers.meet(tx, "far.example", 0)

    await api.site.db.write(far)
    assert [len((await api.get(HOME, token)).json) for _ in range(2)] == [2, 2]
    await api.site.db.write(lambda tx: peers.change(tx, "far.example", stance="blocked"))
    assert len((await api.get(HOME, token)).json) == 1
