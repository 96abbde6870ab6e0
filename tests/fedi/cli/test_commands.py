"""The commands of the CONTRACT: what they do, what they print, and how they refuse (1 with a reason, 2 for usage)."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fedi.actions import follows, posts
from fedi.actions.people import check_password
from fedi.actions.posts import Draft
from fedi.cli import init, person
from fedi.cli.console import opened
from fedi.context import Site
from storage import actors, apps, audiences, audit, decisions, keys, links, people, received, spreading, troubles
from storage.actors import Actor
from storage.decisions import DecisionRow
from storage.received import Received
from storage.troubles import Trouble
from tests.fedi.cli.conftest import Operator, both, enter


@pytest.fixture(scope="module")
def established(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an instance that ada is a member of; for commands that change nothing, as they fail."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("established")
        enter(folder, "sqlite:///fedi.db", patch)
        init.init()
        person.create("ada", email="ada@uni.example", password="correct horse")
        yield folder


def actor(site: Site, name: str) -> Actor:
    """The local actor with this name."""
    found = site.db.read_now(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    assert found is not None
    return found


@both
def test_init_makes_tables_and_keys_and_can_be_repeated(newcomer: Operator, folder: Path) -> None:
    newcomer.fedi("init")
    with opened(None) as site:
        own = site.db.read_now(lambda tx: keys.of_owner(tx, "https://uni.example/actor"))
    assert [key.private is not None for key in own] == [True, True]
    newcomer.fedi("init")
    with opened(None) as site:
        assert site.db.read_now(lambda tx: keys.of_owner(tx, "https://uni.example/actor")) == own
    assert newcomer.fedi("migrate").out == "up to date\n"
    assert (folder / "data").is_dir()


def test_init_does_not_overwrite_settings(operator: Operator, folder: Path) -> None:
    before = (folder / "fedi.toml").read_text()
    done = operator.try_("init", "--name", "Another")
    assert done.status == 1
    assert "name" in done.err
    assert (folder / "fedi.toml").read_text() == before


def test_init_writes_settings_that_only_the_owner_reads(newcomer: Operator, folder: Path) -> None:
    (folder / "fedi.toml").unlink()
    newcomer.fedi("init", "--url", "https://new.example", "--name", 'The "new" one', "--database", "sqlite:///new.db")
    assert newcomer.fedi("person", "list", "--json").json == []
    with opened(None) as site:
        assert (site.config.origin, site.config.name) == ("https://new.example", 'The "new" one')
    for file in ("fedi.toml", "new.db"):
        assert stat.S_IMODE((folder / file).stat().st_mode) & 0o077 == 0, file


def test_init_with_a_bad_value_leaves_no_file(newcomer: Operator, folder: Path) -> None:
    (folder / "fedi.toml").unlink()
    done = newcomer.try_("init", "--url", "http://uni.example")
    assert done.status == 1
    assert "url" in done.err
    assert not (folder / "fedi.toml").exists()


def test_commands_before_init_say_what_to_do(newcomer: Operator) -> None:
    done = newcomer.try_("person", "list")
    assert done.status == 1
    assert "fedi init" in done.err
    assert newcomer.try_("migrate", "--check").status == 1


def test_a_database_of_another_version_is_refused(operator: Operator) -> None:
    with opened(None) as site:
        site.db.write_now(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0000_before'")))
    assert "fedi migrate" in operator.try_("person", "list").err
    with opened_as_is() as site:
        site.db.write_now(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999_later'")))
    done = operator.try_("migrate")
    assert done.status == 1
    assert "9999_later" in done.err


def opened_as_is() -> "_AsIs":
    """The site whatever the shape of its database."""
    return _AsIs()


class _AsIs:
    def __enter__(self) -> Site:
        from fedi.config import load
        from fedi.context import open_site

        self._site = open_site(load())
        return self._site

    def __exit__(self, *_: object) -> None:
        self._site.db.close()


def test_a_person_can_log_in(operator: Operator) -> None:
    made = operator.person("ada", "--password", "correct horse", "--role", "admin", "--affiliation", "faculty")
    assert made == {
        "username": "ada",
        "handle": "@ada@uni.example",
        "url": "https://uni.example/people/ada",
        "role": "admin",
        "affiliation": "faculty",
    }
    with opened(None) as site:
        row = site.db.read_now(lambda tx: people.by_login(tx, "ada@uni.example"))
    assert row is not None
    assert (row.role, row.affiliation, row.state) == ("admin", "faculty", "active")
    assert check_password(row.password_hash, "correct horse")
    assert not check_password(row.password_hash, "correct horsf")


def test_a_password_is_made_up_and_printed_when_none_is_given(operator: Operator) -> None:
    made = operator.person("ada")
    with opened(None) as site:
        row = site.db.read_now(lambda tx: people.by_login(tx, "ada"))
    assert row is not None
    assert check_password(row.password_hash, made["password"])


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["person", "create", "ada", "--email", "other@uni.example"], 1, "taken"),
        (["person", "create", "ADA", "--email", "other@uni.example"], 1, "taken"),
        (["person", "create", "eve", "--email", "ada@uni.example"], 1, "account already"),
        (["person", "create", "e v e", "--email", "eve@uni.example"], 1, "letters"),
        (["person", "create", "admin", "--email", "eve@uni.example"], 1, "reserved"),
        (["person", "create", "eve", "--email", "nothing"], 1, "e-mail"),
        (["person", "create", "eve", "--email", "eve@uni.example", "--password", "short"], 1, "8 characters"),
        (["person", "create", "eve", "--email", "eve@uni.example", "--role", "boss"], 2, "boss"),
        (["person", "create", "eve"], 2, "--email"),
        (["person", "create"], 2, ""),
        (["person", "show", "nobody"], 1, "nobody"),
        (["person", "suspend", "nobody"], 1, "nobody"),
        (["person", "erase", "nobody", "--yes"], 1, "nobody"),
        (["group", "show", "ada"], 1, "no group"),
        (["group", "create", "ada", "--title", "T", "--owner", "ada"], 1, "taken"),
        (["group", "create", "g", "--title", "T", "--owner", "nobody"], 1, "nobody"),
        (["group", "create", "g", "--title", " ", "--owner", "ada"], 1, "title"),
        (["group", "create", "g", "--title", "T", "--owner", "ada", "--see", "all"], 2, "all"),
        (["token", "create", "nobody"], 1, "nobody"),
        (["token", "create", "ada", "--scopes", "read everything"], 1, "everything"),
        (["token", "create", "ada", "--scopes", ""], 1, "scope"),
        (["token", "create", "ada", "--scopes", "read admin:write"], 1, "member"),
        (["delivery", "show", "nowhere.example"], 1, "nowhere.example"),
        (["delivery", "retry", "nowhere.example"], 1, "nowhere.example"),
        (["delivery", "drop", "12345"], 1, "12345"),
        (["delivery", "show", "9" * 40], 1, "999"),
        (["received", "show", "1"], 1, "1"),
        (["received", "show", "one"], 2, "ID"),
        (["received", "replay", "1"], 1, "1"),
        (["received", "list", "--state", "odd"], 2, "odd"),
        (["peer", "show", "nowhere.example"], 1, "nowhere.example"),
        (["nothing"], 2, "nothing"),
        (["person", "list", "--config", "nowhere.toml"], 1, "nowhere.toml"),
        (["--config", "nowhere.toml", "person", "list"], 1, "nowhere.toml"),
    ],
)
def test_what_can_t_be_done_says_why(
    established: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(established)
    done = Operator(monkeypatch, capsys).try_(*words)
    assert done.status == status, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_people_are_listed_and_shown(operator: Operator) -> None:
    operator.person("ada", "--display-name", "Ada \x1b[31mRed")
    operator.person("bob", "--role", "moderator", "--affiliation", "staff")
    listed = operator.fedi("person", "list", "--json").json
    assert [(each["username"], each["role"], each["state"]) for each in listed] == [
        ("ada", "member", "active"),
        ("bob", "moderator", "active"),
    ]
    assert "\x1b" not in operator.fedi("person", "list").out
    assert operator.fedi("person", "show", "@bob@uni.example", "--json").json["email"] == "bob@uni.example"
    assert "bob@uni.example" in operator.fedi("person", "show", "bob").out


def test_a_token_is_all_that_is_printed_and_opens_the_person_s_account(operator: Operator) -> None:
    operator.person("ada")
    printed = operator.fedi("token", "create", "ada", "--scopes", "read write:statuses", "--app", "Script").out
    secret = printed.strip()
    assert printed == secret + "\n"
    with opened(None) as site:
        found = site.db.read_now(lambda tx: apps.bearer(tx, secret))
        assert found is not None
        assert found.actor is not None
        assert (found.actor.username, found.token.scopes) == ("ada", "read write:statuses")
        app = site.db.read_now(lambda tx: apps.app_by_id(tx, found.token.app_id))
    assert app is not None
    assert app.name == "Script"


def test_an_admin_s_token_may_administer(operator: Operator) -> None:
    operator.person("ada", "--role", "admin")
    secret = operator.fedi("token", "create", "ada", "--scopes", "read admin:read admin:write").out.strip()
    with opened(None) as site:
        found = site.db.read_now(lambda tx: apps.bearer(tx, secret))
    assert found is not None
    assert found.token.scopes == "read admin:read admin:write"


def test_suspending_ends_tokens_and_can_be_undone(operator: Operator) -> None:
    operator.person("ada")
    secret = operator.fedi("token", "create", "ada").out.strip()
    operator.fedi("person", "suspend", "ada")
    with opened(None) as site:
        assert site.db.read_now(lambda tx: apps.token(tx, secret)) is None
        assert actor(site, "ada").state == "suspended"
    assert operator.fedi("person", "list", "--json").json[0]["state"] == "suspended"
    assert operator.try_("token", "create", "ada").status == 1
    operator.fedi("person", "suspend", "ada", "--undo")
    operator.fedi("token", "create", "ada")


@both
def test_who_signed_up_is_let_in_once(operator: Operator) -> None:
    operator.person("ada")
    assert operator.try_("person", "approve", "ada").status == 1  # nothing to approve
    with opened(None) as site:
        ada = actor(site, "ada")
        site.db.write_now(lambda tx: people.change(tx, ada.id, state="pending"))
    operator.fedi("person", "approve", "ada")
    assert operator.fedi("person", "list", "--json").json[0]["state"] == "active"


@both
def test_erasing_asks_first_and_keeps_the_name_taken(operator: Operator) -> None:
    operator.person("ada", "--display-name", "Ada Lovelace")
    assert operator.try_("person", "erase", "ada").status == 1  # nobody answers the question
    with opened(None) as site:
        assert actor(site, "ada").name == "Ada Lovelace"
    operator.fedi("person", "erase", "ada", "--yes")
    with opened(None) as site:
        gone = actor(site, "ada")
        assert (gone.state, gone.name) == ("gone", "")
        assert site.db.read_now(lambda tx: people.by_login(tx, "ada@uni.example")) is None
    assert operator.try_("person", "create", "ada", "--email", "new@uni.example").status == 1


@both
def test_a_group_is_founded_listed_and_shown(operator: Operator) -> None:
    operator.person("ada")
    made = operator.fedi(
        *("group", "create", "mlops", "--title", "ML Ops", "--owner", "@ada", "--join", "approval", "--see", "members"),
        *("--description", "About models", "--rule", "Be kind", "--rule", "Cite", "--json"),
    ).json
    assert made == {
        "name": "mlops",
        "handle": "@mlops@uni.example",
        "url": "https://uni.example/groups/mlops",
        "title": "ML Ops",
        "join": "approval",
        "see": "members",
    }
    [listed] = operator.fedi("group", "list", "--json").json
    assert (listed["name"], listed["members"]) == ("mlops", 1)
    shown = operator.fedi("group", "show", "!mlops", "--json").json
    assert shown["moderators"] == shown["everyone"] == ["@ada@uni.example"]
    assert shown["rules"] == ["Be kind", "Cite"]
    assert "ML Ops" in operator.fedi("group", "list").out


@both
def test_what_was_received_is_shown_and_taken_again(operator: Operator) -> None:
    with opened(None) as site:
        row = Received(
            id=site.new_id(),
            activity_id="https://peer.example/1",
            type="Create",
            host="peer.example",
            actor="https://peer.example/eve",
            key_id="https://peer.example/eve#key",
            via="cavage",
            body=b'{"type": "Create", "content": "\\u001b[31mred"}',
            headers=None,
            state="failed",
            attempts=7,
            due_at=site.clock(),
            received_at=site.clock(),
            settled_at=site.clock(),
            code="unreachable",
            problem="the host of its parent did not answer",
        )
        decision = DecisionRow(
            site.new_id(),
            *("in", "peer.example", row.actor, row.activity_id, "Create", "limit", "limited", "a known nuisance"),
            1,
            site.clock(),
        )
        site.db.write_now(lambda tx: received.insert(tx, row))
        site.db.write_now(lambda tx: decisions.insert(tx, decision))
    assert operator.fedi("received", "list", "--state", "done", "--json").json == []
    [listed] = operator.fedi("received", "list", "--host", "peer.example", "--json").json
    assert (listed["id"], listed["state"], listed["code"]) == (str(row.id), "failed", "unreachable")
    shown = operator.fedi("received", "show", str(row.id), "--json").json
    assert shown["body"]["type"] == "Create"
    assert [each["reason"] for each in shown["decisions"]] == ["a known nuisance"]
    text_ = operator.fedi("received", "show", str(row.id)).out
    assert "a known nuisance" in text_
    assert "\x1b" not in text_
    operator.fedi("received", "replay", str(row.id))
    with opened(None) as site:
        again = site.db.read_now(lambda tx: received.by_id(tx, row.id))
    assert again is not None
    assert (again.state, again.attempts, again.problem) == ("new", 0, None)


@both
def test_what_is_held_is_let_in_or_turned_down(operator: Operator) -> None:
    def held(number: int) -> Received:
        with opened(None) as site:
            iri, now = f"https://peer.example/{number}", site.clock()
            row = Received(
                id=site.new_id(), activity_id=iri, type="Create", host="peer.example", actor="https://peer.example/eve",
                key_id="https://peer.example/eve#key", via="cavage", body=b"{}", headers=None, state="held", attempts=1,
                due_at=now, received_at=now, settled_at=now, code="rule", problem="waits for a moderator",
            )  # fmt: skip
            site.db.write_now(lambda tx: received.insert(tx, row))
        return row

    first, second = held(1), held(2)
    found = operator.fedi("received", "list", "--state", "held", "--json").json
    assert [one["id"] for one in found] == [str(second.id), str(first.id)]
    operator.fedi("received", "release", str(first.id))
    operator.fedi("received", "refuse", str(second.id), "--reason", "spam")
    assert operator.fedi("received", "list", "--state", "held", "--json").json == []
    again = operator.try_("received", "release", str(second.id))
    assert again.status == 1
    assert "is not held" in again.err
    with opened(None) as site:
        rows = {row.id: row for row in site.db.read_now(lambda tx: received.newest(tx, 2))}
        acts = [(one.action, one.who) for one in site.db.read_now(lambda tx: audit.newest(tx, 2))]
    assert (rows[first.id].state, rows[first.id].code, rows[second.id].state) == ("new", "released", "refused")
    assert rows[second.id].problem == "spam"
    assert acts == [("held.refuse", "command line"), ("held.release", "command line")]


def remote_follower(site: Site, target: Actor) -> Actor:
    """Eve of peer.example, who follows `target`."""
    here = actor(site, "ada")
    eve = Actor(
        **{name: getattr(here, name) for name in Actor.__slots__}
        | {
            "id": site.new_id(),
            "iri": "https://peer.example/eve",
            "username": "eve",
            "domain": "peer.example",
            "host": "peer.example",
            "local": False,
            "inbox": "https://peer.example/eve/inbox",
            "shared_inbox": "https://peer.example/inbox",
        }
    )
    site.db.write_now(lambda tx: actors.save_remote(tx, eve))
    site.db.write_now(lambda tx: follows.receive(tx, site, eve, target, "https://peer.example/follow"))
    return eve


@both
def test_deliveries_are_shown_retried_and_dropped(operator: Operator) -> None:
    operator.person("ada")
    with opened(None) as site:
        ada = actor(site, "ada")
        remote_follower(site, ada)
        site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("Hello")))
        site.db.write_now(lambda tx: spreading.spread(tx, 100))
        link = site.db.read_now(lambda tx: links.by_host(tx, "peer.example"))
        assert link is not None
        waiting = site.db.read_now(lambda tx: audiences.due_to(tx, "peer.example", link.cursor, 100))
    assert [row.type for row in waiting] == ["Accept", "Create"]
    listed = operator.fedi("delivery", "list", "--json").json
    assert [(each["host"], each["waiting"]) for each in listed["hosts"]] == [("peer.example", 2)]
    shown = operator.fedi("delivery", "show", "peer.example", "--json").json
    assert [each["type"] for each in shown["next"]] == ["Accept", "Create"]
    assert "peer.example" in operator.fedi("delivery", "show", "peer.example").out

    operator.fedi("delivery", "drop", "peer.example")
    assert operator.fedi("delivery", "list", "--json").json == {"hosts": [], "troubles": []}
    assert operator.fedi("delivery", "list", "--all", "--json").json["hosts"][0]["waiting"] == 0

    create = waiting[1]
    with opened(None) as site:
        trouble = Trouble(
            site.new_id(),
            *("peer.example", "https://peer.example/inbox", create.position, create.activity_id, "refused", "403: no"),
            site.clock(),
        )
        site.db.write_now(lambda tx: troubles.add(tx, trouble))
    [told] = operator.fedi("delivery", "list", "--json").json["troubles"]
    assert (told["id"], told["reason"]) == (str(trouble.id), "403: no")
    assert create.activity_id in operator.fedi("delivery", "show", str(trouble.id)).out
    operator.fedi("delivery", "retry", str(trouble.id))
    shown = operator.fedi("delivery", "show", "peer.example", "--json").json
    assert [each["activity"] for each in shown["next"]] == [create.activity_id]
    assert shown["troubles"] == []


def test_a_host_that_was_given_up_is_tried_again(operator: Operator) -> None:
    operator.person("ada")
    with opened(None) as site:
        remote_follower(site, actor(site, "ada"))
        site.db.write_now(lambda tx: spreading.spread(tx, 100))
        later = site.clock() + 10_000_000
        values = "state = 'suspended', failures = 9, problem = '500', next_attempt_at = "
        site.db.write_now(lambda tx: tx.execute(text(f"UPDATE links SET {values} {later}")))
    assert operator.fedi("delivery", "list", "--json").json["hosts"][0]["state"] == "suspended"
    operator.fedi("delivery", "retry", "peer.example")
    with opened(None) as site:
        link = site.db.read_now(lambda tx: links.by_host(tx, "peer.example"))
    assert link is not None
    assert link.state == "open"
    assert link.next_attempt_at < later


def test_peers_are_listed_and_shown(operator: Operator) -> None:
    from storage import peers

    with opened(None) as site:
        site.db.write_now(lambda tx: peers.meet(tx, "peer.example", site.clock()))
        site.db.write_now(
            lambda tx: peers.change(tx, "peer.example", software="lemmy", stance="limited", reason="noise")
        )
    [listed] = operator.fedi("peer", "list", "--json").json
    assert (listed["host"], listed["software"], listed["stance"]) == ("peer.example", "lemmy", "limited")
    assert operator.fedi("peer", "show", "peer.example", "--json").json["reason"] == "noise"
    assert "noise" in operator.fedi("peer", "show", "peer.example").out


def test_every_command_has_help(operator: Operator) -> None:
    from fedi.cli.commands import build

    app = build()

    names = [command.name for command in app.registered_commands if command.name]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            names.append(f"{group.name} {command.name or command.callback.__name__}")
    assert len(names) > 20
    for name in names:
        assert "Usage:" in operator.fedi(*name.split(), "--help").out, name
