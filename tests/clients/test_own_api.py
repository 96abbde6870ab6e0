"""schemathesis over our own API: whatever fits its description, and what does not, is answered as it says; never by 500."""

import itertools
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi

from fedi.api import BASE, OPERATIONS
from tests.clients.conftest import University

EXAMPLES = 12
TRIED = [f"{one.method} {one.path}" for one in OPERATIONS if (one.method, one.path) != ("DELETE", "/groups/{id}")]
"""All but closing the group that the others are tried on."""
CHECKS = [
    checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
]
"""Not: that whatever fits the description is taken, as what moderators may do others may not."""


@pytest.fixture(scope="module")
def schema(university: University) -> Any:
    return schemathesis.openapi.from_url(f"{university.url}{BASE}/openapi.json")


@pytest.fixture(scope="module")
def known(university: University) -> dict[str, str]:
    """Ids that there are: of a group, a thread in it, and a person."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {university.tokens['ada']}"}
        answer = requests.request(method, university.url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    group = ask("GET", f"{BASE}/groups")["items"][0]["id"]
    thread = ask("POST", f"{BASE}/groups/{group}/threads", {"text": "hello", "title": "Hello"})["id"]
    person = ask("GET", "/api/v1/accounts/lookup?acct=ben")["id"]
    return {"groups": group, "posts": thread, "people": person}


@pytest.mark.parametrize("operation", TRIED)
def test_it_does_what_it_says(university: University, schema: Any, known: dict[str, str], operation: str) -> None:
    method, path = operation.split()
    tokens = itertools.cycle([university.tokens["ada"], university.tokens["ben"], None])
    made = schema[path][method]
    cases = st.one_of(
        made.as_strategy(generation_mode=GenerationMode.POSITIVE),
        made.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @given(case=cases, real=st.booleans())
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def check(case: Any, real: bool) -> None:
        if real and case.path_parameters:
            kind = "posts" if path.startswith("/posts") else "groups"
            case.path_parameters = {
                name: known["people" if name == "account_id" else kind] for name in case.path_parameters
            }
        token = next(tokens)
        answer = case.call(headers={} if token is None else {"Authorization": f"Bearer {token}"})
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=CHECKS)

    check()
