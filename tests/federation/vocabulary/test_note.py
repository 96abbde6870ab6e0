"""Posts of peers read, ours built."""

from typing import Any

import pytest

from federation.audience import PUBLIC
from federation.errors import FederationError, Malformed, WrongOrigin
from federation.vocabulary.link import kind_of, read_attachments, url_of
from federation.vocabulary.note import read_post
from federation.vocabulary.writing import build_post
from tests.federation.samples import peer

BASE: dict[str, Any] = {
    "id": "https://alpha.example/posts/1",
    "type": "Note",
    "attributedTo": "https://alpha.example/people/alice",
    "content": "<p>Hello</p>",
    "to": [PUBLIC],
}


def test_mastodons_note() -> None:
    note = read_post(peer("mastodon/activity-create_note.json")["object"])
    assert note.kind == "Note"
    assert note.title is None
    assert note.author.startswith("https://")
    assert note.audience.public_in in ("to", "cc")
    assert note.published is not None
    assert note.replies is not None


def test_lemmys_page() -> None:
    page = read_post(peer("lemmy/activity-create_page.json")["object"])
    assert (page.kind, page.title, page.content) == ("Page", "test post", "<p>test body</p>\n")
    assert page.source == ("test body", "text/markdown")
    assert page.link == "https://lemmy.ml/pictrs/image/xl8W7FZfk9.jpg"
    assert page.language == "ko"
    assert page.groups == ["https://enterprise.lemmy.ml/c/main", "http://enterprise.lemmy.ml/c/main"]
    assert page.attachments == []
    assert page.audience.public_in == "to"


def test_mbins_thread_has_its_text_in_summary_and_a_string_as_source() -> None:
    document = peer("mbin/activity-Create-CreateEntryWithUrlAndImage.json")["object"]
    document["id"] = "https://kbin.test/m/test/t/1"  # the recorder scrubbed it
    page = read_post(document)
    assert (page.title, page.content, page.summary, page.source) == ("test", "test #test", None, None)
    assert page.link == "https://joinmbin.org"
    assert [one["kind"] for one in page.attachments] == ["image"]
    assert page.attachments[0]["width"] == 96
    assert page.attachments[0]["blurhash"]
    assert page.attachments[0]["description"] == "kibby"
    assert page.hashtags == ["test"]


def test_peertubes_video_is_by_a_person_in_a_channel() -> None:
    video = read_post(peer("peertube/object-peertube-video.json"))
    assert video.kind == "Video"
    assert video.author == "https://framatube.org/accounts/framasoft"
    assert video.groups[0].startswith("https://framatube.org/video-channels/")
    assert video.url == "https://framatube.org/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d"
    assert video.content.startswith("<p>**[Want to help")
    assert "<br>" in video.content
    assert video.language == "en"


def test_mobilizons_event_is_by_its_actor_in_the_group_that_it_is_attributed_to() -> None:
    event = read_post(peer("mobilizon/object-event.json"))
    assert event.author == "https://rendezvous.nomagic.uk/@emorrp1"
    assert event.groups[0] == "https://rendezvous.nomagic.uk/@devon_caledonian_society"
    assert event.language == "en"
    assert event.hashtags == ["Dance", "Caledonian", "Lesson"]


def test_nodebbs_first_post_is_a_note_with_a_title() -> None:
    note = read_post(peer("nodebb/activity-discoursefx-case_1-received_1.json")["object"])
    assert note.title == "Is ActivityPub too complicated?"
    assert note.groups[0] == "https://community.nodebb.org/category/30"
    assert note.context == "https://community.nodebb.org/topic/18563"
    assert note.mentions == [("https://nrw.social/users/FrankM", "@FrankM@nrw.social")]
    assert note.hashtags == ["activitypub"]  # `#nodebb 4.0` is none
    assert note.summary is None
    assert note.updated is None


def test_content_map_stands_for_content() -> None:
    document = {**BASE, "content": None, "contentMap": {"de": "<p>Hallo</p>"}}
    assert read_post(document).content == "<p>Hallo</p>"
    assert read_post(document).language == "de"
    assert read_post({**BASE, "contentMap": {"und": "x"}}).language is None
    assert read_post({**BASE, "language": {"identifier": "und"}, "contentMap": "no"}).language is None


