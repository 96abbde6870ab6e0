"""The audit log, looked after: each day its head is signed by the instance, and written to the log of the process as well.

The rows are chained by hash, so nothing in the middle can be changed unseen. Who can change the whole database could write all
of it anew: a head that was kept elsewhere (in other logs, on paper, by another institution) tells that as well.
"""

import logging
from typing import Any

import msgspec

from federation.errors import FederationError
from federation.fields import timestamp
from federation.signatures.integrity import add_proof, check_proof
from federation.signatures.keys import load_public
from fedi.context import PROOF_KEY, Site
from storage import audit, keys
from storage.metadata import Tx

log = logging.getLogger(__name__)

HEAD = "audit.head"
"""The action of a row that holds a signed head of all rows before it."""
_ABOUT = "audit"


def sign_head(tx: Tx, site: Site) -> dict[str, Any] | None:
    """Sign how the log ends, and add that to it; None when nothing came since the last time, or the instance has no key."""
    last = audit.newest(tx, 1)
    if not last or last[0].action == HEAD:
        return None
    try:
        key = site.private_key(tx, site.instance_iri, PROOF_KEY)
    except LookupError as problem:
        log.warning("the audit log can't be signed: %s", problem)
        return None
    said = {
        "type": "AuditHead",
        "attributedTo": site.instance_iri,
        "published": timestamp(site.clock() // 1000 * 1000),
        "rows": audit.count(tx),
        "hash": last[0].hash,
    }
    head = add_proof(said, key, site.clock())
    audit.add(tx, site.new_id(), site.clock(), "fedi", HEAD, _ABOUT, head)
    log.info("head of the audit log: %s", msgspec.json.encode(head).decode())
    return head


def troubles(tx: Tx, site: Site) -> list[str]:
    """What is wrong with the log, in words; empty when it is sound."""
    broken = audit.broken(tx)
    if broken is not None:
        return [
            f"the row {broken.id} ({broken.action} {broken.about} by {broken.who}) was changed, or rows before it are missing"
        ]
    head = next((row for row in audit.newest(tx, 1, about=_ABOUT) if row.action == HEAD), None)
    problem = check_head(tx, site, head.body) if head is not None else None
    return [problem] if problem is not None else []


def check_head(tx: Tx, site: Site, head: dict[str, Any]) -> str | None:
    """What is wrong when a head is held against the log: in words, or None when all that stood there then stands there now."""
    key = keys.by_id(tx, site.instance_iri + PROOF_KEY)
    if key is None:
        return "the instance has no key to check the head by"
    try:
        check_proof(head, load_public(key.public, key.id, key.owner), site.clock())
    except FederationError as problem:
        return f"the head is not signed by this instance: {problem.text}"
    row = audit.by_hash(tx, str(head.get("hash")))
    if row is None:
        return f"the log does not hold what it held on {head.get('published')}: it was rewritten, or cut off"
    rows = audit.count_to(tx, row.id)
    if rows != head.get("rows"):
        return f"the log held {head.get('rows')} rows on {head.get('published')}, and {rows} of them are there"
    return None
