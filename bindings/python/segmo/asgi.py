"""For any ASGI application: request context for its messages, and the campaign export.

    app = segmo.asgi.RequestContext(app)
    export = segmo.asgi.CampaignExport(client, secrets="...")
"""
import asyncio
from typing import Any, Awaitable, Callable, MutableMapping, Optional

from ._export import MAX_BYTES, Answer, Export, Secrets
from ._requests import Request, Visit, text_of
from .client import Client
from .context import carrying

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestContext:
    """Calls made while `app` answers get ip, userAgent, locale and page in their context; WebSockets too.

    trusted_proxies  how many proxies stand before the server: as many entries of X-Forwarded-For, from its
                     end, are believed. 0: the ip is that of whoever connected
    user_id          of a scope: the id of the user, or None. Asked when a message needs it, not before

    The anonymous id is that of Segment's library for browsers, from its cookie.
    """

    def __init__(self, app: Application, *, trusted_proxies: int = 0,
                 user_id: Optional[Callable[[Scope], Any]] = None) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._user_id = user_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with carrying(Visit(scope, request_of, self._trusted_proxies, self._user_id)):
            await self._app(scope, receive, send)


class FlushAtShutdown:
    """Sends what waits when the server shuts `app` down, for at most close_timeout_ms.

    Not every server ends in a way that lets Python's own exit hooks run; without this, what waits stays on disk
    for the next client on the directory.
    """

    def __init__(self, app: Application, client: Client) -> None:
        self._app = app
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def flushing(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._client.aflush()
            await send(message)
        await self._app(scope, receive, flushing if scope["type"] == "lifespan" else send)


class CampaignExport:
    """An ASGI application that accepts what MoEngage Streams posts: segmo turns it into messages of an HTTP source.

    secrets    the secret that MoEngage sends, as `Authorization: Bearer SECRET` or as the password of
               Basic authentication; several while one replaces another
    source     the source's id, where the client has several
    max_bytes  a larger body is refused with 413

    Answers 200 when everything that can be read is on disk, and says what could not be; 401, 413 and 503 (no
    room: post it again) otherwise. Raises OptionError without a secret.
    """

    def __init__(self, client: Client, secrets: Secrets, *, source: Optional[str] = None,
                 max_bytes: int = MAX_BYTES) -> None:
        self._export = Export(client, secrets, source=source, max_bytes=max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._export.refusal(scope["method"], header_of(scope))
        if answer is None:
            body = await self._read(receive)
            if body is None:
                return  # whoever posted is gone
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(None, self._export.accept, body)  # it may wait for the disk
        await _send(answer, send)

    async def _read(self, receive: Receive) -> Optional[bytes]:
        body, more = b"", True
        while more and len(body) <= self._export.max_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body


def request_of(scope: Scope) -> Request:
    header = header_of(scope)
    return Request((scope.get("client") or ("",))[0], scope.get("scheme", "http"), header("host"), scope["path"],
                   text_of(scope.get("query_string", b"").decode("latin-1")), header)


def header_of(scope: Scope) -> Callable[[str], str]:
    def header(name: str) -> str:
        values = [value for key, value in scope["headers"] if key == name.encode()]
        joint = b"; " if name == "cookie" else b", "
        return text_of(joint.join(values).decode("latin-1"))
    return header


async def _send(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
    await send({"type": "http.response.start", "status": answer.status,
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers]})
    await send({"type": "http.response.body", "body": answer.body})
