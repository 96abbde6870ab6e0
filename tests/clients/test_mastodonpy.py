"""Mastodon.py as it comes: from registering an app to reading notifications, over real HTTP."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from mastodon import Mastodon
from mastodon.errors import MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError

from tests.clients.conftest import University
from tests.clients.floors import faults

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


def test_raw_answers_hold_what_strict_clients_want(university: University, ben: Mastodon) -> None:
    ben.status_post("@ada look at this")
    headers = {"Authorization": f"Bearer {university.tokens['ada']}"}

    def get(path: str) -> Any:
        answer = requests.get(university.url + path, headers=headers, timeout=30)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        return answer.json()

    me = get("/api/v1/accounts/verify_credentials")
    group = get("/api/v1/accounts/lookup?acct=mlops")
    assert {"source", "role"} <= me.keys()
    home = get("/api/v1/timelines/home?limit=40")
    assert [one for one in home if one["reblog"]]
    assert all(one["reblog"]["reblog"] is None for one in home if one["reblog"])
    seen: Counter[str] = Counter()
    for path in (
        "/api/v1/timelines/home?limit=40",
        "/api/v1/notifications",
        f"/api/v1/accounts/relationships?id={me['id']}&id[]={group['id']}",
        "/api/v1/timelines/public",
        "/api/v2/notifications",
        f"/api/v1/accounts/{me['id']}/statuses",
        "/api/v1/instance",
        "/api/v2/instance",
        f"/api/v1/accounts/{me['id']}/following",
        "/api/v2/search?q=a",
    ):
        assert faults(get(path), seen=seen) == [], path
    assert {"account", "status", "relationship", "notification", "instance", "old instance"} <= seen.keys()


def test_dates_come_back_as_dates(ada: Mastodon) -> None:
    posted = ada.status_post("when?")
    assert isinstance(posted.created_at, datetime)
    assert abs((datetime.now(posted.created_at.tzinfo) - posted.created_at).total_seconds()) < 600
