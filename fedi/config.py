"""Settings: one frozen tree from `fedi.toml` and the environment, read once at the start.

Each setting can be overridden by a variable: `federation.mode` by `FEDI_FEDERATION__MODE`. Lists in variables are JSON
or separated by commas. Relative paths (in `data`, `database`, `privacy_policy`, `tls.*`, `federation.ca_file` and
`federation.terms`) start at
the folder of `fedi.toml` when they stand there, and at the current folder when they come from a variable or are defaults.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from federation.errors import FederationError
from federation.hosts import host_of
from federation.ror import read_ror

_PATHS = ("data", "privacy_policy", "tls.certificate", "tls.key", "federation.ca_file", "federation.terms")
_NOT_SETTINGS = re.compile(r"FEDI_(CONFIG|TEST_\w+|SERVICE_\w+|PORT(_\w+)?)")
"""Variables that are not settings: the path of the file, what tests ask for, and those that Kubernetes makes up for a
service that is called «fedi»."""


class ConfigError(Exception):
    """A setting that can't be used; the text names it and says what to do."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """With both files `fedi serve` speaks https itself; most operators have a proxy do it."""

    # PEM file: the certificate and its chain.
    certificate: Path | None = None
    # PEM file: the key of the certificate.
    key: Path | None = None


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """The reverse proxy in front of this instance."""

    # Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    trusted: tuple[str, ...] = ()


