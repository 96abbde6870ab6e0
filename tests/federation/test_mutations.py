"""Each document of the corpus with the one thing missing that matters, and with something of another host in it: what real
software sends must be refused for the right reason once it is not right any more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from federation.authorship import check_authorship
from federation.errors import FederationError, WrongOrigin
from federation.fields import Json, as_list, as_objects, types
from federation.hosts import host_of
from federation.meaning import describe
from federation.nodeinfo import read_index
from federation.parse import ACTIVITIES, parse, parse_document
from federation.signatures.verify import authentic_fetched
from federation.vocabulary import actor, note
from federation.vocabulary.actor import owner_of_key, read_actor
from tests.federation.corpus import ABSENT, FILES, bytes_of, meaning_of, name_of

pytestmark = pytest.mark.skipif(not FILES, reason=ABSENT)

ELSEWHERE = "https://evil.example/users/mallory"
OTHERS = {
    "attacks": "refused as they are (tests/attacks)",
    "contexts": "are no documents of anybody",
    "vectors": "are requests (tests/federation/signatures)",
    "w3c-as2": "have no ids: see corpus.tsv",
    "w3c-as2-fail": "are wrong already",
}
"""Folders that hold nothing of this kind, and why."""


def answer(document: Json) -> str:
    """What becomes of a document that its own origin serves: its meaning, or `refused: code`."""
    try:
        kinds = set(types(document))
        if kinds & ACTIVITIES - {"Question"} and "actor" in document:
            raw = json.dumps(document).encode()
            activity = parse(raw)
            authentic_fetched(document, activity.id, raw)
            held = as_objects(activity.object)
            if activity.type in ("Create", "Update") and len(held) == 1 and set(types(held[0])) & set(note.KINDS):
                check_authorship(activity)  # of an actor's document, its own origin is asked
        return describe(document)
    except FederationError as problem:
        return f"refused: {problem.code}"


def kind_of(document: Json) -> str:
    """activity, actor, key, post, collection, webfinger, nodeinfo, index or other."""
    kinds = set(types(document))
    if kinds & ACTIVITIES - {"Question"} and "actor" in document:
        return "activity"
    if kinds & set(actor.KINDS) and "inbox" not in document:
        return "key"
    for name, known in (("actor", actor.KINDS), ("post", note.KINDS)):
        if kinds & set(known):
            return name
    if kinds & {"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"}:
        return "collection"
    if "subject" in document and "links" in document:
        return "webfinger"
    if "software" in document:
        return "nodeinfo"
    return "index" if "links" in document and not kinds else "other"


MISSING: dict[str, dict[str, str]] = {
    "activity": {"id": "malformed", "actor": "malformed", "object": "no-object"},
    "actor": {"id": "not-an-actor", "inbox": "not-an-actor"},
    "post": {"id": "not-a-post", "attributedTo": "not-a-post"},
    "webfinger": {"subject": "", "links": ""},
    "nodeinfo": {"software": ""},
    "collection": {"type": ""},
    "index": {"links": ""},
}
"""By kind: the field that is taken out, and the code of the refusal (empty: it is nothing that we know any more)."""


def without(document: Json, name: str) -> Json:
    """A copy without a field; of a post, without `actor` too, which stands for its author where that is missing."""
    made = {key: value for key, value in document.items() if key != name}
    if name == "attributedTo":
        made.pop("actor", None)
    return made


def documents(folder: str) -> Iterator[tuple[str, Json]]:
    """The documents of a folder that mean something, and that their own origin may say."""
    for path in FILES:
        if path.parent.name == folder and not meaning_of(path).startswith("refused"):
            document = parse_document(bytes_of(path))
            if not answer(document).startswith("refused"):
                yield name_of(path), document


def test_what_is_put_together_from_several_hosts_already() -> None:
    """Test fixtures of other projects whose id and actor are of two hosts; nothing that a server sent."""
    found = {
        name_of(path)
        for path in FILES
        if path.parent.name not in OTHERS
        and not meaning_of(path).startswith("refused")
        and answer(parse_document(bytes_of(path))).startswith("refused")
    }
    assert found == {
        "misskey/activity-misskey-like-2.json",
        "misskey/activity-misskey-like.json",
        "mobilizon/activity-mobilizon-event-join.json",
        "mobilizon/activity-mobilizon-event-join-accept.json",
    }


FOLDERS = sorted({path.parent.name for path in FILES} - OTHERS.keys())


@pytest.mark.parametrize("folder", FOLDERS)
def test_one_field_less(folder: str) -> None:
    tried = 0
    for name, document in documents(folder):
        for field, code in MISSING.get(kind_of(document), {}).items():
            if field not in document:
                continue
            became = answer(without(document, field))
            tried += 1
            if field == "inbox" and "publicKey" in document:
                assert became == "key", name  # what is left could be GoToSocial's stub, which is no actor either
            elif code:
                assert became == f"refused: {code}", (name, field)
            else:
                assert not became.startswith(answer(document).split(" ")[0]), (name, field, became)
    assert tried > 0


def foreign(document: Json) -> Iterator[tuple[str, Json, str]]:
    """(what was changed, the changed copy, the code of its refusal) for everything of another host that can be put in."""
    kind = kind_of(document)
    held = as_list(document.get("object"))
    if kind == "activity":
        yield "id", {**document, "id": "https://evil.example/activities/1"}, "wrong-origin"
        yield "actor", {**document, "actor": ELSEWHERE}, "wrong-origin"
        one = held[0] if len(held) == 1 and isinstance(held[0], dict) else None
        if one is not None and set(types(document)) & {"Create", "Update"} and set(types(one)) & set(note.KINDS):
            yield "object.id", {**document, "object": {**one, "id": "https://evil.example/notes/1"}}, "wrong-origin"
            if not as_objects(one.get("attributedTo")):
                theirs = {**one, "attributedTo": ELSEWHERE} | ({"actor": ELSEWHERE} if "actor" in one else {})
                yield "object.attributedTo", {**document, "object": theirs}, "wrong-origin"
        if one is not None and "Undo" in types(document) and "actor" in one:
            yield "object.actor", {**document, "object": {**one, "actor": ELSEWHERE}}, "wrong-origin"
    elif kind == "actor":
        yield "id", {**document, "id": ELSEWHERE}, "wrong-origin"
        yield "inbox", {**document, "inbox": f"{ELSEWHERE}/inbox"}, "wrong-origin"
    elif kind == "post":
        # Of an Event the actor is the author, and a video's channel and person are both of its host.
        theirs = {**document, "attributedTo": ELSEWHERE} | ({"actor": ELSEWHERE} if "actor" in document else {})
        yield "attributedTo", theirs, "wrong-origin"
        yield "id", {**document, "id": "https://evil.example/notes/1"}, "wrong-origin"


@pytest.mark.parametrize("folder", FOLDERS)
def test_something_of_another_host(folder: str) -> None:
    tried = 0
    for name, document in documents(folder):
        for what, changed, code in foreign(document):
            became = answer(changed)
            tried += 1
            assert became == f"refused: {code}", (name, what, became)
        if kind_of(document) == "index":
            with pytest.raises(WrongOrigin):
                read_index(document, "https://evil.example")
            tried += 1
        if kind_of(document) == "actor":
            tried += check_keys_of_others(document)
    if any(kind_of(document) in ("activity", "actor", "post") for _, document in documents(folder)):
        assert tried > 0


def check_keys_of_others(document: Json) -> int:
    """A key that says that it is another's, or lies at another host, is not this actor's. How many were tried."""
    tried = 0
    for one in as_objects(document.get("publicKey")):
        if not read_actor(document).keys or host_of(read_actor(document).id) != host_of(str(one.get("id"))):
            continue
        changes: tuple[dict[str, Any], ...] = ({"owner": ELSEWHERE}, {"id": f"{ELSEWHERE}#main-key"})
        for change in changes:
            changed = {**document, "publicKey": {**one, **change}}
            changed.pop("assertionMethod", None)
            assert read_actor(changed).keys == [], change
            tried += 1
        # The document of the key alone, served by the evil host, names an owner of another one.
        assert owner_of_key({"id": f"{ELSEWHERE}#main-key", "owner": document["id"]}, f"{ELSEWHERE}#main-key") is None
    return tried
