"""`fedi peer health`, `fedi peer impact`, `fedi delivery post` and what `fedi doctor` says of peerings."""

from fedi.actions import suspensions
from fedi.actions.posts import Draft, publish
from fedi.cli.console import opened
from storage import actors, peers
from storage.metadata import Tx
from tests.fedi.cli.conftest import Operator
from tests.fedi.outbox.network import follower

HOST = "peer.example"


def test_an_operator_sees_how_a_peering_goes(operator: Operator) -> None:
    operator.person("ada")

    def unit(tx: Tx) -> str:
        [ada] = [one for one in actors.local(tx) if one.username == "ada"]
        follower(tx, HOST, ada, name="bea", software="fedi")
        peers.change(tx, HOST, stance="agreed", instance_actor=f"https://{HOST}/actor")
        return publish(tx, site, ada, Draft("hello")).iri

    with opened(None) as site:
        post = site.db.write_now(unit)
    assert operator.fedi("peer", "health", HOST, "--json").json["colour"] == "green"
    assert "all is well" in operator.fedi("peer", "health", HOST).out
    assert operator.try_("peer", "health", "never.example").status != 0
    lost = operator.fedi("peer", "impact", HOST, "--json").json
    assert (lost["followers"], lost["following"], lost["people"]) == (1, 0, 1)
    assert f"bea@{HOST}" in operator.fedi("peer", "impact", HOST).out
    assert operator.fedi("delivery", "post", post, "--json").json == [
        {"host": HOST, "state": "pending", "why": None, "at": None}
    ]
    assert operator.try_("delivery", "post", "https://uni.example/nothing").status != 0

    with opened(None) as site:
        site.db.write_now(lambda tx: suspensions.began(tx, site, HOST, None))
    assert "it is suspended and ends in 2" in operator.fedi("peer", "health", HOST).out
    assert f"{HOST}: it is suspended" in operator.try_("doctor").out
    assert "suspended" in operator.fedi("delivery", "post", post).out
