"""Formulas and code over the client API: apps strip MathML without a word, so they get the LaTeX."""

import msgspec

from fedi.actions import groups
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

TYPED = "@mlops Is $x^2 < 4$?\n\n$$\n\\frac{a}{b}\n$$\n\n`@ben #no`\n\n- one\n- two"


async def test_an_app_reads_the_latex_and_the_rest_as_it_is(api: Api, ada: Actor, ben: Actor) -> None:
    await api.site.db.write(lambda tx: groups.create(tx, api.site, name="mlops", title="MLOps", owner=ada))
    token = await api.token(ada)
    said = (await api.post("/api/v1/statuses", token, json={"status": TYPED})).json
    assert "<math" not in said["content"]
    assert "Is $x^2 &lt; 4$?" in said["content"]
    assert "<p>$$\\frac{a}{b}$$</p>" in said["content"]
    assert "<code>@ben #no</code>" in said["content"]
    assert "<ul><li>one</li><li>two</li></ul>" in said["content"]
    assert [one["acct"] for one in said["mentions"]] == ["mlops"]
    assert said["tags"] == []
    path = f"/api/v1/statuses/{said['id']}"
    assert (await api.get(path, token)).json["content"] == said["content"]
    assert (await api.get(f"{path}/source", token)).json["text"] == TYPED
    changed = (await api.ask("PUT", path, token, json={"status": "@mlops Is $x^3$?"})).json
    assert "Is $x^3$?" in changed["content"]
    history = (await api.get(f"{path}/history", token)).json
    assert [("<math" in one["content"], "$x^" in one["content"]) for one in history] == [(False, True)] * 2
    document = await api.get(path.replace("/api/v1/statuses", "/people/ada/posts"), accept="application/activity+json")
    # Peers get the formula, with the LaTeX beside it.
    content = msgspec.json.decode(document.body)["content"]
    assert '<annotation encoding="application/x-tex">x^3</annotation></semantics></math>' in content
