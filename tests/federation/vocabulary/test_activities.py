"""Activities as we send them, collections, tombstones."""

import json
from typing import Any

import pytest

from federation.audience import PUBLIC
from federation.errors import Malformed
from federation.parse import parse
from federation.vocabulary import activities
from federation.vocabulary.collection import build_collection, build_page, read_collection
from federation.vocabulary.context import AS2
from federation.vocabulary.tombstone import build_tombstone, is_tombstone
from tests.federation.samples import peer, raw

GROUP = "https://uni.example/groups/mlops"
ADA = "https://uni.example/people/ada"
ID = "https://uni.example/activities/1"
POST = {
    "@context": ["x"],
    "id": "https://uni.example/posts/1",
    "type": "Note",
    "content": "<p>Hi</p>",
    "attributedTo": ADA,
}
LIKE = activities.like("https://uni.example/likes/1", ADA, "https://north.example/posts/1")

BUILT: list[tuple[str, dict[str, Any]]] = [
    ("Follow", activities.follow(ID, ADA, GROUP)),
    ("Accept", activities.accept(ID, GROUP, activities.follow(ID, ADA, GROUP), to=[ADA])),
    ("Reject", activities.reject(ID, GROUP, "https://uni.example/follows/1", to=[ADA])),
    ("Create", activities.create(ID, ADA, POST, to=[PUBLIC], cc=[], published=5, audience=GROUP)),
    ("Update", activities.update(ID, ADA, POST, to=[PUBLIC], cc=[], published=5)),
    ("Delete", activities.delete(ID, ADA, POST["id"], to=[PUBLIC], cc=[], summary="spam")),  # type: ignore[arg-type]
    ("Like", LIKE),
    ("Dislike", activities.dislike(ID, ADA, "https://north.example/posts/1", audience=GROUP)),
    ("Announce", activities.announce(ID, GROUP, "https://north.example/posts/1", to=[PUBLIC], cc=[], published=5)),
    ("Undo", activities.undo(ID, ADA, LIKE, to=[GROUP])),
    ("Add", activities.add(ID, ADA, "https://north.example/posts/1", f"{GROUP}/featured", to=[PUBLIC], audience=GROUP)),
    ("Remove", activities.remove(ID, ADA, "https://north.example/posts/1", f"{GROUP}/featured", to=[PUBLIC])),
    ("Block", activities.block(ID, ADA, "https://north.example/people/eve", GROUP, to=[PUBLIC], until=5, summary="spam")),
    ("Flag", activities.flag(ID, ADA, ["https://north.example/people/eve"], to=[GROUP], content="spam")),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "built"), BUILT, ids=[type_ for type_, _ in BUILT])
def test_ours_are_read_back(type_: str, built: dict[str, Any]) -> None:
    activity = parse(json.dumps(built).encode())
    assert activity.type == type_
    assert activity.id == built["id"]
    assert activity.object == built["object"]
    for name in ("to", "cc"):
        assert isinstance(built.get(name, []), list)
    if isinstance(activity.object, dict):
        assert "@context" not in activity.object  # the outer one covers it
    assert None not in built.values()


def test_a_follow_is_addressed_to_whom_it_follows() -> None:
    assert activities.follow(ID, ADA, GROUP)["to"] == [GROUP]


def test_an_accept_embeds_the_follow_with_type_and_id() -> None:
    """Mbin ignores it otherwise."""
    built = activities.accept(ID, GROUP, activities.follow("https://uni.example/f/1", ADA, GROUP), to=[ADA])
    assert built["object"]["type"] == "Follow"
    assert built["object"]["id"] == "https://uni.example/f/1"


def test_a_ban_says_when_it_ends_to_lemmy_and_to_mbin() -> None:
    built = activities.block(ID, ADA, "https://north.example/people/eve", GROUP, to=[PUBLIC], until=0, remove_data=True)
    assert built["endTime"] == built["expires"] == "1970-01-01T00:00:00Z"
    assert built["removeData"] is True


def test_an_update_of_an_actor_has_the_terms_of_actors() -> None:
    built = activities.update(ID, ADA, {"id": ADA, "type": "Person"}, to=[PUBLIC], cc=[])
    assert any(isinstance(one, dict) and "discoverable" in one for one in built["@context"])
    assert activities.update(ID, ADA, {"id": ADA, "type": "Note"}, to=[PUBLIC], cc=[])["@context"] == AS2


@pytest.mark.parametrize(
    "name", ["lemmy/activity-create_page.json", "mastodon/activity-create_note.json", "mitra/activity-create_post.json"]
)
def test_an_announce_holds_the_inner_bytes_unchanged(name: str) -> None:
    """FEP-1b12: MUST be preserved exactly; blanks, order of names and unknown ones included."""
    inner = raw(name).strip()
    wrapped = activities.announce_raw(ID, GROUP, [PUBLIC], [f"{GROUP}/followers"], inner, 5)
    assert inner in wrapped
    announce = parse(wrapped)
    assert (announce.type, announce.actor) == ("Announce", GROUP)
    assert announce.audience.public_in == "to"
    assert announce.audience.cc == (f"{GROUP}/followers",)
    assert announce.object == json.loads(inner)
    assert announce.published == 5


def test_collections_of_lemmy() -> None:
    moderators = read_collection(peer("lemmy/collection-group_moderators.json"))
    assert moderators.items
    assert all(isinstance(one, str) for one in moderators.items)
    featured = read_collection(peer("lemmy/collection-group_featured_posts.json"))
    assert isinstance(featured.items[0], dict)


def test_our_collections() -> None:
    whole = read_collection(build_collection(f"{GROUP}/moderators", 1, items=[ADA], attributed_to=GROUP))
    assert (whole.total, whole.items, whole.attributed_to, whole.first) == (1, [ADA], GROUP, None)
    paged = build_collection(f"{GROUP}/outbox", 40, first=f"{GROUP}/outbox?page=1", last=f"{GROUP}/outbox?page=2")
    assert read_collection(paged).first == f"{GROUP}/outbox?page=1"
    assert "orderedItems" not in paged
    page = build_page(f"{GROUP}/outbox?page=1", f"{GROUP}/outbox", [LIKE], next=f"{GROUP}/outbox?page=2", ordered=False)
    assert read_collection(page).next == f"{GROUP}/outbox?page=2"
    assert read_collection(page).items == [LIKE]
    assert build_collection(f"{GROUP}/followers", None, ordered=False)["type"] == "Collection"
    assert "totalItems" not in build_collection(f"{GROUP}/followers", None)


def test_what_is_no_collection() -> None:
    with pytest.raises(Malformed):
        read_collection({"type": "Note"})
    odd = read_collection(
        {"type": "Collection", "items": [1, None, "https://a.example/1"], "first": 3, "totalItems": "many"}
    )
    assert (odd.items, odd.first, odd.total) == (["https://a.example/1"], None, None)


def test_tombstones() -> None:
    built = build_tombstone("https://uni.example/posts/1", "Note", 0)
    assert built["deleted"] == "1970-01-01T00:00:00Z"
    assert built["formerType"] == "Note"
    assert is_tombstone(built)
    assert "formerType" not in build_tombstone("https://uni.example/posts/1", None, 0)
    assert is_tombstone(peer("lemmy/object-tombstone.json"))
    assert not is_tombstone({"type": "Note"})
