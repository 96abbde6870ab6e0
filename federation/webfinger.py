"""WebFinger."""
from dataclasses import dataclass

from federation.fields import Json

@dataclass(frozen=True, slots=True)
class WebfingerAnswer:
    """`subject`: user@host; `actor_iri`: the self link."""
    subject: str
    actor_iri: str

def split_handle(text: str) -> tuple[str, str]:
    """(username, host) of `acct:user@host`, `@user@host` or `user@host`; raises Malformed."""
    raise NotImplementedError

def build_answer(*, username: str, domain: str, actor_iri: str, page: str, subscribe: str | None = None, icon: tuple[str, str] | None = None) -> Json:
    raise NotImplementedError

def read_answer(document: Json) -> WebfingerAnswer:
    raise NotImplementedError

def build_host_meta(origin: str) -> str:
    raise NotImplementedError
