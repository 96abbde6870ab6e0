import gzip

import pytest

from fedi.compression import has_already, packed, takes_gzip


@pytest.mark.parametrize(
    ("said", "takes"),
    [
        ("gzip", True),
        ("br, GZIP ;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1, *;q=0.1", True),
        ("gzip;q=0.001", True),
        ("gzip;q=1.000, *;q=0", True),
        ("", False),
        ("br, zstd", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("*, gzip;q=0", False),
        ("*;q=0.5, br, gzip;q=0.0", False),
        ("gzip" + " " * 500, False),
    ],
)
def test_what_accept_encoding_says_of_gzip(said: str, takes: bool) -> None:
    """RFC 9110 12.5.3: `*` stands for what is not named, and a weight of 0 excludes."""
    assert takes_gzip(said) is takes


def test_what_is_packed_is_always_the_same() -> None:
    assert packed(b"a" * 5000) == packed(b"a" * 5000)
    assert gzip.decompress(packed(b"a" * 5000)) == b"a" * 5000


def test_a_tag_is_compared_weakly() -> None:
    assert has_already('W/"one", "two"', '"one"')
    assert has_already("*", '"one"')
    assert not has_already('"two"', '"one"')
    assert not has_already("", '"one"')
