"""Actors of peers read, ours built."""

from typing import Any

import pytest

from federation.errors import FederationError, Malformed, WrongOrigin
from federation.parse import parse_document
from federation.signatures.keys import encode_multikey
from federation.vocabulary.actor import build_actor, handle_host, owner_of_key, read_actor
from tests.federation.samples import peer, raw, rsa

BASE = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "https://alpha.example/people/alice",
    "type": "Person",
    "preferredUsername": "alice",
    "inbox": "https://alpha.example/people/alice/inbox",
}


def test_lemmys_group() -> None:
    group = read_actor(peer("lemmy/actor-group.json"))
    assert (group.kind, group.username, group.name) == ("Group", "tenforward", "Ten Forward")
    assert group.inbox == "https://enterprise.lemmy.ml/c/tenforward/inbox"
    assert group.shared_inbox == "https://enterprise.lemmy.ml/inbox"
    assert group.moderators == "https://enterprise.lemmy.ml/c/tenforward/moderators"
    assert group.featured == "https://enterprise.lemmy.ml/c/tenforward//featured"
    assert group.icon == "https://enterprise.lemmy.ml/pictrs/image/waqyZwLAy4.webp"
    assert group.url == group.id
    assert group.discoverable
    assert not group.indexable
    assert not group.approves_followers
    assert group.published == 1_559_493_830_799
    assert [key for key, _ in group.keys] == ["https://enterprise.lemmy.ml/c/tenforward#main-key"]


def test_lemmys_instance_is_named_by_its_host() -> None:
    instance = read_actor(peer("lemmy/actor-instance.json"))
    assert (instance.kind, instance.username) == ("Application", "enterprise.lemmy.ml")


def test_mastodons_person() -> None:
    person = read_actor(peer("mastodon/actor-person.json"))
    assert (person.kind, person.username) == ("Person", "mastodon")
    assert person.url == "https://masto.qa.urbanwildlife.biz/@mastodon"
    assert not person.discoverable
    assert person.moderators is None


def test_channels_and_groups_with_odd_shapes() -> None:
    channel = read_actor(peer("peertube/actor-group.json"))
    assert channel.icon is not None  # a list of images
    assert channel.icon.endswith(".jpg")
    assert channel.moderators is None  # attributedTo is a person elsewhere in the shape of a list
    for name in ("mobilizon/actor-group.json", "nodebb/actor-group.json", "piefed/actor-toolkit-community.json"):
        assert read_actor(peer(name)).kind == "Group"
    assert read_actor(peer("guppe/actor-guppe-actor.json")).inbox


def test_fields_aliases_and_keys() -> None:
    other_key = {"id": "https://alpha.example/people/alice#ed", "controller": BASE["id"], "publicKeyMultibase": "z6Mk"}
    actor = read_actor(
        {
            **BASE,
            "publicKey": [{"id": f"{BASE['id']}#main-key", "owner": BASE["id"], "publicKeyPem": "PEM"}],
            "assertionMethod": [{"type": "Multikey", **other_key}],
            "attachment": [
                {"type": "PropertyValue", "name": "Lab", "value": "<b>3</b>"},
                {"type": "Note", "name": "no"},
            ],
            "alsoKnownAs": ["https://beta.example/people/alice", "acct:alice@beta.example", 5],
            "movedTo": "https://beta.example/people/alice",
            "webfinger": "acct:alice@example",
            "indexable": True,
            "discoverable": True,
            "manuallyApprovesFollowers": True,
            "nameMap": {"de": "Alice"},
        }
    )
    assert actor.fields == [{"name": "Lab", "value": "<b>3</b>"}]
    assert actor.also_known_as == ["https://beta.example/people/alice"]
    assert actor.moved_to == "https://beta.example/people/alice"
    assert actor.keys == [(f"{BASE['id']}#main-key", "PEM"), (f"{BASE['id']}#ed", "z6Mk")]
    assert actor.name == "Alice"
    assert (actor.indexable, actor.discoverable, actor.approves_followers) == (True, True, True)
    assert actor.webfinger == "alice@example"
    assert handle_host(actor) == "example"
    assert handle_host(read_actor(BASE)) == "alpha.example"


@pytest.mark.parametrize(
    "key",
    [
        {"id": "https://mallory.example/key", "owner": BASE["id"], "publicKeyPem": "PEM"},
        {"id": f"{BASE['id']}#key", "owner": "https://alpha.example/people/mallory", "publicKeyPem": "PEM"},
        {"id": f"{BASE['id']}#key"},
        "https://alpha.example/people/alice#main-key",
        [[{"id": f"{BASE['id']}#key"}]],
        None,
    ],
)
def test_keys_that_are_not_the_actors_own(key: Any) -> None:
    assert read_actor({**BASE, "publicKey": key}).keys == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"type": "Note"}, Malformed),
        ({"type": None}, Malformed),
        ({"id": None}, Malformed),
        ({"id": "alice"}, Malformed),
        ({"inbox": None}, Malformed),
        ({"inbox": "https://victim.example/inbox"}, WrongOrigin),
        ({"preferredUsername": "a b"}, Malformed),
        ({"preferredUsername": "alice@beta.example"}, Malformed),
        ({"preferredUsername": "../admin"}, Malformed),
        ({"preferredUsername": "x" * 200}, Malformed),
    ],
)
def test_actors_that_are_refused(changes: dict[str, Any], error: type[FederationError]) -> None:
    with pytest.raises(error):
        read_actor({**BASE, **changes})


