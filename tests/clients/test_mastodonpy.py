"""Mastodon.py as it comes: from registering an app to reading notifications, over real HTTP."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from mastodon import Mastodon
from mastodon.errors import MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError

from tests.clients.conftest import University

SCOPES = ["read", "write", "follow", "push"]


def client(university: University, name: str) -> Mastodon:
    """A client with a token of this person."""
    return Mastodon(access_token=university.tokens[name], api_base_url=university.url)


@pytest.fixture
def ada(university: University) -> Mastodon:
    """Ada's client."""
    return client(university, "ada")


@pytest.fixture
def ben(university: University) -> Mastodon:
    """Ben's client."""
    return client(university, "ben")


def test_from_registration_to_the_first_post(university: University, tmp_path: Path) -> None:
    secrets = tmp_path / "app"
    Mastodon.create_app("Pachyderm", scopes=SCOPES, api_base_url=university.url, to_file=str(secrets))
    app = Mastodon(client_id=str(secrets), api_base_url=university.url)
    address = app.auth_request_url(scopes=SCOPES, allow_http=True)
    code = university.browser("ben").code(address)
    token = app.log_in(code=code, scopes=SCOPES, allow_http=True)

    me = app.account_verify_credentials()
    assert (me.username, me.acct, me.source.privacy) == ("ben", "ben", "public")
    assert app.app_verify_credentials().name == "Pachyderm"
    posted = app.status_post("First light", idempotency_key="one")
    assert posted.application.name == "Pachyderm"
    assert app.status(posted.id).content == "<p>First light</p>"

    with pytest.raises(Exception, match="Invalid access token"):
        Mastodon(client_id=str(secrets), api_base_url=university.url).log_in(code=code, scopes=SCOPES, allow_http=True)
    # The code was used twice, so whoever has it may not be who asked for it: RFC 6749 4.1.2.
    with pytest.raises(MastodonUnauthorizedError):
        Mastodon(access_token=token, api_base_url=university.url).account_verify_credentials()


def test_revoked_token_is_refused(university: University) -> None:
    key, secret = Mastodon.create_app("Short", scopes=SCOPES, api_base_url=university.url)
    app = Mastodon(client_id=key, client_secret=secret, api_base_url=university.url)
    code = university.browser("chi").code(app.auth_request_url(scopes=SCOPES, allow_http=True))
    app.log_in(code=code, scopes=SCOPES, allow_http=True)
    token = app.access_token
    app.revoke_access_token(allow_http=True)
    with pytest.raises(MastodonUnauthorizedError):
        Mastodon(access_token=token, api_base_url=university.url).timeline_home()


def test_one_idempotency_key_is_one_post(ada: Mastodon) -> None:
    first = ada.status_post("Only once", idempotency_key="same")
    again = ada.status_post("Only once", idempotency_key="same")
    assert first.id == again.id
    assert ada.status_post("Only once", idempotency_key="other").id != first.id


def test_home_pages_both_ways(ada: Mastodon) -> None:
    made = [ada.status_post(f"Page {number}").id for number in range(7)]
    first = ada.timeline_home(limit=3)
    assert [one.id for one in first] == made[:-4:-1]
    second = ada.fetch_next(first)
    assert second is not None
    assert [one.id for one in second] == made[-4:-7:-1]
    newer = ada.fetch_previous(second)
    assert newer is not None
    assert [one.id for one in newer] == [one.id for one in first]
    assert ada.fetch_previous(first) == []
    assert len(ada.fetch_remaining(ada.timeline_home(limit=3))) >= 7


