"""`fedi peer`: the institutions that this one knows, and how it stands to them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli import peer_agreeing, peer_health, peer_pausing, peer_probe
from fedi.cli.console import opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.peer_named import Host, fields_of, host_of, not_met

if TYPE_CHECKING:
    from storage.agreements import AgreementRow
    from storage.links import Link
    from storage.peers import Peer

STANDING = ("draft", "offered", "review", "active", "suspended", "notice")
"""States of an agreement that is in force, or may come to be."""

app = typer.Typer(help="Peering with institutions, and the hosts that this instance knows.", no_args_is_help=True)


@app.command("list")
def list_(
    requests: Annotated[
        bool, typer.Option("--requests", help="Only those whose offer or request waits for us.")
    ] = False,
    agreed: Annotated[bool, typer.Option("--agreed", help="Only those with which something is agreed.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Every host that was met, by name, with what is agreed, offered or asked."""
    with opened(config) as site:
        from fedi.actions import peers as acts
        from storage import agreements, links, peers

        found = site.db.read_now(lambda tx: (peers.everyone(tx), {link.host: link for link in links.everyone(tx)}))
        rows_of: dict[str, list[AgreementRow]] = {}
        for row in site.db.read_now(lambda tx: agreements.in_state(tx, *STANDING)):
            rows_of.setdefault(row.host, []).append(row)
        asking = {one.host for one in site.db.read_now(lambda tx: acts.requests(tx, site))}
    asking |= {
        host
        for host, several in rows_of.items()
        if any(row.state in ("offered", "review") and _waits(row) for row in several)
    }
    rows = [
        _fields(peer, found[1].get(peer.host), rows_of.get(peer.host, [])) | {"waits_for_us": peer.host in asking}
        for peer in found[0]
        if (not requests or peer.host in asking) and (not agreed or peer.stance in ("agreed", "suspended"))
    ]
    if as_json:
        print_json(rows)
    else:
        names = ("host", "stance", "tier", "agreement", "software", "version", "last_seen", "last_delivery", "problem")
        print_rows(rows, names, none=_none(requests=requests, agreed=agreed))


@app.command()
def show(
    host: Host,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """One host: what is agreed, how the peering is doing, and the newest decisions about what came from there."""
    with opened(config) as site:
        from fedi import health
        from fedi.actions import peers as acts
        from storage import agreement_events, agreements, decisions, links, peers

        host = host_of(host)
        peer, link, decided = site.db.read_now(
            lambda tx: (peers.by_host(tx, host), links.by_host(tx, host), decisions.newest(tx, 20, host))
        )
        agreed = site.db.read_now(lambda tx: agreements.of_host(tx, host))
        doing = site.db.read_now(lambda tx: health.of_peer(tx, site, host))
        keys = site.db.read_now(lambda tx: acts.shown_keys(tx, host))
        events = site.db.read_now(lambda tx: [agreement_events.of_agreement(tx, row.id) for row in agreed[:3]])
    if peer is None:
        raise not_met(host)
    fields = _fields(peer, link, agreed)
    fields |= {"first_seen": timestamp(peer.first_seen_at), "reason": peer.reason}
    fields |= {
        "instance_actor": peer.instance_actor,
        "fingerprint": ", ".join(keys) or None,
        "key_confirmed": peer.pinned_key is not None,
        "suspended_by": peer.suspended_by,
        "suspended_until": timestamp(peer.suspended_until),
        "private_waits": peer.paused,
    }
    about = [
        {
            "at": timestamp(each.created_at),
            "direction": each.direction,
            "type": each.type,
            "verdict": each.verdict,
            "code": each.code,
            "reason": each.reason,
        }
        for each in decided
    ]
    said = sorted((one for several in events for one in several), key=lambda one: one.id)[-20:]
    told = [{"at": timestamp(one.at), "who": one.who, "kind": one.kind, "text": one.text} for one in said]
    if as_json:
        more = {"agreements": [fields_of(row) for row in agreed], "events": told, "decisions": about}
        print_json(fields | {"health": health.as_fields(doing) if doing is not None else None} | more)
        return
    print_fields(fields)
    if doing is not None:
        print()
        print(f"{doing.colour}: {'; '.join(doing.words) or 'as it should be'}")
    if agreed:
        print()
        names = ["number", "version", "state", "offered_by", "signatures", "starts", "ends", "reason"]
        if any(row.notice_at is not None for row in agreed):
            names.insert(-1, "notice")
        print_rows([fields_of(row) for row in agreed], names, none="")
        print()
        print_rows(told, ("at", "who", "kind", "text"), none="")
    if about:
        print()
        print_rows(about, ("at", "direction", "type", "verdict", "reason"), none="")


def _none(*, requests: bool, agreed: bool) -> str:
    if requests:
        return "no offer or request waits for us"
    return "nothing is agreed with anybody; «fedi peer invite URL» begins" if agreed else "no host was met yet"


def _waits(row: "AgreementRow") -> bool:
    """Whether an open offer waits for us: theirs for an answer, ours for their key to be confirmed."""
    return not row.ours or (len(row.proofs) > 1 and not row.trusted)


def _fields(peer: "Peer", link: "Link | None", rows: "Sequence[AgreementRow]") -> dict[str, Any]:
    return {
        "host": peer.host,
        "stance": peer.stance,
        "tier": peer.tier,
        "one_sided": peer.one_sided,
        "agreement": _standing(rows),
        "software": peer.software,
        "version": peer.version,
        "last_seen": timestamp(peer.last_seen_at),
        "last_delivery": timestamp(link.last_success_at) if link is not None else None,
        "problem": link.problem if link is not None else None,
    }


def _standing(rows: "Sequence[AgreementRow]") -> str | None:
    """What is in force and what is asked beside it, as `v1 active, v2 offered`; when that is nothing, what came last."""
    standing = sorted((row for row in rows if row.state in STANDING), key=lambda row: row.id)
    last = sorted(rows, key=lambda row: row.id)[-1:]
    return ", ".join(f"v{row.version} {row.state}" for row in standing or last) or None


_COMMANDS: Mapping[str, Callable[..., None]] = {
    "invite": peer_agreeing.invite,
    "offer": peer_agreeing.offer,
    "review": peer_agreeing.review,
    "compare": peer_agreeing.compare,
    "sign": peer_agreeing.sign,
    "refuse": peer_agreeing.refuse,
    "withdraw": peer_agreeing.withdraw,
    "change": peer_agreeing.change,
    "agree-alone": peer_agreeing.agree_alone,
    "pin": peer_agreeing.pin,
    "terms": peer_agreeing.terms,
    "suspend": peer_pausing.suspend,
    "resume": peer_pausing.resume,
    "notice": peer_pausing.notice,
    "end": peer_pausing.end,
    "block": peer_pausing.block,
    "limit": peer_pausing.limit,
    "unblock": peer_pausing.unblock,
    "health": peer_health.health,
    "impact": peer_health.impact,
    "probe": peer_probe.probe,
    "report": peer_probe.report,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
