"""Over https, with a certificate of our own: what clients do only there, and Mastodon.py with no allowance for http."""

from collections.abc import Iterator

import pytest
import requests
from mastodon import Mastodon

from tests.certificates import certify
from tests.clients.conftest import University, build
from tests.servers import Server


class Secure(Server):
    """An instance that speaks https itself."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.port}"

    def init(self, url: str = "", more: str = "") -> None:
        """As Server does, with a certificate."""
        super().init(url, f'{more}\n[tls]\ncertificate = "certificate.pem"\nkey = "key.pem"\n')


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[University]:
    """An instance with a certificate that this process trusts as long as the fixture lives."""
    folder = tmp_path_factory.mktemp("secure")
    certify(folder, "127.0.0.1")
    server = Secure(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(name, str(folder / "certificate.pem"))
        made = build(folder, server)
        server.start()
        yield made
        server.kill()  # connections that clients keep hold a TLS shutdown up for long


def test_mastodon_py_follows_the_metadata(secure: University) -> None:
    scopes = ["read", "write", "profile"]
    key, secret = Mastodon.create_app("Secure", scopes=scopes, api_base_url=secure.url)
    app = Mastodon(client_id=key, client_secret=secret, api_base_url=secure.url)
    metadata = app.oauth_authorization_server_info()
    assert metadata.issuer.rstrip("/") == secure.url
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint"):
        assert metadata[name].startswith(secure.url + "/"), name
    app.log_in(code=secure.browser("ben").code(app.auth_request_url(scopes=scopes)), scopes=scopes)
    assert app.oauth_userinfo().preferred_username == "ben"
    assert app.status_post("over https").url.startswith(secure.url)
    app.revoke_access_token()


def test_every_address_is_https(secure: University) -> None:
    me = Mastodon(access_token=secure.tokens["ben"], api_base_url=secure.url).me()
    for address in (me.url, me.avatar, me.header, me.avatar_static, me.header_static):
        assert address.startswith("https://"), address
    instance = requests.get(f"{secure.url}/api/v2/instance", timeout=30).json()
    assert instance["configuration"]["urls"]["streaming"].startswith("wss://")
    assert instance["thumbnail"]["url"].startswith("https://")
    picture = requests.get(me.avatar, timeout=30)
    assert picture.status_code == 200
    assert picture.headers["content-type"].startswith("image/")
