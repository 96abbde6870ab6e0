"""What admins do by the console: terms beside each other, suspending, two persons for what can't be taken back, the policy."""

import gzip
import html
import re

import msgspec
import pytest

from federation.peering.agreement import Terms, read
from fedi.actions import peers as acts
from fedi.worker import exporting, jobs, pending
from fedi.worker.later import Later
from storage import actors, agreements, audit, directories, follows, peers, pending_actions, posts, received
from storage import jobs as job_rows
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.schema import metadata
from tests.conftest import Clock
from tests.fedi.admin.conftest import Browser, Campus


def agree(campus: Campus) -> None:
    """South is agreed with, by ourselves alone."""

    def write(tx: Tx) -> None:
        peers.meet(tx, "south.example", campus.site.clock())
        peers.change(tx, "south.example", stance="agreed", tier="agreed", one_sided=True)

    campus.write(write)


async def test_their_terms_stand_beside_ours(as_ada: Browser, offer: AgreementRow) -> None:
    assert "south.example asks for a peering" in (await as_ada.get("/admin")).words
    page = await as_ada.get(f"/admin/agreements/{offer.id}")
    row = re.search(r'<tr class="wider">(.*?)</tr>', page.text, re.DOTALL)
    assert row is not None
    assert "How people are shown" in row[1]
    assert "by handle and chosen name" in row[1]
    assert "with what the institution knows" in row[1]
    assert "more than ours" in row[1]
    assert "2 of 16 differ; in 1 more would flow" in page.words


async def test_an_offer_that_they_did_not_sign_is_not_signed(
    campus: Campus, as_ada: Browser, offer: AgreementRow
) -> None:
    page = await as_ada.post(f"/admin/agreements/{offer.id}", {"do": "sign", "fingerprint": "AB CD"})
    assert page.status == 422
    assert "has not signed its own offer" in page.words
    assert 'value="AB CD"' in page.text
    assert campus.read(lambda tx: agreements.by_id(tx, offer.id)).state == "offered"
    page = await as_ada.post(f"/admin/agreements/{offer.id}", {"do": "refuse", "reason": "not signed"})
    assert "They were told that you refuse" in page.words
    assert campus.read(lambda tx: agreements.by_id(tx, offer.id)).state == "refused"


async def test_suspend_and_resume(campus: Campus, as_ada: Browser, ada: actors.Actor) -> None:
    agree(campus)
    zoe = campus.stranger()
    campus.follow(ada, zoe)
    asked = campus.read(lambda tx: follows.find(tx, ada.id, zoe.id))
    campus.write(lambda tx: follows.change(tx, asked.id, state="accepted"))
    page = await as_ada.get("/admin/peers/south.example/suspend")
    assert "1 follows from here to there" in page.words
    page = await as_ada.post("/admin/peers/south.example/suspend", {"reason": " "})
    assert page.status == 422
    page = await as_ada.post("/admin/peers/south.example/suspend", {"reason": "incident 4411"})
    assert "The peering is suspended" in page.words
    found = campus.read(lambda tx: peers.by_host(tx, "south.example"))
    assert (found.stance, found.reason) == ("suspended", "incident 4411")
    page = await as_ada.post("/admin/peers/south.example/resume", {})
    assert "The peering goes on" in page.words
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")).stance == "agreed"
    assert "is not suspended" in (await as_ada.post("/admin/peers/south.example/resume", {})).words
    log = campus.read(lambda tx: audit.newest(tx, 9, about="south.example"))
    assert [(one.who, one.action) for one in log] == [("ada", "peer.resume"), ("ada", "peer.suspend")]


async def test_what_we_alone_agreed_to_is_changed_by_us_alone(campus: Campus, as_ada: Browser) -> None:
    campus.write(lambda tx: peers.meet(tx, "south.example", 1))
    terms = Terms(visibility=("public", "peers"))
    campus.write(lambda tx: acts.agree_alone(tx, campus.site, "ada", "south.example", terms))
    page = await as_ada.get("/admin/peers/south.example/change")
    assert "holds on our side" in page.words
    form = {"flows": "public", "groups": "*", "personal_data": "none", "media": "0", "horizon": "x"}
    page = await as_ada.post("/admin/peers/south.example/change", form)
    assert page.status == 422
    assert "horizon: " in page.words
    page = await as_ada.post("/admin/peers/south.example/change", form | {"horizon": "7", "ends": "2027-09-30"})
    assert "Agreed by us alone" in page.words
    row = campus.read(lambda tx: agreements.in_force(tx, "south.example"))
    made = read(row.document).terms
    assert (row.version, made.visibility, made.media, made.horizon) == (2, ("public",), 0, 7 * 86_400_000)
    assert (made.personal_data, made.backfill, made.probes) == ("none", None, False)


