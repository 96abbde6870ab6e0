"""Groups that only their members read, whose members are at several servers of several kinds: every word stays with them.

Words that must not get out are canaries; who gets one is looked for in everything that was sent and everything that can be
asked for.
"""

from functools import partial

import msgspec
import pytest

from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get
from fedi import fetching, visibility
from fedi.actions import follows, moderation, posts, reactions
from fedi.actions.posts import Draft
from storage import actors, links, outbox, peers
from storage import follows as follow_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from tests.stories.conftest import Three
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio

PUBLIC = (b"activitystreams#Public", b'"as:Public"', b'"Public"')


async def let_in(instance: Instance, group: Actor, *everyone: Instance) -> None:
    """A moderator lets everyone in who asked."""
    await settle(instance, *everyone)
    for request in instance.read(partial(follow_rows.followers, target_id=group.id, limit=50, state="pending")):
        instance.write(partial(follows.accept, site=instance.site, follow=request))
    await settle(instance, *everyone)


async def ask(instance: Instance, person: Actor, handle: str) -> Actor:
    """`person` asks to join the group with this handle."""
    target = await fetching.actor(instance.site, handle)
    instance.write(lambda tx: follows.follow(tx, instance.site, person, target))
    return target


def publish(instance: Instance, author: Actor, text: str, reply_to: Post | None = None) -> Post:
    """`author` writes a post."""
    draft = Draft(text, reply_to_id=reply_to.id if reply_to else None)
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, draft))


def sent_with(three: Three, word: str) -> set[str]:
    """The inboxes that this word was sent to."""
    return {url for _, url, body in three.world.sent if word.encode() in body}


def put_out(instance: Instance, group: Actor, iri: str) -> None:
    """A moderator bans an actor from a group."""
    who = instance.actor(iri)

    def unit(tx: Tx) -> None:
        [owner] = [one for one in actors.local(tx) if one.username == "olga"]
        moderation.ban(tx, instance.site, owner, group, who, "no more", None, remove_posts=False)

    instance.write(unit)


async def closed(three: Three, *more: Peer) -> tuple[Actor, Actor, Actor, Actor]:
    """A private group with members at three universities and one at each of `more`."""
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("thesis", olga, join_mode="approval", see="members")
    ada, chi = beta.person("ada"), gamma.person("chi")
    await ask(beta, ada, "thesis@alpha.example")
    await ask(gamma, chi, "thesis@alpha.example")
    for peer in more:
        member = peer.actor("member")
        await peer.send(alpha, peer.activity("Follow", member, group.iri))
    await let_in(alpha, group, beta, gamma)
    return group, olga, ada, chi


