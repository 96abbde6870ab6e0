"""Who said it: HTTP signatures (draft-cavage-12, RFC 9421), digests, keys and object integrity proofs (FEP-8b32)."""