def test_a_group_is_an_account_that_one_follows_and_mentions(
    university: University, ada: Mastodon, ben: Mastodon
) -> None:
    group = ben.account_lookup("mlops")
    assert group.group is True
    assert group.bot is False
    relationship = ben.account_follow(group.id)
    assert relationship.following is True

    posted = ben.status_post("@mlops Who reads a paper on drift with me?\n\nOn Friday.")
    assert [one.acct for one in posted.mentions] == ["mlops"]
    wrapper = next(one for one in ada.timeline_home() if one.reblog is not None)
    assert wrapper.account.id == group.id
    assert wrapper.reblog.id == posted.id
    assert wrapper.id != posted.id
    assert [one.reblog.id for one in ben.account_statuses(group.id)] == [posted.id]
    # Ben follows himself and the group: the thread is there once.
    shown = [(one.reblog or one).id for one in ben.timeline_home()]
    assert shown.count(posted.id) == 1

    reply = ada.status_reply(posted, "I do")
    assert "mlops" in [one.acct for one in reply.mentions]
    thread = ben.status_context(posted.id)
    assert [one.id for one in thread.descendants] == [reply.id]
    assert [one.id for one in ben.status_context(reply.id).ancestors] == [posted.id]
    assert reply.id not in [(one.reblog or one).id for one in client(university, "chi").timeline_home()]


def test_likes_boosts_and_bookmarks(ada: Mastodon, ben: Mastodon) -> None:
    posted = ada.status_post("Like this")
    assert ben.status_favourite(posted.id).favourited is True
    boost = ben.status_reblog(posted.id)
    assert boost.reblog.id == posted.id
    assert boost.reblog.reblogged is True
    assert ben.status_bookmark(posted.id).bookmarked is True
    assert [one.id for one in ben.bookmarks()] == [posted.id]
    assert [one.id for one in ben.favourites()] == [posted.id]
    seen = ada.status(posted.id)
    assert (seen.favourites_count, seen.reblogs_count) == (1, 1)
    assert [one.username for one in ada.status_favourited_by(posted.id)] == ["ben"]
    assert [one.username for one in ada.status_reblogged_by(posted.id)] == ["ben"]
    assert {one.type for one in ada.notifications()} >= {"favourite", "reblog"}
    grouped = ada.grouped_notifications()
    keys = {group.group_key for group in grouped.notification_groups}
    assert any(key.startswith(f"favourite-{posted.id}") for key in keys)

    assert ben.status_unfavourite(posted.id).favourited is False
    assert ben.status_unreblog(posted.id).reblogged is False
    assert ben.status_unbookmark(posted.id).bookmarked is False
    assert ada.status(posted.id).favourites_count == 0


def test_follow_mention_and_their_notifications(university: University, ada: Mastodon, ben: Mastodon) -> None:
    chi = client(university, "chi")
    me = chi.me()
    ben.account_follow(me.id)
    assert ben.account_relationships(me.id)[0].following is True
    assert [one.username for one in chi.account_followers(me.id)] == ["ben"]
    mention = ada.status_post("@chi hello")
    told = chi.notifications()
    assert [one.type for one in told] == ["mention", "follow"]
    assert told[0].status.id == mention.id
    chi.notifications_dismiss(told[0].id)
    assert [one.type for one in chi.notifications()] == ["follow"]
    chi.notifications_clear()
    assert chi.notifications() == []
    ben.account_unfollow(me.id)
    assert chi.account_followers(me.id) == []


def test_edit_and_delete(ben: Mastodon) -> None:
    posted = ben.status_post("Befor", spoiler_text="typo")
    edited = ben.status_update(posted.id, "Before", spoiler_text="none left")
    assert edited.id == posted.id
    assert edited.edited_at is not None
    assert [one.content for one in ben.status_history(posted.id)] == ["<p>Befor</p>", "<p>Before</p>"]
    assert ben.status_source(posted.id).text == "Before"
    assert ben.status_delete(posted.id).text == "Before"
    with pytest.raises(MastodonNotFoundError):
        ben.status(posted.id)


def test_search_finds_people_groups_tags_and_addresses(ada: Mastodon) -> None:
    posted = ada.status_post("Kernels and #Kernelmethods")
    found = ada.search_v2("mlop")
    assert [one.username for one in found.accounts] == ["mlops"]
    assert [one.name for one in ada.search_v2("#kernelm").hashtags] == ["kernelmethods"]
    assert [one.id for one in ada.search_v2(posted.url, resolve=True).statuses] == [posted.id]
    assert [one.id for one in ada.timeline_hashtag("kernelmethods")] == [posted.id]
    assert posted.id in [one.id for one in ada.timeline_public(local=True)]


