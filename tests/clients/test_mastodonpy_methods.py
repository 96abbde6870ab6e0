"""Every method of Mastodon.py for what we offer, in stories; each answer's raw JSON against its own types.

`NOT_CALLED` says of every other method why it isn't: a method that is in no list fails a test, also after an upgrade. The
stories run once; then there is a test for each method, with what was wrong in all of its answers.
"""

import io
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mastodon import Mastodon, StreamListener

from tests.clients.conftest import University
from tests.clients.floors import faults
from tests.clients.pictures import png
from tests.clients.typed import Recorder, returned, walk

COLLECTIONS = "collections of accounts (4.6) can't be made here: lists and groups do that"
YEARS = "annual reports: there is none of any year"
REFRESH = "async refreshes are not offered: answers here are complete at once"
TRENDS_ADMIN = "what trends needs no approval here"
BLOCKLISTS = "blocks of mail domains, addresses and networks are made at the proxy and the single sign-on"
LOCAL = "computes in the client alone"
OLD = "gone from Mastodon: it asks paths of versions before 3"
NOT_CALLED = {
    **dict.fromkeys(
        """collection collection_create collection_delete collection_item_add collection_item_delete
        collection_item_revoke collection_update""".split(),
        COLLECTIONS,
    ),
    **dict.fromkeys("annual_report annual_report_generate annual_report_read".split(), YEARS),
    **dict.fromkeys("await_async_refresh get_async_refresh_info get_async_refresh_status".split(), REFRESH),
    **dict.fromkeys(
        """admin_approve_trending_link admin_approve_trending_status admin_approve_trending_tag
        admin_reject_trending_link admin_reject_trending_status admin_reject_trending_tag""".split(),
        TRENDS_ADMIN,
    ),
    **dict.fromkeys(
        """admin_canonical_email_block admin_create_canonical_email_block admin_create_email_domain_block
        admin_create_ip_block admin_delete_canonical_email_block admin_delete_email_domain_block admin_delete_ip_block
        admin_email_domain_block admin_ip_block admin_update_ip_block""".split(),
        BLOCKLISTS,
    ),
    **dict.fromkeys(
        """clear_caches decode_blurhash filters_apply generate_media_edit_attributes get_approx_server_time
        get_pagination_info get_status_length get_supported_version make_poll persistable_login_credentials set_language
        push_subscription_decrypt_push""".split(),
        LOCAL,
    ),
    **dict.fromkeys("follows reports search_v1 status_card".split(), OLD),
    "email_resend_confirmation": "whoever signs up here has confirmed their address before there is an account",
    "oauth_userinfo": "it insists on https: tests/clients/test_tls.py",
    "instance_terms_of_service": "there is one page for privacy and terms, the privacy policy",
    "stream_open_websocket": "needs a package of its own; the WebSocket is driven by masto.js, megalodon and a browser",
    "admin_account_approve": "in tests/fedi/mastodon: nobody waits for approval on this instance",
    "admin_account_reject": "in tests/fedi/mastodon: nobody waits for approval on this instance",
}


class Cut(Exception):
    """A call failed, so the rest of its story is not told."""


class Story:
    """Calls methods as ada, ben or chi, and keeps what was wrong with each."""

    def __init__(self, university: University) -> None:
        self.university = university
        self.recorders = {name: Recorder() for name in university.tokens}
        self.clients = {
            name: Mastodon(
                access_token=token,
                api_base_url=university.url,
                session=self.recorders[name],
                version_check_mode="none",
            )
            for name, token in university.tokens.items()
        }
        told = self.clients["ada"].instance_v2().version
        self.version = tuple(int(each) for each in told.split(" ")[0].split("."))
        self.wrong: dict[str, list[str]] = {}

    def __call__(self, name: str, *given: Any, who: str = "ada", **options: Any) -> Any:
        """What the method returns. Raises Cut when it raises."""
        client = self.clients[who]
        answers = self.recorders[who].answers
        answers.clear()
        wrong = self.wrong.setdefault(name, [])
        method = getattr(client, name)
        try:
            result = method(*given, **options)
        except Exception as problem:
            wrong.append(f"{type(problem).__name__}: {problem}")
            raise Cut(name) from problem
        if answers and answers[-1].content:
            self._look(wrong, returned(getattr(Mastodon, name)), answers[-1])
        return result

    def _look(self, wrong: list[str], kind: Any, answer: Any) -> None:
        if not answer.headers["content-type"].startswith("application/json"):
            return
        raw = answer.json()
        if kind not in (bool, str, int, datetime, None):
            wrong += walk(kind, raw, self.version)
        wrong += faults(raw)

    def id(self, name: str) -> str:
        """The id of an account here."""
        return str(self.clients["ada"].account_lookup(name).id)


