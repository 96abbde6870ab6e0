from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from federation.hosts import host_of
from federation.signatures.keys import PrivateKey, load_private
from federation.signatures.sign import sign_get
from federation.transport import Response
from federation.vocabulary.actor import read_actor
from federation.vocabulary.note import read_post
from fedi.actions import erasing, groups, people, posts, profiles, reactions
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site
from fedi.outbox import documents
from storage import actors, keys, memberships, outbox, peers
from storage.actors import Actor
from storage.database import Database
from storage.keys import Key
from storage.memberships import Membership
from storage.posts import Post
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, follower, site_on
from tests.keys import key_pair
from tests.storage import rows
from tests.world import call

pytestmark = pytest.mark.anyio

ORIGIN = "https://alpha.example"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


@pytest.fixture
def site(config: Config, db: Database, clock: Clock) -> Site:
    made = site_on(Network(), config, db, clock)
    db.write_now(lambda tx: people.ensure_instance_actor(tx, made))
    return made


@pytest.fixture
def app(site: Site) -> Starlette:
    """The door for peers alone."""
    made = Starlette(
        routes=[
            Route("/people/{name}", documents.person),
            Route("/groups/{name}", documents.group),
            Route("/people/{name}/posts/{post_id:int}", documents.post),
            *documents.ROUTES,
        ]
    )
    made.state.site = site
    return made


@pytest.fixture
def ada(site: Site) -> Actor:
    return site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


async def get(app: Starlette, path: str, **headers: str) -> Response:
    return await call(app, "GET", ORIGIN + path, {k.replace("_", "-"): v for k, v in headers.items()})


async def document(app: Starlette, path: str, **headers: str) -> Any:
    answer = await get(app, path, **headers)
    assert answer.status == 200, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/activity+json"
    return msgspec.json.decode(answer.body)


def publish(site: Site, author: Actor, text: str, **more: Any) -> Post:
    return site.db.write_now(lambda tx: posts.publish(tx, site, author, Draft(text, **more)))


def path_of(post: Post) -> str:
    return post.iri.removeprefix(ORIGIN)


Sign = Callable[[str], dict[str, str]]


def peer(site: Site, reader: Actor) -> Sign:
    """How `reader`'s server signs its GETs; its key is known here."""
    pair = key_pair()
    key_id = reader.iri + "#main-key"
    site.db.write_now(
        lambda tx: keys.save(
            tx, Key(key_id, reader.iri, host_of(reader.iri), pair.public, None, site.clock(), site.clock())
        )
    )
    private: PrivateKey = load_private(pair.private, key_id)
    return lambda path: sign_get(private, ORIGIN + path, site.clock())


async def signed(app: Starlette, path: str, sign: Sign) -> Response:
    return await call(app, "GET", ORIGIN + path, sign(path))


async def test_a_person_is_what_peers_can_read(app: Starlette, site: Site, ada: Actor) -> None:
    got = await document(app, "/people/ada")
    read = read_actor(got)
    assert (read.id, read.username, read.inbox) == (ada.iri, "ada", f"{ada.iri}/inbox")
    assert read.shared_inbox == f"{ORIGIN}/inbox"
    assert [key_id for key_id, _ in read.keys] == [f"{ada.iri}#main-key", f"{ada.iri}#ed25519-key"]
    answer = await get(app, "/people/ada")
    assert "Accept" in answer.headers["vary"]
    again = await get(app, "/people/ada", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


async def test_the_instance_and_groups_have_actors_too(app: Starlette, site: Site, ada: Actor) -> None:
    group = site.db.write_now(lambda tx: groups.create(tx, site, name="mlops", title="ML Ops", owner=ada))
    read = read_actor(await document(app, "/groups/mlops"))
    assert (read.kind, read.id, read.moderators) == ("Group", group.iri, f"{group.iri}/moderators")
    assert read_actor(await document(app, "/actor")).kind == "Application"


@pytest.mark.parametrize(
    "path",
    [
        "/people/nobody",
        "/groups/ada",
        "/people/mlops",
        "/people/ada\x00",
        "/groups/\x00",
        "/people/" + "a" * 9000,
        "/people/\x00/outbox",
        "/activities/\x00",
        "/people/ADA%2F..",
    ],
)
async def test_whoever_is_not_here_is_404(app: Starlette, ada: Actor, path: str) -> None:
    answer = await get(app, path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_change_of_an_actor_is_seen_at_once(app: Starlette, site: Site, ada: Actor) -> None:
    before = await document(app, "/people/ada")
    await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, name="Ada L."))
    after = await document(app, "/people/ada")
    assert (before["name"], after["name"]) != (after["name"], before["name"])
    assert after["name"] == "Ada L."
    await site.db.write(lambda tx: people.suspend(tx, site, ada))
    assert (await get(app, "/people/ada")).status == 404
    assert (await get(app, "/.well-known/webfinger?resource=acct:ada@alpha.example")).status == 404