def test_profile_preferences_markers(university: University) -> None:
    chi = client(university, "chi")
    changed = chi.account_update_credentials(
        display_name="Chi Ng", note="Statistics", fields=[("Office", "B 12"), ("Field", "drift")], locked=False
    )
    assert changed.display_name == "Chi Ng"
    assert changed.note == "<p>Statistics</p>"
    assert [(one.name, one.value) for one in changed.fields] == [("Office", "B 12"), ("Field", "drift")]
    assert changed.source.note == "Statistics"
    assert chi.preferences()["posting:default:visibility"] == "public"
    posted = chi.status_post("read up to here")
    chi.markers_set("home", posted.id)
    assert str(chi.markers_get("home")["home"].last_read_id) == str(posted.id)


def test_a_locked_account_answers_requests(university: University, ben: Mastodon) -> None:
    chi = client(university, "chi")
    chi.account_update_credentials(locked=True)
    me = chi.me()
    assert ben.account_follow(me.id).requested is True
    asking = chi.follow_requests()
    assert [one.username for one in asking] == ["ben"]
    chi.follow_request_authorize(asking[0].id)
    assert ben.account_relationships(me.id)[0].following is True
    ben.account_unfollow(me.id)
    chi.account_update_credentials(locked=False)


def test_nothing_is_an_empty_answer(ada: Mastodon) -> None:
    assert ada.custom_emojis() == []
    assert ada.lists() == []
    assert ada.filters() == []
    assert ada.filters_v2() == []
    assert ada.followed_tags() == []
    assert ada.announcements() == []
    assert ada.conversations() == []
    assert ada.blocks() == []
    assert ada.mutes() == []
    assert ada.trending_tags() == []
    assert ada.scheduled_statuses() == []
    assert ada.instance_rules() == []
    assert ada.instance_v2().configuration.statuses.max_characters == 5000
    assert ada.instance_v1().uri.startswith("127.0.0.1")


def test_client_credentials_are_no_person(university: University) -> None:
    key, secret = Mastodon.create_app("Robot", scopes=["read"], api_base_url=university.url)
    answer = requests.post(
        f"{university.url}/oauth/token",
        {"grant_type": "client_credentials", "client_id": key, "client_secret": secret, "scope": "read"},
        timeout=30,
    ).json()
    robot = Mastodon(access_token=answer["access_token"], api_base_url=university.url)
    assert robot.app_verify_credentials().name == "Robot"
    with pytest.raises(MastodonAPIError) as refused:
        robot.timeline_home()
    assert refused.value.args[1] == 422