def test_warnings_and_excerpts() -> None:
    assert read_post({**BASE, "summary": "spoiler", "sensitive": True}).summary == "spoiler"
    assert read_post({**BASE, "summary": "spoiler"}).summary == "spoiler"
    article = {**BASE, "type": "Article", "summary": "In short"}
    assert read_post(article).summary is None
    assert read_post(article).content == "<p>Hello</p>"
    assert read_post({**article, "sensitive": True}).summary == "In short"
    assert read_post({**article, "content": "", "sensitive": True}).content == "In short"


def test_plain_text_is_escaped() -> None:
    document = {**BASE, "mediaType": "text/plain", "content": "1 < 2\r\n\r\nyes\nno"}
    assert read_post(document).content == "<p>1 &lt; 2</p><p>yes<br>no</p>"


def test_lemmys_old_link_in_url() -> None:
    page = read_post({**BASE, "type": "Page", "url": "https://news.example/story"})
    assert (page.link, page.url) == ("https://news.example/story", "https://alpha.example/posts/1")
    assert read_post({**BASE, "url": "https://alpha.example/@alice/1"}).link is None


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"type": "Person"}, Malformed),
        ({"id": None}, Malformed),
        ({"id": "urn:uuid:1"}, Malformed),
        ({"attributedTo": None}, Malformed),
        ({"attributedTo": []}, Malformed),
        ({"attributedTo": 12}, Malformed),  # NodeBB took a number for one of its own people
        ({"attributedTo": "https://beta.example/people/bob"}, WrongOrigin),
        ({"attributedTo": "http://alpha.example/people/alice"}, WrongOrigin),
    ],
)
def test_posts_that_are_refused(changes: dict[str, Any], error: type[FederationError]) -> None:
    with pytest.raises(error):
        read_post({**BASE, **changes})


def test_the_actor_stands_for_the_author() -> None:
    document = {**BASE, "attributedTo": None, "actor": "https://alpha.example/people/alice"}
    assert read_post(document).author == "https://alpha.example/people/alice"


def test_tags_of_all_kinds() -> None:
    post = read_post(
        {
            **BASE,
            "inReplyTo": {"id": "https://beta.example/posts/2"},
            "tag": [
                {"type": "Mention", "href": "https://beta.example/people/bob", "name": "@bob@beta.example"},
                {"type": "Mention", "href": "https://beta.example/people/bob", "name": "@again"},
                {"type": "Mention", "href": "javascript:alert(1)", "name": "@x"},
                {"type": "Mention"},
                {"type": "Hashtag", "name": "#Eins"},
                {"type": "Hashtag", "name": "zwei"},
                {"type": "Hashtag", "name": "#<b>"},
                {"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": "https://alpha.example/blob.png"}},
                {"type": "Emoji", "name": ":bad name:", "icon": {"url": "https://alpha.example/blob.png"}},
                {"type": "Emoji", "name": ":none:"},
                "https://alpha.example/tag",
            ],
        }
    )
    assert post.in_reply_to == "https://beta.example/posts/2"
    assert post.mentions == [("https://beta.example/people/bob", "@bob@beta.example")]
    assert post.hashtags == ["Eins", "zwei"]
    assert post.emoji == [("blob", "https://alpha.example/blob.png")]
    assert read_post({**BASE, "tag": {"type": "Hashtag", "name": "#one"}}).hashtags == ["one"]


def test_groups_come_in_the_order_audience_to_cc_without_public_and_author() -> None:
    post = read_post(
        {
            **BASE,
            "audience": ["https://g.example/audience", "as:Public"],
            "to": ["as:Public", "https://g.example/to", BASE["attributedTo"]],
            "cc": ["https://g.example/cc", "https://g.example/to", "nonsense"],
        }
    )
    assert post.groups == ["https://g.example/audience", "https://g.example/to", "https://g.example/cc"]


