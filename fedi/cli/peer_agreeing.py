"""`fedi peer invite`, `review`, `compare`, `sign`, `refuse`, `withdraw`, `change`, `agree-alone`, `pin`, `terms`: how institutions agree."""

from typing import Annotated, Any

import typer

from fedi.cli.console import CommandError, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.peer_named import (
    WHO,
    File,
    Fingerprint,
    Groups,
    Host,
    Probes,
    Reason,
    Until,
    Visibility,
    Which,
    agreement_of,
    fields_of,
    host_of,
    looked_up,
    terms_given,
)

OPEN = ("offered", "review")


def invite(
    institution: Annotated[str, typer.Argument(metavar="URL", help="The institution's address, or its host.")],
    terms: File = None,
    visibility: Visibility = None,
    group: Groups = None,
    until: Until = None,
    probes: Probes = None,
    fingerprint: Fingerprint = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Only write it down, for others to look at; «fedi peer offer» sends it.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Offer an institution an agreement, on our usual terms or others. It is in force when both have signed."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        found = looked_up(site, institution)
        given = terms_given(acts.our_terms(site), terms, visibility, group, until, probes)
        if draft:
            drafted = site.db.write_now(lambda tx: acts.draft(tx, site, WHO, found, given))
            _said(
                drafted,
                f"written down as number {drafted.id}; «fedi peer offer {drafted.id}» sends it",
                as_json=as_json,
            )
            return
        row = site.db.write_now(lambda tx: acts.invite(tx, site, WHO, found, given, fingerprint=fingerprint))
        pinned = site.db.read_now(lambda tx: acts.is_confirmed(tx, row.host))
        ours = site.db.read_now(lambda tx: acts.our_fingerprint(tx, site))
    if as_json:
        print_json(fields_of(row) | {"their_fingerprint": found.fingerprint, "our_fingerprint": ours})
        return
    print(f"offered to {row.host} as number {row.id}")
    print(f"tell their admin, by telephone or in person, the fingerprint of our key: {ours}")
    if not pinned:
        print(f"and ask for theirs. It should be: {found.fingerprint}")
        print(f"when they have signed: fedi peer sign {row.host} --fingerprint …")


def offer(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Of a draft.")],
    fingerprint: Fingerprint = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Send what «fedi peer invite --draft» wrote down."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        row = site.db.read_now(lambda tx: agreement_of(tx, number, ("draft",), ours=True))
        looked_up(site, row.host)
        row = site.db.write_now(lambda tx: acts.offer(tx, site, WHO, row.id, fingerprint=fingerprint))
    _said(row, "offered", as_json=as_json)


def review(which: Which, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Tell the other side that its offer is being looked at."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        def unit(tx: Any) -> Any:
            return acts.review(tx, site, WHO, agreement_of(tx, which, OPEN, ours=False).id)

        row = site.db.write_now(unit)
    _said(row, "they are told that it is looked at", as_json=as_json)


def compare(which: Which, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Their terms beside those in force, or else beside our usual ones, field by field."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        states = (*OPEN, "active", "suspended", "notice", "draft")
        rows = site.db.read_now(lambda tx: acts.compared(tx, site, agreement_of(tx, which, states).id))
    found = [{"field": one.field, "ours": one.ours, "theirs": one.theirs, "relation": one.relation} for one in rows]
    if as_json:
        print_json(found)
    else:
        print_rows(found, ("field", "ours", "theirs", "relation"), none="")


def sign(which: Which, fingerprint: Fingerprint = None, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Sign what they offered; or confirm their key, when they signed what we offered. Then it is in force."""
    with opened(config) as site:
        from fedi.actions import peers as acts
        from storage import peers

        row = site.db.read_now(lambda tx: _to_sign(tx, which))
        peer = site.db.read_now(lambda tx: peers.by_host(tx, row.host))
        unknown = peer is None or peer.instance_actor is None
        if unknown or fingerprint is not None:
            try:
                looked_up(site, row.host)  # who speaks for it, and with which key, as it is now
            except CommandError:
                if unknown:
                    raise  # else the key that is known is held against the fingerprint
        row = site.db.write_now(lambda tx: acts.sign(tx, site, WHO, row.id, fingerprint=fingerprint))
    text = "signed: it is in force" if row.state in ("active", "notice", "suspended") else f"signed: it is {row.state}"
    if row.state == "review" and row.starts_at is not None:
        text = f"signed: it is in force from {timestamp(row.starts_at)}"
    _said(row, text, as_json=as_json)


def _to_sign(tx: Any, which: str) -> Any:
    """What can be signed: what they offered, else what they signed of ours by a key that nobody confirmed."""
    try:
        return agreement_of(tx, which, OPEN, ours=False)
    except CommandError:
        return agreement_of(tx, which, OPEN)


def refuse(which: Which, reason: Reason, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Refuse what they offered; they are told why. Also a request of an instance that only asks to follow this one."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        def unit(tx: Any) -> Any:
            host = None if which.isdigit() else host_of(which)
            if host is not None and any(one.host == host for one in acts.requests(tx, site)):
                acts.answer_request(tx, site, WHO, host, accept=False, reason=reason)
                return None
            return acts.refuse(tx, site, WHO, agreement_of(tx, which, OPEN, ours=False).id, reason)

        row = site.db.write_now(unit)
    if row is None:
        print("refused")
    else:
        _said(row, "refused", as_json=as_json)


def withdraw(which: Which, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Take back what we offered."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        def unit(tx: Any) -> Any:
            return acts.withdraw(tx, site, WHO, agreement_of(tx, which, (*OPEN, "draft", "refused"), ours=True).id)

        row = site.db.write_now(unit)
    _said(row, "withdrawn", as_json=as_json)


def change(
    host: Host,
    terms: File = None,
    visibility: Visibility = None,
    group: Groups = None,
    until: Until = None,
    probes: Probes = None,
    pause: Annotated[
        bool | None,
        typer.Option(
            "--pause/--no-pause",
            help="Whether what is not public waits for them until both signed; if less flows it does.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; they are told.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Offer other terms than those in force, which stay until both have signed. What is not given stays as it is."""
    with opened(config) as site:
        from federation.peering.agreement import read
        from fedi.actions import peers as acts
        from storage import agreements

        name = host_of(host)
        current = site.db.read_now(lambda tx: agreements.in_force(tx, name))
        base = read(current.document).terms if current is not None else acts.our_terms(site)
        given = terms_given(base, terms, visibility, group, until, probes)
        row = site.db.write_now(lambda tx: acts.change(tx, site, WHO, name, given, pause=pause, reason=reason))
    waits = "; what is not public waits for them until they sign" if row.pause else ""
    _said(row, f"offered as version {row.version}{waits}", as_json=as_json)


def agree_alone(
    host: Host,
    terms: File = None,
    visibility: Visibility = None,
    group: Groups = None,
    until: Until = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Agree with a server that speaks of no agreements (Mastodon, Lemmy, Mobilizon). It is one-sided, and shown so."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        found = looked_up(site, host)
        given = terms_given(acts.our_terms(site), terms, visibility, group, until, probes=False)
        row = site.db.write_now(lambda tx: acts.agree_alone(tx, site, WHO, found.host, given))
    _said(row, f"agreed by us alone: {row.host} has signed nothing", as_json=as_json)


def pin(host: Host, fingerprint: Annotated[str, typer.Option("--fingerprint", help="As their admin told you.")],
        config: ConfigPath = None) -> None:  # fmt: skip
    """Confirm the key that a peer signs with now, also another one than before."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        found = looked_up(site, host)
        site.db.write_now(lambda tx: acts.confirm(tx, site, WHO, found.host, fingerprint))
    print(f"confirmed: {found.fingerprint}")


def terms(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """The terms that we offer, as a file of terms has them, and the fingerprint of the key that we sign with."""
    with opened(config) as site:
        from federation.peering.terms_file import write_terms
        from fedi.actions import peers as acts

        found = acts.our_terms(site)
        ours = site.db.read_now(lambda tx: acts.our_fingerprint(tx, site))
    if as_json:
        import msgspec

        print_json({"fingerprint": ours, "terms": msgspec.to_builtins(found)})
        return
    print(f"# the fingerprint of our key, for their admin: {ours}")
    print(write_terms(found), end="")


def _said(row: Any, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(fields_of(row))
    else:
        print(f"{row.host}: {text}")