async def test_each_kind_of_software_gets_what_keeps_it_private(three: Three) -> None:
    alpha, beta, gamma = three.all
    kinds = {name: Peer(three.world, f"{name}.example", name) for name in ("mastodon", "lemmy", "mbin", "unheardof")}
    silent = kinds["silent"] = Peer(three.world, "silent.example")
    group, olga, ada, chi = await closed(three, *kinds.values())
    start = len(three.world.sent)
    thread = publish(alpha, olga, "@thesis Chapter <two>\n\ncanary-body")
    await settle(*three.all)
    answer = publish(beta, ada, "canary-answer", reply_to=beta.post(thread.iri))
    gamma.write(lambda tx: reactions.like(tx, gamma.site, chi, gamma.post(thread.iri)))
    alpha.write(lambda tx: posts.edit(tx, alpha.site, thread, Draft("@thesis Chapter <two>\n\ncanary-edit")))
    await settle(*three.all)

    shared = {"https://beta.example/inbox", "https://gamma.example/inbox", "https://lemmy.example/inbox"}
    own = {f"https://{name}.example/users/member/inbox" for name in ("mbin", "unheardof", "silent")}
    assert sent_with(three, "canary-body") == shared | own
    assert sent_with(three, "canary-edit") >= shared | own
    assert sent_with(three, "canary-answer") == shared | own | {"https://alpha.example/inbox"}
    for _, url, body in three.world.sent[start:]:
        document = msgspec.json.decode(body)
        if document.get("type") != "Update" or document["object"].get("type") != "Group":
            assert not any(word in body for word in PUBLIC), (url, body)

    # A microblog shows nothing of what a group passes on: its member gets a few words, and no word of what was said.
    [note] = kinds["mastodon"].got("Create")
    member = kinds["mastodon"].iri("/users/member")
    assert (note["actor"], note["to"], note["object"]["to"]) == (group.iri, [member], [member])
    assert thread.url in note["object"]["content"]
    assert "Chapter &lt;two&gt;" in note["object"]["content"]
    assert "@olga@alpha.example" in note["object"]["content"]
    assert [tag["href"] for tag in note["object"]["tag"]] == [member]
    assert kinds["mastodon"].got("Announce") == []
    assert sorted(one["object"]["type"] for one in silent.got("Announce")) == ["Create", "Create", "Like", "Update"]
    assert len(silent.got("Create")) == 1
    for name in ("lemmy", "mbin"):
        assert kinds[name].got("Create") == [], name
    assert gamma.post(answer.iri).visibility == "members"
    # It says who is a member, so it is for that one's server, whichever others have members.
    for key, status in ((kinds["mastodon"].keys[member], 200), (key_of(beta), 404)):
        signed = sign_get(key, note["id"], alpha.site.clock())
        asked = {name.lower(): value for name, value in signed.items()} | {"accept": "application/activity+json"}
        assert (await call(alpha.app, "GET", note["id"], asked)).status == status


async def test_who_moderates_names_nobody_outside(three: Three) -> None:
    alpha, beta, _ = three.all
    group, olga, ada, _ = await closed(three)
    outsider = Peer(three.world, "outsider.example", "lemmy")
    thread = publish(beta, ada, "@thesis@alpha.example canary-body")
    await settle(*three.all)
    start = len(three.world.sent)
    here = alpha.post(thread.iri)
    alpha.write(lambda tx: moderation.pin(tx, alpha.site, olga, group, here))
    alpha.write(lambda tx: moderation.lock(tx, alpha.site, olga, here, "canary-lock"))
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, olga, here, "canary-removal"))
    put_out(alpha, group, ada.iri)
    await settle(*three.all)
    assert outsider.inbox == []
    for _, url, body in three.world.sent[start:]:
        assert not any(word in body for word in PUBLIC), (url, body)


@pytest.mark.parametrize("how", ["left", "put out", "blocked", "suspended"])
async def test_who_is_out_gets_nothing_more_not_even_what_waited(three: Three, how: str) -> None:
    alpha, beta, gamma = three.all
    group, olga, ada, chi = await closed(three)
    before = publish(alpha, olga, "@thesis canary-before")
    await settle(*three.all)
    three.world.down.add("gamma.example")
    publish(alpha, olga, "@thesis canary-waits")
    await settle(alpha, beta)
    at_alpha = alpha.actor(chi.iri)
    if how == "left":
        at_gamma = gamma.actor(group.iri)
        gamma.write(lambda tx: follows.unfollow(tx, gamma.site, chi, at_gamma))
        await settle(gamma, alpha)
    elif how == "put out":
        put_out(alpha, group, chi.iri)
    elif how == "blocked":
        alpha.write(lambda tx: peers.change(tx, "gamma.example", stance="blocked"))
    else:
        alpha.write(lambda tx: actors.change(tx, at_alpha.id, state="suspended"))
    three.world.down.clear()
    alpha.write(lambda tx: alpha_links(tx, "gamma.example"))
    publish(alpha, olga, "@thesis canary-after", reply_to=before)
    publish(alpha, olga, "@thesis @chi@gamma.example canary-named")
    reply = publish(beta, ada, "canary-reply", reply_to=beta.post(before.iri))
    alpha.write(lambda tx: posts.edit(tx, alpha.site, before, Draft("@thesis canary-edit")))
    await settle(*three.all)
    for word in ("canary-waits", "canary-after", "canary-named", "canary-reply", "canary-edit"):
        reached = {url.split("/")[2] for url in sent_with(three, word)}
        assert reached == {"beta.example"} | ({"alpha.example"} if word == "canary-reply" else set()), word
    found = await crawl(three, alpha, [before, alpha.post(reply.iri)], group, key_of(gamma))
    assert b"canary" not in found


