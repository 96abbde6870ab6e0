"""The directory of institutions that this instance publishes, and what it states of itself to an OpenID Federation."""

from collections.abc import Collection, Sequence

from federation.fields import Json
from federation.peering.directory import Entity, as_body, of_body, sign
from federation.peering.entity_statements import configuration as entity_configuration
from federation.signatures.jws import jwk_of_multikey
from federation.signatures.keys import encode_multikey
from fedi.context import PROOF_KEY, Site
from fedi.errors import Invalid
from storage import audit, keys, peers, publications
from storage.metadata import Tx
from storage.publications import Publication

PATH = "/peering/directory"
HOLDS = 14 * 24 * 3600 * 1000
"""Ms for which what we publish holds; it is signed anew each day."""
SIGNED_EVERY = 24 * 3600 * 1000


def publish(tx: Tx, site: Site, who: str, hosts: Collection[str]) -> Publication:
    """Publish a directory of this institution and of these peers, signed anew. Who publishes vouches: so only peers are taken
    whose key an admin has pinned. Raises Invalid, which names those that are not."""
    found, missing = [ourselves(tx, site)], []
    for host in sorted(set(hosts) - {site.config.host}):
        peer = peers.by_host(tx, host)
        if peer is None or peer.instance_actor is None or peer.pinned_key is None:
            missing.append(host)
            continue
        found.append(Entity(host, peer.instance_actor, (peer.pinned_key,), ror=peer.ror, authority=site.instance_iri))
    if missing:
        raise Invalid(
            f"The key of {', '.join(missing)} was never confirmed here, so this instance can't vouch for it; "
            "sign an agreement first («fedi peer invite URL»)."
        )
    before = publications.find(tx)
    made = _signed(tx, site, found, 1 if before is None else before.sequence + 1)
    _note(tx, site, who, "directory.publish", site.iri(PATH), {"hosts": [one.host for one in found]})
    return made


def sign_again(tx: Tx, site: Site) -> bool:
    """Sign what is published anew when it was signed a day ago; whether it was."""
    known = publications.find(tx)
    if known is None or site.clock() - known.signed_at < SIGNED_EVERY:
        return False
    others = [one for one in map(of_body, known.entities) if one.host != site.config.host]
    _signed(tx, site, [ourselves(tx, site), *others], known.sequence + 1)
    return True


def configuration(tx: Tx, site: Site) -> str:
    """What this institution states of itself to an OpenID Federation. Raises Invalid without a key."""
    entity = ourselves(tx, site)
    public = jwk_of_multikey(entity.keys[0])
    key = site.private_key(tx, site.instance_iri, PROOF_KEY)
    above = site.config.federation.authority_hints
    return entity_configuration(key, public, entity, subject=site.config.origin, above=above, now=site.clock())


def unpublish(tx: Tx, site: Site, who: str) -> None:
    """Publish no directory any more. Who reads it keeps it until it expires."""
    publications.remove(tx)
    _note(tx, site, who, "directory.unpublish", site.iri(PATH), {})


def ourselves(tx: Tx, site: Site) -> Entity:
    """This institution as directories have it. Raises Invalid when it has no key to sign with."""
    key = keys.by_id(tx, site.instance_iri + PROOF_KEY)
    if key is None:
        raise Invalid("This instance has no key to sign with yet; start it once («fedi serve»).")
    contact = (f"mailto:{site.config.contact}",) if site.config.contact else ()
    return Entity(
        host=site.config.host,
        instance_actor=site.instance_iri,
        keys=(encode_multikey(key.public),),
        name=site.config.name,
        ror=site.config.ror or None,
        authority=site.instance_iri,
        contacts=contact,
    )


def _signed(tx: Tx, site: Site, entities: Sequence[Entity], sequence: int) -> Publication:
    now = site.clock()
    key = site.private_key(tx, site.instance_iri, PROOF_KEY)
    body = sign(
        key,
        issuer=site.instance_iri,
        now=now,
        expires=now + HOLDS,
        sequence=sequence,
        entities=entities,
    )
    row = Publication(publications.NAME, [as_body(one) for one in entities], sequence, body, now, now + HOLDS)
    publications.save(tx, row)
    return row


def _note(tx: Tx, site: Site, who: str, action: str, about: str, body: Json) -> None:
    audit.add(tx, site.new_id(), site.clock(), who, action, about, body)
