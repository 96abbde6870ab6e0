from typing import Any

import pytest

from federation.vocabulary.capabilities import reads_ed25519

RFC9421 = "https://datatracker.ietf.org/doc/html/rfc9421"
ED25519 = f"{RFC9421}#name-eddsa-using-curve-edwards25"


@pytest.mark.parametrize(
    ("generator", "reads"),
    [
        # FEP-844e's own example has objects with `href`; ids stand for themselves.
        ({"type": "Application", "implements": [{"href": RFC9421, "name": "RFC-9421"}, {"href": ED25519}]}, True),
        ({"type": "Application", "implements": [RFC9421, ED25519]}, True),
        ({"type": "Application", "implements": {"id": ED25519}}, True),
        ({"type": "Application", "implements": {"href": RFC9421}}, False),
        ([{"implements": [{"href": ED25519}]}], True),
        ({"type": "Application", "implements": []}, None),
        ("https://blog.example/", None),
        ({"implements": 7}, None),
        (None, None),
    ],
)
def test_what_the_software_of_an_actor_says_it_reads(generator: Any, reads: bool | None) -> None:
    assert reads_ed25519({"generator": generator}) is reads
