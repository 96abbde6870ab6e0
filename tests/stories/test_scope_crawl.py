"""Every route of three institutions, asked by everybody who can ask: nobody, people with a token, a member's server, another
agreed server, one that is suspended, one with which nothing is agreed, each as an institution and as one of its people.

Each group says a word of its own (a canary). What somebody is told must have no word but those that they may read, in whatever
answer, header or log; and each word must be found where it may be, or the crawl would prove nothing.
"""

import logging
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get, sign_get_rfc9421
from storage import apps
from storage.actors import Actor
from storage.metadata import Tx
from tests.conftest import Databases
from tests.live.crawler import numbers, routes_of, written_in
from tests.stories.test_private_groups import ask, let_in, publish
from tests.stories.test_scopes import agree, scope
from tests.world import Instance, Peer, World, call, close, instance, settle

pytestmark = pytest.mark.anyio

PUBLIC = "ospreyx"
LOCAL, NAMED, AGREED = "merlinx", "kestrelx", "harrierx"  # what agreed institutions read, in three scopes
MEMBERS, PLAIN = (
    "goshawkx",
    "shrikex",
)  # what members read: with one named peer; with everybody, as it was before scopes
ANSWER = "hobbyx"  # of a member elsewhere, in NAMED's group
BEFORE = "buzzardx"  # in an agreed group, from before a peer was suspended
PEOPLE = ("ada", "eve", "ben", "bob", "chi")
EVERY = (PUBLIC, LOCAL, NAMED, AGREED, MEMBERS, PLAIN, ANSWER, BEFORE)


@dataclass
class Viewer:
    """Somebody who asks: by a token, by a signature, or as nobody; `may` are the words that they may read there."""

    name: str
    may: set[str]
    token: str | None = None
    signs: tuple[PrivateKey, bool] | None = None  # with what, and whether by RFC 9421
    heard: dict[str, str] = field(default_factory=dict)

    def headers(self, url: str, now: int) -> list[dict[str, str]]:
        """How they ask: as a browser and as a server, or as a client."""
        if self.signs is not None:
            key, new = self.signs
            signed = (sign_get_rfc9421 if new else sign_get)(key, url, now)
            return [{"accept": "application/activity+json", **signed}]
        if self.token is not None:
            return [{"accept": "application/json", "authorization": f"Bearer {self.token}"}]
        return [{"accept": "text/html"}, {"accept": "application/activity+json"}]

    async def crawl(self, at: Instance, paths: list[str]) -> None:
        """Ask for everything."""
        now = at.site.clock()
        for path in paths:
            if self.signs is not None and path.startswith(("/api/", "/oauth", "/auth", "/static/")):
                continue  # nobody signs there
            url = at.site.config.origin + path
            for headers in self.headers(url, now):
                answer = await call(at.app, "GET", url, headers)
                assert answer.status < 500, (self.name, path, answer.body)
                told = f"{answer.headers} {answer.body.decode('utf-8', 'replace')}".lower()
                for word in EVERY:
                    if word in told and word not in path:
                        self.heard.setdefault(word, path)

    def check(self, at: Instance) -> None:
        """No word but those."""
        beyond = {word: path for word, path in self.heard.items() if word not in self.may}
        assert beyond == {}, (at.name, self.name)


def token(at: Instance, person: Actor) -> str:
    """A token of somebody that may do everything which people may."""
    secret, site = secrets.token_urlsafe(16), at.site
    scopes = "read write follow push read:groups write:groups"

    def unit(tx: Tx) -> None:
        app = apps.App(
            id=site.new_id(), client_id=secrets.token_urlsafe(8), secret_hash=apps.hashed("x"), name="Crawler",
            website=None, redirect_uris=[], scopes=scopes, created_at=site.clock(),
        )  # fmt: skip
        apps.insert_app(tx, app)
        apps.insert_token(
            tx, apps.Token(site.new_id(), apps.hashed(secret), app.id, person.id, scopes, site.clock(), None, None)
        )

    at.write(unit)
    return secret