async def test_who_is_put_out_gets_nothing_by_being_named_though_another_of_the_host_is_in(three: Three) -> None:
    alpha = three.alpha
    olga = alpha.person("olga")
    group = alpha.group("thesis", olga, join_mode="approval", see="members")
    mbin = Peer(three.world, "mbin.example", "mbin")
    for name in ("stays", "goes"):
        await mbin.send(alpha, mbin.activity("Follow", mbin.actor(name), group.iri))
    await let_in(alpha, group)
    put_out(alpha, group, mbin.iri("/users/goes"))
    publish(alpha, olga, "@thesis @goes@mbin.example canary-named")
    await settle(alpha)
    assert sent_with(three, "canary-named") == {mbin.iri("/users/stays/inbox")}


def alpha_links(tx: Tx, host: str) -> None:
    """Try a host at once that was away."""
    links.wake(tx, host, 2**60)
    tx.execute(links.links.update().where(links.links.c.host == host).values(next_attempt_at=0))


def key_of(instance: Instance) -> PrivateKey:
    """The key that an instance signs its fetches with."""
    return instance.read(lambda tx: instance.site.private_key(tx, instance.site.instance_iri))


async def crawl(
    three: Three, instance: Instance, about: list[Post], group: Actor, key: PrivateKey | None, **headers: str
) -> bytes:
    """Everything that an instance shows of posts and their group to whoever signs with `key`, by every way there is."""
    origin = instance.site.config.origin
    base = group.iri.removeprefix(origin)
    names = ("outbox", "featured", "followers", "following", "moderators", "threads", "liked")
    paths = [base, f"/@{group.username}", *(f"{base}/{name}{page}" for name in names for page in ("", "?page=true"))]
    for post in about:
        path = post.iri.removeprefix(origin)
        parts = ("", "/activity", "/likes", "/shares", "/replies", "/replies?page=1", "/context", "/context/history")
        paths += [f"{path}{part}" for part in parts] if post.local else []
        thread = f"{base}/threads/{post.root_id}"
        paths += [
            f"{thread}{part}" for part in ("", "?page=1", "?page=true", "/history", "/history?page=1", "?items=1")
        ]
        paths += [f"/api/v1/statuses/{post.id}{part}" for part in ("", "/context", "/history", "/card", "/source")]
        paths += [f"/@{group.username}/{post.id}", f"/api/v2/search?q={post.iri}&resolve=true"]
    paths += ["/api/v1/timelines/public", f"/api/v1/accounts/{group.id}/statuses", "/search?q=canary", "/nodeinfo/2.1"]
    rows = instance.read(
        lambda tx: outbox.of_actor(tx, group.id, ("Announce", "Create", "Undo", "Delete", "Reject"), 100)
    )
    paths += [row.activity_id.removeprefix(origin) for row in rows]
    rows = instance.read(lambda tx: outbox.by_positions(tx, list(range(1, 300)))).values()  # type: ignore[assignment]
    paths += [row.activity_id.removeprefix(origin) for row in rows]
    found = []
    for path in dict.fromkeys(paths):
        for accept in ("application/activity+json", "text/html", "application/json"):
            sent = {"accept": accept, **headers}
            if key is not None:
                sent = {k.lower(): v for k, v in sign_get(key, origin + path, instance.site.clock()).items()} | sent
            answer = await call(instance.app, "GET", origin + path, sent)
            assert answer.status < 500, (path, accept, answer.body)
            found.append(answer.body)
    return b"\n".join(found)


