"""The keys of a peering: ours, with which the institution signs, and theirs, which an admin or a directory confirms before anything
that they signed counts.
"""

from typing import Any

from federation.errors import FederationError
from federation.peering import agreement as documents
from federation.peering.agreement import fingerprint, read, same_fingerprint
from federation.signatures.integrity import add_to_set, check_in_set
from federation.signatures.keys import encode_multikey, load_public
from fedi.actions import directories
from fedi.context import PROOF_KEY, Site
from fedi.errors import Invalid
from storage import audit, keys, peers
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer


def our_fingerprint(tx: Tx, site: Site) -> str:
    """The fingerprint of the key that this institution signs agreements with: what the other side's admin compares.

    Raises Invalid when there is none yet.
    """
    row = keys.by_id(tx, site.instance_iri + PROOF_KEY)
    if row is None:
        raise Invalid("This instance has no key to sign agreements with; start «fedi serve» once.", code="no-key")
    return fingerprint(encode_multikey(row.public))


def signed(tx: Tx, site: Site, row: AgreementRow) -> list[dict[str, Any]]:
    """The proofs of a row with ours among them."""
    try:
        key = site.private_key(tx, site.instance_iri, PROOF_KEY)
    except LookupError as problem:
        raise Invalid(
            "This instance has no key to sign agreements with; start «fedi serve» once.", code="no-key"
        ) from problem
    others = [one for one in row.proofs if one.get("verificationMethod") != key.id]
    document = {**read(row.document).document, "proof": others}
    proofs: list[dict[str, Any]] = add_to_set(document, key, site.clock())["proof"]
    return proofs


def their_key(tx: Tx, site: Site, row: AgreementRow, there: str) -> str | None:
    """The Multikey that their proof of a row is by, held against it once more; None where they signed nothing.

    Raises Invalid when the key that they list now is another, as when it was changed after they signed.
    """
    named = [str(one.get("verificationMethod", "")) for one in row.proofs]
    key_id = next((one for one in named if one.partition("#")[0] == there), None)
    if key_id is None:
        return None
    known = keys.by_id(tx, key_id)
    changed = Invalid(
        f"{row.host} has another key now than the one that it signed with: ask its admin, and have it offered again.",
        code="key-changed",
    )
    if known is None or known.owner != there:
        raise changed
    try:
        check_in_set(
            {**read(row.document).document, "proof": row.proofs}, load_public(known.public, key_id, there), site.clock()
        )
    except FederationError as problem:
        raise changed from problem
    return known.public if known.public.startswith("z") else encode_multikey(known.public)


def pin(tx: Tx, site: Site, who: str, peer: Peer, multikey: str, given: str | None, *, needed: bool) -> None:
    """Remember a peer's key as its institution's, if somebody says so: an admin by its fingerprint, or a directory.

    Raises Invalid for another fingerprint, a key other than the one that is pinned, and when nobody says so and it is `needed`.
    """
    real = documents.fingerprint(multikey)
    if given is not None and not same_fingerprint(given, real):
        raise Invalid(
            f"The key of {peer.host} has the fingerprint {real}, not the one given. Compare again; if it differs, somebody "
            "stands between you, or their key was changed.",
            code="fingerprint",
        )
    if peer.pinned_key == multikey:
        return
    by = "fingerprint" if given is not None else directories.confirms(tx, site, peer.host, real)
    if by is None:
        if peer.pinned_key is not None:
            raise Invalid(
                f"{peer.host} signs with another key than the one that was confirmed before. Ask its admin for the "
                f"fingerprint; the key that it shows now has {real}.",
                code="key-changed",
            )
        if needed:
            raise Invalid(
                f"Nobody confirmed yet that the key of {peer.host} is theirs. Ask its admin, by telephone or in person, "
                f"for the fingerprint, and give it; the key that it shows has {real}.",
                code="fingerprint",
            )
        return
    peers.change(tx, peer.host, pinned_key=multikey)
    body = {"fingerprint": real, "by": by, "before": peer.pinned_key or ""}
    audit.add(tx, site.new_id(), site.clock(), who, "peer.pin", peer.host, body)


def shown(tx: Tx, host: str) -> list[str]:
    """The Multikeys that who speaks for a peer lists now, as far as they can sign agreements."""
    peer = peers.by_host(tx, host)
    if peer is None or peer.instance_actor is None:
        return []
    return [one.public for one in keys.of_owner(tx, peer.instance_actor) if one.public.startswith("z6Mk")]


def confirm(tx: Tx, site: Site, who: str, host: str, given: str) -> None:
    """Confirm the key that a peer shows now, by its fingerprint as its admin gave it: also another one than before.

    Raises Invalid when it lists none with this fingerprint.
    """
    peer = peers.by_host(tx, host)
    found = [one for one in shown(tx, host) if same_fingerprint(given, fingerprint(one))]
    if peer is None or not found:
        listed = ", ".join(fingerprint(one) for one in shown(tx, host)) or "none"
        raise Invalid(f"{host} shows no key with this fingerprint. It shows: {listed}.", code="fingerprint")
    pin(tx, site, who, peer, found[0], given, needed=True)
