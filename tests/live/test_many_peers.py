"""One thread held by six servers: three of ours, and one each made of Fedify, activitypub-express and bovine; one more that
runs through two groups which are twins; and one in a group that only members read, of which a seventh server learns nothing.

In the end all of ours show the same, and each of the others has got all that was said, in the form that its library reads.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.client import Person, begin, wait_until
from tests.live.crawler import Crawler, routes, secret, written
from tests.realpeers.peer import RealPeer, need
from tests.servers import Server

pytestmark = pytest.mark.live

KINDS = ("fedify", "apex", "bovine")


@dataclass
class Six:
    """Ada at alpha, who owns the group; Ben at beta and Cleo at gamma; the peers by their kind; Dora at delta, who is in
    nothing."""

    ada: Person
    ben: Person
    cleo: Person
    dora: Person
    peers: dict[str, RealPeer]

    @property
    def people(self) -> tuple[Person, Person, Person]:
        """One at each of our three."""
        return self.ada, self.ben, self.cleo

    @property
    def group(self) -> str:
        """The group's IRI."""
        return f"{self.ada.server.url}/groups/seminar"


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Six]:
    for kind in KINDS:
        need(kind)
    tmp_path = tmp_path_factory.mktemp("six")
    names = {"alpha": "ada", "beta": "ben", "gamma": "cleo", "delta": "dora"}
    servers = [Server(tmp_path / name, f"sqlite:///{tmp_path / name}/fedi.db", name.title()) for name in names]
    peers = {kind: RealPeer(kind, tmp_path / kind) for kind in KINDS}
    try:
        with ThreadPoolExecutor(7) as pool:
            begun = [pool.submit(begin, server, name) for server, name in zip(servers, names.values(), strict=True)]
            started = [pool.submit(peer.start) for peer in peers.values()]
            ada, ben, cleo, dora = (one.result() for one in begun)
            for one in started:
                one.result()
        yield Six(ada, ben, cleo, dora, peers)
    finally:
        for peer in peers.values():
            peer.stop()
        for server in servers:
            server.kill()


def find(person: Person, iri: str) -> Any:
    """A status as this person's server knows it; waits until it does, without asking elsewhere."""
    found: list[Any] = []

    def there() -> bool:
        found[:] = person.ask("GET", "/api/v2/search", q=iri, type="statuses")["statuses"]
        return bool(found)

    wait_until(there)
    return found[0]


def join(person: Person, group: str) -> str:
    """Follow a group elsewhere until it let one in; the number of its account there."""
    name, host = group.rpartition("/")[2], group.split("/")[2]
    found = person.ask("GET", "/api/v2/search", q=f"@{name}@{host}", resolve="true")["accounts"]
    person.ask("POST", f"/api/v1/accounts/{found[0]['id']}/follow")
    number: str = found[0]["id"]
    wait_until(
        lambda: person.ask("GET", "/api/v1/accounts/relationships", **{"id[]": number})[0]["following"],
    )
    return number


def answer(person: Person, to: str, text: str) -> str:
    """An answer to what this person's server knows by its IRI; the IRI of the answer."""
    said = person.ask("POST", "/api/v1/statuses", in_reply_to_id=find(person, to)["id"], status=text)
    return str(said["uri"])


def words(html: str) -> str:
    """What is to read of it."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def agree(people: tuple[Person, ...], root: str, wanted: list[dict[str, Any]]) -> None:
    """Wait until each of these people's servers shows the thread like this."""
    for person in people:
        try:
            wait_until(lambda: thread(person, root) == wanted)
        except AssertionError:
            assert thread(person, root) == wanted, person.name  # says what differs


def thread(person: Person, root: str) -> list[dict[str, Any]]:
    """The thread below a status as a client of this person's server shows it: in order, with who, what, how many."""
    first = find(person, root)
    below = person.ask("GET", f"/api/v1/statuses/{first['id']}/context")["descendants"]
    first = person.ask("GET", f"/api/v1/statuses/{first['id']}")
    iris = {one["id"]: one["uri"] for one in (first, *below)}
    return [
        {
            "uri": one["uri"],
            "to": iris.get(one["in_reply_to_id"]),
            "by": one["account"]["uri"],
            "text": words(one["content"]),
            "likes": one["favourites_count"],
            "answers": one["replies_count"],
            "edited": one["edited_at"] is not None,
            "visibility": one["visibility"],
        }
        for one in (first, *below)
    ]


