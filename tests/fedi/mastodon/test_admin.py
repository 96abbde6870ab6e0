"""The admin API: who may use it, what it does to accounts, reports and hosts, and what stays in the log."""

from typing import Any

import pytest

from federation.peering.terms import Terms
from fedi import mastodon
from fedi.actions import peer_alone
from storage import actors, moderations, peers, people, reports
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Answer, Api
from tests.fedi.mastodon.test_instance import with_settings
from tests.storage import rows

ACCOUNTS, REPORTS = "/api/v1/admin/accounts", "/api/v1/admin/reports"
BLOCKS, ALLOWS = "/api/v1/admin/domain_blocks", "/api/v1/admin/domain_allows"
CALLS = sorted(
    (method, route.path)
    for route in mastodon.ROUTES
    if "/admin/" in route.path
    for method in route.methods or ()
    if method != "HEAD"
)


@pytest.fixture
async def instance(api: Api) -> Actor:
    """The instance's own actor, in whose name staff speaks."""
    from fedi.actions.people import ensure_instance_actor

    return await api.site.db.write(lambda tx: ensure_instance_actor(tx, api.site))


@pytest.fixture
async def boss(api: Api, instance: Actor) -> Actor:
    """An admin."""
    return await api.person("boss", role="admin")


@pytest.fixture
async def mod(api: Api, instance: Actor) -> Actor:
    """A moderator."""
    return await api.person("mod", role="moderator")


async def log(api: Api, instance: Actor) -> list[tuple[str, int | None, int | None, str | None]]:
    """(action, who did it, to whom, why), newest first."""
    found = await api.site.db.read(lambda tx: moderations.of_group(tx, instance.id, 50))
    return [(one.action, one.moderator_id, one.actor_id, one.reason) for one in found]


def path(template: str) -> str:
    """A path of this route, with an id that nothing has."""
    return template.replace("{id}", "123")


async def test_every_route_is_for_staff_with_the_scope(api: Api, ada: Actor, boss: Actor) -> None:
    assert len(CALLS) > 60
    member, narrow = await api.token(ada), await api.token(boss, "read write follow push")
    half = {
        "GET": await api.token(boss, "admin:write"),
        "POST": await api.token(boss, "admin:read"),
        "PUT": await api.token(boss, "admin:read"),
        "DELETE": await api.token(boss, "admin:read"),
    }
    app = await api.token(None)
    # These read, though they are asked by POST.
    reading = ("measures", "dimensions", "retention", "canonical_email_blocks/test")
    for method, template in CALLS:
        where = path(template)
        answers = [await api.ask(method, where, token) for token in (None, app, member, narrow)]
        assert [one.status for one in answers] == [401, 422, 403, 403], (method, where)
        assert answers[2].error == "This action is not allowed"
        assert answers[3].error == "This action is outside the authorized scopes"
        if not where.endswith(reading):
            assert (await api.ask(method, where, half[method])).status == 403, (method, where)


async def test_hosts_are_for_admins(api: Api, mod: Actor) -> None:
    token = await api.token(mod)
    for method, template in CALLS:
        if "/domain_" in template and "email" not in template:
            assert (await api.ask(method, path(template), token, json={"domain": "x.example"})).status == 403, template


async def names(api: Api, token: str, query: str, version: int = 1) -> list[str]:
    """The usernames of a list."""
    answer = await api.get(f"/api/v{version}/admin/accounts?{query}", token)
    assert answer.status == 200, answer.body
    return [one["username"] for one in answer.json]


