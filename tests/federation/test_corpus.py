"""Every file that peers are known to send, or that was made to deceive, is put to the readers: only our own errors come out."""

import contextlib
import json
from collections import Counter
from pathlib import Path

import pytest

from federation.authorship import check_authorship
from federation.errors import FederationError, WrongOrigin
from federation.fields import types
from federation.nodeinfo import read_nodeinfo
from federation.parse import parse, parse_document
from federation.signatures.verify import authentic_fetched
from federation.vocabulary import actor, note
from federation.vocabulary.actor import read_actor
from federation.vocabulary.collection import read_collection
from federation.vocabulary.note import read_post
from federation.webfinger import read_answer
from tests.federation.samples import CORPUS, PEERS, peer, raw

READERS = (read_actor, read_post, read_collection, read_answer, read_nodeinfo)
HERE = sorted(PEERS.rglob("*.json"))
WHOLE = sorted(CORPUS.rglob("*.json")) if CORPUS.is_dir() else []


def put_to_all(path: Path) -> list[str]:
    """Which readers took the file."""
    taken: list[str] = []
    body = path.read_bytes()
    try:
        document = parse_document(body)
    except FederationError:
        return taken
    try:
        activity = parse(body)
        taken.append("parse")
        check_authorship(activity)
        taken.append("check_authorship")
    except FederationError:
        pass
    for read in READERS:
        for inner in (document, document.get("object")):
            if isinstance(inner, dict):
                try:
                    read(inner)
                    taken.append(read.__name__)
                except FederationError:
                    pass
    with contextlib.suppress(FederationError):
        authentic_fetched(document, str(document.get("id")), body)
    return taken


@pytest.mark.parametrize("path", HERE, ids=lambda path: str(path.relative_to(PEERS)))
def test_recorded_json_here(path: Path) -> None:
    put_to_all(path)


@pytest.mark.skipif(
    not WHOLE, reason="skipped: ../shared/corpus is not beside the checkout; tests/peers holds a part of it"
)
def test_the_whole_corpus() -> None:
    taken: Counter[str] = Counter()
    for path in WHOLE:
        taken.update(put_to_all(path))
    assert len(WHOLE) > 900
    # If one of these falls, a reader has become stricter than peers are.
    assert taken["parse"] >= 200, taken
    assert taken["read_post"] >= 165, taken
    assert taken["read_actor"] >= 115, taken
    assert taken["read_collection"] >= 60, taken


@pytest.mark.skipif(
    not WHOLE, reason="skipped: ../shared/corpus is not beside the checkout; tests/peers holds a part of it"
)
def test_what_real_software_sends_is_taken() -> None:
    """Whole documents of these programs, as they are served, are read: no exceptions to the rule."""
    for path in WHOLE:
        if path.parent.name not in ("lemmy", "piefed", "nodebb", "mobilizon", "friendica", "misskey", "discourse"):
            continue
        document = json.loads(path.read_bytes())
        if "object" in path.name and set(types(document)) & set(note.KINDS):
            assert read_post(document).author, path
        elif path.name.startswith("actor") and set(types(document)) & set(actor.KINDS):
            assert read_actor(document).inbox, path


@pytest.mark.parametrize(
    "name", ["create_without_authority", "impersonate_attributedto", "overwrite_existing_reference"]
)
def test_objects_of_others_are_refused(name: str) -> None:
    activity = parse(raw(f"attacks/activity-toolkit-{name}.json"))
    with pytest.raises(WrongOrigin):
        check_authorship(activity)
    with pytest.raises(WrongOrigin):
        read_post(activity.object)


def test_an_update_of_anothers_object_is_refused() -> None:
    with pytest.raises(WrongOrigin):
        check_authorship(parse(raw("attacks/activity-toolkit-update_others_object.json")))


def test_an_activity_of_another_host_than_its_actor_is_refused() -> None:
    body = raw("attacks/activity-toolkit-actor_mismatch.json")
    document = peer("attacks/activity-toolkit-actor_mismatch.json")
    with pytest.raises(WrongOrigin):
        authentic_fetched(document, document["id"], body)


def test_a_post_of_another_host_than_its_author_is_refused() -> None:
    with pytest.raises(WrongOrigin):
        read_post(peer("attacks/object-spoofed_pleroma_note.json"))
