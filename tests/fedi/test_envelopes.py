import pytest
from msgspec import structs

from federation.policy.decide import Decision, Verdict
from federation.policy.envelopes import BadEnvelopes, Envelope, unpacked, unpacked_facts
from federation.policy.facts import Facts
from fedi.actions import envelopes as actions
from fedi.context import Site
from fedi.policy import Judged, keep_judged
from fedi.worker import envelopes as worker
from storage import decisions, envelopes, rule_counts
from storage.metadata import Tx
from tests.conftest import Clock

pytestmark = pytest.mark.anyio

TAKEN = Decision(Verdict.ACCEPT, "accepted", "nothing speaks against it", 1)
REFUSED = Decision(Verdict.REJECT, "spam", "no", 1, "r-spam", because=("r-media", "r-spam"))
TRIED = Decision(Verdict.ACCEPT, "accepted", "", 1, observed=(("r-new", "reject"),))


def facts(at: int, name: str = "ada", *, visibility: str = "public", text: str = "words") -> Facts:
    return Facts(
        at,
        "in",
        "beta.example",
        "Create",
        "Note",
        f"https://beta.example/activities/{name}/{at}",
        f"https://beta.example/posts/{name}/{at}",
        f"https://beta.example/users/{name}",
        f"https://beta.example/users/{name}",
        visibility=visibility,
        text=text,
    )


def everything(tx: Tx) -> list[Envelope]:
    rows = envelopes.fresh(tx, 10_000) + envelopes.these(tx, [one for one, _ in envelopes.listed(tx, 0)])
    return [one for row in rows for one in unpacked(row.body)]


def test_the_text_of_what_is_not_public_is_never_kept(site: Site) -> None:
    several = [(facts(1, visibility=kind), TAKEN) for kind in ("public", "unlisted", "followers", "members", "direct")]
    unknown = structs.replace(facts(1), visibility=None)
    site.db.write_now(lambda tx: actions.keep(tx, site, [*several, (unknown, TAKEN)]))
    kept = site.db.read_now(everything)
    assert [(one.facts.visibility, one.facts.text) for one in kept] == [
        ("public", "words"),
        ("unlisted", "words"),
        ("followers", ""),
        ("members", ""),
        ("direct", ""),
        (None, ""),
    ]

    site.db.write_now(lambda tx: keep_judged(tx, site, Judged(facts(1, visibility="direct"), REFUSED)))
    row = site.db.read_now(lambda tx: decisions.newest(tx, 1))[0]
    assert row.facts is not None
    assert unpacked_facts(row.facts).text == ""


async def test_small_rows_are_joined_and_what_rules_did_is_counted_once(site: Site, clock: Clock) -> None:
    day = clock.at // actions.DAY
    for number in range(30):
        several = [(facts(clock.at + number), one) for one in (TAKEN, REFUSED, TRIED)]
        site.db.write_now(lambda tx, several=several: actions.keep(tx, site, several))  # type: ignore[misc]
    await worker.look_after(site, {})
    assert len(site.db.read_now(envelopes.fresh_ids)) == 30  # few, and young
    before = sorted(site.db.read_now(everything), key=repr)

    clock.pass_(seconds=3700)
    await worker.look_after(site, {})
    await worker.look_after(site, {})
    assert site.db.read_now(envelopes.fresh_ids) == []
    assert [count for _, count in site.db.read_now(lambda tx: envelopes.listed(tx, 0))] == [90]
    assert sorted(site.db.read_now(everything), key=repr) == before
    counted = site.db.read_now(lambda tx: rule_counts.of_version(tx, 1, since=day))
    assert {(one.rule, one.did): one.count for one in counted} == {
        ("default", "accept"): 60,
        ("r-spam", "reject"): 30,
        ("r-media", "changed"): 30,
        ("r-new", "would reject"): 30,
    }


async def test_what_is_old_or_too_much_is_forgotten(site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    site.db.write_now(lambda tx: actions.keep(tx, site, [(facts(clock.at), TAKEN)]))
    clock.pass_(days=10)
    for number in range(5):
        several = [(facts(clock.at, f"eve{number}"), TAKEN)] * 4
        site.db.write_now(lambda tx, several=several: actions.keep(tx, site, several))  # type: ignore[misc]
    clock.pass_(days=4.5)
    await worker.look_after(site, {})
    assert {one.facts.actor for one in site.db.read_now(everything)} == {
        f"https://beta.example/users/eve{number}" for number in range(5)
    }
    for number in range(3):
        several = [(facts(clock.at, f"new{number}"), TAKEN)] * 4
        site.db.write_now(lambda tx, several=several: actions.keep(tx, site, several))  # type: ignore[misc]
    monkeypatch.setattr(actions, "MOST", 9)
    site.db.write_now(lambda tx: actions.forget(tx, site))
    assert {one.facts.actor for one in site.db.read_now(everything)} == {
        f"https://beta.example/users/new{number}" for number in (1, 2)
    }


async def test_what_is_kept_of_an_actor_is_erased_everywhere(site: Site, clock: Clock) -> None:
    eve, iri = facts(clock.at, "eve"), "https://beta.example/users/eve"
    announced = structs.replace(facts(clock.at, "ada"), author=iri)
    several = [(facts(clock.at), TAKEN), (eve, TAKEN), (announced, REFUSED)]

    def begin(tx: Tx) -> None:
        actions.keep(tx, site, several)
        keep_judged(tx, site, Judged(announced, REFUSED))
        keep_judged(tx, site, Judged(facts(clock.at), REFUSED))

    site.db.write_now(begin)
    clock.pass_(seconds=3700)
    await worker.look_after(site, {})  # joined
    site.db.write_now(begin)  # and these are not
    site.db.write_now(lambda tx: actions.erase(tx, site, iri))
    await worker.look_after(site, {})
    assert len(site.db.read_now(everything)) == 6  # it waits for others that are to be erased
    clock.pass_(seconds=1900)
    await worker.look_after(site, {})
    left = site.db.read_now(everything)
    assert {(one.facts.actor, one.facts.author) for one in left} == {("https://beta.example/users/ada",) * 2}
    assert len(left) == 2
    kept = site.db.read_now(lambda tx: decisions.newest(tx, 10))
    assert len(kept) == 4  # that something was refused is still known, but not whose it was
    assert sorted(row.facts is None for row in kept) == [False, False, True, True]
    assert site.db.read_now(lambda tx: envelopes.to_erase(tx, 10)) == []


def test_nothing_is_kept_where_the_settings_say_so(site: Site) -> None:
    policy = structs.replace(site.config.policy, keep_days=0)
    object.__setattr__(site, "config", structs.replace(site.config, policy=policy))
    site.db.write_now(lambda tx: actions.keep(tx, site, [(facts(1), TAKEN)]))
    assert site.db.read_now(envelopes.total) == 0


@pytest.mark.parametrize("body", [b"", b"\x02abc", b"\x00\xc1", b"\x01abc", b"\x01x\x9c\x03\x00", b"\x00\x91\x91\x01"])
def test_bytes_that_are_no_envelopes_are_refused(body: bytes) -> None:
    with pytest.raises(BadEnvelopes):
        unpacked(body)