def instance(call: Story) -> None:
    """What the server says of itself."""
    call("instance")
    call("instance_v1")
    call("instance_v2")
    call("instance_activity")
    call("instance_peers")
    call("instance_rules")
    call("instance_extended_description")
    call("instance_languages")
    call("instance_translation_languages")
    call("instance_domain_blocks")
    call("instance_nodeinfo")
    assert call("instance_health") is True
    call("custom_emojis")
    assert call("retrieve_mastodon_version").startswith("4.")
    call("verify_minimum_version", "4.0.0")
    call("oauth_authorization_server_info")
    call("app_verify_credentials")
    call("preferences")


def profile(call: Story) -> None:
    """One's own account."""
    picture = io.BytesIO(png())
    call("account_update_credentials", who="chi", display_name="Chi Ng", note="Statistics", discoverable=True,
         avatar=picture, avatar_mime_type="image/png", header=io.BytesIO(png(300, 100)), header_mime_type="image/png",
         fields=[("Office", "B 12"), ("Page", "https://example.edu/chi")])  # fmt: skip
    me = call("account_verify_credentials", who="chi")
    assert me.avatar != call("me", who="ben").avatar
    call("profile", who="chi")
    call("profile_update", who="chi", display_name="Chi Nguyen")
    call("account_delete_avatar", who="chi")
    call("account_delete_header", who="chi")


def people(call: Story) -> None:
    """Others, and how one stands to them."""
    ben, chi = call.id("ben"), call.id("chi")
    call("account", ben)
    call("accounts", [ben, chi])
    call("account_lookup", "ben")
    call("account_search", "be", limit=5)
    assert call("account_follow", ben, notify=True, reblogs=False).notifying is True
    call("account_follow", call.id("ada"), who="ben")
    call("account_follow", ben, who="chi")
    call("account_follow", chi)
    call("account_relationships", [ben, chi])
    call("account_followers", ben)
    call("account_following", call.id("ada"))
    call("account_familiar_followers", [ben])
    assert call("account_note_set", ben, "Met at the summer school").note == "Met at the summer school"
    assert call("account_endorse", ben).endorsed is True
    assert call("endorsements")
    call("account_unendorse", ben)
    call("account_pin", ben)
    call("account_unpin", ben)
    assert call("account_mute", ben, notifications=True, duration=3600).muting is True
    assert call("mutes")
    assert call("account_unmute", ben).muting is False
    call("account_block", chi)
    assert call("blocks")
    call("account_unblock", chi)
    call("account_remove_from_followers", ben)
    call("account_follow", call.id("ada"), who="ben")
    call("domain_block", "spam.example")
    assert "spam.example" in call("domain_blocks")
    call("domain_unblock", "spam.example")
    call("directory", local=True)
    call("suggestions")
    call("suggestions_v1")
    call("suggestions_v2", who="chi")
    call("suggestion_delete", ben, who="chi")
    call("account_unfollow", chi)
    call("account_update_credentials", who="chi", locked=True)
    assert call("account_follow", chi).requested is True
    asked = call("follow_requests", who="chi")
    call("follow_request_authorize", asked[0].id, who="chi")
    call("account_follow", chi, who="ben")
    call("follow_request_reject", call.id("ben"), who="chi")
    call("account_update_credentials", who="chi", locked=False)