async def test_lists_of_accounts(api: Api, ada: Actor, ben: Actor, boss: Actor, mod: Actor) -> None:
    token = await api.token(mod)

    def unit(tx: Any) -> None:
        rows.actor(tx, "dora", "far.example")
        rows.actor(tx, "edgar", "far.example", state="suspended")
        people.change(tx, ben.id, state="pending")

    await api.site.db.write(unit)
    everyone = ["mod", "boss", "ada"]
    assert await names(api, token, "") == await names(api, token, "local=true&active=true") == everyone
    assert await names(api, token, "pending=true") == ["ben"]
    assert await names(api, token, "remote=true") == await names(api, token, "by_domain=far.example") == ["dora"]
    assert await names(api, token, "remote=true&suspended=true") == ["edgar"]
    assert await names(api, token, "staff=true") == ["mod", "boss"]
    assert await names(api, token, "username=AD") == ["ada"]
    assert await names(api, token, "email=ada@") == ["ada"]
    assert await names(api, token, "display_name=bos") == ["boss"]
    for nobody in ("silenced=true", "sensitized=true", "ip=192.0.2.1", "disabled=true", "username=%"):
        assert await names(api, token, nobody) == []
    assert set(await names(api, token, "", 2)) == {"mod", "boss", "ada", "ben", "dora", "edgar"}
    assert await names(api, token, "origin=remote&status=active", 2) == ["dora"]
    assert await names(api, token, "status=pending", 2) == ["ben"]
    assert await names(api, token, "permissions=staff", 2) == await names(api, token, "role_ids[]=2&role_ids[]=3", 2)
    assert await names(api, token, "role_ids[]=77", 2) == []
    assert (await api.get("/api/v2/admin/accounts?status=odd", token)).status == 422
    # Pages.
    answer = await api.get(f"{ACCOUNTS}?limit=2", token)
    assert [one["username"] for one in answer.json] == everyone[:2]
    following = await api.get(answer.link("next") or "", token)
    assert [one["username"] for one in following.json] == everyone[2:]
    back = await api.get(following.link("prev") or "", token)
    assert [one["username"] for one in back.json] == everyone[:2]
    shown = (await api.get(f"{ACCOUNTS}/{ben.id}", token)).json
    assert (shown["approved"], shown["email"], shown["account"]["id"]) == (False, "ben@alpha.example", str(ben.id))
    assert (await api.get(f"{ACCOUNTS}/{boss.id}", token)).json["role"]["id"] == "3"
    assert (await api.get(f"{ACCOUNTS}/1", token)).status == 404


async def test_who_signed_up_is_let_in_or_not(api: Api, ada: Actor, ben: Actor, mod: Actor, instance: Actor) -> None:
    token = await api.token(mod)
    for one in (ada, ben):
        await api.site.db.write(lambda tx, one=one: people.change(tx, one.id, state="pending"))  # type: ignore[misc]
    answer = await api.post(f"{ACCOUNTS}/{ada.id}/approve", token)
    assert (answer.status, answer.json["approved"]) == (200, True)
    assert (await api.post(f"{ACCOUNTS}/{ada.id}/approve", token)).status == 403  # waits no more
    assert (await api.post(f"{ACCOUNTS}/{ada.id}/reject", token)).status == 403
    answer = await api.post(f"{ACCOUNTS}/{ben.id}/reject", token)
    assert (answer.status, answer.json) == (200, {})
    assert (await api.get(f"/api/v1/accounts/{ben.id}")).status == 404
    assert await log(api, instance) == [("reject", mod.id, ben.id, None), ("approve", mod.id, ada.id, None)]


async def act(api: Api, token: str, target: Actor, **said: Any) -> Answer:
    """One moderation action."""
    return await api.post(f"{ACCOUNTS}/{target.id}/action", token, json=said)


async def test_suspending_and_back(api: Api, ada: Actor, mod: Actor, boss: Actor, instance: Actor) -> None:
    token, hers = await api.token(mod), await api.token(ada)
    post = await api.publish(ada, "here")
    assert (await act(api, token, ada, type="suspend", text="spam")).json == {}
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 404
    assert (await api.get("/api/v1/accounts/verify_credentials", hers)).status in (401, 403)
    assert (await api.get(f"{ACCOUNTS}/{ada.id}", token)).json["suspended"] is True
    assert await names(api, token, "suspended=true") == ["ada"]
    assert (await act(api, token, ada, type="suspend")).status == 200  # again is nothing
    answer = await api.post(f"{ACCOUNTS}/{ada.id}/unsuspend", token)
    assert (answer.json["suspended"], answer.json["disabled"]) == (False, False)
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 200
    assert await log(api, instance) == [
        ("unsuspend", mod.id, ada.id, None),
        ("suspend", mod.id, ada.id, "spam"),
    ]
    # Erasing is for admins, and of suspended accounts.
    admin = await api.token(boss)
    assert (await api.ask("DELETE", f"{ACCOUNTS}/{ada.id}", admin)).status == 403
    await act(api, token, ada, type="suspend")
    assert (await api.ask("DELETE", f"{ACCOUNTS}/{ada.id}", token)).status == 403
    assert (await api.ask("DELETE", f"{ACCOUNTS}/{ada.id}", admin)).json == {}
    assert (await api.get(f"{ACCOUNTS}/{ada.id}", admin)).status == 404
    # The log says who, and keeps nothing else of an account that is erased.
    assert (await log(api, instance))[0] == ("erase", boss.id, ada.id, "ada@alpha.example")


