"""`fedi mail`: a mail that is sent at once to see whether it works, and what became of others; `fedi doctor` says the same."""

import pytest

from fedi.actions import mailing
from fedi.cli.console import opened
from storage import mails
from tests.fedi.cli.conftest import Operator
from tests.mailbox import SENDER, open_mailbox


def test_whether_mail_works_is_tried_at_once(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no mail server is set" in operator.try_("mail", "test", "ada@uni.example").err
    with open_mailbox() as box:
        monkeypatch.setenv("FEDI_MAIL__URL", box.settings().url)
        assert "mail.sender" in operator.try_("mail", "test", "ada@uni.example").err
        monkeypatch.setenv("FEDI_MAIL__SENDER", SENDER)
        assert "is no address" in operator.try_("mail", "test", "ada").err
        assert "the mail server took a mail to ada@uni.example" in operator.fedi("mail", "test", "ada@uni.example").out
        (mail,) = box.mails
        assert mail["To"] == "ada@uni.example"
        box.refused = {"ada@uni.example": "550 nobody"}
        done = operator.try_("mail", "test", "ada@uni.example")
        assert (done.status, "550 nobody" in done.err) == (1, True)
    assert "can't be used" in operator.try_("mail", "test", "ada@uni.example").err


def test_what_waits_and_was_given_up_is_seen(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDI_MAIL__URL", "smtps://mail.uni.example")
    monkeypatch.setenv("FEDI_MAIL__SENDER", SENDER)
    assert "No mail waits" in operator.fedi("mail", "list").out
    with opened(None) as site:
        for number in range(3):
            to = f"someone{number}@uni.example"
            site.db.write_now(
                lambda tx, to=to: mailing.post(  # type: ignore[misc]  # a lambda with a default
                    tx, site, to=to, person_id=None, kind="reset", subject="s", text="secret"
                )
            )
        ids = [one.id for one in site.db.read_now(lambda tx: mails.in_state(tx, "waits", 0, 9))]
        site.db.write_now(lambda tx: mails.settle(tx, ids[0], "failed", site.clock(), "550 no such user"))
        site.db.write_now(
            lambda tx: tx.execute(mails.mails.update().where(mails.mails.c.id == ids[1]).values(created_at=1))
        )
    listed = operator.fedi("mail", "list", "--json")
    assert [one["state"] for one in listed.json] == ["waits", "failed"]  # what is older than a month is not listed
    assert "550 no such user" in listed.out
    assert "secret" not in listed.out
    findings = {(one["about"], one["state"]): one["text"] for one in operator.try_("doctor", "--json").json}
    assert "1 mail waits for more than an hour" in findings["mail", "broken"]
    assert "the last because 550 no such user" in findings["mail", "look"]
