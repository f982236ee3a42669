"""The client of segment.analytics over segmo.Client: same calls, same answers, nothing lost."""
import functools
import hashlib
import json
import logging
import numbers
import os
import re
import threading
import time
import urllib.parse
import weakref
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple
from uuid import uuid4

from .. import _core
from .._judge import Judge
from ..context import carried, complete
from ..errors import ClosedError, FullError, IoError, SegmoError, TooLargeError, UnsupportedError
from ._listener import Listener, OnError
from ._spool import Spool
from .consumer import MAX_MSG_SIZE, Consumer, Queue
from .request import iso
from .utils import clean, guess_timezone

ID_TYPES = (numbers.Number, str)
LIBRARY = {"name": "segmo-python", "version": _core.VERSION}
FLUSH_SLICE_S = 0.5
MOST_RETRIES = 999999
Sent = Tuple[bool, Dict[str, Any]]

_SURROGATE = re.compile("[\ud800-\udfff]")
_to_json = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=iso).encode
#: Clients that an application dropped without shutdown() go on sending, as they did.
_open_spools: Set[Spool] = set()
_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


class Client:
    """A client with the interface of segment.analytics 2.3.4; see docs/guide/python-analytics.md.

    Messages wait in segmo's spool instead of a queue in memory. An argument that is left at its default
    gives way to segmo's option of the environment, where one is set (SEGMO_DELIVERY_GZIP, ...).

    Raises AssertionError (write_key), OptionError (an argument has no meaning), UnsupportedError (OAuth) and
    IoError (the directory that SEGMO_SPOOL_DIR names).
    """

    class DefaultConfig:
        write_key: Optional[str] = None
        host: Optional[str] = None
        on_error: Optional[OnError] = None
        debug = False
        log_handler: Optional[logging.Handler] = None
        send = True
        sync_mode = False
        max_queue_size = 10000
        gzip = False
        timeout: Any = 15
        max_retries = 10
        proxies: Optional[Mapping[str, str]] = None
        thread = 1
        upload_interval = 0.5
        upload_size = 100
        oauth_client_id: Optional[str] = None
        oauth_client_key: Optional[str] = None
        oauth_key_id: Optional[str] = None
        oauth_auth_server = "https://oauth2.segment.io"
        oauth_scope = "tracking_api:write"

    log = logging.getLogger("segment")

    def __init__(self, write_key: Optional[str] = DefaultConfig.write_key, host: Optional[str] = DefaultConfig.host,
                 debug: bool = DefaultConfig.debug, max_queue_size: int = DefaultConfig.max_queue_size,
                 send: bool = DefaultConfig.send, on_error: Optional[OnError] = DefaultConfig.on_error,
                 gzip: bool = DefaultConfig.gzip, max_retries: int = DefaultConfig.max_retries,
                 sync_mode: bool = DefaultConfig.sync_mode, timeout: Any = DefaultConfig.timeout,
                 proxies: Optional[Mapping[str, str]] = DefaultConfig.proxies, thread: int = DefaultConfig.thread,
                 upload_size: int = DefaultConfig.upload_size, upload_interval: float = DefaultConfig.upload_interval,
                 log_handler: Optional[logging.Handler] = DefaultConfig.log_handler,
                 oauth_client_id: Optional[str] = DefaultConfig.oauth_client_id,
                 oauth_client_key: Optional[str] = DefaultConfig.oauth_client_key,
                 oauth_key_id: Optional[str] = DefaultConfig.oauth_key_id,
                 oauth_auth_server: str = DefaultConfig.oauth_auth_server,
                 oauth_scope: str = DefaultConfig.oauth_scope) -> None:
        require("write_key", write_key, str)
        if oauth_client_id and oauth_client_key and oauth_key_id:
            raise UnsupportedError("OAuth is not offered: leave oauth_client_id, oauth_client_key and oauth_key_id out, "
                                   "and turn it off for the source", "oauth_client_id")
        self.write_key = write_key
        self.host = host
        self.on_error = on_error
        self.debug = debug
        self.send = send
        self.sync_mode = sync_mode
        self.gzip = gzip
        self.timeout = timeout
        self.proxies = proxies
        self.oauth_manager = None
        self.queue = Queue(self, max_queue_size)
        self.consumers: Optional[List[Consumer]] = \
            None if sync_mode else [Consumer(self, max_retries, upload_size, upload_interval)]
        self._max_retries = max_retries
        self._upload_size = upload_size
        self._upload_interval = upload_interval
        self._lock = threading.RLock()  # a signal's handler may call in the midst of a call
        self._room = 0
        self._spool: Optional[Spool] = None
        self._listener = Listener(None if sync_mode else on_error)
        _clients.add(self)
        _log_to(self.log, debug, log_handler)
        self._judge = None if send else Judge(**self._options())
        if send:
            self._open()

    # ---- the six calls ------------------------------------------------------------------------------

    def identify(self, user_id: Any = None, traits: Optional[Dict[Any, Any]] = None,
                 context: Optional[Dict[Any, Any]] = None, timestamp: Optional[datetime] = None,
                 anonymous_id: Any = None, integrations: Optional[Dict[Any, Any]] = None,
                 message_id: Any = None) -> Sent:
        """Records who a user is. Answers (True, message), or (False, message) when it was not accepted."""
        traits = traits or {}
        require("user_id or anonymous_id", user_id or anonymous_id, ID_TYPES)
        require("traits", traits, dict)
        return self._accept({"integrations": integrations or {}, "anonymousId": anonymous_id, "timestamp": timestamp,
                             "context": context or {}, "type": "identify", "userId": user_id, "traits": traits,
                             "messageId": message_id})

    def track(self, user_id: Any = None, event: Optional[str] = None, properties: Optional[Dict[Any, Any]] = None,
              context: Optional[Dict[Any, Any]] = None, timestamp: Optional[datetime] = None,
              anonymous_id: Any = None, integrations: Optional[Dict[Any, Any]] = None,
              message_id: Any = None) -> Sent:
        """Records what a user did. Answers as identify()."""
        properties = properties or {}
        require("user_id or anonymous_id", user_id or anonymous_id, ID_TYPES)
        require("properties", properties, dict)
        require("event", event, str)
        return self._accept({"integrations": integrations or {}, "anonymousId": anonymous_id,
                             "properties": properties, "timestamp": timestamp, "context": context or {},
                             "userId": user_id, "type": "track", "event": event, "messageId": message_id})

    def alias(self, previous_id: Any = None, user_id: Any = None, context: Optional[Dict[Any, Any]] = None,
              timestamp: Optional[datetime] = None, integrations: Optional[Dict[Any, Any]] = None,
              message_id: Any = None) -> Sent:
        """Records that two ids are the same user. Answers as identify()."""
        require("previous_id", previous_id, ID_TYPES)
        require("user_id", user_id, ID_TYPES)
        return self._accept({"integrations": integrations or {}, "previousId": previous_id, "timestamp": timestamp,
                             "context": context or {}, "userId": user_id, "type": "alias", "messageId": message_id})

    def group(self, user_id: Any = None, group_id: Any = None, traits: Optional[Dict[Any, Any]] = None,
              context: Optional[Dict[Any, Any]] = None, timestamp: Optional[datetime] = None,
              anonymous_id: Any = None, integrations: Optional[Dict[Any, Any]] = None,
              message_id: Any = None) -> Sent:
        """Records that a user belongs to a group. Answers as identify()."""
        traits = traits or {}
        require("user_id or anonymous_id", user_id or anonymous_id, ID_TYPES)
        require("group_id", group_id, ID_TYPES)
        require("traits", traits, dict)
        return self._accept({"integrations": integrations or {}, "anonymousId": anonymous_id, "timestamp": timestamp,
                             "groupId": group_id, "context": context or {}, "userId": user_id, "traits": traits,
                             "type": "group", "messageId": message_id})

    def page(self, user_id: Any = None, category: Optional[str] = None, name: Optional[str] = None,
             properties: Optional[Dict[Any, Any]] = None, context: Optional[Dict[Any, Any]] = None,
             timestamp: Optional[datetime] = None, anonymous_id: Any = None,
             integrations: Optional[Dict[Any, Any]] = None, message_id: Any = None) -> Sent:
        """Records a page view. Answers as identify()."""
        return self._view("page", user_id, category, name, properties, context, timestamp, anonymous_id, integrations,
                          message_id)

    def screen(self, user_id: Any = None, category: Optional[str] = None, name: Optional[str] = None,
               properties: Optional[Dict[Any, Any]] = None, context: Optional[Dict[Any, Any]] = None,
               timestamp: Optional[datetime] = None, anonymous_id: Any = None,
               integrations: Optional[Dict[Any, Any]] = None, message_id: Any = None) -> Sent:
        """Records a screen view. Answers as identify()."""
        return self._view("screen", user_id, category, name, properties, context, timestamp, anonymous_id,
                          integrations, message_id)

    def _view(self, type_: str, user_id: Any, category: Optional[str], name: Optional[str],
              properties: Optional[Dict[Any, Any]], context: Optional[Dict[Any, Any]],
              timestamp: Optional[datetime], anonymous_id: Any, integrations: Optional[Dict[Any, Any]],
              message_id: Any) -> Sent:
        properties = properties or {}
        require("user_id or anonymous_id", user_id or anonymous_id, ID_TYPES)
        require("properties", properties, dict)
        if name:
            require("name", name, str)
        if category:
            require("category", category, str)
        return self._accept({"integrations": integrations or {}, "anonymousId": anonymous_id,
                             "properties": properties, "timestamp": timestamp, "category": category,
                             "context": context or {}, "userId": user_id, "type": type_, "name": name,
                             "messageId": message_id})

    # ---- accepting ----------------------------------------------------------------------------------

    def _accept(self, message: Dict[str, Any]) -> Sent:
        message = _complete(complete(message) if carried.get() else message)
        try:
            accepted = self.deliver(message)
        except TooLargeError:
            raise RuntimeError("Message exceeds %skb limit. (%s)", str(MAX_MSG_SIZE // 1024), str(message)) from None
        except SegmoError as refused:
            self._refuse(refused, message)
            accepted = False
        return accepted, message

    def deliver(self, message: Dict[str, Any]) -> bool:
        """Accepts a finished message; in sync mode also waits for what becomes of it. False: no room."""
        text = _wire_text(message)
        self.log.debug("queueing: %s %s", message.get("type"), message.get("messageId"))
        if self._judge:
            self._check(self._judge, text)
            return True
        while True:
            spool = self._opened()
            try:
                return self._give(spool, text, message["messageId"])
            except ClosedError:  # another thread ended it meanwhile, or the end of the program did
                self._forget(spool)

    def _check(self, judge: Judge, text: bytes) -> None:
        judge.explain(text)

    def _give(self, spool: Spool, text: bytes, message_id: str) -> bool:
        if self.sync_mode:
            spool.deliver(text, message_id, sum(_timeouts(self.timeout)))
            return True
        try:
            if self._has_room():
                spool.enqueue_text(text)
                return True
        except FullError:
            pass
        self.log.warning("analytics-python queue is full")
        return False

    def _refuse(self, refused: SegmoError, message: Dict[str, Any]) -> None:
        """Segment would drop it without a word, or refuse its whole batch; so nothing is queued."""
        self.log.error("%s refused: %s", message["type"], refused)
        if self.on_error and not self.sync_mode:
            try:
                self.on_error(refused, [message])
            except Exception:
                self.log.exception("on_error raised an exception")

    def _has_room(self) -> bool:
        """max_queue_size, where an application chose its own; the spool has a bound in bytes. Counted, because
        asking for what waits takes longer than a call may."""
        maxsize = self.queue.maxsize
        if maxsize <= 0 or maxsize == self.DefaultConfig.max_queue_size:
            return True
        with self._lock:
            if self._room <= 0:
                self._room = maxsize - self.pending()
            self._room -= 1
            return self._room >= 0

    # ---- waiting ------------------------------------------------------------------------------------

    def flush(self, timeout: Optional[float] = None) -> None:
        """Returns when everything accepted before has an outcome, or `timeout` seconds are over.

        Also returns when all that waits is for a service that refuses the credentials: it stays in the spool.
        """
        spool = self._spool
        if not spool:
            return
        end = time.monotonic() + timeout if timeout is not None else float("inf")
        try:
            while not spool.flush(min(FLUSH_SLICE_S, max(0.0, end - time.monotonic()))):
                if time.monotonic() >= end:
                    break
                if spool.all_paused():
                    self.log.warning("%s messages wait until the settings are right", self.pending())
                    break
        except ClosedError:  # by another thread
            return
        spool.tell()

    def join(self) -> None:
        """Ends the client's threads, after at most close_timeout_ms; what is not sent yet stays in the spool.

        A later call opens the client again.
        """
        spool = self._spool
        if spool:
            self._forget(spool)
            spool.close(0 if spool.all_paused() else None)

    def shutdown(self) -> None:
        """flush(), then join()."""
        self.flush()
        self.join()

    def pending(self) -> int:
        """How many messages have no outcome yet."""
        spool = self._spool
        return max((of["pending"] for of in spool.stats()["destinations"].values()), default=0) if spool else 0

    def is_open(self) -> bool:
        return self._spool is not None

    # ---- opening ------------------------------------------------------------------------------------

    def _opened(self) -> Spool:
        return self._spool or self._open()

    def _open(self) -> Spool:
        with self._lock:
            if not self._spool:
                self._listener.paused = None
                self._spool = _open_spool(self._listener, self._options())
                _open_spools.add(self._spool)
            return self._spool

    def _forget(self, spool: Spool) -> None:
        with self._lock:
            _open_spools.discard(spool)
            if self._spool is spool:
                self._spool = None

    def _options(self) -> Dict[str, Any]:
        """segmo's options for the arguments."""
        default = self.DefaultConfig
        connect_s, total_s = _timeouts(self.timeout)
        chosen = {
            "segment_host": (self.host, default.host),
            "delivery_gzip": (self.gzip, default.gzip),
            "delivery_flush_at": (self._upload_size, default.upload_size),
            "delivery_flush_interval_ms": (round(self._upload_interval * 1000), default.upload_interval * 1000),
            "delivery_max_attempts": (min(max(self._max_retries, 0), MOST_RETRIES) + 1, default.max_retries + 1),
            "delivery_timeout_ms": (round(total_s * 1000), default.timeout * 1000),
            "delivery_connect_timeout_ms": (round(connect_s * 1000), default.timeout * 1000),
            "delivery_proxy": (_proxy_for(self.host, self.proxies), None),
        }
        options = {name: value for name, (value, usual) in chosen.items()
                   if value != usual or f"SEGMO_{name.upper()}" not in os.environ}
        if str(self.host).startswith("http://"):
            options["delivery_allow_plain_http"] = True
        tells = self.sync_mode or self.on_error is not None
        if self.sync_mode:
            options.update(delivery_flush_at=1, delivery_flush_interval_ms=0, delivery_max_attempts=1)
        return {**options, "segment_write_key": self.write_key or None, "source_id": _source_id(self.write_key),
                "reports_letters": tells, "reports_attempts": tells}


def require(name: str, field: Any, data_type: Any) -> None:
    """Raises AssertionError unless `field` is of the type."""
    if not isinstance(field, data_type):
        raise AssertionError(f"{name} must have {data_type}, got: {field}")


def stringify_id(val: Any) -> Optional[str]:
    return val if val is None or isinstance(val, str) else str(val)


def _complete(message: Dict[str, Any]) -> Dict[str, Any]:
    """The message as it is sent, made of copies: an application's own dictionaries stay as they are."""
    timestamp, message_id = message["timestamp"], message["messageId"]
    timestamp = datetime.now(timezone.utc) if timestamp is None else timestamp
    require("integrations", message["integrations"], dict)
    require("timestamp", timestamp, datetime)
    require("context", message["context"], dict)
    message["timestamp"] = guess_timezone(timestamp).isoformat(timespec="milliseconds")
    message["messageId"] = stringify_id(uuid4() if message_id is None else message_id)
    message["userId"] = stringify_id(message.get("userId"))
    message["anonymousId"] = stringify_id(message.get("anonymousId"))
    cleaned: Dict[str, Any] = clean(message)
    cleaned["context"].setdefault("library", dict(LIBRARY))
    return cleaned


def _wire_text(message: Dict[str, Any]) -> bytes:
    """By the package's encoder; what that has no form for (keys that are no text, half a surrogate pair) by json's,
    whose exceptions the other library raises."""
    try:
        return _core.encode(message, iso)
    except Exception:
        text = _to_json(message)
    try:
        return text.encode()
    except UnicodeEncodeError:
        Client.log.warning("Halves of surrogate pairs are sent as U+FFFD")
        return _SURROGATE.sub("\ufffd", text).encode()


def _source_id(write_key: Optional[str]) -> str:
    """Names the source without telling its key: what waits in the spool is sent with this key only."""
    return "analytics-" + hashlib.sha256(str(write_key).encode()).hexdigest()[:12]


def _open_spool(listener: Listener, options: Dict[str, Any]) -> Spool:
    """In memory where the usual place for the spool cannot be used, which is what an application had before."""
    try:
        return Spool(listener, **options)
    except IoError as unusable:
        if "SEGMO_SPOOL_DIR" in os.environ:
            raise
        Client.log.error("%s. Until then messages wait in memory and are lost when the process dies", unusable)
        return Spool(listener, **options, spool_memory_only=True)


def _timeouts(timeout: Any) -> Tuple[float, float]:
    """Seconds to connect and for the whole request; as requests has it: a number, a pair, or None for ever."""
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    longest = 600.0
    connect_s = longest if connect is None else float(connect)
    return connect_s, min(longest, connect_s + (longest if read is None else float(read)))


def _proxy_for(host: Optional[str], proxies: Optional[Mapping[str, str]]) -> Optional[str]:
    """The entry that requests would take: the narrowest that fits."""
    if not proxies:
        return None
    parts = urllib.parse.urlsplit(host or "https://api.segment.io")
    for key in (f"{parts.scheme}://{parts.hostname}", parts.scheme, f"all://{parts.hostname}", "all"):
        if key in proxies:
            return proxies[key]
    return None


@functools.lru_cache(maxsize=None)
def _debug_handler() -> logging.Handler:
    """One for all clients, so that no line appears twice."""
    return logging.StreamHandler()


def _log_to(log: logging.Logger, debug: bool, handler: Optional[logging.Handler]) -> None:
    if debug:
        log.setLevel(logging.DEBUG)
        handler = handler or _debug_handler()
    if handler:
        log.addHandler(handler)


def _renew_locks() -> None:
    """In a forked child: another thread of the parent may have held them."""
    for client in list(_clients):
        client._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)