async def test_an_erased_person_is_a_tombstone(app: Starlette, site: Site, ada: Actor) -> None:
    await site.db.write(lambda tx: erasing.erase(tx, site, ada))
    answer = await get(app, "/people/ada")
    assert answer.status == 410
    assert msgspec.json.decode(answer.body)["type"] == "Tombstone"


async def test_a_post_and_its_create(app: Starlette, site: Site, ada: Actor) -> None:
    post = publish(site, ada, "Good morning")
    got = await document(app, path_of(post))
    assert read_post(got).id == post.iri
    create = await document(app, f"{path_of(post)}/activity")
    assert (create["type"], create["id"], create["actor"]) == ("Create", f"{post.iri}/activity", ada.iri)
    assert create["object"]["id"] == post.iri
    assert (await get(app, f"/people/bob/posts/{post.id}")).status == 404
    assert (await get(app, f"/people/ada/posts/{2**70}")).status == 404


async def test_a_deleted_post_is_410_with_a_tombstone(app: Starlette, site: Site, ada: Actor) -> None:
    post = publish(site, ada, "a mistake")
    site.db.write_now(lambda tx: posts.delete(tx, site, post, ada))
    answer = await get(app, path_of(post))
    assert answer.status == 410
    assert msgspec.json.decode(answer.body)["type"] == "Tombstone"


async def test_of_a_deleted_post_for_some_not_even_a_tombstone_is_shown(app: Starlette, site: Site, ada: Actor) -> None:
    post = publish(site, ada, "a secret mistake", visibility="followers")
    site.db.write_now(lambda tx: posts.delete(tx, site, post, ada))
    assert (await get(app, path_of(post))).status == 404


