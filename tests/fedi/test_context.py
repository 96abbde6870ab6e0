"""What a key id means: a key, or an actor that has one key only."""

import pytest

from federation.signatures.keys import encode_multikey, generate_ed25519, generate_rsa
from fedi.context import Site
from storage import keys
from storage.keys import Key

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
