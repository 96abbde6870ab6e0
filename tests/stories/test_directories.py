"""Directories of institutions: one publishes, others read it; what is rolled back, expired or another's is refused."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from federation.fields import Json
from federation.peering import directory as files
from federation.peering.agreement import fingerprint
from federation.signatures import jws
from federation.signatures.keys import PrivateKey, encode_multikey, generate_ed25519, load_private
from fedi.actions import directories, own_directory
from fedi.config import Federation as Federated
from fedi.context import PROOF_KEY
from fedi.errors import Invalid, NotFound
from fedi.fetching import directories as fetching
from fedi.worker.directories import look_after, read_directory
from storage import audit, keys, peers
from storage import directories as rows
from storage.directories import DirectoryRow, EntryRow
from storage.metadata import Tx
from tests.conftest import KINDS, Databases
from tests.world import Instance, World, close, instance, settle

pytestmark = pytest.mark.anyio

URL = "https://alpha.example/peering/directory"
DAY = 24 * 3600 * 1000


class Time:
    """A clock for both instances, that stands still until it is told."""

    def __init__(self) -> None:
        self.at = 1_790_000_000_000

    def __call__(self) -> int:
        self.at += 1
        return self.at


@contextlib.asynccontextmanager
async def universities(databases: Databases, kind: str, folder: Path) -> AsyncIterator[tuple[Instance, Instance, Time]]:
    """Alpha and Beta, and their clock."""
    world, time = World(), Time()
    urls = [databases.new(kind) for _ in range(2)]
    names = ("alpha.example", "beta.example")
    made = [
        await instance(world, name, url, folder, ror="https://ror.org/05dxps055")
        for name, url in zip(names, urls, strict=True)
    ]
    for one in made:
        object.__setattr__(one.site, "clock", time)
    yield made[0], made[1], time
    await close(*made)
    for url in urls:
        databases.drop(url)


@pytest.fixture
async def two(databases: Databases, tmp_path: Path) -> AsyncIterator[tuple[Instance, Instance, Time]]:
    """On SQLite."""
    async with universities(databases, "sqlite", tmp_path) as made:
        yield made


@pytest.fixture(params=KINDS)
async def on_both(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> AsyncIterator[tuple[Instance, Instance, Time]]:
    """On SQLite and on PostgreSQL."""
    async with universities(databases, request.param, tmp_path) as made:
        yield made


def multikey(one: Instance) -> str:
    """The key that an institution signs with."""
    found = one.read(lambda tx: keys.by_id(tx, one.site.instance_iri + PROOF_KEY))
    assert found is not None
    return encode_multikey(found.public)


def pinned(one: Instance, host: str, key: str) -> None:
    """An admin of `one` has confirmed this key of a peer."""

    def unit(tx: Tx) -> None:
        peers.meet(tx, host, 1)
        peers.change(tx, host, instance_actor=f"https://{host}/actor", pinned_key=key)

    one.write(unit)


async def followed(one: Instance, url: str = URL) -> DirectoryRow:
    """`one` reads the directory at `url` with the key that its file brings, whose fingerprint was compared."""
    key = await fetching.key_of(one.site, url)
    made = one.write(lambda tx: directories.follow(tx, one.site, "ada", url, "aggregate", [key]))
    await settle(one)
    return row(one, made.url)


def row(one: Instance, url: str = URL) -> DirectoryRow:
    """A directory as it stands."""
    found = one.read(lambda tx: rows.by_url(tx, url))
    assert found is not None
    return found


def entries(one: Instance) -> dict[str, EntryRow]:
    """The entries of the directory, by host."""
    return {entry.host: entry for entry in one.read(lambda tx: rows.entries(tx, row(one).id))}


def new_key() -> PrivateKey:
    """A key of somebody."""
    return load_private(generate_ed25519().private, "https://gamma.example/actor#k")


def public(key: PrivateKey) -> Json:
    """Its public half."""
    raw: Any = key.key
    return jws.jwk_of(raw.public_key())


GAMMA = jws.multikey_of(public(new_key())) or ""


async def test_entries_are_drafts_that_confirm_a_key_and_never_trust(
    on_both: tuple[Instance, Instance, Time],
) -> None:
    alpha, beta, time = on_both
    pinned(alpha, "gamma.example", GAMMA)
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", ["gamma.example"]))
    found = await followed(beta)
    assert (found.problem, found.sequence, found.left_out) == (None, 1, None)
    assert {host: entry.state for host, entry in entries(beta).items()} == {
        "alpha.example": "draft",
        "gamma.example": "draft",
    }
    assert beta.read(lambda tx: peers.by_host(tx, "gamma.example")) is None
    given = fingerprint(GAMMA).lower().replace(" ", ":")
    confirmed = beta.read(lambda tx: directories.confirms(tx, beta.site, "gamma.example", given))
    assert confirmed == URL
    assert beta.read(lambda tx: directories.confirms(tx, beta.site, "alpha.example", given)) is None
    entity = beta.write(lambda tx: directories.take(tx, beta.site, "bo", "alpha.example"))
    assert entity.ror == "https://ror.org/05dxps055"
    peer = beta.read(lambda tx: peers.by_host(tx, "alpha.example"))
    assert peer is not None
    assert (peer.stance, peer.tier, peer.pinned_key, peer.ror) == ("none", "public", None, entity.ror)
    beta.write(lambda tx: directories.leave(tx, beta.site, "bo", "gamma.example"))
    assert beta.read(lambda tx: directories.confirms(tx, beta.site, "gamma.example", given)) is None
    # What holds no more confirms nothing: stale until its end, then closed.
    given = fingerprint(multikey(alpha))
    time.at += 13 * DAY
    assert beta.read(lambda tx: directories.confirms(tx, beta.site, "alpha.example", given)) == URL
    time.at += 2 * DAY
    assert beta.read(lambda tx: directories.confirms(tx, beta.site, "alpha.example", given)) is None
    with pytest.raises(NotFound):
        beta.write(lambda tx: directories.take(tx, beta.site, "bo", "alpha.example"))
    actions = [entry.action for entry in beta.read(lambda tx: audit.newest(tx, 9))]
    assert actions == ["directory.leave", "directory.take", "directory.follow"]


async def test_a_key_that_changed_makes_a_draft_again_and_who_is_gone_is_gone(
    two: tuple[Instance, Instance, Time],
) -> None:
    alpha, beta, time = two
    pinned(alpha, "gamma.example", GAMMA)
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", ["gamma.example"]))
    await followed(beta)
    beta.write(lambda tx: directories.take(tx, beta.site, "bo", "gamma.example"))
    other = jws.multikey_of(public(new_key())) or ""
    pinned(alpha, "gamma.example", other)
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", ["gamma.example"]))
    await read_again(beta, time)
    assert entries(beta)["gamma.example"].state == "draft"
    last = beta.read(lambda tx: audit.newest(tx, 1, about="gamma.example"))[0]
    assert last.action == "directory.change"
    assert last.body["changed"]["keys"] == {"was": [GAMMA], "is": [other]}
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", []))
    await read_again(beta, time)
    assert entries(beta)["gamma.example"].state == "gone"


async def read_again(one: Instance, time: Time) -> DirectoryRow:
    """Six hours later the worker reads what is due."""
    time.at += directories.EVERY
    await look_after(one.site, {})
    await settle(one)
    return row(one)


async def test_what_was_not_changed_is_not_sent_again_and_each_day_it_is_signed_anew(
    two: tuple[Instance, Instance, Time],
) -> None:
    alpha, beta, time = two
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", []))
    before = await followed(beta)
    sizes = []
    real = beta.site.client.get_file

    async def counting(*args: Any, **more: Any) -> Any:
        found = await real(*args, **more)
        sizes.append(len(found.body))
        return found

    object.__setattr__(beta.site.client, "get_file", counting)
    again = await read_again(beta, time)
    assert sizes == [0]
    assert again.believed_at is not None
    assert again.believed_at > (before.believed_at or 0)
    assert entries(beta)["alpha.example"].asserted == 2
    time.at += DAY
    await look_after(alpha.site, {})
    later = await read_again(beta, time)
    assert (later.sequence, later.problem) == (2, None)
    assert later.expires_at is not None
    assert later.expires_at > (before.expires_at or 0)


async def test_rolled_back_expired_or_signed_by_another_key_is_refused_and_the_last_holds(
    two: tuple[Instance, Instance, Time],
) -> None:
    alpha, beta, time = two
    key = alpha.read(lambda tx: alpha.site.private_key(tx, alpha.site.instance_iri, PROOF_KEY))
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", []))
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", []))
    first = await followed(beta)
    issuer, entities = alpha.site.instance_iri, [files.Entity("evil.example", "https://evil.example/actor")]

    def signed(by: PrivateKey, sequence: int, at: int, days: float = 14) -> str:
        return files.sign(by, issuer=issuer, now=at, expires=at + int(days * DAY), sequence=sequence, entities=entities)

    for body, words in (
        (signed(key, 1, time.at), "rolled back: it has the number 1, and 2 was read before"),
        (signed(key, 2, time.at), "has the number 2 again"),
        (signed(new_key(), 9, time.at), "not signed by a key that was pinned"),
        (signed(key, 9, time.at - 20 * DAY), "expired"),
        ("nonsense", "not a compact JWS"),
    ):
        serve(alpha, body)
        now = await read_again(beta, time)
        assert words in (now.problem or ""), now.problem
        assert (now.sequence, now.expires_at) == (2, first.expires_at)
        assert list(entries(beta)) == ["alpha.example"]
    assert {entry.action for entry in beta.read(lambda tx: audit.newest(tx, 9))} >= {"directory.refuse"}
    serve(alpha, signed(key, 3, time.at))
    now = await read_again(beta, time)
    assert (now.problem, now.sequence) == (None, 3)
    assert entries(beta)["evil.example"].state == "draft"


def serve(one: Instance, body: str) -> None:
    """Publish these very bytes."""
    from storage import publications

    one.write(lambda tx: tx.execute(publications.publications.update().values(body=body)))


async def test_who_peers_with_agreed_institutions_alone_reads_directories_all_the_same(
    databases: Databases, tmp_path: Path
) -> None:
    world, urls = World(), [databases.new("sqlite") for _ in range(2)]
    alpha = await instance(world, "alpha.example", urls[0], tmp_path)
    beta = await instance(world, "beta.example", urls[1], tmp_path, federation=Federated(mode="peers"))
    alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", []))
    assert (await followed(beta)).problem is None
    beta.write(lambda tx: peers.meet(tx, "alpha.example", 1))
    beta.write(lambda tx: peers.change(tx, "alpha.example", stance="blocked"))
    await read_directory(beta.site, {"id": row(beta).id})
    assert row(beta).problem == "alpha.example is blocked here"
    await close(alpha, beta)
    for url in urls:
        databases.drop(url)


async def test_nobody_vouches_for_a_key_that_was_not_confirmed(two: tuple[Instance, Instance, Time]) -> None:
    alpha, _, _ = two
    alpha.write(lambda tx: peers.meet(tx, "gamma.example", 1))
    with pytest.raises(Invalid, match=r"gamma\.example was never confirmed here"):
        alpha.write(lambda tx: own_directory.publish(tx, alpha.site, "ada", ["gamma.example"]))
    assert (await alpha.get("/peering/directory")).status == 404


class Federation:
    """Servers of an OpenID Federation: an anchor, a national federation below it, institutions below that."""

    def __init__(self, world: World, now: int) -> None:
        self.now = now
        self.keys = {name: new_key() for name in ("anchor.example", "nation.example", "b.example", "c.example")}
        self.served: dict[str, bytes] = {}
        self.metadata: dict[str, Json] = {}
        for host in self.keys:
            world.apps[host] = self

    def stated(self, by: str, about: str, **more: Any) -> bytes:
        """What one states of another, or of itself."""
        payload = {
            "iss": f"https://{by}",
            "sub": f"https://{about}",
            "iat": self.now // 1000,
            "exp": self.now // 1000 + 7 * 86400,
            "jwks": {"keys": [public(self.keys[about])]},
        }
        return jws.sign(payload | more, self.keys[by], "entity-statement+jwt").encode()

    def build(self) -> None:
        """Serve all statements."""
        for above, below in (("anchor.example", ["nation.example"]), ("nation.example", ["b.example", "c.example"])):
            endpoints = {
                "federation_list_endpoint": f"https://{above}/list",
                "federation_fetch_endpoint": f"https://{above}/fetch",
            }
            self.served[f"{above}/.well-known/openid-federation"] = self.stated(
                above, above, metadata={"federation_entity": endpoints}
            )
            self.served[f"{above}/list"] = msgspec.json.encode([f"https://{one}" for one in below])
            for one in below:
                self.served[f"{above}/fetch?sub=https%3A%2F%2F{one}"] = self.stated(above, one)
        for one in ("b.example", "c.example"):
            instance_of = {"instance_actor": f"https://{one}/actor", "organization_name": one.upper()}
            mark = {"iss": "https://anchor.example", "sub": f"https://{one}", "iat": 1, "trust_mark_type": "sirtfi"}
            mark["exp"] = self.now // 1000 + 60
            token = jws.sign(mark, self.keys["anchor.example"], "trust-mark+jwt")
            self.served[f"{one}/.well-known/openid-federation"] = self.stated(
                one, one, metadata={"activitypub_instance": instance_of}, trust_marks=[{"trust_mark": token}]
            )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await receive()
        host = dict(scope["headers"])[b"host"].decode()
        query = scope["query_string"].decode()
        body = self.served.get(f"{host}{scope['path']}{f'?{query}' if query else ''}")
        await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": []})
        await send({"type": "http.response.body", "body": body or b""})


async def test_a_federation_is_read_from_the_pinned_anchor_down(two: tuple[Instance, Instance, Time]) -> None:
    alpha, _, time = two
    world = alpha.world
    federation = Federation(world, time.at)
    federation.build()
    # One institution's own statement is by a key that nobody above it names.
    federation.keys["c.example"] = new_key()
    federation.served["c.example/.well-known/openid-federation"] = federation.stated("c.example", "c.example")
    anchor = "https://anchor.example"
    made = alpha.write(
        lambda tx: directories.follow(
            tx, alpha.site, "ada", anchor, "federation", [public(federation.keys["anchor.example"])]
        )
    )
    await settle(alpha)
    found = row(alpha, anchor)
    assert found.problem is None
    assert "c.example: it is not signed by a key that was pinned" in (found.left_out or "")
    [entry] = alpha.read(lambda tx: rows.entries(tx, made.id))
    assert (entry.host, entry.state, entry.body["name"]) == ("b.example", "draft", "B.EXAMPLE")
    assert entry.body["authority"] == "https://nation.example"
    assert entry.body["marks"] == ["sirtfi"]
    # An anchor with another key than the pinned one is nobody.
    federation.keys["anchor.example"] = new_key()
    federation.build()
    await read_directory(alpha.site, {"id": made.id})
    assert "pinned" in (row(alpha, anchor).problem or "")


async def test_an_instance_of_ours_is_found_in_a_federation(two: tuple[Instance, Instance, Time]) -> None:
    """It states itself what it is; who is above it states its key alone."""
    alpha, beta, time = two
    federation = Federation(alpha.world, time.at)
    federation.build()
    [key] = jws.read_keys(jws.jwk_of_multikey(multikey(beta)))
    federation.served["nation.example/list"] = msgspec.json.encode(["https://beta.example"])
    federation.served["nation.example/fetch?sub=https%3A%2F%2Fbeta.example"] = jws.sign(
        {
            "iss": "https://nation.example",
            "sub": "https://beta.example",
            "iat": time.at // 1000,
            "exp": time.at // 1000 + 86400,
            "jwks": {"keys": [key]},
        },
        federation.keys["nation.example"],
        "entity-statement+jwt",
    ).encode()
    stated = await beta.get("/.well-known/openid-federation")
    assert stated.headers["content-type"] == "application/entity-statement+jwt"
    made = alpha.write(
        lambda tx: directories.follow(
            tx, alpha.site, "ada", "https://anchor.example", "federation", [public(federation.keys["anchor.example"])]
        )
    )
    await settle(alpha)
    [entry] = alpha.read(lambda tx: rows.entries(tx, made.id))
    assert (entry.host, entry.body["name"], entry.body["ror"]) == (
        "beta.example",
        "Beta.Example",
        "https://ror.org/05dxps055",
    )
    given = fingerprint(multikey(beta))
    confirmed = alpha.read(lambda tx: directories.confirms(tx, alpha.site, "beta.example", given))
    assert confirmed == "https://anchor.example"
