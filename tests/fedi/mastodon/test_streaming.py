"""The WebSocket of the client API, without a network: who may listen to what, and what they are told."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from fedi.actions import blocks, lists, moderation, mutes, people, posts, reactions
from fedi.actions.posts import Draft
from fedi.mastodon.streaming import audience, payloads
from fedi.mastodon.streaming import hub as hubs
from fedi.mastodon.streaming.listener import WAITING
from fedi.mastodon.streaming.streams import NAMES
from storage import apps, hashtags
from storage import people as people_rows
from storage import posts as post_rows
from storage.actors import Actor
from storage.database import Database
from storage.posts import Post
from tests.conftest import KINDS, Databases
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.sockets import Socket, hub, socket

BOTH = pytest.mark.parametrize("database_url", KINDS, indirect=True)
"""For tests of what asks the database much."""


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """SQLite alone, where a test does not say otherwise."""
    url = databases.new(request.param)
    yield url
    databases.drop(url)


async def listen(api: Api, who: Actor, stream: str = "user", scopes: str = "read", **more: str) -> Socket:
    """A connection of this person that listens to a stream."""
    opened = await socket(api.app, await api.token(who, scopes), stream=stream, **more).open()
    assert opened.status == 101
    async with asyncio.timeout(5):
        while not hub(api.app)._streams[stream]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return opened


async def edit(api: Api, post: Post, text: str) -> None:
    """The author says something else."""
    await api.site.db.write(lambda tx: posts.edit(tx, api.site, post, Draft(text)))


async def delete(api: Api, post: Post, by: Actor) -> None:
    """The post is deleted."""
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, post, by))


async def boost(api: Api, who: Actor, post: Post) -> int:
    """The id of a boost."""
    return (await api.site.db.write(lambda tx: reactions.boost(tx, api.site, who, post))).id


# --- who may listen


async def test_the_token_comes_as_subprotocol_in_the_query_or_in_a_header(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    by_protocol = await socket(api.app, protocol=token).open()
    assert (by_protocol.status, by_protocol.subprotocol) == (101, token)  # browsers end the handshake without the echo
    assert (await socket(api.app, token).open()).status == 101
    assert (await socket(api.app, header=token).open()).status == 101
    # What is offered beside a token that comes elsewhere is echoed too.
    assert (await socket(api.app, token, protocol="mastodon").open()).subprotocol == "mastodon"


async def test_where_it_is_is_told_with_the_scheme_of_tls(api: Api) -> None:
    assert (await api.get("/api/v2/instance")).json["configuration"]["urls"]["streaming"] == "wss://alpha.example"
    assert (await api.get("/api/v1/instance")).json["urls"]["streaming_api"] == "wss://alpha.example"


@pytest.mark.parametrize("kind", ["none", "unknown", "revoked", "of an app", "suspended", "pending"])
async def test_without_a_good_token_there_is_no_upgrade(api: Api, ada: Actor, kind: str) -> None:
    token: str | None = await api.token(None if kind == "of an app" else ada)
    if kind == "none":
        token = None
    elif kind == "unknown":
        token = "x" * 40
    elif kind == "revoked":
        await api.site.db.write(lambda tx: apps.revoke(tx, api.site.clock(), person_id=ada.id))
    elif kind == "suspended":
        await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    elif kind == "pending":
        await api.site.db.write(lambda tx: people_rows.change(tx, ada.id, state="pending"))
    refused = await socket(api.app, token, stream="user").open()
    assert refused.status == 401
    body = await refused._next(1)
    wanted = b"Missing access token" if kind == "none" else b"Invalid access token"
    assert wanted in body["body"]
    assert len(hub(api.app)) == 0


@pytest.mark.parametrize(
    ("stream", "scopes", "allowed"),
    [
        ("user", "read", True), ("user", "read:statuses", True), ("user", "read:notifications", False),
        ("user", "write", False), ("user:notification", "read", True), ("user:notification", "read:notifications", True),
        ("user:notification", "read:statuses", False), ("direct", "read:statuses", True), ("direct", "profile", False),
        ("public", "profile", True), ("public:local:media", "write", True), ("list", "write", False),
    ],
)  # fmt: skip
async def test_scopes_are_mastodons(api: Api, ada: Actor, stream: str, scopes: str, allowed: bool) -> None:
    opened = await socket(api.app, await api.token(ada, scopes)).open()
    if allowed:
        await opened.subscribe(stream)
    else:
        opened.say({"type": "subscribe", "stream": stream, "list": "1"})
        assert await opened.heard() == {"error": "Access token does not have the required scopes", "status": 401}


async def test_a_user_stream_has_notifications_only_for_who_may_read_them(api: Api, ada: Actor, ben: Actor) -> None:
    with_them, without = await listen(api, ada), await listen(api, ada, scopes="read:statuses")
    post = await api.publish(ada, "like me")
    assert (await with_them.event())[1] == (await without.event())[1] == "update"
    await api.site.db.write(lambda tx: reactions.like(tx, api.site, ben, post))
    stream, event, told = await with_them.event()
    assert (stream, event, told["type"], told["status"]["id"]) == (["user"], "notification", "favourite", str(post.id))
    assert await without.silence()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"stream": "nothing"}, {"error": "Unknown stream type", "status": 400}),
        ({}, {"error": "Unknown stream type", "status": 400}),
        ({"stream": {"a": 1}}, {"error": "Validation failed: stream must be a single value", "status": 422}),
        ({"stream": "hashtag"}, {"error": "Missing tag name parameter", "status": 400}),
        ({"stream": "hashtag", "tag": "x" * 500}, {"error": "Missing tag name parameter", "status": 400}),
        ({"stream": "list"}, {"error": "Missing list name parameter", "status": 400}),
        ({"stream": "list", "list": "1"}, {"error": "Not authorized to stream this list", "status": 401}),
        ({"stream": "list", "list": "9" * 40}, {"error": "Not authorized to stream this list", "status": 401}),
        ({"stream": "list", "list": "one"}, {"error": "Not authorized to stream this list", "status": 401}),
    ],
)
async def test_what_is_wrong_is_said_on_the_connection(api: Api, ada: Actor, said: Any, answer: Any) -> None:
    opened = await socket(api.app, await api.token(ada)).open()
    opened.say({"type": "subscribe", **said})
    assert await opened.heard() == answer
    await opened.subscribe("public")  # it goes on


async def test_a_list_of_somebody_else_is_not_streamed(api: Api, ada: Actor, ben: Actor) -> None:
    theirs = await api.site.db.write(lambda tx: lists.create(tx, api.site, ben, "Mine"))
    opened = await socket(api.app, await api.token(ada), stream="list", list=str(theirs.id)).open()
    assert await opened.heard() == {"error": "Not authorized to stream this list", "status": 401}


async def test_nonsense_is_passed_by_and_bytes_are_refused(api: Api, ada: Actor) -> None:
    opened = await socket(api.app, await api.token(ada)).open()
    for nonsense in ("", "{", "[]", "null", '"x"', "[" * 5000, '{"type":"dance"}', '{"type":["subscribe"]}'):
        opened.say(nonsense)
    await opened.subscribe("public")
    opened.say(b"bytes")
    assert (await opened.end())[0] == 1003
    large = await socket(api.app, await api.token(ada)).open()
    large.say('{"type":"subscribe","stream":"' + "x" * 20_000 + '"}')
    assert (await large.end())[0] == 1009


# --- what they are told


async def test_a_post_reaches_who_follows_and_nobody_else(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ben, ada)
    followed, own, other = await listen(api, ben), await listen(api, ada), await listen(api, chi)
    post = await api.publish(ada, "hello")
    for one in (followed, own):
        stream, event, status = await one.event()
        assert (stream, event, status["id"], status["content"]) == (["user"], "update", str(post.id), "<p>hello</p>")
    assert await other.silence()


@BOTH
async def test_one_connection_has_many_streams_each_by_its_name(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ben, ada)
    mine = await api.site.db.write(lambda tx: lists.create(tx, api.site, ben, "Friends"))
    await api.site.db.write(lambda tx: lists.add(tx, api.site, mine, [ada.id]))
    opened = await listen(api, ben)
    for name in ("public", "public:local", "public:remote", "public:media"):
        await opened.subscribe(name)
    await opened.subscribe("hashtag", tag="TeaTime")
    await opened.subscribe("hashtag:local", tag="teatime")
    await opened.subscribe("list", list=str(mine.id))
    opened.say({"type": "subscribe", "stream": "public"})  # twice is once
    await api.publish(ada, "It is #teatime")
    heard = [(await opened.event())[0] for _ in range(6)]
    assert sorted(heard) == sorted(
        [
            ["user"],
            ["public"],
            ["public:local"],
            ["hashtag", "TeaTime"],
            ["hashtag:local", "teatime"],
            ["list", str(mine.id)],
        ]
    )
    assert await opened.silence()

    for name in ("user", "public", "public:local"):
        opened.say({"type": "unsubscribe", "stream": name})
    opened.say({"type": "unsubscribe", "stream": "hashtag", "tag": "TEATIME"})
    opened.say({"type": "unsubscribe", "stream": "hashtag:local", "tag": "other"})
    opened.say({"type": "unsubscribe", "stream": "nothing"})
    assert await opened.heard() == {"error": "Error unsubscribing from channel"}
    await api.publish(ada, "More #teatime")
    heard = [(await opened.event())[0] for _ in range(2)]
    assert sorted(heard) == [["hashtag:local", "teatime"], ["list", str(mine.id)]]
    assert await opened.silence()


@BOTH
async def test_a_status_has_the_flags_of_who_gets_it(api: Api, ada: Actor, ben: Actor) -> None:
    """Clients overwrite with it what they have (vutuv#1588)."""
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, ada)
    post = await api.publish(ada, "hello")
    await api.site.db.write(lambda tx: reactions.like(tx, api.site, ben, post))
    await api.site.db.write(lambda tx: reactions.bookmark(tx, api.site, ben.id, post))
    listening = [await listen(api, one) for one in (ada, ben, chi)]
    await edit(api, post, "hello again")
    told = [await one.event() for one in listening]
    assert [(event, status["content"], status["favourites_count"]) for _, event, status in told] == [
        ("status.update", "<p>hello again</p>", 1)
    ] * 3
    flags = [(status["favourited"], status["bookmarked"], status.get("pinned")) for _, _, status in told]
    assert flags == [(False, False, False), (True, True, None), (False, False, None)]
    for (_, _, status), person in zip(told, (ada, ben, chi), strict=True):
        answer = (await api.get(f"/api/v1/statuses/{post.id}", await api.token(person))).json
        assert status == answer, "a stream says what the answer says"


