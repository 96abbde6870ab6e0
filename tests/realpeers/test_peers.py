"""A thread held with servers that are made of other people's libraries, over real HTTP.

Each library checks signatures and reads documents in its own way; what a test sees of a peer is what its library made of
what we sent.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.signatures.integrity import check_proof
from federation.signatures.keys import load_public
from tests.live.client import Person, wait_until
from tests.realpeers.peer import RealPeer, missing, need
from tests.servers import Server

pytestmark = pytest.mark.live

KINDS = ("fedify", "apex", "bovine")
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def document(url: str) -> dict[str, Any]:
    """A document as whoever asks without a signature gets it."""
    request = urllib.request.Request(url, headers={"Accept": "application/activity+json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        got: dict[str, Any] = json.load(answer)
        return got


class University:
    """One real instance: Ada, who owns its groups, and what its tests ask of it again and again."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder, f"sqlite:///{folder}/fedi.db", "Alpha")
        self.server.init()
        self.ada = Person(self.server, "ada", self.server.person("ada"))
        self.server.start()

    def group(self, name: str, *options: str) -> str:
        """A new group of Ada's; its IRI."""
        self.server.fedi("group", "create", name, "--title", name.title(), "--owner", "ada", *options)
        return f"{self.server.url}/groups/{name}"

    def post(self, group: str, text: str) -> Any:
        """A status of Ada's in a group."""
        name = group.rpartition("/")[2]
        return self.ada.ask("POST", "/api/v1/statuses", status=f"@{name}@127.0.0.1:{self.server.port} {text}")

    def status(self, number: str) -> Any:
        """A status as Ada sees it now."""
        return self.ada.ask("GET", f"/api/v1/statuses/{number}")

    def answers(self, number: str) -> list[Any]:
        """The statuses below one, as Ada sees them."""
        found: list[Any] = self.ada.ask("GET", f"/api/v1/statuses/{number}/context")["descendants"]
        return found

    def texts(self, number: str) -> list[str]:
        """The contents of what is below a status."""
        return [one["content"] for one in self.answers(number)]

    def found(self, iri: str) -> Any:
        """The account with this IRI."""
        return self.ada.ask("GET", "/api/v2/search", q=iri, resolve="true")["accounts"][0]


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Iterator[University]:
    if all(missing(kind) for kind in KINDS):
        need(KINDS[0])
    made = University(tmp_path_factory.mktemp("university") / "alpha")
    yield made
    made.server.kill()


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[list[RealPeer]]:
    """Whatever a test puts in here is ended after it."""
    started: list[RealPeer] = []
    yield started
    for one in started:
        one.stop()


def run(kind: str, folder: Path, peers: list[RealPeer], **settings: str) -> RealPeer:
    """Start one."""
    need(kind)
    made = RealPeer(kind, folder / f"{kind}{len(peers)}", settings)
    peers.append(made)
    return made.start()


def got(peer: RealPeer, *types: str, about: str | None = None) -> list[dict[str, Any]]:
    """What came to the peer: activities of these types, the outer one first, and in the last an object with this IRI."""
    found = []
    for entry in peer.received():
        here: Any = entry["raw"]
        for type_ in types:
            if not isinstance(here, dict) or here.get("type") != type_:
                break
            here = here.get("object")
        else:
            if about is None or about in (here, here["id"] if isinstance(here, dict) else None):
                found.append(entry)
    return found


