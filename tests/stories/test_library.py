"""The library of a group whose members are at several universities: one item however often it was added, one question to the
resolver, files for members alone, and what a peer says of a paper counts for that peer's posts.
"""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.signatures.sign import sign_get
from federation.vocabulary.resource import read_digest
from fedi import fetching, visibility
from fedi.actions import follows, posts
from fedi.actions import library as actions
from fedi.actions import shelves as shelf_actions
from fedi.actions.library import Shown
from fedi.actions.posts import Draft
from fedi.actions.shelving import Addition, FileOf
from fedi.citing.identifiers import Identifier
from fedi.citing.works import Work
from fedi.fetching.papers import paper
from fedi.fetching.works import look_up
from fedi.media import papers
from fedi.rendering import posts as rendering
from storage import follows as follow_rows
from storage import library, peers, shelves
from storage.actors import Actor
from storage.jobs import jobs as job_table
from storage.posts import Post
from tests.oracles.lemmy import Lemmy
from tests.oracles.mastodon import show
from tests.stories.conftest import Three
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio

DOI = "10.1016/j.compedu.2014.08.019"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 8
DIGEST = hashlib.sha256(PDF).hexdigest()


def resolver(three: Three) -> list[str]:
    """A resolver of DOIs; what it is asked for."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        found = {
            "type": "journal-article",
            "title": "Assessing gamification",
            "author": [{"family": "Hanus", "given": "Michael"}],
            "issued": {"date-parts": [[2015]]},
            "container-title": "Computers & Education",
            "DOI": request.url.path[1:],
        }
        return Response(msgspec.json.encode(found), media_type="application/vnd.citationstyles.csl+json")

    three.world.apps["doi.org"] = Starlette(routes=[Route("/{rest:path}", answer)])
    return asked


async def joined(three: Three, see: str = "public") -> tuple[Actor, Actor, Actor, Actor]:
    """Ada at alpha with a group there, Ben at beta in it, and the group as beta knows it."""
    alpha, beta, _ = three.all
    ada, ben = alpha.person("ada"), beta.person("ben")
    group = alpha.group("papers", ada, see=see)
    there = await fetching.actor(beta.site, "papers@alpha.example")
    beta.write(lambda tx: follows.follow(tx, beta.site, ben, there))
    await settle(alpha, beta)
    for request in alpha.read(lambda tx: follow_rows.followers(tx, group.id, 50, state="pending")):
        alpha.write(lambda tx, request=request: follows.accept(tx, alpha.site, request))  # type: ignore[misc]
    await settle(alpha, beta)
    return ada, ben, group, beta.actor(group.iri)


async def have(instance: Instance, tmp_path: Path) -> FileOf:
    """The PDF, as it is kept at an instance."""
    source = tmp_path / f"{instance.name}.pdf"
    source.write_bytes(PDF)
    digest, media_type, size = await papers.keep(instance.site, source, papers.PDF)
    return FileOf(digest, media_type, "Hanus", size)


def add(instance: Instance, who: Actor, group: Actor, addition: Addition, **more: Any) -> Post:
    """Somebody adds something; the post as it is then."""
    made = instance.write(lambda tx: actions.add(tx, instance.site, who, group, addition, **more))
    return instance.post(made.iri)


def items(instance: Instance, who: Actor, group: Actor, words: str = "") -> list[Shown]:
    """The library as somebody sees it."""
    viewer = visibility.person(who.id)
    return instance.read(lambda tx: actions.listed(tx, viewer, group, 20, words=words))


def agree(instance: Instance, host: str) -> None:
    """There is an agreement with this host."""
    instance.write(lambda tx: peers.meet(tx, host, 1))
    instance.write(lambda tx: peers.change(tx, host, stance="agreed", tier="members"))


async def work(*instances: Instance) -> None:
    """Everything that waits is done now."""
    for _ in range(3):
        for one in instances:
            one.write(lambda tx: tx.execute(update(job_table).values(due_at=0)))
        await settle(*instances)


async def test_the_same_paper_added_at_two_universities_is_one_item(three: Three, tmp_path: Path) -> None:
    alpha, beta, _ = three.all
    asked = resolver(three)
    ada, ben, group, there = await joined(three)
    found = await look_up(alpha.site, Identifier("doi", DOI))
    assert found is not None
    first = add(
        alpha,
        ada,
        group,
        Addition(found, "CC-BY-4.0", shareable=True, file=await have(alpha, tmp_path)),
        note="Read it",
    )
    await settle(alpha, beta)
    # Bytes alone are the same paper as well, whatever it is called there.
    add(beta, ben, there, Addition(Work("hanus final FINAL"), file=await have(beta, tmp_path)))
    await settle(alpha, beta)
    for instance, who, known in ((alpha, ada, group), (beta, ben, there)):
        [one] = items(instance, who, known)
        assert [line.author.domain for line in one.lines] == ["alpha.example", "beta.example"]
        assert [line.entry.digest for line in one.lines] == [DIGEST, DIGEST]
        assert (one.work.title, one.work.doi, one.item.licence) == ("Assessing gamification", DOI, "CC-BY-4.0")
        assert one.item.shareable
        assert one.institutions == 2
    assert len(asked) == 1
    page = await beta.get("/@papers@alpha.example/library", accept="text/html")
    assert page.status == 200
    assert b"Assessing gamification" in page.body
    # beta is away: what Ben added is found at alpha all the same.
    three.world.down.add("beta.example")
    [one] = items(alpha, ada, group, "hanus final")
    assert one.institutions == 2
    # What goes, goes everywhere, and the rest stays.
    alpha.write(lambda tx: posts.delete(tx, alpha.site, first, ada))
    three.world.down.clear()
    await work(alpha, beta)
    for instance, who, known in ((alpha, ada, group), (beta, ben, there)):
        [one] = items(instance, who, known)
        assert [line.author.domain for line in one.lines] == ["beta.example"]
        assert one.work.title == "hanus final FINAL"


async def test_two_items_that_turn_out_to_be_one_are_one(three: Three, tmp_path: Path) -> None:
    alpha, beta, _ = three.all
    ada, ben, group, there = await joined(three)
    add(alpha, ada, group, Addition(Work("By its DOI", doi=DOI)))
    await settle(alpha, beta)
    add(beta, ben, there, Addition(Work("By its bytes"), file=await have(beta, tmp_path)))
    await settle(alpha, beta)
    assert len(items(alpha, ada, group)) == len(items(beta, ben, there)) == 2
    olga = alpha.person("olga")
    alpha.write(lambda tx: follows.follow(tx, alpha.site, olga, group))
    add(alpha, olga, group, Addition(Work("Both", doi=DOI), file=await have(alpha, tmp_path)))
    await settle(alpha, beta)
    for instance, who, known in ((alpha, ada, group), (beta, ben, there)):
        [one] = items(instance, who, known)
        assert len(one.lines) == 3


async def test_ten_posts_at_two_universities_ask_the_resolver_once(three: Three) -> None:
    alpha, beta, _ = three.all
    asked = resolver(three)
    ada, ben, _group, _there = await joined(three)
    agree(alpha, "beta.example")
    agree(beta, "alpha.example")
    made: list[tuple[Instance, Post]] = []
    for turn in range(5):
        text = f"@papers Number {turn}: https://doi.org/{DOI} is worth it"
        made.append((alpha, alpha.write(lambda tx, text=text: posts.publish(tx, alpha.site, ada, Draft(text)))))  # type: ignore[misc]
        await settle(alpha, beta)
        await work(alpha)
        await settle(alpha, beta)
        text = f"@papers@alpha.example And {turn}: doi:{DOI}"
        made.append((beta, beta.write(lambda tx, text=text: posts.publish(tx, beta.site, ben, Draft(text)))))  # type: ignore[misc]
        await settle(alpha, beta)
        await work(beta)
    await work(alpha, beta)
    assert asked == [f"/{DOI}"]
    for instance in (alpha, beta):
        for _, post in made:
            answer = await instance.get(f"/api/v1/statuses/{instance.post(post.iri).id}")
            card = msgspec.json.decode(answer.body)["card"]
            assert card["title"] == "Assessing gamification"
            assert card["url"] == f"https://doi.org/{DOI}"
            assert "Hanus" in card["description"]


@pytest.mark.parametrize("three", ["sqlite"], indirect=True)
async def test_what_a_peer_says_of_a_paper_counts_for_its_own_posts(three: Three) -> None:
    alpha = three.alpha
    asked = resolver(three)
    ada = alpha.person("ada")
    evil = Peer(three.world, "evil.example")
    eve = evil.actor("eve")
    preview = {
        "type": "Article",
        "name": "Bought by \u202eeve <script>x</script>",
        "summary": "x",
        "edu:csl": {"title": ["Bought"], "author": [{"family": "E" * 9000}], "abstract": "y" * 100_000},
    }
    note = evil.note(
        eve,
        "n",
        content=f"<p>https://doi.org/{DOI}</p>",
        tag=[
            {"type": "Mention", "href": ada.iri},
            {"type": "Link", "href": f"https://doi.org/{DOI}", "preview": preview},
        ],
    )
    assert (await evil.send(alpha, evil.activity("Create", eve, note))).status == 202
    await settle(alpha)
    ours = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft(f"See https://doi.org/{DOI}")))
    await work(alpha)
    titles = {}
    for post in (alpha.post(note["id"]), ours):
        answer = await alpha.get(f"/api/v1/statuses/{post.id}")
        titles[post.id] = msgspec.json.decode(answer.body)["card"]["title"]
    assert titles[ours.id] == "Assessing gamification"
    assert "Bought" in titles[alpha.post(note["id"]).id]
    assert "\u202e" not in titles[alpha.post(note["id"]).id]
    assert "<" not in titles[alpha.post(note["id"]).id]
    assert len(asked) == 1


async def test_shelves_are_arranged_from_both_sides(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, ben, group, there = await joined(three)
    add(alpha, ada, group, Addition(Work("First", doi=DOI)))
    await settle(alpha, beta)
    shelf = alpha.write(lambda tx: shelf_actions.make(tx, alpha.site, ada, group, "Motivation"))
    [one] = items(alpha, ada, group)
    alpha.write(lambda tx: shelf_actions.put(tx, alpha.site, ada, group, shelf, one.item.id))
    await settle(alpha, beta)
    [seen] = items(beta, ben, there)
    assert [each.name for each in seen.shelves] == ["Motivation"]
    document = await alpha.document(f"/groups/papers/library/shelves/{shelf.id}")
    assert (document["type"], document["name"], document["totalItems"]) == ("OrderedCollection", "Motivation", 1)
    assert document["orderedItems"] == [one.lines[0].post.iri]
    # Ben takes it away at his university; the group tells everyone.
    [known] = beta.read(lambda tx: shelves.of(tx, there.id, 10))
    beta.write(lambda tx: shelf_actions.take(tx, beta.site, ben, there, known, seen.item.id))
    await settle(alpha, beta)
    assert items(alpha, ada, group)[0].shelves == []
    beta.write(lambda tx: shelf_actions.put(tx, beta.site, ben, there, known, seen.item.id))
    await settle(alpha, beta)
    assert [each.name for each in items(alpha, ada, group)[0].shelves] == ["Motivation"]


@pytest.mark.parametrize("three", ["sqlite"], indirect=True)
async def test_who_is_not_in_the_group_arranges_nothing(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, _ben, group, _there = await joined(three)
    evil = Peer(three.world, "evil.example")
    eve = evil.actor("eve")
    made = add(alpha, ada, group, Addition(Work("First", doi=DOI)))
    shelf = alpha.write(lambda tx: shelf_actions.make(tx, alpha.site, ada, group, "Motivation"))
    target = {"id": shelf.iri, "type": "OrderedCollection", "name": "Renamed", "attributedTo": group.iri}
    for changed in (target, target | {"id": f"{group.iri}/library/shelves/1"}):
        await evil.send(alpha, evil.activity("Add", eve, made.iri, target=changed, audience=group.iri, cc=[group.iri]))
        await settle(alpha)
    assert items(alpha, ada, group)[0].shelves == []
    # Nor does another's word make a shelf of a group at beta.
    await evil.send(beta, evil.activity("Add", eve, made.iri, target=target, audience=group.iri, cc=[group.iri]))
    await settle(beta)
    assert beta.read(lambda tx: shelves.of(tx, beta.actor(group.iri).id, 10)) == []
    assert alpha.read(lambda tx: shelves.of(tx, group.id, 10))[0].name == "Motivation"


async def test_the_file_of_a_private_group_goes_to_members_servers_alone(three: Three, tmp_path: Path) -> None:
    alpha, beta, gamma = three.all
    ada, _ben, group, _there = await joined(three, see="members")
    post = add(alpha, ada, group, Addition(Work("Secret", doi=DOI), file=await have(alpha, tmp_path)))
    await settle(alpha, beta)
    received = beta.post(post.iri)
    entry = beta.read(lambda tx: library.entry(tx, received.id))
    assert entry is not None
    assert entry.file_url == f"{post.iri}/file"
    url = entry.file_url
    assert (await call(alpha.app, "GET", url, {})).status == 404
    for instance, status in ((gamma, 404), (beta, 200)):
        key = instance.read(lambda tx, site=instance.site: site.private_key(tx, site.instance_iri))  # type: ignore[misc]
        signed = sign_get(key, url, instance.site.clock())
        answer = await call(alpha.app, "GET", url, {name.lower(): value for name, value in signed.items()})
        assert answer.status == status, instance.name
        assert (answer.body == PDF) == (status == 200)
    fetched = await paper(beta.site, entry)
    assert fetched is not None
    assert papers.path(beta.site, DIGEST).read_bytes() == PDF
    known = beta.read(lambda tx: library.entry(tx, received.id))
    assert (entry.proved, known is not None and known.proved) == (False, True)
    # Another file in its place is not taken for it.
    papers.path(alpha.site, DIGEST).write_bytes(PDF + b"!")
    beta.write(lambda tx: tx.execute(library.files.delete()))
    beta.site.questions.failed.clear()
    with pytest.raises(Exception, match="another one now"):
        await paper(beta.site, entry)


@pytest.mark.parametrize("three", ["sqlite"], indirect=True)
async def test_mastodon_and_lemmy_show_it_well(three: Three, tmp_path: Path) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    group = alpha.group("papers", ada)
    found = Work("Assessing gamification", "article-journal", year=2015, venue="C&E", doi=DOI)
    post = add(alpha, ada, group, Addition(found, "CC-BY-4.0", file=await have(alpha, tmp_path)), note="Chapter 3.")
    made = alpha.read(lambda tx: rendering.document(tx, alpha.site, alpha.post(post.iri)))
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    assert document["type"] == "Page"
    link, file = document["attachment"]
    assert (link["type"], link["href"], link["preview"]["name"]) == (
        "Link",
        f"https://doi.org/{DOI}",
        "2015: Assessing gamification",
    )
    assert (file["type"], file["mediaType"], read_digest(file["digestMultibase"])) == (
        "Document",
        "application/pdf",
        DIGEST,
    )
    entity = document["schema:mainEntity"]
    assert (entity["identifier"], entity["license"], entity["edu:addedBy"]) == (f"doi:{DOI}", "CC-BY-4.0", [ada.iri])
    status = show(document, ada.followers)
    assert "Assessing gamification" in status.plain
    assert "C&E" in status.plain
    assert "Chapter 3." in status.plain
    assert status.url in status.links
    activity = {"@context": document["@context"], "id": f"{post.iri}/activity", "type": "Create", "actor": ada.iri}
    taken = Lemmy({group.iri: False}).activity(
        activity | {"to": document["to"], "cc": document["cc"], "object": document}
    )
    assert (taken.title, taken.url) == ("2015: Assessing gamification", f"https://doi.org/{DOI}")