def posts(call: Story) -> None:
    """From writing to deleting, with everything that can be done to a post."""
    first = call("toot", "First of all #kernels https://example.edu/")
    again = [call("status_post", "Only once", idempotency_key="same", language="en") for _ in range(2)]
    assert again[0].id == again[1].id
    call("status", first.id)
    call("statuses", [first.id, again[0].id])
    reply = call("status_reply", first, "@ada Second", who="ben")
    assert call("status_context", first.id).descendants[0].id == reply.id
    call("status_favourite", first.id, who="ben")
    call("status_reblog", first.id, who="ben")
    call("status_bookmark", first.id)
    call("status_favourited_by", first.id)
    call("status_reblogged_by", first.id)
    assert call("favourites", who="ben")
    assert call("bookmarks")
    call("status_pin", first.id)
    call("account_statuses", call.id("ada"), pinned=True)
    call("account_statuses", call.id("ada"), exclude_replies=True)
    call("status_unpin", first.id)
    call("status_mute", first.id)
    call("status_unmute", first.id)
    call("status_unbookmark", first.id)
    call("status_unfavourite", first.id, who="ben")
    call("status_unreblog", first.id, who="ben")
    edited = call("status_update", first.id, "First of all, again #kernels", spoiler_text="on kernels")
    assert edited.edited_at is not None
    assert len(call("status_history", first.id)) == 2
    call("status_source", first.id)
    call("status_update_quote_approval_policy", first.id, "public")
    quoting = call("status_post", "Worth reading", quoted_status_id=first.id, who="ben")
    assert call("status_quotes", first.id)
    call("status_quote_revoke", first.id, quoting.id)
    assert call("status_delete", again[0].id).text == "Only once"


def polls(call: Story) -> None:
    """A poll and a vote."""
    poll = call.clients["ada"].make_poll(["tea", "coffee"], 600, multiple=True, hide_totals=True)
    asked = call("status_post", "What do you drink?", poll=poll)
    call("poll", asked.poll.id, who="ben")
    assert call("poll_vote", asked.poll.id, [0, 1], who="ben").own_votes == [0, 1]


def media(call: Story) -> None:
    """An upload, its description, and a post with it."""
    made = call("media_post", png(400, 300), "image/png", description="Noise", focus=(0.5, -0.5), synchronous=True)
    assert made.url is not None
    assert made.blurhash
    call("media", made.id)
    assert call("media_update", made.id, description="Coloured noise").description == "Coloured noise"
    shown = call("status_post", "A picture", media_ids=[made.id], sensitive=True)
    assert shown.media_attachments[0].meta.original.width == 400
    call("account_statuses", call.id("ada"), only_media=True)


