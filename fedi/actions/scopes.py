"""The scope of a group: with which institutions it federates, and what they may do in it. An agreement opens groups to a
peer, and the scope of a group lets its own out: what both let is open, and kept row by row for the gate
(`storage.peer_groups`).

What happens to those who lose a group is `fedi.actions.narrowing`.
"""

import contextlib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from federation import fields as wire
from federation.errors import FederationError
from federation.hosts import host_of, normal_host
from fedi.actions import follows as follow_actions
from fedi.actions import narrowing, opened
from fedi.actions.groups import scope_field
from fedi.actions.opened import check, mode_of
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.languages import N_, _, ngettext
from storage import actors, audit, follows, group_scopes, groups, memberships, peers, people
from storage.actors import Actor
from storage.group_scopes import MAY, MODES, Named, Scope
from storage.groups import Group
from storage.metadata import Tx

__all__ = [
    "MAY_WORDS",
    "MODE_WORDS",
    "Readers",
    "agreement_changed",
    "check",
    "choose",
    "closed_to",
    "may_set",
    "mode_of",
    "mode_words",
    "readers",
    "said",
    "set_scope",
    "words",
]

MOST = 500
"""Peers that a group may name."""

MODE_WORDS = {
    "local": N_("nobody outside"),
    "named": N_("the institutions that it names"),
    "agreed": N_("every institution with an agreement"),
    "public": N_("everyone"),
}
"""With whom a group of a mode federates, in the words of every page."""
MAY_WORDS = {
    "read": N_("read"),
    "reply": N_("answer"),
    "post": N_("begin threads"),
    "react": N_("like and vote"),
    "announce": N_("pass it on"),
    "moderate": N_("moderate"),
}
"""What people elsewhere may do in a group, in the words of every page."""

Peers = Mapping[str, Collection[str] | None] | Collection[str]


class Readers(NamedTuple):
    """Who can read a group: how many institutions, this one included, and how many people that are known."""

    institutions: int
    people: int


def set_scope(
    tx: Tx, site: Site, who: str, group: Actor, mode: str, hosts: Peers = (), may: Collection[str] | None = None
) -> Scope:
    """Say with whom a group hosted here federates: nobody (`local`), the peers `named`, all `agreed` ones, or everybody
    (`public`); `may` is what they may do there (all of `storage.group_scopes.MAY` if None), for each of `hosts` where it is
    a mapping. Who loses the group by that is put out of it and asked to erase it.

    Raises Forbidden for a group elsewhere, Invalid for what can't be so, with the mend.
    """
    row = groups.by_id(tx, group.id)
    if row is None or not group.local or group.state != "active":
        raise Forbidden("With whom a group federates is decided on its own server.", code="elsewhere")
    if mode not in MODES:
        raise Invalid(f"A scope is one of {', '.join(MODES)}, not {mode!r}.", code="scope")
    named = _named(tx, site, group, mode, hosts)
    if mode != "public" and row.see == "public":
        raise Invalid(
            f"Everyone on the web reads {group.name}, so it can't be kept from institutions. Only a group that was founded"
            " for agreed institutions (see: peers) or for its members (see: members) can federate with some: found one and"
            " move there.",
            code="scope-of-public",
        )
    chosen = Scope(group.id, mode, _may(may, "may"), site.clock())
    before = group_scopes.of_group(tx, group.id)
    readers_before = opened.readers(tx, group, row)
    if mode == "public" and set(chosen.may) == set(MAY):
        group_scopes.forget(tx, group.id)
    else:
        group_scopes.save(tx, chosen, named)
    actors.change(tx, group.id, fields=[scope_field(row.see, mode)])
    opened.write_group(tx, site, group, row)
    lost = sorted(readers_before - opened.readers(tx, group, row))
    _log(tx, site, who, group, before, chosen, named, lost)
    narrowing.closed(tx, site, group, lost, f"{group.name} does not federate with your institution any more")
    _let_in(tx, site, group)
    narrowing.tell(tx, site, group)
    return chosen


