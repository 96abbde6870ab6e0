"""Object integrity proofs (FEP-8b32): `eddsa-jcs-2022` over JCS (RFC 8785), which survive being passed on by others."""

import hashlib
from typing import Any

import rfc8785

from federation.errors import BadSignature, MissingSignature
from federation.fields import Json, as_objects, milliseconds, timestamp
from federation.signatures.keys import PrivateKey, PublicKey, decode_base58, encode_base58

CRYPTOSUITE = "eddsa-jcs-2022"
MAX_PROOFS = 8
"""Proofs of a set that are looked at."""
_SKEW = 3_600_000


def _proof(document: Json) -> Json | None:
    return next((one for one in as_objects(document.get("proof")) if one.get("cryptosuite") == CRYPTOSUITE), None)


def proof_key_id(document: Json) -> str | None:
    """The key that a document's proof names (`verificationMethod`); None when it has no proof that we understand."""
    proof = _proof(document)
    named = None if proof is None else proof.get("verificationMethod")
    return named if isinstance(named, str) else None


def add_proof(document: Json, key: PrivateKey, now: int) -> Json:
    """The document with a proof by an Ed25519 key, made at `now` (ms). Raises ValueError when it can't be canonicalised."""
    return {**document, "proof": _made(document, key, now)}


def add_to_set(document: Json, key: PrivateKey, now: int) -> Json:
    """The document with one proof more beside those that it has (Data Integrity 1.0, "Proof Sets"): each is over the document
    without any, so that none depends on who signed before. Raises ValueError when it can't be canonicalised.
    """
    return {**document, "proof": [*as_objects(document.get("proof")), _made(document, key, now)]}


def _made(document: Json, key: PrivateKey, now: int) -> dict[str, Any]:
    proof: dict[str, Any] = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "verificationMethod": key.id,
        "proofPurpose": "assertionMethod",
        "created": timestamp(now // 1000 * 1000),
    }
    if "@context" in document:
        proof["@context"] = document["@context"]
    return proof | {"proofValue": "z" + encode_base58(key.sign(_hash(document, proof)))}


def check_proof(document: Json, key: PublicKey, now: int) -> None:
    """Hold a document against its proof, at `now` (ms).

    Raises MissingSignature when it has none that we understand; BadSignature when the proof is by another key, for another
    purpose, from the future, past its end, or does not fit.
    """
    proof = _proof(document)
    if proof is None:
        raise MissingSignature(f"no {CRYPTOSUITE} proof")
    _check(document, proof, key, now)


def check_in_set(document: Json, key: PublicKey, now: int) -> Json:
    """Hold a document against that of its proofs which names `key`, at `now` (ms); the proof comes back.

    What the others are worth is not looked at. Raises MissingSignature when none names the key, and BadSignature as
    `check_proof`.
    """
    mine = [one for one in as_objects(document.get("proof"))[:MAX_PROOFS] if one.get("verificationMethod") == key.id]
    found = next((one for one in mine if one.get("cryptosuite") == CRYPTOSUITE), None)
    if found is None:
        raise MissingSignature(f"no {CRYPTOSUITE} proof by {key.id[:200]}")
    _check(document, found, key, now)
    return found


def _check(document: Json, proof: Json, key: PublicKey, now: int) -> None:
    if proof.get("type") != "DataIntegrityProof" or proof.get("proofPurpose") != "assertionMethod":
        raise BadSignature("a proof of another type or purpose", code="bad-proof")
    if proof.get("verificationMethod") != key.id or key.algorithm != "ed25519":
        raise BadSignature("a proof by another key", code="bad-proof")
    created = milliseconds(proof.get("created"))
    if proof.get("created") is not None and (created is None or created > now + _SKEW):
        raise BadSignature("a proof from the future", code="bad-proof")
    expires = milliseconds(proof.get("expires"))
    if proof.get("expires") is not None and (expires is None or expires < now):
        raise BadSignature("a proof past its end", code="bad-proof")
    value = proof.get("proofValue")
    if not isinstance(value, str) or not value.startswith("z"):
        raise BadSignature("a proof without a value", code="bad-proof")
    try:
        signature = decode_base58(value[1:])
        message = _hash(document, {name: one for name, one in proof.items() if name != "proofValue"})
    except ValueError as error:
        raise BadSignature(f"a proof that can't be checked: {error}", code="bad-proof") from error
    if not key.verify(signature, message):
        raise BadSignature("the proof does not fit the document", code="bad-proof")


def _hash(document: Json, proof: Json) -> bytes:
    # A Linked Data signature beside the proof is no part of what the proof covers (FEP-8b32, "Backward compatibility").
    bare = {name: value for name, value in document.items() if name not in ("proof", "signature")}
    return hashlib.sha256(rfc8785.dumps(proof)).digest() + hashlib.sha256(rfc8785.dumps(bare)).digest()
