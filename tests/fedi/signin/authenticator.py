"""A device with passkeys, as W3C Web Authentication level 2 has it (sections 6.1, 6.5, 7): ES256, no attestation."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def letters(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Device:
    """One passkey. `verifies`: whether it checks who holds it; `origin`: on whose page it believes to be."""

    origin: str = "https://alpha.example"
    rp_id: str = "alpha.example"
    verifies: bool = True
    credential: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    uses: int = 0

    def _data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _state(self, more: int = 0) -> bytes:
        flags = PRESENT | more | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4, "big")

    def _answer(self, **response: bytes) -> str:
        made: dict[str, Any] = {"id": letters(self.credential), "rawId": letters(self.credential), "type": "public-key"}
        made["response"] = {name: letters(value) for name, value in response.items()}
        return json.dumps(made)

    def create(self, options: dict[str, Any]) -> str:
        """What `navigator.credentials.create` gives."""
        point = self.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        state = self._state(ATTESTED) + bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + key
        return self._answer(
            clientDataJSON=self._data("webauthn.create", options["challenge"]),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": state}),
        )

    def get(self, options: dict[str, Any]) -> str:
        """What `navigator.credentials.get` gives."""
        self.uses += 1
        data, state = self._data("webauthn.get", options["challenge"]), self._state()
        signature = self.key.sign(state + hashlib.sha256(data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=data, authenticatorData=state, signature=signature)
