"""The instance of the tests of pages, with two admins, peers, an offer that arrived, a policy and what came lately."""

import pytest

from federation.peering.agreement import Terms, build, canonical, digest
from federation.policy.decide import decide
from federation.policy.facts import Facts
from fedi import policy
from fedi.actions import envelopes, policies
from storage import actors, agreement_events, agreements, peers, people
from storage.agreements import AgreementRow
from storage.metadata import Tx
from tests.fedi.web.conftest import (
    Browser,
    Campus,
    Page,
    ada,
    browser,
    bruno,
    campus,
    database_url,
    filled,
    hashed,
    with_settings,
)

__all__ = [
    "Browser",
    "Campus",
    "Page",
    "ada",
    "browser",
    "bruno",
    "campus",
    "database_url",
    "filled",
    "hashed",
    "with_settings",
]

SOUTH = "https://south.example/actor"
HOSTILE = "<script>alert(1)</script>\u202e"
POLICY = """[[rule]]
id = "r-essays"
when = { direction = "in", keyword = "buy essay" }
then = "reject"
reason = { code = "spam", text = "Offers to write theses for money" }
"""


def promote(campus: Campus, name: str) -> None:
    """Make somebody an admin."""

    def write(tx: Tx) -> None:
        found = actors.by_name(tx, name, campus.site.config.handle_domain)
        assert found is not None
        people.change(tx, found.id, role="admin")

    campus.write(write)


@pytest.fixture
async def as_ada(campus: Campus) -> Browser:
    """Ada, who is an admin here, as Bruno is."""
    promote(campus, "ada")
    promote(campus, "bruno")
    made = campus.browser()
    assert (await made.log_in("ada")).status == 200
    return made


@pytest.fixture
async def as_bruno(campus: Campus, as_ada: Browser) -> Browser:
    """The other admin."""
    made = campus.browser()
    assert (await made.log_in("bruno")).status == 200
    return made


@pytest.fixture
def offer(campus: Campus) -> AgreementRow:
    """An offer of south.example that arrived, with terms that are wider than ours in one field."""

    def write(tx: Tx) -> AgreementRow:
        site, now = campus.site, campus.site.clock()
        peers.meet(tx, "south.example", now)
        peers.change(tx, "south.example", instance_actor=SOUTH, software="fedi", version=HOSTILE)
        terms = Terms(personal_data="named", security_contact="mailto:csirt@south.example")
        document = build(
            iri="https://south.example/peering/agreements/7/v1",
            version=1,
            parties=(SOUTH, site.instance_iri),
            terms=terms,
        )
        row = AgreementRow(
            id=site.new_id(),
            iri=document["id"],
            offer="https://south.example/peering/offers/7",
            host="south.example",
            ours=False,
            version=1,
            replaces=None,
            pause=None,
            document=canonical(document),
            digest=digest(document),
            proofs=[],
            trusted=False,
            state="offered",
            starts_at=None,
            ends_at=None,
            notice_at=None,
            reason=HOSTILE,
            created_at=now,
            changed_at=now,
        )
        agreements.insert(tx, row)
        agreement_events.add(tx, site.new_id(), row.id, now, SOUTH, "offer", f"offered {HOSTILE}")
        return row

    made: AgreementRow = campus.write(write)
    return made


@pytest.fixture
def ruled(campus: Campus) -> Campus:
    """The instance with a policy in force, and a hundred activities that came lately."""
    campus.write(lambda tx: policies.apply(tx, campus.site, "ada", POLICY, HOSTILE))

    def keep(tx: Tx) -> None:
        now, current = campus.site.clock(), policy.current(tx, campus.site)
        bare = Facts(
            at=now, direction="in", host="south.example", activity="Create", object="Note", visibility="public"
        )
        several = [
            replace_facts(
                bare, at=now - number * 3_600_000, activity_id=f"https://south.example/a/{number}", media=number % 6,
                text="buy essay" if number % 10 == 0 else "a talk",
            )
            for number in range(100)
        ]  # fmt: skip
        envelopes.keep(tx, campus.site, [(one, decide(current, one)) for one in several])

    campus.write(keep)
    return campus


def replace_facts(facts: Facts, **values: object) -> Facts:
    """Facts with other values."""
    from msgspec import structs

    return structs.replace(facts, **values)