async def test_disabling_and_back(api: Api, ada: Actor, mod: Actor) -> None:
    token, hers = await api.token(mod), await api.token(ada)
    post = await api.publish(ada, "here")
    await act(api, token, ada, type="disable")
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 200  # what she wrote stays
    assert (await api.get("/api/v1/accounts/verify_credentials", hers)).status in (401, 403)
    assert await names(api, token, "disabled=true") == ["ada"]
    answer = await api.post(f"{ACCOUNTS}/{ada.id}/enable", token)
    assert (answer.json["disabled"], answer.json["suspended"]) == (False, False)
    assert (await api.get("/api/v1/accounts/verify_credentials", await api.token(ada))).status == 200


async def test_a_warning_reaches_whom_it_is_for(api: Api, ada: Actor, mod: Actor, instance: Actor) -> None:
    token = await api.token(mod)
    await act(api, token, ada, type="none", text="Mind your words")
    [told] = (await api.get("/api/v1/notifications", await api.token(ada))).json
    assert (told["type"], told["account"]["id"]) == ("moderation_warning", str(instance.id))
    assert told["moderation_warning"]["text"].endswith("Mind your words")
    assert str(mod.id) not in str(told)
    await act(api, token, ada, type="none")
    assert [one[0] for one in await log(api, instance)] == ["look", "warn"]


async def test_what_is_not_offered_says_so(api: Api, ada: Actor, mod: Actor, instance: Actor) -> None:
    token = await api.token(mod)
    for kind in ("sensitive", "silence"):
        answer = await act(api, token, ada, type=kind)
        assert answer.status == 422
        assert kind in answer.error
    for said in ({}, {"type": "odd"}):
        assert (await act(api, token, ada, **said)).status == 422
    assert (await act(api, token, ada, type="none", report_id="12")).status == 404
    for verb in ("unsilence", "unsensitive"):  # as it is already
        answer = await api.post(f"{ACCOUNTS}/{ada.id}/{verb}", token)
        assert (answer.status, answer.json["silenced"], answer.json["sensitized"]) == (200, False, False)
    for kind in ("email_domain_blocks", "ip_blocks", "canonical_email_blocks"):
        base = f"/api/v1/admin/{kind}"
        assert (await api.get(base, token)).json == []
        assert (await api.get(f"{base}/1", token)).status == 404
        assert (await api.post(base, token, json={"domain": "x.example", "ip": "192.0.2.1"})).status == 422
        assert (await api.ask("DELETE", f"{base}/1", token)).status == 404
    assert (
        await api.post("/api/v1/admin/canonical_email_blocks/test", token, json={"email": "x@y.example"})
    ).json == []
    for kind in ("tags", "links", "statuses", "links/publishers"):
        assert (await api.get(f"/api/v1/admin/trends/{kind}", token)).json == []
        assert (await api.post(f"/api/v1/admin/trends/{kind}/1/approve", token)).status == 403
    assert (await api.get("/api/v1/admin/tags", token)).json == []
    assert await log(api, instance) == []


