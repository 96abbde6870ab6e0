"""Polls of Mastodon, Pleroma and Misskey, FEP-9967, and what is made of nonsense."""

from typing import Any

import pytest

from federation.vocabulary.note import read_post
from federation.vocabulary.question import build_options, build_vote, is_vote, read_question
from tests.federation.samples import peer

OPTION: dict[str, Any] = {"type": "Note", "name": "Yes", "replies": {"type": "Collection", "totalItems": 3}}
BASE: dict[str, Any] = {"type": "Question", "oneOf": [OPTION, {**OPTION, "name": "No"}]}


def test_mastodons_poll() -> None:
    poll = read_question(peer("mastodon/activity-mastodon-question-activity.json")["object"])
    assert poll is not None
    assert (poll.multiple, poll.votes, poll.voters) == (False, [0, 1, 0, 1], 2)
    assert poll.options[0] == "Dunno"
    assert (poll.ends_at, poll.closed) == (1_557_565_416_000, None)


def test_pleroma_writes_the_end_where_others_write_that_it_ended() -> None:
    poll = read_question(peer("pleroma/object-poll_original.json"))
    assert poll is not None
    assert poll.ends_at == poll.closed == 1_568_853_156_785


def test_misskeys_poll_never_ends() -> None:
    poll = read_question(peer("misskey/object-misskey_poll_no_end_date-2.json"))
    assert poll is not None
    assert (poll.options, poll.votes, poll.ends_at) == (["Working", "Broken af"], [0, 1], None)


def test_fep_9967() -> None:
    poll = read_question(peer("fep/object-9967-00.json"))
    assert poll is not None
    assert (poll.options, poll.votes, poll.voters) == (["Answer 1", "Answer 2"], [596, 379], 975)
    assert is_vote(peer("fep/object-9967-01.json"))


def test_built_and_read_again() -> None:
    poll = read_question(
        {**BASE, "oneOf": None, "anyOf": BASE["oneOf"], "votersCount": 5, "endTime": "2026-12-01T00:00:00Z"}
    )
    assert poll is not None
    assert (poll.multiple, poll.voters) == (True, 5)
    assert read_question({"type": "Question", **build_options(poll)}) == poll


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"oneOf": [OPTION, OPTION]}, ["Yes"]),  # each once
        ({"oneOf": [OPTION, "x", None, {"name": ""}, {"name": 5}]}, ["Yes"]),
        ({"oneOf": {**OPTION, "name": "  a \n b "}}, ["a b"]),
        ({"oneOf": [{**OPTION, "name": str(number)} for number in range(100)]}, [str(number) for number in range(20)]),
        ({"oneOf": [], "anyOf": [OPTION]}, ["Yes"]),
    ],
)
def test_options(changes: dict[str, Any], options: list[str]) -> None:
    poll = read_question({**BASE, **changes})
    assert poll is not None
    assert poll.options == options


def test_counts_that_are_none() -> None:
    poll = read_question(
        {**BASE, "oneOf": [{**OPTION, "replies": {"totalItems": -5}}, {**OPTION, "name": "N", "replies": 7}]}
    )
    assert poll is not None
    assert (poll.votes, poll.voters) == ([0, 0], 0)
    assert read_question({**BASE, "votersCount": 1e300}) is not None


def test_no_poll() -> None:
    assert read_question({"type": "Question", "content": "x"}) is None
    assert read_question({**BASE, "type": "Note"}) is None


def test_votes() -> None:
    vote = build_vote(
        "https://a.example/u#votes/1", "https://a.example/u", "https://b.example/v", "https://b.example/1", "Yes"
    )
    assert is_vote(vote)
    assert read_post(vote).vote
    assert not is_vote({**vote, "content": "<p>and why</p>"})  # an answer with a title
    assert not is_vote({**vote, "inReplyTo": None})
    assert not is_vote({**vote, "name": None})
    assert not is_vote({**vote, "attachment": [{"type": "Image", "url": "https://a.example/1.png"}]})
