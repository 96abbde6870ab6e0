"""Search through the client API: who finds what, pages that leak nothing, and how often other servers are asked."""

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from federation.transport import Response
from fedi import searching
from fedi.actions import moderation, people, polls, posts, reactions
from fedi.actions.posts import Draft, PollDraft
from storage import actors, peers
from storage import posts as rows
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.world import Peer, World


class Counted(World):
    """A network that counts also what is asked of hosts that there aren't."""

    async def send(self, method: str, url: str, *more: Any, **options: Any) -> Response:
        """As World's; whatever is tried is in `asked`."""
        host = urlsplit(url).netloc
        if host not in self.apps:
            self.asked.append((host, url))
        return await super().send(method, url, *more, **options)


@pytest.fixture
async def world(api: Api, monkeypatch: pytest.MonkeyPatch) -> World:
    """A network that counts what is asked."""
    await api.site.db.write(lambda tx: people.ensure_instance_actor(tx, api.site))
    made = Counted()
    monkeypatch.setattr(api.site.client, "transport", made)
    return made


async def found(api: Api, token: str | None, q: str, **more: object) -> list[str]:
    """The ids of the posts that are found."""
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    answer = await api.get(f"/api/v2/search?type=statuses&q={quote(q)}{rest}", token)
    assert answer.status == 200, answer.body
    assert answer.json["accounts"] == answer.json["hashtags"] == []
    return [one["id"] for one in answer.json["statuses"]]


async def test_ones_own_and_those_of_who_wants_to_be_found(api: Api, ada: Actor, ben: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    post = await api.publish(ada, "walrus")
    assert await found(api, mine, "walrus") == [str(post.id)]
    # Public as it is: she did not say that she wants to be found by her posts.
    assert await found(api, his, "walrus") == []
    assert await found(api, None, "walrus") == []
    await api.site.db.write(lambda tx: actors.change(tx, ada.id, indexable=True))
    assert await found(api, his, "walrus") == await found(api, his, "walrus in:public") == [str(post.id)]
    assert await found(api, his, "walrus in:library") == []
    assert await found(api, None, "walrus") == []  # the text of posts is searched with a token
    shown = (await api.get("/api/v2/search?q=walrus", his)).json
    assert [one["id"] for one in shown["statuses"]] == [str(post.id)]
    assert shown["statuses"][0]["favourited"] is False


async def test_what_one_had_to_do_with_is_found(api: Api, ada: Actor, ben: Actor) -> None:
    his = await api.token(ben)
    made = [await api.publish(ada, f"walrus {number}") for number in range(4)]
    voted = await api.publish(ada, "walrus?", poll=PollDraft(("yes", "no")))
    named = await api.publish(ada, "walrus @ben")

    def unit(tx: object) -> None:
        reactions.like(tx, api.site, ben, made[0])  # type: ignore[arg-type]
        reactions.boost(tx, api.site, ben, made[1])  # type: ignore[arg-type]
        reactions.bookmark(tx, api.site, ben.id, made[2])  # type: ignore[arg-type]
        polls.vote(tx, api.site, ben, voted, [0])  # type: ignore[arg-type]

    await api.site.db.write(unit)
    assert await found(api, his, "walrus") == [str(one.id) for one in (named, voted, *made[2::-1])]


async def test_the_gate_decides(api: Api, ada: Actor, ben: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    await api.site.db.write(lambda tx: actors.change(tx, ada.id, indexable=True))
    for visibility in ("followers", "direct"):
        post = await api.publish(ada, f"walrus {visibility}", visibility=visibility)
        assert await found(api, his, f"walrus {visibility}") == []
        assert await found(api, mine, f"walrus {visibility}") == [str(post.id)]
    # A page is as full as it would be if these posts did not exist.
    shown = [await api.publish(ada, f"walrus {number}") for number in range(3)]
    await api.publish(ada, "walrus hidden", visibility="followers")
    assert await found(api, his, "walrus", limit=2) == [str(one.id) for one in shown[:0:-1]]
    assert await found(api, his, "walrus", limit=2, offset=2) == [str(shown[0].id)]
    assert await found(api, his, "walrus", max_id=shown[1].id) == [str(shown[0].id)]
    assert await found(api, his, "walrus", min_id=shown[1].id) == [str(shown[2].id)]
    assert await found(api, his, "walrus", account_id=ben.id) == []
    # What nobody sees any more takes no place on a page, nor does what one could see once.
    chi = await api.person("chi")
    await api.site.db.write(lambda tx: actors.change(tx, chi.id, indexable=True))
    await api.follow(ben, ada)
    once = await api.publish(ada, "walrus once", visibility="followers")
    await api.site.db.write(lambda tx: reactions.bookmark(tx, api.site, ben.id, once))
    assert await found(api, his, "walrus once") == [str(once.id)]
    for number in range(3):
        await api.publish(chi, f"walrus by chi {number}")
    await api.post(f"/api/v1/accounts/{ada.id}/unfollow", his)
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, chi))
    assert await found(api, his, "walrus", limit=2) == [str(one.id) for one in shown[:0:-1]]
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    assert await found(api, his, "walrus") == []