async def test_whom_one_may_act_on(api: Api, ada: Actor, mod: Actor, boss: Actor, instance: Actor) -> None:
    moderator, admin = await api.token(mod), await api.token(boss)
    other = await api.person("other", role="moderator")
    for token, target in (
        (moderator, mod), (moderator, boss), (moderator, other), (admin, boss), (admin, instance), (moderator, instance),
    ):  # fmt: skip
        for kind in ("none", "disable", "suspend"):
            answer = await act(api, token, target, type=kind, text="x")
            assert answer.status in (403, 404), (target.username, kind)
        for verb in ("enable", "unsuspend", "approve", "reject"):
            assert (await api.post(f"{ACCOUNTS}/{target.id}/{verb}", token)).status in (403, 404)
    assert await log(api, instance) == []
    assert (await act(api, admin, other, type="suspend")).status == 200


async def test_accounts_elsewhere(api: Api, mod: Actor) -> None:
    dora = await api.site.db.write(lambda tx: rows.actor(tx, "dora", "far.example"))
    token = await api.token(mod)
    assert (await act(api, token, dora, type="disable")).status == 422
    assert (await act(api, token, dora, type="suspend")).status == 200
    assert (await api.get("/api/v2/search?q=dora@far.example", token)).json["accounts"] == []
    assert (await api.post(f"{ACCOUNTS}/{dora.id}/enable", token)).status == 403
    assert (await api.post(f"{ACCOUNTS}/{dora.id}/unsuspend", token)).json["suspended"] is False
    assert len((await api.get("/api/v2/search?q=dora@far.example", token)).json["accounts"]) == 1


async def test_reports(api: Api, ada: Actor, ben: Actor, mod: Actor, boss: Actor, instance: Actor) -> None:
    token, admin = await api.token(mod), await api.token(boss)
    post = await api.publish(ben, "buy now")
    hidden = await api.publish(ben, "@ada in private", visibility="direct")
    said = {
        "account_id": str(ben.id), "status_ids": [str(post.id), str(hidden.id)], "comment": "spam", "category": "spam",
    }  # fmt: skip
    made = (await api.post("/api/v1/reports", await api.token(ada), json=said)).json
    [shown] = (await api.get(REPORTS, token)).json
    assert (shown["id"], shown["comment"], shown["category"], shown["action_taken"]) == (
        made["id"],
        "spam",
        "spam",
        False,
    )
    assert (shown["account"]["id"], shown["target_account"]["id"]) == (str(ada.id), str(ben.id))
    # The gate holds for staff, too.
    assert [one["id"] for one in shown["statuses"]] == [str(post.id)]
    one = f"{REPORTS}/{made['id']}"
    assert (await api.get(one, token)).json == shown
    assert (await api.post(f"{one}/assign_to_self", token)).json["assigned_account"]["id"] == str(mod.id)
    assert (await api.post(f"{one}/unassign", token)).json["assigned_account"] is None
    assert (await api.ask("PUT", one, token, json={"category": "violation"})).json["category"] == "violation"
    assert (await api.ask("PUT", one, token, json={"category": "odd"})).status == 422
    assert (await api.ask("PUT", one, token, json={"category": "violation", "rule_ids": [9]})).status == 422
    settled = (await api.post(f"{one}/resolve", token)).json
    assert settled["action_taken"] is True
    assert settled["action_taken_by_account"]["id"] == str(mod.id)
    assert (await api.get(REPORTS, token)).json == []
    assert [each["id"] for each in (await api.get(f"{REPORTS}?resolved=true", token)).json] == [made["id"]]
    again = (await api.post(f"{one}/reopen", token)).json
    assert (again["action_taken"], again["action_taken_at"], again["action_taken_by_account"]) == (False, None, None)
    # Who acts on an account because of a report settles it.
    assert (await act(api, token, ben, type="none", text="x", report_id=made["id"])).status == 200
    assert (await api.get(one, token)).json["action_taken"] is True
    for nobody in ("account_id=1", "target_account_id=1", "by_target_domain=far.example", "max_id=1"):
        assert (await api.get(f"{REPORTS}?resolved=true&{nobody}", token)).json == []
    assert len((await api.get(f"{REPORTS}?resolved=true&account_id={ada.id}&limit=1", token)).json) == 1
    assert (await api.get(f"{REPORTS}/1", token)).status == 404
    actions = [each[0] for each in await log(api, instance)]
    assert actions == ["resolve", "warn", "reopen", "resolve", "reclassify", "unassign", "assign"]
    # Nobody settles what is about themselves.
    own = (await api.post("/api/v1/reports", await api.token(ada), json={"account_id": str(mod.id)})).json
    assert (await api.post(f"{REPORTS}/{own['id']}/resolve", token)).status == 404
    assert (await api.post(f"{REPORTS}/{own['id']}/resolve", admin)).status == 200
    assert (await api.post(f"{REPORTS}/{own['id']}/reopen", token)).status == 404
    kept = await api.site.db.read(lambda tx: reports.by_id(tx, int(own["id"])))
    assert kept is not None
    assert kept.resolved_by_id == boss.id


