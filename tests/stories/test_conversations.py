"""Threads as collections: a university that joins late has the whole of it in few questions, and believes no one too much."""

from typing import Any

import msgspec
import pytest

from federation.errors import Refused
from federation.signatures.keys import generate_rsa
from fedi import fetching
from fedi.actions import posts as post_actions
from fedi.actions import reactions
from fedi.actions.posts import Draft
from fedi.text import to_text
from fedi.worker import backfill as job
from storage import backfills, replies, timelines
from storage.actors import Actor
from storage.posts import Post
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def thread_at(instance: Instance, iri: str) -> list[str]:
    """The IRIs of the posts of a thread in order, as this instance has it."""
    root = instance.post(iri)
    return [post.iri for post in instance.read(lambda tx: replies.thread(tx, root.root_id or root.id))]


def asked_of(three: Three, instance: Instance, since: int = 0) -> list[str]:
    """The paths that others asked `instance` for since the question of this number, discovery of actors left out."""
    paths = [url.removeprefix(instance.site.config.origin) for host, url in three.world.asked[since:]
             if host == instance.name]  # fmt: skip
    return [path for path in paths if "/outbox" in path or "/threads/" in path or "/posts/" in path]


async def converse(three: Three, number: int, **group: Any) -> tuple[Actor, list[Post]]:
    """A group at alpha in which `number` posts make a thread, all by two people of beta."""
    alpha, beta, _ = three.all
    made = alpha.group("mlops", alpha.person("olga"), **group)
    ada, bob = beta.person("ada"), beta.person("bob")
    for person in (ada, bob):
        await join(beta, person, "mlops@alpha.example")
    await settle(*three.all)
    written = [publish(beta, ada, "@mlops@alpha.example Who reads a paper on drift?")]
    for at in range(1, number):
        # Some answer the first post, some the one before.
        above = written[-1] if at % 3 == 0 else written[0]
        written.append(publish(beta, (ada, bob)[at % 2], f"answer {at}", reply_to=above))
    await settle(*three.all)
    return made, written


@pytest.mark.parametrize("see", ["public", "members"])
async def test_who_joins_late_has_forty_posts_in_three_questions(three: Three, see: str) -> None:
    alpha, beta, gamma = three.all
    _, written = await converse(three, 40, see=see)
    chi = gamma.person("chi")
    before = len(three.world.asked)
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)

    assert thread_at(gamma, written[0].iri) == [post.iri for post in written]
    paths = asked_of(three, alpha, before)
    assert len(paths) <= 3, paths
    assert asked_of(three, beta, before) == [], "what is proven is not asked for again"
    group = gamma.actor("https://alpha.example/groups/mlops")
    for post in written:
        known = gamma.post(post.iri)
        assert (known.group_id, known.visibility) == (group.id, see)
        assert to_text(known.content) == to_text(post.content)
    # The thread stands among the group's posts, once, at its own time, and nobody is told of old answers.
    assert [post.iri for post in home(gamma, chi)] == [written[0].iri]
    entries = gamma.read(lambda tx: timelines.of_actor(tx, group.id, timelines.Page(limit=50)))
    assert [entry.post_id for entry in entries] == [gamma.post(written[0].iri).id]


async def test_an_answer_in_an_unknown_thread_brings_the_thread(three: Three) -> None:
    alpha, beta, gamma = three.all
    group, written = await converse(three, 12)
    chi = gamma.person("chi")
    # As if the group had been joined long after this thread was its newest.
    gamma.write(lambda tx: backfills.claim(tx, f"{group.iri}/outbox", gamma.site.clock(), 1))
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    assert not gamma.has(written[0].iri)

    before = len(three.world.asked)
    ada = beta.actor("https://beta.example/people/ada")
    last = publish(beta, ada, "one more", reply_to=beta.post(written[5].iri))
    await settle(*three.all)
    assert thread_at(gamma, written[0].iri) == [post.iri for post in [*written, last]]
    assert len(asked_of(three, alpha, before)) <= 3
    assert gamma.post(last.iri).reply_to_id == gamma.post(written[5].iri).id


