"""Reports across servers: to the group's moderators, to the server of whom they are about, and back when they are settled."""

from typing import Any

import msgspec
import pytest

from fedi import fetching
from fedi.actions import moderation, people, posts
from fedi.actions import reports as report_actions
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, Invalid
from storage import notifications, reports, timelines
from storage.actors import Actor
from storage.reports import Report
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


def told(instance: Instance, person: Actor) -> list[str]:
    """The kinds of news of a person that are about reports and moderation."""
    kinds = ["admin.report", "moderation_warning"]
    rows = instance.read(lambda tx: notifications.of_person(tx, person.id, timelines.Page(), kinds=kinds))
    return [row.kind for row in rows]


def only(instance: Instance) -> Report:
    """The one report that an instance has."""
    [found] = instance.read(lambda tx: reports.listed(tx, 10))
    return found


def sent(three: Three, type: str, host: str) -> list[dict[str, Any]]:
    """The activities of this type that went to a host."""
    bodies = [msgspec.json.decode(body) for to, _, body in three.world.sent if to == host]
    return [one for one in bodies if one["type"] == type]


async def test_a_report_about_a_post_in_a_group_elsewhere(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    alpha.group("mlops", olga)
    ada, chi = beta.person("ada"), gamma.person("chi")
    admin = gamma.person("admin1", role="admin")
    await join(beta, ada, "mlops@alpha.example")
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    post = publish(gamma, chi, "@mlops@alpha.example Buy my course")
    await settle(*three.all)

    known = beta.post(post.iri)
    target = beta.actor(chi.iri)
    made = beta.write(
        lambda tx: report_actions.report(tx, beta.site, ada, target, [known], "advertising", "spam", forward=True)
    )
    await settle(*three.all)
    # No other server learns who reported.
    [to_group] = sent(three, "Flag", "alpha.example")
    assert (to_group["actor"], to_group["object"]) == (beta.site.instance_iri, post.iri)
    assert to_group["summary"] == "advertising"
    assert (to_group["to"], to_group["cc"]) == (["https://alpha.example/groups/mlops"], [])
    [home] = sent(three, "Flag", "gamma.example")
    assert (home["actor"], home["object"]) == (beta.site.instance_iri, [chi.iri, post.iri])
    assert (home["to"], home["content"]) == ([chi.iri], "advertising")
    for each in (to_group, home):
        assert "ada" not in msgspec.json.encode(each).decode()
    assert (told(alpha, olga), told(gamma, chi), told(gamma, admin)) == (["admin.report"], [], ["admin.report"])
    at_alpha, at_gamma = only(alpha), only(gamma)
    assert (at_alpha.iri, at_alpha.text, at_alpha.state) == (made.iri, "advertising", "open")
    reporter = gamma.actor(beta.site.instance_iri)
    assert at_gamma.reporter_id == reporter.id
    # Nobody else can read a report, signed or not.
    path = made.iri.removeprefix("https://beta.example")
    assert (await beta.get(path, accept="application/activity+json")).status == 404

    with pytest.raises(Forbidden):
        gamma.write(lambda tx: report_actions.resolve(tx, gamma.site, chi, at_gamma))
    alpha.write(lambda tx: report_actions.resolve(tx, alpha.site, olga, at_alpha))
    await settle(*three.all)
    assert [one.state for one in (only(alpha), only(beta), only(gamma))] == ["resolved", "resolved", "open"]
    [resolve] = sent(three, "Resolve", "beta.example")
    assert (resolve["actor"], resolve["object"]["id"], resolve["object"]["type"]) == (olga.iri, made.iri, "Flag")
    assert "ada" not in msgspec.json.encode(resolve).decode()
    assert sent(three, "Resolve", "gamma.example") == []
    # Who wants to be asked back says so.
    again = publish(gamma, chi, "@mlops@alpha.example Buy it now")
    await settle(*three.all)
    known = beta.post(again.iri)
    beta.write(lambda tx: report_actions.report(tx, beta.site, ada, target, [known], "advertising", named=True))
    await settle(*three.all)
    assert sent(three, "Flag", "alpha.example")[-1]["actor"] == ada.iri


async def test_a_moderator_who_is_reported_does_not_learn_by_whom(three: Three) -> None:
    alpha, beta, _ = three.all
    olga = alpha.person("olga")
    alpha.group("mlops", olga)
    boss = alpha.person("boss", role="admin")
    ada = beta.person("ada")
    await join(beta, ada, "mlops@alpha.example")
    await settle(*three.all)
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, Draft("@mlops I am the law")))
    await settle(*three.all)
    known, target = beta.post(post.iri), beta.actor(olga.iri)
    beta.write(lambda tx: report_actions.report(tx, beta.site, ada, target, [known], "rude", "violation", False))
    await settle(*three.all)
    [flag] = sent(three, "Flag", "alpha.example")
    assert flag["actor"] == beta.site.instance_iri
    assert ada.iri not in msgspec.json.encode(flag).decode()
    assert told(alpha, olga) == []
    found = only(alpha)
    with pytest.raises(Forbidden):
        alpha.write(lambda tx: report_actions.resolve(tx, alpha.site, olga, found))
    alpha.write(lambda tx: report_actions.resolve(tx, alpha.site, boss, found))
    assert only(alpha).state == "resolved"
    # Nor when it is settled where it was made.
    bea = beta.person("bea", role="admin")
    beta.write(lambda tx: report_actions.resolve(tx, beta.site, bea, only(beta)))
    await settle(*three.all)
    [settled] = sent(three, "Resolve", "alpha.example")
    assert (settled["object"]["id"], settled["object"]["actor"]) == (flag["id"], beta.site.instance_iri)
    assert ada.iri not in msgspec.json.encode(settled).decode()


