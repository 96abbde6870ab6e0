"""Other servers' lists as rules that do the same, and rules as their lists."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.policy import domain_lists as policy_csv
from federation.policy import fires, simple_policy
from federation.policy.compile import compile_rules
from federation.policy.decide import Decision, Policy, Verdict, decide
from federation.policy.document import Invalid, read
from federation.policy.drafts import Draft, Imported, write
from federation.policy.facts import Facts
from federation.policy.warnings import warnings


def asked(made: Imported, host: str, activity: str = "Create", direction: str = "in", **more: Any) -> Decision:
    """What a list, imported, says to an activity."""
    document = read(made.text)
    assert len(document.rules) == made.rules
    values: dict[str, Any] = {"at": 1, "direction": direction, "host": host, "activity": activity, **more}
    return decide(Policy(1, compile_rules(document.rules, document.default)), Facts(**values))


MASTODON = """\
#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
spam.example,suspend,false,false,"spam, ""lots"" of it",false
loud.example,silence,true,true,,false
quiet.example,noop,true,false,files,false
fine.example,noop,false,false,,false
b*d.example,suspend,false,false,,true
münchen.example,suspend,,,,
not a host,suspend,,,,
odd.example,frobnicate,,,,
"""


def test_mastodons_list() -> None:
    made = policy_csv.read(MASTODON, source="blocks.example")
    spam = asked(made, "x.spam.example")
    assert (spam.verdict, spam.text, spam.code) == (Verdict.REJECT, 'spam, "lots" of it', "domain-list")
    assert asked(made, "spam.example", direction="out").verdict is Verdict.REJECT
    loud = asked(made, "loud.example")
    assert (loud.verdict, loud.effects) == (Verdict.LIMIT, ("strip-media", "reject-reports"))
    assert asked(made, "loud.example", "Flag").verdict is Verdict.REJECT
    assert asked(made, "quiet.example").effects == ("strip-media",)
    assert asked(made, "fine.example").verdict is Verdict.ACCEPT
    assert asked(made, "xn--mnchen-3ya.example").verdict is Verdict.REJECT
    assert made.entries == 4
    assert [problem.line for problem in made.problems] == [5, 6, 8, 9]
    assert {rule.source for rule in read(made.text).rules} == {"blocks.example"}
    assert warnings(read(made.text)) == ()


def test_lists_of_gotosocial() -> None:
    peers = [
        {"domain": "spam.example", "suspended_at": "2020-05-13T13:29:12.000Z", "public_comment": "jerks"},
        {"domain": "fine.example"},
        "plain.example",
        {"domain": "ok.example", "permission_type": "allow"},
        3,
    ]
    made = policy_csv.read(json.dumps(peers))
    assert asked(made, "spam.example").text == "jerks"
    assert asked(made, "plain.example").verdict is Verdict.REJECT
    assert asked(made, "ok.example").verdict is Verdict.ACCEPT
    plain = policy_csv.read(b"\xef\xbb\xbf# ours\nspam.example\n\n*.bad.example\r\n")
    assert (plain.entries, asked(plain, "a.bad.example").verdict) == (2, Verdict.REJECT)
    allowed = policy_csv.read("#domain\na.example\nb.example\n", allow=True)
    assert asked(allowed, "a.example").verdict is Verdict.ACCEPT
    assert asked(allowed, "c.example").code == "not-allowed"
    assert asked(allowed, "a.example", author_host="c.example").verdict is Verdict.REJECT  # whoever it is of


def test_there_and_back() -> None:
    made = policy_csv.read(MASTODON)
    out = policy_csv.mastodon(read(made.text))
    assert out.splitlines()[0] == MASTODON.splitlines()[0]
    assert 'spam.example,suspend,false,false,"spam, ""lots"" of it",false' in out
    again = policy_csv.read(out)
    assert {rule.when for rule in read(again.text).rules} == {rule.when for rule in read(made.text).rules}
    assert json.loads(policy_csv.gotosocial(read(made.text))) == [
        {"domain": "spam.example", "public_comment": 'spam, "lots" of it'},
        {"domain": "xn--mnchen-3ya.example", "public_comment": "on a list of domains that this instance follows"},
    ]


def test_lists_of_several_sources_stand_side_by_side() -> None:
    """Ids stay the same when a list grows, and no two sources give the same."""
    one = policy_csv.read("spam.example\n", source="https://one.example/blocks?x").text
    two = policy_csv.read("spam.example\n", source="https://one.example/blocks/x").text
    three = policy_csv.read("spam.example\nmore.example\n", source="three.example").text
    four = simple_policy.read(
        '{"reject": ["spam.example"], "accept": ["a.example"], "reject_deletes": ["b.example"]}'
    ).text
    five = policy_csv.read("a.example", allow=True).text
    rules = read(f"{one}\n{two}\n{three}\n{four}\n{five}").rules
    assert len(rules) == 9
    assert read(policy_csv.read("spam.example\n", source="three.example").text).rules[0].id == rules[2].id


def test_what_is_not_about_a_whole_domain_is_in_no_list() -> None:
    text = write(
        [
            Draft("a", {"peer": "a.example", "activity": "Like"}, "reject", "x", "x", "x"),
            Draft("b", {"peer": "!b.example"}, "reject", "x", "x", "x"),
            Draft("c", {"peer": "c.example"}, "reject", "x", "x", "x", observe=True),
            Draft("d", {"peer": "d.example"}, "hold", "x", "x", "x"),
            Draft("f", {"peer": ["f.example", "!x.f.example"]}, "reject", "x", "x", "x"),
            Draft("e", {"peer": "e.example"}, "limit", "x", "=1+1", "x"),
        ]
    )
    assert policy_csv.mastodon(read(text)).splitlines()[1:] == ["e.example,silence,false,false,'=1+1,false"]


LISTS = {
    "reject": ["bad.example"],
    "media_removal": ["media.example"],
    "media_nsfw": ["nsfw.example"],
    "federated_timeline_removal": ["ftl.example"],
    "followers_only": ["fo.example"],
    "report_removal": ["reports.example"],
    "avatar_removal": ["faces.example"],
    "banner_removal": ["faces.example"],
    "background_removal": ["faces.example"],
    "reject_deletes": ["keeps.example", "bad.example"],
}
NODEINFO = {
    "metadata": {
        "federation": {"mrf_simple": LISTS, "mrf_simple_info": {"reject": {"bad.example": {"reason": "spam"}}}}
    }
}
SETTINGS = {
    "configs": [
        {"group": ":pleroma", "key": ":other", "value": [{"tuple": [":x", 1]}]},
        {
            "group": ":pleroma",
            "key": ":mrf_simple",
            "value": [
                {"tuple": [f":{action}", [{"tuple": [host, "spam" if action == "reject" else ""]} for host in hosts]]}
                for action, hosts in LISTS.items()
            ],
        },
    ]
}
ELIXIR = (
    "import Config\n\nconfig :pleroma, :mrf_simple,\n  "
    + ",\n  ".join(
        f'{action}: [{", ".join(f"""{{"{host}", "{"spam" if action == "reject" else ""}"}}""" for host in hosts)}]'
        for action, hosts in LISTS.items()
    )
    + '\n\nconfig :pleroma, :instance,\n  reject: [{"other.example", "no"}]\n'
)


@pytest.mark.parametrize("text", [json.dumps(NODEINFO), json.dumps(LISTS), json.dumps(SETTINGS), ELIXIR])
def test_simple_policy(text: str) -> None:
    made = simple_policy.read(text)
    refused = asked(made, "bad.example")
    assert refused.verdict is Verdict.REJECT
    assert refused.text == ("spam" if text != json.dumps(LISTS) else "this instance takes nothing from there")
    assert asked(made, "ok.example", author_host="x.bad.example", activity="Announce").verdict is Verdict.REJECT
    assert asked(made, "bad.example", direction="fetch").verdict is Verdict.REJECT
    assert asked(made, "bad.example", direction="out").verdict is Verdict.ACCEPT  # it is a policy of what comes
    assert asked(made, "bad.example", "Delete").verdict is Verdict.REJECT  # it is in reject_deletes too
    assert asked(made, "media.example").effects == ("strip-media",)
    assert asked(made, "nsfw.example").effects == ("sensitive",)
    assert asked(made, "ftl.example").effects == ("unlisted",)
    assert asked(made, "fo.example").effects == ("followers-only",)
    assert asked(made, "reports.example", "Flag").verdict is Verdict.REJECT
    assert set(asked(made, "faces.example").effects) == {"strip-avatar", "strip-header"}
    assert asked(made, "keeps.example", "Delete").verdict is Verdict.REJECT
    assert asked(made, "keeps.example").verdict is Verdict.ACCEPT
    assert asked(made, "other.example").verdict is Verdict.ACCEPT
    assert ["backgrounds" in one.text for one in made.problems] == [True]


def test_simple_policy_takes_deletions_also_from_whom_it_refuses() -> None:
    made = simple_policy.read(json.dumps({"reject": ["bad.example"]}))
    assert asked(made, "bad.example", "Delete").verdict is Verdict.ACCEPT
    only = simple_policy.read(json.dumps({"accept": ["a.example"]}))
    assert asked(only, "a.example").verdict is Verdict.ACCEPT
    assert asked(only, "b.example").code == "not-accepted"
    assert asked(only, "b.example", "Delete").verdict is Verdict.ACCEPT


def change(number: int, kind: str, key: str, type: str = "Recommendation", **more: Any) -> dict[str, Any]:
    return {
        "id": f"https://fires.example/c/{number}",
        "type": type,
        "published": f"2026-01-{number:02}T00:00:00Z",
        "entityKind": kind,
        "entityKey": key,
        "labels": ["https://fires.example/labels/spam"],
        **more,
    }


def test_data_sets_of_fires() -> None:
    changes = [
        change(1, "domain", "spam.example", recommendedPolicy="accept"),
        change(2, "domain", "spam.example", recommendedPolicy="drop"),
        change(3, "domain", "back.example", recommendedPolicy="reject"),
        change(4, "domain", "back.example", "Retraction"),
        change(5, "domain", "soon.example", "Advisory"),
        change(6, "actor", "https://c.example/u/troll", recommendedPolicy="reject"),
        change(
            7,
            "domain",
            "pics.example",
            recommendedPolicy="filter",
            recommendedFilters=["https://x.example/f#reject-media"],
        ),
        change(8, "domain", "loud.example", recommendedPolicy="filter"),
        change(9, "network", "10.0.0.0/8", recommendedPolicy="drop"),
        change(10, "domain", "gone.example", recommendedPolicy="drop"),
        {"id": "https://fires.example/c/10", "type": "Tombstone", "published": "2026-02-01T00:00:00Z"},
    ]
    data = {
        "id": "https://fires.example/d/1/changes",
        "dataset": "https://fires.example/d/1",
        "orderedItems": changes[::-1],
    }
    made = fires.read(json.dumps(data))
    spam = asked(made, "spam.example")
    assert (spam.verdict, spam.text) == (
        Verdict.REJECT,
        "recommended by https://fires.example/d/1 (spam), https://fires.example/c/2",
    )
    assert asked(made, "back.example").verdict is Verdict.ACCEPT
    assert asked(made, "gone.example").verdict is Verdict.ACCEPT
    assert asked(made, "soon.example").observed != ()  # an advisory only watches
    assert asked(made, "soon.example").verdict is Verdict.ACCEPT
    assert asked(made, "c.example", author="https://c.example/u/troll").verdict is Verdict.REJECT
    assert asked(made, "pics.example").effects == ("strip-media",)
    assert asked(made, "loud.example").verdict is Verdict.LIMIT
    assert ["network" in problem.text for problem in made.problems] == [True]
    assert {rule.source for rule in read(made.text).rules} == {"fires:https://fires.example/d/1"}
    snake = {
        "orderedItems": [
            {
                "id": "x",
                "type": "Recommendation",
                "entity": {"type": "Domain", "value": "s.example"},
                "recommended_policy": "drop",
            }
        ]
    }
    assert asked(fires.read(json.dumps(snake)), "s.example").verdict is Verdict.REJECT


@pytest.mark.parametrize("load", [policy_csv.read, simple_policy.read, fires.read])
@pytest.mark.parametrize("text", [b"\xff", b"{", b"[" * 100_000, b"x" * 5_000_001, b'{"a": 1}', b'{"orderedItems": 3}'])
def test_what_is_no_list_is_refused(load: Any, text: bytes) -> None:
    if load is policy_csv.read and text.startswith(b"x"):
        text += b'\n"' + b"y" * 200_000  # longer than a cell of CSV may be
    with pytest.raises(Invalid):
        load(text)


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.text(max_size=9),
        lambda some: (
            st.lists(some)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "orderedItems",
                        "type",
                        "id",
                        "entity",
                        "domain",
                        "mrf_simple",
                        "reject",
                        "configs",
                        "value",
                        "tuple",
                        "key",
                        "metadata",
                    ]
                ),
                some,
            )
        ),
        max_leaves=9,
    ).map(json.dumps)
)
def test_whatever_a_list_says_what_comes_of_it_is_a_policy(text: str) -> None:
    for load in (policy_csv.read, simple_policy.read, fires.read):
        with suppress(Invalid):
            read(load(text).text)


@given(
    st.text(max_size=30, alphabet=st.characters(exclude_categories=())),
    st.lists(st.sampled_from("abcdef"), min_size=1, unique=True),
)
def test_what_is_written_is_read_again(text: str, hosts: list[str]) -> None:
    draft = Draft(
        "x",
        {"peer": [f"{one}.example" for one in hosts], "reply": True, "followers": 3},
        "hold",
        "c",
        f".{text}",
        f".{text}",
    )
    (rule,) = read(write([draft], text)).rules
    same = f".{text}".encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\r\n", "\n")
    assert (rule.text.replace("\r\n", "\n"), rule.when[0].wanted) == (same, tuple(f"{one}.example" for one in hosts))  # type: ignore[attr-defined]  # of Terms
