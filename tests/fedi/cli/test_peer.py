"""`fedi peer`, as an operator types it: terms as a file, what is offered and taken back, what is refused with its mend."""

from pathlib import Path

import pytest

from federation.peering.agreement import fingerprint
from federation.peering.institution import Found
from federation.peering.terms import Terms, read_terms
from federation.signatures.keys import encode_multikey, generate_ed25519
from fedi.actions import peers as acts
from fedi.cli.console import opened
from fedi.context import PROOF_KEY
from storage import agreement_events, agreements, audit, keys
from storage.metadata import Tx
from tests.fedi.cli.conftest import Operator, both

HOST = "b.example"


def offered() -> str:
    """The number of an agreement that we offered."""
    key = encode_multikey(generate_ed25519().public)
    actor = f"https://{HOST}/actor"
    found = Found(HOST, actor, f"{actor}/inbox", key, fingerprint(key), "fedi", "0.1.0", speaks=True)
    with opened(None) as site:
        return str(site.db.write_now(lambda tx: acts.invite(tx, site, "kim", found, Terms(probes=False))).id)


def test_the_terms_are_a_file_to_change(operator: Operator, folder: Path) -> None:
    printed = operator.fedi("peer", "terms").out
    assert read_terms(printed).groups == ("*",)
    ours = operator.fedi("peer", "terms", "--json").json
    assert ours["fingerprint"] in printed
    (folder / "terms.toml").write_text(printed.replace('"P30D"', '"P7D"'), "utf-8")
    settings = (folder / "fedi.toml").read_text("utf-8")
    (folder / "fedi.toml").write_text(f'{settings}\n[federation]\nterms = "terms.toml"\n', "utf-8")
    assert operator.fedi("peer", "terms", "--json").json["terms"]["media"] == 7 * 86_400_000
    (folder / "terms.toml").write_text('medai = "P7D"', "utf-8")
    done = operator.try_("peer", "terms")
    assert done.status == 1
    assert "did you mean «media»" in done.err


@both
def test_an_offer_is_listed_shown_compared_and_taken_back(operator: Operator) -> None:
    number = offered()
    [listed] = operator.fedi("peer", "list", "--json").json
    assert (listed["host"], listed["stance"], listed["agreement"]) == (HOST, "none", "v1 offered")
    assert operator.fedi("peer", "list", "--requests", "--json").json == []
    shown = operator.fedi("peer", "show", HOST, "--json").json
    assert [(one["number"], one["state"], one["offered_by"]) for one in shown["agreements"]] == [
        (number, "offered", "us")
    ]
    assert [one["kind"] for one in shown["events"]] == ["offer"]
    assert "v1 offered" in operator.fedi("peer", "show", HOST).out
    relations = {one["field"]: one["relation"] for one in operator.fedi("peer", "compare", number, "--json").json}
    assert (relations["visibility"], relations["probes"]) == ("equal", "different")
    done = operator.try_("peer", "sign", HOST)
    assert done.status == 1
    assert operator.fedi("peer", "withdraw", f"https://{HOST}/", "--json").json["state"] == "withdrawn"
    done = operator.try_("peer", "withdraw", HOST)
    assert (done.status, "fedi peer show" in done.err) == (1, True)
    with opened(None) as site:
        assert [row.action for row in site.db.read_now(lambda tx: audit.newest(tx, 5))] == [
            "peer.withdraw",
            "peer.invite",
        ]


def test_a_host_is_blocked_limited_and_let_in_again(operator: Operator) -> None:
    operator.fedi("peer", "block", HOST, "--reason", "spam")
    done = operator.try_("peer", "suspend", HOST, "--reason", "spam")
    assert (done.status, "fedi peer unblock" in done.err) == (1, True)
    operator.fedi("peer", "limit", HOST, "--reason", "less of it")
    assert operator.fedi("peer", "unblock", HOST, "--json").json == {"host": HOST, "stance": "none"}
    assert "fedi peer resume" in operator.fedi("peer", "suspend", HOST, "--reason", "an incident").out
    assert operator.fedi("peer", "show", HOST, "--json").json["suspended_by"] == "ours"
    operator.fedi("peer", "resume", HOST)
    assert operator.fedi("peer", "show", HOST, "--json").json["stance"] == "none"