async def test_it_takes_two_and_a_day_to_end_a_peering(
    campus: Campus, as_ada: Browser, as_bruno: Browser, clock: Clock
) -> None:
    agree(campus)
    page = await as_ada.post("/admin/peers/south.example/end", {"reason": "they closed"})
    assert "Another admin has to approve it" in page.words
    row = campus.read(lambda tx: pending_actions.in_state(tx, "proposed"))[0]
    page = await as_ada.post("/admin/pending", {"do": "approve", "id": str(row.id)})
    assert page.status == 403
    assert "Another admin must approve this: bruno" in page.words
    assert "Pending 1" in (await as_bruno.get("/admin")).words
    assert "It was approved" in (await as_bruno.post("/admin/pending", {"do": "approve", "id": str(row.id)})).words
    await run(campus)
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")).stance == "agreed"
    clock.pass_(seconds=24 * 3600 + 1)
    await run(campus)
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")).stance == "none"
    assert campus.read(lambda tx: pending_actions.by_id(tx, row.id)).state == "done"
    assert "ada, bruno" in [one.who for one in campus.read(lambda tx: audit.newest(tx, 9))]


async def run(campus: Campus) -> None:
    """Do the jobs of this kind that are due."""
    now = campus.site.clock()
    for job in campus.write(lambda tx: job_rows.claim(tx, now, now + 60_000, 50)):
        if job.kind == "pending":
            await jobs.run(campus.site, job)


async def test_purging_takes_what_came_from_there_and_nothing_else(
    campus: Campus, as_ada: Browser, as_bruno: Browser, clock: Clock, ada: actors.Actor
) -> None:
    zoe = campus.stranger()
    mine = campus.post(ada, "mine")
    theirs = campus.from_afar(zoe, "<p>theirs</p>", mine)
    campus.write(lambda tx: peers.meet(tx, "south.example", 1))
    campus.write(lambda tx: peers.change(tx, "south.example", stance="blocked"))
    await as_ada.post("/admin/peers/south.example/purge", {"reason": "asked for"})
    row = campus.read(lambda tx: pending_actions.in_state(tx, "proposed"))[0]
    await as_bruno.post("/admin/pending", {"do": "approve", "id": str(row.id)})
    clock.pass_(days=1.1)
    await pending.do_pending(campus.site, {"action": str(row.id)})
    assert campus.read(lambda tx: posts.by_id(tx, theirs.id)).deleted_at is not None
    assert campus.read(lambda tx: posts.by_id(tx, mine.id)).deleted_at is None
    assert campus.read(lambda tx: actors.by_id(tx, zoe.id)).state == "gone"
    assert campus.read(lambda tx: pending_actions.by_id(tx, row.id)).state == "done"


async def test_an_export_has_everything_but_what_lets_in(
    campus: Campus, as_ada: Browser, as_bruno: Browser, clock: Clock, ada: actors.Actor
) -> None:
    campus.post(ada, "to everybody")
    assert "It was proposed" in (await as_ada.post("/admin/pending", {"do": "export", "reason": "we move"})).words
    row = campus.read(lambda tx: pending_actions.in_state(tx, "proposed"))[0]
    await as_bruno.post("/admin/pending", {"do": "approve", "id": str(row.id)})
    clock.pass_(days=1.1)
    await pending.do_pending(campus.site, {"action": str(row.id)})
    assert campus.read(lambda tx: pending_actions.by_id(tx, row.id)).state == "done"
    folder = campus.site.config.data / "exports" / str(row.id)
    there = {file.name.removesuffix(".jsonl.gz") for file in folder.glob("*.gz")}
    assert there == set(metadata.tables) - exporting.LEFT_OUT
    posts_there = [
        msgspec.json.decode(line) for line in gzip.decompress((folder / "posts.jsonl.gz").read_bytes()).splitlines()
    ]
    assert [one["source"] for one in posts_there] == ["to everybody"]
    whole = b"".join(gzip.decompress(file.read_bytes()) for file in folder.glob("*.gz"))
    assert b"argon2" not in whole
    assert b"PRIVATE KEY" not in whole
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


