"""What the client API must not tell or do for somebody who asks in bad faith; each of these once went through."""

from fedi.actions import reports
from storage.actors import Actor
from storage.reports import Report
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.test_admin import boss, instance, mod

__all__ = ["boss", "instance", "mod"]

REPORTS = "/api/v1/admin/reports"


async def reported(api: Api, by: Actor, whom: Actor) -> Report:
    """`by` reports `whom`."""
    return await api.site.db.write(lambda tx: reports.report(tx, api.site, by, whom, [], "they are rude"))


async def test_a_moderator_is_not_told_who_reported_them(api: Api, ada: Actor, mod: Actor, boss: Actor) -> None:
    about_mod, about_ada = await reported(api, ada, mod), await reported(api, mod, ada)
    token = await api.token(mod)
    assert [one["id"] for one in (await api.get(REPORTS, token)).json] == [str(about_ada.id)]
    where = f"{REPORTS}/{about_mod.id}"
    calls = [
        await api.get(where, token),
        await api.ask("PUT", where, token, json={"category": "spam"}),
        *[await api.post(f"{where}/{act}", token) for act in ("assign_to_self", "unassign", "resolve", "reopen")],
    ]
    assert [one.status for one in calls] == [404] * 6
    assert all(str(ada.id) not in one.body.decode() for one in calls)
    everything = await api.get(REPORTS, await api.token(boss))
    assert [one["id"] for one in everything.json] == [str(about_ada.id), str(about_mod.id)]
    assert everything.json[1]["category"] == "other", "and nothing of it was changed"
