"""The same document in every shape that peers write it in means the same: the rules of ActivityStreams (one or many, an IRI
or an object, `name` or `nameMap`), and what the peers' documents were counted to do.

The base documents are those of tests/peers, and of the whole corpus where it is there.
"""

import dataclasses
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.audience import PUBLIC, is_public, read_audience
from federation.errors import FederationError
from federation.fields import Json, as_list, as_objects, ids, types
from federation.meaning import describe_safely
from federation.parse import ACTIVITIES, parse, parse_document
from federation.vocabulary import actor, note
from federation.vocabulary.actor import read_actor
from federation.vocabulary.collection import read_collection
from federation.vocabulary.moderation import read_ban
from federation.vocabulary.note import read_post
from tests.federation.corpus import FILES, bytes_of
from tests.federation.samples import PEERS

AS2 = "https://www.w3.org/ns/activitystreams"
LIKES = ("Like", "Dislike", "Follow", "Lock", "Delete", "Block", "Undo", "Accept")
COLLECTIONS = {"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"}


@cache
def bases() -> list[tuple[str, Json]]:
    """Documents that mean something: activities, actors, posts, collections."""
    found: list[tuple[str, Json]] = []
    for path in FILES or sorted(PEERS.rglob("*.json")):
        if path.parent.name in ("attacks", "vectors", "contexts", "w3c-as2", "w3c-as2-fail", "fep"):
            continue
        try:
            document = parse_document(bytes_of(path))
        except FederationError:
            continue
        if types(document) and not describe_safely(document).startswith(("refused", "other")):
            found.append((f"{path.parent.name}/{path.name}", document))
    return found


def is_activity(document: Json) -> bool:
    """Whether a document is an activity; a Question is a post here."""
    return bool(set(types(document)) & ACTIVITIES - {"Question"})


def reading(document: Json, *, top: bool = True) -> Any:
    """All that the readers make of a document, in a form that can be compared."""
    found: list[Any] = [describe_safely(document), read_audience(document)]
    if top and is_activity(document):
        activity = parse(json.dumps(document).encode())
        found += [activity.id, activity.type, activity.actor, activity.published, ids(activity.object)]
    kinds = set(types(document))
    for names, read in ((actor.KINDS, read_actor), (note.KINDS, read_post), (COLLECTIONS, read_collection)):
        if kinds & set(names) and not (read is read_post and "actor" in document and "object" in document):
            try:
                made = dataclasses.asdict(read(document))
            except FederationError as problem:
                made = {"refused": problem.code}
            made.pop("content_map", None)  # the same text by language is one more way to write it
            made.pop("first", None)
            made["items"] = len(made.get("items", ()))
            found.append(made)
    if "Block" in kinds:
        found.append(read_ban(document))
    found += [
        reading(one, top=False) for one in as_objects(document.get("object")) if types(one) and "object" not in one
    ]
    return found


# The variations: each takes a document and gives another that means the same. Chance decides which of several ways.

Variation = Callable[[Json, random.Random], Json]


def _each(document: Json, change: Callable[[Json], Json]) -> Json:
    """The change made to a document and to what is embedded in it as its object."""
    changed = change(dict(document))
    held = changed.get("object")
    if isinstance(held, dict):
        changed["object"] = _each(held, change)
    elif isinstance(held, list):
        changed["object"] = [_each(one, change) if isinstance(one, dict) else one for one in held]
    return changed


def audiences(document: Json, chance: random.Random) -> Json:
    """`to` and `cc` as a string or a list; Public as it is spelled; an IRI as an object."""

    def change(one: Json) -> Json:
        for name in ("to", "cc"):
            if name not in one:
                if chance.random() < 0.3:
                    one[name] = chance.choice([[], None])
                continue
            named = [
                chance.choice([PUBLIC, "as:Public", "Public", PUBLIC.replace("https", "http")])
                if isinstance(iri, str) and is_public(iri)
                else iri
                for iri in as_list(one[name])
            ]
            one[name] = named[0] if len(named) == 1 and chance.random() < 0.5 else named
        return one

    return _each(document, change)


def kinds(document: Json, chance: random.Random) -> Json:
    """The type as a list, with a type of another vocabulary beside it, or with the prefix `as:`."""

    def change(one: Json) -> Json:
        named = one.get("type")
        if isinstance(named, str) and ":" not in named:
            one["type"] = chance.choice([[named], ["http://schema.org/Thing", named], f"as:{named}", [f"as:{named}"]])
        for name in ("tag", "attachment", "attributedTo"):
            if isinstance(one.get(name), list):
                one[name] = [change(dict(inner)) if isinstance(inner, dict) else inner for inner in one[name]]
        return one

    return _each(document, change)


def contexts(document: Json, chance: random.Random) -> Json:
    """The context absent (PieFed, in what is embedded), a string, or a list with terms of one's own."""
    changed = dict(document)
    changed["@context"] = chance.choice([AS2, [AS2], [AS2, {"toot": "http://joinmastodon.org/ns#"}], [{"@vocab": AS2}]])
    if is_activity(document) and chance.random() < 0.5:
        del changed["@context"]
    return _each(changed, lambda one: {k: v for k, v in one.items() if k != "@context" or one is changed})


def languages(document: Json, chance: random.Random) -> Json:
    """Texts by language only: `contentMap` without `content`."""

    def change(one: Json) -> Json:
        if set(types(one)) & (set(note.KINDS) | set(actor.KINDS)):
            for name in ("content", "name", "summary"):
                text = one.get(name)
                if name == "name" and not one.get("content") and one.get("inReplyTo"):
                    continue  # a vote in a poll is told by its `name` (FEP-9967)
                if isinstance(text, str) and text and f"{name}Map" not in one and chance.random() < 0.6:
                    del one[name]
                    one[f"{name}Map"] = {"und": text}
        return one

    return _each(document, change)


