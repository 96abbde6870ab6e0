import pytest

from federation.errors import Malformed
from federation.synchronisation import Synchronisation, build_header, digest_of, read_header

# FEP-8fcf, «Partial follower collection digest» and «The Collection-Synchronization HTTP Header».
FOLLOWERS = ["https://testing.example.org/users/1", "https://testing.example.org/users/2"]
DIGEST = "c33f48cd341ef046a206b8a72ec97af65079f9a3a9b90eef79c5920dce45c61f"
VALUE = (
    'collectionId="https://example.org/users/1/followers", '
    f'url="https://example.org/users/1/followers_synchronization", digest="{DIGEST}"'
)


def test_the_digest_is_the_fep_s() -> None:
    assert digest_of(FOLLOWERS) == digest_of(reversed(FOLLOWERS)) == DIGEST
    assert digest_of([*FOLLOWERS, FOLLOWERS[0]]) == DIGEST
    assert digest_of([]) == "0" * 64


def test_the_header_is_the_fep_s() -> None:
    read = read_header(VALUE)
    assert read == Synchronisation(
        "https://example.org/users/1/followers", "https://example.org/users/1/followers_synchronization", DIGEST
    )
    assert build_header(read) == VALUE
    assert read_header(VALUE.replace(", ", ",").replace(DIGEST, DIGEST.upper())) == read


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        'collectionId="x"',
        VALUE.replace(DIGEST, DIGEST[1:]),
        VALUE.replace("url=", "uri="),
        VALUE + ', x="' + "y" * 5000 + '"',
        VALUE.replace('"', ""),
    ],
)
def test_what_is_no_such_header_is_malformed(value: str) -> None:
    with pytest.raises(Malformed):
        read_header(value)
