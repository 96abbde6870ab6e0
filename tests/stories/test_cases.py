"""A report across servers, from the queue to the appeal: one case of many shapes, decided by a moderator of another university."""

from typing import Any

import msgspec
import pytest

from federation.peering.terms import Terms
from fedi import fetching, visibility
from fedi.actions import appeals as appeal_actions
from fedi.actions import deciding, graduated, groups, moderation, overdue, rules
from fedi.actions import reports as report_actions
from fedi.actions.deciding import Verdict
from fedi.errors import Forbidden, Invalid
from storage import actors, appeals, cases, moderations, notifications, received, reports, timelines
from storage.actors import Actor
from storage.cases import Case
from storage.posts import Post
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish
from tests.stories.test_moderation import Campus, campus
from tests.stories.test_scopes import agree
from tests.world import Instance

pytestmark = pytest.mark.anyio
__all__ = ["campus"]

DAY = 24 * 3600 * 1000


def only(instance: Instance) -> Case:
    """The one case that an instance has."""
    [found] = instance.read(lambda tx: cases.open_about(tx, only_about(instance)))
    return found


def only_about(instance: Instance) -> int:
    """Whom the reports of an instance are about."""
    [found] = {one.actor_id for one in instance.read(lambda tx: reports.listed(tx, 50))}
    return found


def case_of(instance: Instance, case: Case) -> Case:
    """A case as it is now."""
    found = instance.read(lambda tx: cases.by_id(tx, case.id))
    assert found is not None
    return found


def letters(instance: Instance, person: Actor) -> list[str]:
    """What was written to a person alone, newest first."""
    rows = instance.read(lambda tx: notifications.of_person(tx, person.id, timelines.Page(), kinds=["mention"]))
    seen = instance.read(
        lambda tx: visibility.seen(tx, visibility.person(person.id), [one.post_id for one in rows if one.post_id])
    )
    return [seen[one.post_id].source or "" for one in rows if one.post_id in seen]


