"""The rules of an address that MoEngage Streams posts to, whatever server it is part of."""
import base64
import hmac
import json
import logging
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from .client import Client
from .errors import (InvalidError, JsonError, NotFoundError, OptionError, SegmoError, TooLargeError,
                     UnsupportedError)

log = logging.getLogger("segmo")
MAX_BYTES = 4 << 20  # MoEngage posts 100 events at a time, about 1 KB each
LOGGED_EVENTS = 3
Secrets = Union[str, Sequence[str]]


class Answer(NamedTuple):
    status: int
    reason: str
    headers: List[Tuple[str, str]]
    body: bytes


class Export:
    """Accepts posts of MoEngage Streams for a client.

    secrets    the secret that MoEngage sends, as `Authorization: Bearer SECRET` or as the password of
               Basic authentication; several while one replaces another
    source     the source's id, where the client has several
    max_bytes  a larger body is refused

    An answer of 200 is given only when everything that can be read is on disk.
    """

    def __init__(self, client: Client, secrets: Secrets, *, source: Optional[str] = None,
                 max_bytes: int = MAX_BYTES) -> None:
        given = [secrets] if isinstance(secrets, str) else list(secrets)
        if not given or not all(given):
            raise OptionError("the campaign export needs a secret: anyone could post events otherwise", "secret")
        self._client = client
        self._secrets = [secret.encode() for secret in given]
        self._source = source
        self.max_bytes = max_bytes

    def refusal(self, method: str, header: Callable[[str], str]) -> Optional[Answer]:
        """What can be said before the body is read: `header` answers for names in lower case."""
        if method != "POST":
            return _refused(405, "Method Not Allowed", "MoEngage posts here", ("Allow", "POST"))
        if not self._is_known(_credential(header("authorization"))):
            return _refused(401, "Unauthorized", "send the secret as bearer token or as password of Basic "
                            "authentication", ("WWW-Authenticate", 'Basic realm="campaign export"'))
        length = header("content-length")
        if length and not length.isdecimal():
            return _refused(400, "Bad Request", "Content-Length is not a number")
        if length and int(length) > self.max_bytes:
            return self.too_large()
        return None

    def too_large(self) -> Answer:
        return _refused(413, "Payload Too Large", f"at most {self.max_bytes} bytes are taken at a time")

    def accept(self, body: bytes) -> Answer:
        """The answer to a body, of which at most max_bytes + 1 bytes have been read."""
        if len(body) > self.max_bytes:
            return self.too_large()
        try:
            result = self._client.import_streams(body, self._source)
        except SegmoError as error:
            log.error("campaign export: a post was not accepted: %s", error)
            return _for(error)
        _tell(result)
        return Answer(200, "OK", _headers(), json.dumps({"status": "success", **result}).encode())

    def _is_known(self, given: bytes) -> bool:
        """Compares with every secret to the end, so that the time taken tells nothing."""
        return any([hmac.compare_digest(given, secret) for secret in self._secrets])


def _credential(authorization: str) -> bytes:
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except ValueError:
            pass
    return b""


def _for(error: SegmoError) -> Answer:
    """MoEngage repeats a post after anything but 2xx; what helps is that its log says why."""
    if isinstance(error, TooLargeError):
        return _refused(413, "Payload Too Large", str(error))
    if isinstance(error, (JsonError, InvalidError)):
        return _refused(400, "Bad Request", str(error))
    if isinstance(error, (NotFoundError, OptionError, UnsupportedError)):
        return _refused(500, "Internal Server Error", "the receiver is not set up; its log says more")
    return _refused(503, "Service Unavailable", "not now; post it again", ("Retry-After", "30"))


def _refused(status: int, reason: str, message: str, *headers: Tuple[str, str]) -> Answer:
    return Answer(status, reason, _headers(*headers), json.dumps({"status": "error", "message": message}).encode())


def _headers(*more: Tuple[str, str]) -> List[Tuple[str, str]]:
    return [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *more]


def _tell(result: Dict[str, Any]) -> None:
    rejected = result["rejected"]
    if rejected:
        some = "; ".join(f"{event['field']}: {event['message']}" for event in rejected[:LOGGED_EVENTS])
        log.warning("campaign export: %d of %d events cannot be read and were left out: %s", len(rejected),
                    result["events"], some)
