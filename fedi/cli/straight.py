"""POSTs to inboxes, straight from the parser of HTTP to the door and back, past ASGI.

Of what comes in most is a small, signed POST whose body is there with its head, from somebody whose key is known. For such a
one a task, an event, a future and four messages of ASGI cost as much as to prove it; so the door is asked at once, and its
answer is written when the activity is on disk. All else (a body in pieces, what is refused, a sender who is unknown) goes
the usual way, as if nothing had been tried.
"""

from functools import partial
from typing import Any, ClassVar

from starlette.types import Message
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from fedi.app import Fedi
from fedi.cli import connections
from fedi.inbox.answers import ACCEPTED, Answer


class Http(connections.Http):
    """One HTTP connection of which POSTs to inboxes go the short way."""

    _accepted: ClassVar[tuple[Any, bytes]] = (None, b"")
    """The answer to most, as bytes, with the headers (`Date`) of the second that it was made for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app, outermost = self.config.app, self.config.loaded_app
        self._inboxes = app.inbox if isinstance(app, Fedi) else None
        self._proxies = outermost.trusted_hosts if isinstance(outermost, ProxyHeadersMiddleware) else None
        self._receiving = False
        self._put_off: tuple[RequestResponseCycle, Any] | None = None

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._receiving = True
        try:
            super().data_received(data)
        finally:
            self._receiving = False
            self._go_on()  # the usual way, if the body is not there as a whole

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        super().on_message_complete()
        if self._put_off is not None and self._take(self._put_off[0]):
            self._put_off = None
        self._go_on()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._receiving and cycle.more_body and self._is_plain_post(cycle):
            self.answering = cycle
            self._put_off = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _go_on(self) -> None:
        if self._put_off is not None:
            cycle, app = self._put_off
            self._put_off = None
            super()._start_asgi_task(cycle, app)

    def _is_plain_post(self, cycle: RequestResponseCycle) -> bool:
        scope = cycle.scope
        return (
            scope["method"] == "POST"
            and self._inboxes is not None
            and self._inboxes.takes(scope["path"])
            and not cycle.waiting_for_100_continue
        )

    def _take(self, cycle: RequestResponseCycle) -> bool:
        """Whether the door took it, and will tell the answer."""
        app: Any = self.config.app
        scope: Any = cycle.scope
        sender, told = self._sender(scope["headers"]), partial(self._tell, cycle)
        taken: bool = app.inbox.at_once(app.state.site, scope, sender, bytes(cycle.body), told)
        return taken

    def _sender(self, headers: list[tuple[bytes, bytes]]) -> str:
        """The address that sent it, by the word of a proxy that is trusted, as uvicorn's middleware gives it."""
        address = self.client[0] if self.client else ""
        if self._proxies is not None and address in self._proxies:
            forwarded = [value for name, value in headers if name == b"x-forwarded-for"]
            if forwarded:
                address = (
                    self._proxies.get_trusted_client_address(b", ".join(forwarded).decode("latin-1"))[0] or address
                )
        return address

    def _tell(self, cycle: RequestResponseCycle, answer: Answer) -> None:
        if cycle.disconnected:
            return
        if not cycle.keep_alive or self.flow.write_paused:  # uvicorn knows what is to be done then
            task = self.loop.create_task(_send(cycle, answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        self.transport.write(self._written(answer))
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()

    def _written(self, answer: Answer) -> bytes:
        always: Any = self.server_state.default_headers
        if answer is not ACCEPTED:
            return _bytes(always, answer)
        made_for, raw = Http._accepted
        if made_for is not always:  # it is another list each second
            raw = _bytes(always, answer)
            Http._accepted = always, raw
        return raw


def _bytes(always: list[tuple[bytes, bytes]], answer: Answer) -> bytes:
    headers = [b"%s: %s\r\n" % pair for pair in (*always, *answer.start["headers"])]
    return b"".join([STATUS_LINE[answer.start["status"]], *headers, b"\r\n", answer.body["body"]])


async def _send(cycle: RequestResponseCycle, answer: Answer) -> None:
    messages: list[Message] = [answer.start, answer.body]
    for message in messages:
        await cycle.send(message)  # type: ignore[arg-type]  # Starlette types it wider