class Federation(msgspec.Struct, frozen=True, kw_only=True):
    """How this instance meets others."""

    # `open` (all but blocked), `peers` (only institutions with a signed agreement) or `closed`.
    mode: Literal["open", "peers", "closed"] = "open"
    # Whether every question for a post or a collection must be signed by a server that may ask (authorized fetch). Then
    # who is blocked can't read under no name; but neither can servers that don't sign, nor caches.
    signed_fetch: bool = False
    # Networks that outgoing requests may reach although they are not public, as "127.0.0.0/8". For hosts there `http`
    # ids and explicit ports are accepted as well.
    private_networks: tuple[str, ...] = ()
    # PEM file with further certificate authorities for outgoing requests.
    ca_file: Path | None = None
    # TOML file with the terms that this institution offers to others; «fedi peer terms» shows them.
    terms: Path | None = None
    # Who is above this institution in an OpenID Federation and states its key, as "https://federation.example".
    authority_hints: tuple[str, ...] = ()
    # Hours that an act that can't be taken back waits, beside a second admin's approval; three times as long where there
    # is one admin.
    time_lock: int = 24


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How the federation policy is changed, and how long it is kept what it decided upon."""

    # Days for which facts of what was received and sent are kept, so that a changed policy can be tried on them; 0: none.
    keep_days: int = 14
    # How many other admins must approve a draft of the policy before it is applied.
    approvals: int = 0
    # Whether a draft must have been simulated within the last day before it is applied.
    simulate_first: bool = False


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The libraries of groups: whom they ask about papers and books, and how large a file may be."""

    # Whether anybody is asked at all. Without, cards are made of what people paste (BibTeX, RIS, CSL) and what peers tell.
    lookups: bool = True
    # Whom to ask about a DOI, with `{id}` where it goes; the answer is CSL-JSON.
    doi: str = "https://doi.org/{id}"
    # Whom to ask about an arXiv id; the answer is Atom.
    arxiv: str = "https://export.arxiv.org/api/query?id_list={id}"
    # Whom to ask about an ISBN; the answer is JSON in the manner of Open Library's.
    isbn: str = "https://openlibrary.org/api/books?bibkeys=ISBN:{id}&jscmd=data&format=json"
    # A mail address that is told to those who are asked, so that they can write instead of shutting out.
    mailto: str = ""
    # Megabytes of a file (PDF or picture) at most.
    file_size: int = 25


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that translates posts for who asks: a LibreTranslate, or what speaks as one."""

    # Its address, as http://127.0.0.1:5000; it may be private. Without it nothing is translated.
    url: str = ""
    # The key that it wants, if it wants one.
    key: str = ""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """The server that takes mail from this instance. Without it nobody gets mail."""

    # smtps://name:password@host:465, or smtp:// (STARTTLS, 587), or smtp+plain:// (no TLS, 25).
    url: str = ""
    # The address that mail comes from.
    sender: str = ""
    # The address that answers go to, where they should not go to `sender`.
    reply_to: str = ""


class Sso(msgspec.Struct, frozen=True, kw_only=True):
    """The institution's own log-in: an OpenID provider (Keycloak, Shibboleth with OIDC, SATOSA in front of SAML)."""

    # Its issuer, as https://login.uni.example/realms/uni; what it says of itself is read below it.
    issuer: str = ""
    # What it knows this instance by. Its redirect URI is URL/login/sso/back.
    client_id: str = ""
    # The secret that goes with it; without one, the client is a public one.
    client_secret: str = ""
    # What it is asked for.
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    # Where it says what somebody is, as student@uni.example (eduPersonScopedAffiliation).
    affiliation_claim: str = "eduperson_scoped_affiliation"
    # Behind which @ such a value is this institution's; the domain of handles when it is not given.
    affiliation_scope: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Raises ConfigError when made with values that can't be used."""

    # The public base URL. Its host is the domain of every id, so it can never change once others know it.
    url: str = "http://localhost:8000"
    # The domain in `@name@domain` when it differs from the host of `url`.
    handle_domain: str = ""
    # Address and port to bind.
    listen: str = "127.0.0.1:8000"
    # `sqlite:///fedi.db` or `postgresql://user:password@host/name`.
    database: str = "sqlite:///fedi.db"
    # Folder for files and keys.
    data: Path = Path("data")
    # The institution's name; the host of `url` when it is not given.
    name: str = ""
    # One or two sentences on the institution or on this instance.
    description: str = ""
    # Whom to ask: a mail address.
    contact: str = ""
    # The institution's ROR id, as https://ror.org/05dxps055.
    ror: str = ""
    # Who may sign up: `open`, `approval`, `invite`, `sso` or `closed`.
    registrations: Literal["open", "approval", "invite", "sso", "closed"] = "closed"
    # Who may invite people to this instance: `admins`, or all `members`. Who is invited needs no approval.
    invitations: Literal["admins", "members"] = "admins"
    # The rules of this instance, a sentence each; people name them by number in reports.
    rules: tuple[str, ...] = ()
    # What is spoken here, as ISO 639 codes, the main language first.
    languages: tuple[str, ...] = ("en",)
    # A file of plain text that says what becomes of personal data here.
    privacy_policy: Path | None = None
    # Whether apps are told which hashtags, posts and links many people use in these days.
    trends: bool = True
    tls: Tls = Tls()
    proxy: Proxy = Proxy()
    federation: Federation = Federation()
    policy: Policy = Policy()
    translation: Translation = Translation()
    sso: Sso = Sso()
    library: Library = Library()
    mail: Mail = Mail()

    def __post_init__(self) -> None:
        force = msgspec.structs.force_setattr  # the only way to normalise a frozen struct's fields
        force(self, "url", _checked_url(self.url, bool(self.federation.private_networks)))
        force(self, "handle_domain", self.handle_domain and _domain(self.handle_domain))
        force(self, "handle_domain", self.handle_domain or self.host)
        force(self, "database", _checked_database(self.database))
        force(self, "data", self.data.absolute())
        force(self, "name", self.name.strip() or self.host)
        force(self, "ror", self.ror and _checked_ror(self.ror))
        _bound(self.listen)
        if (self.tls.certificate is None) != (self.tls.key is None):
            raise ConfigError("tls: give both tls.certificate and tls.key, or neither")
        if not self.languages:
            raise ConfigError('languages: give at least one, as ["en"]')
        if self.privacy_policy is not None and not self.privacy_policy.is_file():
            raise ConfigError(f"privacy_policy: there is no file {str(self.privacy_policy)!r}")
        _checked_service("translation.url", self.translation.url)
        for name in ("doi", "arxiv", "isbn"):
            resolver: str = getattr(self.library, name)
            if resolver and "{id}" not in resolver:
                raise ConfigError(f"library.{name}: say by {{id}} where the identifier goes, as https://doi.org/{{id}}")
            _checked_service(f"library.{name}", resolver.partition("?")[0].replace("{id}", "1"), "https://doi.org/{id}")
        if not 1 <= self.library.file_size <= 200:
            raise ConfigError("library.file_size: megabytes between 1 and 200")
        _checked_service("sso.issuer", self.sso.issuer, "https://login.uni.example")
        if self.sso.issuer and (not self.sso.client_id or "openid" not in self.sso.scopes):
            raise ConfigError("sso: with an issuer, give sso.client_id, and sso.scopes with openid among them")
        for one in self.federation.authority_hints:
            _checked_service("federation.authority_hints", one, "https://federation.example")
        _networks("federation.private_networks", self.federation.private_networks)
        _networks("proxy.trusted", self.proxy.trusted)
        _checked_mail(self.mail)
        if not 1 <= self.federation.time_lock <= 24 * 90:
            raise ConfigError("federation.time_lock: hours between 1 and 2160")

    def privacy(self) -> tuple[str, int] | None:
        """(The text of the privacy policy, when it was changed in ms); None without one, or when it can't be read."""
        if self.privacy_policy is None:
            return None
        try:
            changed = self.privacy_policy.stat().st_mtime_ns // 1_000_000
            return self.privacy_policy.read_text("utf-8", "replace")[:1_000_000], changed
        except OSError:
            return None

    @property
    def origin(self) -> str:
        """`url` without a trailing slash: scheme, host and port, as ids begin."""
        return self.url

    @property
    def host(self) -> str:
        """The authority of `url`: host in ASCII, with the port where it is not the scheme's own."""
        return self.url.partition("://")[2]

    @property
    def bind(self) -> tuple[str, int]:
        """Address and port of `listen`."""
        return _bound(self.listen)


