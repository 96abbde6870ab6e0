"""Verified links: pages that link back, what an institution says of its people, and ticks that nobody gets."""

from typing import Any

import pytest

from fedi import fetching
from fedi.actions import profiles, verifying
from fedi.text.backlinks import links_back
from storage import actors, peers
from storage.actors import Actor
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join
from tests.world import Instance, Peer, World, settle

pytestmark = pytest.mark.anyio


class Website:
    """A website: pages by path, and how often each was asked for."""

    def __init__(self, world: World, host: str) -> None:
        self.pages: dict[str, str] = {}
        self.kind = b"text/html; charset=utf-8"
        self.asked: list[str] = []
        world.apps[host] = self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await receive()
        self.asked.append(scope["path"])
        page = self.pages.get(scope["path"])
        status = 404 if page is None else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", self.kind)]})
        await send({"type": "http.response.body", "body": (page or "").encode()})


def edit(instance: Instance, person: Actor, **fields: str) -> Actor:
    """The person has these fields now."""
    rows = [{"name": name, "value": value} for name, value in fields.items()]
    now = instance.actor(person.iri)
    return instance.write(lambda tx: profiles.update_profile(tx, instance.site, now, fields=rows))


def ticked(instance: Instance, iri: str) -> list[str]:
    """The names of the fields with a tick, of an actor as this instance knows it."""
    return [str(one["name"]) for one in instance.actor(iri).fields if one.get("verified_at") is not None]


async def test_a_page_that_links_back(three: Three) -> None:
    alpha, site = three.alpha, Website(three.world, "ada.example")
    ada = alpha.person("ada")
    site.pages["/"] = f'<html><head><link rel="me" href="{ada.iri}"></head></html>'
    site.pages["/short"] = '<a href="https://alpha.example/@ada" rel="me">me</a>'
    site.pages["/other"] = '<a rel="me" href="https://alpha.example/people/bob">bob</a>'
    site.pages["/comment"] = f'<!-- <a rel="me" href="{ada.iri}"> -->'
    urls = {name: f"https://ada.example/{name}" for name in ("short", "other", "comment", "gone")}
    edit(alpha, ada, home="https://ada.example/", text="see https://ada.example/", plain="http://ada.example/", **urls)
    assert ticked(alpha, ada.iri) == [], "the edit waits for nobody"
    assert site.asked == []
    await settle(alpha)
    assert ticked(alpha, ada.iri) == ["home", "short"]
    at = alpha.actor(ada.iri).fields[0]["verified_at"]

    # What stays the same stays verified and is not asked for again; what changes is.
    site.asked.clear()
    edit(alpha, ada, site="https://ada.example/", new="https://ada.example/short2")
    await settle(alpha)
    assert (site.asked, ticked(alpha, ada.iri)) == (["/short2"], ["site"])
    assert alpha.actor(ada.iri).fields[0]["verified_at"] == at
    edit(alpha, ada, site="https://ada.example/other")
    await settle(alpha)
    assert ticked(alpha, ada.iri) == []


async def test_pages_that_are_not_read(three: Three) -> None:
    alpha, site = three.alpha, Website(three.world, "ada.example")
    ada = alpha.person("ada")
    back = f'<a rel="me" href="{ada.iri}">me</a>'
    site.pages["/text"] = back
    site.kind = b"text/plain"
    edit(alpha, ada, text="https://ada.example/text", private="https://127.0.0.1/", odd="https://ada.example:8443/")
    await settle(alpha)
    assert ticked(alpha, ada.iri) == []
    blocked = Website(three.world, "blocked.example")
    blocked.pages["/"] = back
    alpha.write(lambda tx: peers.meet(tx, "blocked.example", 0))
    alpha.write(lambda tx: peers.change(tx, "blocked.example", stance="blocked"))
    edit(alpha, ada, x="https://blocked.example/")
    await settle(alpha)
    assert (blocked.asked, ticked(alpha, ada.iri)) == ([], [])


