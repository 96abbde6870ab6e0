"""Groups that boost what names them (Guppe), channels (PeerTube), blogs (WordPress); and what our people send to groups.

Of the first three each has its own way to say «this is in me», and none can be taken for a stranger's word. What we send is
held against the strictest reader of each kind (PROTOCOL 0, 2.3 and 2.5).
"""

from typing import Any
from urllib.parse import urlsplit

import pytest

from fedi.actions import follows, posts, reactions
from fedi.actions import reports as report_actions
from fedi.actions.posts import Draft
from storage import received
from storage.actors import Actor
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
Json = dict[str, Any]


async def joined(alpha: Instance, ada: Actor, peer: Peer, name: str, **more: Any) -> str:
    """`ada` is in the group `name` at the peer; its IRI."""
    group = peer.actor(name, "Group", **more)
    await join(alpha, ada, f"{name}@{peer.host}")
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", group, peer.got("Follow")[-1], to=[ada.iri]))
    await settle(alpha)
    return group


def code(instance: Instance) -> str | None:
    """Why the latest that came was passed by."""
    [row] = instance.read(lambda tx: received.newest(tx, 1))
    return row.code


async def test_guppe_boosts_what_mentions_it(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    guppe, mastodon = Peer(three.world, "gup.example", "guppe"), Peer(three.world, "mastodon.example", "mastodon")
    group = await joined(alpha, ada, guppe, "cats")
    max_ = mastodon.actor("max")
    mention = [{"type": "Mention", "href": group, "name": "@cats@gup.example"}]

    async def boost(post: Json) -> Json:
        made = guppe.activity("Announce", group, post["id"], to=[f"{group}/followers"], cc=[max_, PUBLIC])
        await guppe.send(alpha, made)
        await settle(alpha)
        return made

    first = mastodon.note(max_, "cat", tag=mention, cc=[f"{max_}/followers", group])
    await boost(first)
    await boost(first)
    kept = alpha.post(first["id"])
    assert (kept.group_id, kept.boosts_count, kept.visibility) == (alpha.actor(group).id, 1, "public")
    answer = mastodon.note(max_, "answer", inReplyTo=first["id"], tag=mention, cc=[group])
    await boost(answer)
    assert alpha.post(answer["id"]).group_id == kept.group_id
    # What does not name it is a boost like anybody's, and in no group.
    other = mastodon.note(max_, "other")
    await boost(other)
    assert alpha.post(other["id"]).group_id is None
    assert [one.iri for one in home(alpha, ada)] == [other["id"], first["id"]]
    # What only its author's followers may read is nobody's to boost.
    secret = mastodon.note(max_, "secret", to=[f"{max_}/followers"], cc=[group], tag=mention)
    undone = await boost(secret)
    assert secret["id"] not in [one.iri for one in home(alpha, ada)]
    await guppe.send(alpha, guppe.activity("Undo", group, undone))
    # Its author alone changes it and takes it away (Mastodon).
    edited = {**first, "content": "<p>A dog</p>", "updated": "2026-11-20T12:00:00Z"}
    mastodon.documents[first["id"]] = edited
    await mastodon.send(alpha, mastodon.activity("Update", max_, edited))
    await settle(alpha)
    assert alpha.post(first["id"]).content == "<p>A dog</p>"
    await mastodon.send(alpha, mastodon.activity("Delete", max_, {"id": first["id"], "type": "Tombstone"}))
    await settle(alpha)
    assert alpha.post(first["id"]).deleted_at is not None


async def test_a_channel_announces_its_videos(three: Three) -> None:
    """PeerTube: attributed to a Person and a Group, announced by the channel in the account's name, comments as Notes."""
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "tube.example", "peertube")
    channel, account = await joined(alpha, ada, peer, "channel"), peer.actor("framasoft")
    iri = peer.iri("/videos/watch/9c9de5e8")
    video = {
        "@context": "https://www.w3.org/ns/activitystreams", "type": "Video", "id": iri, "name": "What is PeerTube?",
        "attributedTo": [{"type": "Person", "id": account}, {"type": "Group", "id": channel}], "to": [PUBLIC],
        "cc": [f"{account}/followers"], "mediaType": "text/markdown", "content": "**Take back** the control", "summary": None,
        "url": [{"type": "Link", "mediaType": "text/html", "href": iri}], "published": "2018-10-01T10:52:46.396Z",
        "icon": [{"type": "Image", "url": peer.iri("/thumb.jpg"), "mediaType": "image/jpeg", "width": 280, "height": 157}],
        "sensitive": False, "commentsEnabled": True, "likes": f"{iri}/likes", "tag": [{"type": "Hashtag", "name": "peertube"}],
    }  # fmt: skip
    peer.documents[iri] = video
    announce = peer.activity("Announce", channel, iri, id=f"{iri}/announces/299", cc=[f"{account}/followers"])
    await peer.send(alpha, announce)
    await settle(alpha)
    kept = alpha.post(iri)
    assert (kept.kind, kept.title, kept.link) == ("Video", "What is PeerTube?", iri)
    assert (kept.group_id, kept.author_id) == (alpha.actor(channel).id, alpha.actor(account).id)
    assert [one.iri for one in home(alpha, ada)] == [iri]
    # The account's own Create of it comes as well, and changes nothing.
    await peer.send(alpha, peer.activity("Create", account, video))
    await settle(alpha)
    comment = peer.note(account, "comment", inReplyTo=iri, to=[PUBLIC], cc=[f"{account}/followers"])
    await peer.send(alpha, peer.activity("Create", account, comment))
    await settle(alpha)
    assert alpha.post(comment["id"]).reply_to_id == kept.id
    edited = {**video, "name": "Renamed", "updated": "2026-11-20T12:00:00Z"}
    peer.documents[iri] = edited
    await peer.send(alpha, peer.activity("Update", account, edited))
    await settle(alpha)
    assert alpha.post(iri).title == "Renamed"
    await peer.send(alpha, peer.activity("View", account, iri))
    await settle(alpha)
    assert code(alpha) is not None