def scheduled(call: Story) -> None:
    """A post of tomorrow."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    made = call("status_post", "Tomorrow", scheduled_at=tomorrow)
    assert call("scheduled_statuses")
    call("scheduled_status", made.id)
    call("scheduled_status_update", made.id, tomorrow + timedelta(days=1))
    call("scheduled_status_delete", made.id)


def timelines(call: Story) -> None:
    """Every timeline, and its pages."""
    for number in range(5):
        call("status_post", f"Page {number} #pages", who="ben")
    call("timeline")
    call("timeline_local")
    call("timeline_public")
    call("timeline_hashtag", "pages")
    call("timeline_link", "https://example.edu/")
    call("timeline_is_available")
    page = call("timeline_home", limit=2)
    older = call("fetch_next", page)
    assert [one.id for one in call("fetch_previous", older)] == [one.id for one in page]
    assert len(call("fetch_remaining", call("timeline_hashtag", "pages", limit=2))) == 5
    assert len(list(call("pagination_iterator", call("timeline_hashtag", "pages", limit=2)))) == 5
    assert len(list(call("pagination_page_iterator", call("timeline_hashtag", "pages", limit=2)))) >= 3
    call("markers_set", ["home"], [page[0].id])
    assert call("markers_get", ["home"])["home"].last_read_id == page[0].id


def lists(call: Story) -> None:
    """A list, who is in it, and its timeline."""
    ben = call.id("ben")
    call("account_follow", ben)
    made = call("list_create", "Reading", replies_policy="none", exclusive=True)
    call("lists")
    call("list", made.id)
    call("list_update", made.id, "Reading circle")
    call("list_accounts_add", made.id, [ben])
    assert [one.acct for one in call("list_accounts", made.id)] == ["ben"]
    assert call("account_lists", ben)
    call("timeline_list", made.id)
    call("list_accounts_delete", made.id, [ben])
    call("list_delete", made.id)


def tags(call: Story) -> None:
    """Hashtags: followed, featured, popular."""
    call("status_post", "On #drift")
    call("tag", "drift")
    assert call("tag_follow", "drift").following is True
    assert call("followed_tags")
    call("tag_unfollow", "drift")
    made = call("featured_tag_create", "drift")
    assert call("featured_tags")
    call("account_featured_tags", call.id("ada"))
    call("featured_tag_suggestions")
    call("featured_tag_delete", made.id)
    call("tag_feature", "drift")
    call("tag_unfeature", "drift")
    call("trends")
    call("trending_tags")
    call("trending_statuses")
    call("trending_links")


def filters(call: Story) -> None:
    """Both kinds of filters."""
    made = call("create_filter_v2", "Exams", ["home", "notifications"], "warn", expires_in=3600,
                keywords_attributes=[{"keyword": "exam", "whole_word": True}])  # fmt: skip
    call("filters_v2")
    call("filter_v2", made.id)
    call("update_filter_v2", made.id, title="Exams and tests", filter_action="warn", context=["home"])
    keyword = call("add_filter_keyword_v2", made.id, "test")
    call("filter_keywords_v2", made.id)
    hidden = call("status_post", "The exam is on Friday", who="ben")
    call("account_follow", call.id("ben"))
    [shown] = [one for one in call("timeline_home") if one.id == hidden.id]
    assert shown.filtered[0].keyword_matches == ["exam"]
    about = call("add_filter_status_v2", made.id, hidden.id)
    call("filter_statuses_v2", made.id)
    call("filter_status_v2", about.id)
    call("delete_filter_status_v2", about.id)
    call("delete_filter_keyword_v2", keyword.id)
    call("delete_filter_v2", made.id)
    old = call("filter_create", "spoiler", ["home"], whole_word=True)
    call("filters")
    call("filter", old.id)
    call("filter_update", old.id, phrase="spoilers", context=["home", "public"])
    call("filter_delete", old.id)


def conversations(call: Story) -> None:
    """Direct messages."""
    call("status_post", "@ada a word in private", visibility="direct", who="ben")
    [talk] = call("conversations")
    assert talk.unread is True
    assert call("conversations_read", talk.id).unread is False
    call("timeline_home")


def notifications(call: Story) -> None:
    """Both versions, their policy, and what was filtered."""
    mine = call("status_post", "Tell me what you think")
    call("status_favourite", mine.id, who="ben")
    call("status_favourite", mine.id, who="chi")
    call("status_reblog", mine.id, who="chi")
    call("status_reply", mine, "Much", who="ben")
    told = call("notifications")
    call("notifications", id=told[0].id)
    call("notifications_unread_count")
    grouped = call("grouped_notifications", expand_accounts="partial_avatars")
    [likes] = [one for one in grouped.notification_groups if one.type == "favourite" and one.status_id == mine.id]
    assert likes.notifications_count == 2
    call("grouped_notification", likes.group_key)
    call("grouped_notification_accounts", likes.group_key)
    call("unread_grouped_notifications_count")
    call("dismiss_grouped_notification", likes.group_key)
    call("notifications_dismiss", told[-1].id)
    call("notifications_policy")
    assert call("update_notifications_policy", for_not_following="filter").for_not_following == "filter"
    call("account_unfollow", call.id("chi"))
    call("account_unfollow", call.id("ben"))
    for who in ("chi", "ben"):
        for number in range(2):
            call("status_post", f"@ada number {number}", who=who)
    asked = call("notification_requests")
    assert len(asked) == 2
    call("notification_request", asked[0].id)
    call("accept_notification_request", asked[0].id)
    call("dismiss_notification_request", asked[1].id)
    call("notifications_merged")
    call("status_post", "@ada once more", who="chi")
    call("status_post", "@ada once more", who="ben")
    asked = call("notification_requests")
    call("accept_multiple_notification_requests", [one.id for one in asked])
    call("dismiss_multiple_notification_requests", [one.id for one in asked])
    call("update_notifications_policy", for_not_following="accept")
    call("notifications_clear")


def search(call: Story) -> None:
    """People, posts and tags."""
    call("status_post", "Estimators that shrink #shrinkage")
    call("search", "ben")
    found = call("search_v2", "#shrinkage")
    assert [one.name for one in found.hashtags] == ["shrinkage"]
    assert call("search_v2", "estimators", result_type="statuses").statuses


def announcements(call: Story) -> None:
    """What the admins tell everyone."""
    [told] = call("announcements")
    call("announcement_reaction_create", told.id, "👍")
    assert call("announcements")[0].reactions[0].me is True
    call("announcement_reaction_delete", told.id, "👍")
    call("announcement_dismiss", told.id)


def push(call: Story) -> None:
    """A subscription to push messages."""
    _, public = call("push_subscription_generate_keys")
    made = call("push_subscription_set", "https://push.example/1", public, mention_events=True)
    assert made.alerts.mention is True
    call("push_subscription")
    call("push_subscription_update", follow_events=True)
    call("push_subscription_delete")


def moderation(call: Story) -> None:
    """Reports, and what admins do."""
    bad = call("status_post", "Buy my course", who="chi")
    chi = call.id("chi")
    call("report", chi, [bad.id], "spam", category="spam", who="ben")
    [asked] = call("admin_reports")
    call("admin_report", asked.id)
    call("admin_report_assign", asked.id)
    call("admin_report_unassign", asked.id)
    call("admin_report_resolve", asked.id)
    call("admin_report_reopen", asked.id)
    call("admin_accounts")
    call("admin_accounts_v1")
    call("admin_accounts_v2", origin="local")
    call("admin_account", chi)
    call("admin_account_moderate", chi, "none", text="Please don't")
    call("admin_account_moderate", chi, "disable")
    call("admin_account_enable", chi)
    call("admin_account_unsilence", chi)
    call("admin_account_unsensitive", chi)
    call("admin_account_moderate", chi, "suspend")
    call("admin_account_unsuspend", chi)
    call("admin_account_moderate", chi, "suspend")
    call("admin_account_delete", chi)


def domains(call: Story) -> None:
    """Other servers, as admins see them."""
    made = call("admin_create_domain_block", "bad.example", severity="suspend", public_comment="spam")
    call("admin_domain_blocks")
    call("admin_domain_blocks", id=made.id)
    call("admin_update_domain_block", made.id, severity="silence")
    call("admin_delete_domain_block", made.id)
    good = call("admin_create_domain_allow", "good.example")
    call("admin_domain_allows")
    call("admin_domain_allow", good.id)
    call("admin_delete_domain_allow", good.id)


def nothing(call: Story) -> None:
    """What is always empty here, in its right shape."""
    ben = call.id("ben")
    call("account_collections", ben)
    call("account_in_collections", ben)
    call("annual_reports")
    call("annual_report_state", 2026)
    for name in ("canonical_email_blocks", "email_domain_blocks", "ip_blocks"):
        call(f"admin_{name}")
    call("admin_test_canonical_email_block", "ben@example.edu")
    for name in ("links", "statuses", "tags"):
        call(f"admin_trending_{name}")
    now = datetime.now(UTC)
    call("admin_measures", now - timedelta(days=7), now, active_users=True, new_users=True)
    call("admin_dimensions", now - timedelta(days=7), now, languages=True, software_versions=True)
    call("admin_retention", now - timedelta(days=7), now)


def translation(call: Story) -> None:
    """Without an engine it is refused, in words."""
    said = call.clients["ada"].status_post("Guten Tag", language="de")
    wrong = call.wrong.setdefault("status_translate", [])
    try:
        call.clients["ada"].status_translate(said.id, lang="en")
    except Exception as problem:
        if "404" not in str(problem):
            wrong.append(f"{problem}")
    else:
        wrong.append("translated without an engine")


def signing_in(call: Story) -> None:
    """From registering an app to revoking its token."""
    key, secret = Mastodon.create_app("Methods", api_base_url=call.university.url)
    app = Mastodon(client_id=key, client_secret=secret, api_base_url=call.university.url)
    address = app.auth_request_url(allow_http=True)
    app.log_in(code=call.university.browser("ben").code(address), allow_http=True)
    assert app.me().acct == "ben"
    app.revoke_access_token(allow_http=True)
    for name in ("create_app", "auth_request_url", "log_in", "revoke_access_token"):
        call.wrong.setdefault(name, [])


def signing_up(call: Story) -> None:
    """Where registrations are closed, with the words of a 403."""
    key, secret = Mastodon.create_app("Sign-up", api_base_url=call.university.url)
    app = Mastodon(client_id=key, client_secret=secret, api_base_url=call.university.url)
    wrong = call.wrong.setdefault("create_account", [])
    try:
        app.create_account("dan", "a long password", "dan@example.edu", agreement=True)
    except Exception as problem:
        if "sign-ups" not in str(problem):
            wrong.append(str(problem))


class Heard(StreamListener):
    """Keeps the kinds of events of a stream; what they hold is walked as any answer."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def on_update(self, status: Any) -> None:
        """A post."""
        self.kinds.append("update")

    def on_notification(self, notification: Any) -> None:
        """A notification."""
        self.kinds.append("notification")

    def on_delete(self, status_id: Any) -> None:
        """A post is gone."""
        self.kinds.append("delete")