def test_what_is_of_another_origin_is_dropped() -> None:
    elsewhere = "https://victim.example/inbox"
    actor = read_actor(
        {
            **BASE,
            "endpoints": {"sharedInbox": elsewhere},
            "followers": elsewhere,
            "outbox": elsewhere,
            "url": "javascript:alert(1)",
            "icon": {"url": "data:text/html,x"},
            "webfinger": "no handle",
        }
    )
    assert (actor.shared_inbox, actor.followers, actor.outbox, actor.icon, actor.webfinger) == (None,) * 5
    assert actor.url == actor.id
    assert (
        read_actor({**BASE, "sharedInbox": "https://alpha.example/inbox"}).shared_inbox == "https://alpha.example/inbox"
    )


def test_owner_of_a_key() -> None:
    actor = BASE["id"]
    assert owner_of_key(BASE, f"{actor}#main-key") == actor
    alone = {"id": f"{actor}/main-key", "type": "Key", "owner": actor}
    assert owner_of_key(alone, f"{actor}/main-key") == actor
    assert owner_of_key({**alone, "owner": None, "controller": actor}, f"{actor}/main-key") == actor
    assert owner_of_key(alone, "https://beta.example/key") is None
    assert owner_of_key({}, f"{actor}/main-key") is None
    stub = peer("gotosocial/actor-docs-http_signatures-00.json")
    assert (
        owner_of_key(stub, "https://example.org/users/example_user/main-key")
        == "https://example.org/users/example_user"
    )
    holder = {"publicKey": {"id": f"{actor}/main-key", "owner": actor}}
    assert owner_of_key(holder, f"{actor}/main-key") == actor


def test_our_group_is_read_back_as_it_was_built() -> None:
    url = "https://uni.example/groups/mlops"
    built = build_actor(
        kind="Group",
        id=url,
        username="mlops",
        name="Machine learning in practice",
        summary="<p>Weekly</p>",
        source="Weekly",
        url=url,
        inbox=f"{url}/inbox",
        outbox=f"{url}/outbox",
        shared_inbox="https://uni.example/inbox",
        followers=f"{url}/followers",
        following=f"{url}/following",
        featured=f"{url}/featured",
        moderators=f"{url}/moderators",
        icon="https://uni.example/i.png",
        image="https://uni.example/h.png",
        approves_followers=True,
        indexable=True,
        fields=[{"name": "Term", "value": "2026"}],
        also_known_as=["https://old.example/groups/mlops"],
        moved_to="https://new.example/groups/mlops",
        published=1_600_000_000_000,
        updated=1_600_000_001_000,
        webfinger="mlops@uni.example",
        key_id=f"{url}#main-key",
        public_pem=rsa().public,
        multikeys=[(f"{url}#rsa", encode_multikey(rsa().public))],
        moderators_only=True,
    )
    group = read_actor(built)
    assert (group.kind, group.username, group.webfinger) == ("Group", "mlops", "mlops@uni.example")
    assert group.moderators == f"{url}/moderators"
    assert group.fields == [{"name": "Term", "value": "2026"}]
    assert (group.approves_followers, group.discoverable, group.indexable) == (True, True, True)
    assert len(group.keys) == 2
    assert group.published == 1_600_000_000_000
    assert built["postingRestrictedToMods"] is True
    # What Lemmy requires of a group, and what Mastodon needs of any actor.
    for name in (
        "type",
        "id",
        "preferredUsername",
        "inbox",
        "outbox",
        "publicKey",
        "followers",
        "endpoints",
        "attributedTo",
    ):
        assert built[name], name
    assert built["@context"][0] == "https://www.w3.org/ns/activitystreams"


def test_our_person_has_no_group_fields() -> None:
    url = "https://uni.example/people/ada"
    built = build_actor(
        kind="Person", id=url, username="ada", name="Ada", url=url, inbox=f"{url}/inbox", outbox=f"{url}/outbox",
        key_id=f"{url}#main-key", public_pem=rsa().public,
    )  # fmt: skip
    assert not {"postingRestrictedToMods", "attributedTo", "moderators", "movedTo", "attachment", "icon"} & set(built)
    assert read_actor(built).keys == [(f"{url}#main-key", rsa().public)]


def test_a_template_is_no_actor() -> None:
    with pytest.raises(FederationError):
        read_actor(parse_document(raw("pleroma/actor-pleroma-user.json")))