def nothings(document: Json, chance: random.Random) -> Json:
    """What is not there, as null or empty."""

    def change(one: Json) -> Json:
        post = bool(set(types(one)) & set(note.KINDS)) and "object" not in one
        names = ["inReplyTo", "tag", "attachment", "image", "summary", "replies"] if post else ["image", "icon"]
        for name in names:
            if name not in one and f"{name}Map" not in one and chance.random() < 0.5:
                one[name] = chance.choice([None, []] if name in ("tag", "attachment", "inReplyTo") else [None])
        return one

    return _each(document, change)


def many(document: Json, chance: random.Random) -> Json:
    """One thing in a list of one, or a list of one as the thing."""

    def change(one: Json) -> Json:
        for name in ("tag", "attachment", "inReplyTo", "url", "icon", "image", "publicKey", "actor"):
            held = one.get(name)
            if isinstance(held, list) and len(held) == 1 and chance.random() < 0.6:
                one[name] = held[0]
            elif held not in (None, [], "") and not isinstance(held, list) and chance.random() < 0.6:
                one[name] = [held]
        return one

    return _each(document, change)


def objects(document: Json, chance: random.Random) -> Json:
    """An IRI as an object with that id; a URL as a Link."""

    def change(one: Json) -> Json:
        for name in ("inReplyTo", "actor", "context", "replies", "likes", "shares", "outbox", "followers", "featured"):
            held = one.get(name)
            if isinstance(held, str) and held and chance.random() < 0.5:
                one[name] = {"id": held, "type": "Object"}
        if isinstance(one.get("url"), str) and chance.random() < 0.5:
            one["url"] = {"type": "Link", "href": one["url"]}
        if isinstance(one.get("attributedTo"), str) and "Group" not in types(one) and chance.random() < 0.5:
            one["attributedTo"] = chance.choice([[one["attributedTo"]], {"type": "Person", "id": one["attributedTo"]}])
        person = bool(set(types(one)) & set(actor.KINDS))
        if (
            person
            and isinstance(one.get("icon"), dict)
            and isinstance(one["icon"].get("url"), str)
            and chance.random() < 0.5
        ):
            url = one["icon"]["url"]
            one["icon"] = chance.choice([url, {"type": "Image", "url": {"type": "Link", "href": url}}])
        if set(types(one)) & set(LIKES) and isinstance(one.get("object"), str) and chance.random() < 0.5:
            one["object"] = chance.choice([[one["object"]], {"id": one["object"]}, [{"id": one["object"]}]])
        return one

    return _each(document, change)


def more(document: Json, chance: random.Random) -> Json:
    """What we don't know beside it, and another order."""

    def change(one: Json) -> Json:
        one["_misskey_unheard"] = chance.choice([None, 1, "x", [{}], {"id": "https://elsewhere.example/"}])
        one["litepub:more"] = {"type": "Note", "content": "not this"}
        names = list(one)
        chance.shuffle(names)
        return {name: one[name] for name in names}

    return _each(document, change)


def details(document: Json, chance: random.Random) -> Json:
    """`endTime` or `expires`, `sharedInbox` where old servers put it, line ends of keys, zones of times."""

    def change(one: Json) -> Json:
        if "Block" in types(one):
            for old, new in (("endTime", "expires"), ("expires", "endTime")):
                if old in one and new not in one and chance.random() < 0.5:
                    one[new] = one.pop(old)
                    break
        endpoints = one.get("endpoints")
        if isinstance(endpoints, dict) and isinstance(endpoints.get("sharedInbox"), str) and chance.random() < 0.5:
            one["sharedInbox"] = endpoints["sharedInbox"]
            del one["endpoints"]
        for name in ("published", "updated"):
            text = one.get(name)
            if isinstance(text, str) and text.endswith("Z") and chance.random() < 0.5:
                one[name] = text[:-1] + "+00:00"
        if isinstance(one.get("language"), str) and chance.random() < 0.5:
            named = {"identifier": one["language"], "name": "A language"}
            one["language"] = chance.choice([named, [named]])
        return one

    return _each(document, change)


VARIATIONS: tuple[Variation, ...] = (
    audiences, kinds, contexts, languages, nothings, many, objects, more, details,
)  # fmt: skip


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda one: one.__name__)
def test_each_variation_of_each_document_means_the_same(variation: Variation) -> None:
    chance = random.Random(1)
    wrong = []
    for name, document in bases():
        varied = variation(document, chance)
        if reading(varied) != reading(document):
            wrong.append((name, reading(document), reading(varied)))
    assert wrong == []


@settings(max_examples=150)
@given(st.data())
def test_variations_upon_variations_mean_the_same(data: st.DataObject) -> None:
    name, document = data.draw(st.sampled_from(bases()), label="document")
    chance = random.Random(data.draw(st.integers(0, 2**32), label="chance"))
    varied = document
    for variation in data.draw(st.lists(st.sampled_from(VARIATIONS), min_size=1, max_size=6), label="variations"):
        varied = variation(varied, chance)
    assert reading(varied) == reading(document), name


def test_the_variations_do_vary() -> None:
    """Each of them changes many documents: a test of variations that change nothing would prove nothing."""
    chance = random.Random(2)
    for variation in VARIATIONS:
        changed = sum(json.dumps(variation(document, chance)) != json.dumps(document) for _, document in bases())
        assert changed >= 5, variation.__name__


def test_the_bases_are_there() -> None:
    assert len(bases()) >= (400 if FILES else 30)
    assert Path(PEERS).is_dir()
