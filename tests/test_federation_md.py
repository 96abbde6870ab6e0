"""FEDERATION.md says what the code does: types, addresses, properties, FEPs, algorithms, times and limits."""

import ast
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route

from federation import client, delivery, groups, parse
from federation.signatures import cavage, integrity, verify
from federation.vocabulary import note, requests
from fedi import fetching
from fedi.actions import groups as group_actions
from fedi.actions import people, twins
from fedi.context import Site
from fedi.inbox.table import HANDLERS, IGNORED
from fedi.outbox import documents, library, quotes, send
from fedi.rendering import actors as actor_rendering
from fedi.worker import backfill
from storage.actors import Actor
from storage.metadata import Tx

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "FEDERATION.md").read_text("utf-8")

NOT_IMPLEMENTED = {
    "FEP-f15d": "threads that move between groups are recognised and not moved",
    "FEP-ae0c": "a relay's Follow is recognised and not answered as one",
}
"""FEPs that the code names and that are not claimed, with the reason."""
OF_THE_PROJECT = {"FEP-67ff"}
"""FEPs that no code has to name."""


def section(title: str) -> str:
    """The text below a heading, up to the next one of the same rank or above."""
    level, _, rest = TEXT.partition(f"# {title}\n")
    rank = len(level) - len(level.rstrip("#")) + 1
    return re.split("(?m)^#{1," + str(rank) + "} ", rest)[0]


def rows(title: str, first: str) -> list[list[str]]:
    """The cells of the table below `title` whose first column is called `first`."""
    _, _, after = section(title).partition(f"| {first} |")
    assert after, (title, first)
    table = after.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def named(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_activity_type_that_is_acted_on_is_listed_and_no_other() -> None:
    listed = [name for row in rows("Receiving", "activity") for name in named(row[0])]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(HANDLERS)


def test_every_activity_type_that_is_not_acted_on_is_listed_with_the_others_of_its_reason() -> None:
    tables = section("Receiving").split("| activity | why not |")
    assert len(tables) == 2
    listed = [name for line in tables[1].splitlines() if line.startswith("| `") for name in named(line.split(" | ")[0])]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(IGNORED)


def test_every_fep_that_the_code_names_is_claimed_and_every_claim_is_in_the_code() -> None:
    claimed = set(re.findall(r"\[(FEP-[0-9a-f]{4})\b", section("Supported FEPs")))
    files = [file for folder in ("fedi", "federation", "storage") for file in (ROOT / folder).rglob("*.py")]
    in_code = {fep for file in files for fep in re.findall(r"FEP-[0-9a-f]{4}", file.read_text("utf-8"))}
    assert claimed - OF_THE_PROJECT <= in_code
    assert in_code - claimed == NOT_IMPLEMENTED.keys()
    assert all(fep in TEXT for fep in NOT_IMPLEMENTED)
    for fep in claimed:
        assert f"/fep/{fep[4:]}/fep-{fep[4:]}.md)" in section("Supported FEPs"), fep


def paths(routes: list[BaseRoute]) -> set[str]:
    """The addresses of routes, as the document writes them."""
    found = [re.sub(r"{(?!name)\w+(?::\w+)?}", "NUMBER", one.path) for one in routes if isinstance(one, Route)]
    return {
        one.replace("{name}", "NAME")
        for one in found
        if one.startswith(("/people", "/groups", "/activities", "/actor"))
    }


def test_every_address_of_a_document_is_listed_and_answers() -> None:
    known = paths([*documents.ROUTES, *library.ROUTES, *quotes.ROUTES]) | {
        "/people/NAME",
        "/groups/NAME",
        "/people/NAME/posts/NUMBER",
    }
    listed = {
        one for one in named(section("ActivityPub")) if re.fullmatch(r"/(people|groups|actor|activities)\b\S*", one)
    }
    assert "/people/NAME/pendingFollowers" in listed
    listed |= {one.replace("/people", "/groups") for one in listed if "/pending" in one}  # one row names both
    assert listed - {"/groups/NAME"} == known - {"/groups/NAME"}


def _document(tx: Tx, site: Site, actor: Actor) -> dict[str, Any]:
    return actor_rendering.document(tx, site, actor)


def test_the_properties_of_actors_are_those_that_are_listed(site: Site) -> None:
    person = site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
    group = site.db.write_now(lambda tx: group_actions.create(tx, site, name="ml", title="ML", owner=person))
    made: set[str] = set()
    for one in (person, group):
        made |= site.db.read_now(partial(_document, site=site, actor=one)).keys()
    listed = {name for row in rows("Actors", "property of an actor") for name in named(row[0])}
    assert made - {"@context"} <= listed
    rest = listed - made
    # What is told only of who has it: the names stand in the two functions that make the document.
    source = (ROOT / "federation/vocabulary/actor.py").read_text("utf-8")
    source += (ROOT / "fedi/rendering/actors.py").read_text("utf-8")
    assert {name for name in rest if f'"{name}"' not in source} == set()


def sent() -> set[str]:
    """The types of activities that actions send: constants among the arguments of what sends, and of what makes one."""
    found = set()
    for file in (ROOT / "fedi/actions").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                found |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return {str(one) for one in found if one in HANDLERS}


def test_what_is_sent_is_listed() -> None:
    listed = named(section("Sending").partition("We send ")[2].partition(";")[0])
    assert set(listed) >= sent() - {"EmojiReact"}
    assert set(listed) <= sent() | {"Accept", "Announce", "Like", "Dislike"}


def test_the_kinds_of_posts_are_listed() -> None:
    text = section("Objects")
    made = set(named(text.partition("Read are also")[0]))
    read = set(named(text.partition("Read are also")[2].partition(".")[0]))
    assert {"Note", "Article", "Question"} <= made
    assert read | {"Note", "Article", "Question"} == set(note.KINDS)


def test_the_algorithms_are_those_of_the_code() -> None:
    protocols = section("Supported federation protocols and standards")
    assert set(named(protocols)) >= cavage.ALGORITHMS
    assert f"`{integrity.CRYPTOSUITE}`" in section("Supported FEPs")


def span(ms: int) -> str:
    """A time as the document writes it."""
    for unit, size in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)):
        if ms >= size and ms % size == 0:
            number = ms // size
            return f"{number} {unit}{'s' if number > 1 else ''}"
    raise AssertionError(ms)


