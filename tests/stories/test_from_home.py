"""A visitor of one university's pages, whose account is at another: led home, logs in there, joins, follows, answers."""

from urllib.parse import urlencode

import pytest

from fedi.actions import posts
from storage import follows, memberships
from storage import posts as post_rows
from tests.keys import QUICK
from tests.stories.conftest import Three
from tests.world import Instance, call, settle

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", "accept": "text/html"}


async def post(at: Instance, path: str, fields: dict[str, str], cookie: str = "") -> tuple[int, str, str]:
    """Send a form; (status, where it leads, cookie)."""
    answer = await call(
        at.app, "POST", at.site.config.origin + path, {**FORM, "cookie": cookie}, urlencode(fields).encode()
    )
    return answer.status, answer.headers.get("location", ""), answer.headers.get("set-cookie", "").partition(";")[0]


@pytest.mark.parametrize("what", ["person", "group", "post"])
async def test_led_home_and_back_again(three: Three, what: str) -> None:
    alpha, beta = three.alpha, three.beta
    ada = alpha.person("ada")
    group = alpha.group("mlops", ada)
    thread = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, posts.Draft("@mlops What runs at night?")))
    ben = beta.person("ben", password_hash=QUICK.hash("correct horse"))
    iri = {"person": ada.iri, "group": group.iri, "post": thread.iri}[what]

    status, home, _ = await post(alpha, "/interact", {"uri": iri, "handle": "@ben@beta.example"})
    assert status == 303
    assert home.startswith("https://beta.example/authorize_interaction?uri=https%3A%2F%2Falpha.example%2F")
    path = home.removeprefix("https://beta.example")
    answer = await beta.get(path, accept="text/html")
    assert answer.status == 303
    back = answer.headers["location"]
    assert back.startswith("/login?next=")
    _, there, cookie = await post(beta, "/login", {"name": "ben", "password": "correct horse", "next": path})
    assert there == path
    page = await beta.get(path, accept="text/html", cookie=cookie)
    assert page.status == 200

    if what == "post":
        # Only members answer in a group, so that is joined as well.
        await beta.get(path.replace(urlencode({"": thread.iri})[1:], urlencode({"": group.iri})[1:]), cookie=cookie)
        known = beta.post(thread.iri)
        await post(beta, "/follow", {"id": str(beta.actor(group.iri).id)}, cookie)
        await settle(alpha, beta)
        status, at, _ = await post(beta, "/compose", {"text": "Mine.", "reply_to": str(known.id)}, cookie)
        assert status == 303
        await settle(alpha, beta)
        mine = beta.read(lambda tx: post_rows.by_id(tx, int(at.rpartition("/")[2])))
        assert mine is not None
        assert alpha.post(mine.iri).reply_to_id == thread.id
        return
    target = beta.actor(iri)
    # To arrive is not to follow.
    assert beta.read(lambda tx: follows.find(tx, ben.id, target.id)) is None
    assert b'action="/follow"' in page.body
    await post(beta, "/follow", {"id": str(target.id)}, cookie)
    await settle(alpha, beta)
    follow = beta.read(lambda tx: follows.find(tx, ben.id, target.id))
    assert follow is not None
    assert follow.state == "accepted"
    if what == "group":
        known_there = alpha.actor(ben.iri)
        membership = alpha.read(lambda tx: memberships.find(tx, group.id, known_there.id))
        assert membership is not None
        assert membership.state == "accepted"