def streams(call: Story) -> None:
    """Server-sent events, each stream in a thread, while somebody posts."""
    assert call("stream_healthy") is True
    group = call.id("mlops")
    for who in ("ben", "chi"):
        call("account_follow", group, who=who)
    reading = call("list_create", "Streamed", who="ben")
    call("account_follow", call.id("chi"), who="ben")
    call("list_accounts_add", reading.id, [call.id("chi")], who="ben")
    wanted: dict[str, tuple[tuple[Any, ...], set[str]]] = {
        "stream_user": ((), {"update", "notification"}),
        "stream_user_notifications": ((), {"notification"}),
        "stream_public": ((), {"update"}),
        "stream_local": ((), {"update"}),
        "stream_hashtag": (("streamed",), {"update"}),
        "stream_list": ((reading.id,), {"update"}),
        "stream_direct": ((), set()),
    }
    heard = {name: Heard() for name in wanted}
    handles = [
        call.clients["ben"].__getattribute__(name)(*given, listener=heard[name], run_async=True)
        for name, (given, _) in wanted.items()
    ]
    try:
        _until(lambda: all(one.is_receiving() for one in handles))
        time.sleep(0.3)  # is_receiving says that the request is under way
        call("status_post", "@mlops @ben to everyone #streamed", who="chi")
        _until(lambda: all(kinds <= set(heard[name].kinds) for name, (_, kinds) in wanted.items()))
    finally:
        threading.Thread(target=lambda: [one.close() for one in handles], daemon=True).start()
    for name, (_, kinds) in wanted.items():
        lacking = kinds - set(heard[name].kinds)
        call.wrong.setdefault(name, []).extend([f"never came: {', '.join(sorted(lacking))}"] if lacking else [])