async def test_the_group_names_its_threads_to_those_who_write_in_them(three: Three) -> None:
    alpha, beta, _ = three.all
    group, [root, answer] = await converse(three, 2)
    context = f"{group.iri}/threads/{alpha.post(root.iri).id}"
    for post in (root, answer):
        assert beta.post(post.iri).context == context
        document = await beta.document(post.iri.removeprefix("https://beta.example"))
        assert document["context"] == context
    collection = await alpha.document(context.removeprefix("https://alpha.example"))
    assert (collection["type"], collection["attributedTo"]) == ("OrderedCollection", group.iri)
    assert (collection["totalItems"], collection["orderedItems"]) == (2, [root.iri, answer.iri])
    history = await alpha.document(collection["history"].removeprefix("https://alpha.example"))
    assert [(one["type"], one["object"]["id"]) for one in history["orderedItems"]] == [
        ("Create", root.iri), ("Create", answer.iri),
    ]  # fmt: skip
    assert all("proof" in one for one in history["orderedItems"])


async def test_an_edited_answer_comes_as_it_is_now(three: Three) -> None:
    _, beta, gamma = three.all
    _, written = await converse(three, 4)
    beta.write(lambda tx: post_actions.edit(tx, beta.site, written[2], Draft("better words")))
    await settle(*three.all)
    await join(gamma, gamma.person("chi"), "mlops@alpha.example")
    await settle(*three.all)
    assert "better words" in gamma.post(written[2].iri).content
    assert thread_at(gamma, written[0].iri) == [post.iri for post in written]


async def test_a_thread_of_members_is_not_there_for_others(three: Three) -> None:
    alpha, beta, gamma = three.all
    group, written = await converse(three, 3, see="members")
    context = f"{group.iri}/threads/{alpha.post(written[0].iri).id}"
    absent = f"{group.iri}/threads/{alpha.post(written[0].iri).id + 1}"
    for iri in (context, f"{context}/history"):
        found = await fetching.document(beta.site, iri)  # signed, by a host with members
        assert len(found.document["orderedItems"]) == 3
        with pytest.raises(Refused) as refused:
            await fetching.document(gamma.site, iri)
        assert refused.value.answered == 404
        hidden = await alpha.get(iri.removeprefix("https://alpha.example"), accept="application/activity+json")
        nothing = await alpha.get(absent.removeprefix("https://alpha.example"), accept="application/activity+json")
        assert (hidden.status, hidden.body) == (nothing.status, nothing.body) == (404, nothing.body)


async def test_what_was_deleted_is_in_no_collection(three: Three) -> None:
    alpha, beta, _ = three.all
    _, written = await converse(three, 3)
    ada = beta.actor("https://beta.example/people/ada")
    beta.write(lambda tx: post_actions.delete(tx, beta.site, written[2], ada))
    await settle(*three.all)
    collection = await alpha.document(f"/groups/mlops/threads/{alpha.post(written[0].iri).id}")
    assert (collection["totalItems"], collection["orderedItems"]) == (2, [written[0].iri, written[1].iri])
    history = await alpha.document(f"/groups/mlops/threads/{alpha.post(written[0].iri).id}/history")
    assert [one["object"]["id"] for one in history["orderedItems"]] == [written[0].iri, written[1].iri]