async def test_a_post_for_followers_is_there_for_their_server_only(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    other = site.db.write_now(lambda tx: rows.actor(tx, "eve", "other.example"))
    post = publish(site, ada, "for followers", visibility="followers")
    ours, theirs = peer(site, reader), peer(site, other)
    for path in (path_of(post), f"{path_of(post)}/activity"):
        missing = await get(app, "/people/ada/posts/1" + path.removeprefix(path_of(post)))
        anonymous = await get(app, path)
        assert (anonymous.status, anonymous.body) == (missing.status, missing.body) == (404, missing.body)
        assert (await signed(app, path, theirs)).status == 404
        allowed = await signed(app, path, ours)
        assert allowed.status == 200
        assert "private" in allowed.headers["cache-control"]
        assert "Signature" in allowed.headers["vary"]


async def test_a_signature_that_does_not_hold_is_401(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    sign = peer(site, reader)
    post = publish(site, ada, "hello")
    headers = sign("/people/ada/posts/1")  # signed for another path
    answer = await call(app, "GET", post.iri, headers)
    assert answer.status == 401
    assert (await get(app, path_of(post), signature="nonsense")).status in (400, 401)


async def test_an_unknown_key_that_cannot_be_had_is_401(app: Starlette, site: Site, ada: Actor) -> None:
    pair = key_pair()
    private = load_private(pair.private, "https://unknown.example/people/x#main-key")
    post = publish(site, ada, "hello")
    answer = await call(app, "GET", post.iri, sign_get(private, post.iri, site.clock()))
    assert answer.status == 401


async def test_a_blocked_server_gets_403(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "blocked.example", ada))
    sign = peer(site, reader)
    site.db.write_now(lambda tx: peers.change(tx, "blocked.example", stance="blocked"))
    post = publish(site, ada, "hello")
    assert (await signed(app, path_of(post), sign)).status == 403


async def test_an_activity_is_served_as_it_was_sent(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    other = site.db.write_now(lambda tx: rows.actor(tx, "eve", "other.example"))
    post = publish(site, ada, "hello")
    site.db.write_now(lambda tx: posts.edit(tx, site, post, Draft("hello again")))
    [update] = site.db.read_now(lambda tx: outbox.of_actor(tx, ada.id, ("Update",), 10))
    answer = await get(app, update.activity_id.removeprefix(ORIGIN))
    assert (answer.status, answer.body) == (200, update.body)
    # An answer to a follower concerns its server and nobody else.
    accept = site.iri("/activities/1")
    body = msgspec.json.encode({"id": accept, "type": "Accept", "actor": ada.iri, "to": [reader.iri]})
    site.db.write_now(
        lambda tx: outbox.append(
            tx,
            activity_id=accept,
            actor_id=ada.id,
            type="Accept",
            body=body,
            now=1,
            audience=outbox.Audience(actors=(reader.id,)),
        )
    )
    assert (await get(app, "/activities/1")).status == 404
    assert (await signed(app, "/activities/1", peer(site, other))).status == 404
    assert (await signed(app, "/activities/1", peer(site, reader))).body == body


async def test_an_update_of_a_post_for_some_is_hidden_from_others(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    post = publish(site, ada, "hello", visibility="followers")
    site.db.write_now(lambda tx: posts.edit(tx, site, post, Draft("hello again", visibility="followers")))
    [update] = site.db.read_now(lambda tx: outbox.of_actor(tx, ada.id, ("Update",), 10))
    path = update.activity_id.removeprefix(ORIGIN)
    assert (await get(app, path)).status == 404
    assert (await signed(app, path, peer(site, reader))).status == 200


async def walk(app: Starlette, path: str, ask: Callable[[str], Any]) -> list[Any]:
    """Every item of a collection, page after page."""
    collection = await ask(path)
    items: list[Any] = []
    following = collection["first"]
    while following is not None:
        page = await ask(following.removeprefix(ORIGIN))
        assert page["partOf"] == collection["id"]
        items += page["orderedItems"]
        following = page.get("next")
    return items


async def test_an_outbox_tells_each_what_they_may_see(app: Starlette, site: Site, ada: Actor) -> None:
    reader = site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    wanted = [publish(site, ada, f"post {number}") for number in range(45)]
    hidden = publish(site, ada, "for followers", visibility="followers")
    gone = publish(site, ada, "a mistake")
    site.db.write_now(lambda tx: posts.delete(tx, site, gone, ada))
    site.db.write_now(lambda tx: posts.edit(tx, site, wanted[0], Draft("as it is now")))

    async def ask(path: str) -> Any:
        return await document(app, path)

    items = await walk(app, "/people/ada/outbox", ask)
    assert [item["object"]["id"] for item in items] == [post.iri for post in reversed(wanted)]
    assert "as it is now" in items[-1]["object"]["content"]
    assert (await document(app, "/people/ada/outbox"))["totalItems"] == 45
    sign = peer(site, reader)

    async def ask_signed(path: str) -> Any:
        return msgspec.json.decode((await signed(app, path, sign)).body)

    items = await walk(app, "/people/ada/outbox", ask_signed)
    assert items[0]["object"]["id"] == hidden.iri
    assert len(items) == 46


async def test_a_boost_that_was_taken_back_is_not_in_the_outbox(app: Starlette, site: Site, ada: Actor) -> None:
    post = publish(site, ada, "hello")
    site.db.write_now(lambda tx: reactions.boost(tx, site, ada, post))
    page = await document(app, "/people/ada/outbox?page=true")
    assert [item["type"] for item in page["orderedItems"]] == ["Announce", "Create"]
    iri = page["orderedItems"][0]["id"]
    assert (await document(app, iri.removeprefix(ORIGIN)))["object"] == post.iri
    site.db.write_now(lambda tx: reactions.unboost(tx, site, ada, post))
    page = await document(app, "/people/ada/outbox?page=true")
    assert [item["type"] for item in page["orderedItems"]] == ["Create"]
    assert (await get(app, iri.removeprefix(ORIGIN))).status == 404  # though it was there


async def test_who_follows_whom_is_a_number(app: Starlette, site: Site, ada: Actor) -> None:
    site.db.write_now(lambda tx: follower(tx, "far.example", ada))
    site.db.write_now(lambda tx: actors.count(tx, ada.id, followers=1))
    for name in ("followers", "following"):
        got = await document(app, f"/people/ada/{name}")
        assert "orderedItems" not in got
        assert "first" not in got
    assert (await document(app, "/people/ada/followers"))["totalItems"] == 1
    assert (await document(app, "/people/ada/featured"))["orderedItems"] == []


async def test_a_group_for_members_tells_others_nothing_but_its_name(app: Starlette, site: Site, ada: Actor) -> None:
    group = site.db.write_now(
        lambda tx: groups.create(tx, site, name="exams", title="Exams", owner=ada, see="members", join_mode="approval")
    )
    member = site.db.write_now(lambda tx: follower(tx, "far.example", group))
    site.db.write_now(lambda tx: memberships.save(tx, Membership(group.id, member.id, "member", "accepted", 0)))
    stranger = site.db.write_now(lambda tx: rows.actor(tx, "eve", "other.example"))
    post = publish(site, ada, "@exams the questions", visibility="public")
    assert post.visibility == "members"
    ours, theirs = peer(site, member), peer(site, stranger)
    assert (await get(app, "/groups/exams")).status == 200
    for path in ("outbox", "outbox?page=true", "followers", "following", "featured", "moderators"):
        path = f"/groups/exams/{path}"  # noqa: PLW2901
        assert (await get(app, path)).status == 404
        assert (await signed(app, path, theirs)).status == 404
        assert (await signed(app, path, ours)).status == 200
    assert (await signed(app, path_of(post), theirs)).status == 404
    assert (await signed(app, path_of(post), ours)).status == 200
    page = msgspec.json.decode((await signed(app, "/groups/exams/outbox?page=true", ours)).body)
    assert [item["type"] for item in page["orderedItems"]] == ["Announce"]
    for row in site.db.read_now(lambda tx: outbox.of_actor(tx, group.id, ("Announce",), 10)):
        path = row.activity_id.removeprefix(ORIGIN)
        assert (await get(app, path)).status == 404
        assert (await signed(app, path, theirs)).status == 404
        assert (await signed(app, path, ours)).body == row.body
    assert PUBLIC.encode() not in (await signed(app, path_of(post), ours)).body


async def test_a_public_group_lists_its_moderators_and_announces(app: Starlette, site: Site, ada: Actor) -> None:
    group = site.db.write_now(lambda tx: groups.create(tx, site, name="mlops", title="ML Ops", owner=ada))
    post = publish(site, ada, "@mlops Which tracker do you use?")
    assert (await document(app, "/groups/mlops/moderators"))["orderedItems"] == [ada.iri]
    page = await document(app, "/groups/mlops/outbox?page=true")
    [announce] = page["orderedItems"]
    assert (announce["type"], announce["actor"], announce["object"]["type"]) == ("Announce", group.iri, "Create")
    boost = await document(app, f"/groups/mlops/announces/{post.id}")
    assert boost["object"] == post.iri


@pytest.mark.parametrize(
    "resource",
    [
        "acct:ada@alpha.example",
        "acct:ADA@Alpha.Example",
        "ada@alpha.example",
        "@ada@alpha.example",
        "https://alpha.example/people/ada",
        "https://alpha.example/@ada",
    ],
)
async def test_webfinger_finds_a_person(app: Starlette, ada: Actor, resource: str) -> None:
    answer = await get(app, f"/.well-known/webfinger?resource={resource}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jrd+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    got = msgspec.json.decode(answer.body)
    assert got["subject"] == "acct:ada@alpha.example"
    assert {"rel": "self", "type": "application/activity+json", "href": ada.iri} in got["links"]


async def test_webfinger_finds_groups_and_the_instance(app: Starlette, site: Site, ada: Actor) -> None:
    site.db.write_now(lambda tx: groups.create(tx, site, name="mlops", title="ML Ops", owner=ada))
    for resource, path in (
        ("acct:mlops@alpha.example", "/groups/mlops"),
        ("acct:alpha.example@alpha.example", "/actor"),
        ("https://alpha.example", "/actor"),
        ("https://alpha.example/", "/actor"),
    ):
        got = msgspec.json.decode((await get(app, f"/.well-known/webfinger?resource={resource}")).body)
        assert got["links"][1]["href"] == ORIGIN + path


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?resource=", 400),
        ("?resource=acct:nobody@alpha.example", 404),
        ("?resource=acct:ada@beta.example", 404),
        ("?resource=https://beta.example/people/ada", 404),
        ("?resource=acct:ada", 404),
        ("?resource=" + "a" * 5000, 404),
        ("?resource=%00%ff", 404),
        ("?resource=https://alpha.example/@ada%00", 404),
        ("?resource=https://alpha.example/people/%00", 404),
    ],
)
async def test_webfinger_says_so_when_there_is_nobody(app: Starlette, ada: Actor, query: str, status: int) -> None:
    assert (await get(app, f"/.well-known/webfinger{query}")).status == status


async def test_webfinger_does_not_answer_for_people_elsewhere(app: Starlette, site: Site) -> None:
    remote = site.db.write_now(lambda tx: rows.actor(tx, "bo", "b.example"))
    assert (await get(app, f"/.well-known/webfinger?resource={remote.iri}")).status == 404


async def test_nodeinfo_in_both_versions(app: Starlette, site: Site, ada: Actor) -> None:
    publish(site, ada, "public")
    publish(site, ada, "for followers", visibility="followers")
    index = msgspec.json.decode((await get(app, "/.well-known/nodeinfo")).body)
    links = {link["rel"].rpartition("/")[2]: link["href"] for link in index["links"]}
    assert links["2.1"] == f"{ORIGIN}/nodeinfo/2.1"
    assert links["2.0"] == f"{ORIGIN}/nodeinfo/2.0"
    for version in ("2.0", "2.1"):
        got = msgspec.json.decode((await get(app, f"/nodeinfo/{version}")).body)
        assert (got["version"], got["software"]["name"]) == (version, "fedi")
        assert got["protocols"] == ["activitypub"]
        assert got["usage"]["users"] == {"total": 1, "activeMonth": 1, "activeHalfyear": 1}
        assert got["usage"]["localPosts"] == 1  # what is not for everyone is not counted for everyone
        assert got["metadata"]["upstream"] == {"name": "Mastodon"}
    assert (await get(app, "/nodeinfo/1.0")).status == 404


async def test_host_meta(app: Starlette) -> None:
    answer = await get(app, "/.well-known/host-meta")
    assert answer.headers["content-type"] == "application/xrd+xml"
    assert b"/.well-known/webfinger?resource={uri}" in answer.body
