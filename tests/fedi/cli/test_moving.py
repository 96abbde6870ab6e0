"""`fedi person alias`, `fedi person move`, `fedi key rotate`: accounts that go elsewhere, and keys that are replaced."""

from fedi.cli.console import opened
from fedi.context import MAIN_KEY, PROOF_KEY, Site
from storage import actors, jobs, keys
from storage.actors import Actor
from tests.fedi.cli.conftest import Operator, both


def actor(site: Site, name: str) -> Actor:
    """The local actor with this name."""
    found = site.db.read_now(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    assert found is not None
    return found


@both
def test_an_account_moves_once_the_other_says_so(operator: Operator) -> None:
    for name in ("ada", "lovelace"):
        operator.person(name)
    refused = operator.try_("person", "move", "ada", "lovelace@uni.example", "--yes")
    assert refused.status == 1
    assert "does not say" in refused.err
    operator.fedi("person", "alias", "lovelace", "@ada@uni.example")
    with opened(None) as site:
        assert actor(site, "lovelace").also_known_as == [actor(site, "ada").iri]
    operator.fedi("person", "alias", "lovelace", "ada@uni.example", "--remove")
    with opened(None) as site:
        assert actor(site, "lovelace").also_known_as == []
    operator.fedi("person", "alias", "lovelace", "https://uni.example/people/ada")
    asked = operator.try_("person", "move", "ada", "lovelace@uni.example")
    assert asked.status == 1, "nobody said yes"
    operator.fedi("person", "move", "ada", "lovelace@uni.example", "--yes")
    with opened(None) as site:
        assert actor(site, "ada").moved_to == actor(site, "lovelace").iri
        assert site.db.read_now(jobs.totals) == {"due": 1}
    again = operator.try_("person", "move", "ada", "lovelace@uni.example", "--yes")
    assert "week" in again.err


def test_who_can_t_be_had_is_an_error(operator: Operator) -> None:
    operator.person("ada")
    for name, said in (
        ("nobody@uni.example", "there is no"),
        ("nonsense", "is no handle; write name@host"),
        ("https://127.0.0.1/x", "can't be had"),
    ):
        refused = operator.try_("person", "alias", "ada", name)
        assert (refused.status, said in refused.err) == (1, True), refused.err


def test_keys_are_replaced(operator: Operator) -> None:
    operator.person("ada")
    operator.fedi("group", "create", "mlops", "--title", "ML Ops", "--owner", "ada")

    def publics(iri: str) -> dict[str, str]:
        with opened(None) as site:
            return {key.id: key.public for key in site.db.read_now(lambda tx: keys.of_owner(tx, iri))}

    for words, iri in (
        (("ada",), "https://uni.example/people/ada"),
        (("mlops",), "https://uni.example/groups/mlops"),
        ((), "https://uni.example/actor"),
    ):
        before = publics(iri)
        assert before.keys() == {iri + MAIN_KEY, iri + PROOF_KEY}
        operator.fedi("key", "rotate", *words, "--yes")
        after = publics(iri)
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())
    assert operator.try_("key", "rotate", "nobody", "--yes").status == 1