def sent(three: Three, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """(host, activity) of what went out, of these types."""
    found = [(host, msgspec.json.decode(body)) for host, _, body in three.world.sent]
    return [(host, one) for host, one in found if one["type"] in types]


async def moderator(campus: Campus) -> Actor:
    """bea of beta, who moderates the group as well."""
    bea = campus.beta.person("bea")
    await join(campus.beta, bea, "mlops@alpha.example")
    await campus.settle()
    alpha = campus.alpha
    alpha.write(lambda tx: moderation.appoint(tx, alpha.site, campus.olga, campus.group, alpha.actor(bea.iri)))
    await campus.settle()
    return bea


async def advertising(campus: Campus) -> Post:
    """A thread of chi's in the group, known everywhere."""
    post = publish(campus.gamma, campus.chi, "@mlops@alpha.example Buy my course")
    await campus.settle()
    return post


def report(instance: Instance, by: Actor, post: Post, author: Actor, text: str, category: str = "spam") -> None:
    """Somebody reports a post where they are."""
    target, known = instance.actor(author.iri), instance.post(post.iri)
    instance.write(lambda tx: report_actions.report(tx, instance.site, by, target, [known], text, category))


async def test_a_report_of_every_shape_is_one_case_that_a_moderator_elsewhere_decides(campus: Campus) -> None:
    alpha, beta, three = campus.alpha, campus.beta, campus.three
    bea, lou = await moderator(campus), alpha.person("lou")
    post = await advertising(campus)
    report(alpha, lou, post, campus.chi, "it is an advertisement")
    await campus.settle()
    report(beta, campus.ada, post, campus.chi, "spam!", "other")
    await campus.lemmy.send(
        alpha, campus.lemmy.activity("Flag", campus.lena, post.iri, to=[campus.group.iri], summary="an ad")
    )
    instance = campus.mastodon.actor("mastodon.example", "Application")
    flag = campus.mastodon.activity(
        "Flag", instance, [campus.chi.iri, post.iri], content="selling", to=[campus.chi.iri]
    )
    await campus.mastodon.send(alpha, flag)
    await campus.settle()

    at_alpha, at_beta = only(alpha), only(beta)
    made = alpha.read(lambda tx: reports.of_cases(tx, [at_alpha.id]))
    assert {one.text for one in made} == {"it is an advertisement", "spam!", "an ad", "selling"}
    assert len(beta.read(lambda tx: reports.of_cases(tx, [at_beta.id]))) == 2
    # Said at several institutions it weighs more; without an agreement it is three days that they have.
    assert (at_alpha.severity, at_alpha.due_at - at_alpha.created_at) == (3, 3 * DAY)
    assert at_alpha.snapshot[0]["content"] == alpha.post(post.iri).content

    verdict = Verdict(("remove",), "No advertising", "Ask the careers office instead.")
    for nobody in (campus.ada, campus.at(beta)):
        with pytest.raises(Forbidden):
            beta.write(lambda tx, who=nobody: deciding.decide(tx, beta.site, who, at_beta, verdict))  # type: ignore[misc]  # a lambda with a default
    beta.write(lambda tx: deciding.decide(tx, beta.site, bea, at_beta, verdict))
    await campus.settle()
    ended = case_of(alpha, at_alpha)
    assert (ended.state, ended.outcome, ended.decided_host) == ("decided", "remove", "beta.example")
    assert all(one.state == "resolved" for one in alpha.read(lambda tx: reports.listed(tx, 10)))
    assert case_of(beta, at_beta).outcome == "remove"
    # It is gone here, there and for Lemmy's members.
    assert all(one.removed_at is not None for one in campus.everywhere(post))
    [delete] = campus.announced("Delete")
    assert isinstance(delete, dict)
    assert delete["summary"] == "It is against the rule “No advertising”. Ask the careers office instead."
    assert len(campus.lemmy.got("Resolve")) == len(campus.mastodon.got("Resolve")) == 1
    # Who reported hears of it, and no other server ever heard of them.
    [to_lou] = letters(alpha, lou)
    [to_ada] = letters(beta, campus.ada)
    assert "The post was taken out of the group." in to_lou
    assert "The rule: No advertising" in to_ada
    for host, one in sent(three, "Flag", "Resolve"):
        said = msgspec.json.encode(one).decode()
        assert lou.iri not in said, host
        assert campus.ada.iri not in said, host
    # Who wrote it reads why, in a notification with the rule.
    gamma = campus.gamma
    told = gamma.read(lambda tx: moderations.about(tx, campus.chi.id, [campus.at(gamma).id]))
    assert [one.reason for one in told] == [delete["summary"]]


async def test_an_appeal_is_decided_by_a_moderator_of_another_university(campus: Campus) -> None:
    alpha, beta, gamma = campus.three.all
    bea, otto = await moderator(campus), alpha.person("otto")
    await join(alpha, otto, "mlops@alpha.example")
    alpha.write(lambda tx: moderation.appoint(tx, alpha.site, campus.olga, campus.group, alpha.actor(otto.iri)))
    post = await advertising(campus)
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, campus.olga, alpha.post(post.iri), "an ad"))
    await campus.settle()
    [done] = gamma.read(lambda tx: moderations.about(tx, campus.chi.id, [campus.at(gamma).id]))
    gamma.write(lambda tx: appeal_actions.appeal(tx, gamma.site, campus.chi, done, "It is free of charge"))
    with pytest.raises(Invalid):
        gamma.write(lambda tx: appeal_actions.appeal(tx, gamma.site, campus.chi, done, "Once more"))
    await campus.settle()
    [at_alpha] = alpha.read(lambda tx: appeals.waiting(tx, 10))
    [at_beta] = beta.read(lambda tx: appeals.waiting(tx, 10))
    assert at_alpha.text == at_beta.text == "It is free of charge"
    # Neither she who did it nor her colleague, as there is somebody of another university.
    for who in (campus.olga, otto):
        with pytest.raises(Forbidden):
            alpha.write(lambda tx, one=who: appeal_actions.uphold(tx, alpha.site, one, at_alpha, ""))  # type: ignore[misc]  # a lambda with a default
    beta.write(lambda tx: appeal_actions.overturn(tx, beta.site, bea, at_beta, "It is."))
    await campus.settle()
    assert all(one.removed_at is None for one in campus.everywhere(post))
    states = [one.read(lambda tx: tx.execute(appeals.appeals.select()).one()).state for one in campus.three.all]
    assert states == ["overturned"] * 3
    assert "was heard" in letters(gamma, campus.chi)[0]
    # Another one stands, and he who appealed reads so.
    other = publish(gamma, campus.chi, "@mlops@alpha.example Buy my book")
    await campus.settle()
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, campus.olga, alpha.post(other.iri), "an ad"))
    await campus.settle()
    again = gamma.read(lambda tx: moderations.about(tx, campus.chi.id, [campus.at(gamma).id]))[0]
    gamma.write(lambda tx: appeal_actions.appeal(tx, gamma.site, campus.chi, again, "But why"))
    await campus.settle()
    [at_beta] = beta.read(lambda tx: appeals.waiting(tx, 10))
    beta.write(lambda tx: appeal_actions.uphold(tx, beta.site, bea, at_beta, "It costs 90 euros."))
    await campus.settle()
    for one in campus.three.all:
        found = one.read(lambda tx: [row.state for row in tx.execute(appeals.appeals.select())])
        assert sorted(found) == ["overturned", "upheld"], one.name
    assert "what was done stands. It costs 90 euros." in letters(gamma, campus.chi)[0]
    assert all(one.removed_at is not None for one in campus.everywhere(other))


