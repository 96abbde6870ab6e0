"""`fedi group scope`: with which institutions a group federates, shown and set by an operator."""

from fedi.cli.console import opened
from storage import audit, peers
from tests.fedi.cli.conftest import Operator


def test_an_operator_shows_and_sets_the_scope_of_a_group(operator: Operator) -> None:
    operator.person("olga")
    operator.fedi("group", "create", "quiet", "--title", "Quiet", "--owner", "olga", "--see", "members")
    operator.fedi("group", "create", "open", "--title", "Open", "--owner", "olga")
    shown = operator.fedi("group", "scope", "quiet", "--json").json
    assert (shown["scope"], shown["institutions"], shown["people"], len(shown["may"])) == ("public", 1, 1, 6)
    with opened(None) as site:
        site.db.write_now(lambda tx: peers.meet(tx, "beta.example", 0))
    made = operator.fedi(
        "group", "scope", "quiet", "--mode", "named", "--peer", "beta.example", "--may", "read", "--json"
    )
    assert (made.json["scope"], made.json["peers"], made.json["may"]) == ("named", ["beta.example"], ["read"])
    assert made.json["not_agreed"] == ["beta.example"]  # named ahead of an agreement
    assert "1 university, 1 person" in operator.fedi("group", "scope", "quiet").out
    with opened(None) as site:
        [row] = site.db.read_now(lambda tx: audit.newest(tx, 5))
    assert (row.who, row.action, row.body["mode"]) == ("command line", "group.scope", "named")

    refused = operator.try_("group", "scope", "open", "--mode", "local")
    assert refused.status != 0
    assert "see: members" in refused.err
    assert operator.try_("group", "scope", "quiet", "--peer", "beta.example").status != 0