async def test_a_thread_outside_of_groups_is_its_author_s(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, olga = beta.person("ada"), alpha.person("olga")
    await join(alpha, olga, "ada@beta.example")
    await settle(*three.all)
    root = publish(beta, ada, "Who is at the library?")
    await settle(*three.all)
    answer = publish(alpha, olga, "@ada@beta.example I am.", reply_to=alpha.post(root.iri))
    await settle(*three.all)
    second = publish(beta, ada, "So am I.", reply_to=root)
    await settle(*three.all)
    there = alpha.post(root.iri)
    alpha.write(lambda tx: reactions.like(tx, alpha.site, olga, there))
    await settle(*three.all)
    path = root.iri.removeprefix("https://beta.example")
    document = await beta.document(path)
    assert document["context"] == f"{root.iri}/context"
    assert "contextHistory" not in document
    assert document["likes"] == {"id": f"{root.iri}/likes", "type": "Collection", "totalItems": 1}
    collection = await beta.document(f"{path}/context")
    assert collection["attributedTo"] == ada.iri
    assert [one if isinstance(one, str) else one["id"] for one in collection["orderedItems"]] == [
        root.iri, answer.iri, second.iri,
    ]  # fmt: skip
    replies = await beta.document(f"{path}/replies")
    assert (replies["totalItems"], replies["repliesOf"]) == (2, root.iri)
    assert replies["first"]["items"] == [second.iri, answer.iri], "those of the same host first (FEP-7458)"
    for name, total in (("likes", 1), ("shares", 0)):
        counted = await beta.document(f"{path}/{name}")
        assert (counted["totalItems"], counted[f"{name}Of"]) == (total, root.iri)
        assert "items" not in counted


def forum(three: Three, software: str = "lemmy") -> tuple[Peer, str, str]:
    """A group at another server, with its moderator: (the server, the group, the person)."""
    peer = Peer(three.world, "forum.example", software)
    group = peer.actor("cats", "Group")
    return peer, group, peer.actor("mia")


async def join_forum(instance: Instance, person: Actor, peer: Peer, group: str) -> None:
    """`person` joins a group at a server that is not ours."""
    await join(instance, person, group.removeprefix("https://") and f"cats@{peer.host}")
    await settle(instance)
    [follow] = peer.got("Follow")[-1:]
    await peer.send(instance, peer.activity("Accept", group, follow))


def context_of(peer: Peer, group: str, items: list[Any], **more: Any) -> str:
    """A thread's collection at a server that is not ours; its IRI."""
    iri = peer.iri("/post/1/context")
    peer.documents[iri] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": iri, "type": "OrderedCollection",
        "attributedTo": group, "totalItems": len(items), "orderedItems": items, **more,
    }  # fmt: skip
    return iri


async def test_a_lemmy_community_s_threads_come_with_its_outbox(three: Three) -> None:
    alpha = three.alpha
    peer, group, mia = forum(three)
    to = {"to": [group, PUBLIC], "audience": group}
    context = peer.iri("/post/1/context")
    page = peer.note(mia, "page", type="Page", context=context, **to)
    page["name"] = "Cats"
    answers = [peer.note(mia, f"answer-{at}", inReplyTo=page["id"], published=f"2026-11-01T12:0{at}:00Z", **to)
               for at in range(1, 6)]  # fmt: skip
    context_of(peer, group, [page["id"], *(answer["id"] for answer in answers)])
    create = peer.activity("Create", mia, page)
    announce = peer.activity("Announce", group, create, published="2026-11-01T12:00:01Z")
    peer.documents[f"{group}/outbox"] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": f"{group}/outbox", "type": "OrderedCollection",
        "totalItems": 1, "orderedItems": [announce],
    }  # fmt: skip
    await join_forum(alpha, alpha.person("olga"), peer, group)
    await settle(alpha)
    assert thread_at(alpha, page["id"]) == [page["id"], *(answer["id"] for answer in answers)]
    assert alpha.post(answers[0]["id"]).group_id == alpha.actor(group).id
    assert peer.asked.count(context) == 1