def await_got(peer: RealPeer, *types: str, about: str | None = None) -> dict[str, Any]:
    """What came first of these, once the peer has dealt with it: taken, or refused by what it is made of."""

    def dealt_with() -> list[dict[str, Any]]:
        come = got(peer, *types, about=about)
        return [one for one in come if one.get("activity") or one.get("status", 0) >= 400]

    wait_until(dealt_with)
    return dealt_with()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_elsewhere_takes_part_in_a_group(
    kind: str, university: University, peers: list[RealPeer], tmp_path: Path
) -> None:
    peer = run(kind, tmp_path, peers)
    group = university.group(f"physics_{kind}")
    ada = f"{university.server.url}/people/ada"

    # The actors as the library reads them, fetched with its signature.
    read = peer.do("fetch", url=group)
    assert (read["type"], read["id"], read["name"]) == ("Group", group, f"Physics_{kind.title()}")
    assert read["username"] == f"physics_{kind}"
    assert read["inbox"] == f"{group}/inbox"
    assert read["followers"] == f"{group}/followers"
    assert read["outbox"] == f"{group}/outbox"
    assert read["publicKey"] == f"{group}#main-key"
    assert peer.do("fetch", url=ada)["type"] == "Person"
    assert peer.do("fetch", url=f"{university.server.url}/actor")["type"] == "Application"

    # Joining is following.
    follow = peer.do("follow", actor=group)["id"]
    accepted = await_got(peer, "Accept")
    assert accepted["verified"]
    assert accepted["activity"]["objectId"] == follow

    # A thread opens: all that matters of it arrives.
    opened = university.post(group, "What is light?\n\nA wave or a particle: https://example.org/light #optics")
    announced = await_got(peer, "Announce", "Create")
    assert announced["verified"]
    assert announced["status"] < 300
    assert announced["activity"]["actor"] == group
    create = announced["activity"]["object"]
    assert (create["type"], create["actor"]) == ("Create", ada)
    for note in (create["object"], peer.do("fetch", url=opened["uri"])):
        assert (note["type"], note["id"], note["author"]) == ("Note", opened["uri"], ada)
        assert note["name"] == "What is light?"
        assert "A wave or a particle" in note["content"]
        assert 'href="https://example.org/light"' in note["content"]
        assert note["url"] == opened["url"]
        assert note["inReplyTo"] is None
        assert note["published"]
        assert set(note["to"]) & {PUBLIC, "as:Public"}
        assert group in note["to"]
        assert note["audience"] == [group]
        assert note["hashtags"] == ["#optics"]
        assert note["mentions"] == [f"@physics_{kind}@127.0.0.1:{university.server.port}"]

    # It answers; the answer is in the thread, and the group passes it on as it came.
    answer = peer.do("post", content="<p>Both.</p>", inReplyTo=opened["uri"], to=[group, ada], group=group)
    wait_until(lambda: university.texts(opened["id"]) == ["<p>Both.</p>"])
    mine = university.answers(opened["id"])[0]
    assert mine["uri"] == answer["id"]
    assert mine["account"]["url"] == university.found(peer.id)["url"]
    assert mine["in_reply_to_id"] == opened["id"]
    back = await_got(peer, "Announce", "Create", about=answer["id"])
    assert back["activity"]["objectId"] == answer["activity"]
    assert answer["activity"] in json.dumps(document(f"{group}/outbox"))

    # A vote, and not.
    like = peer.do("like", object=opened["uri"], to=[group, ada])["id"]
    wait_until(lambda: university.status(opened["id"])["favourites_count"] == 1)
    peer.do("unlike", id=like, object=opened["uri"], to=[group, ada])
    wait_until(lambda: university.status(opened["id"])["favourites_count"] == 0)

    # Ada answers back, changes her mind, and takes it away.
    reply = university.ada.ask(
        "POST", "/api/v1/statuses", in_reply_to_id=mine["id"], status=f"{peer.handle} How can that be?"
    )
    came = await_got(peer, "Announce", "Create", about=reply["uri"])["activity"]["object"]["object"]
    assert came["inReplyTo"] == answer["id"]
    assert peer.do("fetch", url=reply["uri"])["name"] is None  # an answer has no title
    university.ada.ask("PUT", f"/api/v1/statuses/{reply['id']}", status=f"{peer.handle} How can that be, really?")
    assert await_got(peer, "Announce", "Update", about=reply["uri"])["status"] < 300
    changed = peer.do("fetch", url=reply["uri"])
    assert "really" in changed["content"]
    assert changed["updated"]
    university.ada.ask("DELETE", f"/api/v1/statuses/{reply['id']}")
    gone = await_got(peer, "Announce", "Delete", about=reply["uri"])
    assert gone["status"] < 300
    with pytest.raises(AssertionError):
        assert peer.do("fetch", url=reply["uri"])["type"] != "Tombstone"

    # The same from there.
    peer.do("edit", id=answer["id"], content="<p>Both, it seems.</p>", to=[group], group=group)
    wait_until(lambda: university.texts(opened["id"]) == ["<p>Both, it seems.</p>"])
    peer.do("delete", id=answer["id"], to=[group], group=group)
    wait_until(lambda: university.texts(opened["id"]) == [])

    # Leaving: nothing more comes.
    account = university.found(group)["id"]
    before = university.ada.ask("GET", f"/api/v1/accounts/{account}")["followers_count"]
    peer.do("unfollow", actor=group, follow=follow)
    wait_until(lambda: university.ada.ask("GET", f"/api/v1/accounts/{account}")["followers_count"] == before - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_here_follows_a_person_elsewhere(
    kind: str, university: University, peers: list[RealPeer], tmp_path: Path
) -> None:
    peer = run(kind, tmp_path, peers)
    ada = f"{university.server.url}/people/ada"
    account = university.found(peer.id)
    assert (account["acct"], account["uri"]) == (peer.handle.removeprefix("@"), peer.id)
    assert account["note"].removeprefix("<p>").removesuffix("</p>") == "Made of a library"
    university.ada.ask("POST", f"/api/v1/accounts/{account['id']}/follow")

    def following() -> bool:
        found = university.ada.ask("GET", "/api/v1/accounts/relationships", **{"id[]": account["id"]})
        return bool(found[0]["following"])

    wait_until(following)
    assert await_got(peer, "Follow")["verified"]
    said = peer.do("post", content="<p>Good morning</p>", title=f"From {kind}")

    def home() -> list[Any]:
        timeline = university.ada.ask("GET", "/api/v1/timelines/home", limit=40)
        return [one for one in timeline if one["uri"] == said["id"]]

    wait_until(lambda: len(home()) == 1)
    status = home()[0]
    assert "Good morning" in status["content"]

    # What she does with it comes to its author.
    university.ada.ask("POST", f"/api/v1/statuses/{status['id']}/favourite")
    liked = await_got(peer, "Like", about=said["id"])
    assert liked["verified"]
    assert (liked["status"] < 300) == (kind != "apex")  # which knows likes of activities only
    assert liked["raw"]["actor"] == ada
    university.ada.ask("POST", f"/api/v1/statuses/{status['id']}/unfavourite")
    assert await_got(peer, "Undo", "Like", about=said["id"])["verified"]
    reply = university.ada.ask(
        "POST", "/api/v1/statuses", in_reply_to_id=status["id"], status=f"{peer.handle} And to you"
    )
    came = await_got(peer, "Create", about=reply["uri"])
    assert came["verified"]
    assert came["activity"]["object"]["inReplyTo"] == said["id"]
    assert came["activity"]["object"]["author"] == ada
    peer.do("edit", id=said["id"], content="<p>Good evening</p>")
    wait_until(lambda: "Good evening" in university.status(status["id"])["content"])
    peer.do("delete", id=said["id"])
    wait_until(lambda: home() == [])


def test_a_strict_reader_knows_every_term_and_both_kinds_of_proof(
    university: University, peers: list[RealPeer], tmp_path: Path
) -> None:
    """Fedify expands JSON-LD with the contexts that it has built in, and checks our proofs; we check its own."""
    fedify = run("fedify", tmp_path, peers)
    group = university.group("strict")
    fedify.do("follow", actor=group)
    await_got(fedify, "Accept")
    opened = university.post(group, "Terms\n\nof a #strict reader")
    university.ada.ask("POST", f"/api/v1/statuses/{opened['id']}/favourite")
    await_got(fedify, "Announce", "Like")
    answer = fedify.do("post", content="<p>An answer</p>", inReplyTo=opened["uri"], to=[group], group=group)
    await_got(fedify, "Announce", "Create", about=answer["id"])

    ada = f"{university.server.url}/people/ada"
    urls = [ada, group, f"{university.server.url}/actor", opened["uri"], f"{opened['uri']}/activity"]
    collections = "outbox followers following featured moderators context contextHistory replies likes shares".split()
    urls += [
        value
        for url in (ada, group, opened["uri"])
        for name, value in document(url).items()
        if name in collections and isinstance(value, str)
    ]
    assert len(urls) > 12
    unknown = {url: fedify.do("undefined", document=document(url)) for url in dict.fromkeys(urls)}
    theirs = {"_:RsaSignature2017"}  # within what Fedify sent and the group passes on as it came
    assert {url: terms for url, terms in unknown.items() if set(terms) - theirs} == {}
    proven = 0
    for entry in fedify.received():
        raw = entry["raw"]
        inner = raw["object"] if isinstance(raw["object"], dict) else {}
        if not json.dumps(inner.get("actor", "")).startswith(f'"{fedify.url}'):
            assert fedify.do("undefined", document=raw) == [], raw["type"]
            if "proof" in inner:
                checked = fedify.do("proof", document=inner)
                assert checked is not None, inner["id"]
                assert checked["id"] == inner["id"]
                assert fedify.do("proof", document=inner | {"published": "2020-01-01T00:00:00Z"}) is None
                proven += 1
        elif inner.get("type") == "Create":
            method = next(
                one
                for one in document(fedify.id)["assertionMethod"]
                if one["id"] == inner["proof"]["verificationMethod"]
            )
            check_proof(inner, load_public(method["publicKeyMultibase"], method["id"], fedify.id), 4_000_000_000_000)
    assert proven >= 2
    keys = fedify.do("fetch", url=ada)["assertionMethods"]
    assert keys == [{"id": f"{ada}#ed25519-key", "algorithm": "Ed25519"}]


@pytest.mark.parametrize(
    ("settings", "signature"),
    [({"ONLY_RFC9421": "1"}, "rfc9421"), ({"FIRST_KNOCK": "draft-cavage-http-signatures-12"}, "draft")],
)
def test_both_kinds_of_signature(
    settings: dict[str, str], signature: str, university: University, peers: list[RealPeer], tmp_path: Path
) -> None:
    """A peer that has no draft signatures any more gets those of RFC 9421, from the second knock on."""
    fedify = run("fedify", tmp_path, peers, **settings)
    group = university.group(f"signed_{signature}")
    fedify.do("follow", actor=group)
    accepted = await_got(fedify, "Accept")
    assert (accepted["signature"], accepted["verified"]) == (signature, True)
    opened = university.post(group, "Signed")
    announced = await_got(fedify, "Announce", "Create", about=opened["uri"])
    assert (announced["signature"], announced["verified"]) == (signature, True)
    answer = fedify.do("post", content="<p>Too</p>", inReplyTo=opened["uri"], to=[group], group=group)
    wait_until(lambda: [one["uri"] for one in university.answers(opened["id"])] == [answer["id"]])


@pytest.mark.parametrize("kind", KINDS)
def test_what_members_alone_may_read_is_served_to_a_members_signature(
    kind: str, university: University, peers: list[RealPeer], tmp_path: Path
) -> None:
    peer, stranger = run(kind, tmp_path, peers), run("apex", tmp_path, peers)
    group = university.group(f"seminar_{kind}", "--see", "members", "--join", "approval")
    peer.do("follow", actor=group)
    wait_until(lambda: any(one["uri"] == peer.id for one in university.ada.ask("GET", "/api/v1/follow_requests")))
    asked = next(one for one in university.ada.ask("GET", "/api/v1/follow_requests") if one["uri"] == peer.id)
    university.ada.ask("POST", f"/api/v1/follow_requests/{asked['id']}/authorize")
    await_got(peer, "Accept")
    opened = university.post(group, "Between us\n\nkestrel")
    assert opened["visibility"] == "private"
    announced = await_got(peer, "Announce", "Create", about=opened["uri"])
    assert announced["verified"]
    note = announced["activity"]["object"]["object"]
    assert (note["name"], note["author"]) == ("Between us", f"{university.server.url}/people/ada")
    assert "kestrel" in note["content"]
    assert not {PUBLIC, "as:Public"} & {*note["to"], *note["cc"]}
    assert "kestrel" in peer.do("fetch", url=opened["uri"])["content"]
    with pytest.raises(AssertionError, match="404"):
        stranger.do("fetch", url=opened["uri"])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        document(opened["uri"])
    assert not got(stranger, "Announce")