async def test_a_website_that_sends_everyone_anywhere_vouches_for_nobody(three: Three) -> None:
    """An open redirect on a site with a name would else give it away; so would one back to the profile itself, whose own
    fields link with rel=me."""
    alpha, site = three.alpha, Website(three.world, "ada.example")
    ada = alpha.person("ada")
    site.pages["/"] = f'<a rel="me" href="{ada.iri}">me</a>'

    async def renowned(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        to = scope["query_string"].partition(b"=")[2]
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", to)]})
        await send({"type": "http.response.body", "body": b""})

    three.world.apps["renowned.example"] = three.world.apps["www.ada.example"] = renowned
    urls = {
        "away": "https://renowned.example/go?to=https://ada.example/",
        "home": f"https://renowned.example/go?to={ada.iri}",
        "www": "https://www.ada.example/?to=https://ada.example/",
    }
    edit(alpha, ada, self=ada.iri, **urls)
    await settle(alpha)
    assert site.asked == ["/", "/"]
    assert ticked(alpha, ada.iri) == ["www"]


async def test_remote_people_are_verified_once_somebody_follows_them(three: Three) -> None:
    alpha = three.alpha
    site = Website(three.world, "mallory.example")
    peer = Peer(three.world, "mastodon.example", "mastodon")
    link = '<a href="https://mallory.example/" rel="me"><span class="invisible">https://</span>mallory.example/</a>'
    false = '<a href="https://mallory.example/">https://alpha.example/</a>'
    fields = [
        {"type": "PropertyValue", "name": "Web", "value": link},
        {"type": "PropertyValue", "name": "False", "value": false},
    ]
    mallory = peer.actor("mallory", attachment=fields)
    site.pages["/"] = f"<a rel='nofollow me' href='{mallory}'>x</a>"
    await fetching.actor(alpha.site, mallory)
    await settle(alpha)
    assert site.asked == [], "not of everyone who is ever heard of"
    ada = alpha.person("ada")
    await join(alpha, ada, "mallory@mastodon.example")
    await settle(alpha)
    follow = next(iter(peer.got("Follow")))
    await peer.send(alpha, peer.activity("Accept", mallory, follow))
    await settle(alpha)
    assert ticked(alpha, mallory) == ["Web"]
    # It stays so when the profile is read again, and goes with the link.
    await fetching.actor(alpha.site, mallory, fresh=True)
    assert ticked(alpha, mallory) == ["Web"]
    fields[0]["value"] = "mallory.example"
    await fetching.actor(alpha.site, mallory, fresh=True)
    assert ticked(alpha, mallory) == []


async def test_another_fedi_shows_the_tick_of_an_affiliation(three: Three) -> None:
    alpha, beta, gamma = three.all
    eve = alpha.person("eve", affiliation="student")
    assert ticked(alpha, eve.iri) == ["Student"]
    await fetching.actor(beta.site, eve.iri)
    await settle(beta)
    assert ticked(beta, eve.iri) == ["Student"], "once beta has asked what alpha runs"
    beta.write(lambda tx: peers.change(tx, "alpha.example", software="fedi"))
    await fetching.actor(beta.site, eve.iri, fresh=True)
    assert ticked(beta, eve.iri) == ["Student"]
    alpha.write(lambda tx: profiles.affiliate(tx, alpha.site, eve, end=True))
    await fetching.actor(beta.site, eve.iri, fresh=True)
    assert ticked(beta, eve.iri) == []
    # A server that verifies by rel=me alone sees the tick by the page, and none once it is gone.
    staff = alpha.person("sam", affiliation="staff")
    html, url = await gamma.site.client.get_page(f"{staff.iri}/affiliation")
    assert links_back(html, url, [staff.iri])
    assert not links_back(html, url, [eve.iri])


@pytest.mark.parametrize("software", ["fedi", "mastodon"])
async def test_a_tick_cant_be_forged_from_elsewhere(three: Three, software: str) -> None:
    alpha, beta, _ = three.all
    eve = beta.person("eve", affiliation="faculty")
    peer = Peer(three.world, "evil.example", software)

    def field(href: str, name: str = "Faculty", text: str | None = None) -> dict[str, str]:
        value = f'<a href="{href}" rel="me">{text or href}</a>'
        return {"type": "PropertyValue", "name": name, "value": value}

    theirs = f"{eve.iri}/affiliation"
    forged = {
        "a": [field(theirs)],  # another's page
        "b": [field("https://beta.example/people/b/affiliation")],  # a page that would be theirs there
        "c": [field("https://evil.example/users/c/affiliation", text="https://beta.example/people/eve")],
        "d": [field("https://evil.example/users/d")],  # its own host, not that page
        "e": [field("https://evil.example/users/e/affiliation", name="Rector")],
        "f": [{"type": "PropertyValue", "name": "x", "value": "y"}, field("https://evil.example/users/f/affiliation")],
    }
    ada = alpha.person("ada")
    for name, fields in forged.items():
        iri = peer.actor(name, attachment=fields)
        await join(alpha, ada, f"{name}@evil.example")
        await settle(alpha)
        follow = peer.got("Follow")[-1]
        await peer.send(alpha, peer.activity("Accept", iri, follow))
        await settle(alpha)
        assert ticked(alpha, iri) == [], name
    # What a host says of its own people it may say, if it runs what says such things; the link names the host.
    own = peer.actor("own", attachment=[field("https://evil.example/users/own/affiliation")])
    await fetching.actor(alpha.site, own)
    await settle(alpha)
    assert ticked(alpha, own) == (["Faculty"] if software == "fedi" else [])


async def test_a_name_is_not_lent(three: Three) -> None:
    """Who has a tick at one word can't turn it into another's: the name counts with the link."""
    alpha, beta, _ = three.all
    eve = alpha.person("eve", affiliation="student")
    await fetching.actor(beta.site, eve.iri)
    await settle(beta)
    known = beta.actor(eve.iri)
    assert verifying.unproven(known) == []
    lied = [{**known.fields[0], "name": "Rector", "verified_at": None}]
    beta.write(lambda tx: actors.change(tx, known.id, fields=lied))
    assert not verifying.claims(beta.actor(eve.iri))
    beta.write(lambda tx: verifying.keep(tx, beta.site, eve.iri, {eve.iri}))
    assert ticked(beta, eve.iri) == []