def test_urls_in_all_shapes() -> None:
    page, video = "https://a.example/page", "https://a.example/v.mp4"
    links = [
        {"type": "Link", "href": video, "mediaType": "video/mp4"},
        {"type": "Link", "href": page, "mediaType": "text/html"},
    ]
    assert url_of(links, "text/html") == page
    assert url_of(links) == video
    assert url_of([3, None, {}, {"url": [{"href": page}]}]) == page
    assert url_of({"url": {"url": page}}) is None
    assert url_of("mailto:x@a.example") is None


def test_attachments() -> None:
    image = {
        "type": "Document",
        "mediaType": "image/png",
        "url": "https://a.example/a.png",
        "name": "A",
        "width": 1,
        "height": 2.0,
    }
    found = read_attachments([image, {**image, "url": "data:x"}, {**image, "type": "Link"}, "https://a.example/b.png"])
    assert found == [{
        "url": "https://a.example/a.png", "media_type": "image/png", "description": "A", "width": 1, "height": 2,
        "blurhash": None, "kind": "image",
    }]  # fmt: skip
    assert len(read_attachments([image] * 50)) == 16
    assert read_attachments({**image, "width": -1, "height": True})[0]["width"] is None
    assert [kind_of(None, "Audio"), kind_of("application/pdf", "Document"), kind_of("video/mp4", "Document")] == [
        "audio", "unknown", "video",
    ]  # fmt: skip


def test_our_post_is_read_back_as_it_was_built() -> None:
    group = "https://uni.example/groups/mlops"
    picture = {
        "url": "https://uni.example/m/1.png", "media_type": "image/png", "description": "A plot", "width": 640, "height": 480,
        "blurhash": "L$Pie", "kind": "image",
    }  # fmt: skip
    built = build_post(
        id="https://uni.example/posts/1",
        kind="Article",
        author="https://uni.example/people/ada",
        content="<p>Text</p>",
        published=1_600_000_000_123,
        updated=1_600_000_001_000,
        to=[PUBLIC, group],
        cc=[f"{group}/followers"],
        title="A title",
        summary="Text",
        language="en",
        source=("Text", "text/markdown"),
        in_reply_to="https://uni.example/posts/0",
        context="https://uni.example/contexts/0",
        group=group,
        mentions=[(group, "@mlops@uni.example")],
        hashtags=[("ml", "https://uni.example/tags/ml")],
        attachments=[picture, {"url": "https://uni.example/m/2.pdf", "media_type": None}],
        link="https://news.example/story",
        replies="https://uni.example/posts/1/replies",
        likes="https://uni.example/posts/1/likes",
        shares="https://uni.example/posts/1/shares",
    )
    post = read_post(built)
    assert built["published"] == "2020-09-13T12:26:40.123Z"
    assert (post.published, post.updated) == (1_600_000_000_123, 1_600_000_001_000)
    assert post.groups == [group, f"{group}/followers"]
    assert post.attachments[0] == picture
    assert post.attachments[1]["kind"] == "unknown"
    assert (post.title, post.link, post.language) == ("A title", "https://news.example/story", "en")
    assert (post.mentions, post.hashtags) == ([(group, "@mlops@uni.example")], ["ml"])
    assert post.source == ("Text", "text/markdown")
    assert (post.replies, post.likes, post.shares) == (built["replies"], built["likes"], built["shares"])
    assert (post.in_reply_to, post.context) == ("https://uni.example/posts/0", "https://uni.example/contexts/0")
    # Lemmy wants lists; NodeBB and PieFed want one author as a string; Mastodon sends inReplyTo always.
    assert isinstance(built["to"], list)
    assert isinstance(built["cc"], list)
    assert isinstance(built["attributedTo"], str)


def test_our_shortest_note() -> None:
    built = build_post(
        id="https://uni.example/posts/1", kind="Note", author="https://uni.example/people/ada", content="<p>Hi</p>",
        published=0, to=[PUBLIC], cc=[],
    )  # fmt: skip
    assert built["inReplyTo"] is None
    assert not {"name", "summary", "audience", "contentMap", "source", "updated"} & set(built)
    assert read_post(built).published == 0
