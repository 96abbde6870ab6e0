"""`fedi directory`, `fedi peer probe` and `fedi peer report`, as an operator types them."""

from pathlib import Path

import msgspec
import pytest

from federation.peering import directory
from federation.peering.agreement import fingerprint
from federation.signatures import jws
from federation.signatures.keys import encode_multikey, generate_ed25519, load_private
from fedi.actions import directories
from fedi.cli.console import opened
from fedi.context import PROOF_KEY
from storage import directories as rows
from storage import keys, peers, probes
from storage.metadata import Tx
from tests.fedi.cli.conftest import Operator

URL = "https://consortium.invalid/directory"


def pinned(folder: Path) -> Path:
    """A file with a public key."""
    key = load_private(generate_ed25519().private, "k")
    file = folder / "keys.json"
    file.write_bytes(msgspec.json.encode({"keys": [jws.jwk_of(key.key.public_key())]}))  # type: ignore[arg-type]  # it is Ed25519
    return file


def test_a_directory_is_followed_shown_taken_from_and_forgotten(operator: Operator, tmp_path: Path) -> None:
    assert operator.fedi("directory", "list", "--json").json == []
    done = operator.fedi("directory", "follow", URL, "--keys", str(pinned(tmp_path)))
    assert "but not yet" in done.out
    [listed] = operator.fedi("directory", "list", "--json").json
    assert (listed["url"], listed["holds"], listed["institutions"]) == (URL, False, 0)
    assert listed["problem"]
    assert f"LOOK  directories: {URL}: " in operator.try_("doctor").out
    multikey = jws.multikey_of(jws.jwk_of(load_private(generate_ed25519().private, "k").key.public_key()))  # type: ignore[arg-type]  # it is Ed25519
    assert multikey is not None
    entity = directory.Entity(
        "b.example", "https://b.example/actor", (multikey,), name="B", authority="https://c.example"
    )
    with opened(None) as site:
        row = site.db.read_now(lambda tx: rows.by_url(tx, URL))
        assert row is not None
        now = site.clock()
        said = directory.Directory("https://c.example", now, now + 10 * 86_400_000, 3, (entity,), ("entry 2: why",))
        site.db.write_now(lambda tx: directories.believed(tx, site, row.id, said, None, "d"))
    shown = operator.fedi("directory", "show", URL, "--json").json
    assert (shown["left_out"], shown["entries"][0]["fingerprints"]) == ("entry 2: why", [fingerprint(multikey)])
    assert "b.example" in operator.fedi("directory", "show", URL).out
    assert "fedi peer invite https://b.example" in operator.fedi("directory", "take", "b.example").out
    operator.fedi("directory", "leave", "b.example", "--from", URL)
    assert operator.fedi("directory", "show", URL, "--json").json["entries"][0]["state"] == "left"
    refused = operator.try_("directory", "take", "other.example")
    assert (refused.status, "says anything of other.example" in refused.err) == (1, True)
    assert f"LOOK  directories: {URL}" not in operator.try_("doctor").out
    operator.fedi("directory", "forget", URL)
    assert operator.fedi("directory", "list", "--json").json == []


def test_no_key_is_pinned_that_was_not_compared(operator: Operator, tmp_path: Path) -> None:
    refused = operator.try_("directory", "follow", URL)
    assert (refused.status, "can't be read" in refused.err) == (1, True)
    refused = operator.try_("directory", "follow", "https://anchor.invalid", "--kind", "federation")
    assert (refused.status, "keys of the anchor" in refused.err) == (1, True)
    private = tmp_path / "private.json"
    private.write_bytes(b'{"kty":"OKP","crv":"Ed25519","x":"a","d":"b"}')
    for file, words in ((private, "private"), (tmp_path / "none.json", "No such file")):
        refused = operator.try_("directory", "follow", URL, "--keys", str(file))
        assert (refused.status, words in refused.err) == (1, True), refused.err


def test_a_directory_is_published_of_peers_whose_key_is_confirmed(operator: Operator) -> None:
    made = operator.fedi("directory", "publish", "--json").json
    assert len(made["institutions"]) == 1
    assert len(made["fingerprint"].split()) == 16
    with opened(None) as site:
        site.db.write_now(lambda tx: peers.meet(tx, "b.example", 1))
    refused = operator.try_("directory", "publish", "b.example")
    assert (refused.status, "b.example was never confirmed" in refused.err) == (1, True)
    assert "sequence" in operator.fedi("directory", "publish", "--agreed").out
    operator.fedi("directory", "unpublish")


@pytest.mark.parametrize("command", [("probe", "b.example"), ("report", "b.example")])
def test_a_peer_that_was_not_tried(operator: Operator, command: tuple[str, ...]) -> None:
    missing = operator.try_("peer", *command)
    assert missing.status == 1
    with opened(None) as site:
        site.db.write_now(lambda tx: peers.meet(tx, "b.example", 1))
    assert "never tried" in operator.fedi("peer", "probe", "b.example", "--shown").out
    waited = operator.try_("peer", "probe", "b.example", "--wait", "0")
    assert (waited.status, "Does «fedi worker» run?" in waited.err) == (1, True)


def test_the_doctor_names_who_failed_and_the_report_can_be_handed_on(operator: Operator, tmp_path: Path) -> None:
    with opened(None) as site:

        def unit(tx: Tx) -> None:
            peers.meet(tx, "b.example", 1)
            peers.change(tx, "b.example", stance="agreed")
            for check in probes.CHECKS:
                verdict, text = (
                    ("failed", "it forgets nothing") if check == "forgets-deleted" else ("passed", "as it should")
                )
                probes.insert(
                    tx, probes.Probe(site.new_id(), "b.example", check, verdict, text, [], "d", None, None, 1)
                )

        site.db.write_now(unit)
    told = operator.try_("doctor").out
    assert "LOOK  probes: b.example failed" in told
    assert "forgets-deleted: it forgets nothing" in told
    shown = operator.fedi("peer", "probe", "b.example", "--shown", "--json").json
    assert (shown["verdict"], len(shown["checks"])) == ("failed", 4)
    report = operator.fedi("peer", "report", "b.example").json
    assert {one["verdict"] for one in report["peer:checks"]} == {"passed", "failed"}
    assert report["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    file = tmp_path / "report.json"
    file.write_bytes(msgspec.json.encode(report))
    unknown = operator.try_("peer", "report", "--check", str(file))
    assert (unknown.status, "never confirmed" in unknown.err) == (1, True)
    with opened(None) as site:
        own = f"{site.instance_iri}{PROOF_KEY}"

        def pin(tx: Tx) -> None:
            key = keys.by_id(tx, own)
            assert key is not None
            peers.meet(tx, site.config.host, 1)
            multikey = encode_multikey(key.public)
            peers.change(tx, site.config.host, instance_actor=site.instance_iri, pinned_key=multikey)

        site.db.write_now(pin)
    assert operator.fedi("peer", "report", "--check", str(file)).json["about"] == "b.example"
    file.write_bytes(msgspec.json.encode(report | {"peer:about": "c.example"}))
    forged = operator.try_("peer", "report", "--check", str(file))
    assert (forged.status, "is not sound" in forged.err) == (1, True)
