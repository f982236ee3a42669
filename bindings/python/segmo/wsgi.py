"""For any WSGI application: request context for its messages, and the campaign export.

    app = segmo.wsgi.RequestContext(app)
    export = segmo.wsgi.CampaignExport(client, secrets="...")
"""
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ._export import MAX_BYTES, Answer, Export, Secrets
from ._requests import Request, Visit, text_of
from .client import Client
from .context import carrying, carrying_through

Environ = Dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class RequestContext:
    """Calls made while `app` answers get ip, userAgent, locale and page in their context.

    trusted_proxies  how many proxies stand before the server: as many entries of X-Forwarded-For, from its
                     end, are believed. 0: the ip is that of whoever connected
    user_id          of an environ: the id of the user, or None. Asked when a message needs it, not before

    The anonymous id is that of Segment's library for browsers, from its cookie.
    """

    def __init__(self, app: Application, *, trusted_proxies: int = 0,
                 user_id: Optional[Callable[[Environ], Any]] = None) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._user_id = user_id

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        visit = Visit(environ, request_of, self._trusted_proxies, self._user_id)
        with carrying(visit):
            response = self._app(environ, start_response)
        return response if _is_made(response, environ) else _Streamed(visit, response)


class CampaignExport:
    """A WSGI application that accepts what MoEngage Streams posts: segmo turns it into messages of an HTTP source.

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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        refusal = self._export.refusal(environ["REQUEST_METHOD"], header_of(environ))
        if refusal and refusal.status == 413:
            return _send(refusal, start_response)
        body = self._read(environ)  # also of a refused one: servers cut a connection that holds something unread
        return _send(refusal or self._export.accept(body), start_response)

    def _read(self, environ: Environ) -> bytes:
        """Without a length only where the server says that the stream has an end."""
        most = self._export.max_bytes + 1
        length = most if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body: bytes = environ["wsgi.input"].read(min(length, most))
        return body


def _is_made(response: Iterable[bytes], environ: Environ) -> bool:
    """Nothing of the application runs any more; servers send such a response faster than an iterator."""
    files = environ.get("wsgi.file_wrapper")
    return isinstance(response, (list, tuple)) or hasattr(response, "read") or \
        isinstance(files, type) and isinstance(response, files)


class _Streamed:
    """A response that is made while it is sent."""

    def __init__(self, visit: Visit, response: Iterable[bytes]) -> None:
        self._response = response
        self._parts = carrying_through(visit, response)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        close = getattr(self._response, "close", None)
        if close:
            close()


def request_of(environ: Mapping[str, Any]) -> Request:
    return Request(environ.get("REMOTE_ADDR", ""), environ.get("wsgi.url_scheme", "http"),
                   environ.get("HTTP_HOST", "") or environ.get("SERVER_NAME", ""),
                   text_of(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")),
                   text_of(environ.get("QUERY_STRING", "")), header_of(environ))


def header_of(environ: Mapping[str, Any]) -> Callable[[str], str]:
    def header(name: str) -> str:
        variable = name.upper().replace("-", "_")
        return text_of(environ.get(variable if variable == "CONTENT_LENGTH" else f"HTTP_{variable}") or "")
    return header


def _send(answer: Answer, start_response: StartResponse) -> List[bytes]:
    headers: List[Tuple[str, str]] = [*answer.headers, ("Content-Length", str(len(answer.body)))]
    start_response(f"{answer.status} {answer.reason}", headers)
    return [answer.body]
