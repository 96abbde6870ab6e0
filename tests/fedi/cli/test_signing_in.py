"""`fedi person invite`, `reset-password`, `second-factor`: links that whoever runs the server hands on, and codes turned off."""

from pathlib import Path

import pytest

from fedi.cli import doctor
from fedi.cli.console import opened
from storage import people, second_factors
from storage.metadata import Tx
from storage.second_factors import SecondFactor
from tests.fedi.cli.conftest import Operator
from tests.provider import open_provider


def test_an_invitation_is_a_link(operator: Operator) -> None:
    refused = operator.try_("person", "invite")
    assert refused.status == 1
    assert "registrations is closed" in refused.err
    with Path("fedi.toml").open("a") as file:
        file.write('registrations = "invite"\n')
    refused = operator.try_("person", "invite")
    assert "no admin yet" in refused.err
    operator.person("ada", "--role", "admin")
    operator.person("ben")
    operator.fedi("group", "create", "mlops", "--title", "MLOps", "--owner", "ada")
    made = operator.fedi("person", "invite", "--uses", "0", "--days", "30", "--group", "mlops", "--json").json
    assert "/join/" in made["link"]
    assert (made["by"], made["uses"], made["groups"]) == ("ada", None, ["mlops"])
    refused = operator.try_("person", "invite", "--by", "ben")
    assert refused.status == 1
    assert "up to the admins" in refused.err


def test_a_password_is_chosen_by_a_link(operator: Operator) -> None:
    operator.person("ada")
    assert "/login/reset/" in operator.fedi("person", "reset-password", "ada").out
    assert operator.try_("person", "reset-password", "nobody").status == 1


def test_codes_are_turned_off(operator: Operator) -> None:
    operator.person("ada")
    assert "off for ada" in operator.fedi("person", "second-factor", "ada").out
    with opened(None) as site:

        def unit(tx: Tx) -> None:
            person = people.by_login(tx, "ada")
            assert person is not None
            second_factors.save(tx, SecondFactor(person.actor_id, "A" * 32, 1, 1, 0))
            second_factors.put_codes(tx, person.actor_id, ["abcdefghij"])

        site.db.write_now(unit)
    assert "on for ada" in operator.fedi("person", "second-factor", "ada").out
    assert "without a code now" in operator.fedi("person", "second-factor", "ada", "--off").out
    assert "off for ada" in operator.fedi("person", "second-factor", "ada").out


def test_the_doctor_asks_the_institutions_log_in(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_get", lambda *_: "no route to host")

    def said() -> str:
        return str(next(one["text"] for one in operator.try_("doctor", "--json").json if one["about"] == "sso"))

    settings = Path("fedi.toml").read_text()
    Path("fedi.toml").write_text(settings + 'registrations = "sso"\n')
    assert "names no issuer" in said()
    with open_provider(lambda: 0) as provider:
        Path("fedi.toml").write_text(settings + f'[sso]\nissuer = "{provider.issuer}"\nclient_id = "fedi"\n')
        assert "https://uni.example/login/sso/back" in said()
        Path("fedi.toml").write_text(settings + f'[sso]\nissuer = "{provider.issuer}/"\nclient_id = "fedi"\n')
        assert "not of" in said()
        provider.broken = True
        assert "nobody can log in" in said()
