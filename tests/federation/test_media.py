"""Attachments and pictures of profiles on the wire: what Mastodon, Pleroma, PeerTube and others write, and what we do."""

from typing import Any

import pytest

from federation.vocabulary.actor import build_actor, read_actor
from federation.vocabulary.link import build_attachments, description_of, media_type_of, read_attachments

MASTODON = {
    "type": "Document",
    "mediaType": "image/jpeg",
    "url": "https://m.example/a.jpg",
    "name": "A hill",
    "focalPoint": [0.5, -0.25],
    "blurhash": "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
    "width": 4,
    "height": 3,
}
"""As Mastodon 4 sends one."""


def test_what_mastodon_says_of_a_picture_is_kept() -> None:
    (found,) = read_attachments([MASTODON])
    assert found["focus"] == [0.5, -0.25]
    assert found["description"] == "A hill"
    assert (found["width"], found["height"], found["kind"]) == (4, 3, "image")
    assert "preview_url" not in found


def test_the_preview_of_a_film_is_its_icon() -> None:
    film = {
        "type": "Document",
        "mediaType": "video/mp4",
        "url": "https://m.example/a.mp4",
        "icon": {"type": "Image", "url": "https://m.example/a.png"},
    }
    (found,) = read_attachments(film)
    assert (found["kind"], found["preview_url"]) == ("video", "https://m.example/a.png")


@pytest.mark.parametrize(
    "point",
    [None, "0,0", [], [0.5], [0, 0, 0], ["0", "0"], [True, False], [2, 0], [float("nan"), 0], {"x": 0}, [[0], 0]],
)
def test_a_point_that_is_none_is_left_out(point: Any) -> None:
    (found,) = read_attachments({**MASTODON, "focalPoint": point})
    assert "focus" not in found


@pytest.mark.parametrize("icon", [None, "javascript:alert(1)", {"url": "data:image/png;base64,"}, 3, {"url": {}}])
def test_a_preview_that_is_none_is_left_out(icon: Any) -> None:
    (found,) = read_attachments({**MASTODON, "icon": icon})
    assert "preview_url" not in found


def test_what_we_send_of_a_file_is_read_the_same() -> None:
    own = [
        {
            "id": 7,
            "url": "https://a.example/media/ab/x.jpg",
            "media_type": "image/jpeg",
            "description": "A hill",
            "width": 4,
            "height": 3,
            "blurhash": "UBL_",
            "kind": "image",
            "focus": [0.5, 0.0],
            "preview_url": "https://a.example/media/ab/x-small.jpg",
            "meta": {"original": {}},
        },
        {
            "id": 8,
            "url": "https://a.example/media/ab/y.mp4",
            "media_type": "video/mp4",
            "description": None,
            "width": None,
            "height": None,
            "blurhash": None,
            "kind": "video",
            "focus": None,
            "preview_url": "https://a.example/media/ab/y-small.jpg",
            "meta": {},
        },
    ]
    picture, film = build_attachments(own)
    assert picture == {
        "type": "Image",
        "url": "https://a.example/media/ab/x.jpg",
        "mediaType": "image/jpeg",
        "name": "A hill",
        "width": 4,
        "height": 3,
        "blurhash": "UBL_",
        "focalPoint": [0.5, 0.0],
    }
    assert film["type"] == "Document"
    assert film["icon"] == {"type": "Image", "url": "https://a.example/media/ab/y-small.jpg"}
    again = read_attachments([picture, film])
    assert [one["kind"] for one in again] == ["image", "video"]
    assert again[0]["focus"] == [0.5, 0.0]
    assert again[1]["preview_url"] == "https://a.example/media/ab/y-small.jpg"


def test_the_pictures_of_a_profile_have_a_type_and_words() -> None:
    made = build_actor(
        kind="Person",
        id="https://a.example/people/ada",
        username="ada",
        name="Ada",
        url="https://a.example/people/ada",
        inbox="https://a.example/people/ada/inbox",
        outbox="https://a.example/people/ada/outbox",
        key_id="https://a.example/people/ada#main-key",
        public_pem="-----BEGIN PUBLIC KEY-----",
        icon="https://a.example/media/ab/x.png",
        image="https://a.example/media/ab/y.jpg",
        icon_description="Me, smiling",
    )
    assert made["icon"] == {
        "type": "Image",
        "mediaType": "image/png",
        "url": "https://a.example/media/ab/x.png",
        "name": "Me, smiling",
    }
    assert made["image"] == {"type": "Image", "mediaType": "image/jpeg", "url": "https://a.example/media/ab/y.jpg"}
    read = read_actor(made)
    assert (read.icon, read.icon_description, read.image_description) == (
        "https://a.example/media/ab/x.png",
        "Me, smiling",
        None,
    )


@pytest.mark.parametrize("value", [None, "https://a.example/x.png", [], [3], {"name": 3}, {"name": ""}])
def test_pictures_without_words_have_none(value: Any) -> None:
    assert description_of(value) is None


def test_media_types_are_told_for_known_endings_only() -> None:
    assert media_type_of("https://a.example/x.JPEG") == "image/jpeg"
    assert media_type_of("https://a.example/x") is None
    assert media_type_of("https://a.example/x.svg") is None