async def test_groups(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    club = await api.group("club", ada, see="members")
    await api.follow(ben, club)
    post = await api.publish(ben, "@club walrus inside")
    tokens = {one.username: await api.token(one) for one in (ada, ben, chi)}
    for q in ("walrus", "walrus group:club", "walrus in:!club@alpha.example", "in:club@alpha.example"):
        assert await found(api, tokens["ada"], q) == [str(post.id)], q
        assert await found(api, tokens["ben"], q) == [str(post.id)], q
        assert await found(api, tokens["chi"], q) == [], q
    await api.site.db.write(lambda tx: moderation.remove(tx, api.site, ada, post, ""))
    assert await found(api, tokens["ada"], "walrus") == await found(api, tokens["ben"], "walrus") == []
    kept = await api.site.db.read(lambda tx: rows.by_id(tx, post.id))
    assert kept is not None
    await api.site.db.write(lambda tx: moderation.restore(tx, api.site, ada, kept))
    assert await found(api, tokens["ada"], "walrus") == [str(post.id)]


async def test_edits_and_deletions(api: Api, ada: Actor) -> None:
    mine = await api.token(ada)
    post = await api.publish(ada, "walrus #sea")
    await api.site.db.write(lambda tx: posts.edit(tx, api.site, post, Draft("otter #river")))
    assert await found(api, mine, "walrus") == await found(api, mine, "sea") == []
    assert await found(api, mine, "otter river") == [str(post.id)]
    await api.ask("DELETE", f"/api/v1/statuses/{post.id}", mine)
    assert await found(api, mine, "otter") == await found(api, mine, "from:me") == []


async def test_blocks_and_mutes(api: Api, ada: Actor, ben: Actor) -> None:
    mine = await api.token(ada)
    await api.site.db.write(lambda tx: actors.change(tx, ben.id, indexable=True))
    post = await api.publish(ben, "@ada walrus")
    assert await found(api, mine, "walrus") == [str(post.id)]
    assert (await api.post(f"/api/v1/accounts/{ben.id}/mute", mine)).status == 200
    assert await found(api, mine, "walrus") == []
    names = (await api.get("/api/v2/search?q=be&type=accounts", mine)).json["accounts"]
    assert [one["username"] for one in names] == ["ben"]
    assert (await api.post(f"/api/v1/accounts/{ben.id}/unmute", mine)).status == 200
    assert await found(api, mine, "walrus") == [str(post.id)]
    assert (await api.post(f"/api/v1/accounts/{ben.id}/block", mine)).status == 200
    assert await found(api, mine, "walrus") == []
    his = await api.token(ben)
    assert (await api.get("/api/v2/search?q=ad&type=accounts", his)).json["accounts"] == []
    assert (await api.get("/api/v2/search?q=be&type=accounts", mine)).json["accounts"] == []
    # Named exactly they are there, to take the block back.
    assert [one["id"] for one in (await api.get("/api/v2/search?q=ben", mine)).json["accounts"]] == [str(ben.id)]


async def test_what_clients_ask(api: Api, ada: Actor) -> None:
    mine = await api.token(ada)
    post = await api.publish(ada, "first #Tag")
    reply = await api.publish(ada, "second", reply_to_id=post.id)
    assert await found(api, mine, "from:me", limit=1) == [str(reply.id)]  # Phanpy
    assert await found(api, mine, "from:me is:reply") == [str(reply.id)]
    assert await found(api, mine, "from:ada@alpha.example -is:reply") == [str(post.id)]
    assert await found(api, mine, post.iri) == [str(post.id)]
    shown = (await api.get("/api/v2/search?q=tag&type=hashtags&exclude_unreviewed=true", mine)).json
    assert [one["name"] for one in shown["hashtags"]] == ["tag"]
    assert shown["accounts"] == shown["statuses"] == []
    shown = (await api.get("/api/v2/search?q=ada&offset=1", mine)).json  # an offset counts with a type only
    assert [one["id"] for one in shown["accounts"]] == [str(ada.id)]
    assert (await api.get("/api/v2/search?q=ada&type=accounts&offset=1", mine)).json["accounts"] == []
    for refused in ("q=a&resolve=true", "q=a&offset=3"):
        answer = await api.get(f"/api/v2/search?{refused}")
        assert (answer.status, answer.error) == (
            401, "Search queries pagination and resolve are not supported without authentication"
        )  # fmt: skip
    for nothing in ("", "q=", "q=%20%20", "q=ada&type=nonsense"):
        assert (await api.get(f"/api/v2/search?{nothing}", mine)).json == {
            "accounts": [], "statuses": [], "hashtags": [],
        }  # fmt: skip
    assert (await api.get("/api/v2/search?q=a", await api.token(ada, "read:accounts"))).status == 403


async def test_a_group_is_found_by_its_sign(api: Api, ada: Actor) -> None:
    club = await api.group("adalovers", ada)
    mine = await api.token(ada)
    for typed in ("!ada", "!adalovers@alpha.example"):
        answer = await api.get(f"/api/v2/search?q={typed}&type=accounts", mine)
        assert [one["id"] for one in answer.json["accounts"]] == [str(club.id)]
    answer = await api.get("/api/v1/accounts/search?q=!ada", mine)
    assert [one["id"] for one in answer.json] == [str(club.id)]
    answer = await api.get("/api/v1/accounts/search?q=ada&following=true", mine)
    assert [one["id"] for one in answer.json] == [str(club.id)]


async def test_the_network_is_asked_once_and_only_for_whole_addresses(api: Api, ada: Actor, world: World) -> None:
    """Elk sends each keystroke twice, with resolve=true."""
    peer = Peer(world, "beta.example")
    dora = peer.actor("dora")
    note = peer.note(dora, "walrus")
    mine = await api.token(ada)

    async def twice(typed: str) -> list[list[str]]:
        path = f"/api/v2/search?type=accounts&limit=25&resolve=true&q={quote(typed, safe='')}"
        answers = await asyncio.gather(api.get(path, mine), api.get(path, mine))
        return [[one["acct"] for one in answer.json["accounts"]] for answer in answers]

    handle = "@dora@beta.example"
    for end in range(1, len("@dora@beta.") + 1):
        assert await twice(handle[:end]) == [[], []]
    assert world.asked == []
    assert await twice(handle) == [["dora@beta.example"]] * 2
    questions = len(world.asked)
    assert questions == 3, world.asked  # WebFinger, the actor, and WebFinger back
    # Known by now: nobody is asked again, whoever looks for it and by which name.
    assert await twice(handle) == await twice("dora@beta.example") == await twice(dora) == [["dora@beta.example"]] * 2
    assert len(world.asked) == questions
    assert [one["acct"] for one in (await api.get("/api/v1/accounts/search?q=dora@beta.example&resolve=1", mine)).json] == [
        "dora@beta.example"
    ]  # fmt: skip
    assert len(world.asked) == questions
    # A post by its address: what is there, then the post; and never again.
    for _ in range(2):
        shown = (await api.get(f"/api/v2/search?q={quote(note['id'])}&resolve=true", mine)).json
        assert [one["uri"] for one in shown["statuses"]] == [note["id"]]
        assert len(world.asked) == questions + 2
    questions += 1
    # What is not there is asked for once in a minute.
    for _ in range(3):
        assert await twice("@nobody@beta.example") == [[], []]
    assert len(world.asked) == questions + 2
    # Without resolve nobody is asked.
    await api.get("/api/v2/search?q=@other@beta.example", mine)
    assert len(world.asked) == questions + 2


async def test_one_person_asks_only_so_often(api: Api, ada: Actor, ben: Actor, world: World) -> None:
    Peer(world, "beta.example")
    mine = await api.token(ada)
    most = searching.RESOLVING[1]
    for number in range(most + 10):
        answer = await api.get(f"/api/v2/search?resolve=true&q=@nobody{number}@beta.example", mine)
        assert (answer.status, answer.json["accounts"]) == (200, [])
    assert len(world.asked) == most
    await api.get("/api/v2/search?resolve=true&q=@somebody@beta.example", await api.token(ben))
    assert len(world.asked) == most + 1


async def test_blocked_hosts_are_not_found(api: Api, ada: Actor, world: World) -> None:
    peer = Peer(world, "beta.example")
    dora = peer.actor("dora", indexable=True)
    note = peer.note(dora, "walrus")
    mine = await api.token(ada)
    await api.get(f"/api/v2/search?q={quote(note['id'])}&resolve=true", mine)
    assert len((await api.get("/api/v2/search?q=dor", mine)).json["accounts"]) == 1
    assert len(await found(api, mine, "walrus")) == 1
    await api.site.db.write(lambda tx: peers.change(tx, "beta.example", stance="blocked"))
    assert (await api.get("/api/v2/search?q=dor", mine)).json["accounts"] == []
    assert await found(api, mine, "walrus") == []


HOSTILE = ['"', "*", "NEAR(a b)", "a AND", "words:", "%", "東", "x" * 10_000, "the of", "' OR 1=1", "-a", "from:" * 300]


async def test_nothing_typed_is_an_error(api: Api, ada: Actor) -> None:
    mine = await api.token(ada)
    await api.publish(ada, "a the of")
    for typed in HOSTILE:
        for kind in ("", "accounts", "statuses", "hashtags"):
            answer = await api.get(f"/api/v2/search?q={quote(typed)}&type={kind}&resolve=true", mine)
            assert answer.status == 200, typed
        assert (await api.get(f"/api/v1/accounts/search?q={quote(typed)}", mine)).status == 200
