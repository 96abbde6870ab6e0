"""The gate, asked by every channel: whoever may not see a post finds no byte of it, wherever they look.

One post of each visibility, each with a word of its own; every viewer crawls every channel; what each found is compared
with the table in `fedi.visibility`.
"""

import secrets
from functools import partial
from urllib.parse import quote

import msgspec
import pytest

from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get
from fedi import fetching
from fedi.actions import blocks, follows, posts
from fedi.actions.posts import Draft
from storage import apps, outbox
from storage import follows as follow_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from tests.stories.conftest import Three
from tests.world import Instance, Peer, World, call, settle

pytestmark = pytest.mark.anyio


def token(instance: Instance, person: Actor) -> str:
    """An access token of a person, with all scopes."""
    secret = secrets.token_urlsafe(32)
    site = instance.site

    def make(tx: Tx) -> None:
        app = apps.App(site.new_id(), secrets.token_hex(8), "", "test", None, [], "read write follow", site.clock())
        apps.insert_app(tx, app)
        made = apps.Token(
            site.new_id(), apps.hashed(secret), app.id, person.id, "read write follow", site.clock(), None, None
        )
        apps.insert_token(tx, made)

    instance.write(make)
    return secret


async def crawl(
    world: World, instance: Instance, headers: dict[str, str], key: PrivateKey | None, paths: list[str]
) -> bytes:
    """Everything that these paths show, with every `Accept`."""
    found = []
    for path in paths:
        for accept in ("text/html", "application/activity+json", "application/json"):
            sent = {"accept": accept, **headers}
            url = instance.site.config.origin + path
            if key is not None:
                sent |= {name.lower(): value for name, value in sign_get(key, url, instance.site.clock()).items()}
                sent["accept"] = accept
            answer = await call(instance.app, "GET", url, sent)
            assert answer.status < 500, (path, accept, answer.body)
            found.append(answer.body)
    return b"\n".join(found)