def in_order(shown: list[dict[str, Any]], times: dict[str, str]) -> list[dict[str, Any]]:
    """The first post, and below each its answers by their authors' times (Bo's server tells whole seconds only)."""
    made = [one for one in shown if one["to"] is None]
    todo = made[:]
    while todo:
        at = todo.pop()
        if at not in made:
            made.append(at)
        below = [one for one in shown if one["to"] == at["uri"]]
        todo += sorted(below, key=lambda one: times[one["uri"]], reverse=True)
    return made


def passed_on(peer: RealPeer, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """What groups passed on to a peer and it took: (what an activity of these types is about, the entry), in order."""
    found = []
    for entry in peer.received():
        inner = entry["raw"]["object"] if entry["raw"]["type"] == "Announce" else None
        if isinstance(inner, dict) and inner["type"] in types and entry.get("status", 500) < 300:
            about = inner["object"]
            found.append((about if isinstance(about, str) else about["id"], entry))
    return found


def told(peer: RealPeer, *types: str) -> dict[str, Any]:
    """The same by what it is about."""
    return dict(passed_on(peer, *types))


def test_six_servers_hold_one_thread(six: Six) -> None:
    ada, ben, cleo = six.people
    fedify, apex, bovine = (six.peers[kind] for kind in KINDS)
    ada.server.fedi("group", "create", "seminar", "--title", "Seminar", "--owner", "ada")
    for person in (ben, cleo):
        join(person, six.group)
    for peer in six.peers.values():
        peer.do("follow", actor=six.group)
    account = ada.ask("GET", "/api/v2/search", q=six.group, resolve="true")["accounts"][0]["id"]
    wait_until(lambda: ada.ask("GET", f"/api/v1/accounts/{account}")["followers_count"] == 6)

    # What is said, by whom, in answer to what.
    text = f"@seminar@127.0.0.1:{ada.server.port} Why does dropout work?\n\nAn ensemble, or noise?"
    root = ada.ask("POST", "/api/v1/statuses", status=text)["uri"]
    find(ben, root)
    find(cleo, root)
    said: dict[str, str] = {"root": root}
    said["ben"] = answer(ben, root, "An ensemble, says the paper")
    said["fedify"] = fedify.do(
        "post", content="<p>Noise, says Fay</p>", inReplyTo=root, to=[six.group], group=six.group
    )["id"]
    said["cleo"] = answer(cleo, said["ben"], "The paper says both")
    said["apex"] = apex.do("post", content="<p>Abe agrees</p>", inReplyTo=said["ben"], to=[six.group], group=six.group)[
        "id"
    ]
    said["ada"] = answer(ada, said["fedify"], "Which noise, Fay?")
    said["bovine"] = bovine.do(
        "post", content="<p>Bo asks for data</p>", inReplyTo=said["fedify"], to=[six.group], group=six.group
    )["id"]
    said["late"] = answer(ben, said["bovine"], "Data is in the appendix")
    said["gone"] = answer(cleo, root, "Never mind this")
    said["gone too"] = fedify.do("post", content="<p>Nor this</p>", inReplyTo=root, to=[six.group], group=six.group)[
        "id"
    ]
    for person in six.people:
        for iri in said.values():
            find(person, iri)

    # Votes, one taken back.
    base = {person.name: f"{person.server.url}/people/{person.name}" for person in six.people}
    ben.ask("POST", f"/api/v1/statuses/{find(ben, root)['id']}/favourite")
    cleo.ask("POST", f"/api/v1/statuses/{find(cleo, said['fedify'])['id']}/favourite")
    ada.ask("POST", f"/api/v1/statuses/{find(ada, said['cleo'])['id']}/favourite")
    fedify.do("like", object=said["ben"], to=[six.group, base["ben"]])
    bovine.do("like", object=root, to=[six.group, base["ada"]])
    apex.do("like", object=said["cleo"], to=[six.group, base["cleo"]])
    undone = apex.do("like", object=said["late"], to=[six.group, base["ben"]])["id"]
    for person in six.people:
        wait_until(lambda: find(person, said["late"])["favourites_count"] == 1)
    apex.do("unlike", id=undone, object=said["late"], to=[six.group, base["ben"]])

    # Second thoughts.
    cleo.ask("PUT", f"/api/v1/statuses/{find(cleo, said['cleo'])['id']}", status="The paper says neither")
    apex.do("edit", id=said["apex"], content="<p>Abe does not agree</p>", to=[six.group], group=six.group)
    cleo.ask("DELETE", f"/api/v1/statuses/{find(cleo, said['gone'])['id']}")
    fedify.do("delete", id=said["gone too"], to=[six.group], group=six.group)

    def shown(name: str, by: str, text: str, likes: int, answers: int, to: str | None, *, edited: bool = False) -> Any:
        return {
            "uri": said[name], "to": said[to] if to else None, "by": by, "text": text, "likes": likes,
            "answers": answers, "edited": edited, "visibility": "public",
        }  # fmt: skip

    title = "@ seminar Why does dropout work? An ensemble, or noise?"
    wanted = [
        shown("root", base["ada"], title, 2, 2, None),
        shown("ben", base["ben"], "An ensemble, says the paper", 1, 2, "root"),
        shown("cleo", base["cleo"], "The paper says neither", 2, 0, "ben", edited=True),
        shown("apex", apex.id, "Abe does not agree", 0, 0, "ben", edited=True),
        shown("fedify", fedify.id, "Noise, says Fay", 1, 2, "root"),
        shown("ada", base["ada"], "Which noise, Fay?", 0, 0, "fedify"),
        shown("bovine", bovine.id, "Bo asks for data", 0, 1, "fedify"),
        shown("late", base["ben"], "Data is in the appendix", 0, 0, "bovine"),
    ]
    wanted = in_order(wanted, {iri: find(ada, iri)["created_at"] for name, iri in said.items() if "gone" not in name})
    agree(six.people, root, wanted)

    # What the others have got: every post but their own first, as its author wrote it, in a form they read.
    for kind, peer in six.peers.items():
        wait_until(lambda: told(peer, "Create").keys() >= set(said.values()))
        for name, iri in said.items():
            entry = told(peer, "Create")[iri]
            assert entry["verified"], (kind, name)
            if iri.startswith(peer.url):
                continue
            note = entry["activity"]["object"]["object"]
            if "gone" not in name:  # Fedify asks the author's server, where it may be gone already
                assert (note["type"], note["id"]) == ("Note", iri), (kind, name)
                assert note["author"] == next(one["by"] for one in wanted if one["uri"] == iri), (kind, name)
        for type_, names in (("Update", ("cleo", "apex")), ("Delete", ("gone", "gone too"))):
            for name in names:
                wait_until(lambda: said[name] in told(peer, type_))
        assert told(peer, "Like").keys() >= {root, said["fedify"], said["cleo"], said["ben"]}
        assert peer.do("fetch", url=root)["name"] == "Why does dropout work?"
        assert "neither" in peer.do("fetch", url=said["cleo"])["content"]


def test_a_thread_runs_through_twins(six: Six) -> None:
    """Alpha's group has Ada and Abe, beta's has Ben, Cleo and Bo; what is said in one is said in both, once."""
    ada, ben, cleo = six.people
    apex, bovine = six.peers["apex"], six.peers["bovine"]
    ada.server.fedi("group", "create", "lecture", "--title", "Lecture", "--owner", "ada")
    ben.server.fedi("group", "create", "vorlesung", "--title", "Vorlesung", "--owner", "ben")
    lecture, vorlesung = f"{ada.server.url}/groups/lecture", f"{ben.server.url}/groups/vorlesung"
    join(cleo, vorlesung)
    apex.do("follow", actor=lecture)
    bovine.do("follow", actor=vorlesung)
    there = f"vorlesung@127.0.0.1:{ben.server.port}"
    ada.server.fedi("twin", "offer", "lecture", there, "--by", "ada")
    asked = f"lecture@127.0.0.1:{ada.server.port}"
    wait_until(lambda: "asked" in ben.server.fedi("twin", "list"))
    ben.server.fedi("twin", "accept", "vorlesung", asked, "--by", "ben")
    for server in (ada.server, ben.server):
        wait_until(lambda: "joined" in server.fedi("twin", "list"))

    root = ada.ask("POST", "/api/v1/statuses", status=f"@lecture@127.0.0.1:{ada.server.port} Is it a loop?")["uri"]
    said = {"root": root, "cleo": answer(cleo, root, "Not with twins")}
    said["apex"] = apex.do("post", content="<p>Abe looks</p>", inReplyTo=root, to=[lecture], group=lecture)["id"]
    find(ada, said["cleo"])
    said["bovine"] = bovine.do(
        "post", content="<p>Bo too</p>", inReplyTo=said["cleo"], to=[vorlesung], group=vorlesung
    )["id"]
    for person in six.people:
        for iri in said.values():
            find(person, iri)
    cleo.ask("POST", f"/api/v1/statuses/{find(cleo, root)['id']}/favourite")
    ada.ask("POST", f"/api/v1/statuses/{find(ada, said['bovine'])['id']}/favourite")
    cleo.ask("PUT", f"/api/v1/statuses/{find(cleo, said['cleo'])['id']}", status="Never with twins")
    wait_until(lambda: thread(ada, root) and find(ada, said["cleo"])["edited_at"])

    def both() -> bool:
        return bool(find(ada, root)["favourites_count"] == 1 == find(ben, said["bovine"])["favourites_count"])

    wait_until(both)
    wanted = thread(ada, root)
    assert {one["uri"] for one in wanted} == set(said.values())
    assert next(one for one in wanted if one["uri"] == said["cleo"])["text"] == "Never with twins"
    agree(six.people, root, wanted)

    # Each peer got each post, once, from the group that it is in.
    for peer, group in ((apex, lecture), (bovine, vorlesung)):
        for iri in said.values():
            wait_until(lambda: iri in told(peer, "Create"))
            passed = [entry for about, entry in passed_on(peer, "Create") if about == iri]
            assert [(one["raw"]["actor"], one["verified"]) for one in passed] == [(group, True)], iri


def test_a_private_thread_among_them_is_nobody_elses(six: Six) -> None:
    """Members at alpha, beta and gamma, and Bo, who reads; delta, which nobody peered with, asks all of ours for everything."""
    ada, ben, cleo = six.people
    bovine, dora = six.peers["bovine"], six.dora
    options = ("--see", "members", "--join", "approval")
    ada.server.fedi("group", "create", "closed", "--title", "Closed", "--owner", "ada", *options)
    closed = f"{ada.server.url}/groups/closed"
    handle = f"@closed@127.0.0.1:{ada.server.port}"
    for person in (ben, cleo, dora):
        number = person.ask("GET", "/api/v2/search", q=handle, resolve="true")["accounts"][0]["id"]
        person.ask("POST", f"/api/v1/accounts/{number}/follow")
    bovine.do("follow", actor=closed)
    wait_until(lambda: len(ada.ask("GET", "/api/v1/follow_requests")) == 4)
    for one in ada.ask("GET", "/api/v1/follow_requests"):
        if one["username"] != "dora":
            ada.ask("POST", f"/api/v1/follow_requests/{one['id']}/authorize")
    wait_until(lambda: len(ada.ask("GET", "/api/v1/follow_requests")) == 1)

    root = ada.ask("POST", "/api/v1/statuses", status=f"{handle} merlinx\n\nkestrelx")["uri"]
    said = {"root": root, "ben": answer(ben, root, "harrierx")}
    said["cleo"] = answer(cleo, said["ben"], "buzzardx")
    for person in six.people:
        for iri in said.values():
            find(person, iri)
    wanted = thread(ada, root)
    assert {one["uri"] for one in wanted} == set(said.values())
    assert {one["visibility"] for one in wanted} == {"private"}
    agree(six.people, root, wanted)
    for iri in said.values():
        wait_until(lambda: iri in told(bovine, "Create"))

    iri, hers, its = secret(dora)
    keys = {iri: hers, f"{dora.server.url}/actor": its}
    addresses = {one for person in six.people for one in written(person.server)}
    words_of_members = ("merlinx", "kestrelx", "harrierx", "buzzardx")
    for person in six.people:
        crawler = Crawler(person.server, keys, dora.token)
        only = {int(find(person, one)["id"]) for one in (*said.values(), said["root"])}
        crawler.ask([*addresses, *routes(person.server, [person.name, "closed", "seminar"], only)])
        for word in words_of_members:
            assert crawler.found(word) == [], (person.name, word)
        assert [at for at, (status, _) in crawler.answers.items() if status >= 500] == []
    heard = (
        dora.ask("GET", "/api/v1/timelines/home")
        + dora.ask("GET", "/api/v2/search", q=root, resolve="true")["statuses"]
    )
    assert heard == []
    dora.server.kill()
    kept = b"".join(file.read_bytes() for file in dora.server.folder.rglob("*") if file.is_file()).lower()
    assert not [word for word in words_of_members if word.encode() in kept]