LIMITS: dict[str, str] = {
    "waits after failures (each ± half)": ", ".join([span(one) for one in delivery.SCHEDULE[:-1]])
    + f", then every {span(delivery.SCHEDULE[-1])}",
    "failures (5xx) after which an activity is set aside where the next one is taken; it is tried again by itself": str(
        send.STUCK_AFTER
    ),
    "until it is given up": f"{span(delivery.HORIZON)}; {span(delivery.HORIZON_AGREED)} for institutions with an agreement",
    "`Retry-After` is believed up to": span(delivery.LONGEST_BUSY),
    "refusals in a row (4xx) that suspend a host until an operator looks": str(delivery.SUSPEND_AFTER),
    "deliveries to one host at once": f"{delivery.WINDOW}; {delivery.LinkState(failures=1).window} after a failure",
    "time for a POST, for a GET": f"{client.POST_SECONDS:.0f} seconds, {client.GET_SECONDS:.0f} seconds",
    "redirects of a GET": f"{client.MAX_REDIRECTS}, never from https to http",
    "skew of a signature's time": span(verify.SKEW),
    "length of a body or document, of its nesting": f"{parse.MAX_BYTES // 2**20} MiB, {parse.MAX_DEPTH} levels",
    "activities in one `Announce`": str(requests.MAX_ANNOUNCED),
    "posts above one that are fetched": str(fetching.MAX_PARENTS),
    "twins of a group": str(twins.MAX_TWINS),
    "posts, requests and pages of one collection that we complete a thread from": f"{backfill.POSTS}, {backfill.REQUESTS}, "
    f"{backfill.PAGES}",
}


def test_times_and_limits_are_those_of_the_code() -> None:
    assert dict(rows("Sending", "what")) == LIMITS
    assert delivery.JITTER == 0.5
    assert parse.MAX_BYTES % 2**20 == 0


@pytest.mark.parametrize(
    ("form", "software"), [("whole activities", groups.GROUP_AWARE), ("bare ids", groups.MICROBLOGS)]
)
def test_the_software_that_gets_each_form_is_listed(form: str, software: frozenset[str]) -> None:
    listed = next(row[0] for row in rows("Groups", "what it runs") if row[1] == form).split(", ")
    assert sorted(listed) == sorted(software)


def test_which_software_gets_less_is_said() -> None:
    picky = re.search(r"(?m)^(.*) get of the whole activities those", section("Groups"))
    assert picky is not None
    assert set(re.split(r", | and ", picky[1])) == groups._ACTS_ON.keys()


def test_every_link_within_the_project_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_visibility_terms_are_those_of_the_contexts() -> None:
    terms: dict[str, Any] = actor_rendering.TERMS
    for name in ("visibleTo", "twins", "federatesWith", "audiencePeers", "peersMay", "membership", "rules"):
        value = terms[name]["@id"] if isinstance(terms[name], dict) else terms[name]
        assert f"`{value.replace('fedi:', terms['fedi'])}`" in section("Actors")