async def test_a_blog_announces_what_its_authors_write(three: Three) -> None:
    """WordPress: the blog is a Group, which passes on Create and Update of Articles, with ids that have a fragment."""
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "blog.example", "wordpress")
    blog, author = await joined(alpha, ada, peer, "blog"), peer.actor("pfefferle")
    article = peer.note(
        author, "lemmy-part-4", type="Article", audience=blog, content="<p>Text</p>", summary="Tex [...]"
    )
    article["name"] = "Lemmy (Part 4)"
    for kind in ("Create", "Update"):
        inner = {
            "id": f"{article['id']}#activity", "type": kind, "audience": blog, "actor": author,
            "to": [PUBLIC, f"{author}/followers"], "cc": [], "object": {**article, "updated": "2026-11-20T12:00:00Z"},
        }  # fmt: skip
        announce = peer.activity("Announce", blog, inner, id=f"{inner['id']}#{kind}", to=[PUBLIC, f"{blog}/followers"])
        await peer.send(alpha, announce)
        await settle(alpha)
        kept = alpha.post(article["id"])
        assert (kept.title, kept.group_id, kept.summary) == ("Lemmy (Part 4)", alpha.actor(blog).id, None)
        assert [one.iri for one in home(alpha, ada)] == [article["id"]]


async def test_what_our_people_send_a_group(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "lemmy.example", "lemmy")
    group = await joined(alpha, ada, peer, "mlops")
    [follow] = peer.got("Follow")
    assert (follow["actor"], follow["object"], follow["to"]) == (ada.iri, group, [group])
    lena = peer.actor("lena")
    page = peer.note(lena, "page", type="Page", to=[group, PUBLIC], cc=[], audience=group)
    page["name"] = "A page"
    await peer.send(alpha, peer.activity("Announce", group, peer.activity("Create", lena, page, audience=group)))
    await settle(alpha)
    there = alpha.post(page["id"])
    site = alpha.site
    mine = alpha.write(lambda tx: posts.publish(tx, site, ada, Draft("@mlops@lemmy.example A question\n\nAnd more")))
    reply = alpha.write(lambda tx: posts.publish(tx, site, ada, Draft("An answer", reply_to_id=there.id)))
    await settle(alpha)
    alpha.write(lambda tx: reactions.like(tx, site, ada, there))
    alpha.write(lambda tx: reactions.unlike(tx, site, ada, there))
    alpha.write(lambda tx: posts.edit(tx, site, alpha.post(reply.iri), Draft("Another answer")))
    target = alpha.actor(lena)
    alpha.write(lambda tx: report_actions.report(tx, site, ada, target, [there], "spam", "spam", forward=False))
    alpha.write(lambda tx: posts.delete(tx, site, alpha.post(mine.iri), ada))
    alpha.write(lambda tx: follows.unfollow(tx, site, ada, alpha.actor(group)))
    await settle(alpha)

    sent = {
        kind: [one for one in peer.inbox if one["type"] == kind]
        for kind in ("Create", "Like", "Undo", "Update", "Flag", "Delete")
    }
    assert [len(one) for one in sent.values()] == [2, 1, 2, 1, 1, 1], "each once: the two have one shared inbox"
    for activity in peer.inbox:
        strict(activity, ada)
    for activity in (*sent["Create"], *sent["Update"], *sent["Delete"], *sent["Like"], *sent["Undo"][:1]):
        assert activity["audience"] == group
    for activity in (*sent["Create"], *sent["Update"]):
        held = activity["object"]
        assert PUBLIC in activity["to"]
        assert PUBLIC in held["to"]
        assert group in activity["to"]
        assert group in held["to"]
        assert (held["attributedTo"], held["audience"]) == (ada.iri, group)
        if held["id"] == mine.iri:
            continue  # deleted by now
        # Who fetches it by its id gets the same (NodeBB refetches; Mastodon dereferences a Create).
        served = await alpha.document(activity["id"].removeprefix("https://alpha.example"))
        assert (served["id"], served["type"]) == (activity["id"], activity["type"])
    opener, answer = (one["object"] for one in sent["Create"])
    assert opener["name"] == "A question"
    assert opener["inReplyTo"] is None
    assert any(tag["type"] == "Mention" and tag["href"] == group for tag in opener["tag"])
    assert answer["inReplyTo"] == page["id"]
    assert "name" not in answer, "or Mastodon takes it for a vote, and Lemmy refuses it"
    assert any(tag["type"] == "Mention" and tag["href"] == lena for tag in answer["tag"])
    [delete] = sent["Delete"]
    assert "summary" not in delete, "it would be a moderator's removal"
    [flag] = sent["Flag"]
    assert (flag["to"], flag["actor"]) == ([group], ada.iri)
    unliked, unfollowed = sent["Undo"]
    assert (unliked["object"]["type"], unliked["object"]["object"]) == ("Like", page["id"])
    assert (unfollowed["object"]["type"], unfollowed["object"]["id"]) == ("Follow", follow["id"])