async def test_a_report_at_home(three: Three) -> None:
    alpha = three.alpha
    olga, ada = alpha.person("olga"), alpha.person("ada")
    staff = alpha.person("staff", role="moderator")
    mastodon = Peer(three.world, "mastodon.example", "mastodon")
    eve = mastodon.actor("eve")
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, Draft("hello")))
    before = len(three.world.sent)
    for wrong in ({"category": "x"}, {"text": "x" * 2000}, {"target": ada}):
        values: dict[str, Any] = {"target": olga, "text": "", "category": "other"} | wrong
        with pytest.raises(Invalid):
            alpha.write(
                lambda tx, v=values: report_actions.report(  # type: ignore[misc]
                    tx, alpha.site, ada, v["target"], [post], v["text"], v["category"], False
                )
            )
    alpha.write(lambda tx: report_actions.report(tx, alpha.site, ada, olga, [post], "hm", "other", True))
    await settle(*three.all)
    assert three.world.sent[before:] == []
    assert (told(alpha, staff), told(alpha, olga)) == (["admin.report"], [])

    # Of somebody elsewhere whose posts are in no group, their server hears only when the report says so.
    target = await fetching.actor(alpha.site, eve)
    alpha.write(lambda tx: report_actions.report(tx, alpha.site, ada, target, [], "a bot", "spam", False))
    await settle(*three.all)
    assert mastodon.got("Flag") == []
    alpha.write(lambda tx: report_actions.report(tx, alpha.site, ada, target, [], "a bot", "spam", True))
    await settle(*three.all)
    [flag] = mastodon.got("Flag")
    assert (flag["actor"], flag["object"], flag["content"]) == (alpha.site.instance_iri, [eve], "a bot")


async def test_who_is_suspended_settles_nothing(three: Three) -> None:
    alpha = three.alpha
    olga, ada, staff = alpha.person("olga"), alpha.person("ada"), alpha.person("staff", role="moderator")
    group = alpha.group("mlops", olga)
    made = alpha.write(lambda tx: report_actions.report(tx, alpha.site, ada, olga, [], "hm", "other", False))
    alpha.write(lambda tx: people.suspend(tx, alpha.site, staff))
    gone = alpha.actor(staff.iri)
    with pytest.raises(Forbidden):
        alpha.write(lambda tx: report_actions.resolve(tx, alpha.site, gone, made))
    assert not alpha.read(lambda tx: moderation.may_moderate(tx, gone, group))
