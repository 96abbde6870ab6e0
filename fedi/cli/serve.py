"""`fedi serve`: the server. One process does everything; with `--workers N` N processes answer and one works."""

import asyncio
import contextlib
import socket
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import cast

from fedi.cli import memory
from fedi.cli.console import CommandError, check_migrated, existing, settings
from fedi.cli.processes import end_with_parent, log_to_stderr, supervise
from fedi.config import Config

_BACKLOG = 2048
_FINISH = 8
"""Seconds that requests get to end once the server is told to: an upload on a slow line is broken off then and sent again."""


def serve(
    workers: int = 1,
    no_worker: bool = False,
    config: Path | None = None,
    listening: int | None = None,
    parent: int | None = None,
) -> None:
    """Serve this instance until told to end (SIGTERM, Ctrl-C); what was begun is finished first.

    `workers` processes answer, and one works unless `no_worker`. `listening` is an open socket's descriptor, `parent` one
    of a pipe that closes when the process ends that supervises this one.
    """
    loaded = settings(config)
    log_to_stderr()
    if listening is not None:
        bound = socket.socket(fileno=listening)
    else:
        _check(loaded)
        bound = _bind(loaded)
        with contextlib.suppress(OSError):  # the disk of the log is full: no reason not to serve
            print(f"fedi: {loaded.url} on {loaded.listen}", flush=True)
    if workers == 1:
        if parent is not None:
            end_with_parent(parent)
        _answer(loaded, bound, worker=not no_worker)
        return
    with bound:
        bound.set_inheritable(True)
        same = ["--config", str(config.absolute())] if config is not None else []
        web = ["serve", "--no-worker", "--socket", str(bound.fileno()), *same]
        others = [] if no_worker else [["worker", *same]]
        supervise([*[web] * workers, *others], [bound.fileno()])


def _check(config: Config) -> None:
    from fedi.context import close_site, open_site

    site = open_site(existing(config))
    try:
        check_migrated(site)
    finally:
        asyncio.run(close_site(site))


def _bind(config: Config) -> socket.socket:
    host, port = config.bind
    try:
        (family, kind, proto, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        bound = socket.socket(family, kind, proto)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as problem:
        raise CommandError(
            f"can't listen on {config.listen} ({problem.strerror}); is another server running there? "
            "Change «listen» in the settings, or end the other one."
        ) from problem
    return bound


def _answer(config: Config, bound: socket.socket, *, worker: bool) -> None:
    memory.prepare()
    _load_uvicorn()
    from uvicorn import config as uvicorn_config

    from fedi.app import build
    from fedi.cli import sockets, straight

    sockets.prepare(bound)
    app = build(config, worker=worker)
    server = sockets.Server(
        uvicorn_config.Config(
            app,
            loop="uvloop",
            http=straight.Http,
            ws=cast("type[asyncio.Protocol]", sockets.websocket),
            ws_max_size=sockets.MESSAGE,
            ws_ping_interval=sockets.PING,
            ws_ping_timeout=sockets.PING,
            # Idle connections would each keep the compressor's memory, for messages that are small and few.
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # Forwarded headers are believed from these proxies alone, and from nobody when there are none.
            proxy_headers=bool(config.proxy.trusted),
            forwarded_allow_ips=list(config.proxy.trusted),
            ssl_certfile=config.tls.certificate,
            ssl_keyfile=_text(config.tls.key),
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_FINISH,
        ),
        app,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes Ctrl-C on after it has ended everything
        server.run(sockets=[bound])
    if not server.started:
        raise CommandError("the server could not start; the lines above say why")


def _load_uvicorn() -> None:
    """Import uvicorn with what its package has, but for its command line: click, reloaders, processes; 2 MB of each server."""
    spec = find_spec("uvicorn")
    if "uvicorn" in sys.modules or spec is None:
        return
    package = sys.modules["uvicorn"] = module_from_spec(spec)
    for name, module in (("Config", "uvicorn.config"), ("Server", "uvicorn.server")):
        setattr(package, name, getattr(import_module(module), name))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