async def test_only_a_host_with_a_member_finds_it_by_any_road(three: Three) -> None:
    alpha, beta, gamma = three.all
    group, olga, ada, _ = await closed(three)
    asking = Peer(three.world, "asking.example", "lemmy")
    waits = asking.actor("waits")
    await asking.send(alpha, asking.activity("Follow", waits, group.iri))
    outsider = Peer(three.world, "outsider.example", "mastodon")
    mallory = outsider.actor("mallory")
    thread = publish(alpha, olga, "@thesis canary-title\n\ncanary-body #canarytag")
    await settle(*three.all)
    answer = publish(beta, ada, "canary-answer", reply_to=beta.post(thread.iri))
    deleted = publish(alpha, olga, "canary-deleted", reply_to=thread)
    removed = publish(alpha, olga, "canary-removed", reply_to=thread)
    await settle(*three.all)
    alpha.write(lambda tx: posts.delete(tx, alpha.site, deleted, olga))
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, olga, alpha.post(removed.iri), "canary-reason"))
    alpha.write(lambda tx: moderation.pin(tx, alpha.site, olga, group, thread))
    await settle(*three.all)
    about = [alpha.post(one.iri) for one in (thread, answer, deleted, removed)]
    for name, key in (
        ("nobody", None),
        ("who waits", asking.keys[waits]),
        ("an outsider", outsider.keys[mallory]),
    ):
        found = await crawl(three, alpha, about, group, key)
        assert b"canary" not in found, name
        # Nor that there is anything: a post of which nothing is said, deleted or not, is not there.
        if key is not None:
            for one in about:
                if one.local:
                    signed = {k.lower(): v for k, v in sign_get(key, one.iri, alpha.site.clock()).items()}
                    assert (await call(alpha.app, "GET", one.iri, signed)).status == 404, (name, one.iri)
    found = await crawl(three, alpha, about, group, key_of(gamma))
    for word in (b"canary-title", b"canary-body", b"canary-answer"):
        assert word in found, word
    assert b"canary-deleted" not in found
    assert b"canary-removed" not in found
    # At a member's server its own people who are not in the group find nothing either.
    found = await crawl(three, gamma, [gamma.post(thread.iri)], gamma.actor(group.iri), None)
    assert b"canary" not in found
    assert outsider.inbox == []
    assert [one["type"] for one in asking.inbox] == []


async def test_a_follow_of_a_private_group_of_lemmy_waits_for_its_answer_and_gets_no_word_before(three: Three) -> None:
    beta = three.beta
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    club = lemmy.actor("club", "Group", manuallyApprovesFollowers=True)
    author = lemmy.actor("author")
    ada, other = beta.person("ada"), beta.person("other")
    there = await ask(beta, ada, "club@lemmy.example")
    await settle(beta)
    assert beta.read(lambda tx: follow_rows.find(tx, ada.id, there.id)) is not None
    [follow] = lemmy.got("Follow")
    page = lemmy.note(
        author, "1", type="Page", to=[club, f"{club}/followers"], cc=[], audience=club, content="canary-1"
    )
    create = lemmy.activity("Create", author, page, to=[club, f"{club}/followers"], cc=[], audience=club)
    early = lemmy.activity("Announce", club, create, to=[f"{club}/followers"], cc=[])
    await lemmy.send(beta, early)
    await settle(beta)
    assert not beta.has(page["id"])
    await lemmy.send(beta, lemmy.activity("Accept", club, follow))
    await settle(beta)
    await lemmy.send(beta, {**early, "id": lemmy.iri("/announces/2")})
    await settle(beta)
    assert beta.post(page["id"]).visibility == "members"
    known = beta.post(page["id"])
    assert beta.read(lambda tx: visibility.may_see(tx, visibility.person(ada.id), known))
    assert not beta.read(lambda tx: visibility.may_see(tx, visibility.person(other.id), known))
    answer = publish(beta, ada, "canary-2", reply_to=known)
    await settle(beta)
    assert sent_with(three, "canary-2") == {"https://lemmy.example/inbox"}
    [sent] = [one for one in lemmy.got("Create") if one["object"]["id"] == answer.iri]
    assert not any(word in msgspec.json.encode(sent) for word in PUBLIC)
    # The group puts her out: what she could see is gone at once.
    await lemmy.send(beta, lemmy.activity("Reject", club, follow))
    await settle(beta)
    assert not beta.read(lambda tx: visibility.may_see(tx, visibility.person(ada.id), known))