async def test_hosts(api: Api, boss: Actor, instance: Actor) -> None:
    token = await api.token(boss)

    async def stance(host: str) -> tuple[str, str | None]:
        found = await api.site.db.read(lambda tx: peers.by_host(tx, host))
        assert found is not None
        return found.stance, found.reason

    said = {"domain": "Bad.Example", "severity": "suspend", "public_comment": "harassment"}
    made = (await api.post(BLOCKS, token, json=said)).json
    assert (made["domain"], made["severity"], made["public_comment"]) == ("bad.example", "suspend", "harassment")
    assert made["id"].isdigit()
    assert await stance("bad.example") == ("blocked", "harassment")
    assert (await api.post(BLOCKS, token, json=said)).status == 422
    assert (await api.get(BLOCKS, token)).json == [made]
    assert (await api.get(f"{BLOCKS}/{made['id']}", token)).json == made
    changed = await api.ask("PUT", f"{BLOCKS}/{made['id']}", token, json={"severity": "silence"})
    assert changed.json["severity"] == "silence"
    assert await stance("bad.example") == ("limited", "harassment")
    assert (await api.post(ALLOWS, token, json={"domain": "bad.example"})).status == 422
    public = (await api.get("/api/v1/instance/domain_blocks")).json
    assert [(one["domain"], one["severity"]) for one in public] == [("bad.example", "silence")]
    assert (await api.ask("DELETE", f"{BLOCKS}/{made['id']}", token)).json == {}
    assert await stance("bad.example") == ("none", None)
    assert (await api.get(f"{BLOCKS}/{made['id']}", token)).status == 404
    assert (await api.ask("DELETE", f"{BLOCKS}/{made['id']}", token)).status == 404
    allowed = (await api.post(ALLOWS, token, json={"domain": "good.example"})).json
    assert await stance("good.example") == ("agreed", None)
    # Who is on an allow list signed nothing, and their members read what members read.
    listed = await api.site.db.read(lambda tx: peers.by_host(tx, "good.example"))
    assert listed is not None
    assert (listed.tier, listed.one_sided) == ("members", True)
    assert (await api.post(ALLOWS, token, form={"domain": "good.example"})).json == allowed
    assert (await api.get(ALLOWS, token)).json == [allowed]
    assert (await api.get(f"{ALLOWS}/{allowed['id']}", token)).json == allowed
    assert (await api.ask("DELETE", f"{ALLOWS}/{allowed['id']}", token)).json == {}
    assert (await api.get(ALLOWS, token)).json == []
    for bad in ({}, {"domain": ""}, {"domain": "no domain"}, {"domain": "alpha.example"}, {"domain": "http://x"}):
        assert (await api.post(BLOCKS, token, json=bad)).status == 422, bad
    assert (await api.post(BLOCKS, token, json={"domain": "x.example", "severity": "noop"})).status == 422
    assert [one[0] for one in await log(api, instance)] == [
        "host none", "host agreed", "host none", "host limited", "host blocked",
    ]  # fmt: skip


