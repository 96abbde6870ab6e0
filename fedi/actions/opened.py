"""What of the groups here is open to which peer: the agreement with it and the scope of the group, held against each other
and written down for the gate (`storage.peer_groups`, `peers.opens`)."""

from collections.abc import Collection

from federation.errors import FederationError
from federation.peering import agreement
from federation.peering.terms import Terms
from fedi.context import Site
from fedi.errors import Forbidden
from storage import actors, agreements, group_scopes, groups, memberships, peer_groups, peers
from storage.actors import Actor
from storage.group_scopes import MAY, Scope
from storage.groups import Group
from storage.metadata import Tx
from storage.peers import Peer

PRIVATE = ("peers", "members")
"""Who may `see` a group that not everyone may."""


def terms_of(tx: Tx, host: str) -> Terms | None:
    """The terms in force with a peer; None where there are none. Raises nothing: what can't be read opens nothing more
    than what is public."""
    row = agreements.in_force(tx, host)
    if row is None:
        return None
    try:
        return agreement.read(row.document).terms
    except FederationError:
        return Terms(visibility=("public",), groups=())


def agreed(peer: Peer) -> bool:
    """Whether there is an agreement with a peer, suspended or not."""
    return "agreed" in (peer.stance, peer.stance_before if peer.stance == "suspended" else None)


def opens(site: Site, terms: Terms | None) -> str:
    """One of `storage.peer_groups.OPENS`: what an agreement with these terms opens by itself."""
    if terms is None:
        return "all"
    if not terms.opens("peers"):
        return "public"
    if not {"*", site.instance_iri}.isdisjoint(terms.groups):
        return "all" if terms.opens("members") else "peers"
    return "listed"


def write_host(tx: Tx, site: Site, peer: Peer) -> None:
    """Write down what is open to a peer, from its agreement and all scopes."""
    terms = terms_of(tx, peer.host)
    wanted = opens(site, terms)
    if wanted != peer.opens:
        peers.change(tx, peer.host, opens=wanted)
    found: dict[int, str] = {}
    if agreed(peer) and wanted != "public":
        scopes = {one.group_id: one for one in group_scopes.everything(tx) if one.mode != "public"}
        naming = set(group_scopes.naming(tx, peer.host))
        listed = actors.by_iris(tx, list(terms.groups)) if terms is not None and wanted == "listed" else {}
        several = actors.by_ids(tx, [*scopes, *(one.id for one in listed.values() if one.local)])
        for group in several.values():
            scope = scopes.get(group.id)
            lets_out = scope is None or scope.mode == "agreed" or (scope.mode == "named" and group.id in naming)
            see = _see(site, group, terms)
            if lets_out and see is not None and (group.local or (scope is not None and scope.mode == "named")):
                found[group.id] = see
    peer_groups.set_host(tx, peer.host, found)


def write_group(tx: Tx, site: Site, group: Actor, row: Group | None) -> None:
    """Write down to whom a group is open, from its scope and all agreements."""
    scope = group_scopes.of_group(tx, group.id)
    mode = scope.mode if scope is not None else "public"
    named = {one.host for one in group_scopes.named(tx, group.id)}
    found: dict[str, str] = {}
    if row is not None and row.see in PRIVATE and mode != "local" and (group.local or mode == "named"):
        for peer in peers.with_stance(tx, ("agreed", "suspended")):
            if not agreed(peer) or (mode == "named" and peer.host not in named):
                continue
            terms = terms_of(tx, peer.host)
            see = _see(site, group, terms)
            if see is not None and (mode != "public" or opens(site, terms) == "listed"):
                found[peer.host] = see
    peer_groups.set_group(tx, group.id, found)


def _see(site: Site, group: Actor, terms: Terms | None) -> str | None:
    """What terms open of a group: what its members read as well, what agreed institutions read, nothing (None). With none
    all is open. Of a group elsewhere its own scope decides, as it is not ours to open."""
    if terms is None:
        return "members"
    if not terms.opens("peers") or (group.local and not terms.covers(group.iri, site.instance_iri)):
        return None
    return "members" if terms.opens("members") else "peers"


def is_open(tx: Tx, group: Actor, row: Group, peer: Peer) -> bool:
    """Whether a group here is open to a peer, were it trusted: the gate (`fedi.visibility`) asks tier and members besides."""
    if row.see not in PRIVATE:
        return True
    scope = group_scopes.of_group(tx, group.id)
    scoped = scope is not None and scope.mode != "public"
    if not agreed(peer):
        return not scoped
    if not scoped and (peer.opens == "all" or (peer.opens == "peers" and row.see == "peers")):
        return True
    found = peer_groups.find(tx, group.id, peer.host)
    return found == "members" or (found == "peers" and row.see == "peers")


def readers(tx: Tx, group: Actor, row: Group) -> set[str]:
    """The peers to which a group here is open: with an agreement, or with members while it federates with everybody."""
    inside = [host for host in memberships.hosts(tx, group.id) if host != group.host]
    several = peers.by_hosts(tx, inside) | {peer.host: peer for peer in peers.with_stance(tx, ("agreed",))}
    return {
        host
        for host, peer in several.items()
        if peer.stance not in ("blocked", "suspended") and is_open(tx, group, row, peer)
    }


def private_groups(tx: Tx, ids: list[int]) -> list[tuple[Actor, Group]]:
    """Those of these groups that not everyone may read, and that are not closed."""
    rows, known = groups.by_ids(tx, ids), actors.by_ids(tx, ids)
    return [
        (known[one], row)
        for one, row in rows.items()
        if row.see in PRIVATE and one in known and known[one].state == "active"
    ]


def mode_of(tx: Tx, group: Actor) -> str:
    """The scope of a group: one of `storage.group_scopes.MODES`."""
    scope = group_scopes.of_group(tx, group.id)
    return scope.mode if scope is not None else "public"


def check(tx: Tx, group: Actor, host: str, act: str) -> None:
    """Raises Forbidden, code `scope`, unless somebody at a peer may do this (one of MAY) in a group hosted here."""
    if not group.local or host == group.host:
        return
    scope = group_scopes.of_group(tx, group.id)
    may: Collection[str] = scope.may if scope is not None else MAY
    row = groups.by_id(tx, group.id)
    if row is not None and row.see in PRIVATE:
        peer = peers.by_host(tx, host)
        if peer is None or not is_open(tx, group, row, peer):
            what = (
                "the agreement with it covers other groups"
                if peer is not None and agreed(peer)
                else "there is no agreement with it"
            )
            raise Forbidden(f"{group.name} is not open to {host}: {_why(scope, what)}.", code="scope")
        if scope is not None and scope.mode == "named":
            named = group_scopes.of_peer(tx, group.id, host)
            may = named.may if named is not None and named.may is not None else may
    if act not in may:
        raise Forbidden(f"{group.name} does not let people of {host} {act}.", code="scope")


def _why(scope: Scope | None, otherwise: str) -> str:
    mode = scope.mode if scope is not None else "public"
    if mode == "local":
        return "it is for this institution alone"
    return "it is for the institutions that it names" if mode == "named" else otherwise