def key(of: Instance, actor: Actor | None = None) -> PrivateKey:
    """The key of an institution, or of one of its people."""
    return of.read(lambda tx: of.site.private_key(tx, actor.iri if actor is not None else of.site.instance_iri))


def everything(at: Instance, file: Path, names: list[str], known: set[str]) -> list[str]:
    """Every path that may show something: what any database has written down, and every route."""
    ours = set(numbers(file)[0])  # activities are in `known`, by their addresses
    paths = [*known, *routes_of(at.app, file, names, only=ours)]
    for name in names:
        of = "people" if name in PEOPLE else "groups"
        paths += [f"/{of}/{name}/outbox?{more}" for more in ("page=true", "page=1", "page=99999999")]
        paths.append(f"/.well-known/webfinger?resource={quote(f'acct:{name}@{at.name}', safe='')}")
    paths += [f"/groups/{name}/followers?domain=gamma.example" for name in names]
    paths += [f"/api/v2/search?q={word}" for word in EVERY] + [f"/search?q={word}" for word in EVERY]
    never = [f"/{of}/{name}/" for name in names for of in (("groups",) if name in PEOPLE else ("people",))]
    never += ["/static/", "/api/v1/streaming", "/media/"]
    return sorted({one for one in paths if not one.startswith(tuple(never))})


@dataclass
class Place:
    """An institution, its database file and the names in it."""

    at: Instance
    file: Path
    names: list[str]

    def paths(self, places: list["Place"]) -> list[str]:
        """Every path that may show something here."""
        origin = re.escape(self.at.site.config.origin)
        known = {path for one in places for path in written_in(one.file, origin)}
        return everything(self.at, self.file, self.names, known)


@pytest.fixture
async def three_files(databases: Databases, tmp_path: Path) -> AsyncIterator[list[Place]]:
    """Three institutions on SQLite, whose files can be looked through."""
    world, made = World(), []
    names = {"alpha": ["ada", "eve"], "beta": ["ben", "bob"], "gamma": ["chi"]}
    for name, people in names.items():
        url = databases.new("sqlite")
        at = await instance(world, f"{name}.example", url, tmp_path)
        made.append(Place(at, Path(url.removeprefix("sqlite:///")), people))
    yield made
    await close(*(one.at for one in made))


