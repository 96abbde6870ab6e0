"""`fedi announcement`: an operator tells everyone something, keeps a draft, and ends it."""

from fedi.cli.console import opened
from storage import announcements
from tests.fedi.cli.conftest import Operator, both


@both
def test_an_announcement_from_draft_to_end(operator: Operator) -> None:
    assert "no announcements" in operator.fedi("announcement", "list").out
    operator.fedi("announcement", "create", "Maintenance\non Sunday", "--ends", "2099-12-01T18:00", "--all-day")
    operator.fedi("announcement", "create", "Later", "--draft", "--starts", "2099-01-01T10:00+02:00")
    draft, shown = operator.fedi("announcement", "list", "--json").json
    assert (draft["state"], draft["starts"], draft["text"]) == ("draft", "2099-01-01T08:00:00Z", "Later")
    assert (shown["state"], shown["ends"], shown["text"]) == ("shown", "2099-12-01T18:00:00Z", "Maintenance\non Sunday")
    assert "Maintenance on Sunday" in operator.fedi("announcement", "list").out
    operator.fedi("announcement", "publish", draft["id"])
    operator.fedi("announcement", "end", shown["id"])
    states = {row["text"][:5]: row["state"] for row in operator.fedi("announcement", "list", "--json").json}
    assert states == {"Later": "shown", "Maint": "over"}
    with opened(None) as site:
        assert len(site.db.read_now(lambda tx: announcements.shown(tx, site.clock()))) == 1


@both
def test_what_can_t_be_announced(operator: Operator) -> None:
    for words in (
        ("create", "  "),
        ("create", "x", "--ends", "soon"),
        ("create", "x", "--ends", "2001-01-01"),
        ("publish", "7"),
        ("end", "7"),
    ):
        refused = operator.try_("announcement", *words)
        assert refused.status == 1, words
        assert refused.err.startswith("fedi: ")
    assert operator.fedi("announcement", "list", "--json").json == []
