"""One batch at once, and the errors that a delivery can end with."""
import datetime
import functools
import json
import sys
from typing import Any, Dict, Mapping, Optional, Type


class APIError(Exception):
    """The service refused: its HTTP status, its own code for the reason, its words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"[Segment] {self.code}: {self.message} ({self.status})"


@functools.lru_cache(maxsize=None)
def _no_answer_class(requests: Any) -> Type[ConnectionError]:
    return type("NoAnswerError", (ConnectionError, requests.exceptions.ConnectionError), {})


def no_answer(words: str) -> ConnectionError:
    """There was no answer at all. An application that uses requests may catch its ConnectionError, too."""
    requests = sys.modules.get("requests")
    return _no_answer_class(requests)(words) if requests else ConnectionError(words)


def error_of(status: int, code: str, words: str) -> Exception:
    return APIError(status, code or "unknown", words) if status else no_answer(words or code)


class DatetimeSerializer(json.JSONEncoder):
    """JSON with moments and dates as ISO 8601 text, in the zone they have."""

    def default(self, obj: Any) -> Any:
        return iso(obj)


def iso(value: Any) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class Response:
    """What post() answers: only success reaches the caller, so this is it."""

    status_code = 200
    ok = True

    def json(self) -> Dict[str, Any]:
        return {"success": True}


def post(write_key: str, host: Optional[str] = None, gzip: bool = False, timeout: Any = 15,
         proxies: Optional[Mapping[str, str]] = None, oauth_manager: Any = None, **kwargs: Any) -> Response:
    """Sends the messages of `batch`, one after the other, and waits for each.

    Raises APIError or ConnectionError for the first that is not taken.
    """
    from .client import Client
    if oauth_manager:
        raise ValueError("oauth_manager: OAuth is not offered; leave it out")
    client = Client(write_key, host, gzip=gzip, timeout=timeout, proxies=proxies, sync_mode=True)
    try:
        for message in kwargs["batch"]:
            client.deliver(message)
    finally:
        client.join()
    return Response()