async def test_who_filters_a_word_is_told_so(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, ada)
    token = await api.token(ben)
    listening = await listen(api, ben)
    made = await api.post(
        "/api/v2/filters",
        token,
        json={"title": "Tea", "context": ["home"], "keywords_attributes": [{"keyword": "tea"}]},
    )
    assert made.status == 200
    assert await listening.heard() == {"stream": ["user"], "event": "filters_changed"}
    other = await listen(api, chi)
    await api.publish(ada, "a cup of tea")
    (_, _, his), (_, _, hers) = await listening.event(), await other.event()
    assert [one["filter"]["title"] for one in his["filtered"]] == ["Tea"]
    assert hers["filtered"] == []


@BOTH
async def test_a_deletion_reaches_who_may_have_seen_the_post(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ben, ada)
    post = await api.publish(ada, "#tea for all")
    secret = await api.publish(ada, "for those who follow", visibility="followers")
    follower, stranger, public = await listen(api, ben), await listen(api, chi), await listen(api, chi, "public")
    await public.subscribe("hashtag", tag="tea")
    await delete(api, post, ada)
    assert await follower.event() == (["user"], "delete", post.id)
    assert [await public.event(), await public.event()] == [
        (["public"], "delete", post.id),
        (["hashtag", "tea"], "delete", post.id),
    ]
    await delete(api, secret, ada)
    assert await follower.event() == (["user"], "delete", secret.id)
    assert await public.silence()
    assert await stranger.silence()


