"""Every file of the corpus means what the table beside this file says: nothing is read as something else, nothing is lost."""

from collections import Counter

import pytest

from tests.federation.corpus import ABSENT, FILES, completed_meaning_of, meaning_of, name_of, table
from tests.federation.samples import PEERS

TABLE = table()

whole = pytest.mark.skipif(not FILES, reason=ABSENT)


def test_what_is_kept_here_means_what_the_table_says() -> None:
    """The part of the corpus in tests/peers, wherever the checkout is."""
    kept = {str(path.relative_to(PEERS)): path for path in sorted(PEERS.rglob("*.json"))}
    listed = {name: path for name, path in kept.items() if name in TABLE}
    assert len(listed) > 40
    assert {name: meaning_of(path) for name, path in listed.items()} == {name: TABLE[name][0] for name in listed}


@whole
@pytest.mark.parametrize("folder", sorted({path.parent.name for path in FILES}))
def test_every_file_means_what_the_table_says(folder: str) -> None:
    files = [path for path in FILES if path.parent.name == folder]
    read = {name_of(path): (meaning_of(path), completed_meaning_of(path)) for path in files}
    wanted = {name: means for name, means in TABLE.items() if name.partition("/")[0] == folder}
    wrong = {name: (read.get(name), means) for name, means in wanted.items() if read.get(name) != means}
    assert wrong == {}  # by file: (what the readers say, what it means)
    assert read.keys() == wanted.keys()


@whole
def test_real_software_is_refused_for_a_reason_only() -> None:
    """Of what real programs sent, nothing is refused but forgeries and the templates and snippets of manuals."""
    texts = ("w3c-as2", "w3c-as2-fail", "fep", "contexts", "attacks", "vectors")
    refused = [name for name, (means, _) in TABLE.items() if means.startswith("refused") and not name.startswith(texts)]
    by_reason = Counter(TABLE[name][0].removeprefix("refused: ") for name in refused if "-docs-" not in name)
    assert (
        by_reason
        == {
            "malformed": 4,  # two without an id (C2S), twice the poll with a name that stands twice
            "wrong-origin": 7,  # five of them made to deceive; a video that was cut together; PieFed's manual undoes another's
            "no-object": 1,  # a template
            "bad-webfinger": 3,  # a template, and GNU social, which names no ActivityPub actor
            "unsupported-host": 1,  # a template
        }
    )
