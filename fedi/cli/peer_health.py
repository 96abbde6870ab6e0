"""`fedi peer health` and `fedi peer impact`: how a peering goes, and what a suspension pauses and an end would cost."""

from typing import TYPE_CHECKING, Any

from fedi.cli.console import opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.peer_named import Host, host_of, not_met

if TYPE_CHECKING:
    from fedi.health import Health


def health(host: Host, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """How a peering goes: what waits, what is missing, how quickly it answers, what was refused; and what to look at."""
    with opened(config) as site:
        from fedi import health as healths

        name = host_of(host)
        found = site.db.read_now(lambda tx: healths.of_peer(tx, site, name))
    if found is None:
        raise not_met(name)
    if as_json:
        from fedi.health import as_fields

        print_json(as_fields(found))
        return
    print_fields(health_fields(found))


def health_fields(found: "Health") -> dict[str, Any]:
    """What `fedi peer show` and `fedi peer health` print of a peering, in order; what is not known is left out."""
    fields: dict[str, Any] = {
        "health": found.colour,
        "because": "; ".join(found.words),
        "waits": found.queue or None,
        "oldest waits": f"{found.lag_seconds} s" if found.queue else None,
        "waits because": found.kept,
        "taken in an hour": _part(found.success_hour),
        "taken in a day": _part(found.success_day),
        "answers of a day": f"{found.quick} within 0.2 s, {found.usual} within 1 s, {found.slow} later"
        if found.quick + found.usual + found.slow
        else None,
        "last in": timestamp(found.last_in),
        "last out": timestamp(found.last_out),
        "clock ahead": f"{found.clock_skew_ms} ms" if found.clock_skew_ms is not None else None,
        "key age": f"{found.key_age_days} days" if found.key_age_days is not None else None,
        "agreement": found.agreement,
        "agreement ends in": f"{found.agreement_days_left} days" if found.agreement_days_left is not None else None,
        "suspended until": timestamp(found.suspended_until),
        "checks": ", ".join(f"{check} {verdict}" for check, verdict in sorted(found.probes.items())) or None,
        "refused of theirs": _codes(found.refused_in),
        "refused of ours": _codes(found.refused_out),
        "number sent": f"{found.sent_number} of epoch {found.sent_epoch}" if found.sent_epoch else None,
        "number heard": f"{found.heard_number} of epoch {found.heard_epoch}" if found.heard_epoch is not None else None,
        "missing here": _gaps(found.missing_in),
        "missing there": _gaps(found.missing_out),
        "its own account": timestamp(found.status_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def impact(host: Host, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """What a suspension would pause, and an end would cost: which people here follow whom there, and who follows them."""
    with opened(config) as site:
        import msgspec

        from fedi.actions import suspensions
        from storage import peers

        name = host_of(host)
        if site.db.read_now(lambda tx: peers.by_host(tx, name)) is None:
            raise not_met(name)
        found = site.db.read_now(lambda tx: suspensions.impact(tx, name))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    print_fields(
        {
            "people here": found.people,
            "follows of theirs": found.following,
            "followers there": found.followers,
            "groups": ", ".join(found.groups) or None,
        }
    )
    rows = [{"person": one.person, "": "→" if one.following else "←", "there": one.handle} for one in found.edges]
    if rows:
        print()
        print_rows(rows, ("person", "", "there"), none="")


def _part(success: float | None) -> str | None:
    return None if success is None else f"{success:.1%}"


def _codes(refused: Any) -> str | None:
    return ", ".join(f"{code} {number}" for code, number in sorted(refused.items())) or None


def _gaps(gaps: tuple[tuple[int, int], ...]) -> str | None:
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in gaps[:10]]
    return (", ".join(shown) + (" …" if len(gaps) > len(shown) else "")) or None
