"""Settings: from the file and the environment, and what is said of those that can't be used (CONTRACT, «Settings»)."""

from pathlib import Path

import pytest

from fedi.config import Config, ConfigError, load, names


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file to write settings into."""
    return tmp_path / "fedi.toml"


def settings(file: Path, text: str, **environ: str) -> Config:
    """What `text` as fedi.toml and these variables come to."""
    file.write_text(text, "utf-8")
    return load(file, environ)


def test_defaults() -> None:
    config = Config()
    assert config.origin == "http://localhost:8000"
    assert config.host == config.handle_domain == "localhost:8000"
    assert config.bind == ("127.0.0.1", 8000)
    assert config.database == f"sqlite:///{Path.cwd() / 'fedi.db'}"
    assert config.data == Path.cwd() / "data"
    assert config.federation.mode == "open"
    assert config.federation.private_networks == config.proxy.trusted == ()
    assert config.registrations == "closed"


def test_everything_from_a_file(written: Path) -> None:
    config = settings(
        written,
        """
        url = "https://Uni.Example:443/"
        handle_domain = "Uni.example"
        listen = "[::1]:9000"
        database = "sqlite:///data/fedi.db"
        data = "files"
        name = " University of Example "
        ror = "05dxps055"
        registrations = "approval"
        [tls]
        certificate = "cert.pem"
        key = "/etc/key.pem"
        [proxy]
        trusted = ["10.0.0.1", "fd00::/8"]
        [federation]
        mode = "peers"
        private_networks = ["127.0.0.0/8"]
        ca_file = "ca.pem"
        """,
    )
    assert config.origin == "https://uni.example"
    assert config.host == "uni.example"
    assert config.bind == ("::1", 9000)
    assert config.name == "University of Example"
    assert config.ror == "https://ror.org/05dxps055"
    assert config.federation.mode == "peers"
    assert config.proxy.trusted == ("10.0.0.1", "fd00::/8")
    # Relative paths start at the file's folder, so that a unit needs no WorkingDirectory.
    folder = written.parent
    assert config.database == f"sqlite:///{folder}/data/fedi.db"
    assert config.data == folder / "files"
    assert config.tls.certificate == folder / "cert.pem"
    assert config.tls.key == Path("/etc/key.pem")
    assert config.federation.ca_file == folder / "ca.pem"


def test_variables_override_the_file(written: Path) -> None:
    config = settings(
        written,
        'url = "https://a.example"\nname = "A"\n[federation]\nmode = "closed"',
        FEDI_URL="https://b.example",
        FEDI_FEDERATION__MODE="peers",
        FEDI_FEDERATION__PRIVATE_NETWORKS="127.0.0.0/8, ::1",
        FEDI_PROXY__TRUSTED='["10.0.0.1"]',
        FEDI_DATABASE="postgres://fedi:secret@db/fedi",
    )
    assert config.origin == "https://b.example"
    assert config.name == "A"
    assert config.federation.mode == "peers"
    assert config.federation.private_networks == ("127.0.0.0/8", "::1")
    assert config.proxy.trusted == ("10.0.0.1",)
    assert config.database == "postgresql://fedi:secret@db/fedi"


def test_the_variable_names_the_file(written: Path) -> None:
    written.write_text('url = "https://a.example"')
    assert load(None, {"FEDI_CONFIG": str(written)}).host == "a.example"


def test_a_host_in_other_letters_is_kept_in_ascii(written: Path) -> None:
    assert settings(written, 'url = "https://universität.example"').host == "xn--universitt-y5a.example"


def test_variables_that_others_set_are_left_alone(written: Path) -> None:
    # Kubernetes sets these in every pod that runs beside a service called «fedi».
    settings(written, "", FEDI_SERVICE_HOST="10.0.0.1", FEDI_PORT="tcp://10.0.0.1:80", FEDI_PORT_80_TCP_ADDR="10.0.0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('urll = "https://a.example"', "«urll».*«url»"),
        ('[federation]\nmoed = "open"', "«federation.moed».*«federation.mode»"),
        ('mode = "open"', "«mode».*«federation.mode»"),
        ("federation = 3", "table"),
        ('[federation]\nmode = "opn"', "federation.mode: 'opn' is none of open, peers, closed"),
        ("name = 3", "name: "),
        ("[proxy]\ntrusted = [3]", "proxy.trusted: "),
        ('[proxy]\ntrusted = ["localhost"]', "proxy.trusted: "),
        ('[federation]\nprivate_networks = ["127.0.0.1/8"]', "federation.private_networks: .*host bits"),
        ('url = "uni.example"', "url: "),
        ('url = "ftp://uni.example"', "url: "),
        ('url = "https://uni.example/fedi"', "url: .*host alone"),
        ('url = "https://admin:x@uni.example"', "url: "),
        ('url = "https://uni.example:99999"', "url: "),
        ('url = "http://uni.example"', "url: .*http is only"),
        ('handle_domain = "uni example"', "handle_domain: "),
        ('listen = "8000"', "listen: "),
        ('listen = "localhost:eighty"', "listen: "),
        ('database = "sqlite://"', "database: "),
        ('database = "sqlite:///:memory:"', "database: "),
        ('ror = "05dxps054"', "ror: "),
        ('registrations = "yes"', "registrations: 'yes' is none of open, approval, invite, sso, closed"),
        ('[tls]\ncertificate = "a.pem"', "tls: "),
        ("url = ", "not a TOML file"),
    ],
)
def test_what_can_t_be_used_is_named(written: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        settings(written, text)


def test_an_unknown_variable_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"FEDI_FEDERATION_MODE.*FEDI_FEDERATION__MODE"):
        load(None, {"FEDI_FEDERATION_MODE": "open"})


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", {})


def test_a_password_is_not_repeated(written: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(written, 'database = "mysql://fedi:hunter2@db/fedi"')
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://north.localhost", "http://127.0.0.1:8001", "http://[::1]:80"]
)
def test_http_is_allowed_for_this_machine(written: Path, url: str) -> None:
    assert settings(written, f'url = "{url}"').origin == url.removesuffix(":80")


def test_names_are_those_of_the_contract() -> None:
    assert set(names()) == {
        *("url", "handle_domain", "listen", "database", "data", "name", "description", "contact", "ror"),
        *("registrations", "invitations", "tls.certificate", "tls.key", "proxy.trusted"),
        *("federation.mode", "federation.private_networks", "federation.ca_file", "federation.signed_fetch"),
        "federation.authority_hints",
        *("federation.terms", "federation.time_lock"),
        *("policy.keep_days", "policy.approvals", "policy.simulate_first"),
        *("translation.url", "translation.key"),
        *("mail.url", "mail.sender", "mail.reply_to"),
        *("library.lookups", "library.doi", "library.arxiv", "library.isbn", "library.mailto", "library.file_size"),
        *(
            "sso.issuer",
            "sso.client_id",
            "sso.client_secret",
            "sso.scopes",
            "sso.affiliation_claim",
            "sso.affiliation_scope",
        ),
        *("rules", "languages", "privacy_policy", "trends"),
    }


def test_variables_switch_on_and_off(written: Path) -> None:
    written.write_text("", "utf-8")
    environ = {"FEDI_CONFIG": str(written), "FEDI_FEDERATION__SIGNED_FETCH": "true", "FEDI_TRENDS": "False"}
    found = load(None, environ)
    assert (found.federation.signed_fetch, found.trends) == (True, False)
    with pytest.raises(ConfigError, match="trends"):
        load(None, environ | {"FEDI_TRENDS": "perhaps"})
    assert load(None, environ | {"FEDI_FEDERATION__TIME_LOCK": "48"}).federation.time_lock == 48
    for wrong in ("0", "soon", "-3"):
        with pytest.raises(ConfigError, match="time_lock"):
            load(None, environ | {"FEDI_FEDERATION__TIME_LOCK": wrong})