def names(struct: type[msgspec.Struct] = Config, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name with its default value; used to check keys and documents."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= names(field.type, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = field.default
    return found


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of this process: from `path`, else `FEDI_CONFIG`, else `./fedi.toml` where it is there.

    Raises ConfigError for a file that was named and can't be read, an unknown key, or a value that can't be used.
    """
    named = path or (Path(environ["FEDI_CONFIG"]) if environ.get("FEDI_CONFIG") else None)
    file = named or Path("fedi.toml")
    known = names()
    values: dict[str, Any] = {}
    if named is not None or file.is_file():
        values = {
            name: _from_folder(name, value, file.absolute().parent)
            for name, value in _flat(_read(file), known, str(file)).items()
        }
    values |= _from_environment(environ, known)
    return _made(values)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as problem:
        raise ConfigError(
            f"{file}: {problem.strerror or problem}. Name the file by --config or FEDI_CONFIG, or make one by «fedi init»."
        ) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{file} is not a TOML file: {problem}") from problem


def _flat(table: dict[str, Any], known: dict[str, Any], where: str, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if name in known:
            flat[name] = value
        elif any(setting.startswith(name + ".") for setting in known):
            if not isinstance(value, dict):
                raise ConfigError(f"{where}: «{name}» is a table; write [{name}] and its settings below")
            flat |= _flat(value, known, where, name + ".")
        else:
            raise ConfigError(f"{where}: there is no setting «{name}»{_nearest(name, list(known))}")
    return flat


def _from_environment(environ: Mapping[str, str], known: dict[str, Any]) -> dict[str, Any]:
    variables = {"FEDI_" + name.upper().replace(".", "__"): name for name in known}
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if variable in variables:
            name = variables[variable]
            found[name] = _listed(variable, text) if isinstance(known[name], tuple) else _switch(text, known[name])
        elif variable.startswith("FEDI_") and not _NOT_SETTINGS.fullmatch(variable):
            raise ConfigError(f"there is no setting for the variable {variable}{_nearest(variable, list(variables))}")
    return found


def _switch(text: str, default: Any) -> Any:
    """The text of a variable; of a setting that is true or false, or a number, that."""
    if isinstance(default, int) and not isinstance(default, bool) and text.strip().isascii() and text.strip().isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text.strip().lower(), text) if isinstance(default, bool) else text


def _listed(variable: str, text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.json.decode(text.encode(), type=list[str])
    except msgspec.DecodeError as problem:
        raise ConfigError(f"{variable}: not a JSON list of strings ({problem})") from problem


def _nearest(name: str, known: list[str]) -> str:
    # `mode` is nearer to `federation.mode` than to `name`.
    near = [other for other in known if re.split(r"\.|__", other)[-1].lower() == re.split(r"\.|__", name)[-1].lower()]
    if not near:
        import difflib

        near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"; did you mean «{near[0]}»?" if near else f". There are: {', '.join(sorted(known))}"


def _from_folder(name: str, value: Any, folder: Path) -> Any:
    """Paths in the file are relative to its folder, so that a unit file need not set the current one."""
    if name in _PATHS and isinstance(value, str):
        return str(folder / value)
    in_a_file = isinstance(value, str) and value.startswith("sqlite:///") and not value.endswith(":memory:")
    if name == "database" and in_a_file:
        return f"sqlite:///{folder / value.removeprefix('sqlite:///')}"
    return value


def _made(values: dict[str, Any]) -> Config:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        table, _, key = name.rpartition(".")
        (tree.setdefault(table, {}) if table else tree)[key] = value
    try:
        return msgspec.convert(tree, Config, dec_hook=_path)
    except msgspec.ValidationError as problem:
        raise ConfigError(_explained(str(problem), values)) from problem


def _path(kind: type[Any], value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


def _explained(text: str, values: dict[str, Any]) -> str:
    """msgspec's words, with the setting's name first: «federation.mode: Invalid enum value 'opn'; it is one of …»."""
    said, _, place = text.partition(" - at `$.")
    name = re.sub(r"\[.*", "", place.rstrip("`"))
    choices = {
        "federation.mode": Federation.__annotations__["mode"].__args__,
        "registrations": Config.__annotations__["registrations"].__args__,
        "invitations": Config.__annotations__["invitations"].__args__,
    }
    if name in choices:
        return f"{name}: {values.get(name)!r} is none of {', '.join(choices[name])}"
    return f"{name}: {said}" if name else said


def _checked_url(url: str, private: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host = host_of(url.strip())
        name = parts.hostname or ""
    except (ValueError, FederationError) as problem:
        raise ConfigError(f"url: {url!r} is not a URL ({problem}); write it as https://uni.example") from problem
    if parts.scheme not in ("http", "https") or not name:
        raise ConfigError(f"url: {url!r} must be like https://uni.example")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError(f"url: {url!r} must be a host alone, as {parts.scheme}://{host}")
    if parts.scheme == "http" and not (
        private or name == "localhost" or name.endswith(".localhost") or _loopback(name)
    ):
        raise ConfigError(
            f"url: {url!r}: http is only for this machine and, with federation.private_networks, for tests;"
            f" write https://{host}, and let a proxy or tls.certificate and tls.key serve it"
        )
    return f"{parts.scheme}://{host}"


def _checked_service(name: str, url: str, example: str = "http://127.0.0.1:5000") -> None:
    try:
        parts = urlsplit(url)
        fine = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query)
        _ = parts.port
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(f"{name}: {url!r} is not an address; write it as {example}")


def _checked_mail(mail: Mail) -> None:
    try:
        parts = urlsplit(mail.url)
        fine = parts.scheme in ("smtps", "smtp", "smtp+plain") and bool(parts.hostname)
        fine = fine and not (parts.query or parts.fragment or parts.path.strip("/"))
        _ = parts.port
    except ValueError:
        fine = False
    if mail.url and not fine:
        shown = re.sub(r"://.*@", "://…@", mail.url)  # a password may stand there
        raise ConfigError(f"mail.url: {shown!r} is no mail server; write it as smtps://name:password@mail.uni.example")
    for name, address in (("mail.sender", mail.sender), ("mail.reply_to", mail.reply_to)):
        if address and not re.fullmatch(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+", address):
            raise ConfigError(f"{name}: {address!r} is no address; write it as fedi@uni.example")
    if mail.url and not mail.sender:
        raise ConfigError("mail.sender: give the address that mail comes from, as fedi@uni.example")


def _loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _domain(name: str) -> str:
    try:
        return host_of(f"https://{name}")
    except FederationError as problem:
        raise ConfigError(f"handle_domain: {name!r} is not a domain; write it as uni.example") from problem


def _checked_database(url: str) -> str:
    if url.startswith("postgres://"):  # as several hosts print it
        url = "postgresql" + url.removeprefix("postgres")
    if url.startswith("sqlite:///") and url.removeprefix("sqlite:///") not in ("", ":memory:"):
        return f"sqlite:///{Path(url.removeprefix('sqlite:///')).absolute()}"
    if url.startswith("postgresql://"):
        return url
    shown = re.sub(r"://.*@", "://…@", url)  # a password may stand there
    raise ConfigError(f"database: {shown!r} must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")


def _checked_ror(text: str) -> str:
    found = read_ror(text)
    if found is None:
        raise ConfigError(f"ror: {text!r} is not a ROR id; look it up at https://ror.org and write it as there")
    return found


def _bound(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or not host:
        raise ConfigError(f"listen: {listen!r} must be an address and a port, as 127.0.0.1:8000 or [::1]:8000")
    return host, int(port)


def _networks(name: str, written: tuple[str, ...]) -> None:
    for network in written:
        try:
            ipaddress.ip_network(network)
        except ValueError as problem:
            raise ConfigError(f"{name}: {problem}; write networks as 10.0.0.0/8, 192.0.2.1 or fd00::/8") from problem
