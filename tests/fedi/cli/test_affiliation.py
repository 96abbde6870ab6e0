"""`fedi person affiliate`: what somebody is to the institution, and whether their profile says so."""

from tests.fedi.cli.conftest import Operator


def test_a_person_is_affiliated(operator: Operator) -> None:
    operator.person("ada", "--affiliation", "student")
    operator.fedi("person", "affiliate", "ada", "alum", "--hide")
    assert operator.fedi("person", "show", "ada", "--json").json["affiliation"] == "alum"
    operator.fedi("person", "affiliate", "ada", "--show")
    operator.fedi("person", "affiliate", "ada", "none")
    assert operator.fedi("person", "show", "ada", "--json").json["affiliation"] is None
    refused = operator.try_("person", "affiliate", "ada")
    assert refused.status == 1
    assert "--show or --hide" in refused.err
    assert operator.try_("person", "affiliate", "ada", "king").status == 2
