"""An instance on which something of everything is: what home, notifications and profiles show in daily use.

Filled over HTTP, as clients would, in well under a second.
"""

from dataclasses import dataclass
from typing import Any

import requests

from tests.clients.conftest import University
from tests.clients.pictures import png


@dataclass(frozen=True)
class Filled:
    """Ids of what is there; ben is the one who looks at it."""

    ada: str
    ben: str
    chi: str
    group: str
    thread: str
    poll: str
    picture: str
    quoted: str
    boosted: str
    edited: str
    warned: str


class Person:
    """Asks as one person. Raises AssertionError for an error."""

    def __init__(self, university: University, name: str) -> None:
        self.url = university.url
        self.headers = {"Authorization": f"Bearer {university.tokens[name]}"}
        self.session = requests.Session()

    def __call__(self, method: str, path: str, sent: Any = None, **options: Any) -> Any:
        """The JSON of an answer; `sent` is JSON."""
        answer = self.session.request(method, self.url + path, json=sent, headers=self.headers, timeout=30, **options)
        assert answer.status_code in (200, 202), f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def post(self, text: str, **more: Any) -> str:
        """Publish; the id of the status."""
        return str(self("POST", "/api/v1/statuses", {"status": text, **more})["id"])


def fill(university: University) -> Filled:
    """Fill it."""
    ada, ben, chi = (Person(university, name) for name in ("ada", "ben", "chi"))
    ids = [one("GET", "/api/v1/accounts/verify_credentials")["id"] for one in (ada, ben, chi)]
    group = ada("GET", "/api/v1/accounts/lookup?acct=mlops")["id"]
    for who, whom in ((ben, ids[0]), (ben, ids[2]), (ada, ids[1]), (ben, group), (chi, group), (chi, ids[1])):
        who("POST", f"/api/v1/accounts/{whom}/follow", {})
    ada("PATCH", "/api/v1/accounts/update_credentials", {
        "display_name": "Ada", "note": "On https://example.edu and #kernels",
        "fields_attributes": [{"name": "Office", "value": "B 12"}, {"name": "Page", "value": "https://example.edu"}],
    })  # fmt: skip
    thread = chi.post("@mlops Who reads a paper on drift with me?\n\nFriday at noon. #drift https://example.edu/paper")
    ada.post("I do", in_reply_to_id=thread)
    poll = ada.post("Tea?", poll={"options": ["yes", "no"], "expires_in": 3600, "multiple": False})
    ben("POST", f"/api/v1/polls/{ben('GET', f'/api/v1/statuses/{poll}')['poll']['id']}/votes", {"choices": [0]})
    media = ada("POST", "/api/v2/media", files={"file": ("a.png", png(), "image/png")}, data={"description": "Noise"})
    picture = ada.post("A picture", media_ids=[media["id"]], sensitive=True, language="en")
    quoted = ada.post("Worth reading", quote_approval_policy="public")
    chi.post("Read this", quoted_status_id=quoted)
    boosted = ada.post("Pass it on")
    chi("POST", f"/api/v1/statuses/{boosted}/reblog", {})
    edited = ada.post("Befor")
    ada("PUT", f"/api/v1/statuses/{edited}", {"status": "Before"})
    warned = ada.post("The end", spoiler_text="spoilers", visibility="unlisted")
    ada.post("only for who follows", visibility="private")
    ada.post("@ben in private", visibility="direct")
    mine = ben.post("@ada what do you think? #drift")
    ada("POST", f"/api/v1/statuses/{mine}/favourite", {})
    chi("POST", f"/api/v1/statuses/{mine}/favourite", {})
    chi("POST", f"/api/v1/statuses/{mine}/reblog", {})
    chi.post("@ben much", in_reply_to_id=mine)
    ben("POST", f"/api/v1/statuses/{quoted}/favourite", {})
    ben("POST", f"/api/v1/statuses/{quoted}/bookmark", {})
    ben("POST", "/api/v1/tags/drift/follow", {})
    made = ben("POST", "/api/v1/lists", {"title": "Reading"})
    ben("POST", f"/api/v1/lists/{made['id']}/accounts", {"account_ids": [ids[0]]})
    words = [{"keyword": "picture", "whole_word": True}]
    ben("POST", "/api/v2/filters", {
        "title": "Pictures", "context": ["home", "public"], "filter_action": "warn", "keywords_attributes": words,
    })  # fmt: skip
    return Filled(ids[0], ids[1], ids[2], group, thread, poll, picture, quoted, boosted, edited, warned)