async def test_what_is_overdue_is_told_on_both_sides_once(campus: Campus) -> None:
    alpha, beta = campus.alpha, campus.beta
    boss = beta.person("boss", role="admin")
    # Both read the time from their agreement, and the rules of the group from its document.
    for instance, host in ((alpha, "beta.example"), (beta, "alpha.example")):
        agree(instance, host, terms=Terms(moderation_within=DAY))
    alpha.write(lambda tx: groups.change(tx, alpha.site, campus.group, rules=["Be kind.", "No advertising."]))
    await fetching.actor(beta.site, campus.group.iri, fresh=True)
    assert beta.read(lambda tx: rules.of(tx, campus.at(beta))) == ["Be kind.", "No advertising."]
    post = await advertising(campus)
    target, known = beta.actor(campus.chi.iri), beta.post(post.iri)
    beta.write(
        lambda tx: report_actions.report(
            tx, beta.site, campus.ada, target, [known], "an ad", "violation", rule="No advertising."
        )
    )
    await campus.settle()
    for instance in (alpha, beta):
        case = only(instance)
        assert case.due_at - case.created_at == DAY
        [made] = instance.read(lambda tx, one=case: reports.of_cases(tx, [one.id]))  # type: ignore[misc]  # a lambda with a default
        assert (made.rule, made.text) == ("No advertising.", "an ad")
    for instance, person in ((alpha, campus.olga), (beta, boss)):
        assert instance.write(lambda tx, one=instance: overdue.alert(tx, one.site)) == 0  # type: ignore[misc]  # a lambda with a default
        case = only(instance)
        instance.write(lambda tx, one=case: cases.change(tx, one.id, due_at=one.created_at))  # type: ignore[misc]  # a lambda with a default
        [before] = instance.read(
            lambda tx, who=person: notifications.of_person(tx, who.id, timelines.Page(), kinds=["admin.report"])  # type: ignore[misc]  # a lambda with a default
        )
        assert [instance.write(lambda tx, one=instance: overdue.alert(tx, one.site)) for _ in range(2)] == [1, 0]  # type: ignore[misc]  # a lambda with a default
        [now] = instance.read(
            lambda tx, who=person: notifications.of_person(tx, who.id, timelines.Page(), kinds=["admin.report"])  # type: ignore[misc]  # a lambda with a default
        )
        assert now.id > before.id


async def test_the_fourth_link_of_somebody_new_waits_and_a_verified_students_does_not(campus: Campus) -> None:
    alpha, lemmy = campus.alpha, campus.lemmy
    links = "".join(f'<a href="https://shop.example/{n}">{n}</a> ' for n in range(3))
    mention = f'<a href="{campus.group.iri}" class="u-url mention">@mlops</a>'

    async def post(name: str, content: str) -> str:
        where = {"to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [campus.group.iri]}
        note = lemmy.note(campus.lena, name, content=f"<p>{mention} {content}</p>", audience=campus.group.iri, **where)
        await lemmy.send(alpha, lemmy.activity("Create", campus.lena, note, **where))
        await campus.settle()
        return str(note["id"])

    three = await post("three", links)
    assert alpha.has(three)
    fourth = await post("fourth", '<a href="https://shop.example/4">one more</a>')
    assert not alpha.has(fourth)
    [row] = alpha.read(lambda tx: received.newest(tx, 1))
    assert (row.state, row.code) == ("held", graduated.CODE)
    [case] = alpha.read(lambda tx: cases.listed(tx, 10, group_id=campus.group.id))
    assert (case.kind, case.rule, case.received_id) == ("held", graduated.RULE, row.id)
    # Its author reads by which rule.
    [told] = [one["object"] for one in lemmy.got("Create") if one["actor"] == campus.group.iri]
    assert graduated.RULE in told["content"]
    # Text without links goes on as ever, and who moderates lets the other in.
    assert alpha.has(await post("text", "only words"))
    with pytest.raises(Forbidden):
        alpha.write(lambda tx: deciding.let_in(tx, alpha.site, alpha.actor(campus.ada.iri), case, yes=True))
    alpha.write(lambda tx: deciding.let_in(tx, alpha.site, campus.olga, case, yes=True))
    await campus.settle()
    assert alpha.has(fourth)
    assert fourth in [one.iri for one in home(campus.gamma, campus.chi)]
    fifth = await post("fifth", '<a href="https://shop.example/5">and more</a>')
    [case] = alpha.read(lambda tx: cases.listed(tx, 10, group_id=campus.group.id))
    alpha.write(lambda tx: deciding.let_in(tx, alpha.site, campus.olga, case, yes=False, words="Enough"))
    await campus.settle()
    assert not alpha.has(fifth)
    assert case_of(alpha, case).outcome == "turned-down"
    # A student whose university says so does not wait.
    ada = campus.ada
    known = alpha.actor(ada.iri)
    field = {"name": "Student", "value": "", "verified_at": 1, "affiliation": "student"}
    alpha.write(lambda tx: actors.change(tx, known.id, fields=[field]))
    words = "@mlops@alpha.example " + " ".join(f"https://paper.example/{n}" for n in range(6))
    published = publish(campus.beta, ada, words)
    await campus.settle()
    assert alpha.has(published.iri)
    assert alpha.read(lambda tx: cases.listed(tx, 10, group_id=campus.group.id)) == []
