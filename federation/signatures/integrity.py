"""FEP-8b32."""
from federation.fields import Json
from federation.signatures.keys import PrivateKey, PublicKey

def proof_key_id(document: Json) -> str | None:
    raise NotImplementedError

def add_proof(document: Json, key: PrivateKey, now: int) -> Json:
    raise NotImplementedError

def check_proof(document: Json, key: PublicKey, now: int) -> None:
    """Raises BadSignature."""
    raise NotImplementedError
