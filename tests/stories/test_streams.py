"""What is written at one university reaches who listens at another: to its readers, and to nobody else."""

import secrets

from fedi.actions import posts as post_actions
from fedi.actions.posts import Draft
from fedi.callers import SCOPES
from storage import apps
from storage.actors import Actor
from storage.apps import App, Token, hashed
from storage.metadata import Tx
from tests.fedi.mastodon.sockets import Socket, socket
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish
from tests.world import Instance, settle


async def listen(instance: Instance, who: Actor, *more: str) -> Socket:
    """A connection that listens to this person's home, and to these streams."""
    token, site = secrets.token_urlsafe(24), instance.site

    def unit(tx: Tx) -> None:
        now = site.clock()
        app = App(site.new_id(), secrets.token_hex(8), hashed("x"), "Tests", None, [], " ".join(SCOPES), now)
        apps.insert_app(tx, app)
        apps.insert_token(tx, Token(site.new_id(), hashed(token), app.id, who.id, "read", now, None, None))

    instance.write(unit)
    opened = await socket(instance.app, token).open()
    for name in ("user", *more):
        await opened.subscribe(name)
    return opened


async def test_posts_edits_and_deletions_of_elsewhere_reach_a_follower(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bob, eve = alpha.person("ada"), beta.person("bob"), beta.person("eve")
    await join(beta, bob, "ada@alpha.example")
    await settle(*three.all)
    follower, public, other = await listen(beta, bob), await listen(beta, eve, "public:remote"), await listen(beta, eve)

    post = publish(alpha, ada, "from afar")
    await settle(*three.all)
    stream, event, status = await follower.event()
    assert (stream, event, status["uri"], status["account"]["acct"]) == (
        ["user"],
        "update",
        post.iri,
        "ada@alpha.example",
    )
    assert (await public.event())[0] == ["public:remote"]
    here = beta.post(post.iri)

    alpha.write(lambda tx: post_actions.edit(tx, alpha.site, post, Draft("from very far")))
    await settle(*three.all)
    _, event, status = await follower.event()
    assert (event, status["id"], status["content"]) == ("status.update", str(here.id), "<p>from very far</p>")
    assert (await public.event())[1] == "status.update"

    alpha.write(lambda tx: post_actions.delete(tx, alpha.site, alpha.post(post.iri), ada))
    await settle(*three.all)
    assert await follower.event() == (["user"], "delete", here.id)
    assert await public.event() == (["public:remote"], "delete", here.id)
    assert await other.silence()


async def test_a_private_group_of_elsewhere_is_streamed_to_its_members_alone(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bob, eve = alpha.person("ada"), beta.person("bob"), beta.person("eve")
    alpha.group("thesis", ada, see="members")
    await join(beta, bob, "thesis@alpha.example")
    await join(beta, eve, "ada@alpha.example")  # the author, and not the group
    await settle(*three.all)
    member, outsider = await listen(beta, bob), await listen(beta, eve, "public", "public:remote")
    post = publish(alpha, ada, "@thesis a secret #result")
    await settle(*three.all)
    _, event, status = await member.event()
    shown = status["reblog"] or status
    assert (event, shown["uri"], shown["visibility"]) == ("update", post.iri, "private")
    alpha.write(lambda tx: post_actions.delete(tx, alpha.site, alpha.post(post.iri), ada))
    await settle(*three.all)
    assert (await member.event())[1] == "delete"
    assert await outsider.silence()
