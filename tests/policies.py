"""A scene for tests of the federation policy: a server that rules are about, and one that they are not about."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from fedi import fetching
from fedi.actions import follows, policies
from storage import decisions
from storage.actors import Actor
from storage.decisions import DecisionRow
from tests.world import Instance, Peer, World, settle

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
IMAGE = {"type": "Document", "mediaType": "image/png", "url": "https://peer.example/cat.png", "name": "A cat"}


def pictured(name: str) -> dict[str, str]:
    """A picture, as a document has one."""
    return {"type": "Image", "url": f"https://x.example/{name}.png"}


def apply(instance: Instance, text: str) -> None:
    """Let this document be the policy."""
    instance.write(lambda tx: policies.apply(tx, instance.site, "ada", text, "a test"))


def rule(then: str, when: str = 'peer = "peer.example"', more: str = "") -> str:
    """A rule called `r`, as a document has it."""
    return f'[[rule]]\nid = "r"\nwhen = {{ {when} }}\nthen = {then}\n{more}\n'


@dataclass
class Scene:
    """An instance where Ada follows Bob at peer.example, of whom rules are, and Eve at other.example, of whom none is."""

    alpha: Instance
    ada: Actor
    peer: Peer
    other: Peer
    bob: str
    eve: str

    async def publish(self, by: Peer, author: str, name: str, **more: Any) -> str:
        """A post that its author sent here; its IRI."""
        note = by.note(author, name, **more)
        await by.send(self.alpha, by.activity("Create", author, note, to=note["to"], cc=note["cc"]))
        await settle(self.alpha)
        return str(note["id"])

    def decided(self) -> list[DecisionRow]:
        """What was decided and not simply taken, newest first."""
        return self.alpha.read(lambda tx: decisions.newest(tx, 50))


async def made(world: World, alpha: Instance, peer: Peer) -> Scene:
    """The scene at this instance."""
    other = Peer(world, "other.example", "mastodon")
    ada = alpha.person("ada")
    icon, image = pictured("i"), pictured("h")
    bob, eve = (one.actor(name, icon=icon, image=image) for one, name in ((peer, "bob"), (other, "eve")))
    scene = Scene(alpha, ada, peer, other, bob, eve)
    for iri in (bob, eve):
        found = await fetching.actor(alpha.site, iri)
        alpha.write(partial(follows.follow, site=alpha.site, follower=ada, target=found))
    await settle(alpha)
    for server, iri in ((peer, bob), (other, eve)):
        follow = server.got("Follow")[-1]
        await server.send(alpha, server.activity("Accept", iri, follow))
    await settle(alpha)
    return scene