async def test_a_direct_message_reaches_who_is_named(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, ada)
    named, direct, other = await listen(api, ben), await listen(api, ben, "direct"), await listen(api, chi)
    post = await api.publish(ada, "@ben a word with you", visibility="direct")
    stream, event, told = await direct.event()
    assert (stream, event, told["last_status"]["id"]) == (["direct"], "conversation", str(post.id))
    _, event, told = await named.event()
    assert (event, told["type"], told["status"]["id"]) == ("notification", "mention", str(post.id))
    await edit(api, post, "@ben two words")
    assert (await named.event())[1:2] == ("status.update",)
    await delete(api, post, ada)
    assert await named.event() == (["user"], "delete", post.id)
    assert await other.silence()

    await api.site.db.write(lambda tx: mutes.mute(tx, api.site, ben, ada))
    await api.publish(ada, "@ben hear me", visibility="direct")
    assert await direct.silence()


@BOTH
async def test_a_post_of_members_reaches_no_one_else(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    group = await api.group("lab", ada, see="members")
    await api.follow(ben, group)
    await api.follow(chi, ada)  # follows its author, and is no member
    member, outsider = await listen(api, ben), await listen(api, chi)
    for name in ("public", "public:local"):
        await outsider.subscribe(name)
    await outsider.subscribe("hashtag", tag="secret")
    post = await api.publish(ada, "@lab our #secret result")
    _, event, wrapper = await member.event()
    assert (event, wrapper["account"]["acct"], wrapper["reblog"]["id"]) == ("update", "lab", str(post.id))
    assert wrapper["visibility"] == "private"
    await edit(api, post, "@lab our better #secret result")
    assert (await member.event())[1] == "status.update"
    await delete(api, post, ada)
    assert {(await member.event())[1], (await member.event())[1]} == {"delete"}
    assert await outsider.silence()


async def test_a_thread_is_told_once_and_a_groups_boost_of_a_reply_never(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("tea", ada)
    await api.follow(ben, group)
    await api.follow(ben, ada)
    listening = await listen(api, ben)
    post = await api.publish(ada, "@tea a thread")
    _, event, status = await listening.event()
    assert (event, status["id"], status["reblog"]) == ("update", str(post.id), None)
    chi = await api.person("chi")
    await api.follow(chi, group)
    await api.publish(chi, "@tea an answer", reply_to_id=post.id)
    assert await listening.silence()


async def test_boosts_come_and_go(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ben, chi)
    post = await api.publish(ada, "worth it")
    listening = await listen(api, ben)
    boosted = await boost(api, chi, post)
    _, event, wrapper = await listening.event()
    assert (event, wrapper["id"], wrapper["reblog"]["id"]) == ("update", str(boosted), str(post.id))
    await api.site.db.write(lambda tx: reactions.unboost(tx, api.site, chi, post))
    assert await listening.event() == (["user"], "delete", boosted)


@BOTH
async def test_whom_one_hides_is_not_streamed(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    for one in (ada, chi):
        await api.follow(ben, one)
    listening = await listen(api, ben)
    await listening.subscribe("public")
    await api.site.db.write(lambda tx: mutes.mute(tx, api.site, ben, ada))
    post = await api.publish(ada, "unheard")
    await boost(api, chi, post)
    assert await listening.silence()
    await api.site.db.write(lambda tx: mutes.unmute(tx, ben, ada))
    await api.site.db.write(lambda tx: blocks.block(tx, api.site, ada, ben))
    await api.publish(ada, "not for ben")
    assert await listening.silence()


async def test_a_followed_hashtag_is_home(api: Api, ada: Actor, ben: Actor) -> None:
    await api.site.db.write(lambda tx: hashtags.follow(tx, api.site.new_id(), ben.id, "tea", api.site.clock()))
    listening = await listen(api, ben)
    await api.publish(ada, "no tag")
    tagged = await api.publish(ada, "a #Tea")
    stream, _, status = await listening.event()
    assert (stream, status["id"]) == (["user"], str(tagged.id))


async def test_replies_and_narrow_posts_are_not_public(api: Api, ada: Actor, ben: Actor) -> None:
    listening = await listen(api, ben, "public")
    post = await api.publish(ada, "opens")
    assert (await listening.event())[2]["id"] == str(post.id)
    await api.publish(ben, "an answer", reply_to_id=post.id)
    for visibility in ("unlisted", "followers", "direct"):
        await api.publish(ada, "not there", visibility=visibility)
    assert await listening.silence()


async def test_what_a_moderator_takes_out_goes_and_comes_back(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("tea", ada)
    await api.follow(ben, group)
    post = await api.publish(ben, "@tea too much")
    listening = await listen(api, ben)
    await api.site.db.write(lambda tx: moderation.remove(tx, api.site, ada, post, "too much"))
    events = [await listening.event() for _ in range(3)]
    assert ("delete", post.id) in [(event, payload) for _, event, payload in events]
    assert "notification" in [event for _, event, _ in events]  # ben is told why
    taken_out = await api.site.db.read(lambda tx: post_rows.by_id(tx, post.id))
    assert taken_out is not None
    await api.site.db.write(lambda tx: moderation.restore(tx, api.site, ada, taken_out))
    assert (await listening.event())[:2] == (["user"], "status.update")


# --- its end


@BOTH
async def test_a_revoked_token_closes_its_connections_at_once(api: Api, ada: Actor) -> None:
    first, second = await api.token(ada), await api.token(ada)
    revoked, stays = await socket(api.app, first, stream="user").open(), await socket(api.app, second).open()
    await api.site.db.write(lambda tx: apps.revoke(tx, api.site.clock(), token_hash=apps.hashed(first)))
    assert await revoked.end() == (1008, "The access token was revoked")
    assert stays.closed is None
    await stays.subscribe("user")
    assert len(hub(api.app)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite's: tests/storage/test_said.py
async def test_a_token_revoked_by_another_process_closes_too(api: Api, ada: Actor) -> None:
    opened = await listen(api, ada)
    other = Database(api.site.db.url)
    other.write_now(lambda tx: apps.revoke(tx, api.site.clock(), person_id=ada.id))
    assert (await opened.end())[0] == 1008
    other.close()


async def test_oauth_revoke_closes_too(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    opened = await socket(api.app, token).open()
    answer = await api.post("/oauth/revoke", form={"client_id": "client", "client_secret": "secret", "token": token})
    assert answer.status == 200
    assert (await opened.end())[0] == 1008


async def test_who_is_suspended_hears_nothing_more(api: Api, ada: Actor) -> None:
    opened = await listen(api, ada)
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    assert (await opened.end())[0] == 1008
    assert len(hub(api.app)) == 0


@BOTH
async def test_a_revocation_that_was_not_heard_is_found(api: Api, ada: Actor, ben: Actor) -> None:
    """An event may be lost: another process may have died between its commit and its word."""
    opened, other = await listen(api, ada), await listen(api, ben)

    def silently(tx: Any) -> None:
        apps.revoke(tx, api.site.clock(), person_id=ada.id)
        tx.info["after"].clear()

    await api.site.db.write(silently)
    assert await opened.silence()
    await hub(api.app).check()
    assert (await opened.end())[0] == 1008
    assert other.closed is None


async def test_who_reads_too_slowly_is_let_go(api: Api, ada: Actor) -> None:
    opened = await listen(api, ada)
    opened.takes.clear()
    listener = next(iter(hub(api.app)._listeners))
    for _ in range(WAITING + 2):
        listener.put("{}")
    assert listener.ended == (1008, "You read too slowly")
    opened.takes.set()
    assert await opened.end() == (1008, "You read too slowly")
    assert opened.task is not None
    await opened.task
    assert len(hub(api.app)) == 0


async def test_who_does_not_even_take_a_goodbye_is_cut_off(
    api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedi.mastodon.streaming.listener._PATIENCE", 0.05)
    opened = await listen(api, ada)
    opened.takes.clear()
    next(iter(hub(api.app)._listeners)).end(1008, "Go")
    assert opened.task is not None
    await asyncio.wait_for(opened.task, 5)
    assert len(hub(api.app)) == 0


async def test_there_are_limits(api: Api, ada: Actor, ben: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "OF_A_TOKEN", 2)
    monkeypatch.setattr(hubs, "OF_A_PERSON", 3)
    monkeypatch.setattr(hubs, "STREAMS", 2)
    token, other = await api.token(ada), await api.token(ada)
    opened = [await socket(api.app, token).open() for _ in range(2)]
    assert (await socket(api.app, token).open()).status == 429
    opened.append(await socket(api.app, other).open())
    assert (await socket(api.app, other).open()).status == 429
    assert (await socket(api.app, await api.token(ben)).open()).status == 101
    await opened[0].leave()
    assert (await socket(api.app, other).open()).status == 101
    await opened[1].subscribe("public")
    await opened[1].subscribe("hashtag", tag="a")
    opened[1].say({"type": "subscribe", "stream": "hashtag", "tag": "b"})
    assert await opened[1].heard() == {"error": "Too many streams on one connection", "status": 429}


async def test_too_many_messages_end_it(api: Api, ada: Actor) -> None:
    opened = await socket(api.app, await api.token(ada)).open()
    for _ in range(501):
        opened.say("{}")
    assert await opened.end() == (1008, "Too many messages")


async def test_the_server_says_goodbye(api: Api, ada: Actor) -> None:
    opened = await listen(api, ada)
    await hub(api.app).close()
    assert await opened.end() == (1001, "The server restarts")
    assert (await socket(api.app, await api.token(ada)).open()).status == 503


async def test_who_left_costs_nothing(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ben, ada)
    opened = await listen(api, ben)
    assert api.site.db.events._listeners["stream"]
    await opened.leave()
    assert len(hub(api.app)) == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not api.site.db.events._listeners["stream"], "posts are looked at although nobody listens"
    again = await listen(api, ben)
    post = await api.publish(ada, "welcome back")
    assert (await again.event())[2]["id"] == str(post.id)


async def test_many_are_told_with_as_many_queries_as_few(api: Api, ada: Actor) -> None:
    readers = [await api.person(f"reader{number}") for number in range(12)]
    for one in readers:
        await api.follow(one, ada)
    post = await api.publish(ada, "for all")

    def queries(persons: list[Actor]) -> int:
        ids = frozenset(one.id for one in persons)
        wanted = audience.Wanted(ids, frozenset(), frozenset(), {"public": ids}, frozenset(), frozenset())

        def unit(tx: Any) -> int:
            asked: list[str] = []
            tx.connection.driver_connection.set_trace_callback(asked.append)
            (told,) = audience.of_entries(tx, [post.id], wanted, api.site.clock())
            assert told.homes == told.people == ids
            assert len(payloads.looks_alike(tx, api.site, post.id, told.everyone())) == 1, "it is rendered once"
            tx.connection.driver_connection.set_trace_callback(None)
            return len(asked)

        return api.site.db.read_now(unit)

    queries(readers)  # from now on only the mark of the post is read
    assert queries(readers[:2]) == queries(readers)


def test_every_stream_of_mastodon_is_there() -> None:
    assert set(NAMES) == {
        "user", "user:notification", "public", "public:local", "public:remote", "public:media", "public:local:media",
        "public:remote:media", "hashtag", "hashtag:local", "list", "direct",
    }  # fmt: skip
