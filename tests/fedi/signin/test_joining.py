"""Signing up: by invitation, with approval and its reason, with a link in a mail; a new password by mail; the three first steps."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from fedi import languages
from fedi.actions import account_mail, erasing, memberships
from fedi.actions import invitations as invitation_actions
from fedi.config import Mail
from storage import apps, invitations, mails, people, second_factors, sign_ups, tickets
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.apps import App, Token
from storage.metadata import Tx
from storage.second_factors import SecondFactor
from tests.conftest import Clock
from tests.fedi.web.conftest import PASSWORD, Browser, Campus

NEW = {
    "username": "eve",
    "email": "eve@alpha.example",
    "password": "a few good words",
    "reason": "I study data science",
}
MAIL = Mail(url="smtp+plain://127.0.0.1:2525", sender="fedi@alpha.example")
INVITE = "/settings/invitations"
Settings = Callable[..., None]


def sent(campus: Campus, kind: str) -> list[tuple[str, str]]:
    """Mails of a kind that wait to be sent: to whom, and the path of the link within."""

    def read(tx: Tx) -> list[tuple[str, str]]:
        rows = tx.execute(mails.mails.select().where(mails.mails.c.kind == kind).order_by(mails.mails.c.id)).all()
        return [(row.recipient, (re.findall(r"https://alpha\.example(\S*)", row.text) or [""])[0]) for row in rows]

    found: list[tuple[str, str]] = campus.read(read)
    return found


@pytest.fixture
def boss(campus: Campus) -> Actor:
    """An admin."""
    return campus.person("boss", role="admin")


async def link_of(browser: Browser, **fields: str) -> str:
    """The path of a new invitation, made by the page."""
    page = await browser.post(INVITE, {"most": "1", "days": "7", **fields})
    assert page.status == 200, page.words
    return str(re.findall(r"https://alpha\.example(/join/[\w-]+)", page.text)[0])


async def as_(campus: Campus, name: str) -> Browser:
    browser = campus.browser()
    assert (await browser.log_in(name)).status == 200
    return browser


async def test_an_invitation_leads_in_and_into_its_groups(campus: Campus, boss: Actor, with_settings: Settings) -> None:
    with_settings(registrations="invite")
    group = campus.group("mlops", boss, join_mode="invite", see="members")
    admin, browser = await as_(campus, "boss"), campus.browser()
    link = await link_of(admin, note="for Eve", group=str(group.id))
    page = await browser.get(link)
    assert "boss invites you" in page.words
    assert "Mlops" in page.words
    page = await browser.post(link, NEW | {"zone": "Europe/Berlin"})
    assert page.path == "/welcome"
    assert 'value="Europe/Berlin"' in page.text
    assert "Mlops" in (await browser.get("/welcome/groups")).words
    person = campus.read(lambda tx: people.by_login(tx, "eve"))
    assert person is not None
    row = campus.read(lambda tx: membership_rows.find(tx, group.id, person.actor_id))
    assert row is not None
    assert row.state == "accepted"
    page = await campus.browser().get(link)
    assert page.status == 403
    assert "used up" in page.words
    assert (await campus.browser().post(link, NEW | {"username": "max", "email": "m@x.example"})).status == 403
    page = await admin.get(INVITE)
    assert "for Eve" in page.words
    assert "1 of 1 came" in page.words
    assert "eve" in page.words


async def test_an_invitation_ends(campus: Campus, boss: Actor, with_settings: Settings, clock: Clock) -> None:
    with_settings(registrations="approval")
    admin, browser = await as_(campus, "boss"), campus.browser()
    by_time, by_hand, of_who_left = [await link_of(admin, days="2") for _ in range(3)]
    assert (await browser.get(by_hand)).status == 200
    found = campus.read(lambda tx: invitations.by_code(tx, by_hand.removeprefix("/join/")))
    assert found is not None
    bruno = await as_(campus, "bruno")
    assert (await bruno.post(f"{INVITE}/end", {"id": str(found.id)})).status == 404
    await admin.post(f"{INVITE}/end", {"id": str(found.id)})
    assert "is over" in (await browser.get(by_hand)).words
    clock.pass_(days=1)
    assert (await browser.get(by_time)).status == 200
    campus.write(lambda tx: people.change(tx, boss.id, role="member"))
    assert (await browser.get(of_who_left)).status == 403
    campus.write(lambda tx: people.change(tx, boss.id, role="admin"))
    clock.pass_(days=2)
    assert (await browser.get(by_time)).status == 403
    assert (await browser.get("/join/nonsense")).status == 404
    with_settings(registrations="closed")
    assert (await browser.get(of_who_left)).status == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"days": "31"}, "1 to 30 days"),
        ({"days": "x"}, "1 to 30 days"),
        ({"most": "51"}, "1 to 50 people"),
        ({"most": "0"}, "1 to 50 people"),
        ({"note": "x" * 101}, "100 characters"),
        ({"group": "secret"}, "that you moderate"),
        ({"group": "12345"}, "that you moderate"),
    ],
)
async def test_members_invite_within_bounds(
    campus: Campus, boss: Actor, ada: Actor, with_settings: Settings, fields: dict[str, str], said: str
) -> None:
    """Into public groups that they are in; of others the link would tell the title to whoever has it."""
    with_settings(registrations="invite", invitations="members")
    secret = campus.group("secret", boss, see="members")
    campus.follow(ada, secret)
    browser = await as_(campus, "ada")
    typed = {name: str(secret.id) if value == "secret" else value for name, value in fields.items()}
    page = await browser.post(INVITE, {"note": "for Max", "most": "3", "days": "7", **typed})
    assert page.status == 422
    assert said in page.words
    assert ('value="for Max"' in page.text) == ("note" not in fields)
    assert "Secret" not in page.words


async def test_who_may_invite(campus: Campus, ada: Actor, with_settings: Settings) -> None:
    browser = await as_(campus, "ada")
    with_settings(registrations="invite")
    assert "up to the admins" in (await browser.get(INVITE)).words
    assert (await browser.post(INVITE, {"most": "1", "days": "1"})).status == 403
    with_settings(registrations="closed", invitations="members")
    assert "Nobody joins by invitation" in (await browser.get(INVITE)).words
    with_settings(registrations="invite", invitations="members")
    links = [await link_of(browser) for _ in range(invitation_actions.OPEN)]
    assert len(set(links)) == invitation_actions.OPEN
    assert (await browser.post(INVITE, {"most": "1", "days": "1"})).status == 422


async def test_a_moderator_who_is_one_no_more_opens_nothing(
    campus: Campus, boss: Actor, ada: Actor, with_settings: Settings
) -> None:
    """What an invitation leads into is asked when somebody comes."""
    with_settings(registrations="invite", invitations="members")
    group = campus.group("mlops", ada, see="members", join_mode="invite")
    browser = await as_(campus, "ada")
    link = await link_of(browser, group=str(group.id))
    assert "Mlops" in (await campus.browser().get(link)).words
    row = campus.read(lambda tx: membership_rows.find(tx, group.id, ada.id))
    assert row is not None
    campus.write(lambda tx: membership_rows.remove(tx, group.id, ada.id))
    assert not campus.read(lambda tx: memberships.moderates(tx, ada, group))
    page = await campus.browser().get(link)
    assert page.status == 200
    assert "Mlops" not in page.words


async def test_staff_reads_the_reason_and_lets_in(
    campus: Campus, boss: Actor, ada: Actor, with_settings: Settings
) -> None:
    with_settings(registrations="approval", mail=MAIL)
    page = await campus.browser().post("/join", NEW)
    assert "Look into your mail" in page.words
    assert (await (await as_(campus, "ada")).get("/sign-ups")).status == 403
    admin = await as_(campus, "boss")
    page = await admin.get("/sign-ups")
    assert NEW["reason"] in page.words
    assert "address not confirmed" in page.words
    assert "Look into your mail" in (await campus.browser().log_in("eve", NEW["password"])).words
    [(to, link)] = sent(campus, "confirm")
    assert to == NEW["email"]
    assert "waits for approval" in (await campus.browser().post(link, {})).words
    assert "address confirmed" in (await admin.get("/sign-ups")).words
    assert "waits for approval" in (await campus.browser().log_in("eve", NEW["password"])).words
    eve = campus.read(lambda tx: people.by_login(tx, "eve"))
    assert eve is not None
    await admin.post("/sign-ups", {"accept": str(eve.actor_id)})
    assert [to for to, _ in sent(campus, "let-in")] == [NEW["email"]]
    assert (await campus.browser().log_in("eve", NEW["password"])).status == 200
    assert "Nobody waits" in (await admin.get("/sign-ups")).words


async def test_who_is_turned_down_is_told_and_forgotten(campus: Campus, boss: Actor, with_settings: Settings) -> None:
    with_settings(registrations="approval", mail=MAIL)
    await campus.browser().post("/join", NEW)
    eve = campus.read(lambda tx: people.by_login(tx, "eve"))
    assert eve is not None
    admin = await as_(campus, "boss")
    await admin.post("/sign-ups", {"reject": str(eve.actor_id)})
    assert [to for to, _ in sent(campus, "turned-down")] == [NEW["email"]]
    assert campus.read(lambda tx: sign_ups.of_person(tx, eve.actor_id)) is None
    assert campus.read(lambda tx: people.by_login(tx, NEW["email"])) is None


async def test_a_mailed_link_is_the_door_where_all_may_join(
    campus: Campus, with_settings: Settings, clock: Clock
) -> None:
    """The button confirms, not the link: programs that look into mail open links."""
    with_settings(registrations="open", mail=MAIL)
    browser = campus.browser()
    assert "Look into your mail" in (await browser.post("/join", NEW)).words
    assert not browser.cookies
    [(_, link)] = sent(campus, "confirm")
    assert NEW["email"] in (await campus.browser().get(link)).words
    assert (await campus.browser().log_in("eve", NEW["password"])).status == 403
    page = await browser.post(link, {})
    assert page.path == "/welcome"
    assert (await campus.browser().get(link)).status == 404
    assert (await campus.browser().post(link, {})).status == 404
    late = NEW | {"username": "max", "email": "max@alpha.example"}
    await campus.browser().post("/join", late)
    clock.pass_(days=3.01)
    assert (await campus.browser().post(sent(campus, "confirm")[-1][1], {})).status == 404
    for _ in range(2):  # who tries to log in gets another one, and not one each time
        assert "Look into your mail" in (await campus.browser().log_in("max", NEW["password"])).words
    assert [to for to, _ in sent(campus, "confirm")] == [NEW["email"], late["email"], late["email"]]
    assert (await campus.browser().post(sent(campus, "confirm")[-1][1], {})).path == "/welcome"


async def test_apps_sign_up_by_the_same_rules(campus: Campus, boss: Actor, with_settings: Settings) -> None:
    with_settings(registrations="invite", mail=MAIL)
    link = await link_of(await as_(campus, "boss"))
    app = App(campus.site.new_id(), "client", "x", "Tusky", None, [], "read write", campus.site.clock())
    token = Token(
        campus.site.new_id(), apps.hashed("robot"), app.id, None, "read write", campus.site.clock(), None, None
    )
    campus.write(lambda tx: apps.insert_app(tx, app))
    campus.write(lambda tx: apps.insert_token(tx, token))
    asked = NEW | {"agreement": "true"}
    robot = {"authorization": "Bearer robot"}
    assert (await campus.browser().post("/api/v1/accounts", asked, robot)).status == 403
    wrong = asked | {"invite_code": "nonsense"}
    assert (await campus.browser().post("/api/v1/accounts", wrong, robot)).status == 404
    right = asked | {"invite_code": link.removeprefix("/join/")}
    assert (await campus.browser().post("/api/v1/accounts", right, robot)).status == 200
    eve = campus.read(lambda tx: people.by_login(tx, "eve"))
    assert eve is not None
    assert eve.state == "active"
    kept = campus.read(lambda tx: sign_ups.of_person(tx, eve.actor_id))
    assert kept is not None
    assert kept.invited_by_id == boss.id
    assert [(await campus.browser().post("/api/v1/accounts", {}, robot)).status for _ in range(70)][-1] == 429


async def test_a_lecture_hall_joins_by_one_link(campus: Campus, boss: Actor, with_settings: Settings) -> None:
    """All behind one address: to open the link costs nothing, as nobody guesses one."""
    with_settings(registrations="invite")
    link = await link_of(await as_(campus, "boss"), most="60")
    assert {(await campus.browser().get(link)).status for _ in range(90)} == {200}
    assert (await campus.browser().post(link, NEW)).path == "/welcome"


async def test_a_new_password_by_mail(
    campus: Campus, as_ada: Browser, ada: Actor, with_settings: Settings, clock: Clock
) -> None:
    with_settings(mail=MAIL)
    said = [(await campus.browser().post("/login/reset", {"name": name})).words for name in ("ada", "nobody")]
    assert said[0] == said[1]
    [(to, link)] = sent(campus, "reset")
    assert to == "ada@alpha.example"
    await campus.browser().post("/login/reset", {"name": "ada@alpha.example"})
    assert len(sent(campus, "reset")) == 1  # one mail in two minutes
    assert (await campus.browser().post(link, {"password": "short"})).status == 422
    campus.write(lambda tx: second_factors.save(tx, SecondFactor(ada.id, "A" * 32, 1, 1, 0)))
    page = await campus.browser().post(link, {"password": "another good one"})
    assert page.path == "/login?done=reset"
    assert "Log out" not in (await as_ada.get("/about")).words
    assert (await campus.browser().log_in("ada")).status == 422
    assert "One more step" in (await campus.browser().log_in("ada", "another good one")).words
    assert (await campus.browser().post(link, {"password": "a third one here"})).status == 404
    clock.pass_(seconds=121)
    await campus.browser().post("/login/reset", {"name": "ada"})
    clock.pass_(seconds=3601)
    late = sent(campus, "reset")[-1][1]
    assert "too old" in (await campus.browser().get(late)).words


async def test_without_mail_it_is_said_whom_to_ask(campus: Campus, ada: Actor, with_settings: Settings) -> None:
    with_settings(contact="ask@alpha.example")
    for page in (
        await campus.browser().get("/login/reset"),
        await campus.browser().post("/login/reset", {"name": "ada"}),
    ):
        assert "ask@alpha.example" in page.words
        assert "<input" not in page.text
    assert campus.read(lambda tx: tx.execute(tickets.tickets.select()).all()) == []


async def test_many_mails_are_not_sent_for_one_address(
    campus: Campus, browser: Browser, with_settings: Settings
) -> None:
    with_settings(mail=MAIL)
    statuses = [(await browser.post("/login/reset", {"name": f"n{number}"})).status for number in range(25)]
    assert (statuses[0], statuses[-1]) == (200, 429)


async def test_another_address_counts_once_its_link_was_opened(
    campus: Campus, as_ada: Browser, ada: Actor, with_settings: Settings
) -> None:
    path = "/settings/security/email"
    page = await as_ada.post(path, {"email": "ada@home.example", "current": PASSWORD})
    assert "Your address is changed" in page.words
    with_settings(mail=MAIL)
    page = await as_ada.post(path, {"email": "bruno@alpha.example", "current": PASSWORD})
    assert page.status == 422
    assert 'value="bruno@alpha.example"' in page.text
    page = await as_ada.post(path, {"email": "ada@new.example", "current": PASSWORD})
    assert "Look into your mail" in page.words
    assert "ada@home.example" in page.words
    [(to, link)] = sent(campus, "confirm")
    assert to == "ada@new.example"
    await as_ada.post(link, {})
    assert "ada@new.example" in (await as_ada.get("/settings/security")).words
    assert [to for to, _ in sent(campus, "changed")] == ["ada@home.example"]


async def test_mail_about_an_account_is_in_its_language(
    campus: Campus, ada: Actor, with_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes it be sent."""
    monkeypatch.setattr(account_mail, "_", lambda text: f"{languages.reader().language}: {text}")
    monkeypatch.setattr(languages, "available", lambda: ("en", "de"))
    with_settings(mail=MAIL)
    campus.write(lambda tx: people.change(tx, ada.id, settings={"locale": "de"}))
    await campus.browser().post("/login/reset", {"name": "ada"}, {"accept-language": "en"})
    [subject] = campus.read(lambda tx: tx.scalars(select(mails.mails.c.subject)).all())
    assert subject.startswith("de: A new password for Alpha")