def test_a_block_of_an_agreed_peer_is_taken_back_to_what_was_agreed(operator: Operator) -> None:
    with opened(None) as site:
        site.db.write_now(lambda tx: acts.agree_alone(tx, site, "kim", HOST, Terms(probes=False)))
    operator.fedi("peer", "block", HOST, "--reason", "the wrong host")
    assert operator.fedi("peer", "unblock", HOST, "--json").json["stance"] == "agreed"
    operator.fedi("peer", "suspend", HOST, "--reason", "an incident")
    operator.fedi("peer", "block", HOST, "--reason", "the wrong host")
    assert operator.fedi("peer", "unblock", HOST, "--json").json["stance"] == "suspended"
    assert operator.fedi("peer", "resume", HOST, "--json").json["stance"] == "agreed"


def test_what_is_in_force_is_listed_beside_what_is_offered(operator: Operator) -> None:
    assert "no offer or request waits" in operator.fedi("peer", "list", "--requests").out
    number = offered()
    with opened(None) as site:
        site.db.write_now(lambda tx: agreements.change(tx, int(number), state="active"))
        second = int(offered())
        site.db.write_now(lambda tx: agreements.change(tx, second, version=2))
    [listed] = operator.fedi("peer", "list", "--json").json
    assert listed["agreement"] == "v1 active, v2 offered"
    operator.fedi("peer", "withdraw", str(second))
    assert operator.fedi("peer", "show", HOST, "--json").json["agreement"] == "v1 active"
    operator.fedi("peer", "notice", HOST, "--at", "2039-09-30", "--reason", "we move")
    assert "2039-09-30T00:00:00Z" in operator.fedi("peer", "show", HOST).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["invite", "b.invalid"], "can't be looked up"),
        (["invite", "not a host"], "can't be looked up"),
        (["change", "b.example"], "There is no agreement"),
        (["notice", "b.example", "--at", "soon", "--reason", "x"], "is no time"),
        (["notice", "b.example", "--at", "2001-01-01", "--reason", "x"], "is past"),
        (["refuse", "12345678901234", "--reason", "x"], "there is no agreement"),
        (["sign", "b.example"], "nothing was agreed with b.example, or offered; «fedi peer invite"),
        (["suspend", "b.exampel", "--reason", "x"], "no host 'b.exampel' was met"),
        (["impact", "b.exampel"], "no host 'b.exampel' was met"),
        (["resume", "b.example"], "is not suspended"),
        (["block", "b.example", "--reason", " "], "Give a reason"),
    ],
)
def test_what_can_not_be_done_says_why(operator: Operator, words: list[str], said: str) -> None:
    done = operator.try_("peer", *words)
    assert done.status == 1
    assert said in done.err


def test_an_instance_of_before_gets_a_key_for_agreements(operator: Operator) -> None:
    """When it starts; until then it says what to do."""
    from fedi.actions.people import ensure_instance_actor

    def forget(tx: Tx) -> None:
        keys.keep_only(tx, site.instance_iri, [f"{site.instance_iri}#main-key"])

    with opened(None) as site:
        site.db.write_now(forget)
    assert "start «fedi serve» once" in operator.try_("peer", "terms").err
    with opened(None) as site:
        site.db.write_now(lambda tx: ensure_instance_actor(tx, site))
        assert site.db.read_now(lambda tx: keys.by_id(tx, site.instance_iri + PROOF_KEY)) is not None
    assert operator.fedi("peer", "terms", "--json").json["fingerprint"]


def test_the_doctor_finds_evidence_that_was_changed(operator: Operator) -> None:
    number = offered()
    assert "not as they were written" not in operator.try_("doctor").out
    with opened(None) as site:
        site.db.write_now(
            lambda tx: tx.execute(agreement_events.agreement_events.update().values(text="nothing was offered"))
        )
    assert number
    assert "not as they were written" in operator.try_("doctor").out
