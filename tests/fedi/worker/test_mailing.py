"""Mail: written with the change, handed to a real server over TLS, tried again, given up in the open, and wiped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedi.actions import erasing, mailing, people
from fedi.config import Config, ConfigError, Federation, Mail
from fedi.context import Site
from fedi.worker import jobs as kinds
from fedi.worker import loop
from storage import jobs, mails
from storage.metadata import Tx
from tests.conftest import Clock
from tests.mailbox import Mailbox, open_mailbox

pytestmark = pytest.mark.anyio

HOUR = 3600


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: what is asked of the database here is asked of both by digests."""
    return sqlite_url


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server that takes everything."""
    with open_mailbox() as box:
        yield box


def sends(site: Site, settings: Mail, **federation: Any) -> Site:
    """The same site with these settings."""
    config = msgspec.structs.replace(site.config, mail=settings, federation=Federation(**federation))
    return replace(site, config=config)


def post(site: Site, **values: Any) -> int:
    """Have a mail sent; its id."""
    wanted: dict[str, Any] = {
        "to": "ada@alpha.example",
        "person_id": None,
        "kind": "test",
        "subject": "Hello",
        "text": "Hello.",
    }
    return site.db.write_now(lambda tx: mailing.post(tx, site, **wanted | values))


def kept(site: Site, mail_id: int) -> mails.Mail:
    """A mail as it stands."""
    found = site.db.read_now(lambda tx: mails.by_id(tx, mail_id))
    assert found is not None
    return found


async def test_a_mail_is_sent_by_its_job_and_wiped(site: Site, mailbox: Mailbox) -> None:
    site = sends(site, mailbox.settings())
    html = "<p>Grüße, <b>ada</b> &amp; 你好</p>"
    mail_id = post(
        site,
        subject="Grüße\r\nBcc: x@evil.example \u202e",
        text="Grüße, 你好\n" + "x" * 3000,
        html=html,
        headers={"X-Y": "z"},
    )
    assert kept(site, mail_id).state == "waits"
    assert mailbox.mails == []  # nothing leaves within the transaction
    await loop.step(site)
    (sent,) = mailbox.to("ada@alpha.example")
    assert sent["Subject"] == "Grüße Bcc: x@evil.example"
    assert "Bcc" not in sent
    assert sent["From"].addresses[0].addr_spec == "fedi@alpha.example"
    assert sent["From"].addresses[0].display_name == "Alpha University"
    assert (sent["Auto-Submitted"], sent["X-Y"]) == ("auto-generated", "z")
    assert sent["Message-ID"] == f"<test.{mail_id}@alpha.example>"
    text, rich = sent.get_body(("plain",)), sent.get_body(("html",))
    assert text is not None
    assert rich is not None
    assert text.get_content().startswith("Grüße, 你好")
    assert rich.get_content().strip() == html
    assert max(map(len, mailbox.raw[0].split(b"\r\n"))) <= 998  # RFC 5322
    after = kept(site, mail_id)
    assert (after.state, after.text, after.html, after.headers, after.attempts) == ("sent", "", None, {}, 1)
    assert await loop.step(site) == 0  # the job is gone, and nobody gets it twice


async def test_refused_for_good_is_given_up_and_refused_for_now_tried_again(
    site: Site, mailbox: Mailbox, clock: Clock
) -> None:
    site = sends(site, mailbox.settings())
    mailbox.refused = {"gone@alpha.example": "550 no such user", "full@alpha.example": "452 mailbox full"}
    gone, full = post(site, to="gone@alpha.example"), post(site, to="full@alpha.example")
    await loop.step(site)
    assert (kept(site, gone).state, kept(site, gone).text) == ("failed", "")
    assert "550 no such user" in (kept(site, gone).problem or "")
    assert (kept(site, full).state, kept(site, full).text) == ("waits", "Hello.")
    assert "452" in (kept(site, full).problem or "")
    mailbox.refused = {}
    await loop.step(site)
    assert mailbox.mails == []  # not at once
    clock.pass_(seconds=60)
    await loop.step(site)
    assert [one["To"] for one in mailbox.mails] == ["full@alpha.example"]
    assert kept(site, full).attempts == 2


async def test_a_server_that_is_away_is_asked_for_two_days(site: Site, mailbox: Mailbox, clock: Clock) -> None:
    site = sends(site, Mail(url="smtp+plain://127.0.0.1:1", sender="fedi@alpha.example"))
    mail_id = post(site)
    for _ in range(40):
        await loop.step(site)
        if kept(site, mail_id).state != "waits":
            break
        clock.pass_(seconds=3 * HOUR)
    after = kept(site, mail_id)
    assert after.state == "failed"
    assert "can't be used" in (after.problem or "")
    assert 15 < after.attempts < 20  # no number of tries ends it, as jobs elsewhere, but time
    assert site.db.read_now(jobs.totals) == {}


async def test_tls_is_verified_and_passwords_never_go_without(site: Site, tmp_path: Path, clock: Clock) -> None:
    with open_mailbox(tmp_path) as box:
        settings = box.settings("smtp", "fedi:p%40ss%2Fword@")
        untrusted = sends(site, settings)
        mail_id = post(untrusted)
        await loop.step(untrusted)
        assert box.mails == []
        assert "certificate" in (kept(site, mail_id).problem or "")
        clock.pass_(seconds=HOUR)
        await loop.step(sends(site, settings, ca_file=tmp_path / "certificate.pem"))
        assert (len(box.mails), box.secure) == (1, [True])
        wrong = sends(site, box.settings("smtp", "fedi:wrong@"), ca_file=tmp_path / "certificate.pem")
        mail_id = post(wrong)
        await loop.step(wrong)
        assert kept(site, mail_id).state == "waits"  # the operator may mend it
        assert "name and password" in (kept(site, mail_id).problem or "")
        assert "wrong" not in (kept(site, mail_id).problem or "")


async def test_tls_from_the_start(site: Site, tmp_path: Path) -> None:
    with open_mailbox(tmp_path, implicit=True) as box:
        site = sends(site, box.settings("smtps", "fedi:p%40ss%2Fword@"), ca_file=tmp_path / "certificate.pem")
        post(site)
        await loop.step(site)
        assert len(box.mails) == 1  # who speaks no TLS gets nowhere there


async def test_without_a_server_there_is_no_mail(site: Site, mailbox: Mailbox) -> None:
    assert not mailing.enabled(site)
    assert post(site) == 0
    waiting = post(sends(site, mailbox.settings()))
    await loop.step(site)
    assert kept(site, waiting).state == "failed"


@pytest.mark.parametrize(
    "to",
    [
        "ada",
        "a b@x.example",
        "ada@x.example\r\nBcc: y@z.example",
        "<ada@x.example>",
        "a@b@c",
        "@x",
        "=?utf-8?q?b=40y.example=2C?=@x.example",
    ],
)
def test_what_is_no_address_is_refused(site: Site, to: str) -> None:
    with pytest.raises(ValueError, match="address"):
        post(sends(site, Mail(url="smtps://mail.example", sender="a@b.example")), to=to)


def test_headers_and_length_are_bounded(site: Site) -> None:
    site = sends(site, Mail(url="smtps://mail.example", sender="a@b.example"))
    with pytest.raises(ValueError, match="one line"):
        post(site, headers={"X": "a\nBcc: b@c.example"})
    with pytest.raises(ValueError, match="bytes"):
        post(site, text="é" * 50_001)


def test_who_is_erased_gets_nothing_more(site: Site) -> None:
    site = sends(site, Mail(url="smtps://mail.example", sender="a@b.example"))

    def erase(tx: Tx) -> list[mails.Mail]:
        ada = people.register(tx, site, username="ada", email="ada@alpha.example")
        mailing.post(tx, site, to="ada@alpha.example", person_id=ada.id, kind="test", subject="a", text="b")
        erasing.erase(tx, site, ada)
        return mails.last_of(tx, ada.id, 10)

    assert site.db.write_now(erase) == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "mail.example"}, "mail.url"),
        ({"url": "https://mail.example", "sender": "a@b.example"}, "mail.url"),
        ({"url": "smtp://u:secret@mail.example:x", "sender": "a@b.example"}, "mail.url"),
        ({"url": "smtps://mail.example"}, "mail.sender"),
        ({"url": "smtps://mail.example", "sender": "nobody"}, "mail.sender"),
        ({"reply_to": "a b"}, "mail.reply_to"),
    ],
)
def test_settings_that_can_t_be_used(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        Config(mail=Mail(**settings))
    assert "secret" not in str(raised.value)


def test_the_job_is_known() -> None:
    assert "mail" in kinds.KINDS
