"""The documents that were made to deceive (the folder `attacks` of the corpus; a part is in tests/peers), each sent as its
author meant it: through the whole pipeline within this process, and over real HTTP. Each is refused for its own reason.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from federation.errors import WrongOrigin
from federation.webfinger import read_answer
from fedi import fetching
from fedi.actions import posts as post_actions
from fedi.actions.drafts import Draft
from storage import posts, received
from storage.actors import Actor
from tests.attacks.hostile import PUBLIC, Answer, Hostile, Target, ada, followed
from tests.conftest import Databases
from tests.federation.corpus import ABSENT
from tests.federation.samples import CORPUS, PEERS
from tests.world import Instance, Peer, World, close, instance, settle

FOLDER = CORPUS / "attacks" if CORPUS.is_dir() else PEERS / "attacks"
FILES = sorted(FOLDER.glob("*.json"))

# By file: who sends it, and what becomes of it: at the door (status, code), or afterwards (state, code).
SENT: dict[str, tuple[str, tuple[Any, str]]] = {
    "activity-bogus-mastodon-announce": ("admin", ("done", "unknown-object")),
    "activity-bogus-mastodon-announce-2": ("admin", ("done", "unknown-object")),
    "activity-emoji-reaction-no-emoji": ("admin", ("refused", "bad-emoji")),
    "activity-emoji-reaction-too-long": ("admin", ("refused", "bad-emoji")),
    "activity-emoji-reaction-too-long-2": ("admin", ("refused", "bad-emoji")),
    "activity-toolkit-actor_mismatch": ("bob", (403, "wrong-origin")),
    "activity-toolkit-create_without_authority": ("mallory", ("refused", "wrong-origin")),
    "activity-toolkit-impersonate_attributedto": ("mallory", ("refused", "wrong-origin")),
    "activity-toolkit-overwrite_existing_reference": ("mallory", ("refused", "wrong-origin")),
    "activity-toolkit-update_others_object": ("mallory", ("done", "unknown-object")),
}
FETCHED = {"object-fedibird_quote_mismatched", "object-spoofed-object-2", "object-spoofed_pleroma_note"}

# Which host of the file stands for which part.
HOSTS = {
    "https://mastodon.local": "one",
    "http://mastodon.example.org": "one",
    "https://evil.example.com": "one",
    "http://testserver": "two",
    "https://mocked.local": "two",
    "https://mastodon.social": "two",
    "https://fedibird.com": "one",
    "https://unnerv.jp": "two",
    "https://patch.cx": "one",
    "https://instance.local": "three",
}


def filled(path: Path, origin: Callable[[str], str], post: str) -> Any:
    """A file with the origins of the test in place of its own, and a post of the target where it names one."""
    text = path.read_text("utf-8")
    for theirs, part in HOSTS.items():
        text = text.replace(theirs, origin(part))
    document = json.loads(text)
    if document.get("type") == "EmojiReact":
        document["object"] = post
    return document


def names(kind: set[str] | dict[str, Any]) -> list[Path]:
    """The files of a kind that are there."""
    return [path for path in FILES if path.stem in kind]


def test_every_file_of_the_folder_is_tried() -> None:
    assert {path.stem for path in FILES} <= SENT.keys() | FETCHED | {"webfinger-webfinger_spoof"}
    if not CORPUS.is_dir():
        pytest.skip(ABSENT)
    assert len(FILES) == 14


# Within this process, through the whole pipeline.


@pytest.fixture
async def alpha(databases: Databases, tmp_path: Path) -> AsyncIterator[Instance]:
    """An instance on SQLite, alone in its world."""
    url = databases.new("sqlite")
    made = await instance(World(), "alpha.example", url, tmp_path)
    yield made
    await close(made)
    databases.drop(url)


def _published(alpha: Instance, person: Actor) -> str:
    made = alpha.write(lambda tx: post_actions.publish(tx, alpha.site, person, Draft(text="hello")))
    return made.iri


@pytest.mark.anyio
@pytest.mark.parametrize("path", names(SENT), ids=lambda path: path.stem)
async def test_refused_within_the_pipeline(alpha: Instance, path: Path) -> None:
    sender, wanted = SENT[path.stem]
    peers = {part: Peer(alpha.world, f"{part}.example", "mastodon") for part in ("one", "two", "three")}
    person = alpha.person("ada")
    document = filled(path, lambda part: peers[part].iri(""), _published(alpha, person))
    host = peers["two" if sender == "bob" else "one"]
    actor = host.actor(sender)
    if "announce" in path.stem:
        await _follow(alpha, person, host, actor)
    before = alpha.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM posts").scalar())
    answer = await host.send(alpha, json.dumps(document).encode(), key=actor)
    if isinstance(wanted[0], int):
        assert answer.status == wanted[0]
        assert json.loads(answer.body)["type"] == f"urn:fedi:{wanted[1]}"
        return
    assert answer.status == 202
    await settle(alpha)
    row = next(one for one in alpha.read(lambda tx: received.newest(tx, 10)) if one.activity_id == document["id"])
    assert (row.state, row.code) == wanted
    assert alpha.read(lambda tx: tx.exec_driver_sql("SELECT count(*) FROM posts").scalar()) == before


async def _follow(alpha: Instance, person: Actor, host: Peer, actor: str) -> None:
    from fedi.actions import follows as follow_actions

    known = await fetching.actor(alpha.site, actor)
    alpha.write(lambda tx: follow_actions.follow(tx, alpha.site, person, known))
    await settle(alpha)
    accept = host.activity("Accept", actor, host.got("Follow")[0])
    assert (await host.send(alpha, accept)).status == 202
    await settle(alpha)


@pytest.mark.anyio
@pytest.mark.parametrize("path", names(FETCHED), ids=lambda path: path.stem)
async def test_what_is_fetched_is_not_believed(alpha: Instance, path: Path) -> None:
    peers = {part: Peer(alpha.world, f"{part}.example", "mastodon") for part in ("one", "two", "three")}
    document = filled(path, lambda part: peers[part].iri(""), "")
    author = peers["two" if "pleroma" in path.stem else "one"].actor(document["attributedTo"].rpartition("/")[2])
    assert author == document["attributedTo"]
    if path.stem == "object-spoofed_pleroma_note":
        # An author of another host.
        peers["three"].documents[document["id"]] = document
        with pytest.raises(WrongOrigin):
            await fetching.post(alpha.site, document["id"])
    elif path.stem == "object-spoofed-object-2":
        # A file that somebody uploaded at the host of the author, with an id that is not there.
        upload = peers["one"].iri("/media/spoof.json")
        peers["one"].documents[upload] = document
        assert await fetching.resolve(alpha.site, upload) is None
    else:
        # It is its author's, but what it says it quotes has given no leave.
        peers["one"].documents[document["id"]] = document
        kept = await fetching.post(alpha.site, document["id"])
        assert kept is not None
        assert kept.quote_state != "accepted"
        return
    assert alpha.read(lambda tx: posts.by_iri(tx, document["id"])) is None


@pytest.mark.anyio
async def test_a_handle_that_another_host_claims(alpha: Instance) -> None:
    """A host answers with the handle of another one: that one is asked, and knows nothing of it."""
    document = json.loads((PEERS / "attacks/webfinger-webfinger_spoof.json").read_bytes())
    assert read_answer(document).subject == "trump@whitehouse.gov"

    class Spoofer(Peer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.asked.append(scope["path"])
            body = json.dumps(document).encode()
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/jrd+json")]}
            )
            await send({"type": "http.response.body", "body": body})

    spoofer = Spoofer(alpha.world, "gleasonator.com")
    house = Peer(alpha.world, "whitehouse.gov")
    assert await fetching.resolve(alpha.site, "@trump@gleasonator.com") is None
    assert await fetching.resolve(alpha.site, "@alex@gleasonator.com") is None
    assert spoofer.asked
    assert house.asked
    # Nor does it help that somebody of this name lives there.
    house.actor("trump")
    alpha.site.questions.failed.clear()
    assert await fetching.resolve(alpha.site, "@trump@gleasonator.com") is None


@pytest.mark.anyio
async def test_an_instance_knows_its_own_address(alpha: Instance) -> None:
    """In every spelling: or whoever writes it otherwise makes it ask itself, and take its own people for others'."""
    for own in ("https://alpha.example/people/ada", "https://alpha.example", "HTTPS://ALPHA.example/people/ada",
                "https://alpha.example./people/ada", "https://alpha.example:443/people/ada", "http://alpha.example/x"):  # fmt: skip
        assert alpha.site.is_local(own), own
    for other in ("https://beta.example/people/ada", "https://alpha.example.evil.example/", "https://alpha.example@evil.example/",
                  "https://alpha.example:444/", "https://evil.example/https://alpha.example/", "alpha.example", "", "#x"):  # fmt: skip
        assert not alpha.site.is_local(other), other
    with pytest.raises(WrongOrigin):
        await fetching.keep_actor(alpha.site, {**await alpha.document("/actor"), "name": "forged"})


