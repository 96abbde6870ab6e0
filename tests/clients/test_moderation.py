"""Mastodon.py with what came later: polls, quotes, pins, reports, and a moderator's removal; over real HTTP."""

import pytest
from mastodon import Mastodon
from mastodon.errors import MastodonAPIError, MastodonNotFoundError

from tests.clients.conftest import University


def client(university: University, name: str) -> Mastodon:
    """A client with a token of this person."""
    return Mastodon(access_token=university.tokens[name], api_base_url=university.url)


@pytest.fixture
def ada(university: University) -> Mastodon:
    """Ada's client; she moderates `mlops`."""
    return client(university, "ada")


@pytest.fixture
def ben(university: University) -> Mastodon:
    """Ben's client."""
    return client(university, "ben")


def test_a_poll(ada: Mastodon, ben: Mastodon) -> None:
    limits = ada.instance_v2().configuration.polls
    assert limits.min_expiration == 300
    poll = ada.make_poll(["tea", "coffee"], expires_in=limits.min_expiration, multiple=False)
    status = ada.status_post("What do you drink?", poll=poll)
    assert [option.title for option in status.poll.options] == ["tea", "coffee"]
    assert not ben.poll(status.poll.id).voted
    voted = ben.poll_vote(status.poll.id, [1])
    assert (voted.voted, voted.own_votes, voted.votes_count) == (True, [1], 1)
    assert ada.poll(status.poll.id).options[1].votes_count == 1
    with pytest.raises(MastodonAPIError):
        ben.poll_vote(status.poll.id, [0])


def test_a_quote(ada: Mastodon, ben: Mastodon) -> None:
    status = ada.status_post("Worth reading", quote_approval_policy="public")
    assert ben.status(status.id).quote_approval.current_user == "automatic"
    quoting = ben.status_post("Look", quoted_status_id=status.id)
    assert (quoting.quote.state, quoting.quote.quoted_status.id) == ("accepted", status.id)
    assert [one.id for one in ada.status_quotes(status.id)] == [quoting.id]
    assert "quote" in {one.type for one in ada.notifications()}
    assert ada.status_quote_revoke(status.id, quoting.id).quote.state == "revoked"
    assert list(ada.status_quotes(status.id)) == []
    ada.status_update_quote_approval_policy(status.id, "nobody")
    assert ben.status(status.id).quote_approval.current_user == "denied"
    with pytest.raises(MastodonAPIError):
        ben.status_post("Look again", quoted_status_id=status.id)


def test_a_pin(ada: Mastodon, ben: Mastodon) -> None:
    status = ada.status_post("Who I am")
    assert ada.status_pin(status.id).pinned
    me = ada.account_verify_credentials()
    assert [one.id for one in ben.account_statuses(me.id, pinned=True)] == [status.id]
    assert not ada.status_unpin(status.id).pinned
    assert list(ben.account_statuses(me.id, pinned=True)) == []


def test_a_thread_is_reported_and_removed(ada: Mastodon, ben: Mastodon, university: University) -> None:
    chi = client(university, "chi")
    group = ada.account_lookup("mlops")
    ben.account_follow(group.id)
    chi.account_follow(group.id)
    thread = ben.status_post("@mlops Buy my course")
    author = ben.account_verify_credentials()
    report = chi.report(author.id, [thread.id], "spam", category="spam")
    assert (report.action_taken, report.status_ids, report.target_account.id) == (False, [thread.id], author.id)
    told = [one for one in ada.notifications() if one.type == "admin.report"]
    assert [one.report.id for one in told] == [report.id]
    ada.status_pin(thread.id)
    assert [one.id for one in chi.account_statuses(group.id, pinned=True)] == [thread.id]
    ada.status_delete(thread.id)
    assert list(chi.account_statuses(group.id, pinned=True)) == []
    with pytest.raises(MastodonNotFoundError):
        ben.status(thread.id)
    warned = [one for one in ben.notifications() if one.type == "moderation_warning"]
    assert [(one.moderation_warning.action, one.account.id) for one in warned] == [("delete_statuses", group.id)]
    assert warned[0].moderation_warning.status_ids == [thread.id]
    grouped = ben.grouped_notifications()
    assert "moderation_warning" in {one.type for one in grouped.notification_groups}