async def test_who_posts_without_being_in_is_told_once_a_day(three: Three) -> None:
    alpha = three.alpha
    group = alpha.group("thesis", alpha.person("olga"), join_mode="approval", see="members")
    mastodon, lemmy = Peer(three.world, "mastodon.example", "mastodon"), Peer(three.world, "lemmy.example", "lemmy")
    for peer in (mastodon, lemmy):
        stranger = peer.actor("stranger")
        first = ""
        for number in range(3):
            note = peer.note(stranger, str(number), cc=[group.iri])
            create = peer.activity("Create", stranger, note, cc=[group.iri])
            await peer.send(alpha, create)
            await settle(alpha)
            first = first or create["id"]
        if peer is lemmy:
            [told] = peer.got("Reject")
            assert (told["actor"], told["object"]["type"], told["object"]["id"]) == (group.iri, "Create", first)
            assert "Only members post" in told["summary"]
            assert peer.got("Create") == []
        else:
            [told] = peer.got("Create")
            assert told["to"] == told["object"]["to"] == [stranger]
            assert "Only members post" in told["object"]["content"]
            assert peer.got("Reject") == []


async def test_a_member_by_join_is_answered_to_the_join_and_leaves_by_leave(three: Three) -> None:
    alpha = three.alpha
    group = alpha.group("open", alpha.person("olga"))
    mobilizon = Peer(three.world, "mobilizon.example", "mobilizon")
    member = mobilizon.actor("member")
    join = mobilizon.activity("Join", member, group.iri)
    await mobilizon.send(alpha, join)
    await settle(alpha)
    [accepted] = mobilizon.got("Accept")
    assert (accepted["object"]["type"], accepted["object"]["id"]) == ("Join", join["id"])
    known = alpha.actor(member)
    assert alpha.read(lambda tx: follow_rows.find(tx, known.id, group.id)) is not None
    await mobilizon.send(alpha, mobilizon.activity("Leave", member, group.iri))
    await settle(alpha)
    assert alpha.read(lambda tx: follow_rows.find(tx, known.id, group.id)) is None


async def test_a_blocked_hosts_words_come_in_by_nobody(three: Three) -> None:
    """Neither boosted by somebody who is welcome, nor passed on by a group that is, with a proof or without."""
    alpha, beta, gamma = three.all
    beta.group("club", beta.person("bert"))
    ann, chi = alpha.person("ann"), gamma.person("chi")
    await ask(alpha, ann, "club@beta.example")
    await ask(gamma, chi, "club@beta.example")
    await settle(*three.all)
    alpha.write(lambda tx: peers.meet(tx, "gamma.example", 0))
    alpha.write(lambda tx: peers.change(tx, "gamma.example", stance="blocked"))
    post = publish(gamma, chi, "@club@beta.example canary-blocked")
    plain = publish(gamma, chi, "canary-plain")
    await settle(*three.all)
    bert = beta.actor("https://beta.example/people/bert")
    at_alpha = await fetching.actor(alpha.site, "bert@beta.example")
    alpha.write(lambda tx: follows.follow(tx, alpha.site, ann, at_alpha))
    await settle(*three.all)
    for one in (post, plain):
        found = await fetching.post(beta.site, one.iri)
        assert found is not None
        beta.write(partial(reactions.boost, site=beta.site, actor=bert, post=found))
    await settle(*three.all)
    assert not alpha.has(post.iri)
    assert not alpha.has(plain.iri)