async def test_measures(api: Api, ada: Actor, ben: Actor, mod: Actor) -> None:
    token = await api.token(mod)
    post = await api.publish(ada, "one", language="de")
    await api.publish(ben, "two", reply_to_id=post.id, language="de")
    keys = ["active_users", "new_users", "interactions", "opened_reports", "resolved_reports", "nonsense"]
    found = {one["key"]: one for one in (await api.post("/api/v1/admin/measures", token, json={"keys": keys})).json}
    assert list(found) == keys[:-1]
    assert {key: one["total"] for key, one in found.items()} == {
        "active_users": "2", "new_users": "3", "interactions": "1", "opened_reports": "0", "resolved_reports": "0",
    }  # fmt: skip
    assert len(found["new_users"]["data"]) == 30
    assert found["new_users"]["data"][-1]["value"] == "3"
    said = {"keys": ["languages", "servers", "software_versions", "sources", "x"]}
    sizes = {one["key"]: one["data"] for one in (await api.post("/api/v1/admin/dimensions", token, json=said)).json}
    assert sizes["languages"] == [{"key": "de", "human_key": "German", "value": "2"}]
    assert sizes["servers"][0]["key"] == "alpha.example"
    assert [one["key"] for one in sizes["software_versions"]] == ["fedi", "python", "database"]
    assert sizes["sources"] == []
    assert (await api.post("/api/v1/admin/retention", token, json={"frequency": "month"})).json == []
    for bad in ({"start_at": "x"}, {"start_at": "2026-02-01", "end_at": "2026-01-01"}, {"start_at": "1990-01-01"}):
        assert (await api.post("/api/v1/admin/measures", token, json=bad)).status == 422
    assert (await api.site.db.read(lambda tx: actors.by_id(tx, ada.id))) is not None


async def test_reports_name_rules_and_reach_everyone_who_decides(api: Api, ada: Actor, ben: Actor, mod: Actor) -> None:
    ruled = with_settings(api, rules=("Be kind.", "No advertising."))
    club = await api.group("club", ada)
    await api.follow(ben, club)
    post = await api.publish(ben, "@club buy now")
    said = {"account_id": str(ben.id), "status_ids": [str(post.id)], "category": "violation", "rule_ids": ["2", "2"]}
    chi = await api.token(await api.person("chi"))
    made = await ruled.post("/api/v1/reports", chi, json=said | {"forward_to_domains": ["far.example"]})
    assert (made.status, made.json["rule_ids"], made.json["forwarded"]) == (200, ["2"], False)
    for one in (ada, mod):  # the group's moderator, and the staff
        told = (await api.get("/api/v1/notifications", await api.token(one))).json
        assert [each["type"] for each in told if each["type"] != "follow"] == ["admin.report"], one.username
    [shown] = (await ruled.get(REPORTS, await api.token(mod))).json
    assert [one["text"] for one in shown["rules"]] == ["No advertising."]
    assert (await ruled.post("/api/v1/reports", chi, json=said | {"rule_ids": ["3"]})).status == 422
    spam = await ruled.post("/api/v1/reports", chi, json=said | {"category": "spam"})
    assert (spam.status, spam.json["rule_ids"]) == (200, None)


async def test_a_list_of_domains_ends_no_agreement(api: Api, boss: Actor, instance: Actor) -> None:
    """That takes a second admin; a block is at once, and can be taken back."""
    token, host = await api.token(boss), "uni.example"

    def agree(tx: Any) -> None:
        peers.meet(tx, host, 1)
        peer_alone.agree_alone(tx, api.site, "boss", host, Terms(probes=False))

    async def stance() -> tuple[str, bool]:
        found = await api.site.db.read(lambda tx: peers.by_host(tx, host))
        assert found is not None
        return found.stance, found.one_sided

    await api.site.db.write(agree)
    [allowed] = (await api.get(ALLOWS, token)).json
    assert (await api.ask("DELETE", f"{ALLOWS}/{allowed['id']}", token)).status == 422
    assert (await api.post(BLOCKS, token, json={"domain": host, "severity": "silence"})).status == 422
    assert await stance() == ("agreed", True)
    made = (await api.post(BLOCKS, token, json={"domain": host, "severity": "suspend"})).json
    assert await stance() == ("blocked", True)
    assert (await api.ask("DELETE", f"{BLOCKS}/{made['id']}", token)).status == 200
    assert await stance() == ("agreed", True)
    await api.site.db.write(lambda tx: peers.change(tx, host, stance="suspended", stance_before="agreed"))
    assert (await api.post(ALLOWS, token, json={"domain": host})).status == 422
    assert await stance() == ("suspended", True)