async def test_what_a_group_makes_up_is_not_believed(three: Three) -> None:
    """Neither an activity of another host without a proof, nor with a broken one, nor a post that answers nothing in it."""
    alpha, beta, _ = three.all
    ada = beta.person("ada")
    true_post = publish(beta, ada, "I like dogs.")
    peer, group, mia = forum(three)
    await join_forum(alpha, alpha.person("olga"), peer, group)
    await settle(*three.all)
    to = {"to": [group, PUBLIC], "audience": group}
    root = peer.note(mia, "root", **to)
    forged = {
        "id": true_post.iri, "type": "Note", "attributedTo": ada.iri, "content": "<p>I hate dogs.</p>",
        "to": [PUBLIC, group], "inReplyTo": root["id"], "published": "2026-11-01T12:00:00Z",
    }  # fmt: skip
    made_up = forged | {"id": f"{ada.iri}/posts/1"}
    broken = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod",
              "verificationMethod": f"{ada.iri}#ed25519-key", "proofValue": "z" + "1" * 64}  # fmt: skip

    def create(held: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"@context": "https://www.w3.org/ns/activitystreams", "id": f"{held['id']}/activity", "type": "Create",
                "actor": ada.iri, "object": held, "to": [PUBLIC], **more}  # fmt: skip

    other = peer.iri("/activities/x")
    history = peer.iri("/post/1/history")
    in_own_name = create(made_up) | {"id": other}
    peer.documents[history] = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": history, "type": "OrderedCollection",
        "orderedItems": [root, create(forged), create(made_up, proof=broken), in_own_name, made_up, 7, None, {}],
    }  # fmt: skip
    context = context_of(peer, group, [root["id"], forged, made_up, "not an iri", "https://nowhere.example/1"],
                         history=history)  # fmt: skip
    announce = peer.activity("Announce", group, peer.activity("Create", mia, root), context=context)
    answer = peer.note(mia, "answer", inReplyTo=peer.iri("/notes/unknown"), **to)
    await peer.send(alpha, announce)
    announce = peer.activity("Announce", group, peer.activity("Create", mia, answer), context=context)
    await peer.send(alpha, announce)
    await settle(*three.all)
    assert peer.asked.count(context) == 1
    assert alpha.post(true_post.iri).content == true_post.content, "the origin was asked, and said what it says"
    assert alpha.post(true_post.iri).group_id is None, "it answers nothing in the group"
    assert not alpha.has(made_up["id"])


async def test_a_collection_without_end_is_left(three: Three) -> None:
    alpha = three.alpha
    peer, group, mia = forum(three)
    await join_forum(alpha, alpha.person("olga"), peer, group)
    await settle(alpha)
    to = {"to": [group, PUBLIC], "audience": group}
    for at in range(100):
        iri = peer.iri(f"/page/{at}")
        peer.documents[iri] = {
            "@context": "https://www.w3.org/ns/activitystreams", "id": iri, "type": "OrderedCollectionPage",
            "orderedItems": [peer.note(mia, f"n{at}-{nr}", **to)["id"] for nr in range(3)],
            "next": peer.iri(f"/page/{at + 1}"),
        }  # fmt: skip
    context = context_of(peer, group, [], first=peer.iri("/page/0"))
    answer = peer.note(mia, "answer", inReplyTo=peer.iri("/notes/unknown"), **to)
    await peer.send(alpha, peer.activity("Announce", group, peer.activity("Create", mia, answer), context=context))
    before = len(peer.asked)
    await settle(alpha)
    pages = [iri for iri in peer.asked[before:] if "/page/" in iri]
    assert 1 <= len(pages) <= job.PAGES
    notes = [iri for iri in peer.asked[before:] if "/notes/n" in iri]
    assert len(pages) + len(notes) <= job.REQUESTS

    # Asked again at once, nothing happens; a quarter of an hour later it does.
    await peer.send(alpha, peer.activity("Announce", group, peer.activity("Create", mia, answer), context=context))
    await settle(alpha)
    assert peer.asked.count(context) == 1


async def test_a_thread_of_a_microblog_comes_by_its_answers(three: Three) -> None:
    alpha = three.alpha
    peer = Peer(three.world, "blog.example", "mastodon")
    zoe = peer.actor("zoe")
    root = peer.note(zoe, "opening", replies=peer.iri("/notes/opening/replies"))
    first = peer.note(zoe, "first", inReplyTo=root["id"], published="2026-11-01T12:01:00Z",
                      replies=peer.iri("/notes/first/replies"))  # fmt: skip
    second = peer.note(zoe, "second", inReplyTo=first["id"], published="2026-11-01T12:02:00Z")
    for above, below in ((root, first), (first, second)):
        iri = f"{above['id']}/replies"
        peer.documents[iri] = {
            "@context": "https://www.w3.org/ns/activitystreams", "id": iri, "type": "Collection",
            "first": {"type": "CollectionPage", "partOf": iri, "items": [below["id"]], "next": f"{iri}?page=true"},
        }  # fmt: skip
    olga = alpha.person("olga")
    await join(alpha, olga, "zoe@blog.example")
    await settle(alpha)
    await fetching.resolve(alpha.site, root["id"])
    await settle(alpha)
    assert thread_at(alpha, root["id"]) == [root["id"], first["id"], second["id"]]
    assert alpha.post(root["id"]).replies_count == 1