ID = re.compile(r"[0-9]{1,19}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
INTEGERS = {"most_recent_notification_id"}


def faults(value: Any, path: str = "$") -> list[str]:
    """What in raw JSON would break a strict client: ids that are no strings of digits, times without milliseconds."""
    found: list[str] = []
    if isinstance(value, list):
        for index, one in enumerate(value):
            found += faults(one, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, one in value.items():
            at = f"{path}.{name}"
            if (
                (name == "id" or name.endswith("_id"))
                and one is not None
                and name not in INTEGERS
                and not (isinstance(one, str) and ID.fullmatch(one))
                # A role's id is negative for everyone; a tag's id is its name.
                and not at.endswith("role.id")
            ):
                found.append(f"{at}: id {one!r}")
            if (
                (name.endswith("_at") and name != "last_status_at")
                and one is not None
                and not (isinstance(one, str) and TIME.fullmatch(one))
            ):
                found.append(f"{at}: time {one!r}")
            if name == "last_status_at" and one is not None:
                date.fromisoformat(one)
            if name in ("url", "uri", "avatar", "header", "avatar_static", "header_static") and one == "":
                found.append(f"{at}: empty")
            found += faults(one, at)
    return found


# Fields that Tusky, Ice Cubes and the official apps can't do without (Moshi, Codable, @RequiredField).
ACCOUNT = [
    "id",
    "username",
    "acct",
    "url",
    "uri",
    "display_name",
    "note",
    "avatar",
    "avatar_static",
    "header",
    "header_static",
    "created_at",
    "fields",
    "emojis",
    "locked",
    "bot",
    "group",
    "discoverable",
    "indexable",
    "roles",
    "last_status_at",
    "hide_collections",
    "noindex",
    "followers_count",
    "following_count",
    "statuses_count",
]
STATUS = [
    "id",
    "uri",
    "url",
    "created_at",
    "account",
    "content",
    "visibility",
    "sensitive",
    "spoiler_text",
    "media_attachments",
    "mentions",
    "tags",
    "emojis",
    "replies_count",
    "reblogs_count",
    "favourites_count",
    "edited_at",
    "in_reply_to_id",
    "in_reply_to_account_id",
    "reblog",
    "poll",
    "card",
    "language",
    "application",
    "favourited",
    "reblogged",
    "bookmarked",
    "muted",
    "filtered",
    "quote",
]
RELATIONSHIP = [
    "id",
    "following",
    "showing_reblogs",
    "notifying",
    "followed_by",
    "blocking",
    "blocked_by",
    "muting",
    "muting_notifications",
    "requested",
    "requested_by",
    "domain_blocking",
    "endorsed",
    "note",
    "languages",
]
NULLABLE = {
    "last_status_at",
    "edited_at",
    "in_reply_to_id",
    "in_reply_to_account_id",
    "reblog",
    "poll",
    "card",
    "language",
    "application",
    "quote",
    "languages",
    "discoverable",
    "hide_collections",
}


def lacking(entity: dict[str, Any], fields: list[str]) -> list[str]:
    """The fields that an entity lacks, or has as null where clients want a value."""
    return [name for name in fields if name not in entity or (entity[name] is None and name not in NULLABLE)]


def test_raw_answers_hold_what_strict_clients_want(university: University) -> None:
    headers = {"Authorization": f"Bearer {university.tokens['ben']}"}

    def get(path: str) -> Any:
        answer = requests.get(university.url + path, headers=headers, timeout=30)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return answer.json()

    me = get("/api/v1/accounts/verify_credentials")
    home = get("/api/v1/timelines/home?limit=40")
    told = get("/api/v1/notifications")
    group = get("/api/v1/accounts/lookup?acct=mlops")
    relationships = get(f"/api/v1/accounts/relationships?id={me['id']}&id[]={group['id']}")
    assert home
    assert lacking(me, [*ACCOUNT, "source", "role"]) == []
    for status in home:
        assert lacking(status, STATUS) == []
        assert lacking(status["account"], ACCOUNT) == []
        if status["reblog"]:
            assert lacking(status["reblog"], STATUS) == []
            assert status["reblog"]["reblog"] is None
    for one in told:
        assert lacking(one, ["id", "type", "created_at", "account", "group_key"]) == []
    assert len(relationships) == 2
    assert lacking(relationships[0], RELATIONSHIP) == []
    for path in (
        "/api/v1/timelines/public",
        "/api/v2/notifications",
        f"/api/v1/accounts/{me['id']}/statuses",
        "/api/v1/instance",
        "/api/v2/instance",
        f"/api/v1/accounts/{me['id']}/following",
        "/api/v2/search?q=a",
    ):
        assert [one for one in faults(get(path)) if ".hashtags[" not in one] == [], path
    assert faults([me, home, told, relationships]) == []


def test_dates_come_back_as_dates(ada: Mastodon) -> None:
    posted = ada.status_post("when?")
    assert isinstance(posted.created_at, datetime)
    assert abs((datetime.now(posted.created_at.tzinfo) - posted.created_at).total_seconds()) < 600