def may_set(tx: Tx, by: Actor, group: Actor) -> bool:
    """Whether a person here says with whom a group federates: its owner, or an admin of this instance."""
    person, membership = people.by_id(tx, by.id), memberships.find(tx, group.id, by.id)
    if not group.local or person is None or person.state != "active":
        return False
    owns = membership is not None and membership.role == "owner" and membership.state == "accepted"
    return owns or person.role == "admin"


def choose(
    tx: Tx, site: Site, by: Actor, group: Actor, mode: str, hosts: Peers = (), may: Collection[str] | None = None
) -> Scope:
    """`set_scope` by a person here. Raises as that, and Forbidden for who may not."""
    if not may_set(tx, by, group):
        raise Forbidden("With whom a group federates is up to its owner and to admins.", code="not-the-owner")
    return set_scope(tx, site, by.username, group, mode, hosts, may)


def _named(tx: Tx, site: Site, group: Actor, mode: str, hosts: Peers) -> list[Named]:
    if mode != "named":
        if hosts:
            raise Invalid(f"Peers are named for the scope named; {mode} names none.", code="scope-peers")
        return []
    if not hosts:
        raise Invalid("Name at least one peer, or choose the scope local.", code="scope-peers")
    if len(hosts) > MOST:
        raise Invalid(f"A group names at most {MOST} peers; the scope agreed means all of them.", code="scope-peers")
    found: dict[str, Named] = {}
    for given in hosts:
        may = hosts[given] if isinstance(hosts, Mapping) else None
        try:
            host = normal_host(given.strip())
        except FederationError as problem:
            raise Invalid(f"{given!r} is no host.", code="scope-peers") from problem
        if host == site.config.host:
            raise Invalid("This institution itself is always in scope; name others.", code="scope-peers")
        if peers.by_host(tx, host) is None:
            raise Invalid(
                f"{host} is no peer of this instance; ask it first: fedi peer invite {host}", code="scope-peers"
            )
        found[host] = Named(group.id, host, None if may is None else _may(may, host))
    return list(found.values())


def _may(given: Collection[str] | None, of: str) -> list[str]:
    if given is None:
        return list(MAY)
    unknown = sorted(set(given) - set(MAY))
    if unknown:
        raise Invalid(f"{of}: there is no {unknown[0]!r}; peers may {', '.join(MAY)}.", code="scope-may")
    if "read" not in given:
        raise Invalid(f"{of}: who may not read is not in the scope: leave it out, or choose local.", code="scope-may")
    return [one for one in MAY if one in given]


def _log(
    tx: Tx,
    site: Site,
    who: str,
    group: Actor,
    before: Scope | None,
    now: Scope,
    named: Collection[Named],
    lost: list[str],
) -> None:
    body = {
        "mode": now.mode,
        "may": now.may,
        "peers": {one.host: one.may for one in named},
        "before": before.mode if before is not None else "public",
        "lost": lost,
    }
    audit.add(tx, site.new_id(), site.clock(), who, "group.scope", group.handle, body)


def agreement_changed(tx: Tx, site: Site, host: str) -> None:
    """What is in force with a peer changed, or its stance: write down anew what is open to it, and put its people out of
    the groups that are not any more. A suspension closes nothing for good: it keeps every edge."""
    peer = peers.by_host(tx, host)
    if peer is None:
        return
    opened.write_host(tx, site, peer)
    peer = peers.by_host(tx, host)
    if peer is None or peer.stance in ("suspended", "blocked"):
        return
    for group, row in opened.private_groups(tx, memberships.groups_with(tx, host)):
        if opened.is_open(tx, group, row, peer):
            _let_in(tx, site, group, host)
        else:
            reason = f"the agreement with your institution does not cover {group.name} any more"
            audit.add(
                tx, site.new_id(), site.clock(), "fedi", "group.closed", group.handle, {"host": host, "reason": reason}
            )
            narrowing.closed(tx, site, group, [host], reason)