async def test_an_export_goes_on_where_it_was(
    campus: Campus, ada: actors.Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        campus.post(ada, f"number {number}")
    folder = campus.site.config.data / "exports" / "1"
    monkeypatch.setattr(exporting, "_PAGE", 2)
    monkeypatch.setattr(exporting, "_SECONDS", 0)
    turns = 0
    while True:
        turns += 1
        try:
            await exporting.export(campus.site, folder)
            break
        except Later:
            continue
    lines = gzip.decompress((folder / "posts.jsonl.gz").read_bytes()).splitlines()
    assert turns > 3
    assert [msgspec.json.decode(line)["source"] for line in lines] == [f"number {number}" for number in range(7)]


@pytest.mark.parametrize("mode", ["local", "named"])
async def test_scope_of_a_group(campus: Campus, as_ada: Browser, ada: actors.Actor, mode: str) -> None:
    agree(campus)
    campus.group("circle", ada, see="members", join_mode="approval")
    campus.group("agora", ada)
    page = await as_ada.post("/admin/groups/agora", {"mode": mode, "peers": "south.example", "may": "read"})
    assert page.status == 422
    assert "Everyone on the web reads Agora" in page.words
    page = await as_ada.post("/admin/groups/circle", {"mode": mode, "peers": "south.example", "may": "read"})
    assert "The scope was changed" in page.words
    assert {"local": "nobody outside", "named": "the institutions that it names south.example"}[mode] in page.words


def hold(campus: Campus, number: int, to: str, words: str) -> int:
    """An activity that came and is held; its row's id."""
    note = {"type": "Note", "to": to, "content": f"<p>{words}</p>"}

    def write(tx: Tx) -> int:
        site = campus.site
        row_id = site.new_id()
        values = {"id": row_id, "activity_id": f"https://south.example/a/{number}", "type": "Create", "state": "held"}
        values |= {
            "host": "south.example",
            "actor": "https://south.example/people/zoe",
            "via": "signature",
            "attempts": 0,
        }
        values |= {"body": msgspec.json.encode({"type": "Create", "object": note}), "void": False}
        values |= {"received_at": site.clock(), "due_at": site.clock()}
        tx.execute(received.received.insert().values(**values))
        return row_id

    made: int = campus.write(write)
    return made


async def test_what_is_held_is_let_in_or_turned_down(campus: Campus, as_ada: Browser) -> None:
    public = hold(campus, 1, "as:Public", "come <b>all</b>")
    private = hold(campus, 2, "https://alpha.example/people/bruno", "a secret")
    page = await as_ada.get("/admin/held")
    assert "Held 2" in page.words
    assert "come all" in page.words
    assert "It is not public, so its text is not shown here." in page.words
    assert "secret" not in page.text
    page = await as_ada.post("/admin/held", {"do": "release", "id": str(public)})
    assert "Released" in page.words
    page = await as_ada.post("/admin/held", {"do": "refuse", "id": str(private), "reason": "no"})
    assert "Nothing waits for review." in page.words
    assert campus.read(lambda tx: received.by_id(tx, public)).state == "new"
    assert campus.read(lambda tx: received.by_id(tx, private)).state == "refused"
    page = await as_ada.post("/admin/held", {"do": "release", "id": str(private)})
    assert page.status == 422
    assert "is not held (any more)" in page.words


async def test_no_directory_is_followed_without_its_key(campus: Campus, as_ada: Browser) -> None:
    for url, fingerprint, said in (
        ("https://list.example/d", "", "Give the fingerprint"),
        ("list.example", "AB", "Write the address"),
        ("https://list.example/d", "AB", "there is no network"),
    ):
        page = await as_ada.post("/admin/directories", {"do": "follow", "url": url, "fingerprint": fingerprint})
        assert page.status == 422, said
        assert said in page.words
        assert html.escape(url) in page.text
    assert campus.read(directories.everyone) == []


async def test_a_host_is_blocked_and_let_be(campus: Campus, as_ada: Browser) -> None:
    campus.write(lambda tx: peers.meet(tx, "south.example", 1))
    page = await as_ada.post("/admin/peers/south.example/stance", {"stance": "blocked", "reason": "sells essays"})
    assert "blocked" in page.words
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")).reason == "sells essays"
    await as_ada.post("/admin/peers/south.example/stance", {"stance": "none", "reason": ""})
    assert campus.read(lambda tx: peers.by_host(tx, "south.example")).stance == "none"
    assert (await as_ada.post("/admin/peers/south.example/stance", {"stance": "agreed"})).status == 422
