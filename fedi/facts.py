"""Facts for the federation policy, gathered: of an activity that came, of a document that was fetched, of what is delivered,
announced, shown or answered.

`Known` is made once for a batch and asks the database once for what several of it have in common: how we stand to a host,
with whom a group federates. Everything else is in what was read already, as thousands of activities come in a second.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from federation import fields as wire
from federation.activity import Activity, Authentic
from federation.audience import Audience, read_audience
from federation.audience import visibility as visibility_of
from federation.errors import FederationError
from federation.hosts import host_of
from federation.peering.machine import is_peering
from federation.policy.content import MOST, NOTHING, links_in, read_content, words_of
from federation.policy.envelopes import OPEN
from federation.policy.facts import Direction, Facts
from federation.vocabulary.actor import ActorDocument
from federation.vocabulary.note import PostDocument
from fedi.context import Site
from storage import actors, agreements, follows, group_scopes, groups, peers, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.outbox import Sent
from storage.posts import Post

AGREEMENT = "peer:Agreement"
"""What `Facts.object` says of messages between institutions about their peering, which get through when nothing else may."""
_WRITTEN = frozenset({"attributedTo", "content", "contentMap"})
"""Properties of posts: what has them is no agreement, whatever it calls itself."""
_DAY = 24 * 3600 * 1000
_ADDRESSED = frozenset({"to", "cc", "bto", "bcc"})
_ABOUT_POSTS = frozenset({"Create", "Update", "Announce"})
"""Types of activities that bring a post, or show one."""
_AFFILIATED = frozenset({"Student", "Faculty", "Staff", "Alum"})
_MEMBERS = frozenset({"student", "faculty", "staff"})
_STRICTNESS = {"none": 0, "agreed": 0, "limited": 1, "suspended": 2, "blocked": 3}


class Standing(NamedTuple):
    """How we stand to a host, and what it runs."""

    stance: str = "none"
    tier: str = "public"
    software: str | None = None
    version: str | None = None
    agreement: str | None = None


_UNKNOWN = Standing()


class Known:
    """What is asked of the database for the facts of one batch, in one transaction."""

    def __init__(self, tx: Tx, site: Site) -> None:
        self.tx = tx
        self.site = site
        self.now = site.clock()
        self.mode: str = site.config.federation.mode
        self._own = site.config.host
        self._groups = site.config.origin + "/groups/"
        self._standings: dict[str, Standing] = {}
        self._scopes: dict[str, str | None] = {}
        self._readers: dict[str, str] = {}

    def standing(self, host: str) -> Standing:
        """How we stand to a host."""
        found = self._standings.get(host)
        if found is None:
            peer = peers.by_host(self.tx, host) if host != self._own else None
            found = self._standing_of(peer) if peer is not None else _UNKNOWN
            self._standings[host] = found
        return found

    def meet(self, several: Collection[str]) -> None:
        """Ask at once how we stand to these hosts."""
        unknown = [one for one in dict.fromkeys(several) if one not in self._standings and one != self._own]
        if unknown:
            met = peers.by_hosts(self.tx, unknown)
            for host in unknown:
                self._standings[host] = self._standing_of(met[host]) if host in met else _UNKNOWN

    def _standing_of(self, peer: peers.Peer) -> Standing:
        agreement = agreements.iri_in_force(self.tx, peer.host) if peer.stance == "agreed" else None
        return Standing(peer.stance, peer.tier, peer.software, peer.version, agreement)

    def stance(self, here: Standing, others: Iterable[str | None]) -> str:
        """The stance to a host, or to another that has to do with it, where we stand to that one more strictly."""
        strictest = here.stance
        for host in others:
            if host is not None and host != self._own:
                other = self.standing(host).stance
                if _STRICTNESS[other] > _STRICTNESS[strictest]:
                    strictest = other
        return strictest

    def local_group(self, iris: Iterable[str]) -> str | None:
        """The first of these IRIs that is one of a group hosted here."""
        start = self._groups
        return next((one for one in iris if one.startswith(start) and "/" not in one[len(start) :]), None)

    def scope(self, group: str | None) -> str | None:
        """With whom a group hosted here federates; None for one that is not."""
        if group is None or not group.startswith(self._groups):
            return None
        if group not in self._scopes:
            row = actors.by_iri(self.tx, group)
            scope = group_scopes.of_group(self.tx, row.id) if row is not None else None
            self._scopes[group] = None if row is None else "public" if scope is None else scope.mode
        return self._scopes[group]

    def visibility(self, activity: str, audience: Audience, author: Actor | None, group: str | None) -> str | None:
        """For whom a post is that an activity of this type is about, from whom it is addressed to; in a group that not everyone
        may read it is for whom that group is. None of what carries no post."""
        if activity not in _ABOUT_POSTS:
            return None
        found = visibility_of(audience, author.followers if author is not None else None)
        if found == "direct" and group is not None and any(one.startswith(group) for one in audience.everyone):
            see = self._see(group)
            return found if see == "public" else see
        return found

    def _group_of(self, iri: str | None) -> str | None:
        """The group hosted here that a post is in, as far as it is known: whoever answers there need not name it."""
        post = posts.by_iri(self.tx, iri) if iri is not None else None
        if post is None or post.group_id is None:
            return None
        row = actors.by_id(self.tx, post.group_id)
        return row.iri if row is not None and row.local else None

    def _see(self, group: str) -> str:
        """Who may read a group; of one that is not known the fewest."""
        if group not in self._readers:
            row = actors.by_iri(self.tx, group)
            found = groups.by_id(self.tx, row.id) if row is not None else None
            self._readers[group] = found.see if found is not None else "members"
        return self._readers[group]

    # What is decided about.

    def received(self, authentic: Authentic, host: str) -> Facts:
        """Of an activity that `host` sent to us."""
        return self._activity(authentic.activity, authentic.signer, host, None)

    def passed_on(self, activity: Activity, group: Actor) -> Facts:
        """Of an activity that a group elsewhere passed on to us."""
        return self._activity(activity, activity.actor, group.host, group)

    def _activity(self, activity: Activity, signer: str, host: str, announcer: Actor | None) -> Facts:
        thing = activity.object
        inner = thing if isinstance(thing, dict) else next(iter(wire.as_objects(thing)), None)
        by = actors.by_iri(self.tx, signer)
        audience: Audience | None = None
        author: str | None = None
        author_host: str | None = None
        said, object_type = NOTHING, None
        group = wire.first_id(activity.document.get("audience"))
        announces = activity.type == "Announce"
        if inner is not None:
            kinds = wire.types(inner)
            object_type = kinds[0] if kinds else None
            if is_peering(activity.type, activity.document) and _WRITTEN.isdisjoint(inner):
                object_type = AGREEMENT
            group = group or wire.first_id(inner.get("audience"))
            if announces:
                author = wire.first_id(inner.get("actor")) or wire.first_id(inner.get("attributedTo"))
            elif "attributedTo" in inner or "content" in inner:
                author = signer
                # It is for whom it says itself, whoever its Create is for.
                audience = activity.audience if _ADDRESSED.isdisjoint(inner) else read_audience(inner)
                said = read_content(inner, open_=audience.public_in is not None)
        object_id = wire.first_id(thing)
        if announces:
            if author is None and inner is None and object_id is not None:
                post = posts.by_iri(self.tx, object_id)
                row = actors.by_id(self.tx, post.author_id) if post is not None else None
                author = row.iri if row is not None else None
            author_host = _host(author or object_id)
        elif author is not None:
            author_host = host
        if announcer is not None:
            group = announcer.iri
            author_host = _host(author or signer)  # who did it is elsewhere than who passes it on
        elif announces and by is not None and by.is_group:
            group = signer
        else:
            about = wire.first_id(inner.get("inReplyTo")) if inner is not None else None
            group = self._group_of(about or object_id) or group
        if audience is None:
            audience = activity.audience
        if group is None:
            named = [object_id] if object_id is not None else []
            group = self.local_group((*named, *audience.to, *audience.cc))
        if author_host == self._own:
            author_host = None  # a rule about others is not about us
        visible = self.visibility(activity.type, audience, by, group)
        announcing = announcer.iri if announcer is not None else signer if announces else None
        here = self.standing(host)
        announcer_host = host if announcing is not None else None
        return Facts(
            at=self.now,
            direction="in",
            host=host,
            activity=activity.type,
            object=object_type,
            activity_id=activity.id,
            object_id=object_id,
            actor=signer,
            author=author,
            announcer=announcing,
            author_host=author_host,
            announcer_host=announcer_host,
            software=here.software,
            version=here.version,
            mode=self.mode,
            stance=here.stance
            if author_host is None or author_host == host
            else self.stance(here, (author_host, announcer_host)),
            tier=here.tier,
            agreement=here.agreement,
            group=group,
            group_scope=self.scope(group),
            affiliation=_affiliation(by),
            account_days=_days(by, self.now),
            followers=by.followers_count if by is not None else None,
            followed=follows.has_local_follower(self.tx, by.id) if by is not None else None,
            mentions=said.mentions,
            hashtags=said.hashtags,
            links=said.links,
            media=said.media,
            media_types=said.media_types,
            media_bytes=said.media_bytes,
            language=said.language,
            visibility=visible,
            sensitive=said.sensitive,
            reply=said.reply,
            size=len(activity.raw),
            text=said.text if visible in OPEN else "",
        )

    def post(self, document: PostDocument, author: Actor, *, announcer: Actor | None = None) -> Facts:
        """Of a post that was read at its own origin, or that came in any way but in an activity of its own: as if it had
        been published to us now. It is the same question, so that no other way leads in."""
        host = announcer.host if announcer is not None else author.host
        here = self.standing(host)
        if announcer is not None:
            group: str | None = announcer.iri
        else:
            group = self._group_of(document.in_reply_to) or self.local_group(document.groups)
        visible = self.visibility("Create", document.audience, author, group)
        types = tuple(dict.fromkeys(one["media_type"] for one in document.attachments if one.get("media_type")))
        return Facts(
            at=self.now,
            direction="in",
            host=host,
            activity="Create",
            object=document.kind,
            object_id=document.id,
            actor=author.iri,
            author=author.iri,
            announcer=announcer.iri if announcer is not None else None,
            author_host=author.host,
            announcer_host=announcer.host if announcer is not None else None,
            software=here.software,
            version=here.version,
            mode=self.mode,
            stance=self.stance(here, (author.host,)),
            tier=here.tier,
            agreement=here.agreement,
            group=group,
            group_scope=self.scope(group),
            affiliation=_affiliation(author),
            account_days=_days(author, self.now),
            followers=author.followers_count,
            followed=follows.has_local_follower(self.tx, author.id),
            mentions=len(document.mentions),
            hashtags=tuple(one.casefold() for one in document.hashtags[:MOST]),
            links=links_in(document.content),
            media=len(document.attachments),
            media_types=types[:MOST],
            language=document.language,
            visibility=visible,
            sensitive=document.sensitive,
            reply=document.in_reply_to is not None,
            size=len(document.content),
            text=words_of(document.title, document.summary, document.content) if visible in OPEN else "",
        )

    def actor(self, document: ActorDocument, host: str, about: str | None = None) -> Facts:
        """Of an actor whose document was read at its own origin, for what is `about` something."""
        here = self.standing(host)
        return Facts(
            at=self.now,
            direction="in",
            host=host,
            object=about or document.kind,
            object_id=document.id,
            actor=document.id,
            software=here.software,
            version=here.version,
            mode=self.mode,
            stance=here.stance,
            tier=here.tier,
            agreement=here.agreement,
            account_days=max(0, self.now - document.published) // _DAY if document.published else None,
        )

    def host(
        self, direction: Direction, host: str, *, activity: str = "", actor: str | None = None, about: str | None = None
    ) -> Facts:
        """Of a host alone: that is asked, that asks, that speaks, or to which anything is sent; `about` something."""
        here = self.standing(host)
        return Facts(
            at=self.now,
            direction=direction,
            host=host,
            activity=activity,
            object=about,
            actor=actor,
            software=here.software,
            version=here.version,
            mode=self.mode,
            stance=here.stance,
            tier=here.tier,
            agreement=here.agreement,
        )

    def sent(self, row: Sent, signer: Actor | None, post: Post | None, group: str | None) -> Facts:
        """Of what we send, whoever gets it: `delivered` makes of it what is sent to a host. `group` is the IRI of the one that it is in."""
        document = _decoded(row.body)
        activity: dict[str, Any] = document
        thing = next(iter(wire.as_objects(document.get("object"))), None)
        if row.type == "Announce" and thing is not None and "actor" in thing:
            activity = thing
            thing = next(iter(wire.as_objects(thing.get("object"))), None)
        author = wire.first_id(activity.get("actor"))
        audience = read_audience(document)
        open_ = audience.public_in is not None and (post is None or post.visibility in ("public", "unlisted"))
        said = read_content(thing, open_=open_) if thing is not None else NOTHING
        kinds = wire.types(thing) if thing is not None else wire.types(activity) if activity is not document else []
        announces = row.type == "Announce"
        found = _host(author) if author is not None else None
        what = kinds[0] if kinds else None
        return Facts(
            at=self.now,
            direction="out",
            host="",
            activity=row.type,
            object=AGREEMENT if is_peering(row.type, document) else what,
            activity_id=row.activity_id,
            object_id=wire.first_id(document.get("object")),
            actor=signer.iri if signer is not None else None,
            author=author,
            announcer=signer.iri if announces and signer is not None else None,
            author_host=found if found != self._own else None,
            mode=self.mode,
            group=group,
            group_scope=self.scope(group),
            affiliation=_affiliation(signer),
            account_days=_days(signer, self.now),
            followers=signer.followers_count if signer is not None else None,
            mentions=said.mentions,
            hashtags=said.hashtags,
            links=said.links,
            media=said.media,
            media_types=said.media_types,
            media_bytes=said.media_bytes,
            language=said.language,
            visibility=post.visibility if post is not None else self.visibility(row.type, audience, signer, group),
            sensitive=said.sensitive,
            reply=said.reply,
            size=len(row.body),
            text=said.text,
        )

    def delivered(self, sent: Facts, host: str) -> Facts:
        """What `sent` gave, for one host."""
        here = self.standing(host)
        return structs.replace(
            sent,
            host=host,
            software=here.software,
            version=here.version,
            stance=self.stance(here, (sent.author_host,)),
            tier=here.tier,
            agreement=here.agreement,
        )

    def announced(self, group: Actor, author: Actor | None, post: Post | None, activity: dict[str, Any]) -> Facts:
        """Of what a group hosted here is about to pass on to its followers."""
        host = author.host if author is not None else group.host
        here = self.standing(host)
        thing = next(iter(wire.as_objects(activity.get("object"))), None)
        open_ = post is not None and post.visibility in ("public", "unlisted")
        said = read_content(thing, open_=open_) if thing is not None else NOTHING
        kinds = wire.types(activity)
        return Facts(
            at=self.now,
            direction="announce",
            host=host,
            activity=kinds[0] if kinds else "",
            object=post.kind if post is not None else None,
            activity_id=wire.id_of(activity),
            object_id=post.iri if post is not None else wire.first_id(activity.get("object")),
            actor=wire.first_id(activity.get("actor")),
            author=author.iri if author is not None else None,
            announcer=group.iri,
            author_host=author.host if author is not None and not author.local else None,
            software=here.software,
            version=here.version,
            mode=self.mode,
            stance=here.stance,
            tier=here.tier,
            agreement=here.agreement,
            group=group.iri,
            group_scope=self.scope(group.iri),
            affiliation=_affiliation(author),
            account_days=_days(author, self.now),
            mentions=said.mentions,
            hashtags=said.hashtags,
            links=said.links,
            media=said.media,
            media_types=said.media_types,
            media_bytes=said.media_bytes,
            language=said.language,
            visibility=post.visibility if post is not None else None,
            sensitive=said.sensitive,
            reply=said.reply,
            text=said.text,
        )


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _host(iri: str | None) -> str | None:
    if iri is None:
        return None
    try:
        return host_of(iri)
    except FederationError:
        return None


def _days(actor: Actor | None, now: int) -> int | None:
    return max(0, now - actor.created_at) // _DAY if actor is not None else None


def _affiliation(actor: Actor | None) -> tuple[str, ...]:
    """What an actor is at their own institution, by that institution's word, with `member` where it follows (eduPerson)."""
    if actor is None or not actor.fields:
        return ()
    first = actor.fields[0]
    name = first.get("name")
    if (
        name not in _AFFILIATED
        or first.get("verified_at") is None
        or f'"{actor.iri}/affiliation"' not in first["value"]
    ):
        return ()
    found = str(name).lower()
    return (found, "member") if found in _MEMBERS else (found,)
