"""What a key id means: a key, or an actor that has one key only. Where nobody leads us."""

import pytest

from federation.errors import Refused
from federation.signatures.keys import encode_multikey, generate_ed25519, generate_rsa
from fedi.context import Site
from storage import keys, peers
from storage.keys import Key
from storage.metadata import Tx

ABE = "https://apex.example/u/abe"


def save(site: Site, key_id: str, public: str) -> None:
    site.db.write_now(lambda tx: keys.save(tx, Key(key_id, ABE, "apex.example", public, None, 1, 1)))


@pytest.mark.parametrize("more", [0, 1])
def test_an_actors_iri_means_its_one_key(site: Site, more: int) -> None:
    """activitypub-express signs with its actor's IRI as `keyId`; whose key that is must not be a choice."""
    save(site, f"{ABE}#main-key", generate_rsa().public)
    save(site, f"{ABE}#proofs", encode_multikey(generate_ed25519().public))
    if more:
        save(site, f"{ABE}#second-key", generate_rsa().public)
    found = site.db.read_now(lambda tx: site.public_key(tx, ABE))
    if more:
        assert found is None
    else:
        assert found is not None
        assert (found.id, found.owner, found.algorithm) == (ABE, ABE, "rsa-v1_5-sha256")
    assert site.db.read_now(lambda tx: site.public_key(tx, ABE + "/other")) is None


@pytest.mark.anyio
async def test_nobody_leads_us_to_a_host_that_is_blocked_or_suspended(site: Site) -> None:
    """Neither by a redirect nor as who knows better of a handle."""

    def stand(tx: Tx) -> None:
        for stance in ("blocked", "suspended", "limited"):
            peers.meet(tx, f"{stance}.example", 1)
            peers.change(tx, f"{stance}.example", stance=stance)

    site.db.write_now(stand)
    for host in ("blocked.example", "suspended.example"):
        with pytest.raises(Refused, match=f"leads to {host}"):
            await site.client.led_to(host)
    await site.client.led_to("limited.example")
    await site.client.led_to("unknown.example")