async def test_three_steps(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor, with_settings: Settings) -> None:
    with_settings(mail=MAIL)
    group = campus.group("stats", bruno)
    page = await as_ada.get("/welcome")
    assert "Step 1 of 3" in page.words
    assert "Skip" in page.words
    typed = {"name": "Ada O.", "locale": "en", "time_zone": "Europe/Nowhere", "every": "day", "hour": "7"}
    page = await as_ada.post("/welcome", typed)
    assert page.status == 422
    assert 'value="Ada O."' in page.text
    page = await as_ada.post("/welcome", typed | {"time_zone": "Asia/Kolkata"})
    assert page.path == "/welcome/groups"
    row = campus.read(lambda tx: people.by_id(tx, ada.id))
    assert row is not None
    assert row.settings["time_zone"] == "Asia/Kolkata"
    assert row.settings["digest"] == {"every": "day", "hour": 7, "weekday": 0}
    assert campus.actor("ada").name == "Ada O."
    assert "Stats" in page.words
    page = await as_ada.post("/follow", {"id": str(group.id), "next": "/welcome/groups"})
    assert "You are in" in page.words
    page = await as_ada.get("/welcome/phone")
    assert "alpha.example" in page.words
    assert "<svg" in page.text


async def test_who_is_erased_leaves_no_way_in(campus: Campus, boss: Actor, with_settings: Settings) -> None:
    with_settings(registrations="invite", mail=MAIL)
    link = await link_of(await as_(campus, "boss"), most="5")
    await campus.browser().post(link, NEW)
    eve = campus.actor("eve")
    campus.write(lambda tx: second_factors.save(tx, SecondFactor(eve.id, "A" * 32, 1, 1, 0)))
    campus.write(lambda tx: second_factors.put_codes(tx, eve.id, ["abcdefghij"]))
    campus.write(lambda tx: erasing.erase(tx, campus.site, eve))

    def left(tx: Tx) -> list[object]:
        tables = (second_factors.second_factors, second_factors.recovery_codes, tickets.tickets, sign_ups.sign_ups)
        return [row for one in tables for row in tx.execute(one.select().where(one.c.person_id == eve.id))]

    assert campus.read(left) == []