def _let_in(tx: Tx, site: Site, group: Actor, host: str | None = None) -> None:
    """Let in who asked to be in a group (of one host) and need not wait for a moderator any more."""
    waiting = actors.by_ids(tx, [one.actor_id for one in memberships.of_group(tx, group.id, "pending")])
    for actor in waiting.values():
        follow = follows.find(tx, actor.id, group.id)
        if follow is not None and follow.state == "pending" and not actor.local and host in (None, actor.host):
            follow_actions.reconsider(tx, site, follow, actor, group)


def said(tx: Tx, site: Site, group: Actor, document: Mapping[str, object]) -> None:
    """A group elsewhere says in its document with whom it federates: what it does not let out is shown to no third server
    here either. What it says that is not understood counts as the narrowest."""
    before = group_scopes.of_group(tx, group.id)
    told = wire.string(document.get("federatesWith"))
    if told is None:
        if before is not None:
            group_scopes.forget(tx, group.id)
            opened.write_group(tx, site, group, groups.by_id(tx, group.id))
        return
    mode = told if told in MODES else "local"
    listed = wire.ids(document.get("audiencePeers"))[:MOST] if mode == "named" else []
    hosts: dict[str, None] = {}
    for iri in listed:
        with contextlib.suppress(FederationError):
            hosts[host_of(iri)] = None
    may = [one for one in MAY if one in wire.as_list(document.get("peersMay"))] or ["read"]
    named = [Named(group.id, host, None) for host in sorted(hosts)]
    same = before is not None and (before.mode, before.may) == (mode, may)
    if not same or group_scopes.named(tx, group.id) != named:
        group_scopes.save(tx, Scope(group.id, mode, may, site.clock()), named)
        opened.write_group(tx, site, group, groups.by_id(tx, group.id))


def readers(tx: Tx, site: Site, group: Actor) -> Readers:
    """Who can read a group hosted here: institutions with this one, and the people that are known: of what only members
    read its members, else everybody here and the members elsewhere."""
    row = groups.by_id(tx, group.id)
    inside = memberships.hosts(tx, group.id)
    if row is None or row.see == "public":
        return Readers(len({*inside, site.config.host}), sum(inside.values()))
    open_to = opened.readers(tx, group, row)
    members = {host: number for host, number in inside.items() if host == site.config.host or host in open_to}
    if row.see == "members":
        return Readers(len({*members, site.config.host}), sum(members.values()))
    everybody, _ = people.totals(tx, site.clock())
    elsewhere = sum(number for host, number in members.items() if host != site.config.host)
    return Readers(1 + len(open_to), everybody + elsewhere)


def closed_to(tx: Tx, group: Actor, hosts: Collection[str]) -> list[str]:
    """Those of these peers that read nothing of a group here, though it names them: no agreement with them covers it (yet)."""
    row = groups.by_id(tx, group.id)
    open_to = opened.readers(tx, group, row) if row is not None else set()
    return [host for host in hosts if host not in open_to]


def mode_words(tx: Tx, group: Actor) -> str:
    """With whom a group federates, in the reader's words."""
    return _(MODE_WORDS[mode_of(tx, group)])


def words(tx: Tx, site: Site, group: Actor, row: Group | None = None) -> str:
    """Who can read what is written in a group, in words, for who is about to write."""
    row = row or groups.by_id(tx, group.id)
    if row is None or row.see == "public":
        return _("everyone on the web")
    if not group.local:
        if row.see == "members":
            return _("its members, wherever %(host)s lets them be") % {"host": group.domain}
        return _("people whom %(host)s lets") % {"host": group.domain}
    found = readers(tx, site, group)
    at = ngettext("%(num)s university", "%(num)s universities", found.institutions) % {"num": found.institutions}
    who = ngettext("%(num)s person", "%(num)s people", found.people) % {"num": found.people}
    if row.see == "members":
        return f"{at}, {who}"
    return _("everybody at %(universities)s: %(people)s that are known here") % {"universities": at, "people": who}