# Over real HTTP.


@pytest.mark.live
@pytest.mark.parametrize("path", names(SENT), ids=lambda path: path.stem)
def test_refused_over_http(target: Target, hostile: Hostile, path: Path) -> None:
    sender, wanted = SENT[path.stem]
    case = path.stem.replace("_", "-").lower()[-40:]
    post = str(target.api("POST", "/api/v1/statuses", status=f"hello {case}")["uri"])
    document = filled(path, lambda part: hostile.url(f"{part}-{case}", ""), post)
    actor = hostile.actor(f"{'two' if sender == 'bob' else 'one'}-{case}", sender)
    if "announce" in path.stem:
        followed(target, hostile, actor)
    status, code = hostile.send(target.server, json.dumps(document).encode(), key=hostile.keys[actor])
    if isinstance(wanted[0], int):
        assert (status, code) == wanted
    else:
        assert (status, code) == (202, "")
        assert target.outcome(document) == wanted
    held = document["object"]
    if isinstance(held, dict):
        assert target.post(str(held["id"])) is None


@pytest.mark.live
def test_an_edit_of_anothers_post_that_is_known(target: Target, hostile: Hostile) -> None:
    """Of what is known, its origin is asked how it is: it stays as it was."""
    bob = hostile.actor("known-two", "bob")
    followed(target, hostile, bob)
    note = hostile.note(bob, "/notes/bobs-note-999", content="<p>the words of Bob</p>")
    create = hostile.activity("Create", bob, note)
    assert hostile.send(target.server, create) == (202, "")
    assert target.outcome(create) == ("done", "")
    mallory = hostile.actor("known-one", "mallory")
    path = FOLDER / "activity-toolkit-update_others_object.json"
    update = filled(path, lambda part: hostile.url(f"known-{part}", ""), "")
    assert hostile.send(target.server, update, key=hostile.keys[mallory]) == (202, "")
    target.outcome(update)
    kept = target.post(str(note["id"]))
    assert kept is not None
    assert kept.content == "<p>the words of Bob</p>"


@pytest.mark.live
def test_an_upload_and_a_spoof_over_http(target: Target, hostile: Hostile) -> None:
    spoof = filled(FOLDER / "object-spoofed_pleroma_note.json", lambda part: hostile.url(f"spoof-{part}", ""), "")
    hostile.actor("spoof-two", "karen")
    hostile.serve(spoof["id"], spoof)
    assert target.find(spoof["id"])["statuses"] == []
    upload = {**spoof, "id": hostile.url("spoof-two", "/objects/1"), "to": [PUBLIC]}
    place = hostile.serve(hostile.url("spoof-two", "/media/1.json"), Answer(upload, content_type="application/json"))
    assert target.find(place)["statuses"] == []
    assert target.post(upload["id"]) is None
    assert ada(target)