def _until(come: Callable[[], bool], patience: float = 8.0) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end and not come():
        time.sleep(0.05)


STORIES = (
    instance, profile, people, posts, polls, media, scheduled, timelines, lists, tags, filters, conversations,
    notifications, search, announcements, push, streams, moderation, domains, nothing, translation, signing_in, signing_up,
)  # fmt: skip
METHODS = sorted(name for name in dir(Mastodon) if not name.startswith("_") and callable(getattr(Mastodon, name)))


@pytest.fixture(scope="module")
def told(rich: University) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What was wrong, by method, and where a story ended too early."""
    call, cut = Story(rich), {}
    for story in STORIES:
        try:
            story(call)
        except Cut as where:
            cut[story.__name__] = str(where)
        except Exception as problem:
            cut[story.__name__] = f"{type(problem).__name__}: {problem}"
    return call.wrong, cut


@pytest.mark.parametrize("method", METHODS)
def test_method(told: tuple[dict[str, list[str]], dict[str, str]], method: str) -> None:
    wrong, cut = told
    if method in NOT_CALLED:
        assert method not in wrong
    else:
        assert method in wrong, f"never called; these stories ended early: {cut}"
        assert not wrong[method], "\n".join(wrong[method])


@pytest.mark.parametrize("story", [one.__name__ for one in STORIES])
def test_story(told: tuple[dict[str, list[str]], dict[str, str]], story: str) -> None:
    assert told[1].get(story) is None


def test_the_table_names_only_methods() -> None:
    assert NOT_CALLED.keys() - set(METHODS) == set()
    assert len(METHODS) - len(NOT_CALLED) > 200