async def test_no_word_is_where_it_may_not_be(three_files: list[Place], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    places = three_files
    alpha, beta, gamma = (one.at for one in places)
    world = alpha.world
    ada, eve = alpha.person("ada"), alpha.person("eve")
    ben, bob, chi = beta.person("ben"), beta.person("bob"), gamma.person("chi")
    closing, plain = Peer(world, "closing.example", "lemmy"), Peer(world, "plain.example", "lemmy")
    left, stray = closing.actor("left"), plain.actor("stray")
    for host in ("beta.example", "gamma.example", "closing.example"):
        agree(alpha, host)
    for other, host in (
        (beta, "alpha.example"),
        (beta, "gamma.example"),
        (gamma, "alpha.example"),
        (gamma, "beta.example"),
    ):
        agree(other, host)

    groups = {"open": ("public", "public"), "local": ("peers", "local"), "named": ("peers", "named")}
    groups |= {"agreed": ("peers", "agreed"), "members": ("members", "named"), "plain": ("members", "public")}
    made = {name: alpha.group(name, ada, see=see, join_mode="open") for name, (see, _) in groups.items()}
    places[0].names += list(made)
    for name, (_, mode) in groups.items():
        if mode != "public":
            scope(alpha, made[name], mode, ["beta.example"] if mode == "named" else ())
    for name in ("named", "agreed", "members"):
        await ask(beta, ben, f"{name}@alpha.example")
    for name in ("local", "named", "members"):
        await ask(gamma, chi, f"{name}@alpha.example")  # all refused
    await closing.send(alpha, closing.activity("Follow", left, made["agreed"].iri))
    for name in ("plain", "members", "named", "local", "agreed"):
        await plain.send(alpha, plain.activity("Follow", stray, made[name].iri))  # refused but for the first
    await let_in(alpha, made["members"], beta, gamma)

    publish(alpha, ada, f"@agreed {BEFORE}")
    await settle(alpha, beta, gamma)
    assert BEFORE.encode() in b"".join(body for to, _, body in world.sent if to == "closing.example")
    for one in (alpha, beta):
        agree(one, "closing.example", stance="suspended")
    start = len(world.sent)
    said = {PUBLIC: "open", LOCAL: "local", NAMED: "named", AGREED: "agreed", MEMBERS: "members", PLAIN: "plain"}
    posted = {word: publish(alpha, ada, f"@{name} {word} #{word}") for word, name in said.items()}
    await settle(alpha, beta, gamma)
    publish(beta, ben, ANSWER, beta.post(posted[NAMED].iri))
    await settle(alpha, beta, gamma)

    # What was sent, and what is on disk.
    allowed = {
        "beta.example": {NAMED, AGREED, MEMBERS, ANSWER, BEFORE},
        "plain.example": {PLAIN},
        "gamma.example": set(),
    }
    allowed["alpha.example"] = {ANSWER}
    for host in ("alpha.example", "beta.example", "gamma.example", "closing.example", "plain.example"):
        sent = b"".join(body for to, _, body in world.sent[start:] if to == host)
        heard = {word for word in EVERY if word.encode() in sent}
        assert heard <= allowed.get(host, set()) | {PUBLIC}, host
        assert heard >= allowed.get(host, set()) - {BEFORE}, host
    for place, words in ((places[1], {LOCAL, PLAIN}), (places[2], set(EVERY) - {PUBLIC})):
        kept = b"".join(one.read_bytes() for one in place.file.parent.glob(f"{place.file.name}*"))
        assert [word for word in words if word.encode() in kept] == [], place.at.name

    peers_words = {NAMED, AGREED, ANSWER, BEFORE}
    pub = {PUBLIC}
    signers: dict[str, tuple[PrivateKey, ...]] = {
        "beta": (key(beta), key(beta, bob)),
        "gamma": (key(gamma), key(gamma, chi)),
        "closing": (closing.keys[left],),
        "plain": (plain.keys[plain.actor("strayer")],),
        "alpha": (key(alpha),),
    }
    tables: dict[str, dict[str, set[str]]] = {
        "alpha": {
            "nobody": pub,
            "ada": set(EVERY),
            "eve": pub | peers_words | {LOCAL},
            "beta": pub | peers_words | {MEMBERS},
            "gamma": pub | {AGREED, BEFORE},
            "closing": pub,
            "plain": pub | {PLAIN},
        },
        "beta": {
            "nobody": pub,
            "ben": pub | peers_words | {MEMBERS},
            "bob": pub | peers_words,
            # Its own words, and what it wrote; what else it may read it has at home.
            "alpha": pub | peers_words | {MEMBERS},
            "gamma": pub,
            "closing": pub,
            "plain": pub,
        },
        "gamma": {"nobody": pub, "chi": pub, "alpha": pub, "beta": pub, "closing": pub, "plain": pub},
    }
    people = {"ada": ada, "eve": eve, "ben": ben, "bob": bob, "chi": chi}
    for place in places:
        paths = place.paths(places)
        for name, may in tables[place.at.name.removesuffix(".example")].items():
            if name in people:
                viewers = [Viewer(name, may, token=token(place.at, people[name]))]
            elif name in signers:
                viewers = [Viewer(f"{name} {n}", may, signs=(one, n == 1)) for n, one in enumerate(signers[name])]
            else:
                viewers = [Viewer(name, may)]
            for viewer in viewers:
                await viewer.crawl(place.at, paths)
                viewer.check(place.at)
                if place.at is alpha:
                    assert viewer.heard.keys() >= may - ({PUBLIC} if name == "closing" else set()), viewer.name
    logged = caplog.text.lower()
    assert [word for word in EVERY if word in logged and word != PUBLIC] == []
