"""A trial of a peer while one of its steps runs: asking the peer, sending it what a canary says, and noting what came back.

The steps themselves are `fedi.worker.probing`.
"""

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from federation import discovery
from federation.errors import FederationError, Unreachable
from federation.fields import Json, encode
from federation.hosts import same_origin, web_url
from federation.peering.probing import Answer, Finding, activity, read_answer
from federation.signatures.keys import PrivateKey
from fedi import fetching
from fedi.actions import follows as follow_actions
from fedi.actions import probes
from fedi.actions.canaries import Canaries
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching import asking
from fedi.text import to_text
from storage import actors, follows, peers
from storage.actors import Actor
from storage.metadata import Tx

MAX_EVIDENCE = 60
"""Questions of one check that are kept."""


@dataclass(slots=True)
class Run:
    """A trial while a step runs: what the steps before wrote down, and whether this one has waited long enough."""

    site: Site
    host: str
    ours: Canaries
    state: dict[str, Any]
    late: bool
    findings: dict[str, Finding] = field(default_factory=dict)

    def saw(self, check: str, asked: str, answered: str) -> None:
        """Note a question and what came back."""
        evidence = self.findings[check].evidence
        if len(evidence) < MAX_EVIDENCE:
            evidence.append({"asked": asked[:500], "answered": answered[:500], "at": str(self.site.clock())})

    def judge(self, check: str, verdict: tuple[str, str]) -> None:
        """Note what came of a check."""
        self.findings[check].verdict, self.findings[check].text = verdict

    def new_iri(self) -> str:
        """The id of a new post of our asker; it is kept nowhere here."""
        return f"{self.ours.asker.iri}/posts/{self.site.new_id()}"

    async def key(self, actor: Actor) -> PrivateKey:
        """The key of one of our canaries."""
        return await self.site.db.read(lambda tx: self.site.private_key(tx, actor.iri))

    async def address(self) -> tuple[Json, str | None]:
        """The document of the peer's instance actor ({} when it has none), and its address for probing, if it has one."""
        peer = await self.site.db.read(lambda tx: peers.by_host(tx, self.host))
        iri = peer.instance_actor if peer is not None else None
        await asking.permitted(self.site, self.host)
        if iri is None:
            iri = await discovery.instance_actor(self.site.client, self.host)
        if iri is None:
            return {}, None
        document = (await fetching.document(self.site, iri)).document
        with contextlib.suppress(FederationError, NotFound):
            await fetching.actor(self.site, iri)  # so that it can be told what was found
        address = web_url(document.get("probing"))
        return document, address if address is not None and same_origin(address, iri) else None

    async def look(self, address: str, asked: str | None, check: str | None = None) -> Answer:
        """What the peer says of one of our canaries, or of its post; noted as evidence of `check`.

        Raises the errors of `federation.errors`.
        """
        url = address if asked is None else f"{address}?object={quote(asked, safe='')}"
        found = await self.site.client.get_document(url, await asking.instance_key(self.site))
        answer = read_answer(found.document, address)
        if answer is None:
            raise Unreachable(f"{url[:200]} does not answer as an address for probing")
        if check is not None:
            seen = f"seen by {', '.join(answer.seen_by) or 'none'}{', by anyone' if answer.anyone else ''}"
            self.saw(
                check, f"GET {url} signed", f"it says {answer.says!r}, {seen}" if answer.kept else "it is not here"
            )
        return answer

    async def send(
        self, check: str, type: str, object: Json, *, by: Actor | None = None, key: PrivateKey | None = None
    ) -> int:
        """POST an activity of a canary (our asker, or `by`), signed by its key or by another; the status of the answer, 202 for
        all that it took, 0 for none.

        Raises the errors of `federation.errors` that say to try again, but for what must be refused.
        """
        actor = by or self.ours.asker
        inbox = str(self.state["inbox"])
        iri = self.site.iri(f"/activities/{self.site.new_id()}")
        body = encode(activity(iri, type, actor.iri, object, [self.ours.asker.followers or actor.iri]))
        how = f"by {actor.username}" if key is None else f"in the name of {actor.username}, signed by another key"
        asked = f"POST {type} of {object['id']} {how} to {inbox}"
        try:
            await self.site.client.post(inbox, body, key or await self.key(actor))
        except FederationError as problem:
            self.saw(check, asked, problem.text)
            if problem.retry and key is None:
                raise
            return int(getattr(problem, "answered", 0) or 0)
        self.saw(check, asked, "taken")
        return 202

    async def note_says(self, check: str) -> str | None:
        """The words of the guest's note, asked for with the signature of who follows it; None when it is not shown."""
        iri = str(self.state["note"])
        try:
            found = await self.site.client.get_document(iri, await asking.instance_key(self.site))
        except FederationError as problem:
            self.saw(check, f"GET {iri} signed", problem.text)
            return None
        text = to_text(str(found.document.get("content") or "")).strip()
        self.saw(check, f"GET {iri} signed", f"it says {text!r}"[:200])
        return text or None

    async def unsigned(self, url: str, accept: str) -> str | None:
        """What is given to an unsigned question, as text; None when it is refused. Noted as evidence of `unsigned-fetch`."""
        asked = f"GET {url} unsigned, as {accept}"
        try:
            found = await self.site.client.get_file(url, accept)
        except FederationError as problem:
            self.saw("unsigned-fetch", asked, problem.text)
            return None
        self.saw("unsigned-fetch", asked, "given")
        return found.body.decode("utf-8", "replace")

    async def end(self, why: str) -> None:
        """Take back what the trial left, and keep what it found."""

        def unit(tx: Tx) -> None:
            guest = actors.by_iri(tx, self.state.get("guest", ""))
            if guest is not None:
                follow_actions.unfollow(tx, self.site, self.ours.asker, guest)
            self.put_out(tx)
            probes.finish(tx, self.site, self.host, list(self.findings.values()), why)

        await self.site.db.write(unit)

    def put_out(self, tx: Tx) -> None:
        """No canary of this peer follows our asker any more."""
        for state in ("accepted", "pending"):
            for follow in follows.followers(tx, self.ours.asker.id, 200, state=state):
                follower = actors.by_id(tx, follow.follower_id)
                if follower is not None and follower.host == self.host:
                    follow_actions.reject(tx, self.site, follow)


def word() -> str:
    """A word that stands nowhere else, so that it is known wherever it turns up."""
    return f"canary{secrets.token_hex(12)}"