@pytest.mark.parametrize(
    ("software", "named", "by_name"), [("lemmy", None, True), ("lemmy", False, False), ("mbin", None, False)]
)
async def test_a_report_names_who_sends_it_only_where_it_must(
    three: Three, software: str, named: bool | None, by_name: bool
) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "group.example", software)
    group = await joined(alpha, ada, peer, "mlops")
    lena = peer.actor("lena")
    page = peer.note(lena, "page", type="Page", to=[group, PUBLIC], cc=[], audience=group) | {"name": "A page"}
    await peer.send(alpha, peer.activity("Announce", group, peer.activity("Create", lena, page, audience=group)))
    await settle(alpha)
    there, target = alpha.post(page["id"]), alpha.actor(lena)
    alpha.write(lambda tx: report_actions.report(tx, alpha.site, ada, target, [there], "spam", "spam", named=named))
    await settle(alpha)
    [flag] = peer.got("Flag")
    assert (flag["actor"] == ada.iri) is by_name
    assert (ada.iri in str(flag)) is by_name


def strict(activity: Json, by: Actor) -> None:
    """What Lemmy wants of each activity."""
    assert activity["actor"] == by.iri
    assert urlsplit(activity["id"]).netloc == urlsplit(by.iri).netloc
    assert "https://www.w3.org/ns/activitystreams" in activity["@context"]
    if activity["type"] in ("Create", "Update", "Delete"):
        assert isinstance(activity["to"], list)
        assert isinstance(activity["cc"], list)
    if activity["type"] == "Undo":
        assert activity["object"]["actor"] == by.iri


async def test_a_post_that_names_nobody_is_for_whom_its_create_is(three: Three) -> None:
    """Discourse addresses the activity alone; Mastodon reads the post's audience from there, too."""
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "discourse.example", "discourse")
    angus = peer.actor("angus")
    await join(alpha, ada, "angus@discourse.example")
    await settle(alpha)
    await peer.send(alpha, peer.activity("Accept", angus, peer.got("Follow")[-1], to=[ada.iri]))
    for name, to, visibility in (("open", [PUBLIC], "public"), ("closed", [f"{angus}/followers"], "followers")):
        note = peer.note(angus, name)
        del note["to"], note["cc"]
        create = peer.activity("Create", angus, note, to=to)
        await peer.send(alpha, {**create, "actor": peer.documents[angus]}, key=angus)
        await settle(alpha)
        assert alpha.post(note["id"]).visibility == visibility
    # What says itself whom it is for is not opened by its Create.
    note = peer.note(angus, "own", to=[f"{angus}/followers"], cc=[])
    await peer.send(alpha, peer.activity("Create", angus, note))
    await settle(alpha)
    assert alpha.post(note["id"]).visibility == "followers"