async def test_every_channel_asks_the_gate(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga, friend, stranger = alpha.person("olga"), alpha.person("friend"), alpha.person("stranger")
    shut = alpha.person("shut")  # whom olga blocks in the end, a member of all her groups
    open_group = alpha.group("open", olga)
    peers_group = alpha.group("peers", olga, see="peers")
    closed_group = alpha.group("closed", olga, see="members")
    ada = beta.person("ada")
    gamma.person("chi")
    for target in (olga, open_group, peers_group, closed_group):
        for one in (friend, shut):
            alpha.write(partial(follows.follow, site=alpha.site, follower=one, target=target))
        at_beta = await fetching.actor(beta.site, target.handle)
        beta.write(partial(follows.follow, site=beta.site, follower=ada, target=at_beta))
    await settle(*three.all)
    # Without an agreement between the institutions a moderator lets members of others into a group for peers.
    for request in alpha.read(partial(follow_rows.followers, target_id=peers_group.id, limit=10, state="pending")):
        alpha.write(partial(follows.accept, site=alpha.site, follow=request))
    await settle(*three.all)

    def publish(name: str, text: str, visibility: str, reply_to: int | None = None) -> None:
        draft = Draft(f"{text} #topic canary{name}x", visibility, reply_to_id=reply_to)
        made[name] = alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, draft))

    made: dict[str, Post] = {}
    publish("public", "hello", "public")
    publish("unlisted", "hello", "unlisted")
    publish("followers", "hello", "followers")
    publish("direct", "@friend @shut hello", "direct")
    publish("open", "@open hello", "public")
    publish("peers", "@peers hello", "public")
    publish("members", "@closed hello", "public")
    publish("answer", "hello", "public", made["members"].id)
    publish("deleted", "hello", "public")
    alpha.write(lambda tx: posts.delete(tx, alpha.site, made["deleted"], olga))
    answered = alpha.write(
        lambda tx: posts.publish(tx, alpha.site, stranger, Draft("an answer", "public", reply_to_id=made["public"].id))
    )
    alpha.write(lambda tx: blocks.block(tx, alpha.site, olga, shut))
    await settle(*three.all)

    everyone = {"public", "unlisted", "open"}
    ids = [*(post.id for post in made.values()), answered.id]
    actors_here = (olga, open_group, peers_group, closed_group)
    paths = ["/", "/groups", "/home", "/notifications", "/tags/topic", "/search?q=canary", "/about"]
    for actor in actors_here:
        path = actor.iri.removeprefix("https://alpha.example")
        paths += [path, f"/@{actor.username}"]
        paths += [
            f"{path}/{name}{query}"
            for name in ("outbox", "featured", "followers", "moderators")
            for query in ("", "?page=1", "?page=true")
        ]
        paths += [
            f"/api/v1/accounts/{actor.id}/statuses{query}"
            for query in ("", "?exclude_reblogs=true", "?pinned=true", "?tagged=topic")
        ]
    for post in made.values():
        path = post.iri.removeprefix("https://alpha.example")
        paths += [path, f"{path}/activity"]
    for number in ids:
        paths += [
            f"/api/v1/statuses/{number}{part}"
            for part in ("", "/context", "/source", "/history", "/favourited_by", "/reblogged_by")
        ]
    paths += [f"/api/v1/statuses?{'&'.join(f'id[]={number}' for number in ids)}"]
    paths += [
        "/api/v1/timelines/home?limit=40",
        "/api/v1/timelines/public",
        "/api/v1/timelines/public?local=true",
        "/api/v1/timelines/tag/topic",
    ]
    paths += ["/api/v1/notifications", "/api/v1/favourites", "/api/v1/bookmarks", "/api/v1/conversations"]
    paths += [
        f"/api/v2/search?q={quote(word)}&resolve=true"
        for word in ("canary", "#topic", *(post.iri for post in made.values()))
    ]
    logged = [alpha.read(partial(outbox.by_position, position=position)) for position in range(1, 200)]
    paths += [row.activity_id.removeprefix("https://alpha.example") for row in logged if row is not None]

    outsider = Peer(three.world, "outsider.example", "mastodon")
    mallory = outsider.keys[outsider.actor("mallory")]
    key_of = {
        name: one.read(partial(one.site.private_key, owner_iri=one.site.instance_iri))
        for name, one in (("beta", beta), ("gamma", gamma))
    }
    viewers = {
        "nobody": ({}, None, everyone),
        "olga": (
            {"authorization": f"Bearer {token(alpha, olga)}"},
            None,
            {*everyone, "followers", "direct", "peers", "members", "answer"},
        ),
        "friend": (
            {"authorization": f"Bearer {token(alpha, friend)}"},
            None,
            {*everyone, "followers", "direct", "peers", "members", "answer"},
        ),
        "stranger": ({"authorization": f"Bearer {token(alpha, stranger)}"}, None, {*everyone, "peers"}),
        "beta": ({}, key_of["beta"], {*everyone, "followers", "peers", "members", "answer"}),
        "gamma": ({}, key_of["gamma"], everyone),
        "outsider": ({}, mallory, everyone),
    }
    for name, (headers, key, may_find) in viewers.items():
        text = await crawl(three.world, alpha, headers, key, paths)
        found = {one for one in made if f"canary{one}x".encode() in text}
        assert found == may_find, name
    # Who is blocked is nobody to the pages, which everyone may read; to the API they are somebody who sees nothing of olga.
    headers = {"authorization": f"Bearer {token(alpha, shut)}"}
    text = await crawl(three.world, alpha, headers, None, [path for path in paths if path.startswith("/api/")])
    assert {one for one in made if f"canary{one}x".encode() in text} == set()
    assert b"an answer" in text, "what others say is there"
    # Nor did anything travel to where it may not be.
    travelled = {
        host: {one for one in made if f"canary{one}x".encode() in body}
        for host, _, body in three.world.sent
        for one in made
    }
    reached = {
        one
        for host, _, body in three.world.sent
        if host in ("gamma.example", "outsider.example")
        for one in made
        if f"canary{one}x".encode() in body
    }
    assert reached == set(), travelled
    assert (
        msgspec.json.decode((await call(alpha.app, "GET", "https://alpha.example/nodeinfo/2.1", {})).body)["usage"][
            "localPosts"
        ]
        >= 0
    )
