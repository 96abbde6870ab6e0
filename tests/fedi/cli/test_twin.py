"""`fedi twin`: an operator, or a moderator by name, joins groups with groups of other instances."""

from fedi.actions import follows as follow_actions
from fedi.cli.console import opened
from storage import actors, groups, outbox
from storage.groups import Group
from storage.metadata import Tx
from tests.fedi.cli.conftest import Operator, both
from tests.storage import rows


def known(tx: Tx, name: str, see: str = "public") -> None:
    """A group of another instance that is known here."""
    made = rows.actor(tx, name, "far.example", kind="Group", local=False)
    groups.save(tx, Group(made.id, "open", see, "members", [], None, 0))


@both
def test_a_group_that_asked_is_accepted_listed_and_parted_from(operator: Operator) -> None:
    operator.person("olga")
    operator.person("ann")
    operator.fedi("group", "create", "mlops", "--title", "ML Ops", "--owner", "olga")
    assert operator.fedi("twin", "list", "--json").json == []
    assert "no twins yet" in operator.fedi("twin", "list").out
    with opened(None) as site:

        def unit(tx: Tx) -> None:
            for name in ("drift", "other"):
                known(tx, name)
            ours = actors.by_name(tx, "mlops", site.config.handle_domain)
            assert ours is not None
            for name in ("drift", "other"):
                there = actors.by_name(tx, name, "far.example")
                assert there is not None
                follow_actions.receive(tx, site, there, ours, f"https://far.example/activities/{name}")

        site.db.write_now(unit)
    listed = operator.fedi("twin", "list", "--json").json
    assert [(row["group"], row["other"], row["state"]) for row in listed] == [
        ("mlops", "drift@far.example", "asked"),
        ("mlops", "other@far.example", "asked"),
    ]
    refused = operator.try_("twin", "accept", "mlops", "drift@far.example", "--by", "ann")
    assert (refused.status, "Only moderators" in refused.err) == (1, True)
    operator.fedi("twin", "accept", "mlops", "@drift@far.example", "--by", "olga")
    operator.fedi("twin", "refuse", "mlops", "other@far.example")
    assert [row["state"] for row in operator.fedi("twin", "list", "--json").json] == ["offered"]
    operator.fedi("twin", "part", "mlops", "drift@far.example")
    assert operator.fedi("twin", "list", "--json").json == []
    with opened(None) as site:
        sent = site.db.read_now(lambda tx: outbox.by_positions(tx, list(range(1, 100))))
    in_order = [sent[position] for position in sorted(sent)]
    types = [row.type for row in in_order if row.type in ("Accept", "Reject", "Follow", "Undo")]
    assert types == ["Accept", "Follow", "Reject", "Undo", "Reject"]


def test_what_can_not_be_joined_is_said(operator: Operator) -> None:
    operator.person("olga")
    operator.fedi("group", "create", "mlops", "--title", "ML Ops", "--owner", "olga")
    for words, said in (
        (("accept", "mlops", "nobody@far.example"), "not known here"),
        (("accept", "mlops", "nonsense"), "no handle"),
        (("part", "nothing", "drift@far.example"), "there is no group"),
        (("offer", "mlops", "nonsense"), "is no handle; write name@host"),
        (("offer", "mlops", "mlops@uni.example"), "different instances"),
    ):
        refused = operator.try_("twin", *words)
        assert (refused.status, said in refused.err) == (1, True), refused.err
