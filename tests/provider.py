"""A small OpenID provider on loopback: code flow with PKCE, one client, whoever is set is logged in at once. It can be made to lie."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.listening import listening

CLIENT, SECRET = "fedi", "a+secret/with:signs"
Json = dict[str, Any]


class Provider:
    """What it knows: `claims` of the ID token, `userinfo` beside them; `twist` changes an ID token before it is signed."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.issuer = ""
        self.key = ECKey.generate_key("P-256", parameters={"kid": "first"})
        self.claims: Json = {"sub": "u-4711"}
        self.userinfo: Json = {}
        self.twist: Callable[[Json], Json] = lambda claims: claims
        self.signs_with: ECKey | None = None
        self.wanted: dict[str, Json] = {}  # code -> what was asked with it
        self.asked: list[str] = []
        self.broken = False

    def configuration(self) -> Json:
        """Discovery section 3."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "code_challenge_methods_supported": ["S256"],
        }

    def change_key(self, kid: str) -> None:
        """Sign by another key from now on, which is published."""
        self.key = ECKey.generate_key("P-256", parameters={"kid": kid})

    def authorize(self, address: str) -> str:
        """Where the browser is sent back to: somebody logged in, and let the client know them."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.wanted[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"], "iss": self.issuer})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Json]:
        """Core section 3.1.3, RFC 7636 section 4.6."""
        asked = self.wanted.pop(form.get("code", ""), None)
        pair = base64.b64decode(authorization.partition(" ")[2]).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if pair != f"{CLIENT}:a%2Bsecret%2Fwith%3Asigns":
            return 401, {"error": "invalid_client"}
        if (
            asked is None
            or asked["redirect_uri"] != form.get("redirect_uri")
            or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        now = self.clock() // 1000
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        } | self.claims
        key = self.signs_with or self.key
        token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, self.twist(claims), key)
        return 200, {"access_token": "good", "token_type": "Bearer", "id_token": token}

    def answer(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, Json]:
        """What it says to a request."""
        self.asked.append(path)
        if self.broken:
            return 500, {}
        if path == "/.well-known/openid-configuration":
            return 200, self.configuration()
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        if path == "/token" and method == "POST":
            return self.token({name: values[0] for name, values in parse_qs(body.decode()).items()}, authorization)
        if path == "/userinfo" and authorization == "Bearer good":
            return 200, {"sub": self.claims["sub"]} | self.userinfo
        return 404, {}


@contextmanager
def open_provider(clock: Callable[[], int]) -> Iterator[Provider]:
    """One that answers at `issuer` until the block ends."""
    made = Provider(clock)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            if self.path.startswith("/authorize?"):  # a browser: whoever is set is logged in here already
                self.send_response(302)
                self.send_header("location", made.authorize(self.path))
                self.send_header("content-length", "0")
                self.end_headers()
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, told = made.answer(self.command, self.path, body, self.headers.get("authorization") or "")
            sent = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815 - as http.server calls them

    with listening(Handler) as port:
        made.issuer = f"http://127.0.0.1:{port}"
        yield made
