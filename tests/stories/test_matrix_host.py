"""A group here with people of every kind of server in it: what they post, answer, vote, change, report and take away.

The posts are the recorded ones of tests/peers (its SOURCES.md says whose they are), with their author put at a fake server
and their group replaced by ours; what is done with them after that is in each software's words (PROTOCOL 2 and 3).
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedi import fetching
from fedi.actions import deciding, follows, posts
from fedi.actions.posts import Draft, PollDraft
from storage import cases, received, reports
from storage import polls as poll_rows
from storage.actors import Actor
from tests.stories.conftest import Three
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
RECORDED = Path(__file__).parents[1] / "peers"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """A recorded post: its file, its author's and its group's IRI there, and what it is here.

    `group` None: it named none, so that our group is put where that software has it: a Mention, and `cc`.
    """

    file: str
    author: str
    group: str | None
    kind: str
    title: str | None
    shows: str


OPENINGS = {
    "lemmy": Opening("lemmy/activity-create_page", "ds9.lemmy.ml/u/lemmy_alpha", "enterprise.lemmy.ml/c/main", "Page", "test post", "test body"),
    "mbin": Opening("mbin/activity-Create-CreateEntryWithUrlAndImage", "kbin.test/u/user", "kbin.test/m/test", "Page", "test", "test #test"),
    "piefed": Opening("piefed/object-posts-00", "jolly-piefed.jomandoa.net/u/jollyroberts", "piefed.social/c/playground", "Page", "Example Discussion Post Title", "Example Discussion Post Body"),
    "nodebb": Opening("nodebb/activity-discoursefx-case_1-received_1", "community.nodebb.org/uid/14929", "community.nodebb.org/category/30", "Note", "Is ActivityPub too complicated?", "I thought that"),
    "mitra": Opening("mitra/activity-create_post", "mitra.social/users/test", "voyager.lemmy.ml/c/pubtest0906", "Note", None, "Remote post 5"),
    "friendica": Opening("friendica/activity-create_note", "soc.schuerz.at/profile/jakob", "lemmy.schuerz.at/c/test", "Note", None, "test"),
    "wordpress": Opening("wordpress/object-page", "dbzer0.com/blog/author/db0/", None, "Article", "An Epic 3D-Printed Fan Expansion for Last Light", "3D printer"),
    "misskey": Opening("misskey/object-misskey_quote_post", "misskey.io/users/7rkrarq81i", None, "Note", None, "Fanbox"),
    "mastodon": Opening("mastodon/activity-create_note", "mastodon.madrid/users/felix", "mamot.fr/users/retiolus", "Note", None, "thinkpad"),
    "peertube": Opening("peertube/object-peertube-video", "framatube.org/accounts/framasoft", None, "Video", "What is PeerTube?", "Take back the control"),
    "mobilizon": Opening("mobilizon/object-event", "rendezvous.nomagic.uk/@emorrp1", None, "Event", "Caledonian scottish dance class", "ceilidh"),
    "gancio": Opening("gancio/activity-gancio-event-activity", "demo.gancio.org/federation/u/gancio", None, "Event", "Demo event", "Colosseo"),
    "pleroma": Opening("pleroma/object-poll_original", "patch.local/users/rin", None, "Question", None, "can you vote on this poll?"),
}  # fmt: skip


@dataclass(slots=True)
class Host:
    """!mlops at alpha; someone of the peer, and who reads it at a forum, follow it."""

    three: Three
    group: Actor
    olga: Actor
    software: str
    peer: Peer
    forum: Peer
    author: str

    @property
    def alpha(self) -> Instance:
        return self.three.alpha

    async def send(self, activity: Json) -> None:
        answer = await self.peer.send(self.alpha, activity, key=self.author)
        assert answer.status == 202, answer.body
        await settle(self.alpha)

    def why(self) -> tuple[str | None, str | None]:
        """What became of the latest that came."""
        [row] = self.alpha.read(lambda tx: received.newest(tx, 1))
        return row.code, row.problem

    def passed_on(self, inner: Json) -> None:
        """The forum got exactly this from the group, as the last thing (1b12: byte for byte)."""
        host, _, body = next(one for one in reversed(self.three.world.sent) if one[0] == self.forum.host)
        assert msgspec.json.encode(inner) in body, (host, body, self.why())

    def recorded(self) -> Json:
        """The Create of the recorded post, by our author, in our group."""
        opening = OPENINGS[self.software]
        raw = (RECORDED / f"{opening.file}.json").read_text(encoding="utf-8")
        numbers = itertools.count(1)
        while "SCRUBBED_ID" in raw:
            raw = raw.replace("SCRUBBED_ID", f"https://kbin.test/scrubbed/{next(numbers)}", 1)
        raw = raw.replace("SCRUBBED_DATE", "2025-01-01T12:00:00Z")
        for scheme in ("http", "https"):
            raw = raw.replace(f'"{scheme}://{opening.author}"', f'"{self.author}"')
            if opening.group is not None:
                raw = raw.replace(f'"{scheme}://{opening.group}"', f'"{self.group.iri}"')
        raw = raw.replace(f"http://{self.peer.host}/", f"https://{self.peer.host}/")
        document: Json = msgspec.json.decode(raw)
        if document["type"] == "Create":
            create, post = document, document["object"]
        else:
            post = document["object"] if document["type"] == "Announce" else document
            create = {
                "@context": "https://www.w3.org/ns/activitystreams", "id": f"{post['id']}#create", "type": "Create",
                "actor": self.author, "to": post["to"], "cc": post["cc"], "object": post,
            }  # fmt: skip
        create.pop("proof", None)  # it is of another key than ours
        if self.software in ("mastodon", "friendica"):
            post["inReplyTo"] = None  # the recorded ones answer something
        if OPENINGS[self.software].group is None:
            tags = post.get("tag") or []
            post["tag"] = [*tags, {"type": "Mention", "href": self.group.iri, "name": "@mlops@alpha.example"}]
            post["cc"] = create["cc"] = [*post["cc"], self.group.iri]
        self.peer.documents[post["id"]] = post
        return create


@pytest.fixture(params=OPENINGS)
async def host(request: pytest.FixtureRequest, three: Three) -> Host:
    alpha, software = three.alpha, request.param
    olga = alpha.person("olga")
    group = alpha.group("mlops", olga)
    peer = Peer(three.world, OPENINGS[software].author.partition("/")[0], software)
    forum = Peer(three.world, "forum.example", "hubzilla")
    author = peer.actor("author")
    made = Host(three, group, olga, software, peer, forum, author)
    await forum.send(alpha, forum.activity("Follow", forum.actor("reader"), group.iri))
    await made.send(peer.activity("Follow", author, group.iri))
    return made


async def test_a_thread_by_somebody_elsewhere(host: Host) -> None:
    alpha, opening = host.alpha, OPENINGS[host.software]
    create = host.recorded()
    iri = create["object"]["id"]
    await host.send(create)
    if host.software == "wordpress":  # twenty links of somebody new wait for a moderator, and then go their way as ever
        [case] = alpha.read(lambda tx: cases.listed(tx, 2, group_id=host.group.id))
        alpha.write(lambda tx: deciding.let_in(tx, alpha.site, host.olga, case, yes=True))
        await settle(alpha)
    assert alpha.has(iri), host.why()
    post = alpha.post(iri)
    assert (post.group_id, post.kind, post.title) == (host.group.id, opening.kind, opening.title)
    assert opening.shows in post.content
    assert post.reply_to_id is None
    host.passed_on(create)

    # An answer that names no group, as Mastodon's people write: it is in the thread, and so in the group.
    local = alpha.write(lambda tx: posts.publish(tx, alpha.site, host.olga, Draft("Well", reply_to_id=post.id)))
    note = host.peer.note(host.author, "answer", inReplyTo=local.iri, tag=[], cc=[f"{host.author}/followers"])
    answer = host.peer.activity("Create", host.author, note)
    await host.send(answer)
    assert alpha.post(note["id"]).group_id == host.group.id, host.why()
    host.passed_on(answer)

    # A vote without `to` or `cc`, and its undoing with an inner id made anew (Lemmy).
    like = {
        name: value
        for name, value in host.peer.activity("Like", host.author, local.iri).items()
        if name not in ("to", "cc")
    }
    await host.send(like)
    assert alpha.post(local.iri).likes_count == 1, host.why()
    host.passed_on(like)
    undo = host.peer.activity("Undo", host.author, {**like, "id": f"{like['id']}-anew"})
    await host.send(undo)
    assert alpha.post(local.iri).likes_count == 0, host.why()
    host.passed_on(undo)

    edited = {**create["object"], "content": "<p>Changed</p>", "summary": None, "updated": "2026-11-20T12:00:00Z"}
    edited.pop("contentMap", None)
    edited.pop("mediaType", None)
    update = host.peer.activity("Update", host.author, edited)
    await host.send(update)
    assert "Changed" in alpha.post(iri).content, host.why()
    host.passed_on(update)

    flag = host.peer.activity(
        "Flag", host.author, local.iri, to=[host.group.iri], summary="look", audience=host.group.iri
    )
    await host.send(flag)
    [report] = alpha.read(lambda tx: reports.listed(tx, 10))
    assert (report.text, report.post_ids, report.group_id) == ("look", [local.id], host.group.id)

    delete = host.peer.activity("Delete", host.author, {"id": iri, "type": "Tombstone"})
    await host.send(delete)
    assert alpha.post(iri).deleted_at is not None, host.why()
    host.passed_on(delete)


@pytest.mark.parametrize("multiple", [True, False])
async def test_gotosocial_sends_several_votes_at_once(three: Three, multiple: bool) -> None:
    """One Create of a list of Notes, with `to` as a string (its documentation of polls)."""
    alpha = three.alpha
    olga = alpha.person("olga")
    draft = Draft(
        "When?", poll=PollDraft(("Mon", "Tue", "Wed"), multiple=multiple, ends_at=alpha.site.clock() + 3_600_000)
    )
    question = alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, draft))
    peer = Peer(three.world, "sample.example", "gotosocial")
    willy = peer.actor("willy")

    def vote(number: int, option: str, by: str = willy) -> Json:
        return {
            "attributedTo": by, "id": f"{by}#01HEN2R65468ZG657C4ZPHJ4EX/votes/{number}", "inReplyTo": question.iri,
            "name": option, "to": olga.iri, "type": "Note",
        }  # fmt: skip

    async def send(*several: Json) -> str | None:
        create = peer.activity("Create", willy, list(several), to=olga.iri, published="2021-09-11T11:45:37+02:00")
        assert (await peer.send(alpha, create)).status == 202
        await settle(alpha)
        [row] = alpha.read(lambda tx: received.newest(tx, 1))
        return row.code

    def votes() -> list[int]:
        poll = alpha.read(lambda tx: poll_rows.by_post(tx, question.id))
        assert poll is not None
        return poll.votes

    other = peer.actor("other")
    assert await send(vote(1, "Mon", other), vote(2, "Tue", other)) == "wrong-origin"
    assert votes() == [0, 0, 0]
    note = peer.note(willy, "post")
    assert await send(vote(3, "Mon"), note) == "unsupported-type"
    assert votes() == [0, 0, 0]
    assert await send(vote(4, "Mon"), vote(5, "Wed")) is None
    assert votes() == ([1, 0, 1] if multiple else [1, 0, 0])
    assert await send(vote(4, "Mon"), vote(5, "Wed")) == "known"


async def test_an_event_of_a_mobilizon_group_elsewhere(three: Three) -> None:
    """Who posts it and the group that it is attributed to may be on two servers."""
    alpha = three.alpha
    ada = alpha.person("ada")
    home, away = Peer(three.world, "mobilizon.example", "mobilizon"), Peer(three.world, "away.example", "mobilizon")
    club, mina = home.actor("club", "Group"), away.actor("mina")
    alpha_club = await fetched(alpha, club)
    alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, alpha_club))
    await settle(alpha)
    [follow] = home.got("Follow")
    await home.send(alpha, home.activity("Accept", club, follow, to=[ada.iri]))
    for kind in ("Event", "Article"):
        post = away.note(mina, kind.lower(), type=kind, actor=mina, startTime="2026-12-01T19:00:00Z", cc=[club])
        post |= {"name": f"An {kind}", "attributedTo": club}
        await away.send(alpha, away.activity("Create", mina, post, attributedTo=club, cc=[club]))
        await settle(alpha)
        kept = alpha.post(post["id"])
        assert kept.author_id == alpha.actor(mina).id
        assert kept.group_id is None, "until the group says so"
        await home.send(alpha, home.activity("Announce", club, post["id"], cc=[f"{club}/followers"]))
        await settle(alpha)
        assert alpha.post(post["id"]).group_id == alpha_club.id


async def fetched(instance: Instance, iri: str) -> Actor:
    """The actor, asked for at its server."""
    return await fetching.actor(instance.site, iri)