async def test_an_instance_that_wants_signatures_shows_nothing_without(three: Three) -> None:
    alpha, beta, _ = three.all
    olga = alpha.person("olga")
    post = publish(alpha, olga, "for who says who they are")
    settings = msgspec.structs.replace(alpha.site.config.federation, signed_fetch=True)
    msgspec.structs.force_setattr(alpha.site.config, "federation", settings)
    paths = [post.iri.removeprefix("https://alpha.example"), "/people/olga/outbox", "/people/olga/followers"]
    paths += [f"{paths[0]}/{name}" for name in ("activity", "context", "replies", "likes", "shares")]
    for path in paths:
        answer = await alpha.get(path, accept="application/activity+json")
        assert answer.status == 401, path
        assert (await fetching.document(beta.site, f"https://alpha.example{path}")).document["id"]
    # What is needed to check a signature stays open: the instance, keys, discovery.
    assert (await alpha.document("/actor"))["type"] == "Application"
    stub = await alpha.document("/people/olga")
    assert stub["publicKey"]["owner"] == olga.iri
    assert "outbox" not in stub
    assert "name" not in stub
    assert (await fetching.actor(beta.site, olga.iri)).outbox == f"{olga.iri}/outbox"
    assert (await alpha.get("/.well-known/webfinger?resource=acct:olga@alpha.example")).status == 200


async def test_two_that_want_signatures_can_speak(three: Three) -> None:
    """Neither waits for the other to show a key first."""
    alpha, beta, _ = three.all
    for one in (alpha, beta):
        settings = msgspec.structs.replace(one.site.config.federation, signed_fetch=True)
        msgspec.structs.force_setattr(one.site.config, "federation", settings)
    olga, ada = alpha.person("olga"), beta.person("ada")
    alpha.group("mlops", olga)
    await join(beta, ada, "mlops@alpha.example")
    await settle(alpha, beta)
    question = publish(beta, ada, "@mlops@alpha.example Who reads?")
    await settle(alpha, beta)
    answer = publish(alpha, olga, "I do.", reply_to=alpha.post(question.iri))
    await settle(alpha, beta)
    assert thread_at(beta, question.iri) == [question.iri, answer.iri]


async def test_strangers_without_end_are_not_looked_up(three: Three) -> None:
    """A thread of which every post is by another person costs what a thread may cost, and no more."""
    alpha = three.alpha
    peer, group, mia = forum(three)
    await join_forum(alpha, alpha.person("olga"), peer, group)
    await settle(alpha)
    to = {"to": [group, PUBLIC], "audience": group}
    crowd = [Peer(three.world, f"crowd{at}.example") for at in range(job.STRANGERS + 40)]
    pair = generate_rsa()
    items: list[Any] = []
    for at, host in enumerate(crowd):
        one = host.iri(f"/users/u{at}")
        host.documents[one] = {
            "@context": "https://www.w3.org/ns/activitystreams", "id": one, "type": "Person",
            "preferredUsername": f"u{at}", "inbox": f"{one}/inbox",
            "publicKey": {"id": f"{one}#main-key", "owner": one, "publicKeyPem": pair.public},
        }  # fmt: skip
        note = {"id": f"{one}/note", "type": "Note", "attributedTo": one, "content": "hi", **to}
        broken = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod",
                  "verificationMethod": f"{one}#ed25519-key", "proofValue": "z" + "1" * 64}  # fmt: skip
        items.append({"@context": "https://www.w3.org/ns/activitystreams", "id": f"{one}/create", "type": "Create",
                      "actor": one, "object": note, "to": [PUBLIC], "proof": broken})  # fmt: skip
    context = context_of(peer, group, items)
    answer = peer.note(mia, "answer", inReplyTo=peer.iri("/notes/unknown"), **to)
    await peer.send(alpha, peer.activity("Announce", group, peer.activity("Create", mia, answer), context=context))
    await settle(alpha)
    assert peer.asked.count(context) == 1
    asked = [iri for host in crowd for iri in host.asked if "/users/" in iri]
    assert 0 < len({iri for iri in asked if not iri.endswith("/note")}) <= job.STRANGERS
    assert len([iri for iri in asked if iri.endswith("/note")]) <= job.REQUESTS
